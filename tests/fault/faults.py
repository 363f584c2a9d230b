"""Every fault of an origin that has been thought of, each with the state, code and words that a job must show.

CASES is the table: name -> function(case). What a case serves is in it; `Case` has the helpers. Beyond its own
expectation each case that ends well is held to the right bytes, the sum of figures and a sound cache.
"""

import gzip
import hashlib
import os
import random
import subprocess
import threading
import base64

from larder_lab import (MIB, Answer, Edition, EditionResource, Skip, check_figures, expect, expect_equal, expect_error,
                        expect_soon, free_port, http_date, named, seeded_bytes)

CASES = {}
_T = 1_700_000_000


def case(function):
    CASES[function.__name__] = function
    return function


class Case:
    def __init__(self, seed, lab):
        self.rng = random.Random(f"fault {seed}")
        self.lab = lab
        self.origin = lab.origin
        self.agent = lab.agent(origin={"stall_timeout": "700ms", "connect_timeout": "2s"})
        self.api = self.agent.api
        self.edition = Edition(seeded_bytes(("fault", seed), self.rng.randrange(5 * MIB, 9 * MIB)), '"v1"',
                               http_date(_T))
        self.data = self.edition.data

    def plain(self, **options):
        return EditionResource([self.edition], **options)

    def once(self, change, resource=None, times=1, only=lambda request: request.method == "GET"):
        """Serves the edition, with `change(answer, request)` applied to the first `times` answers (None: to all)."""
        resource = resource or self.plain()
        left = [times]

        def answer(request):
            reply = resource(request)
            if only(request) and (left[0] is None or left[0] > 0):
                if left[0] is not None:
                    left[0] -= 1
                reply = change(reply, request) or reply
            return reply

        return self.origin.serve("/f", answer)

    def start(self, url, **options):
        options = {"retry_delay_s": 0.1, "no_progress_timeout_s": 30, **options}
        file = url if isinstance(url, dict) else {"url": url}
        return self.api.create([file], **options)["id"]

    def good(self, url, data=None, timeout=40, **options):
        """It ends transferred, with these bytes."""
        job = self.api.wait(self.start(url, **options), timeout=timeout)
        expect_equal(job["state"], "transferred", f"state ({job['error']})")
        expect(self.api.content(job["id"]) == (self.data if data is None else data), "other bytes than the origin's")
        check_figures(job)
        return job

    def bad(self, url, *codes, text=(), timeout=40, **options):
        """It ends in error."""
        return expect_error(self.api.wait(self.start(url, **options), timeout=timeout), *codes, text=text)

    def transient(self, url, *codes, text=(), **options):
        """It waits in transient_error for another try, and says when; then it is cancelled."""
        job_id = self.start(url, **{"retry_delay_s": 30, **options})
        job = self.api.wait(job_id, ("transient_error", "error", "transferred"), timeout=30)
        error = expect_error(job, *codes, state="transient_error", text=text)
        expect(job["retry_at"] is not None, "no time of the next try is told")
        expect(job["error_count"] >= 1, "the error was not counted")
        self.api.act(job_id, "cancel")
        return error


# -- bodies ----------------------------------------------------------------------------------------------------------
@case
def short_body(c):
    """Less than Content-Length, once: gone on with by a range, nothing twice but the last block."""
    cut = c.rng.randrange(MIB, len(c.data))
    c.good(c.once(lambda answer, _: setattr(answer, "cut", cut), c.plain(rate=40 * MIB)))
    expect(c.origin.sent("/f") <= len(c.data) + 16384, f"{c.origin.sent('/f')} sent of {len(c.data)}")
    expect(any(e.status == 206 for e in c.origin.exchanges("/f")), "it was not resumed by a range")


@case
def short_body_without_progress(c):
    """Every body breaks at once: waits in transient_error."""
    url = c.once(lambda answer, _: setattr(answer, "cut", 0), times=None)
    c.transient(url, "connection_lost", text=url)


@case
def short_body_for_ever(c):
    """No progress for no_progress_timeout: error."""
    url = c.once(lambda answer, _: setattr(answer, "cut", 0), times=None)
    c.bad(url, "no_progress", "connection_lost", text=url, no_progress_timeout_s=1)


@case
def long_body(c):
    """More than Content-Length: the rest is not the file's."""

    def longer(answer, _):
        answer.length = len(answer.body)
        answer.body = bytes(answer.body) + b"x" * 50000
        answer.close = True

    c.good(c.once(longer, times=None))


@case
def long_range(c):
    """A 206 longer than its Content-Range."""
    cut = c.rng.randrange(MIB, len(c.data))

    def change(answer, request):
        if answer.status == 206:
            answer.body = bytes(answer.body) + b"y" * 70000
        else:
            answer.cut = cut

    url = c.once(change, times=None)
    job = c.api.wait(c.start(url, no_progress_timeout_s=2), timeout=30)
    if job["state"] == "transferred":
        expect(c.api.content(job["id"]) == c.data, "other bytes than the origin's")
    else:
        expect_error(job, "bad_response", text=url)


@case
def wrong_content_range(c):
    """A 206 that says it begins elsewhere."""
    cut = c.rng.randrange(MIB, len(c.data))

    def change(answer, request):
        if answer.status == 206:
            first = request.range[0]
            answer.headers = [h for h in answer.headers if h[0] != "Content-Range"]
            answer.headers.append(("Content-Range", f"bytes {first + 16384}-{len(c.data) - 1}/{len(c.data)}"))
        else:
            answer.cut = cut

    url = c.once(change, times=None)
    c.bad(url, "bad_response", text=["Content-Range", url])


@case
def nonsense_content_range(c):
    cut = c.rng.randrange(MIB, len(c.data))

    def change(answer, request):
        if answer.status == 206:
            answer.headers = [h for h in answer.headers if h[0] != "Content-Range"]
            answer.headers.append(("Content-Range", "bytes seven-eleven/lots"))
        else:
            answer.cut = cut

    c.bad(c.once(change, times=None), "bad_response", text="Content-Range")


@case
def whole_for_range(c):
    """200 with everything in answer to a range."""
    cut = c.rng.randrange(MIB, len(c.data))
    resource = c.plain(ranges=False, extra=[("Accept-Ranges", "bytes")])
    c.good(c.once(lambda answer, _: setattr(answer, "cut", cut), resource))


@case
def multipart_for_range(c):
    cut = c.rng.randrange(MIB, len(c.data))

    def change(answer, request):
        if answer.status == 206:
            answer.headers = [h for h in answer.headers if h[0] != "Content-Range"]
            answer.headers.append(("Content-Type", "multipart/byteranges; boundary=xx"))
            answer.body = b"--xx\r\nContent-Type: x/y\r\n\r\nabc\r\n--xx--\r\n"
        else:
            answer.cut = cut

    c.bad(c.once(change, times=None), "bad_response")


@case
def range_not_satisfiable(c):
    """416 for a range that the file has: asked anew from the start, or an error; never less than the file."""
    cut = c.rng.randrange(MIB, len(c.data))
    left = [2]

    def change(answer, request):
        if request.range:
            if left[0]:
                left[0] -= 1
                return Answer(416, [("Content-Range", f"bytes */{len(c.data)}")])
        else:
            answer.cut = cut
            return None

    job = c.api.wait(c.start(c.once(change, times=3)), timeout=30)
    if job["state"] == "transferred":
        expect(c.api.content(job["id"]) == c.data, "other bytes than the origin's")
    else:
        expect_error(job, "http_fatal", "bad_response", "range_not_supported", text="416")


@case
def changed_etag_midway(c):
    new = Edition(seeded_bytes("other", len(c.data)), '"v2"', http_date(_T + 5))
    resource = EditionResource([c.edition, new], advance_after=[c.rng.randrange(MIB, len(c.data))], rate=40 * MIB)
    job = c.good(c.origin.serve("/f", resource), new.data)
    expect_equal(job["files"][0]["restarts"], 1, "restarts")


@case
def gzip_unasked(c):
    """A coded body is not the file: refused, not handed over."""

    def change(answer, request):
        answer.body = gzip.compress(c.data[:100000], 1)
        answer.headers.append(("Content-Encoding", "gzip"))
        answer.status = 200
        answer.headers = [h for h in answer.headers if h[0] != "Content-Range"]

    c.bad(c.once(change, times=None, only=lambda r: True), "bad_response", text="Content-Encoding")


@case
def without_length(c):
    """No Content-Length, no ranges: one stream, and the job says that it cannot be resumed."""
    job = c.good(c.origin.serve("/f", c.plain(ranges=False, send_length=False)))
    expect("one stream" in job["files"][0]["note"], f"note {job['files'][0]['note']!r}")


@case
def http_1_0(c):
    job = c.good(c.origin.serve("/f", c.plain(ranges=False, version="HTTP/1.0")))
    expect("one stream" in job["files"][0]["note"], f"note {job['files'][0]['note']!r}")


@case
def http_1_0_broken_midway(c):
    """One stream that breaks is fetched again from the start."""
    cut = c.rng.randrange(MIB, len(c.data))
    c.good(c.once(lambda answer, _: setattr(answer, "cut", cut), c.plain(ranges=False, version="HTTP/1.0")))


@case
def chunked(c):
    c.good(c.once(lambda answer, _: setattr(answer, "chunked", True), c.plain(ranges=False), None))


@case
def chunk_garbage(c):
    raw = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nETag: \"v1\"\r\n\r\nzz\r\nhello\r\n"
    url = c.once(lambda *_: Answer(raw=raw), times=None)
    job = c.api.wait(c.start(url, no_progress_timeout_s=1), timeout=30)
    expect_error(job, "bad_response", "connection_lost", "no_progress", text=url)


@case
def cut_without_length(c):
    """A body that only the connection's end ends, cut once: nobody can know, but nobody gets it a second time."""
    cut = c.rng.randrange(MIB, len(c.data))
    resource = c.plain(ranges=False, send_length=False, version="HTTP/1.0")
    url = c.once(lambda answer, _: setattr(answer, "cut", cut), resource)
    job = c.api.wait(c.start(url))
    expect_equal(job["state"], "transferred", "state")
    expect(c.api.content(job["id"]) == c.data[:cut], "the bytes that came")
    expect("does not say where it ends" in job["files"][0]["note"], f"note {job['files'][0]['note']!r}")
    c.api.act(job["id"], "complete")
    expect_soon(c.api.cache, [], "records in the cache")
    again = c.good(url)
    expect_equal(again["figures"]["cache"], 0, "bytes from the cache")


def _transfer_coding(value):
    def run_case(c):
        def change(answer, _):
            answer.headers.append(("Transfer-Encoding", value))
            answer.body, answer.length = gzip.compress(c.data[:50000], 1), False
        url = c.once(change, c.plain(ranges=False), times=None)
        c.bad(url, "bad_response", text=["Transfer-Encoding", url])
        expect_soon(c.api.cache, [], "records in the cache")
    return run_case


for _name, _value in {"gzip": "gzip", "gzip_chunked": "gzip, chunked", "chunked_gzip": "chunked, gzip"}.items():
    CASES[f"transfer_coding_{_name}"] = _transfer_coding(_value)


@case
def empty_file(c):
    empty = Edition(b"", '"e"', http_date(_T))
    job = c.good(c.origin.serve("/f", EditionResource([empty])), b"")
    expect_equal(job["files"][0]["size"], 0, "size")


@case
def head_refused(c):
    c.good(c.origin.serve("/f", c.plain(head=False)))


# -- statuses --------------------------------------------------------------------------------------------------------
def _retry_after(status, value, least):
    def run_case(c):
        url = c.once(lambda *_: Answer(status, [("Retry-After", value() if callable(value) else value)]), times=1,
                     only=lambda r: True)
        job = c.good(url)
        first, second = [e.request.at for e in c.origin.exchanges("/f")][:2]
        expect(second - first >= least, f"asked again after {second - first:.2f} s, told to wait {least}")
        expect(job["error_count"] == 1, f"error_count {job['error_count']}")
    return run_case


def _http_date_in(seconds):
    import time
    return lambda: http_date(time.time() + seconds)


CASES["retry_after_429"] = _retry_after(429, "1", 1.0)
CASES["retry_after_503"] = _retry_after(503, "2", 2.0)
CASES["retry_after_date"] = _retry_after(503, _http_date_in(3), 1.9)


@case
def retry_after_is_told(c):
    """While it waits, the job says how long."""
    url = c.once(lambda *_: Answer(503, [("Retry-After", "77")]), times=None, only=lambda r: True)
    error = c.transient(url, "http_transient", text=["503", url])
    expect_equal(error.get("retry_after_s"), 77, "retry_after_s")


def _status(status, code, state):
    def run_case(c):
        url = c.once(lambda *_: Answer(status, [("WWW-Authenticate", "Basic realm=x")] if status == 401 else [],
                                       b"no\n"), times=None, only=lambda r: True)
        (c.bad if state == "error" else c.transient)(url, code, text=[str(status), url])
    return run_case


for _code in (400, 403, 404, 410, 451, 501, 505):
    CASES[f"status_{_code}"] = _status(_code, "http_fatal", "error")
for _code in (408, 409, 500, 502, 503, 504):
    CASES[f"status_{_code}"] = _status(_code, "http_transient", "transient_error")
CASES["status_401"] = _status(401, "unauthorized", "error")


@case
def credentials(c):
    """Basic credentials in the URL are used, not shown, and make the content private."""
    token = "Basic " + base64.b64encode(b"ann:s3cret").decode()
    resource = c.plain()
    c.origin.serve("/f", lambda r: resource(r) if r.headers.get("authorization") == token
                   else Answer(401, [("WWW-Authenticate", 'Basic realm="x"')]))
    job = c.good(f"http://ann:s3cret@127.0.0.1:{c.origin.port}/f")
    shown = c.api.raw("GET", f"/v1/jobs/{job['id']}")[2].decode() + c.agent.log_tail(10**7)
    expect("s3cret" not in shown, "the password is shown")
    expect(not any(r["shareable"] for r in c.api.cache()), "content of a private request is marked shareable")


@case
def early_hints(c):
    head = (f"HTTP/1.1 103 Early Hints\r\nLink: </x>; rel=preload\r\n\r\nHTTP/1.1 200 OK\r\nETag: \"v1\"\r\n"
            f"Content-Length: {len(c.data)}\r\n\r\n").encode()
    c.good(c.once(lambda *_: Answer(raw=head + c.data), times=None))


# -- connections -----------------------------------------------------------------------------------------------------
@case
def stall(c):
    """Nothing more comes: given up after stall_timeout, gone on with by another connection."""
    never = threading.Event()
    at = c.rng.randrange(MIB, len(c.data))

    def change(answer, _):
        answer.hold_at, answer.released = at, never

    c.good(c.once(change, c.plain(rate=40 * MIB)))
    expect(c.origin.sent("/f") <= len(c.data) + 16384 + 65536, f"{c.origin.sent('/f')} sent of {len(c.data)}")


@case
def stall_before_the_head(c):
    never = threading.Event()

    def change(answer, _):
        answer.body, answer.length, answer.hold_at, answer.released = b"", 0, 0, never
        c.origin.changed.release()
        try:
            never.wait(3)
        finally:
            c.origin.changed.acquire()

    url = c.once(change, times=None, only=lambda r: True)
    c.transient(url, "no_progress", "timed_out", text=url)


@case
def reset(c):
    cut = c.rng.randrange(MIB, len(c.data))

    def change(answer, _):
        answer.cut, answer.reset = cut, True

    c.good(c.once(change, times=2))


@case
def closed_without_an_answer(c):
    url = c.once(lambda *_: Answer(raw=b""), times=None, only=lambda r: True)
    c.transient(url, "connection_lost", text=url)


@case
def cut_within_the_head(c):
    """A head is an answer when its last line has come: until then the connection broke, and is tried again."""
    head = b'HTTP/1.1 200 OK\r\nETag: "v1"\r\nServer: x\r\n'
    for size in (17, 30, len(head)):
        c.good(c.once(lambda *_, size=size: Answer(raw=head[:size]), times=1), retry_delay_s=0.1, use_cache=False)
    url = c.once(lambda *_: Answer(raw=head), times=None, only=lambda r: True)
    c.transient(url, "connection_lost", text="within the head")


@case
def cut_within_the_head_after_credentials(c):
    """The same where the head before it, which asked for credentials, was whole: no empty file is made of it."""
    head = b'HTTP/1.1 200 OK\r\nETag: "v1"\r\nServer: x\r\n'
    wanted = b'HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm="x"\r\nContent-Length: 0\r\n\r\n'

    def answer(_, request):
        return Answer(raw=head if "authorization" in request.headers else wanted)

    url = c.once(answer, times=None, only=lambda r: True).replace("://", "://u:p@")
    c.transient(url, "connection_lost")


@case
def garbage_for_an_answer(c):
    url = c.once(lambda *_: Answer(raw=b"\x00\x01\x02 what? " * 40), times=None, only=lambda r: True)
    c.bad(url, "bad_response", text=url)


@case
def nobody_listens(c):
    url = f"http://127.0.0.1:{free_port()}/f"
    c.transient(url, "connect_failed", text=url)


@case
def origin_comes_back(c):
    """Down at first, up later: the job waits and ends well by itself."""
    port = free_port()
    job_id = c.start(f"http://127.0.0.1:{port}/f", retry_delay_s=0.2)
    c.api.wait(job_id, "transient_error")
    import socket
    listener = socket.create_server(("127.0.0.1", port))
    c.origin.listener.close()
    c.origin.listener = listener
    c.origin.serve("/f", c.plain())
    threading.Thread(target=c.origin._accept, daemon=True).start()
    job = c.api.wait(job_id, ("transferred", "error"), timeout=30)
    expect_equal(job["state"], "transferred", "state")


# -- redirects -------------------------------------------------------------------------------------------------------
def _redirect(c, location, status=302):
    return c.origin.serve("/f", lambda r: Answer(status, [("Location", location)]))


@case
def redirect_loop(c):
    c.origin.serve("/g", lambda r: Answer(302, [("Location", "/f")]))
    url = _redirect(c, "/g")
    c.bad(url, "too_many_redirects", text=url)


@case
def redirect_followed(c):
    target = c.origin.serve("/real", c.plain())
    for status in (301, 302, 303, 307, 308):
        job = c.good(_redirect(c, "real", status), use_cache=False)
        expect_equal(job["files"][0]["effective_url"], target, "effective_url")


@case
def redirect_without_location(c):
    url = c.origin.serve("/f", lambda r: Answer(302))
    c.bad(url, "bad_response", "http_fatal", text=url)


def _forbidden_redirect(location):
    def run_case(c):
        url = _redirect(c, location)
        c.bad(url, "redirect_forbidden", "forbidden_url", "invalid_url", "bad_response", text=url)
    return run_case


for _name, _location in {"file": "file:///etc/passwd", "gopher": "gopher://127.0.0.1/x", "ftp": "ftp://127.0.0.1/x",
                         "nonsense": "http://[bad"}.items():
    CASES[f"redirect_to_{_name}"] = _forbidden_redirect(_location)


@case
def redirect_to_loopback(c):
    """From a host that is not this machine to this machine: refused, and nothing is asked of it."""
    secret = c.origin.serve("/secret", c.plain())
    proxy = c.lab.new_origin()
    proxy.serve("/f", lambda r: Answer(302, [("Location", secret)]))
    url = "http://public.example/f"
    c.bad(url, "redirect_forbidden", text=["public.example redirects", "loopback"], connect={"proxy": f"http://127.0.0.1:{proxy.port}"})
    expect_equal(len(c.origin.exchanges("/secret")), 0, "requests to the loopback target")


@case
def names_that_lead_here(c):
    """Names in DNS, or in /etc/hosts, that lead to this machine or to a metadata service: never connected to."""
    if os.geteuid() != 0:
        raise Skip("needs root to give the agent names of its own")
    hosts = c.lab.folder("names") / "hosts"
    names = {"127.0.0.1": "here.example", "127.0.1.1": "own-name.example", "::1": "six.example",
             "::ffff:127.0.0.1": "mapped.example", "0.0.0.0": "zero.example", "169.254.169.254": "metadata.example",
             "fd00:ec2::254": "metadata6.example"}
    hosts.write_text("127.0.0.1 localhost\n" + "".join(f"{address} {name}\n" for address, name in names.items()))
    script = f'mount --bind {hosts} /etc/hosts && exec "$@"'
    agent = c.lab.new_agent("named", prefix=["unshare", "--mount", "sh", "-c", script, "sh"]).start()
    c.origin.serve("/f", c.plain())
    port = c.origin.port

    def fetch(url):
        return agent.api.wait(agent.api.create([url], retry_delay_s=0.1, no_progress_timeout_s=5)["id"], timeout=30)

    for name in names.values():
        expect_error(fetch(f"http://{name}:{port}/f"), "forbidden_url", text=name)
    c.origin.serve("/away", lambda r: Answer(302, [("Location", f"http://here.example:{port}/f")]))
    expect_error(fetch(f"http://localhost:{port}/away"), "forbidden_url", "redirect_forbidden", text="here.example")
    expect_equal(len(c.origin.exchanges("/f")), 0, "requests under those names")
    expect_equal(fetch(f"http://localhost:{port}/f")["state"], "transferred", "state of the URL that says localhost")


@case
def too_large(c):
    c.bad(c.origin.serve("/f", c.plain(rate=10 * MIB)), "too_large", max_file_size=MIB)
    expect(c.origin.sent("/f") < MIB, "the body was fetched nevertheless")


@case
def too_large_without_length(c):
    """The limit also holds for a body whose length nobody told."""
    c.bad(c.origin.serve("/f", c.plain(ranges=False, send_length=False)), "too_large", max_file_size=MIB)


# -- digests ---------------------------------------------------------------------------------------------------------
@case
def repr_digest_right(c):
    digest = base64.b64encode(hashlib.sha256(c.data).digest()).decode()
    c.good(c.origin.serve("/f", c.plain(extra=[("Repr-Digest", f"sha-256=:{digest}:")])))


def _digest_wrong(name, form):
    def run_case(c):
        digest = base64.b64encode(hashlib.sha256(b"other").digest()).decode()
        url = c.origin.serve("/f", c.plain(extra=[(name, form.format(digest))]))
        c.bad(url, "digest_mismatch", text=url)
        expect_soon(lambda: [r for r in c.api.cache() if r["state"] == "complete"], [], "complete records in the cache")
    return run_case


CASES["repr_digest_wrong"] = _digest_wrong("Repr-Digest", "sha-256=:{}:")
CASES["digest_wrong"] = _digest_wrong("Digest", "SHA-256={}")


# -- other answers than the origin's ---------------------------------------------------------------------------------
class Portal:
    """A large file whose connection breaks, a network whose portal then answers everything, and the origin again."""

    PAGE = b"<html><body>accept our terms</body></html>" * 40

    def __init__(self, c, size=40 * MIB, cut=32 * MIB):
        self.edition = Edition(seeded_bytes("portal", size), '"v1"', http_date(_T),
                               headers=(("Content-Type", "application/octet-stream"),))
        self.resource = EditionResource([self.edition])
        self.portal = c.lab.new_origin(address="127.0.0.2")
        self.login = self.portal.serve("/login", self.page)
        self.captive, self.cut, self.validator = False, cut, False
        self.url = c.origin.serve("/f", self.answer)

    def page(self, _):
        headers = [("Content-Type", "text/html; charset=utf-8"), ("Cache-Control", "no-store")]
        return Answer(200, headers + ([("ETag", '"page"')] if self.validator else []), self.PAGE)

    def answer(self, request):
        if self.captive:
            return Answer(302, [("Location", self.login)])
        reply = self.resource(request)
        if request.method == "GET" and self.cut is not None:
            reply.cut, self.cut, self.captive = self.cut, None, True
        return reply


def _captive_portal(restart):
    def run_case(c):
        portal = Portal(c)
        job_id = c.start(portal.url, retry_delay_s=1, no_progress_timeout_s=120)
        job = c.api.wait(job_id, ("transient_error", "transferred", "error"), timeout=60)
        error = expect_error(job, "http_transient", state="transient_error", text=["127.0.0.2", "text/html", portal.url])
        expect("need not be the origin's" in error["message"], f"message {error['message']}")
        if restart:
            c.agent.kill()
            c.agent.start()
            seen = len(portal.portal.exchanges("/login"))
            portal.portal.wait_for(lambda: len(portal.portal.log) > seen, what="the portal asked again")
            c.api.wait(job_id, ("transient_error", "transferred", "error"), timeout=60)
        portal.captive = False
        job = c.api.wait(job_id, ("transferred", "error"), timeout=60)
        expect_equal(job["state"], "transferred", f"state ({job['error']})")
        expect(c.api.content(job_id) == portal.edition.data, "other bytes than the origin's")
        check_figures(job)
        # Of what was there, at most the last segment's bytes are fetched again: they were not committed yet. A kill loses also
        # what came while the segment before them was made durable: no more than the window of the HTTP client.
        twice = c.origin.sent("/f") - len(portal.edition.data)
        expect(twice <= (6 if restart else 2) * MIB, f"{twice} bytes were fetched twice")
    return run_case


CASES["captive_portal"] = _captive_portal(False)
CASES["captive_portal_and_restart"] = _captive_portal(True)


@case
def edition_without_type_or_host(c):
    """Each of the three alone is a change of edition: from another host, with a validator, it is the new file."""
    portal = Portal(c, 9 * MIB, 5 * MIB)
    portal.validator = True
    job = c.good(portal.url, Portal.PAGE)
    expect_soon(lambda: [r["state"] for r in c.api.cache() if r["state"] == "partial"], [], "parts left in the cache")
    expect_equal(job["files"][0]["effective_url"], portal.login, "effective_url")


@case
def edition_comes_back(c):
    """Another edition answers for a while, and breaks; the old one comes back, and what was there of it is gone on with."""
    old = Edition(seeded_bytes("old", 12 * MIB), '"old"', http_date(_T))
    new = Edition(seeded_bytes("new", 14 * MIB), '"new"', http_date(_T + 9))
    editions = EditionResource([old, new])
    cuts = [(0, 9 * MIB), (1, 3 * MIB)]

    def answer(request):
        reply = editions(request)
        if request.method == "GET" and cuts and editions.current == cuts[0][0]:
            reply.cut = cuts.pop(0)[1]
            editions.current = 1 if cuts else 0
        return reply

    c.good(c.origin.serve("/f", answer), old.data)
    of_old = sum(e.sent for e in c.origin.exchanges("/f") if e.edition == 0)
    expect(of_old <= len(old.data) + 2 * MIB, f"{of_old} bytes of the old edition were fetched of {len(old.data)}")


# -- TLS -------------------------------------------------------------------------------------------------------------
def make_certificate(directory, name, expired=False, host="127.0.0.1"):
    """(certificate, key): self-signed for `host`."""
    key, certificate = directory / f"{name}.key", directory / f"{name}.pem"
    base = ["-subj", f"/CN={host}", "-addext", f"subjectAltName=IP:{host}"]
    if not expired:
        command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                   "-days", "30", "-keyout", key, "-out", certificate, *base]
        subprocess.run(command, check=True, capture_output=True)
        return certificate, key
    request, config = directory / f"{name}.csr", directory / f"{name}.cnf"
    subprocess.run(["openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key,
                    "-out", request, *base], check=True, capture_output=True)
    (directory / "index.txt").write_text("")
    config.write_text(f"[ca]\ndefault_ca=d\n[d]\ndatabase={directory}/index.txt\nnew_certs_dir={directory}\n"
                      "rand_serial=yes\ndefault_md=sha256\npolicy=p\ncopy_extensions=copy\n[p]\ncommonName=supplied\n")
    subprocess.run(["openssl", "ca", "-batch", "-config", config, "-selfsign", "-keyfile", key, "-in", request, "-out",
                    certificate, "-startdate", "20200101000000Z", "-enddate", "20200201000000Z"], check=True,
                   capture_output=True)
    return certificate, key


@case
def tls_trusted(c):
    pair = make_certificate(c.lab.folder("tls"), "good")
    origin = c.lab.new_origin(tls=pair)
    c.good(origin.serve("/f", c.plain()), connect={"ca_certificates": pair[0].read_text()})


@case
def tls_unknown_authority(c):
    origin = c.lab.new_origin(tls=make_certificate(c.lab.folder("tls"), "unknown"))
    url = origin.serve("/f", c.plain())
    c.bad(url, "certificate_rejected", text=url)


@case
def tls_expired(c):
    pair = make_certificate(c.lab.folder("tls"), "old", expired=True)
    origin = c.lab.new_origin(tls=pair)
    c.bad(origin.serve("/f", c.plain()), "certificate_rejected", text="expired", connect={"ca_certificates": pair[0].read_text()})


@case
def tls_other_host(c):
    pair = make_certificate(c.lab.folder("tls"), "other", host="127.0.0.9")
    origin = c.lab.new_origin(tls=pair)
    c.bad(origin.serve("/f", c.plain()), "certificate_rejected", connect={"ca_certificates": pair[0].read_text()})


@case
def tls_spoken_to_plain(c):
    url = f"https://127.0.0.1:{c.origin.port}/f"
    # An origin that goes on waiting for the end of a line is not told from one that is slow.
    c.transient(url, "tls_failed", "timed_out", text=url)


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
    c.agent.check_cache_soon()
    return name
