#!/usr/bin/env python3
"""`make demo`: a download that survives kill -9, a repeated one from the cache, a new edition under the same URL, and a
verdict of "not valid". Real input, a real nginx at a shaped rate, the real programs. Every claim is checked; exit
status 1 if one does not hold."""

import argparse
import contextlib
import os
import pathlib
import pty
import subprocess
import sys
import tarfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests" / "support"))

from larder_lab import (MIB, Lab, Nginx, bin_dir_argument, expect, expect_equal, file_sha256, segment_size)

RATE = 24 * MIB  # bytes/s of the origin's line
INPUT = 220 * MIB


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

    def __init__(self, agent, *arguments):
        print("  $ larder " + " ".join(str(a) for a in arguments), flush=True)
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen(agent.larder_command(*arguments), stdin=subprocess.DEVNULL, stdout=slave, stderr=slave,
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
    def __init__(self, lab):
        self.lab = lab
        self.root, self.out = lab.folder("origin"), lab.folder("out")
        self.rows = []
        refuse = lab.directory / "refuse.sh"
        refuse.write_text('#!/bin/sh\necho "this build was withdrawn"\nexit 1\n')
        refuse.chmod(0o755)
        self.agent = lab.new_agent(agent={"log_level": "info"}, hook=[{"name": "release-check", "command": [str(refuse)]}])
        self.origin = None
        self.sent_before = 0

    def prepare(self):
        say(f"An archive of installed libraries is the file ({INPUT // MIB} MiB), nginx on loopback at {RATE // MIB} MiB/s "
            "the origin.")
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
        print(f"  libraries.tar: {self.size:,} bytes, sha256 {self.digests[0][:16]}…; build.tar: {small.stat().st_size:,} bytes")
        self.origin = self.lab.server(Nginx(self.lab.folder("nginx"), self.root, rate=RATE))
        self.url = self.origin.url("/libraries.tar")
        self.target = self.out / "libraries.tar"
        self.agent.start()
        print(f"  larderd is ready after {self.agent.ready_after:.3f} s")

    def step_done(self, what, job, seconds):
        """A row of the closing table, from the API and the origin's log."""
        sent = self.origin.sent()
        figures = job["figures"]
        self.rows.append((what, seconds, figures["origin"], figures["peers"], figures["cache"], figures["wasted"],
                          sent - self.sent_before))
        self.sent_before = sent

    def get(self, what, *arguments):
        """Runs `larder get`, and makes a row of its job, which is followed by its events."""
        started = time.monotonic()
        with self.agent.api.events(timeout=120) as stream:
            command = Shown(self.agent, "get", *arguments)
            status = command.wait()
            job = None
            while (event := stream.next(1.0)) is not None:
                if event["event"].startswith("job.") and event["data"]["state"] in ("transferred", "error", "acknowledged"):
                    job = event["data"]
                    if job["state"] in ("acknowledged", "error"):
                        break
        expect(job is not None, "no event told of the job's end")
        self.step_done(what, job, time.monotonic() - started)
        return status, job

    def fetch_and_kill(self):
        say("Fetch it; halfway both programs are killed with -9.")
        started = time.monotonic()
        with self.agent.api.events(timeout=60) as stream:
            command = Shown(self.agent, "get", self.url, "-o", self.target)
            while event := stream.next(30):
                if event["event"] == "job.progress" and event["data"]["bytes"] >= self.size // 2:
                    break
            expect(event is not None, "the job did not get halfway")
        os.kill(command.process.pid, 9)
        self.agent.kill()
        command.wait()
        half = event["data"]["bytes"]
        print(f"  killed at {half // MIB} of {self.size // MIB} MiB; "
              f"at the destination there is {'a' if self.target.exists() else 'no'} file under the real name")
        expect(not self.target.exists(), "an unfinished file stands under the real name")
        say("Start the agent again and repeat the same command: it goes on where it was.")
        self.agent.start()
        status, _ = self.get("fetch, killed at half, resumed", self.url, "-o", self.target)
        row = self.rows[-1]
        self.rows[-1] = (row[0], time.monotonic() - started, *row[2:])
        expect_equal(status, 0, "exit status of larder get")
        expect_equal(file_sha256(self.target), self.digests[0], "SHA-256 of the file")
        refetched = row[6] - self.size
        limit = segment_size(self.size) + 8 * MIB  # what was in sockets and not yet on disk
        print(f"  the file is right; the origin sent {row[6]:,} bytes for {self.size:,}")
        expect(refetched <= limit, f"{refetched} bytes were sent twice, expected at most {limit}")
        good, report = self.agent.check_cache()
        expect(good, f"index and bytes differ: {report}")

    def again_from_the_cache(self):
        say("The same URL again: the origin is asked whether it changed, the bytes come from the cache.")
        status, job = self.get("the same again", self.url, "-o", self.out / "again.tar")
        expect_equal(status, 0, "exit status of larder get")
        expect_equal(file_sha256(self.out / "again.tar"), self.digests[0], "SHA-256 of the file")
        expect_equal((job["figures"]["cache"], self.rows[-1][6]), (self.size, 0), "bytes from the cache and sent by the origin")

    def new_edition(self):
        say("The origin puts other bytes of the same size under the same URL: the new edition is fetched, nothing is mixed.")
        os.rename(self.second, self.root / "libraries.tar")
        status, job = self.get("a new edition", self.url, "-o", self.target)
        expect_equal(status, 0, "exit status of larder get")
        expect_equal(file_sha256(self.target), self.digests[1], "SHA-256 of the file")
        expect_equal(job["figures"]["origin"], self.size, "bytes from the origin")

    def not_valid(self):
        say("A file whose judge, a hook that the admin configured, says not valid: no file, nothing cached, set aside.")
        status, job = self.get("judged not valid", self.origin.url("/build.tar"), "-o", self.out / "build.tar", "--hook",
                               "release-check")
        expect_equal(status, 41, "exit status of larder get")
        expect(not (self.out / "build.tar").exists(), "a file that was judged not valid was handed over")
        page = self.agent.larder("job", "show", job["id"], check=True).stdout
        print("  $ larder job show " + job["id"] + "\n    " + "\n    ".join(page.strip().splitlines()))
        shown = self.agent.api.job(job["id"])
        expect_equal((shown["state"], shown["error"]["code"]), ("error", "validation_failed"), "state and code of the job")
        aside = self.lab.directory / "aside"
        with open(aside, "wb") as out:
            subprocess.run(self.agent.larder_command("job", "content", job["id"], "0"), stdout=out, check=True)
        expect_equal(file_sha256(aside), file_sha256(self.root / "build.tar"), "the content set aside")
        urls = [v["url"] for r in self.agent.api.cache() for v in r["versions"] if r["state"] == "complete"]
        expect(self.origin.url("/build.tar") not in urls, "content judged not valid is in the cache")

    def table(self):
        say("Where every byte came from (bytes by source as the agent counts them; the origin's own log beside):")
        head = ("", "seconds", "origin", "peers", "cache", "wasted", "sent by the origin")
        rows = [(r[0], f"{r[1]:.1f}", *(f"{n:,}" for n in r[2:])) for r in self.rows]
        widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
        for row in [head, *rows]:
            print("  " + row[0].ljust(widths[0]) + "".join("  " + cell.rjust(width)
                                                           for cell, width in zip(row[1:], widths[1:])))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    bin_dir_argument(parser)
    parser.add_argument("--keep", action="store_true", help="leave the directory of the demonstration")
    arguments = parser.parse_args()
    started = time.monotonic()
    try:
        with Lab(arguments.bin_dir, keep=arguments.keep) as lab:
            demo = Demo(lab)
            for step in (demo.prepare, demo.fetch_and_kill, demo.again_from_the_cache, demo.new_edition, demo.not_valid,
                         demo.table):
                step()
            expect_equal(demo.agent.stop(), 0, "exit status of larderd")
    except (AssertionError, RuntimeError, TimeoutError, OSError) as error:
        print(f"\nNOT as told: {error}", file=sys.stderr)
        return 1
    print(f"\nAll as told, in {time.monotonic() - started:.0f} s.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
