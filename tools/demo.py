#!/usr/bin/env python3
"""`make demo`: an office of three hosts and one origin behind a slow line. The first host fetches a file, is killed with
-9 halfway and goes on; the second and third take it from their neighbours; then a cache hit, a new edition under the same
URL, and a verdict of "not valid". Real input, a real nginx, the real programs. Every claim is checked; exit status 1 if one
does not hold. Hosts are network namespaces, where these are permitted (root), otherwise loopback addresses."""

import argparse
import contextlib
import os
import pathlib
import pty
import signal
import subprocess
import sys
import tarfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests" / "support"))

from lab_office import Office, table_of_sources
from larder_lab import MIB, Lab, bin_dir_argument, expect, expect_equal, file_sha256, segment_size

WAN_MBIT, LAN_MBIT = 200, 1000
INPUT = 220 * MIB
SOURCES = ("origin", "peers", "cache", "wasted")


def say(text):
    print(f"\n\033[1m▸ {text}\033[0m" if sys.stdout.isatty() else f"\n> {text}", flush=True)


def collect_files(limit):
    """Installed libraries and programs, until they come to `limit` bytes; small files only where that is not enough."""
    large, small = [], []
    for top in ("/usr/lib", "/usr/bin", "/usr/share"):
        for directory, _, names in os.walk(top):
            for name in names:
                path = os.path.join(directory, name)
                with contextlib.suppress(OSError):
                    size = os.path.getsize(path)
                    if not os.path.islink(path) and os.path.isfile(path) and os.access(path, os.R_OK) and size < 48 * MIB:
                        (large if size >= MIB else small).append((path, size))
    chosen, total = [], 0
    for path, size in sorted(large) + sorted(small):
        if total >= limit:
            break
        chosen.append(path)
        total += size
    expect(total >= 200 * MIB, f"only {total // MIB} MiB of installed files were found")
    return chosen


def make_archive(path, files):
    with tarfile.open(path, "w") as archive:
        for name in files:
            archive.add(name, recursive=False)
    return path


class Shown:
    """`larder …` on a terminal of its own, so that its progress line is the one a person sees."""

    def __init__(self, host, *arguments):
        print(f"  {host.name}$ larder " + " ".join(str(a) for a in arguments), flush=True)
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen(host.agent.larder_command(*arguments), stdin=subprocess.DEVNULL, stdout=slave, stderr=slave,
                                        start_new_session=True)
        os.close(slave)
        self.text = ""
        self.reader = threading.Thread(target=self._relay, daemon=True)
        self.reader.start()

    def _relay(self):
        """Lines as they come; of the progress line a look each second where nobody watches."""
        interactive, last, open_line = sys.stdout.isatty(), 0.0, False
        with contextlib.suppress(OSError):
            while data := os.read(self.master, 65536).decode(errors="replace"):
                self.text += data
                for part in data.replace("\r\n", "\n").replace("\033[K", "").split("\r"):
                    lines = [line for line in part.split("\n") if line.strip()]
                    for line in lines:
                        finished = "\n" in part
                        if interactive and not finished:
                            print(f"\r\033[K  {line}", end="", flush=True)
                            open_line = True
                        elif finished or time.monotonic() - last > 1:
                            print(("\r\033[K" if open_line else "") + f"  {line}", flush=True)
                            open_line, last = False, time.monotonic()
        if open_line:
            print(flush=True)

    def wait(self):
        status = self.process.wait(120)
        self.reader.join(10)
        os.close(self.master)
        return status


class Demo:
    def __init__(self, lab, office):
        self.lab, self.office, self.hosts = lab, office, office.hosts
        self.root, self.out = office.root, lab.folder("out")
        self.rows, self.sent_before = [], 0

    def prepare(self):
        office = self.office
        say(f"Three machines of an office and an nginx on the internet: {office.form}.")
        if office.loopback:
            print(f"  the line to the origin: {WAN_MBIT} Mbit/s for each connection; the LAN is this machine's loopback")
        else:
            print(f"  the office's line to the origin: {WAN_MBIT} Mbit/s; the LAN: {LAN_MBIT} Mbit/s")
        files = collect_files(INPUT)
        first = make_archive(self.lab.directory / "1.tar", files)
        second = make_archive(self.lab.directory / "2.tar", files[::-1])
        # nginx makes its ETag of size and modification time in seconds: the editions must not be of one second.
        os.utime(first, (time.time() - 3600,) * 2)
        os.rename(first, self.root / "libraries.tar")
        self.second = second
        self.size = (self.root / "libraries.tar").stat().st_size
        expect_equal(second.stat().st_size, self.size, "size of the second edition")
        self.digests = [file_sha256(self.root / "libraries.tar"), file_sha256(second)]
        small = make_archive(self.root / "build.tar", files[-3:])
        print(f"  libraries.tar, an archive of installed libraries: {self.size:,} bytes, sha256 {self.digests[0][:16]}…; "
              f"build.tar: {small.stat().st_size:,} bytes")
        self.url = office.origin.url("/libraries.tar")
        for host in self.hosts:
            host.agent.start()
        print("  larderd is ready on " + ", ".join(f"{h.name} after {h.agent.ready_after:.3f} s" for h in self.hosts))

    def group(self):
        say("The first makes a group; an invitation admits each of the others. That is all there is to set up.")
        first, *rest = self.hosts
        print(f"  {first.name}$ larder group create office")
        first.agent.larder("group", "create", "office", check=True)
        for host in rest:
            print(f"  {first.name}$ larder group invite     {host.name}$ larder group join INVITATION")
            self.office.admit(first, host)
        self.office.wait_acquainted()
        print(f"  {first.name}$ larder peers\n    "
              + "\n    ".join(first.agent.larder("peers", check=True).stdout.strip().splitlines()))

    def step_done(self, what, host, job, seconds):
        """A row of the closing table, from the API and the origin's log."""
        sent = self.office.origin.sent()
        self.rows.append((what, host, seconds, job["figures"], sent - self.sent_before))
        self.sent_before = sent

    def target(self, host, name="libraries.tar"):
        return self.lab.folder(f"out/{host.name}") / name

    def get(self, what, host, *arguments):
        """Runs `larder get`, and makes a row of its job, which is followed by its events."""
        started = time.monotonic()
        with host.api.events(timeout=120) as stream:
            command = Shown(host, "get", *arguments)
            status = command.wait()
            seconds = time.monotonic() - started
            job = None
            while (event := stream.next(1.0)) is not None:
                if event["event"].startswith("job.") and event["data"]["state"] in ("transferred", "error", "acknowledged"):
                    job = event["data"]
                    if job["state"] in ("acknowledged", "error"):
                        break
        expect(job is not None, "no event told of the job's end")
        self.step_done(what, host, job, seconds)
        return status, job

    def got(self, what, host, digest, *arguments, name="libraries.tar"):
        """A `larder get` that has to leave the right file; its job."""
        status, job = self.get(what, host, self.url, "-o", self.target(host, name), *arguments)
        expect_equal(status, 0, "exit status of larder get")
        expect_equal(file_sha256(self.target(host, name)), digest, "SHA-256 of the file")
        expect_equal(sum(job["figures"][s] for s in SOURCES[:3]), self.size, "bytes from origin, peers and cache")
        return job

    def fetch_and_kill(self):
        host = self.hosts[0]
        say(f"{host.name} fetches the file; halfway both programs are killed with -9.")
        started = time.monotonic()
        with host.api.events(timeout=60) as stream:
            command = Shown(host, "get", self.url, "-o", self.target(host))
            while event := stream.next(30):
                if event["event"] == "job.progress" and event["data"]["bytes"] >= self.size // 2:
                    break
            expect(event is not None, "the job did not get halfway")
        os.kill(command.process.pid, 9)
        host.agent.kill()
        command.wait()
        half, there = event["data"]["bytes"], self.target(host).exists()
        print(f"  killed at {half // MIB} of {self.size // MIB} MiB; at the destination there is "
              f"{'a' if there else 'no'} file under the real name")
        expect(not there, "an unfinished file stands under the real name")
        say("Start the agent again and repeat the same command: it goes on where it was.")
        host.agent.start()
        self.got("fetch, killed at half, resumed", host, self.digests[0])
        what, _, _, figures, sent = self.rows[-1]
        self.rows[-1] = (what, host, time.monotonic() - started, figures, sent)
        limit = segment_size(self.size) + 8 * MIB  # what was in sockets and not yet on disk
        print(f"  the file is right; the origin sent {sent:,} bytes for {self.size:,}")
        expect(sent - self.size <= limit, f"{sent - self.size} bytes were sent twice, expected at most {limit}")
        good, report = host.agent.check_cache()
        expect(good, f"index and bytes differ: {report}")

    def from_neighbours(self):
        say("The second and the third want the same URL: the origin is asked which edition it has, the bytes come from the LAN.")
        self.office.wait_acquainted()
        for host in self.hosts[1:]:
            job = self.got("the same file", host, self.digests[0])
            expect_equal((job["figures"]["peers"], self.rows[-1][4]), (self.size, 0), "bytes from peers, and sent by the origin")

    def again_from_the_cache(self):
        host = self.hosts[1]
        say(f"{host.name} once more: the bytes come from its own cache.")
        job = self.got("the same again", host, self.digests[0], name="again.tar")
        expect_equal((job["figures"]["cache"], self.rows[-1][4]), (self.size, 0), "bytes from the cache and sent by the origin")

    def new_edition(self):
        say("The origin puts other bytes of the same size under the same URL: nobody gives the old ones for new.")
        os.rename(self.second, self.root / "libraries.tar")
        job = self.got("a new edition", self.hosts[2], self.digests[1])
        expect_equal(job["figures"]["origin"], self.size, "bytes from the origin")
        job = self.got("the new edition", self.hosts[0], self.digests[1])
        expect_equal((job["figures"]["peers"], self.rows[-1][4]), (self.size, 0), "bytes from peers, and sent by the origin")

    def not_valid(self):
        host = self.hosts[0]
        say("A file whose judge, a hook that the admin configured, says not valid: no file, nothing cached, nothing offered.")
        url = self.office.origin.url("/build.tar")
        status, job = self.get("judged not valid", host, url, "-o", self.target(host, "build.tar"), "--hook", "release-check")
        expect_equal(status, 41, "exit status of larder get")
        expect(not self.target(host, "build.tar").exists(), "a file that was judged not valid was handed over")
        shown = host.api.job(job["id"])
        expect_equal((shown["state"], shown["error"]["code"]), ("error", "validation_failed"), "state and code of the job")
        urls = [v["url"] for r in host.api.cache() for v in r["versions"] if r["state"] == "complete"]
        expect(url not in urls, "content judged not valid is in the cache")

    def table(self):
        say("Where every byte came from (as the agents count them; the origin's own access log beside):")
        head = ("", "host", "seconds", *SOURCES, "sent by the origin")
        rows = [(what, host.name, f"{seconds:.1f}", *(f"{figures[s]:,}" for s in SOURCES), f"{sent:,}")
                for what, host, seconds, figures, sent in self.rows]
        widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
        for row in [head, *rows]:
            print("  " + row[0].ljust(widths[0]) + "".join("  " + cell.rjust(width)
                                                           for cell, width in zip(row[1:], widths[1:])))
        totals = [(host.name, {s: sum(row[3][s] for row in self.rows if row[1] is host) for s in SOURCES})
                  for host in self.hosts]
        say("By host:")
        print("  " + "\n  ".join(table_of_sources(totals)))
        wanted = sum(figures["origin"] + figures["peers"] for _, figures in totals)
        sent = self.office.origin.sent()
        print(f"  the hosts fetched {wanted:,} bytes; the origin's access log has {sent:,} bytes of bodies: "
              f"{sent / wanted:.0%}")
        for uri in ("/libraries.tar", "/build.tar"):
            asked = [r for r in self.office.origin.requests() if r["uri"] == uri]
            gets = [r for r in asked if r["method"] == "GET"]
            print(f"  {uri}: {len(gets)} GET with {sum(r['sent'] for r in gets):,} bytes, "
                  f"{len(asked) - len(gets)} HEAD")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    bin_dir_argument(parser)
    parser.add_argument("--keep", action="store_true", help="leave the directory of the demonstration")
    parser.add_argument("--loopback", action="store_true", help="hosts are loopback addresses, not network namespaces")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    started = time.monotonic()
    try:
        with Lab(arguments.bin_dir, keep=arguments.keep) as lab:
            lab.loopback = arguments.loopback
            refuse = lab.directory / "refuse.sh"
            refuse.write_text('#!/bin/sh\necho "this build was withdrawn"\nexit 1\n')
            refuse.chmod(0o755)
            with Office(lab, 3, WAN_MBIT, LAN_MBIT, start=False, agent={"log_level": "info"},
                        hook=[{"name": "release-check", "command": [str(refuse)]}]) as office:
                demo = Demo(lab, office)
                for step in (demo.prepare, demo.group, demo.fetch_and_kill, demo.from_neighbours, demo.again_from_the_cache,
                             demo.new_edition, demo.not_valid, demo.table):
                    step()
                for host in office.hosts:
                    expect_equal(host.agent.stop(), 0, "exit status of larderd")
    except KeyboardInterrupt:
        print("\nstopped; all that was made is cleared away", file=sys.stderr)
        return 130
    except (AssertionError, RuntimeError, TimeoutError, OSError) as error:
        print(f"\nNOT as told: {error}", file=sys.stderr)
        return 1
    print(f"\nAll as told, in {time.monotonic() - started:.0f} s.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
