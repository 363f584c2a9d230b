#!/usr/bin/env python3
"""`make quick`: builds and runs the unit tests of what changed, in about a minute. What changed is what is not committed, or the
last commit where all is committed. A room's tests are those of its folder in tests/unit; tests of rooms that include
it are left to `make test`, and so are tests that took more than two seconds when they ran last.

    tools/quick.py                     what changed
    tools/quick.py cache agent/jobs    the tests of these folders
    tools/quick.py --list              which programs that would be; builds and runs nothing
    tools/quick.py --preset dev        in build/dev instead of build/release
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
UNIT = ROOT / "tests" / "unit"
SLOW = 2.0  # seconds: a test that took longer is left out
LIMIT = 45  # seconds for one program


def git(*arguments):
    return subprocess.run(["git", "-C", ROOT, *arguments], capture_output=True, text=True, check=True).stdout.split("\n")


def changed_files():
    files = [line[3:].split(" -> ")[-1] for line in git("status", "--porcelain", "--untracked-files=all") if line]
    return files or [name for name in git("diff", "--name-only", "HEAD~1") if name]


def unit_folder(path):
    """The folder of tests/unit that holds the tests of a path; None where it has none."""
    parts = pathlib.PurePath(path).parts
    if parts[:2] == ("tests", "unit"):
        parts = parts[2:]
    elif parts[:1] == ("agent",):
        parts = parts[1:]
    return parts[0] if parts and (UNIT / parts[0] / "CMakeLists.txt").is_file() else None


def programs_of(folder):
    return re.findall(r"larder_test\(\s*(\w+)", (UNIT / folder / "CMakeLists.txt").read_text())


def times_in(output):
    """Seconds of each test in gtest's output; one that was begun and did not end took all the time that there was."""
    seconds = {name: LIMIT for name in re.findall(r"^\[ RUN {6}\] (\S+)", output, re.MULTILINE)}
    for name, milliseconds in re.findall(r"^\[ {2}(?:     OK|FAILED ) \] (\S+?),? .*\((\d+) ms\)$", output, re.MULTILINE):
        seconds[name] = int(milliseconds) / 1000
    return seconds


def run_program(build, program, known):
    """Runs a program without its slow tests, LIMIT seconds at most: (passed, seconds of each test, how many were left out, output)."""
    slow = [name for name, seconds in known.get(program, {}).items() if seconds > SLOW]
    command = [build / "bin" / program] + (["--gtest_filter=-" + ":".join(slow)] if slow else [])
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=LIMIT, check=False)
        output, passed = done.stdout.decode(errors="replace"), done.returncode == 0
    except subprocess.TimeoutExpired as late:
        output = (late.stdout or b"").decode(errors="replace")
        passed = "[  FAILED  ]" not in output
    return passed, times_in(output), len(slow), output


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="*", help="folders or files instead of what changed")
    parser.add_argument("--preset", default="release")
    parser.add_argument("--list", action="store_true")
    arguments = parser.parse_args()
    paths = arguments.paths or changed_files()
    folders = sorted({folder for folder in map(unit_folder, paths) if folder})
    programs = [program for folder in folders for program in programs_of(folder)]
    if not programs:
        print(f"quick: nothing with unit tests changed ({len(paths)} files); `make test` runs all")
        return 0
    if arguments.list:
        print("\n".join(programs))
        return 0
    began = time.monotonic()
    if subprocess.run([ROOT / "tools" / "build.sh", arguments.preset, *programs], check=False).returncode != 0:
        return 1
    built = time.monotonic() - began
    build = ROOT / "build" / arguments.preset
    times = build / "quick_times.json"
    known = json.loads(times.read_text()) if times.is_file() else {}
    status, ran, left_out = 0, 0, 0
    with concurrent.futures.ThreadPoolExecutor(int(os.environ.get("JOBS", "2"))) as pool:
        for program, (passed, seconds, slow, output) in zip(programs, pool.map(lambda p: run_program(build, p, known), programs)):
            known.setdefault(program, {}).update(seconds)
            ran, left_out = ran + len(seconds), left_out + slow
            if not passed:
                status = 1
                print(f"quick: {program} FAILED\n{output}")
    times.write_text(json.dumps(known))
    print(f"quick: {', '.join(programs)}: {ran} tests {'pass' if status == 0 else 'ran, NOT ALL PASS'}, {left_out} slow ones left to "
          f"`make test`; built in {built:.0f} s, ran in {time.monotonic() - began - built:.0f} s")
    return status


if __name__ == "__main__":
    sys.exit(main())
