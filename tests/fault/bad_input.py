"""Whatever a stranger sends: to the API's socket, as a URL, or as an origin's answer. The agent answers with an error
of the documented form, stays ready for others, grows within bounds, and does nothing that was not allowed."""

import contextlib
import http.client
import json
import os
import random
import socket
import threading
import time

from larder_lab import (MIB, Answer, Api, ApiError, Edition, EditionResource, Skip, expect, expect_equal, free_port,
                        http_date, named, nobody, run_as, seeded_bytes, wait_until)

CASES = {}
_T = 1_700_000_000


def case(function):
    CASES[function.__name__] = function
    return function


class Bench:
    def __init__(self, seed, lab, **sections):
        self.rng = random.Random(f"bad input {seed}")
        self.lab = lab
        self.origin = lab.origin
        self.agent = lab.agent(**sections)
        self.api = self.agent.api
        self.memory = self.agent.memory()

    def connect(self):
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.settimeout(20)
        sock.connect(str(self.agent.socket))
        return sock

    def send(self, data, until_close=True):
        """What the agent answers to these bytes on a connection of their own (b"" when it only hangs up)."""
        with self.connect() as sock:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                sock.sendall(data)
                if until_close:
                    sock.shutdown(socket.SHUT_WR)
            answer = b""
            with contextlib.suppress(ConnectionResetError):
                while piece := sock.recv(65536):
                    answer += piece
            return answer

    def refuse(self, method, path, body=None, *, status=None, code=None, headers=None):
        """An error of the documented form; its message."""
        seen, _, answer = self.api.raw(method, path, body, headers)
        expect(400 <= seen < 500, f"{method} {path} {str(body)[:120]}: {seen} {answer[:200]}")
        error = json.loads(answer)["error"]
        expect(error["code"] and error["message"], f"{method} {path}: {answer[:200]}")
        if status:
            expect(seen in status if isinstance(status, tuple) else seen == status,
                   f"{method} {path} {str(body)[:120]}: status {seen}, wanted {status}: {error}")
        if code:
            expect(error["code"] in ((code,) if isinstance(code, str) else code),
                   f"{method} {path} {str(body)[:120]}: {error}, wanted {code}")
        return error["message"]

    def well(self, growth=48 * MIB):
        """Still there, quick, and not grown."""
        expect(self.agent.running, f"larderd ended with {self.agent.process.returncode}: {self.agent.log_tail()}")
        started = time.monotonic()
        self.api.status()
        took = time.monotonic() - started
        expect(took < 2, f"status took {took:.2f} s")
        grown = self.agent.memory() - self.memory
        expect(grown < growth, f"memory grew by {grown / MIB:.1f} MiB")

    def edition(self, size=300_000):
        return Edition(seeded_bytes(self.rng.random(), size), '"x"', http_date(_T))


def post(body, extra=b""):
    return (b"POST /v1/jobs HTTP/1.1\r\nHost: l\r\nContent-Type: application/json\r\n" + extra +
            b"Content-Length: %d\r\n\r\n" % len(body) + body)


# -- the API ---------------------------------------------------------------------------------------------------------
@case
def malformed_requests(b):
    for data in [b"\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
                 b"GET /v1/status HTTP/1.1\r\nbroken header\r\n\r\n", b"\x00" * 5000, b"GET  /v1/status  HTTP/1.1\r\n\r\n",
                 b"GET /v1/status HTTP/1.1\r\nHost: a\r\nHost : b\r\n\r\n", b"G" * 100, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
                 b"POST /v1/jobs HTTP/1.1\r\nHost: l\r\nContent-Length: -5\r\n\r\n",
                 b"POST /v1/jobs HTTP/1.1\r\nHost: l\r\nContent-Length: 99999999999999999999999\r\n\r\n",
                 b"POST /v1/jobs HTTP/1.1\r\nHost: l\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
                 b"POST /v1/jobs HTTP/1.1\r\nHost: l\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n",
                 b"POST /v1/jobs HTTP/1.1\r\nHost: l\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n"]:
        answer = b.send(data)
        expect(answer == b"" or b" 4" in answer[:13] or b" 5" in answer[:13], f"{data[:60]}: {answer[:120]}")
        expect(b" 20" not in answer[:13], f"{data[:60]} was accepted: {answer[:120]}")
    b.well()


@case
def smuggled_requests(b):
    """Two framings in one request never make a second request."""
    inner = b"DELETE /v1/cache HTTP/1.1\r\nHost: l\r\n\r\n"
    answer = b.send(b"POST /v1/jobs HTTP/1.1\r\nHost: l\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
                    b"0\r\n\r\n" + inner)
    expect(b'"removed"' not in answer, f"a smuggled request was answered: {answer[:300]}")
    b.well()


@case
def huge_header(b):
    answer = b.send(b"GET /v1/status HTTP/1.1\r\nHost: l\r\nX-Big: " + b"a" * MIB + b"\r\n\r\n")
    expect(b" 200 " not in answer[:15], f"a header of 1 MiB was taken: {answer[:100]}")
    answer = b.send(b"GET /v1/status HTTP/1.1\r\nHost: l\r\n" + b"X: y\r\n" * 200_000 + b"\r\n")
    expect(b" 200 " not in answer[:15], f"200,000 header lines were taken: {answer[:100]}")
    answer = b.send(b"GET /" + b"a" * MIB + b" HTTP/1.1\r\nHost: l\r\n\r\n")
    expect(b" 200 " not in answer[:15], f"a path of 1 MiB was taken: {answer[:100]}")
    b.well()


@case
def huge_body(b):
    answer = b.send(post(b'{"name":"' + b"a" * (64 * MIB) + b'"}'))
    expect(b" 201 " not in answer[:15], f"a body of 64 MiB was taken: {answer[:100]}")
    b.well()
    # One that is only announced.
    with b.connect() as sock:
        sock.sendall(b"POST /v1/jobs HTTP/1.1\r\nHost: l\r\nContent-Length: 4000000000\r\n\r\n{")
        expect(b" 4" in sock.recv(4096)[:13], "4 GB were announced and not refused at once")
    b.well()


@case
def deep_nesting(b):
    for text in (b"[" * 200_000, b'{"a":' * 100_000, b'{"files":' + b"[" * 500_000 + b"]" * 500_000 + b"}"):
        answer = b.send(post(text))
        expect(b" 400 " in answer[:15] or b" 413 " in answer[:15], f"deep nesting: {answer[:160]}")
    b.well()


@case
def wrong_json(b):
    url = b.origin.serve("/f", EditionResource([b.edition()]))
    good = {"url": url}
    bodies = [b"", b"null", b"[]", b"1", b'"x"', b"{", b'{"files":}', b"\xff\xfe", b'{"files":[{"url":"http://\xff/"}]}', b"nan",
              {"files": {}}, {"files": [1]}, {"files": [None]}, {"files": [{}]}, {"files": [{"url": 7}]},
              {"files": [{"url": url, "surprise": 1}]}, {"surprise": 1, "files": [good]}, {"files": [good], "priority": "urgent"},
              {"files": [good], "priority": 3}, {"files": [good], "start": "yes"}, {"files": [good], "max_rate": -1},
              {"files": [good], "max_rate": 1e300}, {"files": [good], "max_rate": 1.5}, {"files": [good], "max_rate": "much"},
              {"files": [good], "parallel_ranges": 0}, {"files": [good], "parallel_ranges": 10**9},
              {"files": [good], "retry_delay_s": -5}, {"files": [good], "retry_delay_s": 1e308},
              {"files": [good], "maximum_time_s": "long"}, {"files": [good], "connect": []},
              {"files": [good], "connect": {"headers": [["A"]]}}, {"files": [good], "connect": {"headers": [["A\r\nB", "c"]]}},
              {"files": [good], "connect": {"headers": [["A", "b\r\nX: c"]]}},
              {"files": [good], "connect": {"headers": [["Range", "bytes=0-"]]}},
              {"files": [good], "connect": {"headers": [["Host", "evil"]]}},
              {"files": [good], "connect": {"proxy": "not a url"}}, {"files": [good], "connect": {"http": "4"}},
              {"files": [good], "verdict": {"hook": "nosuch"}}, {"files": [good], "verdict": {"hook": "../../bin/sh"}},
              {"files": [good], "verdict": {"minisign": {"public_key": "x", "signature": "y"}}}, {"files": [good], "verdict": 1},
              {"files": [good], "notify": "nosuch"}, {"files": [{**good, "sha256": "xyz"}]}, {"files": [{**good, "sha256": "a" * 65}]},
              {"files": [{**good, "ranges": [[0]]}]}, {"files": [{**good, "ranges": [[-1, 5]]}]},
              {"files": [{**good, "ranges": [[0, 0]]}]}, {"files": [{**good, "ranges": [[2**64, 1]]}]},
              {"files": [{**good, "ranges": [[2**64 - 1, 2**64 - 1]]}]},
              {"files": [{**good, "ranges": [[0, 100], [50, 100]]}]}, {"files": [{**good, "ranges": "all"}]},
              {"files": [good] * 5000}]
    for body in bodies:
        b.refuse("POST", "/v1/jobs", body, status=(400, 403, 404, 409, 413, 429))
    message = b.refuse("POST", "/v1/jobs", {"files": [good], "surprise": 1}, status=400, code="invalid_argument")
    expect("surprise" in message, f"the unknown member is not named: {message}")
    expect_equal(b.api.jobs(), [], "jobs after refused requests")
    b.well()


@case
def wrong_paths(b):
    for path in ["/", "/v2/jobs", "/v1", "/v1/jobs/", "/v1/jobs/../../etc/passwd", "/v1/jobs/%2e%2e%2f", "/v1/jobs/" + "f" * 16,
                 "/v1/jobs/" + "f" * 5000, "/v1/jobs/%00", "/v1/jobs/x/files/0/content", "/v1/cache/../../x", "/v1/cache/zz",
                 "/v1/jobs?state=nonsense", "/v1/cache?limit=-1", "/v1/cache?limit=99999999999999999999", "/v1/events?after=x"]:
        b.refuse("GET", path)
    for method in ("PUT", "TRACE", "CONNECT", "OPTIONS", "FOO", "DELETE"):
        status, _, _ = b.api.raw(method, "/v1/status")
        expect(400 <= status < 600, f"{method} /v1/status: {status}")
    job = b.api.create([b.origin.serve("/f", EditionResource([b.edition()]))], start=False)
    for index in ("1", "-1", "x", "99999999999999999999", "0x0", ""):
        b.refuse("GET", f"/v1/jobs/{job['id']}/files/{index}/content")
    for action in ("explode", "Resume", "resume/x", ""):
        b.refuse("POST", f"/v1/jobs/{job['id']}/{action}")
    b.refuse("POST", f"/v1/jobs/{job['id']}/files/0/verdict", {"valid": "perhaps"}, status=400)
    b.refuse("POST", f"/v1/jobs/{job['id']}/files/0/verdict", {"valid": True}, status=409, code="invalid_state")
    b.refuse("PATCH", f"/v1/jobs/{job['id']}", {"owner": 0}, status=400)
    b.well()


@case
def ids_that_are_none(b):
    """Whatever is typed for a job's id is one: no part of the request, and not more of its path than the id."""
    job = b.api.create([b.origin.serve("/f", EditionResource([b.edition()]))], start=False)["id"]
    for word in ["\u00e9", "a b", "x#y", job + "?files=0", job + "#", "%41", "a\tb", "0\r\nX: y"]:
        done = b.agent.larder("job", "show", word)
        expect_equal((done.returncode, done.stdout), (5, ""), f"{word!r}: {done.stderr}")
    b.well()


@case
def random_garbage(b):
    """Bytes at random, whole and as damage to a good request."""
    url = b.origin.serve("/f", EditionResource([b.edition(1000)]))
    good = post(json.dumps({"files": [{"url": url}], "start": False}).encode())
    for _ in range(150):
        if b.rng.random() < 0.5:
            data = b.rng.randbytes(b.rng.randrange(1, 3000))
        else:
            damaged = bytearray(good)
            for _ in range(b.rng.randrange(1, 8)):
                damaged[b.rng.randrange(len(damaged))] = b.rng.randrange(256)
            data = bytes(damaged[:b.rng.randrange(1, len(damaged) + 1)])
        b.send(data)
    b.well()


@case
def slow_requests(b):
    """Many that never finish what they began do not keep others out, and are ended in time."""
    slow = []
    for i in range(200):
        sock = b.connect()
        sock.sendall(b"POST /v1/jobs HTTP/1.1\r\nHost: l\r\n" if i % 2 else b"POST /v1/jobs HTTP/1.1\r\nHost: l\r\n"
                     b"Content-Length: 1000\r\n\r\n{")
        slow.append(sock)
    b.well()
    url = b.origin.serve("/f", EditionResource([b.edition()]))
    expect_equal(b.api.wait(b.api.create([url])["id"], timeout=20)["state"], "transferred", "a job beside slow requests")
    # The first one is hung up on within a minute and a half.
    slow[0].settimeout(90)
    with contextlib.suppress(ConnectionResetError):
        while slow[0].recv(4096):
            pass
    for sock in slow:
        sock.close()
    b.well()


@case
def thousands_of_connections(b):
    """Opened and left, opened and held: others are still answered."""
    for _ in range(3000):
        with contextlib.suppress(OSError):
            b.connect().close()
    wait_until(lambda: _answers(b.api), 20, "an answer after those that left at once")  # they may still fill its queue
    b.well()
    held = []
    try:
        import resource
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 16384), hard))
        for _ in range(3000):
            try:
                sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                sock.settimeout(0.5)
                sock.connect(str(b.agent.socket))
            except OSError:  # refused beyond a bound: that is an answer too
                sock.close()
                break
            held.append(sock)
        expect(len(held) > 50, f"only {len(held)} connections were taken")
        answered = 0
        for sock in held[:20]:
            with contextlib.suppress(OSError):
                sock.settimeout(5)
                sock.sendall(b"GET /v1/status HTTP/1.1\r\nHost: l\r\nConnection: close\r\n\r\n")
                answered += b" 200 " in sock.recv(65536)[:15]
        expect(answered >= 15, f"of 20 held connections {answered} were answered")
    finally:
        for sock in held:
            sock.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    wait_until(lambda: _answers(b.api), 20, "an answer after the crowd left")
    b.well(64 * MIB)


def _answers(api):
    try:
        return api.status()
    except (OSError, ApiError):
        return None


@case
def one_user_takes_all_connections(b):
    """Another user who opens as many connections as there are keeps nobody else out."""
    if os.geteuid() != 0:
        raise Skip("needs root to act as another user")
    path = str(b.agent.socket)
    held, hold = os.pipe(), os.pipe()

    def as_stranger():
        kept, answered = [], 0
        for _ in range(400):
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            sock.settimeout(2)
            with contextlib.suppress(OSError):
                sock.connect(path)
                sock.sendall(b"GET /v1/events HTTP/1.1\r\nHost: l\r\n\r\n")
                answered += b" 200 " in sock.recv(4096)[:15]
            kept.append(sock)
        os.write(held[1], b"x")
        os.read(hold[0], 1)
        return answered

    result = []
    stranger = threading.Thread(target=lambda: result.append(run_as(nobody(), as_stranger)))
    stranger.start()
    os.read(held[0], 1)
    try:
        b.well()
        url = b.origin.serve("/f", EditionResource([b.edition()]))
        expect_equal(b.api.wait(b.api.create([url])["id"], timeout=20)["state"], "transferred", "root's job beside the crowd")
    finally:
        os.write(hold[1], b"x")
        stranger.join(30)
        for descriptor in (*held, *hold):
            os.close(descriptor)
    expect(result and 1 <= result[0] <= 64, f"connections that the stranger was given: {result}")
    b.well()


@case
def idle_event_streams(b):
    """Hundreds of event streams that nobody reads, while jobs make events."""
    streams = []
    for _ in range(200):
        sock = b.connect()
        sock.sendall(b"GET /v1/events HTTP/1.1\r\nHost: l\r\n\r\n")
        streams.append(sock)
    for i in range(30):
        url = b.origin.serve(f"/f{i}", EditionResource([b.edition(400_000)]))
        expect_equal(b.api.wait(b.api.create([url])["id"], timeout=30)["state"], "transferred", "a job beside the streams")
    for sock in streams:
        sock.close()
    b.well(64 * MIB)


@case
def other_users(b):
    """Another user's jobs are not found, cannot be steered, read or seen; the cache is not theirs to change."""
    if os.geteuid() != 0:
        raise Skip("needs root to act as another user")
    edition = b.edition()
    url = b.origin.serve("/f", EditionResource([edition]))
    job = b.api.wait(b.api.create([url])["id"])
    path, job_id = str(b.agent.socket), job["id"]

    def as_stranger():
        api = Api(path)
        seen = {"jobs": api.jobs(), "all": api.raw("GET", "/v1/jobs?all=1")[0:3:2], "caller": api.status()["caller"]}
        asked = [("GET", f"/v1/jobs/{job_id}", None), ("POST", f"/v1/jobs/{job_id}/cancel", None),
                 ("POST", f"/v1/jobs/{job_id}/resume", None), ("PATCH", f"/v1/jobs/{job_id}", {"name": "mine"}),
                 ("GET", f"/v1/jobs/{job_id}/files/0/content", None),
                 ("POST", f"/v1/jobs/{job_id}/files/0/descriptor", None),
                 ("POST", f"/v1/jobs/{job_id}/descriptors", {"files": [0]}),
                 ("POST", f"/v1/jobs/{job_id}/files", {"files": [{"url": url}]}),
                 ("POST", f"/v1/jobs/{job_id}/files/0/retarget", {"url": url}),
                 ("POST", f"/v1/jobs/{job_id}/files/0/verdict", {"valid": False, "reason": "mine"}),
                 ("DELETE", "/v1/cache", None), ("GET", "/v1/config", None), ("POST", "/v1/reload", None)]
        seen["asked"] = [(method, where, *api.raw(method, where, body)[0:3:2]) for method, where, body in asked]
        records = api.cache()
        seen["records"] = records
        if records:
            seen["asked"] += [("DELETE", f"/v1/cache/{records[0]['id']}", *api.raw("DELETE", f"/v1/cache/{records[0]['id']}")[0:3:2]),
                              ("POST", "pin", *api.raw("POST", f"/v1/cache/{records[0]['id']}/pin", {"pinned": True})[0:3:2])]
        with api.events(job_id=None, timeout=5) as stream:
            own = api.create([url], start=False)
            first = stream.next(5)
            seen["event"] = first["data"] if first else None
            seen["own"] = own["id"]
        return seen

    seen = run_as(nobody(), as_stranger)
    expect_equal(seen["jobs"], [], "jobs that a stranger sees")
    expect(job_id not in str(seen["all"]), f"all=1 shows a stranger the job: {seen['all']}")
    expect_equal(seen["caller"], {"uid": nobody(), "admin": False}, "caller")
    for method, where, status, body in seen["asked"]:
        wanted = 404 if job_id in where else 403
        expect_equal(status, wanted, f"{method} {where} by a stranger ({body[:200]})")
    expect(seen["event"] is not None and job_id not in str(seen["event"]), f"event of a stranger: {seen['event']}")
    job = b.api.job(job_id)
    expect_equal((job["state"], job["name"]), ("transferred", ""), "state and name after the stranger's attempts")
    # Root sees the stranger's job, and the stranger's own limits hold.
    expect(seen["own"] in [j["id"] for j in b.api.jobs("?all=1")], "root does not see the stranger's job")
    b.well()


@case
def job_limits(b):
    """Too many jobs of one user, too many files in a job."""
    if os.geteuid() != 0:
        raise Skip("needs root to act as another user")
    b.agent.configure({"jobs": {"max_jobs_per_user": 3, "max_files_per_job": 10}})
    b.agent.restart()
    url = b.origin.serve("/f", EditionResource([b.edition(10)]))
    path = str(b.agent.socket)

    def as_user():
        api, seen = Api(path), []
        for _ in range(5):
            status, _, body = api.raw("POST", "/v1/jobs", {"files": [{"url": url}], "start": False})
            seen.append((status, body))
        for job in api.jobs():
            api.act(job["id"], "cancel")
        ranges = [[i * 10, 5] for i in range(600)]
        return seen, [api.raw("POST", "/v1/jobs", {"files": files, "start": False})[0:3:2]
                      for files in ([{"url": url}] * 11, [{"url": url, "ranges": ranges}])]

    seen, many = run_as(nobody(), as_user)
    expect_equal([s for s, _ in seen], [201, 201, 201, 429, 429], "answers to the fourth and fifth job")
    expect(b"limit_exceeded" in seen[3][1], f"code: {seen[3][1]}")
    for status, body in many:
        expect(status in (400, 429), f"eleven files, 600 ranges: {status} {body[:200]}")
    b.well()


# -- URLs ------------------------------------------------------------------------------------------------------------
@case
def hostile_urls(b):
    """Refused before anything is asked of anybody."""
    port = b.origin.port
    for url in ["", " ", "nonsense", "//x/y", "http:", "http://", "http:///f", "file:///etc/passwd", "gopher://127.0.0.1:70/_x",
                "ftp://127.0.0.1/f", "dict://127.0.0.1/", "javascript:alert(1)", "data:,x", "FILE:///etc/passwd",
                f"http://127.0.0.1:{port}/a b", f"http://127.0.0.1:{port}/a\r\nX: y", f"http://127.0.0.1:{port}/a\nb",
                f"http://127.0.0.1:{port}/\x00", "http://127.0.0.1:0/", "http://127.0.0.1:99999/", "http://127.0.0.1:-1/",
                "http://127.0.0.1:abc/", "http://[::1", "http://[zz]/", "http://a..b/", "http://" + "a" * 300 + "/",
                f"http://127.0.0.1:{port}/" + "a" * 9000, "http://user:pa\rss@127.0.0.1/", "http://exa mple/", "http://%00/",
                "http://127.0.0.1:80:80/", "http://[::1%25eth0]/f", "http:\\\\127.0.0.1\\f", "\thttp://127.0.0.1/"]:
        b.refuse("POST", "/v1/jobs", {"files": [{"url": url}]}, status=(400, 403))
    expect_equal(b.origin.accepted, 0, "connections to the origin")
    for url in ("file:///etc/passwd", "gopher://x/"):
        b.refuse("POST", "/v1/jobs", {"files": [{"url": url}]}, status=403, code="forbidden_url")
    job = b.api.create([b.origin.serve("/f", EditionResource([b.edition()]))], start=False)
    b.refuse("POST", f"/v1/jobs/{job['id']}/files/0/retarget", {"url": "file:///etc/shadow"}, status=(400, 403))
    b.refuse("POST", f"/v1/jobs/{job['id']}/files", {"files": [{"url": "gopher://x/"}]}, status=(400, 403))
    b.well()


@case
def loopback_forbidden(b):
    """With origin.allow_loopback off, every way of writing this machine is refused."""
    b.agent.configure({"origin": {"allow_loopback": False}})
    b.agent.restart()
    port = b.origin.port
    for host in ("127.0.0.1", "localhost", "127.1", "0x7f.0.0.1", "2130706433", "[::1]", "127.0.0.1.", "LOCALHOST", "127.9.9.9",
                 "[::ffff:127.0.0.1]", "0.0.0.0", "0177.0.0.1"):
        status, _, body = b.api.raw("POST", "/v1/jobs", {"files": [{"url": f"http://{host}:{port}/f"}]})
        if status == 201:  # only resolving tells
            job = b.api.wait(json.loads(body)["id"], ("error", "transferred", "transient_error"), timeout=20)
            expect_equal((job["state"], job["error"]["code"]), ("error", "forbidden_url"), f"job for {host}")
        else:
            expect(status in (400, 403), f"{host}: {status} {body[:200]}")
    expect_equal(b.origin.accepted, 0, "connections to the origin")
    b.well()


# -- an origin's answers ---------------------------------------------------------------------------------------------
def _answers_badly(b, raw, timeout=30, wanted=("error",), **options):
    path = f"/h{b.rng.randrange(10**9)}"
    url = b.origin.serve(path, lambda r: Answer(raw=raw))
    options = {"retry_delay_s": 0.1, "no_progress_timeout_s": 1, **options}
    job = b.api.wait(b.api.create([url], **options)["id"], timeout=timeout)
    expect(job["state"] in wanted, f"{raw[:100]}: state {job['state']} {job['error']}")
    if job["state"] == "error":
        expect(job["error"]["message"].startswith("cannot "), f"message: {job['error']}")
        expect(len(job["error"]["message"]) < 4000, f"a message of {len(job['error']['message'])} characters")
        expect("\r" not in job["error"]["message"] and "\n" not in job["error"]["message"], f"{job['error']}")
    return job


@case
def hostile_headers(b):
    ok = b"HTTP/1.1 200 OK\r\n"
    for raw in [ok + b"X-Big: " + b"a" * MIB + b"\r\nContent-Length: 3\r\n\r\nabc",
                ok + b"X: y\r\n" * 50_000 + b"Content-Length: 3\r\n\r\nabc",
                ok + b"Content-Length: -5\r\n\r\nabc", ok + b"Content-Length: 5x\r\n\r\nabcde",
                ok + b"Content-Length: 99999999999999999999999999\r\n\r\nabc",
                ok + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", b"HTTP/1.1 099 what\r\n\r\n", b"HTTP/1.1 999 what\r\n\r\n",
                b"HTTP/7.7 200 OK\r\nContent-Length: 3\r\n\r\nabc", b"HTTP/1.1 206 OK\r\nContent-Length: 3\r\n\r\nabc",
                b"HTTP/1.1 206 OK\r\nContent-Range: bytes 0-2/99999999999999999999\r\nContent-Length: 3\r\n\r\nabc",
                b"HTTP/1.1 304 Not Modified\r\n\r\n", b"HTTP/1.1 204 No Content\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n" * 2000,
                b"HTTP/1.1 302 Found\r\nLocation: http://a\x01b/\r\nContent-Length: 0\r\n\r\n",
                b"HTTP/1.1 302 Found\r\nLocation: " + b"a" * 100_000 + b"\r\nContent-Length: 0\r\n\r\n",
                ok + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff1\r\nabc"]:
        _answers_badly(b, raw)
    b.well()


@case
def odd_headers_that_do_no_harm(b):
    """Strange validators and digests: what does not parse does not count, and the bytes are the origin's."""
    data = b.edition(70_000).data
    for field in [b'ETag: "' + b"e" * 9000 + b'"', b"ETag: no-quotes", b'ETag: "a"b"', b'ETag: W/"', b"ETag: \xff\xfe",
                  b"Last-Modified: yesterday", b"Last-Modified: Mon, 99 Foo 9999 99:99:99 GMT", b"Repr-Digest: nonsense",
                  b"Repr-Digest: sha-256=:AAAA:", b"Digest: SHA-256=", b"Digest: MD5=xx", b"Cache-Control: " + b"no-store," * 500,
                  b'Content-Disposition: attachment; filename="../../etc/passwd"', b"Retry-After: -5", b"Age: -1",
                  b"Set-Cookie: a=b", b"X:", b"Content-Type: " + b"x" * 5000, b"Accept-Ranges: none, bytes"]:
        raw = b"HTTP/1.1 200 OK\r\n" + field + b"\r\nContent-Length: %d\r\n\r\n" % len(data) + data
        job = _answers_badly(b, raw, wanted=("transferred",))
        expect(b.api.content(job["id"]) == data, f"{field[:60]}: other bytes")
    b.well()


@case
def enormous_sizes(b):
    """A size that no disk has is refused before anything is written; the message says what is missing."""
    for size in (2**62, 2**63 - 1, 10**15):
        url = b.origin.serve(f"/big{size}", lambda r, size=size: Answer(200, [("ETag", '"x"')], b"abc", length=size, hold_at=3,
                                                                       released=threading.Event()))
        job_id = b.api.create([url], retry_delay_s=30)["id"]
        job = b.api.wait(job_id, ("transient_error", "error"), timeout=30)
        expect(job["error"]["code"] in ("disk_full", "too_large", "bad_response"), f"{size}: {job['error']}")
        b.api.act(job_id, "cancel")
    b.well()


@case
def metrics_port(b):
    """The loopback port answers two readings and nothing else."""
    port = free_port()
    b.agent.configure({"api": {"http_port": port}})
    b.agent.restart()
    def ask(method, path):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request(method, path)
        answer = connection.getresponse()
        body = answer.read().decode()
        connection.close()
        return answer.status, body

    status, text = ask("GET", "/metrics")
    expect(status == 200 and "larder_" in text, f"/metrics: {status} {text[:200]}")
    status, text = ask("GET", "/v1/status")
    expect(status == 200 and str(b.agent.state) not in text and "caller" not in json.loads(text), f"/v1/status: {text[:300]}")
    for method, path in [("GET", "/v1/jobs"), ("POST", "/v1/jobs"), ("DELETE", "/v1/cache"), ("GET", "/v1/cache"),
                         ("GET", "/v1/events"), ("GET", "/v1/config"), ("POST", "/v1/reload"), ("GET", "/")]:
        status, text = ask(method, path)
        expect(status >= 400, f"{method} {path} on the loopback port: {status} {text[:100]}")
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.sendall(b.rng.randbytes(5000))
    b.well()


@case
def web_page(b):
    """What a browser sends to the loopback port on behalf of any site's page: nothing is told, changed or fetched."""
    port = free_port()
    b.agent.configure({"api": {"http_port": port}})
    b.agent.restart()
    url = b.origin.serve("/f", EditionResource([b.edition()]))
    job = json.dumps({"files": [{"url": url}]})
    site = {"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"}
    asked = [("GET", "/v1/status", None, site), ("GET", "/metrics", None, {"Sec-Fetch-Site": "cross-site"}),
             ("GET", "/metrics", None, {"Origin": "null"}),
             ("GET", "/v1/status", None, {"Host": f"evil.example:{port}", "Sec-Fetch-Site": "same-origin"}),  # rebinding
             ("GET", "/v1/status", None, {"Host": f"127.0.0.1.evil.example:{port}"}),
             ("OPTIONS", "/v1/jobs", None, {**site, "Access-Control-Request-Method": "POST",
                                            "Access-Control-Request-Private-Network": "true"})]
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):  # without preflight
        asked += [("POST", path, job, {**site, "Content-Type": kind}) for path in ("/v1/jobs", "/v1/jobs?once=1", "/v1/reload")]
        asked.append(("POST", "/v1/jobs", job, {"Content-Type": kind}))  # and of a browser that says nothing
    asked += [("POST", "/v1/jobs", "x" * (4 * MIB), site), ("DELETE", "/v1/cache", None, site), ("PUT", "/v1/jobs", job, site)]
    for method, path, body, headers in asked:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # refused before all of it was read
            connection.request(method, path, body, headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        expect(400 <= answer.status < 500, f"{method} {path} {headers}: {answer.status} {text[:200]}")
        expect(not [name for name in answer.headers if name.lower().startswith("access-control-")],
               f"{method} {path} {headers}: {answer.headers}")
        for secret in (str(b.agent.state), "uptime", "larder_bytes"):
            expect(secret not in text, f"{method} {path} {headers} tells {secret}")
    # A form whose fields are a request of their own: it is the body, and nothing more.
    inner = f"POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(job)}\r\n\r\n{job}"
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.settimeout(10)
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            sock.sendall(f"POST /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(inner)}\r\n\r\n{inner}".encode())
            sock.shutdown(socket.SHUT_WR)
            answers = b""
            while piece := sock.recv(65536):
                answers += piece
            expect_equal(answers.count(b"HTTP/1.1 "), 1, f"answers to one request ({answers[:300]})")
    expect_equal(b.api.jobs("?all=1"), [], "jobs")
    expect_equal(b.origin.accepted, 0, "connections to the origin")
    b.well()


def run(seed, lab, name=None):
    names = list(CASES)
    name = name or names[seed % len(names)]
    b = Bench(seed, lab)
    try:
        CASES[name](b)
    except Skip:
        raise
    except Exception as error:
        raise named(name, error) from error
    return name
