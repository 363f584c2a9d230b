"""tus-js-client, the client of tus that most have, as a program (tus_client.cjs)."""

import json
import pathlib
import subprocess

from cutting_proxy import CuttingProxy
from lab_inbox import INBOX, Sent, lab_inbox
from larder_lab import MIB, Skip, expect, expect_equal, seeded_bytes
from node_packages import Missing, find_node, install

HERE = pathlib.Path(__file__).resolve().parent
BIG = 100 * MIB


class TusJs:
    def __init__(self, lab):
        self.lab, self.packages = lab, lab.bin_dir.parent / "upload-clients"
        try:
            self.node = find_node("node")
            install(HERE, self.packages)
        except Missing as reason:
            raise Skip(str(reason)) from None

    def source(self, name, size, seed=1, part=None, transaction=None, **options):
        """A file, and how it is uploaded: `part` bytes in a request, or all in one."""
        path = self.lab.folder("sent") / name
        path.write_bytes(seeded_bytes(seed, size))
        metadata = {"filename": name} | ({"larder-key": transaction} if transaction else {})
        options = {"metadata": metadata, **({"chunkSize": part} if part else {}), **options}
        return {"path": str(path), "options": options}

    def start(self, server, *files, **job):
        job = {"endpoint": server.url(f"/in/{INBOX}/"), "files": files, **job}
        return self.lab.process([self.node, HERE / "tus_client.cjs", self.packages, json.dumps(job)], text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def run(self, server, *files, status=0, **job):
        """The events; the exit status is to be `status`."""
        return self.end(self.start(server, *files, **job), status)

    def end(self, process, status=0):
        output = process.communicate(timeout=90)[0]
        expect_equal(process.returncode, status, f"exit status of tus-js-client, which said {output[-1500:]}")
        return [json.loads(line) for line in output.splitlines() if line.startswith("{")]


def of(events, kind, file=0):
    return [e for e in events if e["event"] == kind and e["file"] == file]


def sizes(lab):
    inbox, client, sent = lab_inbox(lab), TusJs(lab), []
    for size in (0, 1, 3 * MIB, 9 * MIB + 1):
        for part in (3 * MIB, None):
            file = client.source(f"f{size}-{part}", size, part=part)
            client.run(inbox, file)
            sent.append(Sent("", f"f{size}-{part}", file["path"]))
    inbox.check(sent)


def _big(lab, part):
    inbox, client = lab_inbox(lab), TusJs(lab)
    with CuttingProxy(inbox.port) as proxy:
        for number in range(6):
            proxy.cut(13 * MIB, reset=number % 2 == 1)
        file = client.source("big", BIG, part=part, transaction="t")
        events = client.run(proxy, file)
        proxy.expect_done()
        expect(len(of(events, "retry")) >= 6, f"it tried again {len(of(events, 'retry'))} times")
        # What had come before a cut was not sent again, but for what was on its way.
        expect(proxy.passed < BIG + 6 * 6 * MIB, f"{proxy.passed} bytes were sent for {BIG}")
    inbox.check([Sent("t", "big", file["path"])])


def big_in_parts(lab):
    """100 MiB in parts of 3 MiB, with cuts in the middle of parts."""
    _big(lab, 3 * MIB)


def big_in_one(lab):
    """100 MiB in one request, with cuts in it."""
    _big(lab, None)


def with_creation(lab):
    """The first bytes in the request that makes the upload, which breaks off in the middle and loses its answer later."""
    inbox, client = lab_inbox(lab), TusJs(lab)
    with CuttingProxy(inbox.port) as proxy:
        proxy.cut(MIB)
        file = client.source("f", 10 * MIB, part=3 * MIB, transaction="t", uploadDataDuringCreation=True)
        events = client.run(proxy, file)
        # Once, as its connection broke: the next request is told where to go on, though the one before may still be written.
        expect_equal([e["status"] for e in of(events, "retry")], [0], "why it tried again")
        proxy.lose_answer(b"POST /in/")
        other = client.source("g", 2 * MIB, seed=2, transaction="u", uploadDataDuringCreation=True)
        client.run(proxy, other)
        proxy.expect_done()
    inbox.check([Sent("t", "f", file["path"]), Sent("u", "g", other["path"])])


def length_later(lab):
    """A stream whose length the client says with its last part."""
    inbox, client = lab_inbox(lab), TusJs(lab)
    with CuttingProxy(inbox.port) as proxy:
        file = client.source("f", 10 * MIB + 5, part=3 * MIB, transaction="t", uploadLengthDeferred=True)
        proxy.lose_answer(b"Upload-Offset: 3145728\r\n")
        client.run(proxy, {**file, "stream": True})
        proxy.expect_done()
    inbox.check([Sent("t", "f", file["path"])])


def lost_answers(lab):
    """Of the creation, of a part in the middle, of the last one, and of asking where to go on."""
    inbox, client = lab_inbox(lab), TusJs(lab)
    size, part = 9 * MIB, 3 * MIB
    with CuttingProxy(inbox.port) as proxy:
        middle, last = (f"Upload-Offset: {offset}\r\n".encode() for offset in (part, 2 * part))
        for pattern in (b"POST /in/", middle, b"HEAD /up/", last, b"HEAD /up/"):
            proxy.lose_answer(pattern)
        file = client.source("f", size, part=part, transaction="t")
        events = client.run(proxy, file)
        proxy.expect_done()
        expect_equal(len(of(events, "success")), 1, "successes")
    inbox.check([Sent("t", "f", file["path"])])


def two_at_once(lab):
    """Two files side by side in one client, over a line that breaks; then the first of them once more."""
    inbox, client = lab_inbox(lab), TusJs(lab)
    with CuttingProxy(inbox.port) as proxy:
        for _ in range(4):
            proxy.cut(9 * MIB)
        files = [client.source(f"f{n}", 30 * MIB, seed=n, part=3 * MIB, transaction=f"t{n}") for n in range(2)]
        events = client.run(proxy, *files)
        proxy.expect_done()
        expect_equal([len(of(events, "success", n)) for n in range(2)], [1, 1], "successes")
        client.run(proxy, files[0])
    inbox.check([Sent(f"t{n}", f"f{n}", files[n]["path"]) for n in range(2)])


def another_process(lab):
    """Clients that end or are killed; the next process goes on by the client's own file of URLs, without a transaction."""
    inbox, client = lab_inbox(lab), TusJs(lab)
    storage = str(lab.directory / "urls.json")
    file = client.source("f", 30 * MIB, part=3 * MIB)
    events = client.run(inbox, file, status=3, storage=storage, exitAt=9 * MIB)
    expect_equal(of(events, "found")[0]["uploads"], 0, "uploads that the first process found")
    with CuttingProxy(inbox.port) as proxy:
        # The client keeps URLs by endpoint: this one is another, so that its second process finds those of its first.
        line = client.source("g", 30 * MIB, seed=2, part=3 * MIB)
        killed = client.start(proxy, line, storage=storage)
        proxy.cut(10 * MIB, then=killed.kill)
        client.end(killed, -9)
        proxy.expect_done()
        events = client.run(proxy, line, storage=storage)
        expect_equal(of(events, "found")[0]["uploads"], 1, "uploads that the next process found")
        expect(of(events, "part")[0]["accepted"] > 9 * MIB, f"it did not go on where the killed one was: {events}")
    events = client.run(inbox, file, storage=storage)
    expect_equal((of(events, "found")[0]["uploads"], of(events, "part")[0]["accepted"]), (1, 12 * MIB), "the second process begins")
    inbox.check([Sent("", name["options"]["metadata"]["filename"], name["path"]) for name in (file, line)])


def terminated(lab):
    """DELETE in the middle, with its answer lost: nothing stays of it. The transaction is free again."""
    inbox, client = lab_inbox(lab), TusJs(lab)
    file = client.source("f", 30 * MIB, part=3 * MIB, transaction="t")
    with CuttingProxy(inbox.port) as proxy:
        proxy.lose_answer(b"DELETE /up/")
        events = client.run(proxy, file, abortAt=6 * MIB)
        proxy.expect_done()
    gone = of(events, "terminated")[0]["url"].rsplit("/", 1)[1]
    expect_equal({row["id"]: row["state"] for row in inbox.rows()}, {gone: "cancelled"}, "the ledger")
    expect_equal(inbox.stored(), ({}, {}), "the files of the state directory")
    client.run(inbox, file)
    inbox.check([Sent("t", "f", file["path"])])


def _server_killed(lab, part):
    inbox, client = lab_inbox(lab), TusJs(lab)

    def killed():
        inbox.kill()
        inbox.start()

    with CuttingProxy(inbox.port) as proxy:
        for _ in range(3):
            proxy.cut(20 * MIB, then=killed)
        file = client.source("f", BIG, part=part, transaction="t")
        client.run(proxy, file)
        proxy.expect_done()
    inbox.check([Sent("t", "f", file["path"])])


def server_killed(lab):
    """The server dies by -9 three times in the middle of an upload in parts, and is started again with what it had."""
    _server_killed(lab, 3 * MIB)


def server_killed_in_one(lab):
    """The same with the whole file in one request: what had been made durable stays."""
    _server_killed(lab, None)


def parallel_parts(lab):
    """Parts of one file side by side need concatenation, which is not spoken here: the client ends at once, with a reason, and
    nothing is left."""
    inbox, client = lab_inbox(lab), TusJs(lab)
    file = client.source("f", 9 * MIB, parallelUploads=3)
    events = client.run(inbox, file, status=1)
    expect_equal((len(of(events, "error")), {e["status"] for e in of(events, "error") + of(events, "retry")}), (1, {400}), "the refusal")
    expect("Upload-Concat" in of(events, "error")[0]["text"], f"the reason is not told: {events}")
    inbox.check([])


CASES = {f.__name__: f for f in (sizes, big_in_parts, big_in_one, with_creation, length_later, lost_answers, two_at_once,
                                 another_process, terminated, server_killed, server_killed_in_one, parallel_parts)}


def run(_seed, lab, case):
    CASES[case](lab)
