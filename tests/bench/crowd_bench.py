#!/usr/bin/env python3
"""All machines of an office want one new file in the same moment: Larder beside what people use.

    tests/bench/crowd_bench.py                                    12 hosts, 128 MiB, 50 Mbit/s
    tests/bench/crowd_bench.py --hosts 4 --size 16 --only larder
    tests/bench/crowd_bench.py --write docs/benchmarks.md         the table becomes a section of that file

Hosts are network namespaces on one LAN of 1 Gbit/s; one nginx stands behind a line that all share (tc tbf, both
directions). Every tool starts on all hosts in the same instant, with nothing cached, and has ended when the file is there
(larder: in its place and synced). Times are divided by size ÷ line, which nobody can reach: headers take 4 to 5 % of a line.
The hosts' files are in memory where /dev/shm has room: twelve machines have twelve disks, and this one has one, which all of
them would write to and sync in the same moment. Copies are the body bytes in nginx's access log ÷ size. CPU is that of all
processes on all hosts, without the origin's.
"""

import argparse
import collections
import contextlib
import hashlib
import os
import pathlib
import select
import signal
import statistics
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

from document_parts import write_section  # noqa: E402
from lab_office import Office  # noqa: E402
from lab_servers import Squid, find_program  # noqa: E402
from larder_lab import (MIB, ROOT, Lab, Skip, bin_dir_argument, expect, expect_equal, file_sha256,  # noqa: E402
                        memory_with_room, options_told)
from office_bench import LAN_MBIT, tree_cpu  # noqa: E402

HEADING = "## Everybody at once"
PATH = "/crowd"
GATE = 'echo; read _; exec "$@" </dev/null >/dev/null'  # says that it stands ready, and goes when the gate opens
Row = collections.namedtuple("Row", "tool copies times cpu command")


class Gate:
    """Processes that start in the same instant: open() lets them go."""

    def __init__(self, log):
        self.log = log
        self.hold, self.release = os.pipe()
        self.ready, self.say = os.pipe()
        self.processes = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.processes:
            if process.returncode is None:
                process.kill()
                process.wait()
        for descriptor in (self.hold, self.release, self.ready, self.say):
            with contextlib.suppress(OSError):
                os.close(descriptor)

    def add(self, place, command):
        self.processes.append(subprocess.Popen(
            [*place.prefix(), "sh", "-c", GATE, "gate", *map(str, command)], stdin=self.hold, stdout=self.say, stderr=self.log))

    def open(self):
        """When it was opened."""
        os.close(self.say)
        for _ in self.processes:
            expect(os.read(self.ready, 1) == b"\n", "a program did not get to its start")
        os.close(self.release)
        self.release = self.say = -1
        return time.monotonic()

    def reap(self, process):
        """Its CPU seconds, once it has ended."""
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        return usage.ru_utime + usage.ru_stime

    def wait(self, deadline):
        """([when each ended], CPU seconds of all)."""
        began, ended, cpu = self.open(), [], 0.0
        waiting = {os.pidfd_open(process.pid): process for process in self.processes}
        poll = select.poll()
        for descriptor in waiting:
            poll.register(descriptor, select.POLLIN)
        try:
            while waiting:
                ready = poll.poll(max(0.0, began + deadline - time.monotonic()) * 1000)
                expect(ready, f"{len(waiting)} of {len(self.processes)} have not ended after {deadline:.0f} s")
                for descriptor, _ in ready:
                    process = waiting.pop(descriptor)
                    poll.unregister(descriptor)
                    os.close(descriptor)
                    ended.append(time.monotonic() - began)
                    cpu += self.reap(process)
                    expect_equal(process.returncode, 0, f"exit status ({pathlib.Path(self.log.name).read_text()[-600:]})")
        finally:
            for descriptor in waiting:
                os.close(descriptor)
        return ended, cpu


class Run:
    """One tool in an office of its own."""

    def __init__(self, arguments, lab, start=False):
        self.hosts, self.size, self.lab = arguments.hosts, arguments.size * MIB, lab
        self.ideal = self.size * 8 / (arguments.wan * 1e6)
        self.deadline = 1.5 * self.ideal * self.hosts + 60  # all of them one after the other
        self.office = Office(lab, self.hosts, arguments.wan, LAN_MBIT, start=start,
                             agent={"log_level": "info"}, peer={"crowd": True}, cache={"max_size": "20 GiB", "keep_free": "64 MiB"})

    def __enter__(self):
        self.office.__enter__()
        if self.office.loopback:
            raise Skip(f"a line can be shaped between network namespaces only: {self.office.loopback}")
        self.url = self.office.publish(PATH, f"crowd {self.size}", self.size)
        self.log = open(self.lab.directory / "tools.err", "w+b")
        os.sync()
        return self

    def __exit__(self, *_):
        self.log.close()
        self.office.close()

    def target(self, host):
        return self.lab.folder("out") / f"{host.name}.out"

    def together(self, command_of):
        with Gate(self.log) as gate:
            for host in self.office.hosts:
                gate.add(host.place, command_of(host))
            return gate.wait(self.deadline)

    def row(self, tool, times, cpu, command):
        wanted = self.office.digests[self.url]
        for host in self.office.hosts:
            expect_equal(file_sha256(self.target(host)), wanted, f"SHA-256 of what {tool} got on {host.name}")
        time.sleep(0.2)  # nginx writes the line of an answer that was cut when it notices
        return Row(tool, self.office.sent(PATH) / self.size, sorted(t / self.ideal for t in times), cpu, command)


def curl(arguments, lab):
    if not find_program("curl"):
        raise Skip("curl is not installed")
    with Run(arguments, lab) as run:
        times, cpu = run.together(lambda host: ["curl", "-sSf", "-o", run.target(host), run.url])
        return run.row("curl on each host", times, cpu, "curl -sSf -o FILE URL")


def larder(arguments, lab):
    with Run(arguments, lab, start=True) as run:
        run.office.make_group()
        agents = [host.agent for host in run.office.hosts]
        before = sum(agent.cpu_seconds() for agent in agents)
        times, cpu = run.together(lambda host: host.agent.larder_command("get", "--quiet", run.url, "-o", run.target(host)))
        cpu += sum(agent.cpu_seconds() for agent in agents) - before
        return run.row("larder", times, cpu, "larder get --quiet URL -o FILE")


SQUID_PORT = 3128
SQUID_RULES = """collapsed_forwarding on
cache_mem {mib} MB
maximum_object_size_in_memory {mib} MB
maximum_object_size {mib} MB"""


def squid(arguments, lab):
    """The proxy is a program on the first host; all ask it."""
    if not find_program("squid"):
        raise Skip("squid is not installed")
    with Run(arguments, lab) as run:
        first = run.office.hosts[0]
        proxy = lab.server(Squid(lab.folder("squid"), rules=SQUID_RULES.format(mib=arguments.size + 64), address=first.address,
                                 port=SQUID_PORT, place=first.place))
        times, cpu = run.together(lambda host: ["curl", "-sSf", "-x", proxy.url, "-o", run.target(host), run.url])
        cpu += tree_cpu(proxy.process.pid)
        proxy.stop()
        return run.row("squid on one host, curl through it", times, cpu,
                       "curl -sSf -x http://PROXY:3128 -o FILE URL, squid with " + ", ".join(
                           SQUID_RULES.format(mib=arguments.size + 64).splitlines()))


def bencode(value):
    if isinstance(value, int):
        return b"i%de" % value
    if isinstance(value, str):
        value = value.encode()
    if isinstance(value, bytes):
        return b"%d:%s" % (len(value), value)
    if isinstance(value, dict):
        return b"d" + b"".join(bencode(key) + bencode(value[key]) for key in sorted(value)) + b"e"
    raise TypeError(type(value))


def make_torrent(path, url, target, piece=256 * 1024):
    """A torrent with the origin as its web seed, no tracker, and peers found on the LAN alone."""
    with open(path, "rb") as data:
        pieces = b"".join(hashlib.sha1(part).digest() for part in iter(lambda: data.read(piece), b""))
    info = {"name": path.name, "length": path.stat().st_size, "piece length": piece, "pieces": pieces}
    target.write_bytes(bencode({"info": info, "url-list": url}))


ARIA2 = ["aria2c", "--no-conf", "--quiet", "--enable-dht=false", "--enable-dht6=false", "--bt-enable-lpd=true",
         "--enable-peer-exchange=true", "--seed-ratio=0.0", "--file-allocation=none", "--listen-port=6881"]


def aria2(arguments, lab):
    """Each goes on seeding until all have it; when it has it, a hook says so."""
    if not find_program("aria2c"):
        raise Skip("aria2c is not installed (apt install aria2)")
    with Run(arguments, lab) as run:
        torrent, said, hook = lab.directory / "crowd.torrent", lab.directory / "said", lab.directory / "hook.sh"
        make_torrent(run.office.root / PATH.lstrip("/"), run.url, torrent)
        os.mkfifo(said)
        hook.write_text(f'#!/bin/sh\necho "$3" >{said}\n')
        hook.chmod(0o755)
        listening = os.open(said, os.O_RDWR)
        try:
            with Gate(run.log) as gate:
                for host in run.office.hosts:
                    gate.add(host.place, [*ARIA2, f"--dir={lab.folder('aria2-' + host.name)}",
                                          f"--on-bt-download-complete={hook}", torrent])
                times = hear(listening, gate.open(), run)
                for process in gate.processes:
                    expect(process.poll() is None, f"aria2c ended: {pathlib.Path(run.log.name).read_text()[-600:]}")
                    process.terminate()
                cpu = sum(gate.reap(process) for process in gate.processes)
        finally:
            os.close(listening)
        for host in run.office.hosts:
            os.rename(lab.folder("aria2-" + host.name) / PATH.lstrip("/"), run.target(host))
        return run.row("aria2c, torrent with web seed, local peer discovery", times, cpu, " ".join(ARIA2) + " FILE.torrent")


def hear(listening, began, run):
    """When each had it, as their hooks say."""
    times = []
    while len(times) < run.hosts:
        left = began + run.deadline - time.monotonic()
        expect(left > 0 and select.select([listening], [], [], left)[0], f"{len(times)} of {run.hosts} after {run.deadline:.0f} s")
        times += [time.monotonic() - began] * os.read(listening, 65536).count(b"\n")
    return times


TOOLS = {function.__name__: function for function in (larder, curl, aria2, squid)}

# What is wanted of larder; the second counts for the last host's end in units of the ideal time.
COPIES, LAST, SECONDS, SPREAD = 1.03, 1.08, 1.0, 1.1


def verdicts(row, ideal):
    limit = LAST + SECONDS / ideal
    spread = row.times[-1] / row.times[0]
    return [(f"copies from the origin {row.copies:.3f}, at most {COPIES}", row.copies <= COPIES),
            (f"last host at {row.times[-1]:.3f}, at most {limit:.3f} ({LAST} and {SECONDS:.0f} s)", row.times[-1] <= limit),
            (f"slowest ÷ fastest {spread:.3f}, at most {SPREAD}", spread <= SPREAD)]


def table(rows):
    lines = ["| | copies from the origin | first host | median | last host | slowest ÷ fastest | CPU of all hosts |",
             "|---|---|---|---|---|---|---|"]
    for row in rows:
        times = row.times
        lines.append(f"| {row.tool} | {row.copies:.2f} | {times[0]:.2f} | {statistics.median(times):.2f} | {times[-1]:.2f} | "
                     f"{times[-1] / times[0]:.2f} | {row.cpu:.1f} s |")
    return "\n".join(lines)


def text_of(arguments, rows, notes):
    ideal = arguments.size * MIB * 8 / (arguments.wan * 1e6)
    parts = [f"{arguments.hosts} hosts, {arguments.size} MiB, a line of {arguments.wan:g} Mbit/s to the origin, a LAN of {LAN_MBIT} "
             f"Mbit/s. Times are ÷ (size ÷ line), here {ideal:.1f} s.", table(rows)]
    for row in rows:
        if row.tool == "larder":
            parts.append("Larder's targets: " + "; ".join(f"{what}: {'met' if met else 'NOT met'}"
                                                          for what, met in verdicts(row, ideal)) + ".")
    parts.append("\n".join(f"* {row.tool}: `{row.command}`" for row in rows))
    return "\n\n".join(parts + notes), all(met for row in rows if row.tool == "larder" for _, met in verdicts(row, ideal))


def memory_for(arguments):
    """A file system in memory with room for all that the hosts keep, or nothing."""
    return memory_with_room((3 * arguments.hosts + 2) * arguments.size * MIB)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    bin_dir_argument(parser)
    parser.add_argument("--hosts", type=int, default=12)
    parser.add_argument("--size", type=int, default=128, help="MiB")
    parser.add_argument("--wan", type=float, default=50, help="Mbit/s of the origin's line")
    parser.add_argument("--only", action="append", choices=list(TOOLS))
    parser.add_argument("--base", help="directory to work in (default: /dev/shm where it has room, else the temporary one)")
    parser.add_argument("--keep", action="store_true", help="leave the directories, with the agents' logs")
    parser.add_argument("--write", metavar="FILE", help="put the table into this Markdown file, as a section of its own")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was made is cleared away
    rows, notes, failed = [], [], False
    for tool in arguments.only or TOOLS:
        try:
            with Lab(arguments.bin_dir, keep=arguments.keep, base=arguments.base or memory_for(arguments)) as lab:
                rows.append(TOOLS[tool](arguments, lab))
                print(f"{tool}: {rows[-1]}", flush=True)
        except Skip as reason:
            notes.append(f"{tool} was not measured: {reason}.")
            print(notes[-1], flush=True)
        except AssertionError as failure:  # the others are worth having all the same
            failed = True
            notes.append(f"{tool} FAILED: {failure}.")
            print(notes[-1], flush=True)
    text, met = text_of(arguments, rows, notes)
    print("\n" + text)
    if arguments.write:
        command = "tests/bench/crowd_bench.py " + " ".join(options_told())
        about = " ".join(" ".join(__doc__.split("\n\n")[2:]).split())
        write_section(ROOT / arguments.write, HEADING,
                      f"Made by `{command.strip()}` (`make bench-office`). {about}\n\n{text}")
    return int(failed or not met)


if __name__ == "__main__":
    sys.exit(main())
