"""BITS uploads, by a client that does what MC-BUP says (tests/support/bits_client.py), since Windows' own is not here."""

from bits_client import SESSION_NOT_FOUND, BitsFailed, BitsUpload
from cutting_proxy import CuttingProxy
from lab_inbox import INBOX, Sent, lab_inbox
from larder_lab import MIB, expect, expect_equal, seeded_bytes

NAME = "a.bin"


def begin(server, data, transaction="t", **options):
    return BitsUpload((server.address, server.port), f"/in/{INBOX}/{transaction}/{NAME}", data, **options)


def whole(lab):
    """One fragment, several, one of each length of a byte, and the verb in a field where the way blocks it."""
    inbox, sent = lab_inbox(lab), []
    for number, (size, options) in enumerate([(1, {}), (3 * MIB, {}), (5 * MIB + 1, {}), (40, {"fragment": 1}),
                                              (20 * MIB, {"fragment": 8 * MIB}), (MIB, {"method": "POST"})]):
        upload = begin(inbox, seeded_bytes(number, size), f"t{number}", **options).run()
        expect_equal(len(upload.sent("Fragment")), -(-size // options.get("fragment", MIB)), "fragments")
        sent.append(Sent(f"t{number}", NAME, upload.data))
    inbox.check(sent)


def empty_files(lab):
    """Create and Close without a byte: a file where the inbox says so, nothing where it does not."""
    for taken in ("on", "off"):
        inbox = lab_inbox(lab, f"inbox-{taken}", inbox={"empty_bits": taken})
        begin(inbox, b"").run()
        inbox.check([Sent("t", NAME, b"")] if taken == "on" else [])


def cut(lab):
    """The line breaks within fragments. The client asks by a Ping, sends the fragment again, and hears what is next."""
    inbox, data = lab_inbox(lab), seeded_bytes(1, 20 * MIB)
    with CuttingProxy(inbox.port) as proxy:
        for number in range(5):
            proxy.cut(3 * MIB + 12345 * number, reset=number % 2 == 1)
        upload = begin(proxy, data, fragment=2 * MIB).run()
        proxy.expect_done()
        expect_equal(len(upload.sent("Create-Session")), 1, "sessions")
        expect(len(upload.sent("Ping")) >= 5, "no Ping after a line that broke")
    inbox.check([Sent("t", NAME, data)])


def overlap(lab):
    """Of a part that begins before the offset, what is known is not written again; a gap is told with what is next."""
    inbox, data = lab_inbox(lab), seeded_bytes(1, 1000)
    upload = begin(inbox, data).run(until=lambda u: u.state == "fragment")

    def fragment(first, last, status, received, **options):
        answer = upload.packet("Fragment", first, last, **options)
        expect_equal((answer.status, upload.log[-1].received), (status, received), f"the answer to {first}-{last}")
        return answer

    fragment(0, 99, 200, "100")
    # What it has is not replaced, even where the client sends something else there.
    right, upload.data = upload.data, b"x" * 100 + data[100:]
    fragment(50, 149, 200, "150")
    upload.data = right
    gap = fragment(151, 199, 416, "150")
    expect(not gap.getheader("BITS-Error-Code"), "416 says it all: an error code in it fails some clients")
    fragment(20, 149, 200, "150")
    fragment(0, 9, 200, "150")
    answer = fragment(150, 199, 400, "150", total=1001)
    expect_equal(int(answer.getheader("BITS-Error-Code"), 16), 0x80070057, "the error of another total")
    upload.offset = 700  # as if it thought so
    upload.run()
    inbox.check([Sent("t", NAME, data)])


def _lost(lab, pattern, sessions=1, times=1):
    inbox, data = lab_inbox(lab), seeded_bytes(1, 3 * MIB)
    with CuttingProxy(inbox.port) as proxy:
        proxy.lose_answer(pattern, times)
        upload = begin(proxy, data).run()
        proxy.expect_done()
        expect_equal(len(upload.sent("Create-Session")), sessions, "sessions that the client knows of")
    inbox.check([Sent("t", NAME, data)])


def lost_create(lab):
    """The session that nobody knows of is the one of the next creation, as the URL names the transaction: no orphan."""
    _lost(lab, b"BITS-Packet-Type: Create-Session", times=2)


def lost_fragment(lab):
    _lost(lab, b"Content-Range: bytes 0-")


def lost_middle_fragment(lab):
    _lost(lab, b"Content-Range: bytes 1048576-", times=2)


def lost_last_fragment(lab):
    """All bytes are there and the client does not know: the fragment comes again, and counts once."""
    _lost(lab, b"Content-Range: bytes 2097152-", times=3)


def lost_close(lab):
    """By the text of MC-BUP the file would be sent again."""
    _lost(lab, b"BITS-Packet-Type: Close-Session", times=3)


def lost_ping(lab):
    inbox, data = lab_inbox(lab), seeded_bytes(1, 3 * MIB)
    with CuttingProxy(inbox.port) as proxy:
        proxy.cut(MIB + MIB // 2)
        proxy.lose_answer(b"BITS-Packet-Type: Ping", 2)
        begin(proxy, data).run()
        proxy.expect_done()
    inbox.check([Sent("t", NAME, data)])


def repeated(lab):
    """The last Fragment and Close, again and again: before the application took the file, after, and after a restart. Another
    Create under the URL is refused, as the file is there."""
    inbox, data = lab_inbox(lab), seeded_bytes(1, 3 * MIB)
    upload = begin(inbox, data).run(until=lambda u: u.state == "close")

    def repeat():
        for _ in range(2):
            answer = upload.packet("Fragment", 2 * MIB)
            expect_equal((answer.status, upload.log[-1].received), (200, str(len(data))), "the last Fragment again")
            expect_equal(upload.packet("Close-Session").status, 200, "Close")
        try:
            begin(inbox, data).run()
            raise AssertionError("a file was sent over the one that is there")
        except BitsFailed as refused:
            expect_equal((refused.packet.status, refused.packet.error), (403, 0x80070005), "Create under the same URL")

    repeat()
    inbox.settle(1)
    repeat()
    inbox.kill()
    inbox.start()
    upload.disconnect()
    repeat()
    inbox.check([Sent("t", NAME, data)])


def unknown_session(lab):
    inbox = lab_inbox(lab)
    upload = begin(inbox, seeded_bytes(1, 1000))
    for session in ("{7a4d7f10-6b39-4e49-a4a7-0d2a3c1c0000}", "{" + "a" * 26 + "}", "a"):
        for kind, status, error in (("Fragment", 500, SESSION_NOT_FOUND), ("Close-Session", 500, SESSION_NOT_FOUND),
                                    ("Cancel-Session", 200, 0), ("Ping", 200, 0)):
            expect_equal(upload.packet(kind, session=session).status, status, f"the answer to {kind}")
            expect_equal(upload.log[-1].error, error, f"the error code of {kind}")
    # The client begins a session, at the offset that it had before.
    upload.session, upload.state, upload.offset = "{gone}", "fragment", 500
    upload.run()
    expect_equal([p.status for p in upload.sent("Fragment")[-3:]], [500, 416, 200], "the fragments")
    inbox.check([Sent("t", NAME, upload.data)])


def cancelled(lab):
    """Cancel in the middle, twice; the URL is free again. Close before the end deletes too."""
    inbox, data = lab_inbox(lab), seeded_bytes(1, 4 * MIB)
    for leave in ("Cancel-Session", "Close-Session"):
        upload = begin(inbox, data).run(until=lambda u: u.offset >= 2 * MIB)
        for _ in range(2):
            expect_equal(upload.packet(leave).status, 200, leave)
        expect_equal(inbox.stored(), ({}, {}), f"files after {leave}")
        expect_equal((upload.packet("Fragment").status, upload.log[-1].error), (500, SESSION_NOT_FOUND), "a Fragment behind it")
    with CuttingProxy(inbox.port) as proxy:
        upload = begin(proxy, data).run(until=lambda u: u.offset >= 2 * MIB)
        proxy.lose_answer(b"BITS-Packet-Type: Cancel-Session", 2)
        upload.cancel()
        proxy.expect_done()
    begin(inbox, data).run()
    inbox.check([Sent("t", NAME, data)])


def killed(lab):
    """The server dies by -9 within fragments, and between two of them: the same session goes on."""
    inbox, data = lab_inbox(lab), seeded_bytes(1, 20 * MIB)

    def dies():
        inbox.kill()
        inbox.start()

    with CuttingProxy(inbox.port) as proxy:
        for _ in range(3):
            proxy.cut(5 * MIB, then=dies)
        upload = begin(proxy, data, fragment=2 * MIB).run(until=lambda u: u.offset >= 16 * MIB)
        dies()
        upload.run()
        proxy.expect_done()
        expect_equal(len(upload.sent("Create-Session")), 1, "sessions")
    inbox.check([Sent("t", NAME, data)])


def another_client(lab):
    """A client that forgot its session begins the URL anew in the middle: the bytes of the first one count for nothing."""
    inbox, data, other = lab_inbox(lab), seeded_bytes(1, 4 * MIB), seeded_bytes(2, 3 * MIB)
    first = begin(inbox, data).run(until=lambda u: u.offset >= 2 * MIB)
    begin(inbox, other).run()
    try:
        first.run()
        raise AssertionError("the first client went on")
    except BitsFailed as refused:
        expect_equal((refused.packet.type, refused.packet.status), ("Create-Session", 403), "what the first client hears")
    inbox.check([Sent("t", NAME, other)])


CASES = {f.__name__: f for f in (whole, empty_files, cut, overlap, lost_create, lost_fragment, lost_middle_fragment,
                                 lost_last_fragment, lost_close, lost_ping, repeated, unknown_session, cancelled, killed,
                                 another_client)}


def run(_seed, lab, case):
    CASES[case](lab)
