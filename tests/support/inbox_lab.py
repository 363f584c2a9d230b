"""The laboratory's upload server: a real larder-inbox on a directory and an address of its own."""

import contextlib
import ctypes
import hashlib
import os
import pathlib
import select
import shutil
import signal
import socket
import sqlite3
import struct
import subprocess
import tempfile
import threading
import time

from larder_lab import config_text

PORT = 7480
PROXY_PORT = 7481
TOKEN = "larder-lab-token-of-{}"
_IN_CREATE, _IN_MOVED_FROM, _IN_MOVED_TO, _IN_DELETE = 0x100, 0x40, 0x80, 0x200


def own_address():
    """Of 127.0.0.0/8, and this process' alone: nobody else takes the port of a server that was killed."""
    number = os.getpid()
    return f"127.{64 + (number >> 16 & 63)}.{number >> 8 & 255}.{number & 255 or 1}"


def token_of(principal):
    return TOKEN.format(principal)


class Inbox:
    """One larder-inbox: configuration, state directory, process. Survives stop, kill and start again."""

    def __init__(self, bin_dir, directory, inboxes, principals=("alice", "bob"), state=None, **server):
        self.program = pathlib.Path(bin_dir) / "larder-inbox"
        self.directory = pathlib.Path(directory)
        self.state, self.runtime = pathlib.Path(state or self.directory / "state"), self.directory / "run"
        self.parts, self.content = self.state / "uploads" / "parts", self.state / "uploads" / "content"
        self.log_file, self.config_file = self.directory / "larder-inbox.log", self.directory / "inbox.toml"
        self.address = (own_address(), PORT)
        for made in (self.state, self.runtime):
            made.mkdir(parents=True, exist_ok=True)
        people = [{"name": p, "token_sha256": [hashlib.sha256(token_of(p).encode()).hexdigest()]} for p in principals]
        inboxes = [{"principals": list(principals), "max_open": 100000, **inbox} for inbox in inboxes]
        self.config_file.write_text(config_text({
            "server": {"state_directory": str(self.state), "runtime_directory": str(self.runtime),
                       "listen": [f"{self.address[0]}:{PORT}"], "keep_free": "1 MiB", **server},
            "principal": people, "inbox": inboxes}))
        self.process = None

    def spawn(self):
        """Without waiting: it may be killed while it starts."""
        with open(self.log_file, "ab") as log:
            self.process = subprocess.Popen([self.program, "--config", self.config_file], stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log)

    def start(self, timeout=20.0):
        """Returns once it said that it is ready (sd_notify)."""
        notify_path = str(self.directory / "notify.sock")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(notify_path)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify, open(self.log_file, "ab") as log:
            notify.bind(notify_path)
            self.process = subprocess.Popen([self.program, "--config", self.config_file], stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log, env={**os.environ, "NOTIFY_SOCKET": notify_path})
            pidfd = os.pidfd_open(self.process.pid)
            try:
                deadline = time.monotonic() + timeout
                while True:
                    ready, _, _ = select.select([notify, pidfd], [], [], max(0.0, deadline - time.monotonic()))
                    if notify in ready and b"READY=1" in notify.recv(4096):
                        return self
                    if pidfd in ready:
                        raise RuntimeError(f"larder-inbox ended with {self.process.wait()}: {self.log_tail()}")
                    if not ready:
                        raise TimeoutError(f"larder-inbox is not ready after {timeout} s: {self.log_tail()}")
            finally:
                os.close(pidfd)

    @property
    def running(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        if self.process:
            self.process.kill()
            self.process.wait()

    def stop(self, timeout=40.0):
        """SIGTERM; the exit status."""
        if self.running:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise TimeoutError(f"larder-inbox does not stop within {timeout} s: {self.log_tail()}") from None

    def restart_well(self):
        """The exit status of the one that ended."""
        status = self.stop()
        self.start()
        return status

    def log_tail(self, count=3000):
        return self.log_file.read_text(errors="replace")[-count:] if self.log_file.exists() else ""

    def memory_peak(self):
        text = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("VmHWM:")) << 10

    @contextlib.contextmanager
    def ledger(self):
        """A copy of the ledger as it lies on the disk, of a server that does not run: reading leaves no trace there."""
        with tempfile.TemporaryDirectory(dir=self.directory) as aside:
            for file in self.state.glob("inbox.db*"):
                shutil.copy(file, aside)
            with contextlib.closing(sqlite3.connect(f"{aside}/inbox.db")) as db:
                db.row_factory = sqlite3.Row
                yield db

    def look(self, query, *arguments):
        """Of a running server: reads only, as any other connection to the database may."""
        with contextlib.closing(sqlite3.connect(f"file:{self.state}/inbox.db?mode=ro", uri=True, timeout=10)) as db:
            return db.execute(query, arguments).fetchall()

    def age(self, hours):
        """The time of a server that does not run passes: everything in its ledger happened so much earlier."""
        with contextlib.closing(sqlite3.connect(self.state / "inbox.db")) as db, db:
            db.execute("UPDATE upload SET settled_at = settled_at - ?, created_at = created_at - ?",
                       (hours * 3600 * 10**9,) * 2)


class FolderWatch:
    """Tells of names that come to folders and go from them, as they do: `see(folder's word, "came" or "went", name)`."""

    def __init__(self, folders, see):
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.see = see
        self.descriptor = self.libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        self.words = {}
        for word, folder in folders.items():
            mask = _IN_CREATE | _IN_MOVED_TO | _IN_MOVED_FROM | _IN_DELETE
            watch = self.libc.inotify_add_watch(self.descriptor, os.fsencode(folder), mask)
            if watch < 0:
                raise OSError(ctypes.get_errno(), f"cannot watch {folder}")
            self.words[watch] = word
        self.ending, self.end = os.pipe()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while True:
            ready, _, _ = select.select([self.descriptor, self.ending], [], [])
            if self.ending in ready:
                return
            data = os.read(self.descriptor, 65536)
            while data:
                watch, mask, _, length = struct.unpack_from("iIII", data)
                name = os.fsdecode(data[16:16 + length].rstrip(b"\0"))
                data = data[16 + length:]
                if watch in self.words:
                    self.see(self.words[watch], "came" if mask & (_IN_CREATE | _IN_MOVED_TO) else "went", name)

    def stop(self):
        os.close(self.end)
        self.thread.join()
        os.close(self.ending)
        os.close(self.descriptor)
