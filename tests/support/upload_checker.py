"""Holds a run of uploads against the ledger's specification: what was told, what is durable, what the application had.

`told()` hears every answer that a server gave, also those that no client got. `at_rest()` may be asked whenever no server
runs: nothing that was told may be missing there. `at_end()` compares everything once all is delivered.
"""

import collections
import hashlib
import json
import pathlib
import threading

from larder_lab import expect, expect_equal
from upload_client import Journal

OPEN = ("receiving",)
ACCEPTED = ("accepted", "delivering", "delivered")
GONE = ("cancelled", "expired", "failed")


def id_in(text):
    return text.strip("{}").rsplit("/", 1)[-1]


def read_lines(path):
    return Journal.read(path) if pathlib.Path(path).exists() else []


class Checker:
    def __init__(self, inbox, jobs):
        self.inbox, self.jobs = inbox, jobs  # jobs: by transaction id, of upload_client.py
        self.offsets = {}   # by upload: the highest offset that was told
        self.accepted = set()  # uploads (tus, BITS) or transactions (PUT) of which a success was told
        self.made = set()   # uploads whose name was told
        self.lock = threading.Lock()
        self.rests = 0

    # --- answers

    def told(self, event):
        """An answer of the server, as the proxy saw it."""
        with self.lock:
            {"PUT": self.told_put, "BITS_POST": self.told_bits}.get(event.method, self.told_tus)(event)

    def told_put(self, event):
        if event.status in (200, 201, 204):
            self.accepted.add(event.target.split("/")[3])

    def told_bits(self, event):
        kind, upload = event.asked["bits-packet-type"], id_in(event.fields.get("bits-session-id", ""))
        if kind == "Create-Session" and event.status == 200:
            self.made.add(upload)
        if kind == "Fragment" and event.status in (200, 416):
            self.told_offset(upload, int(event.fields["bits-received-content-range"]))
            total = int(event.asked["content-range"].split("/")[1])
            if event.status == 200 and self.offsets[upload] == total:
                self.accepted.add(upload)

    def told_tus(self, event):
        if event.status not in (200, 201, 204):
            return
        upload = id_in(event.fields["location"] if event.method == "POST" else event.target)
        self.made.add(upload)
        if "upload-offset" in event.fields:
            self.told_offset(upload, int(event.fields["upload-offset"]))

    def told_offset(self, upload, offset):
        self.offsets[upload] = max(offset, self.offsets.get(upload, 0))

    # --- while no server runs

    def at_rest(self):
        """What was told is durable: in the ledger, and its bytes in the store."""
        with self.lock, self.inbox.ledger() as db:
            self.rests += 1
            rows = {row["id"]: row for row in db.execute("SELECT * FROM upload")}
            for upload in self.made:
                expect(upload in rows, f"upload {upload} was told, and there is no row of it")
            for upload, offset in self.offsets.items():
                self.check_offset(rows, upload, offset)
            for name in self.accepted:
                found = [row for row in rows.values() if name in (row["id"], row["request_key"])]
                expect(any(row["state"] in ACCEPTED for row in found),
                       f"a success was told of {name}, and its rows are {[row['state'] for row in found]}")
            for row in rows.values():
                self.check_bytes(row)

    @staticmethod
    def check_offset(rows, upload, offset):
        expect(upload in rows, f"offset {offset} of upload {upload} was told, and there is no row of it")
        row = rows[upload]
        if row["state"] in GONE:
            return
        expect(row["received"] >= offset, f"offset {offset} of upload {upload} was told, the ledger has {row['received']}")
        if row["size"] is not None and offset == row["size"]:
            expect(row["state"] in ACCEPTED, f"all bytes of {upload} were told, and it is {row['state']}")

    def check_bytes(self, row):
        if not row["has_content"]:
            return
        part, whole = self.inbox.parts / f"{row['id']}.1-0", self.inbox.content / row["id"]
        # A crash between the rename and the row leaves the whole file where the row says receiving; recovery turns back.
        places = [whole] if row["state"] in ACCEPTED or row["state"] == "sealed" else [part, whole]
        sizes = [place.stat().st_size for place in places if place.exists()]
        if row["state"] in GONE or (row["state"] == "receiving" and row["received"] == 0):
            return
        expect(sizes, f"upload {row['id']} is {row['state']} with {row['received']} bytes, and has no file")
        expect(max(sizes) >= row["received"], f"upload {row['id']} has {row['received']} bytes, its file {max(sizes)}")

    # --- at the end

    def at_end(self, outcomes, application):
        """No server runs, and the last one ended well. `outcomes`: of the clients, by transaction."""
        self.at_rest()
        with self.inbox.ledger() as db:
            rows = [dict(row) for row in db.execute("SELECT * FROM upload")]
            deliveries = {row["id"]: dict(row) for row in db.execute("SELECT * FROM delivery")}
        self.check_uploads(rows, outcomes, application)
        self.check_orphans(rows, deliveries)
        for journal in {job["journal"] for job in self.jobs.values()}:
            self.check_offsets_of(read_lines(journal))
        whole = {row["id"] for row in rows if row["state"] in ACCEPTED}
        application.check(whole, {row["id"]: row for row in rows})

    def check_uploads(self, rows, outcomes, application):
        by_key = collections.defaultdict(list)
        for row in rows:
            by_key[row["request_key"]].append(row)
        expect_equal(set(by_key) - set(self.jobs), set(), "transactions that no client has")
        for tx, outcome in outcomes.items():
            job, states = self.jobs[tx], sorted(row["state"] for row in by_key[tx])
            expect(outcome in ("success", "exists"), f"client {tx} ended with {outcome}, its uploads are {states}")
            whole = [row for row in by_key[tx] if row["state"] == "delivered"]
            expect(len(whole) == 1 and set(states) <= {"delivered", "cancelled"}, f"transaction {tx}: {states}")
            data = pathlib.Path(job["source"]).read_bytes()
            wanted = {"size": len(data), "received": len(data), "computed": hashlib.sha256(data).hexdigest(),
                      "name": job["name"], "principal": job["principal"], "dialect": job["dialect"]}
            expect_equal({key: whole[0][key] for key in wanted}, wanted, f"the row of {tx}")
            application.expects(whole[0]["id"], wanted["computed"])

    def check_orphans(self, rows, deliveries):
        state = {row["id"]: row["state"] for row in rows}
        parts = {name.name for name in self.inbox.parts.iterdir()}
        whole = {name.name for name in self.inbox.content.iterdir()}
        expect_equal(parts, set(), "files in parts/ when all is delivered")
        expect_equal(whole, {row["id"] for row in rows if row["has_content"]}, "files in content/ and rows with content")
        expect_equal(set(deliveries), {i for i, s in state.items() if s == "delivered"}, "rows of deliveries")
        for delivery in deliveries.values():
            expect(delivery["next_at"] is None and delivery["lease_until"] is None, f"a delivery is still due: {delivery}")

    @staticmethod
    def check_offsets_of(lines):
        """A client's own view: of one upload the offsets never decrease."""
        seen = {}
        for line in lines:
            if line["what"] != "got" or line["status"] not in (200, 201, 204, 416):
                continue
            fields = line["fields"]
            if "upload-offset" in fields:
                upload, offset = id_in(fields.get("location", line["target"])), int(fields["upload-offset"])
            elif "bits-received-content-range" in fields:
                upload, offset = id_in(fields["bits-session-id"]), int(fields["bits-received-content-range"])
            else:
                continue
            expect(offset >= seen.get(upload, 0), f"upload {upload}: offset {offset} was told after {seen.get(upload)}")
            seen[upload] = offset


class ApplicationLog:
    """What the application had of each upload, by its own word."""

    def __init__(self, home, way, folder=None):
        self.home, self.way, self.folder = pathlib.Path(home), way, folder
        self.crashes = []  # times of kills, of the server or of the application
        self.wanted = {}   # SHA-256 by upload

    def expects(self, upload, sha256):
        self.wanted[upload] = sha256

    def effects(self):
        """[(upload, SHA-256 of what came)…]"""
        if self.way == "directory":
            places = [path for path in (self.folder / "done").iterdir()]
            return [(p.name.split(".")[0], hashlib.sha256(p.read_bytes()).hexdigest()) for p in places]
        if self.way == "keeps":
            kept = [json.loads(p.read_text()) for p in (self.home / "effects").iterdir() if not p.name.startswith(".")]
        else:
            kept = read_lines(self.home / "effects.log")
        return [(line["id"], line["sha256"]) for line in kept]

    def calls(self):
        calls = collections.defaultdict(list)
        for line in read_lines(self.home / "calls.log"):
            if line["stage"] == "called":
                calls[line["id"]].append(line)
        return calls

    def check(self, whole, rows):
        effects, calls = self.effects(), self.calls()
        count = collections.Counter(upload for upload, _ in effects)
        expect_equal(set(count), whole, "uploads that had an effect, and those that were accepted")
        for upload, sha256 in effects:
            expect_equal(sha256, self.wanted[upload], f"the bytes that the application had of {upload}")
        if self.way == "directory":
            expect_equal(list((self.folder / "ready").iterdir()), [], "files left in ready/")
            expect_equal(list((self.folder / "reject").iterdir()), [], "files in reject/")
        for upload, made in calls.items():
            self.check_calls(upload, made, count[upload])
        if self.way == "directory":
            self.check_renames(calls)
        self.check_attempts(calls, rows)

    def check_calls(self, upload, made, effects):
        """Once each where ids are kept; and called again only after a crash since the call before."""
        expect(effects == 1 or self.way == "forgets", f"upload {upload} had {effects} effects")
        expect(effects <= len(made), f"upload {upload} had {effects} effects in {len(made)} calls")
        calls = sorted(made, key=lambda line: line["t"])
        for first, second in zip(calls, calls[1:]):
            expect(any(first.get("spawned", first["t"]) <= crash <= second["t"] for crash in self.crashes),
                   f"upload {upload} was handed over again without a crash: {calls}; crashes: {self.crashes}")

    def check_renames(self, calls):
        """What was renamed to done/ never comes to ready/ again, whoever was killed."""
        for line in read_lines(self.home / "calls.log"):
            for call in calls[line["id"]] if line["stage"] == "effected" else []:
                expect(call["t"] < line["t"] and not call["again"],
                       f"upload {line['id']} came to ready/ after it was in done/")

    def check_attempts(self, calls, rows):
        """The attempts of one upload have numbers that grow, and the same id."""
        if self.way == "directory":
            return
        for upload, made in calls.items():
            attempts = [line["attempt"] for line in sorted(made, key=lambda line: line["t"])]
            expect(attempts == sorted(set(attempts)), f"upload {upload} was handed over as attempts {attempts}")
            expect_equal({line["name"] for line in made}, {rows[upload]["name"]}, f"names that {upload} came with")
