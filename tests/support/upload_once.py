"""One inbox, its application and clients that are killed at chosen moments of an upload: tests/fault/uploads.py."""

import contextlib
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import threading
import time

from watched_proxy import CUT, CuttingProxy
from inbox_lab import PROXY_PORT, FolderWatch, Inbox, own_address, token_of
from larder_lab import expect, expect_equal, seeded_bytes, wait_until
from upload_checker import ApplicationLog, Checker
from upload_client import Journal

SUPPORT = pathlib.Path(__file__).resolve().parent
PYTHON = (sys.executable, "-S", "-B")
STEPS = ("create", "append", "seal", "accept", "claim", "ack")  # and the forgetting, at the end of each run
VICTIMS = ("server", "client", "application")


class Trap:
    """One moment that is waited for: the first event that `fits`. `act` is called in it."""

    def __init__(self, fits, act):
        self.fits, self.act, self.taken, self.lock = fits, act, False, threading.Lock()
        self.sprung = threading.Event()  # and `act` has returned

    def see(self, *event):
        with self.lock:
            if self.taken or not self.fits(*event):
                return None
            self.taken = True
        try:
            return self.act()
        finally:
            self.sprung.set()


class Moment:
    """What is waited for, how long after it the kill comes, whether what was seen is cut, and at which stage of a call the
    application stops for it."""

    def __init__(self, fits, delay, cuts=False, halts=None):
        self.fits, self.delay, self.cuts, self.halts = fits, delay, cuts, halts


def is_final(event, size):
    """The request that brings the last byte."""
    if event.method == "PUT":
        return True
    if event.method == "BITS_POST":
        range_ = event.asked.get("content-range")
        return bool(range_) and int(range_.split("-")[1].split("/")[0]) + 1 == size
    if event.method == "POST":
        return event.length == size
    return event.method == "PATCH" and int(event.asked["upload-offset"]) + event.length == size


def is_creation(event):
    return event.method in ("POST", "PUT") or event.asked.get("bits-packet-type") == "Create-Session"


class Once:
    """A server behind a proxy, an application, and one upload after the other with a bystander now and then."""

    def __init__(self, seed, lab, dialect, way, disk=None):
        """`disk`: a small file system for the server's state, that can be filled."""
        self.rng, self.disk = random.Random(f"once {dialect} {way} {seed}"), disk
        self.lab, self.dialect, self.way = lab, dialect, way
        self.home, self.folder = lab.folder("application"), lab.folder("handed")
        for name in ("halt", "effects"):
            (self.home / name).mkdir()
        for name in ("ready", "done", "reject"):
            (self.folder / name).mkdir()
        self.server = Inbox(lab.bin_dir, lab.folder("inbox"), [self.inbox_section()], state=disk)
        lab.agents.append(self.server)  # killed at the end, and its log shown where the run fails
        self.jobs, self.clients, self.outcomes = {}, {}, {}
        self.log = ApplicationLog(self.home, way, self.folder)
        self.checker = Checker(self.server, self.jobs)
        self.trap, self.application, self.kills = None, None, 0
        self.killing = threading.Lock()
        lab.undo.append(self.end)

    def inbox_section(self):
        if self.way == "directory":
            return {"name": "in", "hand_over": "directory", "directory": str(self.folder)}
        program = [*PYTHON, str(SUPPORT / "upload_application.py"), self.way, str(self.home)]
        return {"name": "in", "hand_over": "program", "program": program}

    # --- what runs

    def start(self):
        self.server.start()
        self.start_application()
        folders = {"parts": self.server.parts, "content": self.server.content, "halt": self.home / "halt"}
        if self.way == "directory":
            folders |= {"ready": self.folder / "ready", "done": self.folder / "done"}
        watch = FolderWatch(folders, lambda *event: self.see("file", event))
        self.lab.undo.append(watch.stop)
        proxy = CuttingProxy((own_address(), PROXY_PORT), self.server.address, lambda event: self.see("net", event))
        self.lab.undo.append(proxy.stop)

    def start_application(self):
        if self.way == "directory":
            command = [*PYTHON, SUPPORT / "upload_application.py", "directory", self.folder, self.home]
            self.application = subprocess.Popen(command, stdin=subprocess.DEVNULL)

    def see(self, kind, event):
        if kind == "net" and event.kind == "answer":
            self.checker.told(event)
        trap = self.trap
        return trap.see(kind, event) if trap else None

    def end(self):
        self.trap = None
        for process in [*self.clients.values(), self.application]:
            if process:
                process.kill()
                process.wait()
        for pid in self.halted().values():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def halted(self):
        """{mark: process} of the application that stopped themselves, or are about to."""
        found = {}
        for mark in (self.home / "halt").glob("*.*"):
            pid = int(mark.name.split(".")[1])
            with contextlib.suppress(OSError):
                if b"upload_application" in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes():
                    found[mark] = pid
        return found

    @staticmethod
    def let_go_on(pid):
        """Once it has stopped: before that the signal would be lost."""
        status = pathlib.Path(f"/proc/{pid}/stat")
        with contextlib.suppress(OSError):
            wait_until(lambda: status.read_text().rsplit(")", 1)[1].split()[0] in "TZX", 10, "the stop", 0.001)
            os.kill(pid, signal.SIGCONT)

    # --- clients

    def new_job(self, number, word, least=0):
        size = self.rng.choice([0, 1, self.rng.randrange(2, 3000), self.rng.randrange(3000, 400_000)])
        if size < max(least, self.dialect == "bits"):  # an empty file cannot be told in BITS
            size = self.rng.randrange(2, 100_000)
        tx = f"tx-{number}-{word}"
        source = self.lab.directory / f"{tx}.source"
        source.write_bytes(seeded_bytes((self.rng.random(), tx), size))
        self.jobs[tx] = {
            "address": (own_address(), PROXY_PORT), "inbox": "in", "token": token_of("alice"), "principal": "alice",
            "dialect": self.dialect, "tx": tx, "name": f"{word}-{number}.bin", "source": str(source),
            "part": max(1, size // self.rng.choice([2, 3, 5] if least > 1 else [1, 2, 3, 5])),
            "declares": self.rng.random() < 0.5, "checksum": self.rng.choice([None, "sha1", "sha256"]), "with_upload": size > 0 and self.rng.random() < 0.3,
            "journal": str(self.lab.directory / f"{tx}.journal"), "size": size,
            "forgets": self.dialect != "put" and self.rng.random() < 0.2}
        return tx

    def start_client(self, tx):
        job = self.lab.directory / f"{tx}.json"
        job.write_text(json.dumps(self.jobs[tx]))
        self.clients[tx] = subprocess.Popen([*PYTHON, SUPPORT / "upload_client.py", job], stdin=subprocess.DEVNULL)

    def end_client(self, tx):
        """Waits for a client that nobody kills any more."""
        self.clients[tx].wait(timeout=120)
        last = Journal.read(self.jobs[tx]["journal"])[-1]
        outcome = last["what"]
        # A BITS client that forgot what it had sent cannot know whose file is there.
        if outcome == "refused" and self.jobs[tx]["forgets"] and "Create-Session: 403" in last["why"]:
            outcome = "exists"
        self.outcomes[tx] = outcome if outcome in ("success", "exists") else f"{last}"
        expect(outcome in ("success", "exists"), f"client {tx} ended with {last}")

    # --- kills

    def kill(self, victim, tx):
        with self.killing:
            self.kills += 1
            if victim == "disk":
                self.fill()
                return
            if victim == "client":
                if tx in self.clients:  # else it was the call of an earlier upload
                    self.clients[tx].kill()
                    self.clients[tx].wait()
                return
            self.log.crashes.append(time.monotonic())
            if victim == "server":
                self.server.kill()
            else:
                self.kill_application()
            self.log.crashes.append(time.monotonic())

    def fill(self):
        """Somebody else takes what is left of the disk, but for a few pages at most."""
        with contextlib.suppress(OSError), open(self.disk / "ballast", "wb", buffering=0) as out:
            while True:
                out.write(bytes(4096))
        size = (self.disk / "ballast").stat().st_size
        os.truncate(self.disk / "ballast", max(0, size - 4096 * self.rng.choice([0, 0, 1, 2, 5, 20])))

    def make_room(self):
        (self.disk / "ballast").unlink(missing_ok=True)

    def kill_application(self):
        if self.way == "directory":
            self.application.kill()
            self.application.wait()
        for pid in list(self.halted().values()) or self.running_programs():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def running_programs(self):
        children = pathlib.Path(f"/proc/{self.server.process.pid}/task")
        with contextlib.suppress(OSError):
            return [int(pid) for task in children.iterdir() for pid in (task / "children").read_text().split()]
        return []

    def restart(self, victim, tx):
        """Whoever was killed comes again, and goes on with what it has."""
        if self.disk:
            time.sleep(self.rng.uniform(0.05, 0.4))  # how long the disk stays full
            self.make_room()
        if not self.server.running:
            with self.killing:
                self.server.process.wait()
            self.checker.at_rest()
            self.server.start()
        if victim == "client" and self.clients[tx].poll() == -signal.SIGKILL:
            self.start_client(tx)
        if self.application and self.application.poll() is not None:
            self.start_application()
        self.free_halted()

    def free_halted(self):
        """Those whose server was killed go on beside the next attempt, or end too."""
        for mark, pid in self.halted().items():
            mark.unlink()
            signals = [signal.SIGCONT] if self.way == "directory" else [signal.SIGCONT, signal.SIGKILL]
            if self.rng.choice(signals) == signal.SIGCONT:
                self.let_go_on(pid)
            else:
                self.log.crashes.append(time.monotonic())
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    # --- moments

    def moment(self, step, tx):
        """One of those of the step, drawn."""
        rng, job = self.rng, self.jobs[tx]
        size, beyond = job["size"], rng.randrange(job["part"]) + 1

        def net(kind, fits=lambda event: True, within=0.004, cuts=False):
            return Moment(lambda what, event: what == "net" and event.kind == kind and self.is_of(tx, event) and fits(event),
                          rng.uniform(0, within), cuts)

        def file(folder, prefix="", within=0.002, halts=None):
            return Moment(lambda what, event: what == "file" and event[:2] == (folder, "came") and event[2].startswith(prefix),
                          rng.uniform(0, within), halts=halts)

        def halt(stage):
            return file("halt", f"{stage}.", 0, stage)

        def final(event):
            return is_final(event, size)

        moments = {
            "create": [net("request", is_creation), net("request", is_creation, 0.0005), net("answer", is_creation, 0, True)],
            "append": [net("body", lambda event: event.bytes >= beyond), net("body", within=0.001), file("parts")],
            "seal": [file("content", within=0), file("content", within=0.001), net("request", final),
                     net("body", lambda event: final(event) and event.bytes == event.length)],
            "accept": [net("answer", final, 0, True), net("answer", final, 0, True), file("content", within=0.006)],
            "claim": [halt("called")],
            "ack": [halt("effected"), halt("ending")],
        }
        if self.dialect != "put":
            moments["append"].append(net("answer", lambda event: event.length > 0, 0, True))
        if self.way == "directory":
            moments["claim"].append(file("ready", within=0.001))
            moments["ack"].append(file("done", within=0.6))
        return rng.choice(moments[step])

    def is_of(self, tx, event):
        """Of this upload's client: tus says the transaction at the creation alone, so what is no other's is its."""
        return not any(other in event.target or f'"{other}"' in event.asked.get("idempotency-key", "")
                       for other in self.jobs if other != tx)

    def round(self, number, step, victim):
        """One upload, and one kill at a moment of the step. True: the moment came."""
        tx = self.new_job(number, f"{step}-{victim}", least={"append": 2, "seal": 1}.get(step, 0))
        bystander = self.new_job(number, "bystander") if self.rng.random() < 0.3 else None
        moment, timers = self.moment(step, tx), []
        halts = self.home / "halt" / (moment.halts or "nothing")
        halts.touch()

        def act():
            if moment.delay == 0:
                self.kill(victim, tx)
            else:
                timers.append(threading.Timer(moment.delay, self.kill, (victim, tx)))
                timers[0].start()
            return CUT if moment.cuts else None

        self.trap = trap = Trap(moment.fits, act)
        for each in filter(None, (tx, bystander)):
            self.start_client(each)
        self.wait_for(trap, tx, step in ("claim", "ack"))
        self.trap = None
        if trap.taken:
            trap.sprung.wait()
        for timer in timers:
            timer.join()
        halts.unlink(missing_ok=True)
        self.restart(victim, tx)
        for each in filter(None, (tx, bystander)):
            self.end_client(each)
        return trap.sprung.is_set()

    def wait_for(self, trap, tx, handed_over):
        """Until the trap sprang, or cannot any more: not every upload comes by every moment."""
        deadline = time.monotonic() + 5
        while not trap.sprung.wait(0.005):
            ended = self.clients[tx].poll() is not None
            if (ended and not handed_over) or time.monotonic() > deadline:
                return

    # --- the end

    def open_uploads(self):
        return self.server.look("SELECT id, state FROM upload WHERE state NOT IN ('delivered', 'cancelled')")

    def settle(self):
        try:
            wait_until(lambda: not self.open_uploads(), 30, "the last delivery", 0.02)
        except TimeoutError:
            raise AssertionError(f"uploads are not delivered: {self.open_uploads()}") from None

    def repeat(self):
        """A client that begins again from nothing has the stored answer, and nobody is called."""
        tx = self.rng.choice(list(self.outcomes))
        before = sum(map(len, self.log.calls().values()))
        self.jobs[tx]["forgets"] = True
        self.start_client(tx)
        self.end_client(tx)
        self.settle()
        expect_equal(sum(map(len, self.log.calls().values())), before, f"calls after {tx} was repeated")

    def forget(self):
        """Time passes, the content goes and then the rows; killed in between, what is left goes after the next start."""
        for hours, gone in ((25, "SELECT id FROM upload WHERE has_content <> 0"), (24 * 91, "SELECT id FROM upload")):
            expect_equal(self.server.stop(), 0, "exit status of the server")
            self.server.age(hours)
            self.trap = Trap(lambda what, event: what == "file" and event[:2] == ("content", "went"),
                             lambda: self.kill("server", None))
            self.server.spawn()
            if hours > 25 or not self.trap.sprung.wait(5):
                time.sleep(self.rng.uniform(0, 0.04))  # the moment of the kill
                self.kill("server", None)
            self.trap = None
            self.server.process.wait()
            with self.server.ledger() as db:  # what the rows say is there is there
                left = {row["id"] for row in db.execute("SELECT id FROM upload WHERE has_content <> 0")}
            files = {path.name for path in self.server.content.iterdir()}
            expect(files <= left, f"files without a row: {files - left}")
            self.server.start()
            wait_until(lambda query=gone: not self.server.look(query), 20, "the forgetting", 0.02)
        expect_equal(list(self.server.content.iterdir()) + list(self.server.parts.iterdir()), [], "files of nothing")
        expect_equal(self.server.look("SELECT id FROM delivery"), [], "deliveries of nothing")
        expect_equal(self.server.stop(), 0, "exit status of the server")

    def run(self):
        self.start()
        victims = ("disk", "disk", "disk") if self.disk else VICTIMS
        rounds = [(step, victim) for step in STEPS for victim in victims]
        self.rng.shuffle(rounds)
        sprung = [self.round(number, *what) for number, what in enumerate(rounds)]
        self.settle()
        self.repeat()
        expect_equal(self.server.restart_well(), 0, "exit status of the server")
        self.settle()
        expect_equal(self.server.stop(), 0, "exit status of the server")
        self.checker.at_end(self.outcomes, self.log)
        self.forget()
        missed = [what for what, hit in zip(rounds, sprung) if not hit]
        expect(len(missed) * 3 < len(rounds), f"moments that did not come: {missed}")
        return f"{self.dialect}, {self.way}: {sum(sprung):.2f} moments of {len(rounds)}, {self.kills:.2f} kills"
