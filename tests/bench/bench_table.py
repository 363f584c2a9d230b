"""What the benchmarks share: how a pair is measured in turn, and the table that comes of it."""

import os
import statistics
import subprocess
import time

from lab_api import Api
from larder_lab import KIB, expect_equal, wait_until

Api.checked = False  # what is timed is the agent, not this program's look at its answers

BENCHMARKS = {}


def benchmark(function):
    BENCHMARKS[function.__name__] = function
    return function


class Sample:
    def __init__(self, wall, cpu, peak=0):
        self.wall, self.cpu, self.peak = wall, cpu, peak


def measure(command, agent=None, cwd=None):
    """Wall and CPU seconds of a command, with the agent's CPU added."""
    before = agent.cpu_seconds() if agent else 0.0
    started = time.monotonic()
    process = subprocess.Popen([str(c) for c in command], cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE)
    errors = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.monotonic() - started
    expect_equal(process.returncode, 0, f"exit status of {command[0]} ({errors.decode()[-400:]})")
    cpu = usage.ru_utime + usage.ru_stime + (agent.cpu_seconds() - before if agent else 0.0)
    return Sample(wall, cpu, usage.ru_maxrss * KIB)


def interleaved(rounds, **sides):
    """{name: [Sample…]}; each side is a function to call, measured in turn."""
    samples = {name: [] for name in sides}
    for _ in range(rounds):
        for name, side in sides.items():
            os.sync()
            samples[name].append(side())
    return samples


def median(samples, what="wall"):
    return statistics.median(getattr(s, what) for s in samples)


class Table:
    def __init__(self):
        self.rows = []

    def compare(self, what, ours, theirs, other, target=None, note=""):
        wall = median(ours) / median(theirs)
        spread = f"{min(s.wall for s in ours):.2f}–{max(s.wall for s in ours):.2f}"
        self.add(what, f"{median(ours):.2f} s ({spread}), CPU {median(ours, 'cpu'):.2f} s",
                 f"{other} {median(theirs):.2f} s, CPU {median(theirs, 'cpu'):.2f} s", f"{wall:.2f}×",
                 f"≤ {target}×" if target else "–", None if target is None else wall <= target, note)

    def add(self, what, ours, theirs, figure, target, met, note=""):
        verdict = {True: "met", False: "NOT met", None: "–"}[met]
        self.rows.append((what, ours, theirs, figure, target, verdict, note))
        print(f"{what}: larder {ours} | {theirs} | {figure} (target {target}: {verdict}) {note}", flush=True)

    def markdown(self):
        head = "| what | larder | beside | figure | target | |\n|---|---|---|---|---|---|\n"
        return head + "\n".join("| " + " | ".join(row[:5]) + f" | {row[5]}{'; ' + row[6] if row[6] else ''} |"
                                for row in self.rows)


def fresh(agent):
    """Nothing in the cache."""
    wait_until(lambda: (agent.api.call("DELETE", "/v1/cache"), agent.api.status()["cache"]["records"] == 0)[1], 20,
               "an empty cache")


def settled_memory(agent):
    """Of an agent, once the work of its start is through: the process has used no CPU for a second."""
    deadline = time.monotonic() + 60
    last, since = agent.cpu_seconds(), time.monotonic()
    while time.monotonic() - since < 1.0 and time.monotonic() < deadline:
        time.sleep(0.1)
        if agent.cpu_seconds() - last > 0.01:
            last, since = agent.cpu_seconds(), time.monotonic()
    return agent.memory()
