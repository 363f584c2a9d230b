"""A relay of TCP between a client and a server that breaks connections where a test wants it: within a request, or between a
request and its answer.

    with CuttingProxy(inbox.port) as proxy:
        proxy.cut(5_000_000, then=inbox_dies)    # once so many bytes of clients have passed, counted from the last cut
        proxy.look(1_000_000, then=somebody_writes)     # the same, and the connection goes on
        proxy.lose_answer(b"BITS-Packet-Type: Close-Session")   # of the next request whose head has it

Cuts come in the order in which they were asked for. A thread for each direction of each connection; `_lock` guards the plan.
"""

import socket
import struct
import threading

PIECE = 256 * 1024
HEAD = 8 * 1024  # as much of a stream is kept to find a pattern that lies in two pieces


class Cut:
    def __init__(self, bytes_from_clients, reset, then, goes_on=False):
        self.left, self.reset, self.then, self.goes_on = bytes_from_clients, reset, then, goes_on


class _Line:
    """One connection: the client's socket and the server's."""

    def __init__(self, client, server):
        self.client, self.server = client, server
        self.tail = b""  # of what the client sent
        self.loses = False  # the next answer is not passed on

    def close(self, reset):
        for end in (self.client, self.server):
            if reset:  # RST in place of FIN: what the other side has not read yet is lost
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            end.close()


class CuttingProxy:
    def __init__(self, port, to_address="127.0.0.1", address="127.0.0.1", listen=0):
        self.target = (to_address, port)
        self.listener = socket.create_server((address, listen), backlog=128)
        self.address, self.port = self.listener.getsockname()[:2]
        self._lock = threading.Lock()
        self._cuts, self._losses, self._lines = [], [], set()
        self.cut_count = self.lost_count = self.passed = 0
        self.error = None  # of a `then`
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()
        with self._lock:
            lines, self._lines = list(self._lines), set()
        for line in lines:
            line.close(reset=True)

    def url(self, path):
        return f"http://{self.address}:{self.port}{path}"

    def cut(self, bytes_from_clients, reset=False, then=None):
        """`then` is called between the last byte that passes and the end of the connection."""
        with self._lock:
            self._cuts.append(Cut(bytes_from_clients, reset, then))

    def look(self, bytes_from_clients, then):
        """`then` is called when so many bytes have passed, as with a cut, and nothing breaks. What the client sends meanwhile waits."""
        with self._lock:
            self._cuts.append(Cut(bytes_from_clients, False, then, goes_on=True))

    def lose_answer(self, pattern, times=1):
        """The server gets the request and answers, and the client's connection ends without a byte of that. Whichever case the
        letters have: proxies change that of field names."""
        with self._lock:
            self._losses += [pattern.lower()] * times

    def expect_done(self):
        """All that was asked for has happened."""
        with self._lock:
            left, lost = [cut.left for cut in self._cuts], list(self._losses)
        if self.error:
            raise self.error
        if left or lost:
            raise AssertionError(f"cuts that did not come: {left}, answers that were not lost: {lost}")

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._connect, args=(client,), daemon=True).start()

    def _connect(self, client):
        try:
            server = socket.create_connection(self.target, 10)
        except OSError:  # the server is away: so is this
            client.close()
            return
        server.settimeout(None)
        for end in (client, server):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        line = _Line(client, server)
        with self._lock:
            self._lines.add(line)
        threading.Thread(target=self._run, args=(line, self._pass_answers), daemon=True).start()
        self._run(line, self._pass_requests)

    def _run(self, line, relay):
        reset = False
        try:
            reset = relay(line)
        except OSError:
            pass  # one of the two has gone, or the other direction ended both
        with self._lock:
            ours = line in self._lines
            self._lines.discard(line)
        if ours:
            line.close(reset)

    def _pass_requests(self, line):
        while piece := line.client.recv(PIECE):
            rest = b""
            with self._lock:
                self._watch(line, piece)
                cut = self._cuts[0] if self._cuts else None
                if cut and cut.left <= len(piece):
                    self._cuts.pop(0)
                    piece, rest = piece[:cut.left], piece[cut.left:] if cut.goes_on else b""
                    self.cut_count += not cut.goes_on
                    if rest and self._cuts:
                        self._cuts[0].left = max(1, self._cuts[0].left - len(rest))
                else:
                    if cut:
                        cut.left -= len(piece)
                    cut = None
                self.passed += len(piece) + len(rest)
            line.server.sendall(piece)
            if cut:
                self._call(cut.then)
                if not cut.goes_on:
                    return cut.reset
                line.server.sendall(rest)
        return False

    def _watch(self, line, piece):
        if not self._losses:
            return
        line.tail = (line.tail + piece)[-HEAD - len(piece):]
        if self._losses[0] in line.tail.lower():
            self._losses.pop(0)
            line.loses, line.tail = True, b""

    def _call(self, then):
        try:
            if then:
                then()
        except Exception as error:  # pylint: disable=broad-except  # the test's thread asks for it
            self.error = error

    def _pass_answers(self, line):
        while piece := line.server.recv(PIECE):
            if line.loses and not piece.startswith(b"HTTP/1.1 100"):
                with self._lock:
                    self.lost_count += 1
                return False
            line.client.sendall(piece)
        return False
