"""A proxy between the clients and the server of a test: knows requests and answers, and cuts where it is told to.

`see(event)` is called with each Event before its bytes go on; where it returns CUT both sides of the connection end and
the bytes go nowhere. The proxy's thread of that connection waits for it.
"""

import collections
import contextlib
import select
import socket
import threading

CUT = "cut"
PIECE = 16 << 10

# kind: "request" (its head), "body" (bytes of it), "answer" (its head). `bytes`: of the request's body, so far with these.
Event = collections.namedtuple("Event", "kind method target asked status fields bytes length")


def parse_head(head):
    first, *lines = head.decode("latin-1").split("\r\n")
    fields = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return first.split(" "), fields


class Stream:
    """Takes one direction apart: heads, and bodies by their Content-Length."""

    def __init__(self, on_head, on_body):
        self.on_head, self.on_body, self.buffer, self.left = on_head, on_body, b"", 0

    def feed(self, data):
        while data:
            if self.left:
                taken = min(self.left, len(data))
                self.left, data = self.left - taken, data[taken:]
                self.on_body(taken)
                continue
            before = len(self.buffer)
            self.buffer += data
            end = self.buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            head, data = self.buffer[:end], data[end + 4 - before:]
            self.buffer = b""
            self.left = self.on_head(*parse_head(head))


class Cut(Exception):
    pass


class Passage:
    """One connection."""

    def __init__(self, proxy, client):
        self.proxy, self.client, self.server = proxy, client, None
        self.asked = collections.deque()  # requests without an answer
        self.body = 0

    def tell(self, kind, request, status=0, fields=None, count=0):
        event = Event(kind, request[0], request[1], request[2], status, fields or {}, count, request[3])
        if self.proxy.see(event) == CUT:
            raise Cut

    def on_request(self, first, fields):
        length = int(fields.get("content-length", 0))
        request = (first[0], first[1], fields, length)
        self.asked.append(request)
        self.body = 0
        self.tell("request", request, fields=fields)
        return length

    def on_request_body(self, count):
        self.body += count
        self.tell("body", self.asked[-1], count=self.body)

    def on_answer(self, first, fields):
        status = int(first[1])
        if status < 200:
            return 0
        request = self.asked.popleft()
        self.tell("answer", request, status, fields)
        return 0 if request[0] == "HEAD" or status in (204, 304) else int(fields.get("content-length", 0))

    def run(self):
        with contextlib.suppress(OSError, Cut, IndexError):
            self.server = socket.create_connection(self.proxy.upstream, timeout=10)
            for end in (self.client, self.server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            up, down = Stream(self.on_request, self.on_request_body), Stream(self.on_answer, lambda count: None)
            ways = {self.client: (self.server, up), self.server: (self.client, down)}
            while not self.proxy.ending:
                for end in select.select(list(ways), [], [], 0.2)[0]:
                    data = end.recv(PIECE)
                    if not data:
                        return self.close()
                    to, stream = ways[end]
                    stream.feed(data)
                    to.sendall(data)
        return self.close()

    def close(self):
        for end in (self.client, self.server):
            if end:
                end.close()


class CuttingProxy:
    def __init__(self, listen, upstream, see):
        self.upstream, self.see, self.ending = upstream, see, False
        self.socket = socket.create_server(listen, backlog=256)
        self.socket.settimeout(0.2)
        self.threads = [threading.Thread(target=self.accept)]
        self.threads[0].start()

    def accept(self):
        while not self.ending:
            try:
                client, _ = self.socket.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            client.settimeout(20)
            thread = threading.Thread(target=Passage(self, client).run)
            thread.start()
            self.threads = [t for t in self.threads if t.is_alive()] + [thread]

    def stop(self):
        self.ending = True
        self.threads[0].join()
        for thread in self.threads[1:]:
            thread.join()
        self.socket.close()
