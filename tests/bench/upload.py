#!/usr/bin/env python3
"""Uploads, side by side in one run: larder put and larder-inbox beside curl into nginx, and tus-js-client into @tus/server.

    tests/bench/upload.py                               everything, about ten minutes
    tests/bench/upload.py --only large --rounds 3       one part of it: large, small, line, memory
    tests/bench/upload.py --write docs/benchmarks.md    the tables become a section of that file

All sides are measured in turn, and medians are compared. What a server took is on one disk, which is synced before each
measurement, and is removed after it. `curl` into nginx (WebDAV PUT) counts with a sync of the file system behind it, since
nginx answers before that; larder-inbox answers when the file is on the disk and in the ledger. tus-js-client and @tus/server
sync nothing. `small` is 1000 files of 10 KiB, tus-js-client and curl 8 at once; a
larder put takes 16 files, and 8 of them run at once. The line has 100 Mbit/s and a round trip of 100 ms (larder_line_relay between
network namespaces); there curl counts without a sync. The memory is the highest of larder-inbox alone, of 1,000 uploads of 1 MiB
which are all half there before any of them ends.
"""

import argparse
import contextlib
import pathlib
import selectors
import shutil
import signal
import socket
import statistics
import sys
import time

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / name) for name in ("support", "clients/uploads")]

import lab_net  # noqa: E402
from bench_table import measure  # noqa: E402
from document_parts import write_section  # noqa: E402
from lab_inbox import INBOX, Application, Inbox  # noqa: E402
from lab_net import INTERNET, Line, Net  # noqa: E402
from lab_servers import dav_nginx, find_program  # noqa: E402
from larder_lab import (KIB, MIB, ROOT, Lab, Skip, bin_dir_argument, expect, expect_equal, options_told,  # noqa: E402
                        seeded_bytes, wait_until)
from node_packages import Missing, find_node, install  # noqa: E402
from put_others import TusServer  # noqa: E402
from tus_js import HERE as TUS_PACKAGES  # noqa: E402

HEADING = "## Uploads"
HERE = pathlib.Path(__file__).resolve().parent
FEW, SMALL, AT_ONCE = 1000, 10 * KIB, 8
MOST, COMMANDS = 16, 8  # of larder put: files of a command, and commands at once
MBIT, RTT_MS = 100, 100
INBOX_PORT, WEB_PORT = 7480, 8080  # in the laboratory's network, where nobody else has them
OPEN, OPEN_SIZE = 1000, MIB
MEMORY = 256 * MIB
PARTS = {}


def part(function):
    PARTS[function.__name__] = function
    return function


class Verdicts:
    """The rows of what was to be shown, and whether all of it was."""

    def __init__(self):
        self.lines, self.notes, self.missed = [], [], 0

    def add(self, what, figure, target="", met=None):
        self.missed += met is False
        word = {True: "met", False: "NOT met", None: "–"}[met]
        self.lines.append(f"| {what} | {figure} | {target or '–'} | {word} |")
        print(f"{what}: {figure} {target} {word}", flush=True)

    def skip(self, what, reason):
        self.notes.append(f"skipped: {what}: {reason}.")
        print(self.notes[-1], flush=True)

    def markdown(self):
        return "\n".join(["| what | figure | target | |", "|---|---|---|---|", *self.lines]) + "".join(f"\n\n{note}" for note in self.notes)


class Sides:
    """What is measured, by name: each a function that does its work once; times in seconds."""

    def __init__(self, rounds):
        self.rounds, self.sides, self.times, self.cpu = rounds, {}, {}, {}

    def add(self, name, command, after):
        """`command`: called for the words to run; `after`: called when it ended, to look at what came and to remove it."""
        self.sides[name] = (command, after)

    def run(self):
        for _ in range(self.rounds):
            for name, (command, after) in self.sides.items():
                words = command()
                sync()
                sample = measure(words)
                after()
                self.times.setdefault(name, []).append(sample.wall)
                self.cpu.setdefault(name, []).append(sample.cpu)
                print(f"  {name}: {sample.wall:.2f} s", flush=True)

    def median(self, name):
        return statistics.median(self.times[name])

    def told(self, name):
        times = self.times[name]
        return f"{self.median(name):.2f} s ({min(times):.2f}–{max(times):.2f})"

    def ratio(self, verdicts, ours, theirs, target=None, least=None):
        """ours ÷ theirs, at most `target`; or, where `least` is given, theirs ÷ ours, at least that."""
        if ours not in self.times or theirs not in self.times:
            return
        ratio = self.median(ours) / self.median(theirs)
        figure = f"{1 / ratio:.2f} times as fast" if least else f"{ratio:.2f}×"
        wanted = f"≥ {least}" if least else f"≤ {target}×" if target else ""
        met = 1 / ratio >= least if least else ratio <= target if target else None
        verdicts.add(f"{ours} ÷ {theirs}", f"{figure}: {self.told(ours)}, {self.told(theirs)}", wanted, met)


def sync():
    measure(["sync"])


class Servers:
    """Of one part: larder-inbox, nginx with WebDAV, @tus/server where it can be had; and an agent for larder put. `place`: a host
    of the laboratory's network that the servers are on, `client`: one for the agent."""

    def __init__(self, lab, verdicts, address="127.0.0.1", place=None, client=None):
        self.lab, self.address, self.number = lab, address, 0
        options = {"max_open": 100000, "expiry": "1h"}
        self.application = Application(lab.folder("application"))
        self.inbox = Inbox(lab.bin_dir / "larder-inbox", lab.folder("inbox"), address, INBOX_PORT if place else None, application=self.application, inbox=options,
                           server={"keep_content": "0s", "access_log": "off", "max_connections": 4096, "connections_per_address": 4096})
        self.root = lab.folder("dav/root")
        self.nginx = dav_nginx(lab.folder("dav"), self.root, address, WEB_PORT if place else None)
        for server in (self.inbox, self.nginx):
            server.place = place
            lab.server(server)
        self.agent = lab.new_agent("agent", prefix=client.prefix() if client else ()).start() if can_put(lab) else None
        if not self.agent:
            verdicts.skip("larder put", "this tree's larder has no such command")
        self.tus = self.packages = None
        if not place:
            self.find_tus(verdicts)

    def find_tus(self, verdicts):
        try:
            self.tus = self.lab.server(TusServer(self.lab))
            self.packages, self.node = self.lab.bin_dir.parent / "upload-clients", find_node("node")
            install(TUS_PACKAGES, self.packages)
        except (Skip, Missing, RuntimeError) as reason:
            self.tus = self.packages = None
            verdicts.skip("tus-js-client and @tus/server", str(reason).splitlines()[0])

    def transaction(self):
        self.number += 1
        return f"t{self.number}"

    def put_url(self, name):
        return self.inbox.url(f"/in/{INBOX}/{self.transaction()}/{name}")

    def larder_put_many(self, files):
        """A command takes MOST files; COMMANDS of them run side by side."""
        words = " ".join(self.agent.larder_command("put", "--quiet"))
        script = f'printf "%s\\0" "$@" | xargs -0 -n {MOST} -P {COMMANDS} sh -c \'exec {words} "$@" {self.inbox.url()}\' sh'
        return ["sh", "-c", script, "sh", *files]

    def larder_put(self, *files):
        return self.agent.larder_command("put", "--quiet", *files, self.inbox.url(), "--transaction", self.transaction())

    def taken(self, count, size):
        """The application took all of it. The server keeps its own copies until its janitor comes."""
        begun = len(self.application.took)
        done = self.application.directory / "done"

        def enough():
            ready = self.application.directory / "ready"
            for name in self.application.waiting():
                self.application.took.append((name, (ready / name).stat().st_size))
                (ready / name).rename(done / name)
            return len(self.application.took) - begun >= count

        wait_until(enough, 120, f"{count} files in the application's directory")
        expect_equal([taken[1] for taken in self.application.took[begun:]], [size] * count, "sizes of what the application took")
        wait_until(lambda: all(row["state"] == "delivered" for row in self.inbox.rows()), 120, "the application's word in the ledger")
        for name in done.iterdir():
            name.unlink()

    def stored(self, folder, count, size):
        files = [path for path in folder.rglob("*") if path.is_file() and path.stat().st_size == size]
        expect_equal(len(files), count, f"files in {folder.name}")
        for path in folder.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def can_put(lab):
    with contextlib.suppress(AssertionError):
        measure([lab.bin_dir / "larder", "put", "--help"])
        return (lab.bin_dir / "larderd").exists()
    return False


def into_nginx(servers, words, then_sync):
    """The folder exists and is empty; `then_sync`: the file system is synced before it counts as done."""
    script = 'root=$1; shift; "$@"' + (' && sync -f "$root"' if then_sync else "")
    return ["sh", "-c", script, "sh", servers.root, *words]


CURL = ("curl", "-sSf", "-o", "/dev/null", "-H", "Expect:")


@part
def large(arguments, verdicts):
    """1 GiB over loopback."""
    size = arguments.size * MIB
    with Lab(arguments.bin_dir, base=arguments.base, programs=("larder-inbox",)) as lab:
        source = lab.file("source/large.bin", "large", size)
        servers, sides = Servers(lab, verdicts), Sides(arguments.rounds)

        def inbox():
            servers.taken(1, size)

        if servers.agent:
            sides.add("larder put → larder-inbox", lambda: servers.larder_put(source), inbox)
        sides.add("curl → nginx, sync", lambda: into_nginx(servers, [*CURL, "-T", source, servers.nginx.url("/large.bin")], True),
                  lambda: servers.stored(servers.root, 1, size))
        sides.add("curl → larder-inbox", lambda: [*CURL, "-T", source, servers.put_url("large.bin")], inbox)
        if servers.tus:
            script = [servers.node, HERE / "tus_many.cjs", servers.packages]
            theirs, folder = f"http://127.0.0.1:{servers.tus.port}/files/", source.parent
            sides.add("tus-js-client → @tus/server", lambda: [*script, theirs, AT_ONCE, folder],
                      lambda: servers.stored(servers.tus.home / "files", 1, size))
            sides.add("tus-js-client → larder-inbox", lambda: [*script, servers.inbox.url(), AT_ONCE, folder], inbox)
        sides.run()
    ours = "larder put → larder-inbox"
    sides.ratio(verdicts, ours, "curl → nginx, sync", target=1.5)
    sides.ratio(verdicts, ours, "tus-js-client → @tus/server", target=1.0)
    sides.ratio(verdicts, "curl → larder-inbox", "curl → nginx, sync")
    sides.ratio(verdicts, "tus-js-client → larder-inbox", "tus-js-client → @tus/server")


@part
def small(arguments, verdicts):
    """1000 files of 10 KiB."""
    with Lab(arguments.bin_dir, base=arguments.base, programs=("larder-inbox",)) as lab:
        folder = lab.folder("source")
        for number in range(FEW):
            (folder / f"f{number:03}").write_bytes(seeded_bytes(("small", number), SMALL))
        servers, sides = Servers(lab, verdicts), Sides(arguments.rounds)
        files = sorted(folder.iterdir())
        last = len(files) - 1

        def inbox():
            servers.taken(FEW, SMALL)

        def curl(url):
            return [*CURL[:2], "-Z", "--parallel-max", AT_ONCE, "-H", "Expect:", "-T", f"{folder}/f[000-{last}]", url]

        if servers.agent:
            sides.add("larder put → larder-inbox", lambda: servers.larder_put_many(files), inbox)
        sides.add("curl -Z → nginx, sync", lambda: into_nginx(servers, curl(servers.nginx.url("/")), True),
                  lambda: servers.stored(servers.root, FEW, SMALL))
        if servers.tus:
            script = [servers.node, HERE / "tus_many.cjs", servers.packages]
            theirs = f"http://127.0.0.1:{servers.tus.port}/files/"
            sides.add("tus-js-client → @tus/server", lambda: [*script, theirs, AT_ONCE, folder],
                      lambda: servers.stored(servers.tus.home / "files", FEW, SMALL))
            sides.add("tus-js-client → larder-inbox", lambda: [*script, servers.inbox.url(), AT_ONCE, folder], inbox)
        sides.run()
    ours = "larder put → larder-inbox"
    for theirs in ("tus-js-client → @tus/server", "tus-js-client → larder-inbox"):
        sides.ratio(verdicts, ours, theirs, least=2.0 if theirs.endswith("server") else None)
    sides.ratio(verdicts, ours, "curl -Z → nginx, sync")
    sides.ratio(verdicts, "tus-js-client → larder-inbox", "tus-js-client → @tus/server")
    sides.ratio(verdicts, "tus-js-client → larder-inbox", "curl -Z → nginx, sync")


@part
def line(arguments, verdicts):
    """256 MiB and 1 MiB over 100 Mbit/s with a round trip of 100 ms."""
    with Lab(arguments.bin_dir, base=arguments.base, programs=("larder-inbox",)) as lab:
        relay = lab.program("larder_line_relay")
        if why := lab_net.refused_line(relay):
            verdicts.skip("the line", why)
            return
        with Net(hosts=1, wan_mbit=MBIT, line=Line(rtt_ms=RTT_MS), relay=relay, congestion="cubic") as net:
            client = net.hosts[0]
            servers = Servers(lab, verdicts, INTERNET, net.internet, client)
            if not servers.agent:
                return
            for mib in (1, 256):
                measure_line(arguments, verdicts, servers, client, mib)
            servers.agent.kill()


def measure_line(arguments, verdicts, servers, client, mib):
    source = servers.lab.file(f"source/{mib}.bin", f"line {mib}", mib * MIB)
    sides = Sides(arguments.rounds)
    sides.add("larder put → larder-inbox", lambda: servers.larder_put(source), lambda: servers.taken(1, mib * MIB))
    sides.add("curl → nginx", lambda: [*client.prefix(), *CURL, "-T", source, servers.nginx.url(f"/{mib}.bin")],
              lambda: servers.stored(servers.root, 1, mib * MIB))
    sides.add("curl → larder-inbox", lambda: [*client.prefix(), *CURL, "-T", source, servers.put_url("f")],
              lambda: servers.taken(1, mib * MIB))
    sides.run()
    ours, theirs = sides.median("larder put → larder-inbox"), sides.median("curl → nginx")
    told = f"{sides.told('larder put → larder-inbox')}, curl → nginx {sides.told('curl → nginx')}"
    if mib == 1:
        trips = (ours - theirs) * 1000 / RTT_MS
        verdicts.add("line, 1 MiB: larder put", f"curl and {trips:.1f} round trips: {told}", "≤ 3", trips <= 3)
    else:
        verdicts.add(f"line, {mib} MiB: larder put", f"{ours / theirs:.3f}×: {told}", "≤ 1.05×", ours / theirs <= 1.05)


class HalfUploads:
    """So many uploads by PUT in this process: each sends half, and the rest when all have."""

    def __init__(self, address, count, size):
        self.address, self.data = address, seeded_bytes("half", size)
        self.count, self.sockets = count, []

    def begin(self):
        for number in range(self.count):
            made = socket.create_connection(self.address, 20)
            self.sockets.append(made)
            made.sendall(f"PUT /in/{INBOX}/half-{number}/f HTTP/1.1\r\nHost: x\r\nContent-Length: {len(self.data)}\r\n\r\n".encode())
        self.send(0, len(self.data) // 2)

    def send(self, begin, end, answers=None):
        """The same bytes over every connection, as fast as each takes them; then, with `answers`, the status line of each."""
        with selectors.DefaultSelector() as selector:
            for made in self.sockets:
                made.setblocking(False)
                selector.register(made, selectors.EVENT_WRITE, begin)
            while selector.get_map():
                ready = selector.select(60)
                expect(ready, f"{len(selector.get_map())} of {self.count} uploads stand still")
                for key, _ in ready:
                    self.go_on(selector, key, end, answers)

    def go_on(self, selector, key, end, answers):
        if key.events == selectors.EVENT_READ:
            answers.append(int(key.fileobj.recv(4096).split(b" ")[1]))
            selector.unregister(key.fileobj)
            return
        sent = key.data + key.fileobj.send(self.data[key.data:min(end, key.data + 64 * KIB)])
        if sent < end:
            selector.modify(key.fileobj, selectors.EVENT_WRITE, sent)
        elif answers is None:
            selector.unregister(key.fileobj)
        else:
            selector.modify(key.fileobj, selectors.EVENT_READ, sent)

    def end(self):
        answers = []
        self.send(len(self.data) // 2, len(self.data), answers)
        return answers

    def close(self):
        for made in self.sockets:
            made.close()


def peak_of(server):
    text = pathlib.Path(f"/proc/{server.process.pid}/status").read_text()
    return next(int(row.split()[1]) for row in text.splitlines() if row.startswith("VmHWM:")) * KIB


@part
def memory(arguments, verdicts):
    """1,000 uploads at once."""
    with Lab(arguments.bin_dir, base=arguments.base, programs=("larder-inbox",)) as lab:
        server = lab.server(Inbox(lab.bin_dir / "larder-inbox", lab.folder("inbox"), inbox={"max_open": 100000},
                                  server={"access_log": "off", "max_connections": 4096, "connections_per_address": 4096}))
        before, began = peak_of(server), time.monotonic()
        uploads = HalfUploads(("127.0.0.1", server.port), OPEN, OPEN_SIZE)
        try:
            uploads.begin()
            there = wait_until(lambda: len(list((server.state / "uploads/parts").iterdir())) == OPEN, 60, f"{OPEN} uploads begun")
            expect(there is not False, "not all of them were open at once")
            answers = uploads.end()
        finally:
            uploads.close()
        expect_equal(sorted(set(answers)), [201], "answers")
        peak = peak_of(server)
        verdicts.add(f"memory of larder-inbox, {OPEN} uploads at once", f"{peak / MIB:.0f} MiB at most, {before / MIB:.0f} MiB "
                     f"before; {OPEN * OPEN_SIZE / MIB / (time.monotonic() - began):.0f} MiB/s in all", f"≤ {MEMORY // MIB} MiB", peak <= MEMORY)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    bin_dir_argument(parser)
    parser.add_argument("--only", action="append", choices=list(PARTS))
    parser.add_argument("--rounds", type=int, default=3, help="of each measurement (default 3)")
    parser.add_argument("--size", type=int, default=1024, help="MiB of the large file (default 1024)")
    parser.add_argument("--base", help="directory to work in (default: the temporary one): on the disk that is measured")
    parser.add_argument("--write", metavar="FILE", help="put the table into this Markdown file, as a section of its own")
    arguments = parser.parse_args()
    arguments.bin_dir = pathlib.Path(arguments.bin_dir).resolve()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was made is cleared away
    for program in ("curl", "nginx"):
        if not find_program(program):
            parser.error(f"{program} is not installed (apt install curl nginx-light)")
    verdicts, began = Verdicts(), time.monotonic()
    for name in arguments.only or PARTS:
        print(f"{name}: {PARTS[name].__doc__}", flush=True)
        PARTS[name](arguments, verdicts)
    text = f"{verdicts.markdown()}\n\n{arguments.rounds} rounds; all of it took {(time.monotonic() - began) / 60:.1f} minutes."
    print("\n" + text)
    if arguments.write:
        command = "tests/bench/upload.py " + " ".join(options_told())
        about = " ".join(" ".join(__doc__.split("\n\n")[2:]).split())
        write_section(ROOT / arguments.write, HEADING, f"Made by `{command.strip()}` (`make bench-upload`). {about}\n\n{text}")
    return int(verdicts.missed > 0)


if __name__ == "__main__":
    sys.exit(main())
