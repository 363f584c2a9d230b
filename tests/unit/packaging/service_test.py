#!/usr/bin/env python3
"""packaging/larderd.service as the systemd of this machine reads it: service_test.py

systemd-analyze must understand every line of it without a word. The programs that it starts need not be installed here, so a
copy is verified in which they are one that is. What says how the agent is started, told to reload and watched is held to what
the agent does. Exit status 77, with the reason, where there is no systemd-analyze.
"""

import configparser
import os
import pathlib
import subprocess
import sys
import tempfile

UNIT = pathlib.Path(__file__).resolve().parents[3] / "packaging" / "larderd.service"
ANALYZE = "/usr/bin/systemd-analyze"
PROGRAM = "/usr/bin/larderd"

# What the oldest systemd that is served (252, of Debian 12) must find; newer words would pass a newer systemd here.
WANTED = {"Type": "notify", "NotifyAccess": "main", "ExecStart": PROGRAM, "ExecReload": "/bin/kill -HUP $MAINPID"}


def settings():
    reader = configparser.ConfigParser(strict=False, interpolation=None, delimiters=("=",), comment_prefixes=("#", ";"))
    reader.optionxform = str
    reader.read_string(UNIT.read_text(encoding="utf-8"))
    return reader


def written():
    """What can be said without systemd."""
    reader = settings()
    for name, wanted in WANTED.items():
        if reader["Service"].get(name) != wanted:
            yield f"{name}={reader['Service'].get(name)}, wanted {wanted}"
    if reader["Unit"].get("Documentation", "").startswith("man:"):
        yield "Documentation names a manual page, and the tree has none"


def verified(text):
    """systemd's own words about a unit, empty where it has none."""
    with tempfile.TemporaryDirectory() as folder:
        unit = pathlib.Path(folder) / UNIT.name
        unit.write_text(text.replace(PROGRAM, "/bin/true"), encoding="utf-8")
        done = subprocess.run([ANALYZE, "verify", "--man=yes", unit], capture_output=True, text=True, timeout=60, check=False)
        words = (done.stdout + done.stderr).strip()
        return words or (f"exit status {done.returncode}" if done.returncode else "")


def main():
    problems = list(written())
    if os.access(ANALYZE, os.X_OK):
        text = UNIT.read_text(encoding="utf-8")
        if words := verified(text):
            problems.append(f"systemd-analyze verify: {words}")
        # That it would say something: a word that no systemd knows.
        if not verified(text.replace("Type=notify\n", "Type=notify-soon\n")):
            problems.append("systemd-analyze says nothing of Type=notify-soon: this test proves nothing")
    for problem in problems:
        print(problem)
    if problems:
        return 1
    if not os.access(ANALYZE, os.X_OK):
        print(f"skip: there is no {ANALYZE}; only what is written was looked at")
        return 77
    print("as systemd reads it: well")
    return 0


if __name__ == "__main__":
    sys.exit(main())
