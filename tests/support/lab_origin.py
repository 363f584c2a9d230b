"""An origin inside the test's process: editions of files over HTTP/1.1, every byte counted, every fault on request.

A test registers a resource for a path: an `EditionResource` (a file with editions, ranges and If-Range as RFC 9110
says), or any callable `request -> Answer`. What went over the wire is in `origin.log`; `origin.wait_for` waits on it by
condition, so a test can act at an exact byte of a transfer. Threads: one for accepting, one for each connection; the
log and the resources are guarded by `origin.changed`.
"""

import contextlib
import dataclasses
import email.utils
import hashlib
import random
import socket
import ssl
import struct
import threading
import time
from typing import Callable, Optional

CHUNK = 64 * 1024


def seeded_bytes(seed, size):
    """Content that is reproducible, incompressible and different at every offset."""
    return random.Random(f"content {seed}").randbytes(size)


def http_date(seconds):
    return email.utils.formatdate(seconds, usegmt=True)


@dataclasses.dataclass
class Edition:
    """One edition of a file; None for a validator that the origin does not send."""

    data: bytes
    etag: Optional[str] = None
    last_modified: Optional[str] = None
    headers: tuple = ()

    @property
    def sha256(self):
        return hashlib.sha256(self.data).hexdigest()


@dataclasses.dataclass
class Request:
    number: int
    method: str
    target: str
    headers: dict  # lower-case names
    client: tuple
    at: float  # time.monotonic() of its arrival

    @property
    def path(self):
        """Without the query; of a request to a proxy also without scheme and host."""
        target = self.target.split("?", 1)[0]
        return "/" + target.split("/", 3)[3] if target.startswith(("http://", "https://")) else target

    @property
    def range(self):
        """(first, last or None) of a single byte range, or None."""
        text = self.headers.get("range", "")
        if not text.startswith("bytes=") or "," in text:
            return None
        first, _, last = text[6:].partition("-")
        return (int(first), int(last) if last else None) if first else None


@dataclasses.dataclass
class Answer:
    status: int = 200
    headers: list = dataclasses.field(default_factory=list)
    body: bytes = b""
    length: Optional[object] = None  # Content-Length to declare; None: the body's; False: none (close ends the body)
    chunked: bool = False
    raw: Optional[bytes] = None  # sent as it is in place of head and body, then closed
    cut: Optional[int] = None  # body bytes after which the connection is closed
    reset: bool = False  # with cut: by RST
    hold_at: Optional[int] = None  # body bytes after which nothing more comes until `released` is set
    released: Optional[threading.Event] = None
    rate: float = 0.0  # bytes/s; 0: as fast as the reader takes them
    version: str = "HTTP/1.1"
    edition: Optional[int] = None  # for the log
    close: bool = False


@dataclasses.dataclass
class Exchange:
    """One line of the origin's log."""

    request: Request
    status: int = 0
    offset: int = 0
    sent: int = 0  # body bytes given to the kernel
    done: bool = False  # whole answer sent
    broken: bool = False  # ended early, by plan or by the client
    edition: Optional[int] = None


class EditionResource:
    """A file with editions. `current` is what the origin has now; `advance_after` moves to the next edition once so
    many body bytes of it were sent in all, and breaks the connection there when `break_on_advance`."""

    def __init__(self, editions, current=0, ranges=True, if_range=True, rate=0.0, send_length=True, head=True,
                 advance_after=None, break_on_advance=True, version="HTTP/1.1", extra=()):
        self.editions = editions
        self.current = current
        self.ranges = ranges
        self.if_range = if_range  # honours If-Range; otherwise it answers 206 of whatever it has now
        self.rate = rate
        self.send_length = send_length
        self.head = head
        self.advance_after = list(advance_after or [])
        self.break_on_advance = break_on_advance
        self.version = version
        self.extra = list(extra)
        self.sent = 0

    def range_matches(self, request, edition):
        condition = request.headers.get("if-range")
        if not self.if_range or condition is None:
            return True
        if condition.startswith('"'):
            return condition == edition.etag
        return not condition.startswith("W/") and condition == edition.last_modified

    def __call__(self, request):
        number = self.current
        edition = self.editions[number]
        headers = list(edition.headers) + self.extra
        if edition.etag:
            headers.append(("ETag", edition.etag))
        if edition.last_modified:
            headers.append(("Last-Modified", edition.last_modified))
        if self.ranges:
            headers.append(("Accept-Ranges", "bytes"))
        if request.method == "HEAD" and not self.head:
            return Answer(405, [("Allow", "GET")])
        answer = Answer(200, headers, edition.data, rate=self.rate, version=self.version, edition=number)
        wanted = request.range
        if self.ranges and wanted and request.method == "GET" and self.range_matches(request, edition):
            size = len(edition.data)
            first, last = wanted[0], min(size - 1, wanted[1] if wanted[1] is not None else size - 1)
            if first >= size:
                return Answer(416, headers + [("Content-Range", f"bytes */{size}")], edition=number)
            headers.append(("Content-Range", f"bytes {first}-{last}/{size}"))
            answer.status = 206
            answer.body = memoryview(edition.data)[first:last + 1]
        if not self.send_length:
            answer.length = False
        if self.advance_after and request.method == "GET":
            left = max(0, self.advance_after[0] - self.sent)
            if left < len(answer.body) and self.break_on_advance:
                answer.cut = left
        return answer

    def on_sent(self, count):
        """Called under the origin's lock."""
        self.sent += count
        while self.advance_after and self.sent >= self.advance_after[0]:
            self.advance_after.pop(0)
            self.current = min(self.current + 1, len(self.editions) - 1)


class LabOrigin:
    def __init__(self, address="127.0.0.1", tls=None, send_buffer=None):
        self.resources = {}
        self.log = []
        self.changed = threading.Condition()
        self.tls = tls  # (certificate file, key file)
        self.send_buffer = send_buffer
        self.closing = False
        self.context = None
        if tls:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(*tls)
        self.listener = socket.create_server((address, 0), backlog=512)
        self.address, self.port = self.listener.getsockname()[:2]
        self.connections = set()
        self.accepted = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def url(self, path, host=None):
        return f"{'https' if self.tls else 'http'}://{host or self.address}:{self.port}{path}"

    def serve(self, path, resource):
        with self.changed:
            self.resources[path] = resource
        return self.url(path)

    def exchanges(self, path=None, method=None):
        with self.changed:
            return [e for e in self.log
                    if (path is None or e.request.path == path) and (method is None or e.request.method == method)]

    def sent(self, path=None):
        return sum(e.sent for e in self.exchanges(path))

    def wait_for(self, condition, timeout=30.0, what="the origin"):
        with self.changed:
            if not self.changed.wait_for(condition, timeout):
                raise TimeoutError(f"{what}: not within {timeout} s")

    def wait_sent(self, count, path=None, timeout=30.0):
        self.wait_for(lambda: sum(e.sent for e in self.log if path is None or e.request.path == path) >= count,
                      timeout, f"{count} bytes sent of {path}")

    def break_connections(self):
        """Every open connection is reset."""
        with self.changed:
            open_now = list(self.connections)
        for connection in open_now:
            _reset(connection)

    def close(self):
        self.closing = True
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)  # or the accept() under way would take one more connection
        self.listener.close()
        self.break_connections()

    def _accept(self):
        while not self.closing:
            try:
                connection, client = self.listener.accept()
            except OSError:
                return
            self.accepted += 1
            threading.Thread(target=self._serve, args=(connection, client), daemon=True).start()

    def _serve(self, connection, client):
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.send_buffer:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self.send_buffer)
            if self.context:
                connection = self.context.wrap_socket(connection, server_side=True)
            with self.changed:
                self.connections.add(connection)
            reader = connection.makefile("rb")
            while self._exchange(connection, reader, client):
                pass
        except (OSError, ValueError):
            pass
        finally:
            with self.changed:
                self.connections.discard(connection)
            connection.close()

    def _exchange(self, connection, reader, client):
        line = reader.readline(65536)
        if not line:
            return False
        method, target, _ = line.decode("latin-1").split(" ", 2)
        headers = {}
        for text in iter(lambda: reader.readline(65536).decode("latin-1").strip(), ""):
            name, _, value = text.partition(":")
            headers[name.strip().lower()] = value.strip()
        with self.changed:
            request = Request(len(self.log), method, target, headers, client, time.monotonic())
            entry = Exchange(request)
            self.log.append(entry)
            resource = self.resources.get(request.path)
            if resource is None:
                answer = Answer(404, [], b"nothing here\n")
            else:
                answer = resource(request)
            entry.status, entry.edition = answer.status, answer.edition
            entry.offset = request.range[0] if answer.status == 206 and request.range else 0
            self.changed.notify_all()
        try:
            keep = self._send(connection, entry, answer, resource)
        except OSError:
            with self.changed:
                entry.broken = True
                self.changed.notify_all()
            raise
        with self.changed:
            entry.done = not entry.broken
            self.changed.notify_all()
        return keep and not answer.close and headers.get("connection", "").lower() != "close"

    def _send(self, connection, entry, answer, resource):
        if answer.raw is not None:
            connection.sendall(answer.raw)
            with self.changed:
                entry.sent += len(answer.raw)
            connection.shutdown(socket.SHUT_WR)
            return False
        body = memoryview(answer.body)
        head = [f"{answer.version} {answer.status} Status", f"Date: {http_date(time.time())}"]
        head += [f"{name}: {value}" for name, value in answer.headers]
        keep = answer.version == "HTTP/1.1"
        if answer.chunked:
            head.append("Transfer-Encoding: chunked")
        elif answer.length is False:
            keep = False
            head.append("Connection: close")
        else:
            head.append(f"Content-Length: {len(body) if answer.length is None else answer.length}")
        connection.sendall(("\r\n".join(head) + "\r\n\r\n").encode("latin-1"))
        if entry.request.method == "HEAD" or answer.status in (204, 304):
            return keep
        end = len(body) if answer.cut is None else min(answer.cut, len(body))
        position, started = 0, time.monotonic()
        while position < end:
            if answer.hold_at is not None and position >= answer.hold_at and answer.released is not None:
                self._hold(connection, answer.released)
                answer.hold_at = None
            piece = body[position:min(end, position + CHUNK)]
            if answer.hold_at is not None and position < answer.hold_at:
                piece = piece[:answer.hold_at - position]
            if answer.chunked:
                connection.sendall(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
            else:
                connection.sendall(piece)
            position += len(piece)
            with self.changed:
                entry.sent += len(piece)
                if hasattr(resource, "on_sent"):
                    resource.on_sent(len(piece))
                self.changed.notify_all()
            if answer.rate:
                # Shaping, not waiting for anything: the origin's line is this fast.
                time.sleep(max(0.0, started + position / answer.rate - time.monotonic()))
        if answer.cut is not None and answer.cut < len(body):
            with self.changed:
                entry.broken = True
            if answer.reset:
                _reset(connection)
            else:
                connection.shutdown(socket.SHUT_WR)
            return False
        if answer.hold_at is not None and answer.released is not None:
            self._hold(connection, answer.released)
        if answer.chunked:
            connection.sendall(b"0\r\n\r\n")
        if answer.length is not None and answer.length is not False and answer.length != len(body):
            connection.shutdown(socket.SHUT_WR)
            return False
        return keep

    def _hold(self, connection, released):
        """Until released, the client hangs up, or the origin closes."""
        while not released.wait(0.02):
            if self.closing:
                raise OSError("closing")
            connection.setblocking(False)
            try:
                if not isinstance(connection, ssl.SSLSocket) and connection.recv(1, socket.MSG_PEEK) == b"":
                    raise OSError("client gone")
            except BlockingIOError:
                pass
            finally:
                connection.setblocking(True)


def _reset(connection):
    try:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.shutdown(socket.SHUT_RDWR)
        connection.close()
    except OSError:
        pass
