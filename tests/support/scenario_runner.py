"""Runs scenario modules, each run in a process and a directory of its own.

A module has `run(seed, lab)`, or `CASES` and `run(seed, lab, case)`; it returns a note, raises Skip with the reason, or
fails with any other error. Exit status of main(): 0 all passed (or skipped, with the reason), 1 not all.
"""

import argparse
import collections
import concurrent.futures
import importlib
import os
import pathlib
import signal
import subprocess
import sys
import time
import traceback

from larder_lab import GIB, Lab, Skip, bin_dir_argument, memory_with_room

TESTS = pathlib.Path(__file__).resolve().parents[1]
Outcome = collections.namedtuple("Outcome", "module name seed result note seconds")


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


def _terminated(*_):
    sys.exit(143)  # the labs clear up on their way out


class Runner:
    """Of one folder of scenarios: `script` is its run.py, which calls main(). Runs that keep at most `in_memory` bytes are in
    memory where it has so much room. `programs`: what they run of the directory that is given."""

    def __init__(self, script, modules, deadline=240, jobs=2, in_memory=None, programs=("larderd", "larder")):
        self.script, self.modules, self.programs = pathlib.Path(script).resolve(), tuple(modules), programs
        self.deadline, self.jobs, self.in_memory = deadline, jobs, in_memory
        if str(self.script.parent) not in sys.path:
            sys.path.insert(0, str(self.script.parent))

    def table(self, module):
        """The module's cases by name, or None where a seed draws the case."""
        cases = getattr(importlib.import_module(module), "CASES", None)
        return list(cases) if cases else None

    def child(self, module, name, seed, bin_dir, keep, loopback):
        """One run in this process; its note is the last line."""
        signal.signal(signal.SIGTERM, _terminated)
        scenario = importlib.import_module(module)
        agent_log = ""
        try:
            base = memory_with_room(self.in_memory) if self.in_memory else None
            programs = getattr(scenario, "PROGRAMS", self.programs)
            with Lab(bin_dir, keep=keep, base=base, programs=programs) as lab:
                lab.loopback = loopback
                try:
                    note = scenario.run(seed, lab, name) if name else scenario.run(seed, lab)
                except BaseException:
                    agent_log = "\n".join(f"--- {a.log_file}:\n{a.log_tail(3000)}" for a in [*lab.agents, *lab.servers]
                                          if hasattr(a, "log_tail"))
                    raise
        except Skip as reason:
            print(f"skip {reason}")
            return 77
        except Exception as error:  # pylint: disable=broad-except
            traceback.print_exc()
            print(agent_log, file=sys.stderr)
            print(f"fail {type(error).__name__}: {error}".replace("\n", " | "))
            return 1
        print(f"pass {note or ''}")
        return 0

    def start(self, module, name, seed, bin_dir, keep=False, loopback=False):
        command = [sys.executable, str(self.script), module, "--child", "--seeds", str(seed), "--bin-dir", bin_dir]
        command += (["--only", name] if name else []) + (["--keep"] if keep else []) + (["--loopback"] if loopback else [])
        started = time.monotonic()
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            try:
                output, errors = process.communicate(timeout=self.deadline)
                last = (output.strip().splitlines() or [f"fail no result, exit status {process.returncode}"])[-1]
            except subprocess.TimeoutExpired:
                last = f"fail nothing after {self.deadline} s"
                errors = self._end(process)
            except BaseException:
                self._end(process)
                raise
        result, _, note = last.partition(" ")
        return Outcome(module, name or "", seed, result, note, time.monotonic() - started), errors

    @staticmethod
    def _end(process):
        """SIGTERM, so that it clears up what it made; -9 only if that does not help."""
        process.terminate()
        try:
            return process.communicate(timeout=30)[1]
        except subprocess.TimeoutExpired:
            process.kill()
            return process.communicate()[1]

    def execute(self, plan, bin_dir, jobs, report, keep=False, loopback=False):
        """Runs [(module, name, seed)…]; calls report(outcome, output) as they end; the outcomes in order of the plan."""
        with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
            futures = [pool.submit(self.start, *item, bin_dir, keep, loopback) for item in plan]
            try:
                for future in concurrent.futures.as_completed(futures):
                    report(*future.result())
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
            return [f.result()[0] for f in futures]


def fault_runner():
    return Runner(TESTS / "fault" / "run.py", ("consistency", "framing", "faults", "disk", "kill", "bad_input", "jobs",
                                               "privacy", "permission", "standstill", "command", "greedy", "comfort", "patience", "odd_servers",
                                               "older_state", "schedules", "uploads", "uploads_source", "uploads_put"))


def office_runner():
    """One run at a time: they measure time. All hosts of a run keep 3 GiB at most."""
    modules = ("sharing", "churn", "poison", "poison_series", "strangers", "routes", "crowd", "crowd_random", "blame", "line",
               "reach")
    return Runner(TESTS / "office" / "run.py", modules, deadline=300, jobs=1, in_memory=4 * GIB)


def uploads_runner():
    """Other people's programs against larder-inbox."""
    return Runner(TESTS / "clients" / "uploads" / "run.py",
                  ("curl", "tls", "calls", "tuspy", "tus_js", "bits", "farm", "fronts", "put", "put_others"), deadline=120,
                  programs=("larder-inbox",))


def huge_uploads_runner():
    """Files that take minutes, one at a time."""
    return Runner(TESTS / "clients" / "uploads" / "run.py", ("huge",), deadline=900, jobs=1, programs=("larder-inbox",))


def main(runner, doc):
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("module", nargs="?", choices=runner.modules)
    bin_dir_argument(parser)
    parser.add_argument("--seeds", type=parse_seeds, default=None, help="such as 1-20,35 (default 1, or all kinds once)")
    parser.add_argument("--only", action="append", help="case of the table; may be given several times")
    parser.add_argument("--jobs", type=int, default=runner.jobs, help=f"runs at the same time (default {runner.jobs})")
    parser.add_argument("--keep", action="store_true", help="keep the directories of the runs")
    parser.add_argument("--loopback", action="store_true", help="hosts are addresses of 127.0.0.0/8, not namespaces")
    parser.add_argument("--other-version", action="store_true",
                        help="the programs are of another version: their answers are not held against docs/api.yaml")
    parser.add_argument("--old-bin-dir", help="programs of an earlier build, for cases that want hosts of two builds")
    parser.add_argument("--list", action="store_true", help="print modules and cases")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.other_version:
        os.environ["LARDER_OTHER_VERSION"] = "1"  # for each run's process
    if arguments.old_bin_dir:
        os.environ["LARDER_OLD_BIN_DIR"] = str(pathlib.Path(arguments.old_bin_dir).resolve())
    if arguments.list or not arguments.module:
        for module in runner.modules:
            print(f"{module}: {', '.join(runner.table(module) or ['drawn by the seed'])}")
        return 0
    if arguments.child:
        return runner.child(arguments.module, arguments.only[0] if arguments.only else None, arguments.seeds[0],
                            arguments.bin_dir, arguments.keep, arguments.loopback)
    names = runner.table(arguments.module)
    unknown = set(arguments.only or []) - set(names or [])
    if unknown:
        parser.error(f"no such case in {arguments.module}: {', '.join(sorted(unknown))}")
    plan = [(arguments.module, name, seed) for seed in arguments.seeds or [1]
            for name in (arguments.only or names or [None])]
    outcomes = runner.execute(plan, arguments.bin_dir, arguments.jobs, print_outcome, arguments.keep, arguments.loopback)
    failed = sum(o.result == "fail" for o in outcomes)
    skipped = sum(o.result == "skip" for o in outcomes)
    print(f"{len(outcomes)} runs: {len(outcomes) - failed - skipped} passed, {skipped} skipped, {failed} failed")
    return 77 if skipped == len(outcomes) else int(failed > 0)
