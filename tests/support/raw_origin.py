"""An origin that sends what it is told byte for byte, and ends a connection as it is told. Standard library only.

    origin = RawOrigin(lambda request: Wire(b"HTTP/1.1 200 OK\\r\\n\\r\\n", body, end="fin"))

For framings that no server library would send: `lab_origin` makes answers, this sends wires. Threads: one for accepting,
one for each connection; `log` is guarded by `lock`.
"""

import dataclasses
import socket
import ssl
import struct
import threading
import time


@dataclasses.dataclass
class Wire:
    """An answer as it is on the wire, and what becomes of the connection after it."""

    head: bytes
    body: bytes = b""
    # keep: it may be used again; fin: closed, over TLS with a close alert; silent: closed without one; reset: by RST;
    # hang: nothing more comes
    end: str = "keep"
    name: str = ""  # for the log
    drip: bytes = b""  # after it, every half second, for ever


@dataclasses.dataclass
class Asked:
    method: str
    target: str
    headers: dict  # lower-case names
    answer: str = ""

    @property
    def range(self):
        """(first, last or None) of a single byte range, or None."""
        text = self.headers.get("range", "")
        if not text.startswith("bytes=") or "," in text:
            return None
        first, _, last = text[6:].partition("-")
        return (int(first), int(last) if last else None) if first else None


class RawOrigin:
    def __init__(self, answer, tls=None, address="127.0.0.1"):
        self.answer = answer  # Asked -> Wire
        self.log = []
        self.lock = threading.Lock()
        self.closing = False
        self.context = None
        if tls:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(*tls)
        self.listener = socket.create_server((address, 0), backlog=128)
        self.address, self.port = self.listener.getsockname()[:2]
        threading.Thread(target=self._accept, daemon=True).start()

    def url(self, path):
        return f"{'https' if self.context else 'http'}://{self.address}:{self.port}{path}"

    def asked(self, method=None):
        with self.lock:
            return [a for a in self.log if method is None or a.method == method]

    def close(self):
        self.closing = True
        self.listener.close()

    def _accept(self):
        while not self.closing:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        try:
            connection.settimeout(30)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.context:
                connection = self.context.wrap_socket(connection, server_side=True)
            reader = connection.makefile("rb")
            while (request := self._read(reader)) is not None:
                with self.lock:
                    wire = self.answer(request)
                    request.answer = wire.name
                    self.log.append(request)
                # The head and the body in one go: a client may see the end together with the last bytes.
                connection.sendall(wire.head + (b"" if request.method == "HEAD" else wire.body))
                while wire.drip:
                    time.sleep(0.5)
                    connection.sendall(wire.drip)
                if wire.end == "hang":
                    reader.read(1)  # until the other side goes away
                    return
                if wire.end != "keep":
                    self._end(connection, wire.end)
                    return
        except (OSError, ValueError):
            pass
        finally:
            try:
                connection.close()
            except OSError:
                pass

    @staticmethod
    def _read(reader):
        line = reader.readline(65536)
        if not line:
            return None
        method, target, _ = line.decode("latin-1").split(" ", 2)
        headers = {}
        for text in iter(lambda: reader.readline(65536).decode("latin-1").strip(), ""):
            name, _, value = text.partition(":")
            headers[name.strip().lower()] = value.strip()
        return Asked(method, target, headers)

    def _end(self, connection, how):
        if how == "fin" and self.context:
            try:
                connection.unwrap()
            except (OSError, ValueError):  # the client closed without an alert of its own
                pass
        plain = socket.socket(fileno=connection.detach())
        with plain:
            if how == "reset":
                plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return
            plain.settimeout(5)
            plain.shutdown(socket.SHUT_WR)
            while plain.recv(65536):  # the client's last words, so that closing sends no RST over what it has not read
                pass
