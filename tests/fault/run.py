#!/usr/bin/env python3
"""Runs fault scenarios against the real binaries.

    tests/fault/run.py consistency --seeds 1-14        these seeds
    tests/fault/run.py faults                          every case of the table, once
    tests/fault/run.py jobs --only ranges --seeds 5-9  one case, several seeds
    tests/fault/run.py --list

Each run is a process and a directory of its own. Exit status 0: all passed (or skipped, with the reason), 1: not all.
"""

import argparse
import collections
import concurrent.futures
import importlib
import pathlib
import subprocess
import sys
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "support")]

from larder_lab import Lab, Skip, bin_dir_argument  # noqa: E402

MODULES = ("consistency", "faults", "disk", "kill", "bad_input", "jobs")
Outcome = collections.namedtuple("Outcome", "module name seed result note seconds")
RUN_DEADLINE = 240


def table(module):
    """The module's cases by name, or None where a seed draws the case."""
    cases = getattr(importlib.import_module(module), "CASES", None)
    return list(cases) if cases else None


def child(module, name, seed, bin_dir, keep):
    """One run in this process; its note is the last line."""
    scenario = importlib.import_module(module)
    agent_log = ""
    try:
        with Lab(bin_dir, keep=keep) as lab:
            try:
                note = scenario.run(seed, lab, name) if name else scenario.run(seed, lab)
            except BaseException:
                agent_log = "\n".join(f"--- {a.log_file}:\n{a.log_tail(3000)}" for a in lab.agents)
                raise
    except Skip as reason:
        print(f"skip {reason}")
        return 77
    except Exception as error:
        traceback.print_exc()
        print(agent_log, file=sys.stderr)
        print(f"fail {type(error).__name__}: {error}".replace("\n", " | "))
        return 1
    print(f"pass {note or ''}")
    return 0


def start(module, name, seed, bin_dir, keep=False):
    command = [sys.executable, str(HERE / "run.py"), module, "--child", "--seeds", str(seed), "--bin-dir", bin_dir]
    command += (["--only", name] if name else []) + (["--keep"] if keep else [])
    started = time.monotonic()
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=RUN_DEADLINE, check=False)
        last = (done.stdout.strip().splitlines() or [f"fail no result, exit status {done.returncode}"])[-1]
        output = done.stderr
    except subprocess.TimeoutExpired as hung:
        last, output = f"fail nothing after {RUN_DEADLINE} s", (hung.stderr or b"").decode(errors="replace")
    result, _, note = last.partition(" ")
    return Outcome(module, name or "", seed, result, note, time.monotonic() - started), output


def execute(plan, bin_dir, jobs, report, keep=False):
    """Runs [(module, name, seed)…]; calls report(outcome, output) as they end; the outcomes in order of the plan."""
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        futures = [pool.submit(start, *item, bin_dir, keep) for item in plan]
        for future in concurrent.futures.as_completed(futures):
            report(*future.result())
        return [f.result()[0] for f in futures]


def parse_seeds(text):
    seeds = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        seeds += range(int(first), int(last or first) + 1)
    return seeds


def print_outcome(outcome, output=""):
    print(f"{outcome.result:5} {outcome.module} {outcome.name} seed {outcome.seed} ({outcome.seconds:.1f} s) {outcome.note}",
          flush=True)
    if outcome.result == "fail" and output:
        print("      " + "\n      ".join(output.strip().splitlines()[-60:]), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("module", nargs="?", choices=MODULES)
    bin_dir_argument(parser)
    parser.add_argument("--seeds", type=parse_seeds, default=None, help="such as 1-20,35 (default 1, or all kinds once)")
    parser.add_argument("--only", action="append", help="case of the table; may be given several times")
    parser.add_argument("--jobs", type=int, default=2, help="runs at the same time (default 2)")
    parser.add_argument("--keep", action="store_true", help="keep the directories of the runs")
    parser.add_argument("--list", action="store_true", help="print modules and cases")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.list or not arguments.module:
        for module in MODULES:
            print(f"{module}: {', '.join(table(module) or ['drawn by the seed'])}")
        return 0
    if arguments.child:
        return child(arguments.module, arguments.only[0] if arguments.only else None, arguments.seeds[0], arguments.bin_dir,
                     arguments.keep)
    names = table(arguments.module)
    unknown = set(arguments.only or []) - set(names or [])
    if unknown:
        parser.error(f"no such case in {arguments.module}: {', '.join(sorted(unknown))}")
    plan = [(arguments.module, name, seed) for seed in arguments.seeds or [1]
            for name in (arguments.only or names or [None])]
    outcomes = execute(plan, arguments.bin_dir, arguments.jobs, print_outcome, arguments.keep)
    failed = sum(o.result == "fail" for o in outcomes)
    skipped = sum(o.result == "skip" for o in outcomes)
    print(f"{len(outcomes)} runs: {len(outcomes) - failed - skipped} passed, {skipped} skipped, {failed} failed")
    return 77 if skipped == len(outcomes) else int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
