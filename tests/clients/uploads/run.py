#!/usr/bin/env python3
"""Other people's programs upload to larder-inbox.

    tests/clients/uploads/run.py curl                      every case of curl
    tests/clients/uploads/run.py bits --only lost_answers --keep
    tests/clients/uploads/run.py --list
    tests/clients/uploads/run.py huge                      4 GiB and one byte; for make soak

Each case is a process and a directory of its own, with its own servers on 127.0.0.0/8. In its end four accounts agree: what
was sent, what the application got, the ledger, and the files of the state directory (tests/support/lab_inbox.py).
Exit status 0: all passed (or skipped, with the reason), 1: not all.
"""

import os
import pathlib
import sys

# python3-tuspy is a package of Debian, for the Python of Debian.
DEBIAN = "/usr/bin/python3"
if os.access(DEBIAN, os.X_OK) and os.path.realpath(sys.executable) != os.path.realpath(DEBIAN):
    os.execv(DEBIAN, [DEBIAN, *sys.argv])

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "support")]

from scenario_runner import huge_uploads_runner, main, uploads_runner  # noqa: E402

if __name__ == "__main__":
    sys.exit(main(huge_uploads_runner() if "huge" in sys.argv else uploads_runner(), __doc__))
