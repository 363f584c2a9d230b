#!/usr/bin/env python3
"""`make demo-upload`: one file is put by `larder put` to larder-inbox, which hands it to an application. The client is killed with -9
in the middle, the server when it has accepted the file and its answer is on the way, the application between its effect and its
answer. Then the same with curl, a real nginx (WebDAV PUT) and an application that looks for new files. Every claim is checked; exit
status 1 if one does not hold. What BITS does stands beside it as the specification has it (MC-BUP): that is told, not measured."""

import argparse
import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
SUPPORT = ROOT / "tests" / "support"
sys.path.insert(0, str(SUPPORT))

from cutting_proxy import CuttingProxy
from lab_inbox import Inbox
from lab_servers import dav_nginx, find_program
from larder_lab import MIB, Lab, bin_dir_argument, expect, expect_equal, file_sha256, wait_until

SIZE = 192 * MIB
NAME = "nightly.tar"
TRANSACTION = "nightly-2026-11-30"
PYTHON = [sys.executable, "-S", "-B"]
QUICK = ("--retry-delay", "100ms", "--retry-for", "60s")
# Looks for files that it has not done yet, by name and time; has its effect, and then notes that it has. Stops itself between the two
# where halt exists, so that it can be killed there.
LOOKING_APPLICATION = r"""
import os, signal, sys, time
folder, home = sys.argv[1:3]
while True:
    done = open(home + "/noted").read().split() if os.path.exists(home + "/noted") else []
    for name in os.listdir(folder):
        facts = name + ":" + str(os.stat(folder + "/" + name).st_mtime_ns)
        if facts in done:
            continue
        with open(home + "/effects", "a") as out:
            out.write(facts + "\n")
        try:
            os.rename(home + "/halt", home + "/halted")
            os.kill(os.getpid(), signal.SIGSTOP)
        except FileNotFoundError:
            pass
        with open(home + "/noted", "a") as out:
            out.write(facts + "\n")
    time.sleep(0.02)
"""
BITS = {
    "client": "goes on: the client keeps its session's id",
    "server": "the notification comes again; where the answer to Close-Session was the lost one, the whole file too",
    "application": "called again, without an id: \"include a transaction id in the data\"",
    "sent": "1 to 2 ×",
    "effects": "2 or more",
}


def say(text):
    print(f"\n\033[1m▸ {text}\033[0m" if sys.stdout.isatty() else f"\n> {text}", flush=True)


def told(text):
    print(f"  {text}", flush=True)


def kill(process):
    process.kill()
    process.wait()


class Ours:
    """larder put, larder-inbox, and an application that keeps ids."""

    def __init__(self, lab, source):
        self.lab, self.source, self.home = lab, source, lab.folder("keeper")
        for name in ("halt", "effects"):
            (self.home / name).mkdir()
        program = [*PYTHON, str(SUPPORT / "upload_application.py"), "keeps", str(self.home)]
        self.inbox = lab.server(Inbox(lab.bin_dir / "larder-inbox", lab.folder("inbox"),
                                      inbox={"hand_over": "program", "program": program, "directory": ""}))
        self.agent = lab.agent("agent")
        self.proxy = lab_proxy(lab, self.inbox.port)
        self.column = {}

    def put(self):
        words = ["put", "--quiet", self.source, self.proxy.url("/in/builds/"), "--transaction", TRANSACTION, *QUICK]
        told("$ larder " + " ".join(str(word) for word in words[:1] + [NAME] + words[3:6]))
        return self.lab.process(self.agent.larder_command(*words), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def calls(self, stage=None):
        log = self.home / "calls.log"
        lines = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
        return [line for line in lines if stage in (None, line["stage"])]

    def client_dies(self):
        say(f"larder put sends {SIZE // MIB} MiB; halfway the client is killed with -9: command and agent.")
        process, dead = {}, threading.Event()
        self.proxy.look(SIZE // 2, then=lambda: (kill(process["put"]), self.agent.kill(), dead.set()))
        process["put"] = self.put()
        expect(dead.wait(60), "half of the file was not sent")
        self.proxy.expect_done()
        wait_until(lambda: self.offset() > 0, 20, "an offset in the ledger")
        offset = self.offset()
        told(f"the server has {offset // MIB} MiB, synced and in its ledger; the application knows of nothing")
        expect(not self.calls(), "the application was called for half a file")
        self.column["client"] = f"went on at {offset // MIB} MiB"

    def offset(self):
        rows = self.inbox.rows()
        expect(len(rows) <= 1, f"{len(rows)} uploads of one transaction")
        return rows[0]["received"] if rows else 0

    def server_dies(self):
        say("The agent is started again, the same command goes on. The server accepts the file, and is killed with -9 while its answer is "
            "on the way.")
        (self.home / "halt/effected").touch()
        self.agent.start()
        self.proxy.lose_answer(b"larder-upload-digest:")
        passed = self.proxy.passed
        self.process = self.put()
        wait_until(lambda: self.proxy.lost_count == 1, 60, "the answer that is lost", 0.001)
        self.inbox.kill()
        wait_until(lambda: self.inbox.rows()[0]["state"] not in ("receiving",), 10, "the file in the ledger")
        told(f"the ledger of the dead server says {self.inbox.rows()[0]['state']}; the client was told nothing, and tries again")
        self.killed = self.kill_halted()
        self.before = self.proxy.passed
        expect(self.before - passed < SIZE * 3 // 4, f"{self.before - passed} bytes were sent after the first half")

    def kill_halted(self):
        """The application that stopped between its effect and its answer, if it came so far."""
        for mark in (self.home / "halt").glob("effected.*"):
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(mark.name.split(".")[1]), signal.SIGKILL)
            mark.unlink()
            return True
        return False

    def application_dies(self):
        say("The server is started again, and calls the application. That has its effect, and is killed with -9 before it says so.")
        self.inbox.start()
        if not self.killed:
            wait_until(lambda: list((self.home / "halt").glob("effected.*")), 30, "the application's effect")
            self.kill_halted()
        output = self.process.communicate(timeout=60)[0]
        expect_equal(self.process.returncode, 0, f"exit status of larder put, which said {output}")
        again = self.proxy.passed - self.before
        told(f"larder put ended well: it was given the stored answer; {again:,} bytes were sent for that")
        expect(again < 64 * 1024, f"{again} bytes were sent for an answer")
        wait_until(lambda: self.inbox.rows()[0]["state"] == "delivered", 60, "the delivery")
        self.column["server"] = f"the stored answer; {again:,} bytes were sent for it"

    def settle(self):
        known, effects = self.calls("known"), list((self.home / "effects").iterdir())
        expect(known, "the application was not called again")
        expect_equal(len(effects), 1, "effects")
        effect = json.loads(effects[0].read_text())
        expect_equal((effect["sha256"], effect["name"]), (file_sha256(self.source), NAME), "what the application has")
        ids = {call["id"] for call in self.calls()}
        expect_equal(len(ids), 1, f"ids that the application was called with: {ids}")
        told(f"the application was called {len(self.calls('called'))} times, always with the id {ids.pop()}: the last time it knew it")
        self.column["application"] = f"called again with the same id (attempt {known[-1]['attempt']}): it knew it"
        self.column["sent"] = f"{self.proxy.passed / SIZE:.2f} ×"
        self.column["effects"] = str(len(effects))
        self.process = self.put()
        expect_equal(self.process.wait(60), 0, "exit status of the command once more")
        expect_equal(len(self.inbox.rows()), 1, "uploads in the ledger")
        told("the same command once more: done at once, nothing is handed over again")


def lab_proxy(lab, port):
    proxy = CuttingProxy(port)
    proxy.__enter__()
    lab.undo.append(lambda: proxy.__exit__(None, None, None))
    return proxy


class Theirs:
    """curl -T, nginx with WebDAV, and an application that looks for new files."""

    def __init__(self, lab, source):
        self.lab, self.source, self.home, self.root = lab, source, lab.folder("looker"), lab.folder("dav/root")
        self.nginx = lab.server(dav_nginx(lab.folder("dav"), self.root))
        self.proxy = lab_proxy(lab, self.nginx.port)
        self.column = {}
        self.start_application()

    def start_application(self):
        self.application = self.lab.process([*PYTHON, "-c", LOOKING_APPLICATION, self.root, self.home])

    def put(self):
        return self.lab.process(["curl", "-sSf", "-H", "Expect:", "-T", self.source, self.proxy.url(f"/{NAME}")],
                                stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)

    def effects(self):
        return (self.home / "effects").read_text().splitlines() if (self.home / "effects").exists() else []

    def kill_nginx(self):
        """Its workers too: they outlive it."""
        pid = self.nginx.process.pid
        workers = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        kill(self.nginx.process)
        for worker in workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(worker), signal.SIGKILL)

    def client_dies(self):
        process, dead = {}, threading.Event()
        self.proxy.look(SIZE // 2, then=lambda: (kill(process["put"]), dead.set()))
        process["put"] = self.put()
        expect(dead.wait(60), "half of the file was not sent")
        self.proxy.expect_done()
        self.first = self.proxy.passed

    def server_dies(self):
        (self.home / "halt").touch()
        self.proxy.lose_answer(f"put /{NAME}".encode())
        process = self.put()
        wait_until(lambda: self.proxy.lost_count == 1, 60, "the answer that is lost", 0.001)
        self.kill_nginx()
        expect(process.wait(60) != 0, "curl was told of success")
        sent = self.proxy.passed - self.first
        expect(sent >= SIZE, "curl went on in the middle")
        self.column["client"] = f"sent again from 0 ({self.first // MIB} MiB for nothing)"

    def application_dies(self):
        wait_until((self.home / "halted").exists, 20, "the application's effect")
        kill(self.application)
        self.start_application()
        wait_until(lambda: len(self.effects()) == 2, 20, "the application, started again")
        self.column["application"] = "did it again: it had not noted that it was done"
        self.nginx.start()
        passed = self.proxy.passed
        expect_equal(self.put().wait(60), 0, "exit status of curl")
        self.column["server"] = f"the whole again ({(self.proxy.passed - passed) // MIB} MiB), a new file to the application"

    def settle(self):
        with contextlib.suppress(TimeoutError):
            wait_until(lambda: len(self.effects()) == 3, 10, "what the application makes of the file that came again")
        expect_equal(file_sha256(self.root / NAME), file_sha256(self.source), "the file at nginx")
        self.column["sent"] = f"{self.proxy.passed / SIZE:.2f} ×"
        self.column["effects"] = str(len(self.effects()))


ROWS = [("client", "client killed in the middle"), ("server", "server killed, its last answer lost"),
        ("application", "application killed after its effect"), ("sent", "sent for one file"), ("effects", "effects of one file")]


def wrapped(text, width):
    lines = [""]
    for word in text.split():
        if len(lines[-1]) + len(word) + 1 > width and lines[-1]:
            lines.append("")
        lines[-1] += (" " if lines[-1] else "") + word
    return lines


def table(ours, theirs):
    say("One file, three kills:")
    head = ["", "larder put → larder-inbox", "curl -T → nginx", "BITS, as specified"]
    widths = [max(len(title) for _, title in ROWS), 32, 32, 36]
    for row in [head, *([title, ours[key], theirs[key], BITS[key]] for key, title in ROWS)]:
        cells = [wrapped(text, width) for text, width in zip(row, widths)]
        for number in range(max(map(len, cells))):
            print("  " + "  ".join((cell[number] if number < len(cell) else "").ljust(width) for cell, width in zip(cells, widths)).rstrip())
    print("  The first two columns were measured just now; the last is what MC-BUP says, sections 3.1.5 and 3.2.5.", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    bin_dir_argument(parser)
    parser.add_argument("--keep", action="store_true", help="leave the directory of the demonstration")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    for program in ("curl", "nginx"):
        if not find_program(program):
            parser.error(f"{program} is not installed (apt install curl nginx-light)")
    started = time.monotonic()
    try:
        with Lab(arguments.bin_dir, keep=arguments.keep, programs=("larderd", "larder", "larder-inbox")) as lab:
            source = lab.file(f"source/{NAME}", "demo upload", SIZE)
            ours = Ours(lab, source)
            for step in (ours.client_dies, ours.server_dies, ours.application_dies, ours.settle):
                step()
            expect_equal(ours.agent.stop(), 0, "exit status of larderd")
            say("The same with curl and nginx: its client, the server and an application that looks for new files, killed at the same moments.")
            theirs = Theirs(lab, source)
            for step in (theirs.client_dies, theirs.server_dies, theirs.application_dies, theirs.settle):
                step()
            told(f"curl sent {theirs.proxy.passed:,} bytes in all; the application had its effect {theirs.column['effects']} times")
            table(ours.column, theirs.column)
            expect_equal(ours.column["effects"], "1", "effects")
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
