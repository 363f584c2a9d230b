"""Origins that keep to no rule, and from which curl gets the file all the same: HEAD and ranges that do not work, lines in
a head that are none, codings that are none, statuses, redirects as servers write them; and origins that send for ever.

CASES is the table: name -> function(case). Each file is fetched three times: by a GET, again with something in the cache,
and, under another name, by a job that has to ask for the size first, as a member with neighbours does. Beside it curl is
asked: what it gets, Larder gets.
"""

import concurrent.futures
import gzip
import hashlib
import random
import shutil
import subprocess
import time
import urllib.parse

from framing import chunks
from lab_office import Office
from larder_lab import Skip, check_figures, expect, expect_equal, expect_error, expect_soon, named, seeded_bytes
from odd_wires import BROKEN_HEADS, CURLS, DRIPS, LOCATIONS, empty, fields_of, file_answer, wire
from raw_origin import RawOrigin, Wire

CASES = {}
OPTIONS = {"retry_delay_s": 0.1, "no_progress_timeout_s": 2}
STALL_S = 40  # of an ordinary request; nothing here may take as long


def case(function):
    CASES[function.__name__] = function
    return function


class Case:
    def __init__(self, seed, lab):
        self.rng = random.Random(f"odd servers {seed}")
        self.lab = lab
        self.agent = lab.agent(origin={"stall_timeout": f"{STALL_S}s", "connect_timeout": "3s"})
        self.api = self.agent.api
        self.data = seeded_bytes((self.rng.random(), "odd"), self.rng.randrange(20_000, 90_000))

    def site(self, answer, **options):
        """A host of its own: what is remembered of one says nothing of another."""
        origin = RawOrigin(answer, **options)
        self.lab.origins.append(origin)
        return origin

    def fetch(self, file, **options):
        """(job, its bytes or None), collected."""
        file = file if isinstance(file, dict) else {"url": file}
        job = self.api.wait(self.api.create([file], **{**OPTIONS, **options})["id"], timeout=90)
        if job["state"] != "transferred":
            return job, None
        check_figures(job)
        data = self.api.content(job["id"])
        self.api.act(job["id"], "complete")
        return job, data

    def right(self, what, origin, data=None, path="", seconds=12, curl=True, **file):
        """The three fetches bring `data`, none of them late, and so does curl."""
        data = self.data if data is None else data
        if curl and not file:
            done = curl_of(origin.url("/0" + path))
            expect(done.returncode == 0 and done.stdout == data, f"{what}: curl itself has {done.returncode}, "
                   f"{len(done.stdout)} bytes: the case is none")
        for which, url, options in (("first", "/1", {}), ("second", "/1", {}), ("probed", "/2", {"parallel_ranges": 2})):
            began = time.monotonic()
            job, got = self.fetch({"url": origin.url(url + path), **file}, **options)
            took = time.monotonic() - began
            expect(got is not None, f"{what}, the {which} fetch: {job['state']}, {job['error'] or job['files'][0]['error']}")
            expect(got == data, f"{what}, the {which} fetch: {len(got)} other bytes")
            expect(took < seconds, f"{what}, the {which} fetch took {took:.1f} s")

    def refused(self, what, origin, code, text=(), path="", most=1, **file):
        """At once, for good, and in these words; after at most so many GETs."""
        for _ in range(2):
            asked = len(origin.asked("GET"))
            job, _ = self.fetch({"url": origin.url("/1" + path), **file})
            try:
                error = expect_error(job, code, text=text)
            except AssertionError as seen:
                raise AssertionError(f"{what}: {seen}") from seen
            asked = len(origin.asked("GET")) - asked
            expect(1 <= asked <= most, f"{what}: {asked} requests until it was given up ({error['message']})")

    def all_at_once(self, rows, check):
        """check(name, value) for each row of a table; those that wait do so beside each other."""
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            for done in [pool.submit(check, name, value) for name, value in rows.items()]:
                done.result()


def curl_of(url, *options):
    program = shutil.which("curl")
    if program is None:
        raise Skip("curl is not installed")
    return subprocess.run([program, "-q", "-sL", "--noproxy", "*", "--max-time", "30", *options, url], capture_output=True,
                          check=False)


# -- requests that help ----------------------------------------------------------------------------------------------
@case
def a_head_that_does_not_work(c):
    """However a HEAD fails where GET works: the file comes, soon, and the host is not asked like that again."""

    def check(name, broken):
        good = file_answer(c.data)
        origin = c.site(lambda request: broken if request.method == "HEAD" else good(request))
        c.right(f"HEAD {name}", origin)
        # Of this file; others may do better.
        if name in ("says a coding", "says no length", "says length 0", "has two lengths"):
            return
        before = len(origin.asked("HEAD"))
        c.fetch(origin.url("/3"), parallel_ranges=2)
        expect_equal(len(origin.asked("HEAD")), before, f"HEAD {name}: how often it was asked")

    c.all_at_once(BROKEN_HEADS, check)


@case
def a_member_with_a_neighbour(c):
    """In a group the origin is asked for the edition first: where HEAD does not work the second member has it from the first."""
    c.lab.loopback = True
    with Office(c.lab, hosts=2) as office:
        office.make_group()
        for name in ("hangs", "is closed", "says 401", "leads nowhere"):
            good = file_answer(c.data)
            origin = c.site(lambda request, name=name: BROKEN_HEADS[name] if request.method == "HEAD" else good(request))
            for host, source in zip(office.hosts, ("origin", "peers")):
                began = time.monotonic()
                job = host.finish(host.submit(origin.url("/f")), hashlib.sha256(c.data).hexdigest())
                expect(time.monotonic() - began < 12, f"HEAD {name}: {time.monotonic() - began:.1f} s on {host.name}")
                expect_equal(job["figures"][source], len(c.data), f"HEAD {name}: bytes from {source} on {host.name}")
        origin = c.site(lambda request: empty("416 No") if request.range else wire(fields=fields_of(b"")))
        for host in office.hosts:
            host.finish(host.submit(origin.url("/empty")), hashlib.sha256(b"").hexdigest())


@case
def a_range_that_does_not_work(c):
    """HEAD is refused, and the range of one byte that takes its place does not work either."""
    ways = {"hangs": Wire(b"", end="hang"), "is closed": Wire(b"", end="fin"), "is reset": Wire(b"", end="reset"),
            "is a part without a range": wire("206 Part", fields_of(b"x"), b"x"),
            "is a part of something else": wire("206 Part", ["Content-Range: bytes 5-5/9", *fields_of(b"x")], b"x"),
            "is the whole, said to be a part": wire("206 Part", [f"Content-Range: bytes 0-{len(c.data) - 1}/{len(c.data)}",
                                                                 *fields_of(c.data)], c.data),
            **{f"says {status}": empty(f"{status} No") for status in (400, 403, 405, 406, 409, 411, 412, 413, 416, 417, 500,
                                                                      501)}}

    def check(name, broken):
        good = file_answer(c.data, "Accept-Ranges: none")

        def answer(request):
            if request.method == "HEAD":
                return empty("405 No")
            return broken if request.range else good(request)

        c.right(f"a range {name}", c.site(answer), seconds=14)

    c.all_at_once(ways, check)


@case
def empty_files(c):
    """A file of no bytes, on servers that answer the request for its first byte in their own way."""
    ways = {"416 alone": empty("416 No"), "400": empty("400 No"), "416 with the size": empty("416 No", "Content-Range: bytes */0"),
            "416 with no number": empty("416 No", "Content-Range: bytes */*"), "200": wire(fields=fields_of(b"")),
            "403": empty("403 No"), "500": empty("500 No"), "501": empty("501 No"), "it is closed": Wire(b"", end="fin"),
            "206 of nothing": wire("206 Part", ["Content-Range: bytes 0-0/0", *fields_of(b"")])}

    def check(name, broken):
        def answer(request):
            return broken if request.range else wire(fields=fields_of(b""))

        c.right(f"an empty file, {name}", c.site(answer), b"")

    c.all_at_once(ways, check)


# -- heads -----------------------------------------------------------------------------------------------------------
@case
def lines_that_are_none(c):
    """Lines that are no fields, about things on which nothing hangs, are passed over."""
    lines = ["X Robots Tag: none", "X-Frame-Options : DENY", "X-A\t: b", "X-A: a\x01b", "X-A: \x1b[31m", "X-A: a\x7f", "X\x02A: b",
             "PHP Warning:  Undefined variable $x in /srv/x.php on line 5", ": no name", "X-A: b\r X-B: c",
             "Content Length: 7", "X\u00e4: b", "(comment): x", "Server : a/1", "Keep-Alive : timeout=5", "X-A: b\r\n c\x01",
             "X A: b\r\n Content-Length: 5", "X-Powered-By : PHP/5", "P3P : CP=\"x\"", "Expires : 0", "Content-Type : text/plain",
             "Cache-Control : max-age=60", "X-A: \x0b", "Set Cookie: a=b"]
    rows = {line: line for line in lines}

    def check(name, line):
        c.right(f"the line {name!r}", c.site(file_answer(c.data, line)))

    c.all_at_once(rows, check)


@case
def lines_that_frame_or_identify(c):
    """Where another reader could take another body, or another file, for this one: refused at once."""
    names = ["Content-Length", "Transfer-Encoding", "Content-Range", "Content-Encoding", "ETag", "Last-Modified", "Location",
             "Repr-Digest", "Digest"]
    lines = [form.replace("#", name) for name in names for form in ("# : 5", "#\t: 5", "#: \x01", "X-A: b\r#: 5", "X\x0b# : 5")]
    lines += ["X-A: b\r\r", "Content-Length: 5\r\n 0", "Content- Length: 5"]

    def check(name, line):
        c.refused(f"the line {name!r}", c.site(lambda request: wire(fields=[*fields_of(c.data), line], body=c.data, end="fin")),
                  "bad_response")

    c.all_at_once({line: line for line in lines}, check)


@case
def what_restricts_counts_however_written(c):
    """`Cache-Control : no-store` keeps a file from others as `Cache-Control: no-store` does."""
    for line in ("Cache-Control : no-store", "Cache-Control: private\x01", "Set-Cookie : a=b", "Vary\t: *"):
        origin = c.site(file_answer(c.data, line))
        c.fetch(origin.url("/f"))
        expect_soon(lambda: [r for r in c.api.cache() if r["state"] == "complete"], [], f"{line!r}: what others could be given")


# -- codings and statuses --------------------------------------------------------------------------------------------
@case
def codings_that_are_none(c):
    """What servers write into Content-Encoding that is no coding, and gzip for what is a gzip file."""
    packed = gzip.compress(c.data, 1)
    plain = {value: ("", value, c.data, ()) for value in ("none", "None", "UTF-8", "utf8", "aws-chunked", "binary", "identity",
                                                          "", "8bit", "iso-8859-1", "aws-chunked, identity", "x-unknown")}
    own = {f"{value} of {path}{' '.join(more)}": (path, value, packed, more) for path, value, more in (
        ("/x.tar.gz", "gzip", ()), ("/x.tgz", "x-gzip", ()), ("/X.TGZ", "GZIP", ()), ("/x.svgz", "gzip", ()),
        ("/get?file=x.tgz", "gzip", ()), ("/x", "gzip", ("Content-Type: application/gzip",)),
        ("/x", "x-gzip", ("Content-Type: application/x-tar",)), ("/x", "gzip", ("Content-Disposition: attachment; filename=\"x.tgz\"",)),
        ("/x.br", "br", ()), ("/x.tar.zst", "zstd", ()), ("/x.Z", "compress", ()), ("/x.zz", "deflate", ()))}

    def check(name, row):
        path, value, data, more = row
        c.right(f"Content-Encoding: {name}", c.site(file_answer(data, f"Content-Encoding: {value}", *more)), data, path)

    c.all_at_once({**plain, **own}, check)


@case
def codings_that_a_digest_makes_acceptable(c):
    """Bytes in a coding are refused to who cannot know them, and given to who can; nobody else is given them then."""
    packed = gzip.compress(c.data, 1)
    signed = signature_of(c, packed)

    def check(value, _):
        origin = c.site(file_answer(packed, f"Content-Encoding: {value}"))
        c.refused(f"{value}, without a digest", origin, "bad_response", text=[value, "--sha256"], path="/x.iso")
        c.right(f"{value}, with a digest", origin, packed, "/x.iso", sha256=hashlib.sha256(packed).hexdigest())
        c.refused(f"{value}, after it came to another", origin, "bad_response", path="/x.iso", most=2)
        job, got = c.fetch({"url": origin.url("/1/x.iso"), "sha256": hashlib.sha256(c.data).hexdigest()})
        expect(got is None, f"{value}: bytes with another digest")
        expect_error(job, "digest_mismatch", "validation_failed")
        if signed:
            job, got = c.fetch(origin.url("/1/x.iso"), verdict=signed)
            expect(got == packed, f"{value}, with a signature: {job['state']}, {job['error']}")

    c.all_at_once({v: v for v in ("gzip", "deflate", "br", "zstd", "compress", "gzip, gzip")}, check)


def signature_of(c, data):
    """The verdict options for a signature of `data`, or None where none can be made."""
    keys = c.lab.folder("keys")
    (keys / "f").write_bytes(data)
    if shutil.which("minisign") is None:
        return None
    made = subprocess.run(["minisign", "-G", "-W", "-f", "-p", keys / "k.pub", "-s", keys / "k.key"], capture_output=True,
                          check=False)
    if made.returncode != 0:
        return None
    subprocess.run(["minisign", "-S", "-s", keys / "k.key", "-m", keys / "f"], check=True, capture_output=True, input=b"\n")
    return {"minisign": {"public_key": (keys / "k.pub").read_text().splitlines()[1],
                         "signature": (keys / "f.minisig").read_text()}}


@case
def a_digest_beside_none(c):
    """Two jobs at once ask for a coded file, one of them with its digest: each gets what is right for it."""
    packed = gzip.compress(c.data, 1)
    for turn in range(6):
        slow = c.site(lambda request: file_answer(packed, "Content-Encoding: gzip")(request))
        files = [{"url": slow.url("/x")}, {"url": slow.url("/x"), "sha256": hashlib.sha256(packed).hexdigest()}]
        if turn % 2:
            files.reverse()
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            for file, done in [(f, pool.submit(c.fetch, f)) for f in files]:
                job, got = done.result()
                if "sha256" in file:
                    expect(got == packed, f"with the digest: {job['state']}, {job['error']}")
                else:
                    expect_error(job, "bad_response")


@case
def statuses_that_carry_the_file(c):
    """201, 203, 226, a 206 with all of it that nobody asked for, 300 with a Location."""
    data = c.data
    part = [f"Content-Range: bytes 0-{len(data) - 1}/{len(data)}"]
    rows = {"201": "201 Created", "203": "203 Non-Authoritative Information", "226": "226 IM Used", "206": "206 Part",
            "206 without a length": "206 Part"}

    def check(name, status):
        fields = fields_of(data, *(part if name.startswith("206") else ()))
        if "without" in name:
            fields = ["Transfer-Encoding: chunked", *fields[1:]]
        body = chunks(data) if "without" in name else data
        c.right(name, c.site(lambda request: wire(status, fields, body)))

    c.all_at_once(rows, check)
    good = file_answer(data)
    c.right("300 with a Location", c.site(
        lambda request: good(request) if request.target.startswith("/there") else empty("300 Choices", "Location: /there")))
    short = [f"Content-Range: bytes 0-{len(data) - 2}/{len(data)}", *fields_of(data[:-1])]
    c.refused("206 with less", c.site(lambda request: wire("206 Part", short, data[:-1])), "bad_response")
    for status in ("202 Accepted", "204 No Content", "205 Reset"):
        c.refused(status, c.site(lambda request, status=status: wire(status, [], end="fin")), "bad_response", text=status[:3])


# -- redirects -------------------------------------------------------------------------------------------------------
@case
def locations_as_servers_write_them(c):
    """Where curl goes, Larder goes."""

    start = "/go/there/x"

    def check(form, _):
        def answer(request):
            if request.target == start:
                return empty("302 Found", "Location: " + form.replace("HOST", f"127.0.0.1:{origin.port}"))
            return file_answer(c.data)(request)

        origin = c.site(answer)

        def gone_to():
            """As a server reads it: `%20` and, in a query, `+` are a blank, and an empty query is none."""
            places = []
            for target in [a.target for a in origin.asked() if a.target != start]:
                path, _, query = target.partition("?")
                places.append(urllib.parse.unquote_to_bytes(path) + b"?" + urllib.parse.unquote_to_bytes(query.replace("+", " ")))
            return places

        done = curl_of(origin.url(start), "--max-redirs", "5")
        expect(done.returncode == 0 and done.stdout == c.data, f"{form!r}: curl itself has {done.returncode}: the case is none")
        there = gone_to()
        for _ in range(2):
            job, got = c.fetch(origin.url(start))
            expect(got == c.data, f"Location {form!r}: {job['state']}, {job['error']}")
        expect_equal(set(gone_to()), set(there), f"Location {form!r}: where it led")

    c.all_at_once({form: form for form in LOCATIONS}, check)
    # Typed by a person the same is an error that says how to write it.
    done = c.agent.larder("get", "http://127.0.0.1:9/100%", "-o", c.lab.folder("out") / "x")
    expect(done.returncode == 3 and "%25" in done.stderr, f"a typed URL: {done.returncode} {done.stderr}")


# -- for ever --------------------------------------------------------------------------------------------------------
@case
def bytes_that_are_no_progress(c):
    """A little every half second that is no byte of the file keeps nothing alive."""
    agent = c.lab.agent("impatient", origin={"stall_timeout": "2s"})

    def end_of(origin):
        began = time.monotonic()
        job = agent.api.wait(agent.api.create([origin.url("/x")], retry_delay_s=0.1, no_progress_timeout_s=1)["id"], timeout=60)
        took = time.monotonic() - began
        expect(took < 8, f"it took {took:.1f} s until {job['state']}")
        return job

    def check(name, drip):
        try:
            job = end_of(c.site(lambda request: drip))
            expect_error(job, "no_progress", text="503" if "error" in name else ())
        except AssertionError as seen:
            raise AssertionError(f"{name}: {seen}") from seen

    c.all_at_once(DRIPS, check)
    good = file_answer(c.data)
    redirect = Wire(b"HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: 9999\r\n\r\n", drip=b"x")
    job = end_of(c.site(lambda request: good(request) if request.target == "/there" else redirect))
    expect_equal(job["state"], "transferred", "a redirect whose body never ends")


# -- words -----------------------------------------------------------------------------------------------------------
@case
def errors_in_their_own_words(c):
    """Malformed answers are told as that, at once and for good, and not as a lost connection or an error of the agent."""

    def check(name, row):
        sent, words = row
        c.refused(name, c.site(lambda request: Wire(sent, end="fin")), "bad_response", text=words)

    c.all_at_once(CURLS, check)


@case
def a_certificate_for_another_name(c):
    """curl's 305, 311 and 312: no authority would help, and none is asked for."""
    folder = c.lab.folder("tls")
    key, certificate = folder / "k", folder / "c"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30",
                    "-keyout", key, "-out", certificate, "-subj", "/CN=other.example", "-addext", "subjectAltName=DNS:other.example"],
                   check=True, capture_output=True)
    agent = c.lab.agent("trusting", origin={"ca_file": str(certificate)})
    origin = c.site(file_answer(c.data), tls=(certificate, key))
    for host in ("127.0.0.1", "localhost"):
        job = agent.api.wait(agent.api.create([f"https://{host}:{origin.port}/x"], no_progress_timeout_s=1, retry_delay_s=0.1)["id"])
        error = expect_error(job, "certificate_rejected", text="another name")
        expect("authority" not in error["message"] and "--ca-file" not in error["message"], f"words: {error['message']}")


def run(seed, lab, name=None):
    names = list(CASES)
    name = name or names[seed % len(names)]
    c = Case(seed, lab)
    try:
        CASES[name](c)
    except Skip:
        raise
    except Exception as error:
        raise named(name, error) from error
    expect(c.agent.running, f"{name}: larderd ended: {c.agent.log_tail()}")
    c.agent.check_cache_soon()
    return name
