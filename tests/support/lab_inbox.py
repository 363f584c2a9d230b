"""larder-inbox for tests, with the application that takes its files, and the accounts of both.

    inbox = lab_inbox(lab)                              # started; listens at inbox.port, hands over by a directory
    inbox.check([Sent("t-1", "a.bin", data)])           # the application got exactly this, and nothing else is left

check() ends the server: it is the last word about a case. What it holds against each other are four accounts: what the test
sent, what lies in the application's directory, the rows of the ledger, and the files of the state directory.
"""

import collections
import contextlib
import hashlib
import os
import pathlib
import re
import sqlite3

from lab_servers import Server, free_port
from larder_lab import config_text, expect, expect_equal, file_sha256, wait_until

INBOX = "builds"
# A line of the log begins with its time and its level.
BAD_LINE = re.compile(r"^\S+ error |AddressSanitizer|ThreadSanitizer|runtime error:|terminate called|Assertion .* failed", re.M)
SETTLED = ("delivered", "rejected", "failed", "cancelled", "expired")
Delivered = collections.namedtuple("Delivered", "id name size sha256")


class Sent(collections.namedtuple("Sent", "transaction name size sha256")):
    """A file as it was sent: of bytes, or of a path. `transaction` "" where the client named none."""

    def __new__(cls, transaction, name, content):
        if isinstance(content, bytes):
            return super().__new__(cls, transaction, name, len(content), hashlib.sha256(content).hexdigest())
        return super().__new__(cls, transaction, name, os.path.getsize(content), file_sha256(content))


class Application:
    """Takes what lies in ready/ by renaming it to done/, and writes down what it took."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.took = []

    def waiting(self):
        ready = self.directory / "ready"
        return sorted(n for n in os.listdir(ready) if not n.startswith(".")) if ready.exists() else []

    def take_all(self):
        for file in self.waiting():
            ident, _, name = file.partition(".")
            path = self.directory / "ready" / file
            self.took.append(Delivered(ident, name, path.stat().st_size, file_sha256(path)))
            path.rename(self.directory / "done" / file)

    def take(self, count, timeout=30.0):
        """Until it took `count` files in all."""

        def enough():
            self.take_all()
            return len(self.took) >= count

        wait_until(enough, timeout, f"{count} files in the application's directory")
        return self.took


class Inbox(Server):
    """One larder-inbox; survives stop, kill and start again, at the same port."""

    def __init__(self, program, directory, address="127.0.0.1", port=None, application=None, server=None, inbox=None,
                 principals=None, certificates=None):
        directory = pathlib.Path(directory)
        self.state, port = directory / "state", port or free_port(address)
        for made in (self.state, directory / "run"):
            made.mkdir(parents=True, exist_ok=True)
        self.application = application or Application(directory / "application")
        sections = {
            "server": {"state_directory": str(self.state), "runtime_directory": str(directory / "run"),
                       "listen": [f"{address}:{port}"], "keep_free": "1 MiB", **(server or {})},
            "principal": [{"name": name, "token_sha256": [hashlib.sha256(token.encode()).hexdigest()], **(certificates or {}).get(name, {})}
                          for name, token in (principals or {}).items()],
            "inbox": [{"name": INBOX, "principals": list(principals) if principals else ["anybody"],
                       "hand_over": "directory", "directory": str(self.application.directory), **(inbox or {})}],
        }
        config = directory / "inbox.toml"
        config.write_text(config_text(sections))
        super().__init__(directory, [program, "--config", config], port, "larder-inbox", address)

    def log(self):
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def log_tail(self, count=1500):
        return self.log()[-count:]

    @property
    def log_file(self):
        return self.directory / "larder-inbox.out"

    def url(self, path=f"/in/{INBOX}/"):
        return f"http://{self.address}:{self.port}{path}"

    def kill(self):
        """-9."""
        self.process.kill()
        self.process.wait()
        self.process = None

    def rows(self):
        """The ledger's rows, as dictionaries."""
        uri = f"file:{self.state}/inbox.db?mode=ro"
        with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=20)) as ledger:
            ledger.row_factory = sqlite3.Row
            return [dict(row) for row in ledger.execute("SELECT * FROM upload_row ORDER BY created_at, id")]

    def stored(self):
        """{id: size} of the files of uploads that are received, and of those that are whole."""

        def sizes(folder):
            return {p.name.partition(".")[0]: p.stat().st_size for p in (self.state / "uploads" / folder).iterdir()}

        return sizes("parts"), sizes("content")

    def check(self, sent, unfinished=0):
        """The application got the files of `sent`, each once; the ledger knows nothing else but `unfinished` uploads that
        somebody may go on with; each file of the state directory belongs to a row; the log has no error. Ends the server."""
        self.settle(len(sent))
        self.end_well()
        rows = {row["id"]: row for row in self.rows()}
        account(sent, [(rows[d.id]["request_key"], d.name, d.size, d.sha256) for d in self.application.took if d.id in rows])
        self.check_files(rows, unfinished)

    def settle(self, count):
        """The application took `count` files, and the ledger knows of it."""
        self.application.take(count)

        def settled():
            self.application.take_all()
            return all(row["state"] in (*SETTLED, "receiving") for row in self.rows())

        wait_until(settled, 30, "the word of the application in the ledger")

    def check_files(self, rows, unfinished=0):
        receiving = {id: row for id, row in rows.items() if row["state"] == "receiving"}
        expect_equal(len(receiving), unfinished, f"unfinished uploads of {[(r['state'], r['name']) for r in rows.values()]}")
        parts, contents = self.stored()
        expect(set(parts) <= set(receiving), f"parts without an upload: {set(parts) - set(receiving)}")
        short = {id for id, row in receiving.items() if row["received"] > parts.get(id, 0)}
        expect(not short, f"parts that lack bytes of the ledger: {short}")
        whole = {id: row["size"] for id, row in rows.items() if row["has_content"] and id not in receiving}
        expect_equal(contents, whole, "whole files of the state directory")
        strange = {p.name for p in self.state.iterdir()} - {"lock", "uploads", "inbox.db", "inbox.db-wal", "inbox.db-shm"}
        expect(not strange, f"in the state directory: {strange}")

    def end_well(self):
        """SIGTERM, status 0, and a log without an error."""
        process = self.process
        self.stop()
        if process is not None:
            expect_equal(process.returncode, 0, f"status of larder-inbox; its log ends with {self.log()[-600:]}")
        bad = BAD_LINE.search(self.log())
        expect(not bad, f"in the log: {self.log()[bad.start():][:600] if bad else ''}")


def account(sent, taken):
    """Both as multisets: by transaction id, name, size and content."""
    missing, beyond = collections.Counter(map(tuple, sent)), collections.Counter(map(tuple, taken))
    missing, beyond = missing - beyond, beyond - missing
    expect(not missing and not beyond, f"the application did not get {dict(missing)}, and got beyond that {dict(beyond)}")


def lab_inbox(lab, name="inbox", **options):
    """Started, and ended with the lab."""
    return lab.server(Inbox(lab.bin_dir / "larder-inbox", lab.folder(name), **options))
