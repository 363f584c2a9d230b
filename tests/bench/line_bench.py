#!/usr/bin/env python3
"""One file over lines with delay and loss: larder beside curl, for a member alone, in a group, and in a crowd.

    tests/bench/line_bench.py                                     the whole table, under 15 minutes
    tests/bench/line_bench.py --rtt 25 --size 1 --size 8 --rounds 3
    tests/bench/line_bench.py --write docs/benchmarks.md          the table becomes a section of that file

Hosts are network namespaces on one LAN of 1 Gbit/s; one nginx stands behind a line that all share, with the same delay each way
and a drop-tail queue of one round trip, at least 20 ms (larder_line_relay). Each measurement is of a file that nobody had
before, from a port of the origin that nobody asked before, so that no connection is warm; all are taken in turn, and medians are
compared. A time is that of the command, from its start to the file in its place (larder: synced too, in memory where /dev/shm
has room). Both have one congestion control, at both ends. `alone` is the only member of its group; in `a group of six` the
others want nothing; `a crowd of six` is six members that start in the same instant, of which the last one counts, beside one
curl that has the line for itself. Copies are the body bytes of that crowd in nginx's access log ÷ size.
"""

import argparse
import collections
import contextlib
import itertools
import pathlib
import signal
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

from crowd_bench import Gate  # noqa: E402
from document_parts import write_section  # noqa: E402
from lab_net import INTERNET, Line, NetError  # noqa: E402
from lab_office import Office  # noqa: E402
from lab_servers import find_program  # noqa: E402
from larder_lab import (MIB, ROOT, Lab, Skip, bin_dir_argument, expect_equal, file_sha256, memory_with_room,  # noqa: E402
                        options_told, wait_until)
from office_bench import LAN_MBIT  # noqa: E402

HEADING = "## Lines with delay and loss"
MEMBERS = 6
FIRST_PORT = 8100
SIDES = ("curl", "alone", "group", "crowd")
LONG = 32  # MiB: from here on fewer rounds
LONG_ROUNDS = 3

# mbit, round trip in ms, loss, sizes in MiB
Case = collections.namedtuple("Case", "mbit rtt loss sizes")
CASES = [Case(100, 5, 0.0, (1, 8, 64)), Case(100, 25, 0.0, (1, 8, 64)), Case(100, 100, 0.0, (1, 8, 64)),
         Case(20, 25, 0.005, (1, 8))]
Row = collections.namedtuple("Row", "case size times copies")  # times: {side: [seconds…]}


def rounds_of(arguments, size):
    return min(arguments.rounds, LONG_ROUNDS) if size >= LONG else arguments.rounds


class Measurement:
    """The office of one line: the first host is alone in its group, the six others are another one."""

    def __init__(self, arguments, case, lab):
        self.arguments, self.case, self.lab = arguments, case, lab
        ports = len(SIDES) * sum(rounds_of(arguments, size) for size in case.sizes)
        listening = " ".join(f"listen {INTERNET}:{FIRST_PORT + number};" for number in range(ports))
        server = f"location / {{ root {lab.folder('origin')}; }} {listening}"
        self.ports, self.names = itertools.count(FIRST_PORT), itertools.count()
        self.office = Office(lab, MEMBERS + 1, case.mbit, LAN_MBIT, nginx={"server": server},
                             line=Line(rtt_ms=case.rtt, loss=case.loss, seed=arguments.seed),
                             congestion=arguments.congestion, agent={"log_level": "info"}, peer={"crowd": True},
                             cache={"max_size": "20 GiB", "keep_free": "64 MiB"})

    def __enter__(self):
        self.office.__enter__()
        self.alone, *self.members = self.office.hosts
        self.office.make_group([self.alone], "alone")
        self.office.make_group(self.members, "six")
        self.log = open(self.lab.directory / "tools.err", "w+b")
        return self

    def __exit__(self, *_):
        self.log.close()
        self.office.close()

    def fetch(self, size, hosts, command_of):
        """Seconds until the last of `hosts` has a file that is new to all, and its copies that left the origin."""
        path = f"/line-{next(self.names)}"
        known = self.office.publish(path, f"{path} {self.arguments.seed}", size * MIB)
        url = known.replace(f":{self.office.origin.port}/", f":{next(self.ports)}/")
        targets = [self.lab.folder("out") / f"{host.name}.out" for host in hosts]
        deadline = 60 + 20 * len(hosts) * size * MIB * 8 / (self.case.mbit * 1e6)
        with Gate(self.log) as gate:
            for host, target in zip(hosts, targets):
                gate.add(host.place, command_of(host, url, target))
            times, _ = gate.wait(deadline)
        for target in targets:
            expect_equal(file_sha256(target), self.office.digests[known], f"SHA-256 of {target.name}")
            target.unlink()
        with contextlib.suppress(TimeoutError):  # nginx writes the line of an answer when it has ended
            wait_until(lambda: self.office.sent(path) >= size * MIB, 2, "the origin's log")
        (self.office.root / path.lstrip("/")).unlink()
        return max(times), self.office.sent(path) / (size * MIB)

    def curl(self, size):
        return self.fetch(size, [self.alone], lambda _, url, target: ["curl", "-sSf", "-o", target, url])

    def larder(self, size, hosts):
        found = self.fetch(size, hosts, lambda host, url, target: host.agent.larder_command("get", "--quiet", url, "-o", target))
        for host in hosts:
            host.api.call("DELETE", "/v1/cache")  # what somebody still reads goes the next time
        return found

    def row(self, size):
        sides = {"curl": lambda: self.curl(size), "alone": lambda: self.larder(size, [self.alone]),
                 "crowd": lambda: self.larder(size, self.members)}
        times, copies = {side: [] for side in SIDES}, []
        for number in range(rounds_of(self.arguments, size)):
            taker = self.members[number % MEMBERS]
            sides["group"] = lambda taker=taker: self.larder(size, [taker])
            for side in SIDES:
                seconds, copy = sides[side]()
                times[side].append(seconds)
                if side == "crowd":
                    copies.append(copy)
        return Row(self.case, size, times, copies)


def name_of(case):
    loss = f", {case.loss:.1%} loss" if case.loss else ""
    return f"{case.mbit} Mbit/s, {case.rtt} ms{loss}"


def cell(row, side):
    theirs = statistics.median(row.times["curl"])
    times = row.times[side]
    ratio = statistics.median(times) / theirs
    return f"{ratio:.2f}× ({min(times):.2f}–{max(times):.2f} s)"


def table(rows):
    lines = ["| line | size | curl | alone | in a group of six | crowd of six, the last | copies for the crowd |",
             "|---|---|---|---|---|---|---|"]
    for row in rows:
        theirs = row.times["curl"]
        lines.append(f"| {name_of(row.case)} | {row.size} MiB | {statistics.median(theirs):.2f} s ({min(theirs):.2f}–{max(theirs):.2f}) | "
                     + " | ".join(cell(row, side) for side in SIDES[1:]) + f" | {statistics.median(row.copies):.2f} |")
    return "\n".join(lines)


def chosen(arguments):
    for case in CASES:
        sizes = tuple(size for size in case.sizes if not arguments.size or size in arguments.size)
        lossy_wanted = not arguments.loss_only or case.loss
        if sizes and lossy_wanted and (not arguments.rtt or case.rtt in arguments.rtt):
            yield case._replace(sizes=sizes)


def measure(arguments, rows, notes):
    """True where all that was asked for was measured."""
    for case in chosen(arguments):
        try:
            # What seven hosts keep of one measurement, and the origin's file.
            base = arguments.base or memory_with_room(4 * (MEMBERS + 2) * max(case.sizes) * MIB)
            with Lab(arguments.bin_dir, keep=arguments.keep, base=base) as lab, Measurement(arguments, case, lab) as here:
                for size in case.sizes:
                    rows.append(here.row(size))
                    print(table(rows[-1:]).splitlines()[-1], flush=True)
        except Skip as reason:
            notes.append(f"{name_of(case)} was not measured: {reason}.")
        except (AssertionError, NetError, TimeoutError) as failure:  # the others are worth having all the same
            notes.append(f"{name_of(case)} FAILED: {failure}.")
    for note in notes:
        print(note, flush=True)
    return not notes


def congestion_told(arguments):
    if arguments.congestion:
        return arguments.congestion
    return pathlib.Path("/proc/sys/net/ipv4/tcp_congestion_control").read_text().strip()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    bin_dir_argument(parser)
    parser.add_argument("--rtt", type=int, action="append", help="ms; only lines with this round trip")
    parser.add_argument("--size", type=int, action="append", help="MiB; only files of this size")
    parser.add_argument("--loss-only", action="store_true", help="only lines that lose packets")
    parser.add_argument("--rounds", type=int, default=5, help=f"of each measurement (default 5; from {LONG} MiB on at most {LONG_ROUNDS})")
    parser.add_argument("--seed", type=int, default=1, help="of what the lines lose")
    parser.add_argument("--congestion", default="cubic", help="congestion control of all connections over the line (default "
                        "cubic); an empty word: the machine's")
    parser.add_argument("--base", help="directory to work in (default: /dev/shm where it has room, else the temporary one)")
    parser.add_argument("--keep", action="store_true", help="leave the directories, with the agents' logs")
    parser.add_argument("--write", metavar="FILE", help="put the table into this Markdown file, as a section of its own")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was made is cleared away
    if not find_program("curl"):
        parser.error("curl is not installed (apt install curl)")
    rows, notes, began = [], [], time.monotonic()
    good = measure(arguments, rows, notes)
    minutes = (time.monotonic() - began) / 60
    text = "\n\n".join([f"Congestion control: {congestion_told(arguments)}. Figures are ÷ curl's median, with the range of "
                        f"larder's times. The table took {minutes:.1f} minutes.", table(rows), *notes])
    print("\n" + text)
    if arguments.write:
        command = "tests/bench/line_bench.py " + " ".join(options_told())
        about = " ".join(" ".join(__doc__.split("\n\n")[2:]).split())
        write_section(ROOT / arguments.write, HEADING, f"Made by `{command.strip()}` (`make bench-line`). {about}\n\n{text}")
    return int(not good)


if __name__ == "__main__":
    sys.exit(main())
