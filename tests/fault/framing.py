"""How a body ends, and what becomes of one that was cut: each run fetches one URL twice.

A seed draws the framing of the answers (FRAMINGS), TLS or not, how HEAD is answered, ranges or none, validators,
digests, whether the first whole body is cut and how, and whether another edition of another size is published between
the two fetches. What is handed over must be, byte for byte, the edition that the origin had then, or it is an error.

One exception is HTTP's own: a body that only the end of the connection ends, and that was cut, may be handed over by the
very fetch that got it, since nobody could know. It must never come a second time, neither to the same user nor to another.
"""

import base64
import gzip
import hashlib
import os
import random
import subprocess

from larder_lab import Api, Edition, KIB, MIB, check_figures, expect, expect_equal, http_date, named, nobody, run_as, wait_until
from lab_origin import seeded_bytes
from raw_origin import RawOrigin, Wire

_T = 1_700_000_000
OPTIONS = {"retry_delay_s": 0.1, "no_progress_timeout_s": 2}


def chunks(body, trailer=b"", piece=16000):
    parts = []
    for at in range(0, len(body), piece):
        part = bytes(body[at:at + piece])
        parts.append(b"%x\r\n%s\r\n" % (len(part), part))
    return b"".join(parts) + b"0\r\n" + trailer + b"\r\n"


class Framing:
    """`head(n)`: the fields that frame a body of n bytes; `wire(body)`: the body as it is sent. `honest`: a client that
    keeps to the rules gets the file. `announced`: it knows where the file ends."""

    def __init__(self, head, wire=bytes, honest=True, announced=True, version="HTTP/1.1", end="keep"):
        self.head, self.wire, self.honest, self.announced = head, wire, honest, announced
        self.version, self.end = version, end


def _lines(*lines):
    return lambda n: [line.replace("#", str(n)) for line in lines]


def _coded(*lines):
    return Framing(_lines(*lines), lambda body: chunks(gzip.compress(body, 1)), honest=False)


TE = "Transfer-Encoding: "
FRAMINGS = {
    "length": Framing(_lines("Content-Length: #")),
    "length twice": Framing(_lines("Content-Length: #", "Content-Length: #")),
    "length in a list": Framing(_lines("Content-Length: #, #")),
    "length of HTTP/1.0": Framing(_lines("Content-Length: #"), version="HTTP/1.0", end="fin"),
    "length and identity": Framing(_lines("Content-Length: #", TE + "identity")),
    "chunked": Framing(_lines(TE + "chunked"), chunks),
    "chunked, closed": Framing(_lines(TE + "chunked", "Connection: close"), chunks, end="fin"),
    "chunked with trailers": Framing(_lines(TE + "chunked", "Trailer: X-A"), lambda b: chunks(b, b"X-A: b\r\nETag: \"t\"\r\n")),
    "chunked in capitals": Framing(_lines(TE + "CHUNKED"), chunks),
    "chunked and identity": Framing(_lines(TE + "identity, chunked"), chunks),
    "chunked and a length": Framing(lambda n: [TE + "chunked", f"Content-Length: {n - 1}"], chunks, honest=False),
    "chunked of HTTP/1.0": Framing(_lines(TE + "chunked"), chunks, honest=False, version="HTTP/1.0", end="fin"),
    "close": Framing(_lines("Connection: close"), announced=False, end="fin"),
    "close, unsaid": Framing(_lines(), announced=False, end="fin"),
    "close, although keep-alive": Framing(_lines("Connection: keep-alive"), announced=False, end="fin"),
    "close of HTTP/1.0": Framing(_lines(), announced=False, version="HTTP/1.0", end="fin"),
    "close and identity": Framing(_lines(TE + "identity"), announced=False, end="fin"),
    "close, no coding named": Framing(_lines(TE.strip()), announced=False, end="fin"),
    "HTTP/2 in words alone": Framing(_lines(), announced=False, honest=False, version="HTTP/2", end="fin"),
    "more than the length": Framing(_lines("Content-Length: #"), lambda b: bytes(b) + b"x" * 5000, end="fin"),
    "less than the length": Framing(lambda n: [f"Content-Length: {n + 7}"], honest=False, end="fin"),
    "two lengths": Framing(lambda n: [f"Content-Length: {n}", f"Content-Length: {n // 2}"], honest=False, end="fin"),
    "two lengths in a list": Framing(lambda n: [f"Content-Length: {n // 2}, {n}"], honest=False, end="fin"),
    "a negative length": Framing(_lines("Content-Length: -#"), honest=False, end="fin"),
    "a length with a sign": Framing(_lines("Content-Length: +#"), honest=False, end="fin"),
    "a length with words": Framing(_lines("Content-Length: # bytes"), honest=False, end="fin"),
    "a huge length": Framing(_lines("Content-Length: 9223372036854775809"), honest=False, end="fin"),
    "a length beyond counting": Framing(_lines("Content-Length: 36893488147419103232"), honest=False, end="fin"),
    "gzip, chunked": _coded(TE + "gzip, chunked"),
    "gzip and chunked on two lines": _coded(TE + "gzip", TE + "chunked"),
    "chunked, gzip": _coded(TE + "chunked, gzip"),
    "Deflate, Chunked": _coded(TE + "Deflate, Chunked"),
    "sixty-four identities and gzip": _coded(TE + "identity, " * 64 + "gzip, chunked"),
    "gzip alone": Framing(_lines(TE + "gzip"), lambda b: gzip.compress(b, 1), honest=False, end="fin"),
    "an unknown coding": Framing(_lines(TE + "other"), honest=False, end="fin"),
    "chunked twice": Framing(_lines(TE + "chunked, chunked"), lambda b: chunks(chunks(b)), honest=False),
    "chunked twice, on two lines": Framing(_lines(TE + "chunked", TE + "chunked"), chunks, honest=False),
    "chunked with a parameter": Framing(_lines(TE + "chunked;q=1"), chunks, honest=False, end="fin"),
    "chunked on a second line": Framing(_lines("Transfer-Encoding:\r\n chunked"), chunks, honest=False, end="fin"),
    "chunked on a third line": Framing(_lines("Transfer-Encoding: identity,\r\n\tchunked"), chunks, honest=False, end="fin"),
    "no last chunk": Framing(_lines(TE + "chunked"), lambda b: chunks(b)[:-5], honest=False, end="fin"),
    "half a last chunk": Framing(_lines(TE + "chunked"), lambda b: chunks(b)[:-2], honest=False, end="fin"),
    "half a trailer": Framing(_lines(TE + "chunked"), lambda b: chunks(b, b"X-A: b\r\n")[:-2], honest=False, end="fin"),
}
# The first seeds take them by turns, so that each is drawn whatever the number of runs; then the ones that a cut hurts.
OFTEN = ["close", "close, unsaid", "close of HTTP/1.0", "close, although keep-alive", "chunked", "length"]


class Mix:
    def __init__(self, seed, lab):
        rng = self.rng = random.Random(f"framing {seed}")
        names = list(FRAMINGS)
        self.lab = lab
        self.name = rng.choice(OFTEN) if seed % 3 == 0 else names[seed * 7 % len(names)]
        self.framing = FRAMINGS[self.name]
        self.tls = rng.random() < 0.3
        self.validators = rng.choice(["both", "both", "etag", "date", "none", "weak"])
        self.digest = rng.choice(["none", "none", "none", "right", "wrong"])
        self.head = rng.choice(["honest", "honest", "no length", "refused"])
        self.ranges = rng.random() < 0.6
        self.cut = rng.choice([None, "fin", "silent", "reset"]) if self.framing.honest else None
        if self.framing.honest and not self.framing.announced and self.cut is None and rng.random() < 0.7:
            self.cut = "fin"
        self.caller_knows = rng.random() < 0.15
        self.renewed = rng.random() < 0.3
        self.other_user = rng.random() < 0.4 and os.geteuid() == 0
        size = rng.choice([rng.randrange(1, 300), rng.randrange(20 * KIB, 900 * KIB), rng.randrange(2 * MIB, 6 * MIB)])
        self.editions = [self.edition(0, size), self.edition(1, size + rng.randrange(1, 50 * KIB))]
        self.current = 0
        self.left_to_cut = 0 if self.cut is None else 1
        self.cut_bodies = []  # what was sent of bodies that nobody could see to be cut
        pair = make_certificate(lab.folder("tls")) if self.tls else None
        self.origin = RawOrigin(self.answer, tls=pair)
        lab.origins.append(self.origin)
        trust = {"ca_file": str(pair[0])} if pair else {}
        self.agent = lab.agent(origin={"stall_timeout": "1s", "connect_timeout": "3s", **trust})
        self.api = self.agent.api

    def edition(self, number, size):
        data = seeded_bytes((self.rng.random(), number), size)
        tag = {"both": f'"e{number}"', "etag": f'"e{number}"', "weak": f'W/"e{number}"'}.get(self.validators)
        date = http_date(_T + 100 * number) if self.validators in ("both", "date") else None
        return Edition(data, tag, date)

    def told(self):
        """For a failure: what was drawn."""
        return (f"{self.name}, {'TLS' if self.tls else 'plain'}, validators {self.validators}, digest {self.digest}, HEAD "
                f"{self.head}, ranges {self.ranges}, cut {self.cut}, renewed {self.renewed}, other user {self.other_user}, "
                f"caller's digest {self.caller_knows}, {len(self.editions[0].data)} bytes")

    def fields(self, edition):
        fields = [f"Date: {http_date(_T + 100_000)}", "Content-Type: application/octet-stream"]
        fields += [f"ETag: {edition.etag}"] if edition.etag else []
        fields += [f"Last-Modified: {edition.last_modified}"] if edition.last_modified else []
        fields += ["Accept-Ranges: bytes"] if self.ranges else []
        if self.digest != "none":
            content = edition.data if self.digest == "right" else b"something else"
            fields.append(f"Repr-Digest: sha-256=:{base64.b64encode(hashlib.sha256(content).digest()).decode()}:")
        return fields

    def answer(self, request):
        edition, framing = self.editions[self.current], self.framing
        fields = self.fields(edition)
        if request.method == "HEAD" and self.head == "refused":
            return self.wire("405 No", ["Content-Length: 0"], b"", "keep", "head")
        if request.method == "HEAD" and self.head == "honest" and framing.honest and framing.announced:
            return self.wire("200 OK", fields + [f"Content-Length: {len(edition.data)}"], b"", "keep", "head")
        if request.method == "HEAD":
            return self.wire("200 OK", fields + framing.head(len(edition.data)), b"", "fin", "head")
        wanted, body, status = request.range, edition.data, "200 OK"
        condition = request.headers.get("if-range")
        if self.ranges and wanted and condition in (None, edition.etag, edition.last_modified):
            first, last = wanted[0], min(len(body) - 1, wanted[1] if wanted[1] is not None else len(body) - 1)
            if first >= len(body):
                return self.wire("416 No", fields + [f"Content-Range: bytes */{len(body)}", "Content-Length: 0"], b"", "keep", "416")
            fields.append(f"Content-Range: bytes {first}-{last}/{len(body)}")
            body, status = body[first:last + 1], "206 Part"
        wire = framing.wire(body)
        whole = len(body) == len(edition.data)
        if self.left_to_cut and whole and len(wire) > 1:
            self.left_to_cut -= 1
            wire = wire[:self.rng.randrange(1, len(wire))]
            if not framing.announced:
                self.cut_bodies.append(bytes(wire))
            return self.wire(status, fields + framing.head(len(body)), wire, self.cut, "cut")
        return self.wire(status, fields + framing.head(len(body)), wire, framing.end, status)

    def wire(self, status, fields, body, end, name):
        head = "\r\n".join([f"{self.framing.version} {status}", *fields]) + "\r\n\r\n"
        return Wire(head.encode("latin-1"), body, end, name)

    def file(self):
        file = {"url": self.origin.url("/f")}
        if self.caller_knows:
            file["sha256"] = self.editions[self.current].sha256
        return file

    def fetch(self, api):
        """(state, error code, bytes, figures) of one job, which is collected."""
        job = api.wait(api.create([self.file()], **OPTIONS)["id"], timeout=60)
        if job["state"] != "transferred":
            error = job["error"] or job["files"][0]["error"]
            expect(error["message"].startswith("cannot "), f"message {error['message']}")
            return job["state"], error["code"], None, None
        check_figures(job)
        data = api.content(job["id"])
        api.act(job["id"], "complete")
        return job["state"], None, data, job["figures"]

    def judge(self, which, state, code, data, had):
        edition = self.editions[self.current]
        must = self.framing.honest and self.digest != "wrong" and not had
        if data is None:
            expect(not must, f"the {which} fetch: {state}, {code}")
            return
        if data == edition.data:
            return
        for_once = which == "first" and any(data == cut for cut in self.cut_bodies)
        for_once = for_once and self.digest == "none" and not self.caller_knows
        expect(for_once, f"the {which} fetch hands over {len(data)} bytes that are not the {len(edition.data)} of the edition"
               f" (a cut body: {data in self.cut_bodies}, its start: {edition.data.startswith(data)})")

    def second(self):
        if not self.other_user:
            return self.fetch(self.api)
        path = str(self.agent.socket)
        return run_as(nobody(), lambda: self.fetch(Api(path)))

    def run(self):
        state, code, data, _ = self.fetch(self.api)
        self.judge("first", state, code, data, self.cut is not None)
        was_cut = data is not None and data != self.editions[0].data
        if was_cut:
            # The job's end is durable first, then its content goes.
            wait_until(lambda: not self.api.cache(), 10, "the cut body's record gone from the cache")
        if self.renewed:
            self.current = 1
        self.left_to_cut = 0
        state, code, again, figures = self.second()
        self.judge("second", state, code, again, False)
        open_end = not self.framing.announced and self.digest == "none" and not self.caller_knows
        if again is not None and open_end:
            expect_equal(figures["cache"], 0, "bytes from the cache of a file whose end nobody announced")
        if again is not None and data is not None and self.is_kept() and not self.renewed:
            expect_equal(figures["cache"], len(again), "bytes from the cache of a file that is as it was")
        return "cut, once" if was_cut else "refused" if data is None else "whole"

    def is_kept(self):
        """An answer whose edition and size are told each time is found again: the rules are not stricter than they need be."""
        sized = self.framing.honest and self.name.startswith("length")
        return sized and self.head == "honest" and self.cut is None and self.validators in ("both", "etag", "date")


def make_certificate(folder):
    key, certificate = folder / "origin.key", folder / "origin.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days",
                    "30", "-keyout", key, "-out", certificate, "-subj", "/CN=127.0.0.1", "-addext",
                    "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    return certificate, key


def run(seed, lab):
    mix = Mix(seed, lab)
    try:
        outcome = mix.run()
    except Exception as error:
        raise named(mix.told(), error) from error
    mix.agent.check_cache_soon()
    return f"{mix.name}: {outcome}"
