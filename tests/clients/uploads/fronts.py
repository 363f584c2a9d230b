"""nginx, with and without buffering of requests, and HAProxy in front of larder-inbox: curl, tus-js-client, tuspy and BITS come
through them. The line breaks between client and proxy, where nginx that buffers tells the server nothing, and between proxy and
server, where the client hears 502."""

import bits
import curl
import tus_js
import tuspy
from cutting_proxy import CuttingProxy
from lab_inbox import Sent, lab_inbox
from lab_servers import HaProxy, find_program, passing_nginx
from larder_lab import MIB, Skip, expect, expect_equal, seeded_bytes, wait_until

FRONTS = {
    "nginx_buffers": lambda folder, address, port: passing_nginx(folder, f"{address}:{port}", True),
    "nginx_streams": lambda folder, address, port: passing_nginx(folder, f"{address}:{port}", False),
    "haproxy": lambda folder, address, port: HaProxy(folder, [(address, port)]),
}
RETRY = ["--retry", "5", "--retry-delay", "1", "--retry-all-errors"]


class Way:
    """client – relay – front – relay – server."""

    def __init__(self, lab, front):
        if not find_program(front.partition("_")[0]):
            raise Skip(f"there is no {front.partition('_')[0]}")
        self.inbox = lab_inbox(lab)
        self.behind = CuttingProxy(self.inbox.port)
        self.front = lab.server(FRONTS[front](lab.folder("front"), self.behind.address, self.behind.port))
        self.before = CuttingProxy(self.front.port)
        lab.undo += [lambda: self.before.__exit__(), lambda: self.behind.__exit__()]

    def expect_done(self):
        self.before.expect_done()
        self.behind.expect_done()


def by_curl(lab, front):
    way, sent = Way(lab, front), []
    for size in (0, 1, 5 * MIB):
        file, data = curl.file_of(lab, size)
        curl.taken(curl.curl(file, way.before.url(curl.path(f"t{size}"))))
        sent.append(Sent(f"t{size}", curl.NAME, data))
    data = seeded_bytes(7, 2 * MIB + 1)
    curl.taken(curl.curl("-", way.before.url(curl.path("pipe")), stdin=data))
    sent.append(Sent("pipe", curl.NAME, data))
    file, data = curl.file_of(lab, 8 * MIB, seed=2)
    way.before.cut(3 * MIB)
    way.behind.cut(4 * MIB)
    curl.taken(curl.curl(file, way.before.url(curl.path("broken")), *RETRY))
    other, _ = curl.file_of(lab, 8 * MIB, seed=3)
    expect_equal(curl.curl(other, way.before.url(curl.path("broken"))).status, 409, "another file under the URL")
    way.behind.lose_answer(b"PUT /in/")
    file, lost = curl.file_of(lab, 30_000, seed=4)
    curl.taken(curl.curl(file, way.before.url(curl.path("lost")), *RETRY))
    way.expect_done()
    way.inbox.check([*sent, Sent("broken", curl.NAME, data), Sent("lost", curl.NAME, lost)])


def by_tus_js(lab, front):
    way, client = Way(lab, front), tus_js.TusJs(lab)
    way.before.cut(8 * MIB)
    way.behind.cut(14 * MIB)
    way.behind.lose_answer(b"PATCH /up/")
    big = client.source("big", 20 * MIB, part=3 * MIB, transaction="big")
    client.run(way.before, big)
    one = client.source("one", 9 * MIB, seed=2, transaction="one")
    empty = client.source("empty", 0, transaction="empty")
    client.run(way.before, one, empty)
    gone = client.source("gone", 9 * MIB, part=3 * MIB, transaction="gone")
    client.run(way.before, gone, abortAt=3 * MIB)
    way.expect_done()
    way.inbox.check([Sent(name, name, f["path"]) for name, f in (("big", big), ("one", one), ("empty", empty))])


def by_tuspy(lab, front):
    if tuspy.MISSING:
        raise Skip(tuspy.MISSING)
    way = Way(lab, front)
    client = tuspy.Client(lab, way.before)
    file = client.file("f", 20 * MIB)
    way.before.cut(6 * MIB)
    way.behind.cut(13 * MIB)
    tuspy.upload(client.uploader(file, "t", retries=4))
    empty = client.file("empty", 0)
    tuspy.upload(client.uploader(empty, "e"))
    way.expect_done()
    way.inbox.check([Sent("t", file.name, file), Sent("e", empty.name, empty)])


def by_bits(lab, front):
    way, data = Way(lab, front), seeded_bytes(1, 9 * MIB)
    way.before.cut(2 * MIB)
    way.behind.cut(4 * MIB)
    way.behind.lose_answer(b"Content-Range: bytes 8388608-")
    way.before.lose_answer(b"BITS-Packet-Type: Close-Session")
    upload = bits.begin(way.before, data).run()
    way.expect_done()
    expect_equal(len(upload.sent("Create-Session")), 1, "sessions")
    way.inbox.check([Sent("t", bits.NAME, data)])


def when_it_comes(lab, front):
    """Whether the server has the first bytes while the rest has not come: buffering would hide that, and every resumption
    would begin at nothing. The line ends in the middle of a request without its part being whole."""
    way, client = Way(lab, front), tus_js.TusJs(lab)
    before = []

    def look():
        if front != "nginx_buffers":
            wait_until(lambda: sum(way.inbox.stored()[0].values()) > MIB, 20, "bytes at the server")
        before.append(sum(way.inbox.stored()[0].values()))

    way.before.cut(6 * MIB, then=look)
    file = client.source("f", 9 * MIB, transaction="t")
    client.run(way.before, file)
    way.expect_done()
    expect((before[0] == 0) == (front == "nginx_buffers"), f"the server had {before[0]} bytes of the 6 MiB that had been sent")
    way.inbox.check([Sent("t", "f", file["path"])])


WAYS = (by_curl, by_tus_js, by_tuspy, by_bits, when_it_comes)
CASES = {f"{front}.{way.__name__}": (way, front) for front in FRONTS for way in WAYS}


def run(_seed, lab, case):
    way, front = CASES[case]
    way(lab, front)
