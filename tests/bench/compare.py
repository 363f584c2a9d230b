#!/usr/bin/env python3
"""Two builds of larder side by side: is the new one as fast as the old one?

    tests/bench/compare.py OLD_BIN NEW_BIN                         everything, 9 rounds (some ten minutes)
    tests/bench/compare.py OLD_BIN NEW_BIN --only cache_hit --rounds 15
    tests/bench/compare.py OLD_BIN NEW_BIN --write docs/benchmarks.md

In each round the old build, the new one and the old one again are measured one after the other, each with fresh agents and
state directories of their own; the order turns from round to round, so that no side always comes first. A figure is the
median over the rounds of a round's ratio: what the machine does beside it for longer than a round cancels out. The same
figure of old-again against old says how much of a difference is nothing: what was seen, or what 95 of 100 such figures
would keep within where each round could as well have come out the other way round. The new build is within where it is
slower by no more than that or by 3 %, whichever is larger. Exit status 0: all are within; 1: not all are, or something failed.
"""

import argparse
import contextlib
import itertools
import math
import pathlib
import random
import shutil
import statistics
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

from bench_table import measure  # noqa: E402
from document_parts import write_section  # noqa: E402
from lab_office import Office  # noqa: E402
from larder_lab import (DEADLINE, KIB, MIB, ROOT, Lab, Nginx, Skip, expect, expect_equal, file_sha256,  # noqa: E402
                        write_seeded)

ALLOWED = 0.03  # of a difference that is no difference, where old against old shows less
SIDES = ("old", "new", "again")
COMPARISONS = {}


def comparison(function):
    """function(field) measures one build once, in an empty directory, and returns seconds."""
    COMPARISONS[function.__name__] = function
    return function


def nothing(ratios, share=0.95, most=4096):
    """How far from 1 the median of these ratios would be, in so large a share of all cases, where each could as well be its
    inverse: two measurements of one build have no order. All cases where they are few, else as many drawn ones."""
    logs = [math.log(ratio) for ratio in ratios]
    if 2 ** len(logs) <= most:
        signs = itertools.product((1, -1), repeat=len(logs))
    else:
        rng = random.Random("nothing")
        signs = ([rng.choice((1, -1)) for _ in logs] for _ in range(most))
    medians = sorted(abs(statistics.median(s * x for s, x in zip(drawn, logs))) for drawn in signs)
    return math.exp(medians[math.ceil(share * len(medians)) - 1]) - 1


class Verdict:
    """What the rounds of one comparison say. `seconds`: {side: [of each round]}."""

    def __init__(self, seconds):
        ratios = {side: [a / b for a, b in zip(seconds[side], seconds["old"])] for side in ("new", "again")}
        self.seconds = {side: statistics.median(seconds[side]) for side in SIDES}
        self.rounds = len(seconds["old"])
        self.ratio, self.again = (statistics.median(ratios[side]) for side in ("new", "again"))
        self.least, self.most = min(ratios["new"]), max(ratios["new"])
        self.spread = max(abs(self.again - 1), nothing(ratios["again"]))
        self.bound = 1 + max(self.spread, ALLOWED)
        self.within = self.ratio <= self.bound

    def cells(self):
        return (f"{self.seconds['old']:.3f} s", f"{self.seconds['new']:.3f} s",
                f"{self.ratio:.3f} ({self.least:.2f}–{self.most:.2f})", f"{self.again:.3f}", f"{self.bound:.3f}",
                "within" if self.within else "**SLOWER**")


def order(round_number):
    """The sides in the order of this round."""
    turn = round_number % len(SIDES)
    return SIDES[turn:] + SIDES[:turn]


class Field:
    """Where one build is measured once: a laboratory of its own, beside the origin that all share."""

    def __init__(self, setting, bin_dir, lab):
        self.setting, self.bin_dir, self.lab, self.origin = setting, bin_dir, lab, setting.origin
        self.scale = setting.scale

    def agent(self, name="agent"):
        return self.lab.agent(name, agent={"log_level": "info"})

    def get(self, agent, path, out, *options):
        """Seconds of `larder get`."""
        return measure(agent.larder_command("get", "--quiet", *options, self.origin.url(path), "-o", out)).wall

    def out(self, name):
        return self.lab.folder("out") / name


class Setting:
    """What all rounds share: the origin with its files, which lie in the page cache."""

    def __init__(self, lab, quick, base, loopback):
        self.scale = 16 if quick else 1  # sizes and counts are divided by it
        self.base, self.loopback = base, loopback
        self.root = lab.folder("root")
        self.digests = {}
        self.origin = lab.server(Nginx(lab.folder("nginx"), self.root))

    def source(self, path, size):
        """Made once; its digest."""
        if path not in self.digests:
            target = self.root / path.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            write_seeded(target, path, size)
            self.digests[path] = file_sha256(target)
        return self.digests[path]

    def sources(self, folder, count, size):
        """Their paths."""
        paths = [f"/{folder}/f{i:04}" for i in range(count)]
        for path in paths:
            self.source(path, size)
        return paths


# -- what is compared ------------------------------------------------------------------------------------------------
@comparison
def big_file(field):
    """One file of 256 MiB from nginx through an agent that has just started, into its place."""
    digest = field.setting.source("/big", 256 * MIB // field.scale)
    agent = field.agent()
    seconds = field.get(agent, "/big", field.out("big"))
    expect_equal(file_sha256(field.out("big")), digest, "bytes of /big")
    return seconds


@comparison
def small_files(field):
    """1000 files of 10 KiB in one job."""
    paths = field.setting.sources("small", 1000 // field.scale, 10 * KIB)
    agent, folder = field.agent(), field.lab.folder("out")
    urls = field.lab.directory / "urls"
    urls.write_text("".join(field.origin.url(path) + "\n" for path in paths))
    seconds = measure(agent.larder_command("get", "--quiet", "--from", urls, "-d", folder)).wall
    for path in paths:
        expect_equal(file_sha256(folder / path.split("/")[-1]), field.setting.digests[path], f"bytes of {path}")
    return seconds


def hits(field, path, size, times):
    """The median of so many fetches of what is in the cache."""
    digest = field.setting.source(path, size)
    agent = field.agent()
    field.get(agent, path, field.out("first"))
    field.out("first").unlink()
    sent, seconds = field.origin.sent(path), []
    for number in range(times):
        seconds.append(field.get(agent, path, field.out(f"hit{number}")))
        expect_equal(file_sha256(field.out(f"hit{number}")), digest, f"bytes of {path}")
        field.out(f"hit{number}").unlink()
    expect_equal(field.origin.sent(path), sent, f"body bytes of {path} sent for hits")
    return statistics.median(seconds)


@comparison
def cache_hit(field):
    """256 MiB from the cache (the median of three)."""
    return hits(field, "/big", 256 * MIB // field.scale, 3)


@comparison
def small_cache_hit(field):
    """10 KiB from the cache (the median of thirty commands)."""
    return hits(field, "/small/hit", 10 * KIB, 30)


@comparison
def neighbour(field):
    """128 MiB that the second agent of a group takes from the first, into its place."""
    size = 128 * MIB // field.scale
    # The line is slower than the LAN: an origin without a line gives all of it before a busy machine has asked the neighbour.
    with Office(field.lab, hosts=2, wan_mbit=400, agent={"log_level": "info"}) as office:
        office.make_group()
        first, second = office.hosts
        url = office.publish("/f", "neighbour", size)
        first.fetch(url)
        out = field.out("f")
        seconds = measure(second.agent.larder_command("get", "--quiet", url, "-o", out)).wall
        expect_equal(file_sha256(out), office.digests[url], "bytes from the neighbour")
        sent = office.sent("/f")
        expect(sent <= size * 1.1, f"the second took {sent - size} of {size} bytes from the origin, wanted next to none")
    return seconds


@comparison
def start(field):
    """From exec to readiness with 2000 records in the cache (the median of five)."""
    count = 2000 // field.scale
    agent = field.agent()
    for first in range(0, count, 1000):
        paths = field.setting.sources("records", count, KIB)[first:first + 1000]
        job = agent.api.create([field.origin.url(path) for path in paths])
        expect_equal(agent.api.wait(job["id"], timeout=DEADLINE)["state"], "transferred", "state of the job of small files")
        agent.api.act(job["id"], "complete")
    expect_equal(agent.api.status()["cache"]["records"], count, "records")
    seconds = []
    for _ in range(5):
        agent.stop()
        agent.start()
        seconds.append(agent.ready_after)
    expect_equal(agent.api.status()["cache"]["records"], count, "records after the starts")
    return statistics.median(seconds)


@comparison
def many_jobs(field):
    """64 jobs of one file of 64 KiB, submitted by 8 threads at once, until the last is transferred."""
    paths = field.setting.sources("jobs", 64, 64 * KIB)
    agent, mine, failures = field.agent(), [], []

    def submit(urls):
        try:
            for url in urls:
                mine.append(agent.api.create([url])["id"])
        except Exception as error:  # pylint: disable=broad-except; told below, by the thread that measures
            failures.append(error)

    with agent.api.events(timeout=DEADLINE) as stream:
        started = time.monotonic()
        threads = [threading.Thread(target=submit, args=([field.origin.url(p) for p in paths[n::8]],)) for n in range(8)]
        for thread in threads:
            thread.start()
        ended = set()
        while len(ended) < len(paths) and not failures:
            event = stream.next(DEADLINE)
            expect(event is not None, f"only {len(ended)} of {len(paths)} jobs ended")
            if event["event"] == "job.state" and event["data"]["state"] in ("transferred", "error", "transient_error"):
                expect_equal(event["data"]["state"], "transferred", f"state of a job ({event['data'].get('error')})")
                ended.add(event["data"]["id"])
        seconds = time.monotonic() - started
        for thread in threads:
            thread.join()
    expect(not failures, f"a job was not taken: {failures[:1]}")
    expect_equal(ended, set(mine), "jobs that ended, and jobs submitted")
    return seconds


# -- rounds ----------------------------------------------------------------------------------------------------------
def measure_once(setting, function, bin_dir):
    with Lab(bin_dir, base=setting.base) as lab:
        lab.loopback = setting.loopback
        seconds = function(Field(setting, lab.bin_dir, lab))
        for agent in lab.agents:
            with contextlib.suppress(TimeoutError):
                agent.stop()
        shutil.rmtree(lab.directory / "agent", ignore_errors=True)
    return seconds


def compare(setting, name, bins, rounds, report=print):
    """The verdict of one comparison. The first, unmeasured, makes the files and fills the page cache."""
    function = COMPARISONS[name]
    measure_once(setting, function, bins["old"])
    seconds = {side: [] for side in SIDES}
    for number in range(rounds):
        for side in order(number):
            seconds[side].append(measure_once(setting, function, bins["new" if side == "new" else "old"]))
    verdict = Verdict(seconds)
    report(f"{name}: old, new, ratio, old again, bound: {' | '.join(verdict.cells())}", flush=True)
    return verdict


def markdown(verdicts, rounds, failures):
    lines = ["| what | old | new | new ÷ old (least–most) | old again ÷ old | allowed | |", "|---|---|---|---|---|---|---|"]
    for name, verdict in verdicts.items():
        lines.append("| " + " | ".join((COMPARISONS[name].__doc__.strip().rstrip(".").replace("\n    ", " "), *verdict.cells())) + " |")
    lines += [""] + [f"* {failure}" for failure in failures]
    return f"Made by `tests/bench/compare.py` (`make bench-compare OLD=DIR`), {rounds} rounds. " + " ".join(
        __doc__.split("\n\n")[2].split()) + "\n\n" + "\n".join(lines).strip()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", metavar="OLD_BIN", help="directory of the old larderd and larder")
    parser.add_argument("new", metavar="NEW_BIN", help="directory of the new ones")
    parser.add_argument("--rounds", type=int, default=9, help="of old, new and old again (default 9)")
    parser.add_argument("--only", action="append", choices=list(COMPARISONS))
    parser.add_argument("--quick", action="store_true", help="small sizes: does it work")
    parser.add_argument("--base", help="directory to work in (default: the system's temporary directory)")
    parser.add_argument("--loopback", action="store_true", help="the two agents of a group are addresses of 127.0.0.0/8")
    parser.add_argument("--write", metavar="FILE", help="write the table to this Markdown file, as a section")
    arguments = parser.parse_args()
    if arguments.rounds < 1:
        parser.error("--rounds: at least 1")
    bins = {"old": pathlib.Path(arguments.old).resolve(), "new": pathlib.Path(arguments.new).resolve()}
    verdicts, failures = {}, []
    with Lab(bins["new"], base=arguments.base) as lab:
        setting = Setting(lab, arguments.quick, arguments.base, arguments.loopback)
        for name in arguments.only or COMPARISONS:
            try:
                verdicts[name] = compare(setting, name, bins, arguments.rounds)
            except (Skip, AssertionError, OSError, RuntimeError) as failure:  # the others are worth having all the same
                failures.append(f"{name} was not measured: {failure}")
                print(failures[-1], flush=True)
    text = markdown(verdicts, arguments.rounds, failures)
    print("\n" + text)
    if arguments.write:
        write_section(ROOT / arguments.write, "## The build before, and this one", text)
    return int(bool(failures) or not all(verdict.within for verdict in verdicts.values()))


if __name__ == "__main__":
    sys.exit(main())
