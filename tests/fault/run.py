#!/usr/bin/env python3
"""Runs fault scenarios against the real binaries.

    tests/fault/run.py consistency --seeds 1-14        these seeds
    tests/fault/run.py faults                          every case of the table, once
    tests/fault/run.py jobs --only ranges --seeds 5-9  one case, several seeds
    tests/fault/run.py --list

Each run is a process and a directory of its own. Exit status 0: all passed (or skipped, with the reason), 1: not all.
"""

import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "support")]

from scenario_runner import fault_runner, main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main(fault_runner(), __doc__))
