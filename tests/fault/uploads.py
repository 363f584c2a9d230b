"""Uploads to a real larder-inbox: what breaks, and what must hold afterwards (docs/uploads.md).

once_DIALECT_WAY: server, client and application are killed (-9) at each step of an upload, from its creation until it is
forgotten; the checker (tests/support/upload_checker.py) compares all answers, the application's own log and the ledger.
"""

import base64
import concurrent.futures
import contextlib
import functools
import itertools
import random
import socket
import time

from inbox_lab import Inbox, token_of
from larder_lab import KIB, MIB, Skip, expect, expect_equal, named, seeded_bytes, wait_until
from upload_checker import id_in
from upload_client import BITS_PROTOCOL, DIALECTS, Connection
from upload_once import Once

PROGRAMS = ("larder-inbox",)
WAYS = ("directory", "keeps", "forgets")
CASES = {}


def case(function):
    CASES[function.__name__] = function
    return function


def once(dialect, way, seed, lab):
    return Once(seed, lab, dialect, way).run()


for _dialect in DIALECTS:
    for _way in WAYS:
        CASES[f"once_{_dialect}_{_way}"] = functools.partial(once, _dialect, _way)


MEMORY = 256 * MIB


class Scene:
    """A server whose application does not come, so that its files stay where they are; clients in this process."""

    def __init__(self, seed, lab, state=None, **options):
        self.rng, self.lab = random.Random(f"uploads {seed}"), lab
        inbox = {"name": "in", "hand_over": "take", **options.pop("inbox", {})}
        self.server = Inbox(lab.bin_dir, lab.folder("inbox"), [inbox], state=state, **options).start()
        lab.agents.append(self.server)
        self.made = 0

    def connection(self, timeout=20):
        return Connection(self.server.address, timeout)

    def job(self, dialect, data, principal="alice", **more):
        self.made += 1
        source = self.lab.directory / f"{self.made}.source"
        source.write_bytes(data)
        return {"address": self.server.address, "inbox": "in", "token": token_of(principal), "principal": principal,
                "dialect": dialect, "tx": f"tx-{self.made}", "name": f"{self.made}.bin", "source": str(source),
                "part": max(1, len(data) // 7), "declares": False, "checksum": None, "with_upload": False, "patience": 30,
                "journal": str(self.lab.directory / f"{self.made}.journal"), **more}

    def upload(self, job):
        """The last line of the client's journal."""
        client = DIALECTS[job["dialect"]](job)
        client.run()
        return client.journal.known[-1]

    def uploads_well(self, dialect="tus", within=10.0):
        """Another client's upload, beside whatever goes on."""
        data, began = seeded_bytes((self.rng.random(), "well"), 300 * KIB), time.monotonic()
        job = self.job(dialect, data)
        expect_equal(self.upload(job)["what"], "success", "the upload of another client")
        expect(time.monotonic() - began < within, f"another client's upload took {time.monotonic() - began:.1f} s")
        self.has(job["tx"], data)

    def rows(self, tx):
        return self.server.look("SELECT id, state, received, principal FROM upload WHERE request_key = ?", tx)

    def has(self, tx, data, states=("accepted",)):
        rows = [row for row in self.rows(tx) if row[1] != "cancelled"]
        expect_equal([row[1] in states for row in rows], [True], f"uploads of {tx}: {rows}")
        expect_equal((self.server.content / rows[0][0]).read_bytes(), data, f"the bytes of {tx}")

    def tus(self, method, target, principal="alice", body=b"", connection=None, **fields):
        fields = {name.replace("_", "-"): value for name, value in fields.items()}
        return (connection or self.connection()).ask(
            method, target, {"Tus-Resumable": "1.0.0", "Authorization": f"Bearer {token_of(principal)}",
                             "Content-Length": len(body), **fields}, body)

    def create(self, size, principal="alice", connection=None, **fields):
        self.made += 1
        answer = self.tus("POST", "/in/in/", principal, connection=connection, Upload_Length=size,
                          Idempotency_Key=f'"c-{self.made}"', **fields)
        expect_equal(answer and answer[0], 201, f"creation of {size} bytes: {answer}")
        return "/up/" + id_in(answer[1]["location"])

    def append(self, location, offset, body, principal="alice", **fields):
        return self.tus("PATCH", location, principal, body, Upload_Offset=offset,
                        Content_Type="application/offset+octet-stream", **fields)

    def open_append(self, location, offset, length, body):
        """A PATCH of which only `body` comes; its socket."""
        raw = socket.create_connection(self.server.address, timeout=20)
        self.lab.undo.append(raw.close)
        raw.sendall((f"PATCH {location} HTTP/1.1\r\nHost: x\r\nTus-Resumable: 1.0.0\r\nContent-Length: {length}\r\n"
                     f"Authorization: Bearer {token_of('alice')}\r\nUpload-Offset: {offset}\r\n"
                     "Content-Type: application/offset+octet-stream\r\n\r\n").encode() + body)
        return raw

    def offset(self, location):
        answer = self.tus("HEAD", location)
        expect(answer and answer[0] == 200, f"HEAD of {location}: {answer}")
        return int(answer[1]["upload-offset"])

    def end(self):
        """It lives, and its memory never was beyond the limit."""
        expect(self.server.running, f"the server ended: {self.server.log_tail()}")
        peak = self.server.memory_peak()
        expect(peak < MEMORY, f"the server had {peak / MIB:.0f} MiB in memory")
        expect_equal(self.server.stop(), 0, "exit status of the server")
        return peak / MIB


def in_threads(*work):
    """Runs them at once; their results."""
    with concurrent.futures.ThreadPoolExecutor(len(work)) as pool:
        return [future.result() for future in [pool.submit(one) for one in work]]


@case
def two_writers(seed, lab):
    """Two clients write to one upload at once: both hear of the success, and it is the file, once. With other bytes under the
    same name there is one file, whole, and the other client is told."""
    scene = Scene(seed, lab)
    for dialect in DIALECTS:
        data = seeded_bytes((seed, dialect), scene.rng.randrange(1, 2 * MIB))
        one = scene.job(dialect, data, declares=scene.rng.random() < 0.5)
        two = {**one, "part": max(1, len(data) // scene.rng.randrange(1, 30)), "journal": one["journal"] + ".2"}
        ends = in_threads(lambda: scene.upload(one), lambda: scene.upload(two))
        # BITS: whoever had to begin again when the other was done is told that the file is there.
        told = [end["what"] == "success" or "Create-Session: 403" in end.get("why", "") for end in ends]
        expect(all(told) and any(end["what"] == "success" for end in ends), f"{dialect}: two writers ended with {ends}")
        scene.has(one["tx"], data)
    for dialect in ("tus", "put"):
        data, other = seeded_bytes((seed, dialect, 1), MIB), seeded_bytes((seed, dialect, 2), MIB)
        one = scene.job(dialect, data, declares=True, patience=4)  # a conflict is a 409, and so is a newer writer
        two = {**scene.job(dialect, other, declares=True, patience=4), "tx": one["tx"]}
        ends = in_threads(lambda: scene.upload(one), lambda: scene.upload(two))
        good = [d for d, end in zip((data, other), ends) if end["what"] == "success"]
        expect(len(good) == 1, f"{dialect}: two files of one transaction ended with {ends}")
        scene.has(one["tx"], good[0])
    scene.end()


@case
def newest_wins(seed, lab):
    """A writer that stands is no lock: the next one learns what came, goes on from there, and the old one is told."""
    scene = Scene(seed, lab)
    data = seeded_bytes((seed, "newest"), scene.rng.randrange(100, 500_000))
    location, cut = scene.create(len(data)), scene.rng.randrange(1, len(data))
    old = scene.open_append(location, 0, len(data), data[:cut])
    offset, began = scene.offset(location), time.monotonic()
    expect(offset <= cut, f"offset {offset} of {cut} bytes that were sent")
    expect(time.monotonic() - began < 5, "the newer request waited for the older")
    expect_equal(scene.append(location, offset, data[offset:])[0], 204, "the rest from the newest writer")
    with contextlib.suppress(OSError):
        old.sendall(data[cut:])
    with contextlib.suppress(OSError):
        answer = old.recv(4096)
        expect(not answer or b" 409 " in answer.split(b"\r\n")[0], f"the old writer was told {answer[:80]}")
    expect_equal(scene.offset(location), len(data), "the offset at the end")
    expect_equal((scene.server.content / id_in(location)).read_bytes(), data, "the bytes")
    scene.end()


@case
def wrong_principals(seed, lab):
    """Nobody reads, continues, ends or cancels another's upload, and a stranger's request disturbs nothing."""
    scene = Scene(seed, lab)
    data = seeded_bytes((seed, "mine"), 100_000)
    location = scene.create(len(data), Upload_Metadata="filename c2VjcmV0LW5hbWU=")
    mine = scene.open_append(location, 0, len(data), data[:60_000])
    wait_until(lambda: (scene.server.parts / f"{id_in(location)}.1-0").exists(), what="the part")
    bearer = {"bob": f"Bearer {token_of('bob')}", "wrong": "Bearer no-token", "none": None,
              "basic of another": "Basic " + base64.b64encode(f"alice:{token_of('bob')}".encode()).decode()}
    file = f"/in/in/tx/{id_in(location)}"
    append = {"Upload-Offset": 60_000, "Content-Type": "application/offset+octet-stream"}
    packet = {"BITS-Session-Id": f"{{{id_in(location)}}}", "Content-Range": f"bytes 60000-60003/{len(data)}"}
    requests = [("HEAD", location, {"Tus-Resumable": "1.0.0"}, b""), ("DELETE", location, {"Tus-Resumable": "1.0.0"}, b""),
                ("PATCH", location, {"Tus-Resumable": "1.0.0", **append}, b"evil"), ("GET", location + "/state", {}, b""),
                ("GET", "/reply/" + id_in(location), {}, b""),
                ("BITS_POST", file, {"BITS-Packet-Type": "Fragment", **packet}, b"evil"),
                ("BITS_POST", file, {"BITS-Packet-Type": "Close-Session", **packet}, b""),
                ("BITS_POST", file, {"BITS-Packet-Type": "Cancel-Session", **packet}, b"")]
    scene.rng.shuffle(requests)
    for (who, credentials), (method, target, fields, body) in itertools.product(bearer.items(), requests):
        fields = {**fields, "Content-Length": len(body), **({"Authorization": credentials} if credentials else {})}
        answer = scene.connection().ask(method, target, fields, body)
        what = f"{method} {fields.get('BITS-Packet-Type', '')} by {who}: {answer}"
        if who == "bob" and method == "BITS_POST":  # as of a session that nobody has
            expect(answer and (answer[0] == 500 or (answer[0] == 200 and "Cancel" in fields["BITS-Packet-Type"])), what)
        else:
            expect(answer and answer[0] in {"bob": (404,), "none": (401, 404)}.get(who, (401,)), what)
        expect("secret-name" not in str(answer) and "upload-metadata" not in answer[1], f"{what} tells of the upload")
    mine.sendall(data[60_000:])
    expect(b" 204 " in mine.recv(4096).split(b"\r\n")[0], "the owner's own append was ended by a stranger")
    expect_equal((scene.server.content / id_in(location)).read_bytes(), data, "the bytes")
    own = scene.job("put", b"bob's", principal="bob", tx="same")
    expect_equal(scene.upload(own)["what"], "success", "bob's own upload")
    expect_equal(scene.upload(scene.job("put", b"alice's", tx="same", name=own["name"]))["what"], "success", "alice's")
    expect_equal({row[3] for row in scene.rows("same")}, {"alice", "bob"}, "one transaction id of two principals")
    scene.end()


@case
def open_sessions(seed, lab):
    """A thousand uploads at once (every tenth seed: ten thousand), each with half of its bytes, as many as a thousand of them
    in the middle of a body: memory stays in its bounds, one more is refused by the quota, and another's goes on."""
    count = 10_000 if seed % 10 == 3 else 1000
    scene = Scene(seed, lab, max_connections=4000, connections_per_address=4000, inbox={"max_open": count})
    data = seeded_bytes((seed, "sessions"), 64 * KIB)

    def make(number):
        connection = scene.connection(60)
        made = [scene.create(len(data), connection=connection) for _ in range(count // 8 + (number < count % 8))]
        connection.close()
        return made

    began = time.monotonic()
    locations = list(itertools.chain(*in_threads(*[functools.partial(make, number) for number in range(8)])))
    took = time.monotonic() - began
    expect_equal(len(set(locations)), count, "uploads")
    refused = scene.tus("POST", "/in/in/", Upload_Length=5)
    expect(refused and refused[0] == 429, f"one more than max_open: {refused}")
    busy = scene.rng.sample(locations, 1000)
    sockets = [scene.open_append(location, 0, len(data), data[:len(data) // 2]) for location in busy]
    bob = scene.job("tus", data, principal="bob")
    expect_equal(scene.upload(bob)["what"], "success", "the upload of another principal")
    scene.has(bob["tx"], data)
    chosen = scene.rng.sample(range(1000), 50)
    for each in chosen:
        sockets[each].sendall(data[len(data) // 2:])
    for each in chosen:
        expect(b" 204 " in sockets[each].recv(4096).split(b"\r\n")[0], f"the end of upload {busy[each]}")
        expect_equal((scene.server.content / id_in(busy[each])).read_bytes(), data, "the bytes of one of them")
    return f"{count} uploads open: {scene.end():.2f} MiB at most, made in {took:.2f} s"


@case
def slow_bodies(seed, lab):
    """Bodies that stop, and heads and bodies that come byte by byte: ended by the clock, what came is kept and goes on."""
    scene = Scene(seed, lab, stall_timeout="1s", least_rate="1 KiB/s")
    data = seeded_bytes((seed, "slow"), 200_000)
    locations = [scene.create(len(data)) for _ in range(20)]
    cut = scene.rng.randrange(1000, 100_000)
    stopped = [scene.open_append(location, 0, len(data), data[:cut]) for location in locations]
    drips = [scene.open_append(scene.create(len(data)), 0, len(data), data[:1]) for _ in range(20)]
    heads = []
    for _ in range(50):
        raw = socket.create_connection(scene.server.address, timeout=20)
        lab.undo.append(raw.close)
        raw.sendall(b"PUT /in/in/a/b HTTP/1.1\r\nHost: x\r\nX: ")
        heads.append(raw)
    began = time.monotonic()
    for _ in range(4):  # a byte now and then, for longer than the stall_timeout
        for raw in (*drips, *heads):
            with contextlib.suppress(OSError):
                raw.sendall(b"a")
        scene.uploads_well(within=3)
        time.sleep(0.4)
    for raw in stopped:
        answer = raw.recv(4096)
        expect(b" 503 " in answer.split(b"\r\n")[0] and b"Retry-After" in answer, f"a body that stopped: {answer[:200]}")
    expect(time.monotonic() - began < 10, "bodies that stopped were not ended in time")
    for location in locations[:5]:
        expect_equal(scene.offset(location), cut, "what came before it stopped")
        expect_equal(scene.append(location, cut, data[cut:])[0], 204, "the rest")
        expect_equal((scene.server.content / id_in(location)).read_bytes(), data, "the bytes")
    for raw in heads:  # 10 s from its first byte on: base/http/message/limits.h
        raw.settimeout(15)
        with contextlib.suppress(ConnectionError):
            while answer := raw.recv(4096):
                expect(b" 408 " in answer.split(b"\r\n")[0], f"a head that comes slowly: {answer[:100]}")
    scene.end()


@case
def wrong_lengths(seed, lab):
    """Bodies longer and shorter than they were said to be: nothing of what does not fit is taken, what fits is kept."""
    scene = Scene(seed, lab)
    data = seeded_bytes((seed, "lengths"), 50_000)
    # Beyond the size: refused as a whole, and by chunks where it shows.
    location = scene.create(1000)
    expect_equal(scene.append(location, 0, data[:1001])[0], 400, "a part beyond the size")
    expect_equal(scene.offset(location), 0, "the offset after it")
    chunked = (f"PATCH {location} HTTP/1.1\r\nHost: x\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\n"
               f"Authorization: Bearer {token_of('alice')}\r\nContent-Type: application/offset+octet-stream\r\n"
               "Transfer-Encoding: chunked\r\n\r\n").encode() + b"600\r\n" + data[:0x600] + b"\r\n0\r\n\r\n"
    with socket.create_connection(scene.server.address, timeout=20) as raw:
        raw.sendall(chunked)
        expect(b" 400 " in raw.recv(4096).split(b"\r\n")[0], "chunks beyond the size")
    expect_equal(scene.offset(location), 0, "the offset after the chunks")
    # More than its Content-Length: the rest is no part of it, whatever it is.
    with scene.open_append(location, 0, 500, data[:800]) as raw:
        expect(b" 204 " in raw.recv(4096).split(b"\r\n")[0], "the announced part")
    expect_equal(scene.offset(location), 500, "the offset after more bytes than announced")
    # Less, and the connection ends: kept.
    broken, part = scene.open_append(location, 500, 500, data[500:700]), scene.server.parts / f"{id_in(location)}.1-0"
    wait_until(lambda: part.stat().st_size == 700, 10, "the bytes of a part")  # what lies in a socket may be lost with it
    broken.close()
    wait_until(lambda: scene.offset(location) == 700, 10, "the bytes of a broken part")
    expect_equal(scene.append(location, 700, data[700:1000])[0], 204, "the rest")
    expect_equal((scene.server.content / id_in(location)).read_bytes(), data[:1000], "the bytes")
    # PUT: all or nothing.
    for sent in (0, 1, 49_999):
        with socket.create_connection(scene.server.address, timeout=20) as raw:
            raw.sendall((f"PUT /in/in/short-{sent}/f HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token_of('alice')}\r\n"
                         f"Content-Length: {len(data)}\r\n\r\n").encode() + data[:sent])
            raw.shutdown(socket.SHUT_WR)
            answer = raw.recv(4096)
            expect(not answer or answer.split(b" ")[1] in (b"400", b"408"), f"a PUT of {sent} bytes: {answer[:100]}")
        wait_until(lambda sent=sent: all(row[1] != "sealed" for row in scene.rows(f"short-{sent}")), what="its row")
        expect(all(row[1] in ("receiving", "cancelled") for row in scene.rows(f"short-{sent}")), "a short PUT was taken")
        expect_equal(scene.upload(scene.job("put", data, tx=f"short-{sent}", name="f"))["what"], "success", "the whole PUT")
        scene.has(f"short-{sent}", data)
    # BITS: the range, the length and the total have to agree.
    job = scene.job("bits", data)
    client = DIALECTS["bits"](job)
    session = client.create()
    for range_, body in (("bytes 0-9/50000", data[:9]), ("bytes 0-9/50000", data[:11]), ("bytes 0-9/5", data[:10]),
                         ("bytes 9-0/50000", b""), ("bytes 0-/50000", data[:10]), ("bytes 0-9/*", data[:10])):
        answer = client.packet("Fragment", {"BITS-Session-Id": session, "Content-Range": range_}, body)
        expect(answer and answer[0] == 400, f"{range_} with {len(body)} bytes: {answer}")
    expect_equal(client.packet("Fragment", {"BITS-Session-Id": session, "Content-Range": "bytes 0-9/50000"}, data[:10])[0],
                 200, "the first ten")
    answer = client.packet("Fragment", {"BITS-Session-Id": session, "Content-Range": "bytes 10-19/49999"}, data[10:20])
    expect(answer and answer[0] == 400, f"another total: {answer}")
    expect_equal(client.run(), 0, "the client after all that")
    scene.has(job["tx"], data)
    scene.end()


NUMBERS = ("-1", "-0", "+1", "", " ", "1 1", "1,1", "0x10", "1e3", "1.0", "NaN", "²", "9223372036854775807",
           "9223372036854775808", "18446744073709551615", "18446744073709551616", "9" * 400, "-9223372036854775808")


@case
def odd_numbers(seed, lab):
    """Huge, negative and broken numbers in every field that has one: a refusal, no row, no byte, and the server goes on."""
    scene = Scene(seed, lab, access_log="off")
    data = seeded_bytes((seed, "numbers"), 1000)
    location = scene.create(len(data))
    rows = len(scene.server.look("SELECT id FROM upload"))
    for number in NUMBERS:
        octets = {"Content_Type": "application/offset+octet-stream"}
        packets = [{"Content-Range": text.format(number)} for text in ("bytes {0}-{0}/1000", "bytes 0-{0}/1000",
                                                                      "bytes 0-9/{0}", "bytes {0}")]
        answers = {
            "Upload-Length": scene.tus("POST", "/in/in/", Upload_Length=number.encode().decode("latin-1")),
            "Upload-Defer-Length": scene.tus("POST", "/in/in/", Upload_Defer_Length=number.encode().decode("latin-1")),
            "Upload-Offset": scene.append(location, number.encode().decode("latin-1"), b"x"),
            "Upload-Length later": scene.tus("PATCH", location, body=b"x", Upload_Offset=0,
                                             Upload_Length=number.encode().decode("latin-1"), **octets),
            "Content-Length": scene.tus("PATCH", location, Upload_Offset=0, **octets,
                                        Content_Length=number.encode().decode("latin-1")) if number.strip() else (400, {}),
            **{f"Content-Range {packet['Content-Range'][:40]}": scene.connection().ask(
                "BITS_POST", "/in/in/tx/f", {"BITS-Packet-Type": "Fragment", "BITS-Session-Id": f"{{{id_in(location)}}}",
                                            "Authorization": f"Bearer {token_of('alice')}", "Content-Length": 10,
                                            **{k: v.encode().decode("latin-1") for k, v in packet.items()}}, b"0123456789")
               for packet in packets}}
        for what, answer in answers.items():
            # 500 + TOO_LARGE is BITS' word for a size beyond max_size.
            large = answer and answer[0] == 500 and answer[1].get("bits-error-code", "").lower() == "0x80200020"
            expect(answer and (400 <= answer[0] < 500 or large), f"{what} {number[:30]!r}: {answer}")
        expect(scene.server.running, f"{number[:30]!r}: the server ended: {scene.server.log_tail()}")
    expect_equal(scene.offset(location), 0, "the offset after all of them")
    expect_equal(len(scene.server.look("SELECT id FROM upload")), rows, "rows after all of them")
    scene.uploads_well()
    scene.end()


def ask_for_room(dialect, connection, size):
    """The answer to the first request that says so large a size."""
    fields = {"Authorization": f"Bearer {token_of('alice')}", "Content-Length": 0}
    if dialect == "tus":
        return connection.ask("POST", "/in/in/", {**fields, "Tus-Resumable": "1.0.0", "Upload-Length": size})
    if dialect == "put":
        return connection.ask("PUT", "/in/in/big/f", {**fields, "Content-Length": size})
    create = {"BITS-Packet-Type": "Create-Session", "BITS-Supported-Protocols": BITS_PROTOCOL}
    made = connection.ask("BITS_POST", "/in/in/big/f", {**fields, **create})
    fields = {**fields, "BITS-Packet-Type": "Fragment", "BITS-Session-Id": made[1]["bits-session-id"]}
    return connection.ask("BITS_POST", "/in/in/big/f", {**fields, "Content-Length": 1, "Content-Range": f"bytes 0-0/{size}"}, b"x")


def full_disk(dialect, seed, lab):
    """Somebody else fills the state directory's disk at each step: no success without the file, and once there is room again
    the uploads go on. What cannot fit at all is refused at once."""
    scene = Once(seed, lab, dialect, "keeps", lab.tmpfs("small", 24 * MIB))
    note = scene.run()
    scene.server.start()
    answer = ask_for_room(dialect, Connection(scene.server.address), 64 * MIB)
    wanted = (500, "0x80070070") if dialect == "bits" else (507, None)
    expect_equal(answer and (answer[0], answer[1].get("bits-error-code")), wanted, f"what cannot fit: {answer}")
    expect_equal(scene.server.stop(), 0, "exit status of the server")
    return note


for _dialect in DIALECTS:
    CASES[f"full_disk_{_dialect}"] = functools.partial(full_disk, _dialect)


def run(seed, lab, name):
    try:
        return CASES[name](seed, lab) or name
    except Skip:
        raise
    except Exception as error:
        raise named(name, error) from error
