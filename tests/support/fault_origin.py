#!/usr/bin/env python3
"""An origin that misbehaves on request, as a program of its own (Python standard library only).

    fault_origin.py [--root DIR] [--port 0] [--bind 127.0.0.1] [--tls CERT.pem KEY.pem] [--log FILE] [--rate BYTES_PER_S]

It prints one line of JSON, {"port": N, "url": "http://127.0.0.1:N"}, when it listens, and ends when its standard input
is closed (so that it cannot outlive the test that started it).

Content
  /c/SEED/SIZE[/NAME]  SIZE bytes that depend on SEED alone: block i is SHA-256("SEED:i") repeated to 16 KiB
  /NAME                a file below --root
Ordinarily: HTTP/1.1, keep-alive, Accept-Ranges, single ranges with If-Range, HEAD, strong ETag, a fixed Last-Modified.

Faults: query parameters of the URL, or POST /_control {"path": "/c/a/9", "faults": {...}} for later requests of that
path (an empty object clears; query parameters win). All can be combined where that makes sense.
  status=N              answer with N and no content; with count=K only the first K requests of the path
  retry_after=TEXT      with status: "7", or "date:30" for an HTTP date 30 s from now
  location=URL          with status=3xx; relative or absolute; "loop" redirects to itself
  etag=TEXT|none        e.g. etag="x" or etag=W/"x"; none sends none          last_modified=TEXT|none
  date=TEXT             in place of the present time
  edition=N             other bytes of the same size (N > 0), with ETag and Last-Modified of that edition
  change_after=K        requests after the first K of this path get edition 1; with change=bytes,etag,date,size (any of
                        them, default all but size) only these change
  short=N               the body ends N bytes early and the connection is closed
  long=N                N bytes follow the body
  no_length             no Content-Length: chunked;  no_length=close: until the connection closes
  length=TEXT           Content-Length says so (e.g. -5);  length2=TEXT adds a second one
  range=ignore          200 with the whole; Accept-Ranges: none
  range=start|end|total|none|malformed|multipart   Content-Range is wrong in that way, or missing
  head=N                HEAD gets status N;  head_length=N: HEAD lies about the length
  stall=N               nothing more after N bytes of the body (stall=head: not even a head)
  drip=1xx|header|trailer|extension|redirect   every 50 ms a little of what is no byte of the file, for ever
  reset=N               the connection is reset (RST) after N bytes of the body;  close=N closes it
  rate=N                bytes per second of this answer
  gzip                  Content-Encoding: gzip, unasked
  http10                an HTTP/1.0 answer, closed at the end
  header=NAME:VALUE     one more header, as given;  big_header=N adds one of N bytes
  raw=TEXT              this is the answer, byte for byte (percent-encoded in the query)
  repr_digest=right|wrong   digest=right|wrong
  auth=USER:PASSWORD    Basic authentication wanted
  cache=NAME            Via, Age and X-Cache of a cache of that name; cache_edition=N: it answers GET with that edition
                        unless cache_obeys is given and the request says no-cache

GET /_log answers a JSON list of the requests so far, POST /_log clears it; --log writes them as JSON lines too:
{"n", "method", "path", "query", "range", "if_range", "cache_control", "headers", "client", "status", "sent"},
"client" being the port that the connection came from.
"""

import argparse
import base64
import email.utils
import hashlib
import json
import os
import re
import socket
import ssl
import struct
import sys
import threading
import time
import urllib.parse

BLOCK = 16 * 1024
CHUNK = 64 * 1024
MODIFIED = 1_700_000_000  # of edition 0; each edition is a day later
LOG_LIMIT = 100_000


def content(seed, offset, length):
    """Bytes [offset, offset+length) of the content of `seed`."""
    out = bytearray()
    first = offset // BLOCK
    for index in range(first, (offset + length + BLOCK - 1) // BLOCK):
        out += hashlib.sha256(f"{seed}:{index}".encode()).digest() * (BLOCK // 32)
    start = offset - first * BLOCK
    return bytes(out[start:start + length])


class Generated:
    def __init__(self, seed, size):
        self.seed, self.size = seed, size

    def read(self, offset, length):
        return content(self.seed, offset, length)


class OnDisk:
    def __init__(self, path):
        self.path, self.size = path, os.path.getsize(path)

    def read(self, offset, length):
        with open(self.path, "rb") as file:
            file.seek(offset)
            return file.read(length)


class State:
    def __init__(self, options):
        self.options = options
        self.lock = threading.Lock()
        self.faults, self.counts, self.log = {}, {}, []
        self.number = 0
        self.log_file = open(options.log, "a", buffering=1) if options.log else None

    def count(self, path):
        with self.lock:
            self.counts[path] = self.counts.get(path, 0) + 1
            return self.counts[path]

    def begin_log(self, entry):
        with self.lock:
            self.number += 1
            entry["n"] = self.number
            self.log.append(entry)
            del self.log[:-LOG_LIMIT]

    def end_log(self, entry, **result):
        with self.lock:
            entry.update(result)
            if self.log_file:
                self.log_file.write(json.dumps(entry) + "\n")


class Closed(Exception):
    pass


class Request:
    def __init__(self, method, target, headers):
        self.method, self.headers = method, headers
        parts = urllib.parse.urlsplit(target)
        self.path = urllib.parse.unquote(parts.path)
        self.query = dict(urllib.parse.parse_qsl(parts.query, keep_blank_values=True))
        self.target = target


class Connection:
    def __init__(self, state, sock):
        self.state, self.sock = state, sock
        self.file = sock.makefile("rb")

    def serve(self):
        try:
            while self.serve_one():
                pass
        except (Closed, OSError, ValueError):
            pass
        finally:
            self.file.close()
            try:
                self.sock.close()
            except OSError:
                pass

    def read_request(self):
        line = self.file.readline(65536)
        if not line.strip():
            return None, b""
        method, target, version = line.decode("latin-1").split(" ", 2)
        if not version.startswith("HTTP/"):
            return None, b""  # not HTTP, however many blanks it has: a TLS greeting's random bytes, of which no more come
        headers = {}
        while True:
            line = self.file.readline(65536).decode("latin-1")
            if line in ("\r\n", "\n", ""):
                break
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        body = self.file.read(int(headers.get("content-length", 0)))
        if target.startswith("http://"):  # we are somebody's proxy
            target = "/" + target.split("/", 3)[3] if target.count("/") > 2 else "/"
        return Request(method, target, headers), body

    def serve_one(self):
        request, body = self.read_request()
        if request is None:
            return False
        if request.path == "/_control":
            command = json.loads(body)
            with self.state.lock:
                self.state.faults[command["path"]] = command.get("faults", {})
                self.state.counts.pop(command["path"], None)
            return self.plain(b"{}")
        if request.path == "/_log":
            with self.state.lock:
                text = json.dumps(self.state.log).encode()
                if request.method == "POST":
                    self.state.log.clear()
            return self.plain(text)
        return Answer(self, request).send()

    def plain(self, body):
        self.sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
                          + body)
        return True


class Answer:
    """One answer: the honest one, with the faults asked for."""

    def __init__(self, connection, request):
        self.connection, self.request, self.state = connection, request, connection.state
        with self.state.lock:
            self.faults = dict(self.state.faults.get(request.path, {}))
        self.faults.update(request.query)
        self.nth = self.state.count(request.path)
        self.sent = 0
        self.status = 0
        self.version = "HTTP/1.0" if "http10" in self.faults else "HTTP/1.1"
        self.keep = self.version == "HTTP/1.1"

    def number(self, name, default=None):
        value = self.faults.get(name)
        return default if value is None else int(value)

    # --- what there is

    def edition(self):
        edition = self.number("edition", 0)
        after = self.number("change_after")
        changed = after is not None and self.nth > after
        what = set((self.faults.get("change") or "bytes,etag,date").split(",")) if changed else set()
        if "cache_edition" in self.faults and self.request.method == "GET":
            obeys = "cache_obeys" in self.faults and "no-cache" in self.request.headers.get("cache-control", "")
            if not obeys:
                edition = self.number("cache_edition")
        self.of = {part: edition + (1 if part in what else 0) for part in ("bytes", "etag", "date", "size")}

    def resource(self):
        match = re.fullmatch(r"/c/([^/]+)/(\d+)(/[^/]*)?", self.request.path)
        if match:
            seed, size = match.group(1), int(match.group(2)) + (1000 if self.of["size"] else 0)
            return Generated(f"{seed}/{self.of['bytes']}" if self.of["bytes"] else seed, size)
        if self.state.options.root:
            root = os.path.realpath(self.state.options.root)
            path = os.path.realpath(os.path.join(root, self.request.path.lstrip("/")))
            if path.startswith(root + os.sep) and os.path.isfile(path):
                return OnDisk(path)
        return None

    def validators(self):
        etag = self.faults.get("etag")
        if etag is None:
            etag = '"%s"' % hashlib.sha256(f"{self.request.path}:{self.of['etag']}:{self.of['size']}".encode()).hexdigest()[:16]
        modified = self.faults.get("last_modified")
        if modified is None:
            modified = email.utils.formatdate(MODIFIED + 86400 * self.of["date"], usegmt=True)
        return (None if etag == "none" else etag), (None if modified == "none" else modified)

    # --- sending

    def write(self, data):
        self.connection.sock.sendall(data)

    def head_lines(self, status, headers):
        self.status = status
        lines = [f"{self.version} {status} X"] + [f"{name}: {value}" for name, value in headers]
        self.write(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))

    def common_headers(self):
        headers = [("Date", self.faults.get("date") or email.utils.formatdate(usegmt=True))]
        if not self.keep:
            headers.append(("Connection", "close"))
        if "header" in self.faults:
            name, _, value = self.faults["header"].partition(":")
            headers.append((name, value))
        if "big_header" in self.faults:
            headers.append(("X-Big", "x" * self.number("big_header")))
        if "cache" in self.faults:
            name = self.faults["cache"]
            headers += [("Via", f"1.1 {name}"), ("Age", "500"), ("X-Cache", f"HIT from {name}")]
        return headers

    def send(self):
        # In the log before the answer goes out, so that who has the answer finds the request there.
        names = ("range", "if-range", "cache-control")
        picked = {name.replace("-", "_"): self.request.headers.get(name) for name in names}
        entry = {"method": self.request.method, "path": self.request.path,
                 "query": urllib.parse.urlsplit(self.request.target).query, "headers": self.request.headers,
                 "client": self.connection.sock.getpeername()[1], **picked}
        self.state.begin_log(entry)
        try:
            return self.send_whatever()
        finally:
            self.state.end_log(entry, status=self.status, sent=self.sent)

    def send_whatever(self):
        if self.faults.get("stall") == "head":
            self.stall()
        if "drip" in self.faults:
            self.drip(*DRIPS[self.faults["drip"]])
        if "auth" in self.faults and not self.authorised():
            self.head_lines(401, self.common_headers() + [("WWW-Authenticate", 'Basic realm="test"'),
                                                          ("Content-Length", "0")])
            return self.keep
        if "raw" in self.faults:
            self.write(self.faults["raw"].encode("latin-1"))
            return False
        status = self.number("head") if self.request.method == "HEAD" and "head" in self.faults else self.number("status")
        if status and self.nth <= self.number("count", self.nth):
            return self.send_status(status)
        self.edition()
        resource = self.resource()
        if resource is None:
            return self.send_status(404)
        return self.send_content(resource)

    def authorised(self):
        wanted = "Basic " + base64.b64encode(self.faults["auth"].encode()).decode()
        return self.request.headers.get("authorization") == wanted

    def send_status(self, status):
        headers = self.common_headers() + [("Content-Length", "0")]
        if "location" in self.faults:
            location = self.faults["location"]
            headers.append(("Location", self.request.target if location == "loop" else location))
        if "retry_after" in self.faults:
            text = self.faults["retry_after"]
            if text.startswith("date:"):
                text = email.utils.formatdate(time.time() + int(text[5:]), usegmt=True)
            headers.append(("Retry-After", text))
        self.head_lines(status, headers)
        return self.keep

    def asked_range(self, size, etag, modified):
        """(first, last), "unsatisfied" or None for the whole."""
        value = self.request.headers.get("range")
        match = re.fullmatch(r"bytes=(\d+)-(\d*)", value or "")
        if not match or self.faults.get("range") == "ignore" or self.version == "HTTP/1.0":
            return None
        condition = self.request.headers.get("if-range")
        if condition and condition not in (etag, modified):
            return None
        first = int(match.group(1))
        if first >= size:
            return "unsatisfied"
        return first, min(int(match.group(2)) if match.group(2) else size - 1, size - 1)

    def send_content(self, resource):
        size = resource.size
        etag, modified = self.validators()
        headers = self.common_headers() + [("Content-Type", "application/octet-stream")]
        headers += [("ETag", etag)] if etag else []
        headers += [("Last-Modified", modified)] if modified else []
        kind = self.faults.get("range")
        if self.version == "HTTP/1.1":
            headers.append(("Accept-Ranges", "none" if kind == "ignore" else "bytes"))
        if "gzip" in self.faults:
            headers.append(("Content-Encoding", "gzip"))
        headers += self.digests(resource)
        wanted = self.asked_range(size, etag, modified)
        if wanted == "unsatisfied":
            self.head_lines(416, headers + [("Content-Range", f"bytes */{size}"), ("Content-Length", "0")])
            return self.keep
        first, last = wanted if wanted else (0, size - 1)
        length = last - first + 1
        if wanted:
            headers = self.range_headers(headers, kind, first, last, size)
        headers += self.length_headers(length)
        self.head_lines(206 if wanted else 200, headers)
        if self.request.method == "HEAD":
            return self.keep
        return self.send_body(resource, first, length)

    def range_headers(self, headers, kind, first, last, size):
        value = f"bytes {first}-{last}/{size}"
        if kind == "start":
            value = f"bytes {first + 1}-{last + 1}/{size + 1}"
        elif kind == "end":
            value = f"bytes {first}-{last - 1}/{size}"
        elif kind == "total":
            value = f"bytes {first}-{last}/{size + 1}"
        elif kind == "malformed":
            value = f"bytes {last}-{first}/-1"
        elif kind == "multipart":
            headers = [h for h in headers if h[0] != "Content-Type"]
            return headers + [("Content-Type", "multipart/byteranges; boundary=x")]
        return headers if kind == "none" else headers + [("Content-Range", value)]

    def length_headers(self, length):
        if "no_length" in self.faults:
            if self.faults["no_length"] == "close" or self.version == "HTTP/1.0":
                self.keep = False
                return [("Connection", "close")]
            return [("Transfer-Encoding", "chunked")]
        value = self.faults.get("length", str(length))
        if self.request.method == "HEAD" and "head_length" in self.faults:
            value = self.faults["head_length"]
        headers = [("Content-Length", value)]
        if "length2" in self.faults:
            headers.append(("Content-Length", self.faults["length2"]))
        return headers

    def digests(self, resource):
        headers = []
        for name, form in (("repr_digest", "Repr-Digest: sha-256=:%s:"), ("digest", "Digest: SHA-256=%s")):
            if name in self.faults:
                data = resource.read(0, resource.size) if self.faults[name] == "right" else b"something else"
                text = form % base64.b64encode(hashlib.sha256(data).digest()).decode()
                headers.append(tuple(text.split(": ", 1)))
        return headers

    def send_body(self, resource, first, length):
        chunked = "no_length" in self.faults and self.keep
        stops = {self.number(name): name for name in ("stall", "reset", "close") if name in self.faults}
        end = length - self.number("short", 0)
        rate = self.number("rate", self.state.options.rate or 0)
        started = time.monotonic()
        while self.sent < end:
            limit = min([end] + [stop for stop in stops if stop > self.sent])
            if self.sent in stops:
                self.stop(stops[self.sent])
            size = min(CHUNK if not rate else max(1024, rate // 50), limit - self.sent)
            data = resource.read(first + self.sent, size)
            self.write(b"%x\r\n" % len(data) + data + b"\r\n" if chunked else data)
            self.sent += len(data)
            if rate:
                time.sleep(max(0.0, started + self.sent / rate - time.monotonic()))
        if self.sent in stops:
            self.stop(stops[self.sent])
        extra = self.number("long", 0)
        if extra:
            self.write(b"%x\r\n" % extra + b"L" * extra + b"\r\n" if chunked else b"L" * extra)
        if "short" in self.faults:
            return False
        if chunked:
            self.write(b"0\r\n\r\n")
        return self.keep and not extra

    def stop(self, how):
        if how == "stall":
            self.stall()
        if how == "reset":
            self.connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.file.close()
            self.connection.sock.close()
        raise Closed()

    def drip(self, start, again):
        self.write(start)
        while True:
            self.write(again)
            time.sleep(0.05)

    def stall(self):
        self.connection.file.read(1)  # until the other side goes away
        raise Closed()


_CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
DRIPS = {
    "1xx": (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
    "header": (b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n"),
    "trailer": (_CHUNKED + b"0\r\n", b"X-A: b\r\n"),
    "extension": (_CHUNKED + b"5;", b"a=b;"),
    "redirect": (b"HTTP/1.1 302 Found\r\nLocation: /c/a/5\r\nContent-Length: 16000\r\n\r\n", b"x"),
}


def accept_all(state, server, context):
    def handle(sock):
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if context:
                sock = context.wrap_socket(sock, server_side=True)
        except (OSError, ssl.SSLError):
            sock.close()
            return
        Connection(state, sock).serve()

    while True:
        sock, _ = server.accept()
        threading.Thread(target=handle, args=(sock,), daemon=True).start()


def main():
    parser = argparse.ArgumentParser(description="An origin that misbehaves on request; see the top of the file.")
    parser.add_argument("--root")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--bind", default="127.0.0.1")
    parser.add_argument("--tls", nargs=2, metavar=("CERT", "KEY"))
    parser.add_argument("--client-ca", help="with --tls: clients must show a certificate of this authority")
    parser.add_argument("--log")
    parser.add_argument("--rate", type=int)
    options = parser.parse_args()
    context = None
    if options.tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*options.tls)
        if options.client_ca:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(options.client_ca)
    server = socket.create_server((options.bind, options.port), backlog=256)
    threading.Thread(target=accept_all, args=(State(options), server, context), daemon=True).start()
    port = server.getsockname()[1]
    print(json.dumps({"port": port, "url": f"{'https' if context else 'http'}://{options.bind}:{port}"}), flush=True)
    sys.stdin.buffer.read()


if __name__ == "__main__":
    main()
