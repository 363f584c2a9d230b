"""A client of the BITS upload protocol (MC-BUP) as Windows has it, without anything of larder-inbox's own: one session, one
request at a time, and the errors dealt with as the specification says.

    upload = BitsUpload(("127.0.0.1", 7480), "/in/builds/t-1/a.bin", data)
    upload.run()                                    # to its end; BitsFailed where the server refuses it for good
    upload.step()                                   # one packet

`log` has each packet that was tried: Packet(type, host, status or None, what BITS-Received-Content-Range said, error code).
What the application of a Windows client is not told the caller finds there too: sessions that were begun again, for one.
"""

import collections
import http.client
import time

PROTOCOL = "{7df0354d-249b-430f-820d-3d2a9bef4931}"
SESSION_NOT_FOUND = 0x8020001F
Packet = collections.namedtuple("Packet", "type host status received error")


class BitsFailed(Exception):
    def __init__(self, packet):
        super().__init__(f"{packet.type}: status {packet.status}, error {packet.error:#x}")
        self.packet = packet


class BitsUpload:
    """`state`: create, ping, fragment, close, done. Where the server gives a host id the client goes on there, at the same
    port, and back to the address that it began with once the host id could not be reached for the fall-back time."""

    def __init__(self, server, path, data, fragment=1 << 20, headers=None, method="BITS_POST", pause=0.02):
        self.shared, self.path, self.data, self.fragment = server, path, data, fragment
        self.headers, self.method, self.pause = headers or {}, method, pause
        self.state, self.offset, self.session, self.reply_url = "create", 0, None, None
        self.host_id = self.fallback = self.away_since = None
        self.log, self._connection, self._connected_to = [], None, None

    def run(self, until=lambda upload: False, timeout=60.0):
        deadline = time.monotonic() + timeout
        while self.state != "done" and not until(self):
            if time.monotonic() > deadline:
                raise TimeoutError(f"not at its end after {timeout} s: {self.log[-5:]}")
            self.step()
        return self

    def cancel(self):
        """Cancel-Session, until it is answered."""
        while self.packet("Cancel-Session") is None:
            time.sleep(self.pause)
        self.state = "done"

    def sent(self, kind):
        """The packets of a type that were answered."""
        return [p for p in self.log if p.type == kind and p.status is not None]

    @property
    def host(self):
        return self.host_id or self.shared[0]

    def step(self):
        kind = {"create": "Create-Session", "ping": "Ping", "fragment": "Fragment", "close": "Close-Session"}[self.state]
        answer = self.packet(kind)
        if answer is None:
            return self._on_lost_line()
        self.away_since = None
        getattr(self, "_on_" + self.state)(answer)

    def packet(self, kind, first=None, last=None, session=None, total=None):
        """Sends one; the answer, or None where there is none. Without `first` a Fragment is what comes next."""
        headers = {"BITS-Packet-Type": kind, "Content-Name": self.path.rsplit("/", 1)[-1], "User-Agent": "Microsoft BITS/7.8",
                   "Content-Length": "0", **self.headers}
        body = b""
        if kind == "Create-Session":
            headers["BITS-Supported-Protocols"] = PROTOCOL
        elif kind != "Ping":
            headers["BITS-Session-Id"] = session or self.session
        if kind == "Fragment":
            first = self.offset if first is None else first
            last = min(first + self.fragment, len(self.data)) - 1 if last is None else last
            body = self.data[first:last + 1]
            headers["Content-Range"] = f"bytes {first}-{last}/{total or len(self.data)}"
            headers["Content-Length"] = str(len(body))
        if self.method != "BITS_POST":
            headers["X-HTTP-Method-Override"] = "BITS_POST"
        answer = self._exchange(headers, body)
        status, received, error = None, None, "0"
        if answer:
            status, received = answer.status, answer.getheader("BITS-Received-Content-Range")
            error = answer.getheader("BITS-Error-Code") or "0"
        self.log.append(Packet(kind, self.host, status, received, int(error, 16)))
        return answer

    def _exchange(self, headers, body):
        try:
            if self._connected_to != self.host:
                self.disconnect()
                self._connection = http.client.HTTPConnection(self.host, self.shared[1], timeout=30)
                self._connected_to = self.host
            self._connection.request(self.method, self.path, body, headers)
            answer = self._connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            self.disconnect()
            return None
        if answer.getheader("BITS-Packet-Type") not in ("Ack", None) or answer.getheader("Content-Length") is None:
            raise AssertionError(f"an answer of BITS has BITS-Packet-Type: Ack and a Content-Length, this one {answer.getheaders()}")
        return answer

    def disconnect(self):
        if self._connection:
            self._connection.close()
        self._connection = self._connected_to = None

    # MC-BUP §3.1.6: any packet goes on with a Ping, but for a creation. A host id that is away is asked until the fall-back.
    def _on_lost_line(self):
        now = time.monotonic()
        self.away_since = self.away_since or now
        if self.host_id and self.fallback is not None and now - self.away_since > self.fallback:
            self.host_id = self.away_since = None
        if self.state == "fragment":
            self.state = "ping"
        time.sleep(self.pause)

    def _error(self, answer):
        """Whether it goes on all the same: the session has gone, or the server cannot now."""
        failed = self.log[-1]
        if failed.error == SESSION_NOT_FOUND:
            self.state, self.session, self.host_id = "create", None, None  # the offset stays (§3.1.5.1.7)
            return
        if answer.status >= 500 or answer.status in (408, 409):
            return self._on_lost_line()
        raise BitsFailed(failed)

    def _on_create(self, answer):
        if answer.status not in (200, 201):
            return self._error(answer)
        self.session = answer.getheader("BITS-Session-Id")
        if answer.getheader("BITS-Protocol").lower() != PROTOCOL:
            raise AssertionError("another protocol was chosen")
        self.host_id = answer.getheader("BITS-Host-Id")
        fallback = answer.getheader("BITS-Host-Id-Fallback-Timeout")
        self.fallback = float(fallback) if fallback else None
        self.state = "ping" if self.host_id else "fragment" if self.data else "close"

    def _on_ping(self, answer):
        if answer.status != 200:
            return self._error(answer)
        self.state = "fragment" if self.data else "close"

    def _on_fragment(self, answer):
        received = answer.getheader("BITS-Received-Content-Range")
        if received is None and answer.getheader("BITS-Packet-Type"):
            raise AssertionError("an Ack of a Fragment says BITS-Received-Content-Range always")
        if answer.status not in (200, 416):
            return self._error(answer)
        self.offset = int(received)
        self.reply_url = answer.getheader("BITS-Reply-URL") or self.reply_url
        if self.offset == len(self.data):
            self.state = "close"

    def _on_close(self, answer):
        if answer.status != 200:
            return self._error(answer)
        self.state = "done"
