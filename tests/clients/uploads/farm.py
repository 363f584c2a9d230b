"""Two larder-inboxes that share nothing, behind one address (HAProxy), as a farm of BITS servers is: a session lies on one node.

What is asked of them is what BITS promises: without a host id the other node means from zero; with it the client waits for its
node for the fall-back time, and goes on there if it comes back. After the fall-back it is at the other node, from zero, and
where the first node had the whole file already, the applications see one transaction id twice. A ledger that the nodes share
would end that; these do not have one. Both nodes hand over to one application.
"""

from bits_client import SESSION_NOT_FOUND, BitsUpload
from cutting_proxy import CuttingProxy
from lab_inbox import INBOX, Application, Sent, account, lab_inbox
from lab_servers import HaProxy, find_program, free_port_of
from larder_lab import MIB, Skip, expect, expect_equal, seeded_bytes

SHARED, FIRST, SECOND = "127.0.77.1", "127.0.77.2", "127.0.77.3"
NAME, SIZE, HALF = "a.bin", 6 * MIB, 3 * MIB
FALLBACK = 2.0  # seconds
NEVER_REACHED = 600.0


class Farm:
    """HAProxy at `SHARED`, the node that is asked first at `FIRST`, and one for when that is away at `SECOND`: all at one port,
    since a host id changes the host alone. What a pinned client says goes to its node without HAProxy."""

    def __init__(self, lab, fallback=None):
        if not find_program("haproxy"):
            raise Skip("there is no haproxy (apt install haproxy)")
        self.port = free_port_of(SHARED, FIRST, SECOND)
        self.application = Application(lab.folder("application"))
        self.nodes = []
        for name, address in (("first", FIRST), ("second", SECOND)):
            pinned = {"bits_host_id": address, "bits_fallback": f"{int(fallback)}s"} if fallback else {}
            self.nodes.append(lab_inbox(lab, name, address=address, port=self.port, application=self.application, server=pinned))
        self.first, self.second = self.nodes
        lab.server(HaProxy(lab.folder("haproxy"), [(FIRST, self.port), (SECOND, self.port)], SHARED, self.port))

    def upload(self, data, shared=None):
        """By the shared address, or by what stands before it."""
        return BitsUpload(shared or (SHARED, self.port), f"/in/{INBOX}/t/{NAME}", data, fragment=MIB)

    def check(self, data, times, unfinished=(0, 0)):
        """The application got the file of transaction t so many times; the ledgers are in order."""
        for node in self.nodes:
            if not node.process:
                node.start()
        per_node = [sum(row["state"] not in ("receiving", "cancelled") for row in node.rows()) for node in self.nodes]
        expect_equal(sum(per_node), times, f"whole files of the nodes {per_node}")
        self.application.take(times)
        for node in self.nodes:
            node.settle(0)
            node.end_well()
        ids = {row["id"]: row for node in self.nodes for row in node.rows()}
        account([Sent("t", NAME, data)] * times,
                [(ids[d.id]["request_key"], d.name, d.size, d.sha256) for d in self.application.took])
        for node, open_uploads in zip(self.nodes, unfinished, strict=True):
            node.check_files({row["id"]: row for row in node.rows()}, open_uploads)


def hosts(upload, kind, status=200):
    """Where the packets of a type went that were answered in this way, each host once, in the order of the first."""
    return list(dict.fromkeys(p.host for p in upload.log if p.type == kind and p.status == status))


def without_host_id(lab):
    """The node is lost in the middle; the other one does not know the session, and gets the file from zero."""
    farm, data = Farm(lab), seeded_bytes(1, SIZE)
    upload = farm.upload(data).run(until=lambda u: u.offset >= HALF)
    expect_equal(len(farm.first.rows()), 1, "uploads at the first node")
    farm.first.kill()
    upload.run()
    lost = [p for p in upload.log if p.error == SESSION_NOT_FOUND]
    expect_equal((len(lost), len(upload.sent("Create-Session"))), (1, 2), "a session that was lost, and sessions")
    begun = [p for p in upload.sent("Fragment") if p.status == 416]
    expect_equal([p.received for p in begun], ["0"], "where the other node begins")
    # The half that the first node has stays there until it expires.
    farm.check(data, times=1, unfinished=(1, 0))


def back_in_time(lab):
    """Pinned, and the node comes back before the fall-back: the session goes on there, where it was."""
    farm, data = Farm(lab, fallback=NEVER_REACHED), seeded_bytes(1, SIZE)
    upload = farm.upload(data).run(until=lambda u: u.offset >= HALF)
    farm.first.kill()
    upload.run(until=lambda u: sum(p.status is None for p in u.log) >= 10)
    expect_equal((upload.host, upload.offset), (FIRST, HALF), "while its node is away")
    farm.first.start()
    upload.run()
    expect_equal((len(upload.sent("Create-Session")), hosts(upload, "Fragment")), (1, [FIRST]), "sessions, and where fragments went")
    expect_equal(sum(p.status == 200 for p in upload.sent("Fragment")), SIZE // MIB, "fragments: none was sent twice")
    farm.check(data, times=1)
    expect_equal(farm.second.rows(), [], "what the second node knows of")


def away_too_long(lab):
    """Pinned, and the node does not come back: the shared address, with the old session, which the other node does not know."""
    farm, data = Farm(lab, fallback=FALLBACK), seeded_bytes(1, SIZE)
    upload = farm.upload(data).run(until=lambda u: u.offset >= HALF)
    farm.first.kill()
    upload.run()
    # The creations went to the shared address; the fragments to the node of each session.
    expect_equal((hosts(upload, "Create-Session"), hosts(upload, "Fragment")), ([SHARED], [FIRST, SECOND]), "where packets went")
    expect_equal([p.host for p in upload.log if p.error == SESSION_NOT_FOUND], [SHARED], "where the session was not known")
    farm.check(data, times=1, unfinished=(1, 0))


def twice(lab):
    """The node has all of it and the answer to the last fragment is lost with the node, for longer than the fall-back: the other
    one gets the file from zero, and the application sees the transaction id twice. It is the id by which it can tell."""
    farm, data = Farm(lab, fallback=FALLBACK), seeded_bytes(1, SIZE)
    upload = farm.upload(data).run(until=lambda u: u.offset == SIZE - MIB)
    # The answer to this one does not arrive.
    expect_equal(upload.packet("Fragment").status, 200, "the last fragment")
    farm.first.kill()
    upload.run()
    expect_equal(hosts(upload, "Fragment"), [FIRST, SECOND], "where fragments went")
    farm.check(data, times=2)


def twice_without_host_id(lab):
    """The same without a host id: the client is at the other node at once."""
    farm, data = Farm(lab), seeded_bytes(1, SIZE)
    with CuttingProxy(farm.port, SHARED) as proxy:
        upload = farm.upload(data, (proxy.address, proxy.port)).run(until=lambda u: u.offset == SIZE - MIB)
        proxy.lose_answer(b"Content-Range: bytes 5242880-")
        upload.run(until=lambda u: u.state == "ping")
        proxy.expect_done()
        farm.first.kill()
        upload.run()
    farm.check(data, times=2)


def lost_close(lab):
    """All is there, and the node goes before Close. Back in time, Close is answered there: once."""
    farm, data = Farm(lab, fallback=NEVER_REACHED), seeded_bytes(1, SIZE)
    upload = farm.upload(data).run(until=lambda u: u.state == "close")
    farm.first.kill()
    upload.run(until=lambda u: sum(p.status is None for p in u.log) >= 3)
    farm.first.start()
    upload.run()
    expect_equal(hosts(upload, "Close-Session"), [FIRST], "where Close went")
    farm.check(data, times=1)


def back_after_the_fallback(lab):
    """The first node comes back when the client has begun at the other one: its half is nobody's, and the client stays."""
    farm, data = Farm(lab, fallback=FALLBACK), seeded_bytes(1, SIZE)
    upload = farm.upload(data).run(until=lambda u: u.offset >= HALF)
    farm.first.kill()
    upload.run(until=lambda u: u.host == SECOND and u.state == "fragment" and u.offset == MIB)
    farm.first.start()
    upload.run()
    expect(SHARED not in hosts(upload, "Fragment"), "a pinned client asked the shared address")
    farm.check(data, times=1, unfinished=(1, 0))


CASES = {f.__name__: f for f in (without_host_id, back_in_time, away_too_long, twice, twice_without_host_id, lost_close,
                                 back_after_the_fallback)}


def run(_seed, lab, case):
    CASES[case](lab)
