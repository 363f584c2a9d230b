#!/usr/bin/env python3
"""Runs scenarios of an office: several hosts, each with its own larderd, one origin behind a slow line.

    tests/office/run.py sharing                     every case, once
    tests/office/run.py churn --seeds 1-10          these seeds
    tests/office/run.py poison --only flipped --loopback
    tests/office/run.py --list

Hosts are network namespaces (root); where these are not permitted, or with --loopback, addresses of 127.0.0.0/8, and the
run says so. Exit status 0: all passed (or skipped, with the reason), 1: not all.
"""

import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "support")]

from scenario_runner import main, office_runner  # noqa: E402

if __name__ == "__main__":
    sys.exit(main(office_runner(), __doc__))
