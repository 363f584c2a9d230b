#!/usr/bin/env python3
"""Larder beside what a user would use instead, in one run on one machine.

    tests/bench/bench.py --quick                       small sizes, once each: does it work
    tests/bench/bench.py --write docs/benchmarks.md    everything (about ten minutes)
    tests/bench/bench.py --only small_files            one of them

Every pair is measured several times in turn (larder, other, larder, other, …) after a sync, medians are compared, and
what matters is the ratio. The origin is nginx on loopback with its file in the page cache. CPU is that of the command
and, for larder, of the agent too. `larder` puts a finished file on disk (fsync) before it calls it there; curl and cp
do not, so where that matters a second line adds it to them (`sync FILE`).
"""

import argparse
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

from document_parts import write_first_part  # noqa: E402
from bench_table import BENCHMARKS, Table, benchmark, fresh, interleaved, measure, settled_memory  # noqa: E402
from larder_lab import (GIB, KIB, MIB, ROOT, Lab, Nginx, Skip, bin_dir_argument, expect, expect_equal,  # noqa: E402
                        file_sha256, options_told, seeded_bytes, write_seeded)


class Setting:
    """What all benchmarks share: lab, sizes, the table, and file systems to measure on."""

    def __init__(self, lab, quick):
        self.lab, self.quick, self.table = lab, quick, Table()
        self.rounds = 1 if quick else 5
        self.big = 64 * MIB if quick else GIB
        self.texts = []
        self._places = None

    def source(self, name, size):
        root = self.lab.folder("root")
        if not (root / name).exists():
            write_seeded(root / name, name, size)
        file_sha256(root / name)  # into the page cache
        return root / name

    def places(self):
        """[(name, directory, reflink?)]: the file system here, and a reflinking one in a file where that is permitted."""
        if self._places is None:
            here = self.lab.folder("here")
            kind = subprocess.run(["stat", "-f", "-c", "%T", here], capture_output=True, text=True, check=True).stdout.strip()
            self._places = [(kind, here, reflinks(here))]
            try:
                self._places.append(("xfs in a file", self.fresh_file_system("xfs"), True))
            except Skip as reason:
                self.texts.append(f"A reflinking file system was not measured: {reason}.")
                print(self.texts[-1])
        return self._places

    def fresh_file_system(self, kind, size=8 * GIB):
        """A new file system in a file whose blocks are all allocated and written, without a second page cache in between:
        as near to a disk of its own as a file comes. (A sparse one measures the allocation of the file beneath.)"""
        make = {"xfs": ["mkfs.xfs", "-q", "-m", "reflink=1"],
                "ext4": ["mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0"]}[kind]
        if os.geteuid() != 0 or not shutil.which(make[0], path=os.environ["PATH"] + ":/sbin:/usr/sbin"):
            raise Skip(f"needs root and {make[0]}")
        image, place = self.lab.directory / f"{kind}.img", self.lab.folder(kind)
        zeros = bytes(4 * MIB)
        with open(image, "wb") as out:
            os.posix_fallocate(out.fileno(), 0, size)
            for _ in range(size // len(zeros)):
                out.write(zeros)
            os.fsync(out.fileno())
        run_or_skip([*make, image])
        device = run_or_skip(["losetup", "-f", "--show", "--direct-io=on", image]).strip()
        self.lab.undo.append(lambda: subprocess.run(["losetup", "-d", device], check=False))
        run_or_skip(["mount", device, place])
        self.lab.undo.append(lambda: subprocess.run(["umount", "-l", place], check=False))
        return place

    def agent(self, name, place=None):
        agent = self.lab.new_agent(name, directory=(place / name) if place else None,
                                   agent={"log_level": "info"}, cache={"max_size": "20 GiB", "keep_free": "64 MiB"})
        return agent.start()


def run_or_skip(command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Skip(f"{command[0]}: {done.stderr.strip()}")
    return done.stdout


def reflinks(directory):
    probe = directory / "probe"
    probe.write_bytes(b"x" * 65536)
    done = subprocess.run(["cp", "--reflink=always", probe, directory / "probe2"], capture_output=True, check=False)
    for path in (probe, directory / "probe2"):
        path.unlink(missing_ok=True)
    return done.returncode == 0


# -- one large file --------------------------------------------------------------------------------------------------
@benchmark
def large_file(s):
    source = s.source("big", s.big)
    origin = s.lab.server(Nginx(s.lab.folder("nginx"), s.lab.folder("root")))
    url = origin.url("/big")
    for kind, place, reflink in s.places():
        agent = s.agent("large", place)
        ours, theirs = place / "ours", place / "theirs"

        def larder(agent=agent, ours=ours):
            fresh(agent)
            ours.unlink(missing_ok=True)
            return measure(agent.larder_command("get", "--quiet", url, "-o", ours), agent)

        def curl(theirs=theirs, sync=False):
            theirs.unlink(missing_ok=True)
            tail = f" && sync '{theirs}'" if sync else ""
            return measure(["sh", "-c", f"curl -s -o '{theirs}' '{url}'{tail}"])

        found = interleaved(s.rounds, larder=larder, curl=curl, synced=lambda curl=curl: curl(sync=True))
        expect_equal(file_sha256(ours), file_sha256(source), "bytes")
        size = f"{s.big // MIB} MiB from nginx, {kind}{' (reflink)' if reflink else ' (copy)'}"
        s.table.compare(size, found["larder"], found["curl"], "curl -o", 1.25 if reflink else 1.6)
        s.table.compare(size, found["larder"], found["synced"], "curl -o && sync")

        def hit(agent=agent, ours=ours):
            ours.unlink(missing_ok=True)
            return measure(agent.larder_command("get", "--quiet", url, "-o", ours), agent)

        def copy(theirs=theirs, place=place, reflink=reflink, sync=False):
            theirs.unlink(missing_ok=True)
            tail = f" && sync '{theirs}'" if sync else ""
            return measure(["sh", "-c", f"cp --reflink={'always' if reflink else 'never'} '{place}/copied' '{theirs}'{tail}"])

        shutil.copyfile(source, place / "copied")
        before = origin.sent("/big")
        found = interleaved(s.rounds, larder=hit, cp=copy, synced=lambda copy=copy: copy(sync=True))
        expect_equal(origin.sent("/big"), before, "bytes sent by the origin for cache hits")
        expect_equal(file_sha256(ours), file_sha256(source), "bytes")
        size = f"{s.big // MIB} MiB from the cache, {kind}{' (reflink)' if reflink else ' (copy)'}"
        s.table.compare(size, found["larder"], found["cp"], "cp --reflink=always" if reflink else "cp", 1.1)
        s.table.compare(size, found["larder"], found["synced"], "cp && sync")
        agent.stop()
        for path in (ours, theirs, place / "copied"):
            path.unlink(missing_ok=True)
        shutil.rmtree(agent.state)
    origin.stop()


@benchmark
def shaped_origin(s):
    """An origin at 200 Mbit/s: what the line allows is what one gets."""
    size = 16 * MIB if s.quick else 128 * MIB
    s.source("shaped", size)
    origin = s.lab.server(Nginx(s.lab.folder("nginx-shaped"), s.lab.folder("root"), rate=200_000_000 // 8))
    url = origin.url("/shaped")
    agent = s.agent("shaped", s.places()[0][1])
    out = s.lab.folder("out")

    def larder():
        fresh(agent)
        return measure(agent.larder_command("get", "--quiet", url, "-o", out / "ours"), agent)

    found = interleaved(min(s.rounds, 3), larder=larder, curl=lambda: measure(["curl", "-s", "-o", out / "theirs", url]))
    expect_equal(file_sha256(out / "ours"), file_sha256(out / "theirs"), "bytes")
    s.table.compare(f"{size // MIB} MiB at 200 Mbit/s", found["larder"], found["curl"], "curl -o", 1.01)
    agent.stop()
    origin.stop()


@benchmark
def small_files(s):
    """1000 files of 10 KiB in one job. Each round has files of its own and deletes nothing: ext4 looks for other places
    than those of files deleted within the last minutes, which would make both sides slower with every round."""
    count = 100 if s.quick else 1000
    root = s.lab.folder("root/small")
    names = [f"f{i:04}" for i in range(count)]
    for r in range(s.rounds):
        (root / str(r)).mkdir(exist_ok=True)
        for name in names:
            (root / str(r) / name).write_bytes(seeded_bytes(f"small {r} {name}", 10 * KIB))
    origin = s.lab.server(Nginx(s.lab.folder("nginx-small"), s.lab.folder("root")))
    try:
        place = s.fresh_file_system("ext4", 2 * GIB)
    except Skip:
        place = s.places()[0][1]
    agent = s.agent("small", place)
    rounds = {"ours": 0, "theirs": 0, "synced": 0}

    def folder_of(side):
        r = rounds[side]
        rounds[side] += 1
        folder = place / side / str(r)
        folder.mkdir(parents=True)
        os.sync()
        return r, folder

    def larder():
        r, folder = folder_of("ours")
        urls = s.lab.directory / "urls"
        urls.write_text("".join(origin.url(f"/small/{r}/{n}") + "\n" for n in names))
        return measure(agent.larder_command("get", "--quiet", "--from", urls, "-d", folder), agent)

    def curl(side="theirs"):
        r, folder = folder_of(side)
        config = s.lab.directory / "curl.list"
        config.write_text("".join(f'url = "{origin.url(f"/small/{r}/{n}")}"\noutput = "{folder}/{n}"\n' for n in names))
        tail = f" && sync -f '{folder}'" if side == "synced" else ""
        return measure(["sh", "-c", f"curl -s -Z --no-progress-meter --config '{config}'{tail}"])

    found = interleaved(s.rounds, larder=larder, curl=curl, synced=lambda: curl("synced"))
    for name in names:
        expect((place / "ours/0" / name).read_bytes() == (root / "0" / name).read_bytes(), f"bytes of {name}")
    what = f"{count} files of 10 KiB, one job"
    s.table.compare(what, found["larder"], found["curl"], "curl -Z", 1.5)
    s.table.compare(what, found["larder"], found["synced"], "curl -Z && sync -f")
    agent.stop()
    origin.stop()


@benchmark
def memory(s):
    """Peak memory of the agent during a fetch of 4 GiB."""
    size = 256 * MIB if s.quick else 4 * GIB
    path = s.lab.folder("root") / "huge"
    block = seeded_bytes("huge", 64 * MIB)
    with open(path, "wb") as out:  # each 64 MiB is rotated by its number: no two are equal
        for i in range(size // len(block)):
            out.write(memoryview(block)[i * 4096:])
            out.write(memoryview(block)[:i * 4096])
    origin = s.lab.server(Nginx(s.lab.folder("nginx-huge"), s.lab.folder("root")))
    agent = s.agent("memory", s.places()[0][1])
    out = s.lab.folder("here") / "huge"
    sample = measure(agent.larder_command("get", "--quiet", origin.url("/huge"), "-o", out), agent)
    peak = agent.memory_peak()
    expect_equal(file_sha256(out), file_sha256(path), "bytes")
    s.table.add(f"peak memory of larderd, fetch of {size // MIB} MiB", f"{peak / MIB:.1f} MiB",
                f"larder {sample.peak / MIB:.1f} MiB", f"{peak / MIB:.1f} MiB", "≤ 64 MiB", peak <= 64 * MIB,
                f"{size / MIB / sample.wall:.0f} MiB/s")
    agent.stop()
    origin.stop()
    out.unlink()
    path.unlink()
    shutil.rmtree(agent.state)


@benchmark
def many_records(s):
    """Readiness and idle memory with 100,000 records in the cache; and the cost of each operation as records grow."""
    records = 5_000 if s.quick else 100_000
    agent = s.lab.new_agent("records", agent={"log_level": "info"})
    fill = s.lab.bin_dir / "larder_index_curve"
    if not fill.exists():
        raise Skip(f"{fill} is not built")
    subprocess.run([fill, "--fill", str(records), "--state", agent.state], check=True, capture_output=True)
    readiness = []
    for _ in range(1 if s.quick else 5):
        agent.start()
        readiness.append(agent.ready_after)
        expect_equal(agent.api.status()["cache"]["records"], records, "records")
        agent.stop()
    agent.start()
    agent.api.cache()
    idle = settled_memory(agent)
    ready = statistics.median(readiness)
    s.table.add(f"ready with {records:,} records", f"{ready:.3f} s ({min(readiness):.3f}–{max(readiness):.3f})", "–",
                f"{ready:.3f} s", "≤ 0.3 s", ready <= 0.3)
    s.table.add(f"idle memory with {records:,} records", f"{idle / MIB:.1f} MiB", "–", f"{idle / MIB:.1f} MiB", "≤ 48 MiB",
                idle <= 48 * MIB)
    agent.stop()
    shutil.rmtree(agent.state)
    curve = subprocess.run([fill] + (["--sizes", "1000,5000"] if s.quick else []), capture_output=True, text=True,
                           check=False)
    expect_equal(curve.returncode, 0, f"exit status of larder_index_curve ({curve.stderr[-300:]})")
    s.texts.append("Cost of each operation of the index as records grow (`larder_index_curve`):\n\n```\n"
                   + curve.stdout.strip() + "\n```")
    print(s.texts[-1])


import office_bench  # noqa: E402,F401,I001 (its benchmarks follow those of one machine in the table)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    bin_dir_argument(parser)
    parser.add_argument("--quick", action="store_true", help="small sizes, one round")
    parser.add_argument("--rounds", type=int, help="rounds of each pair (default 5)")
    parser.add_argument("--only", action="append", choices=list(BENCHMARKS))
    parser.add_argument("--base", help="directory to work in (default: the system's temporary directory)")
    parser.add_argument("--write", metavar="FILE", help="write the table to this Markdown file")
    arguments = parser.parse_args()
    with Lab(arguments.bin_dir, base=arguments.base) as lab:
        setting = Setting(lab, arguments.quick)
        setting.rounds = arguments.rounds or setting.rounds
        names = arguments.only or list(BENCHMARKS)
        failed = False
        if any(BENCHMARKS[name].__module__ != office_bench.__name__ for name in names):
            setting.places()
        for name in names:
            try:
                BENCHMARKS[name](setting)
            except Skip as reason:
                setting.texts.append(f"{name} was not measured: {reason}.")
                print(setting.texts[-1])
            except AssertionError as failure:  # the others are worth having all the same
                failed = True
                setting.texts.append(f"{name} FAILED: {failure}.")
                print(setting.texts[-1])
        text = setting.table.markdown() + "\n\n" + "\n\n".join(setting.texts)
        print("\n" + text)
        if arguments.write:
            command = "tests/bench/bench.py " + " ".join(options_told())
            doc = " ".join(__doc__.split("\n\n")[2].split())
            write_first_part(ROOT / arguments.write, "# Benchmarks\n\n"
                             f"Made by `{command.strip()}` (`make bench`) with {setting.rounds} rounds. {doc} Seconds depend "
                             f"on the machine; ratios hardly do.\n\n{text.strip()}")
        missed = any(row[5] == "NOT met" for row in setting.table.rows) and not arguments.quick
        return int(failed or missed)


if __name__ == "__main__":
    sys.exit(main())
