"""A web server that holds the connections of whoever asks it: for what one user does to others."""

import contextlib
import socket
import threading


class SlowServer:
    """Answers every request with a head at once and a byte a second of its body; never ends."""

    def __init__(self, address):
        self.listener = socket.create_server((address, 0), backlog=256)
        self.address, self.port = self.listener.getsockname()
        self.open, self.lock, self.ended = [], threading.Lock(), threading.Event()
        threading.Thread(target=self.accept, daemon=True).start()
        threading.Thread(target=self.trickle, daemon=True).start()

    def url(self, name):
        return f"http://{self.address}:{self.port}/{name}"

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        with contextlib.suppress(OSError), connection.makefile("rb") as reader:
            while line := reader.readline(65536):
                while reader.readline(65536).strip():
                    pass
                connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\nAccept-Ranges: bytes\r\nETag: "s"\r\n\r\n')
                if line.startswith(b"HEAD"):
                    continue
                with self.lock:
                    self.open.append(connection)
                return

    def trickle(self):
        while not self.ended.wait(1.0):
            with self.lock:
                for connection in list(self.open):
                    try:
                        connection.send(b"x")
                    except OSError:
                        self.open.remove(connection)

    @property
    def holding(self):
        with self.lock:
            return len(self.open)

    def stop(self):
        self.ended.set()
        self.listener.close()
        with self.lock:
            for connection in self.open:
                connection.close()
