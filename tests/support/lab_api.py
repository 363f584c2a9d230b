"""A client of larderd's API on its Unix socket: requests, events and passed descriptors. All that the agent answers is held
against docs/api.yaml; what is not as the document says is an AssertionError."""

import hashlib
import http.client
import json
import os
import socket
import time
from urllib.parse import quote

from api_document import ApiDocument

FINAL = ("transferred", "error", "acknowledged", "cancelled")


class ApiError(Exception):
    """An answer with an error body."""

    def __init__(self, status, code, message, body=b""):
        super().__init__(f"{status} {code}: {message}")
        self.status, self.code, self.message, self.body = status, code, message, body


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout=30.0):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def _checked(status, body):
    if status < 400:
        return json.loads(body) if body else None
    try:
        error = json.loads(body)["error"]
        raise ApiError(status, error["code"], error["message"], body)
    except (ValueError, KeyError, TypeError):
        raise ApiError(status, "", body.decode("latin-1")[:200], body) from None


def hold_against_document(problems):
    if problems:
        raise AssertionError("not as docs/api.yaml says: " + "; ".join(problems))


class Api:
    """`checked`: answers and events are held against this tree's document. For all agents: Api.checked = False, where the time
    is measured, and on one whose agent is of another version (of all agents: `run.py --other-version`)."""

    checked = "LARDER_OTHER_VERSION" not in os.environ

    def __init__(self, socket_path, timeout=30.0):
        self.socket_path = str(socket_path)
        self.timeout = timeout

    # -- plain requests ----------------------------------------------------------------------------------------------
    def raw(self, method, path, body=None, headers=None):
        """(status, headers, body); nothing is raised for an error status."""
        connection = UnixConnection(self.socket_path, self.timeout)
        try:
            data = None
            sent = dict(headers or {})
            if body is not None:
                data = body if isinstance(body, (bytes, str)) else json.dumps(body)
                sent.setdefault("Content-Type", "application/json")
            connection.request(method, path, data, sent)
            answer = connection.getresponse()
            status, headers, received = answer.status, answer.headers, answer.read()
        finally:
            connection.close()
        self.check_answer(method, path, status, headers.get("Content-Type"), received)
        return status, headers, received

    def check_answer(self, method, path, status, content_type, body):
        if self.checked and method != "HEAD":
            hold_against_document(ApiDocument.of_this_tree().answer_problems(method, path, status, content_type, body))

    def call(self, method, path, body=None):
        status, _, answer = self.raw(method, path, body)
        return _checked(status, answer)

    def status(self):
        return self.call("GET", "/v1/status")

    def create(self, files, **options):
        """`files`: URLs or FILE objects."""
        items = [{"url": f} if isinstance(f, str) else f for f in files]
        return self.call("POST", "/v1/jobs", {"files": items, **options})

    def job(self, job_id, files=True):
        return self.call("GET", f"/v1/jobs/{job_id}" + ("" if files else "?files=0"))

    def jobs(self, query=""):
        return self.call("GET", "/v1/jobs" + query)["jobs"]

    def act(self, job_id, action):
        return self.call("POST", f"/v1/jobs/{job_id}/{action}")

    def verdict(self, job_id, index, valid, reason=""):
        return self.call("POST", f"/v1/jobs/{job_id}/files/{index}/verdict", {"valid": valid, "reason": reason})

    def retarget(self, job_id, index, url):
        return self.call("POST", f"/v1/jobs/{job_id}/files/{index}/retarget", {"url": url})

    def content(self, job_id, index=0, headers=None):
        status, _, body = self.raw("GET", f"/v1/jobs/{job_id}/files/{index}/content", headers=headers)
        if status >= 400:
            _checked(status, body)
        return body

    def content_sha256(self, job_id, index=0):
        return hashlib.sha256(self.content(job_id, index)).hexdigest()

    def cache(self, url=None):
        query = "?limit=1000" + (f"&url={quote(url, safe='')}" if url else "")
        return self.call("GET", "/v1/cache" + query)["records"]

    # -- descriptors -------------------------------------------------------------------------------------------------
    def descriptors(self, path, body=None):
        """POST, and (JSON, [file descriptor…]) of the answer; the caller closes them."""
        data = json.dumps(body).encode() if body is not None else b""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
            sock.settimeout(self.timeout)
            sock.connect(self.socket_path)
            head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            sock.sendall((head + f"Content-Length: {len(data)}\r\nConnection: close\r\n\r\n").encode() + data)
            received, descriptors, _, _ = socket.recv_fds(sock, 65536, 64)
            while piece := sock.recv(65536):
                received += piece
        top, _, answer = received.partition(b"\r\n\r\n")
        status = int(top.split(b" ", 2)[1])
        if b"chunked" in top.lower():
            answer = _unchunk(answer)
        if self.checked:
            types = [line.partition(b":")[2].strip().decode() for line in top.split(b"\r\n")
                     if line.lower().startswith(b"content-type:")]
            self.check_answer("POST", path, status, types[0] if types else None, answer)
        return _checked(status, answer), descriptors

    def descriptor(self, job_id, index=0, partial=False):
        meta, found = self.descriptors(f"/v1/jobs/{job_id}/files/{index}/descriptor" + ("?partial=1" if partial else ""))
        return meta, found[0] if found else None

    # -- events ------------------------------------------------------------------------------------------------------
    def events(self, job_id=None, after=None, timeout=None):
        return EventStream(self, job_id, after, timeout or self.timeout)

    def wait(self, job_id, states=FINAL, timeout=60.0):
        """The job once its state is one of `states` (names or a predicate of the job). By events."""
        wanted = states if callable(states) else (lambda job: job["state"] in ((states,) if isinstance(states, str)
                                                                               else states))
        deadline = time.monotonic() + timeout
        with self.events(job_id, timeout=timeout) as stream:
            while True:
                job = self.job(job_id)
                if wanted(job):
                    return job
                left = deadline - time.monotonic()
                if left <= 0 or stream.next(left) is None:
                    break
        job = self.job(job_id)
        if wanted(job):
            return job
        raise TimeoutError(f"job {job_id} is {job['state']} after {timeout} s: {json.dumps(job)[:1500]}")


def _unchunk(data):
    out = b""
    while data:
        size, _, rest = data.partition(b"\r\n")
        count = int(size, 16)
        if count == 0:
            break
        out, data = out + rest[:count], rest[count + 2:]
    return out


class EventStream:
    """GET /v1/events. Each event is {"id", "event", "data"}."""

    def __init__(self, api, job_id, after, timeout):
        self.checked = api.checked
        self.connection = UnixConnection(api.socket_path, timeout)
        query = "&".join(x for x in (f"job={job_id}" if job_id else "", f"after={after}" if after is not None else "")
                         if x)
        self.connection.connect()
        self.sock = self.connection.sock  # http.client forgets it when the answer says "close"
        self.connection.request("GET", "/v1/events" + ("?" + query if query else ""),
                                headers={"Accept": "text/event-stream"})
        self.answer = self.connection.getresponse()
        if self.answer.status != 200:
            _checked(self.answer.status, self.answer.read())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        # The answer has a file of its own over the socket: closing only the connection would leave it open.
        self.answer.close()
        self.connection.close()

    def next(self, timeout):
        """The next event, or None when none came in time or the agent hung up."""
        deadline = time.monotonic() + timeout
        event = {}
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                return None
            try:
                self.sock.settimeout(left)
                line = self.answer.readline()
            except (TimeoutError, OSError, http.client.HTTPException):
                return None
            if not line:
                return None
            text = line.decode().rstrip("\r\n")
            if not text:
                if "data" in event:
                    event["data"] = json.loads(event["data"])
                    if self.checked:
                        hold_against_document(ApiDocument.of_this_tree().event_problems(event.get("event"), event["data"]))
                    return event
                event = {}
            elif not text.startswith(":"):
                name, _, value = text.partition(":")
                event[name] = event.get(name, "") + value.removeprefix(" ")
