"""Hosts without the group's certificate, and a member that was revoked: they learn nothing, get no byte and no answer to
a datagram, and slow the office by less than 5 %."""

import random
import statistics
import time

from lab_office import CATALOGUE_PORT, SWARM_PORT, Office
from larder_lab import MIB, expect, expect_equal, wait_until
from stranger_host import Stranger

SLOWED = 1.05
HEARD_WITHIN = 1.5  # seconds until all refuse a revoked member, with the time to ask them
REQUESTS = [b"GET /v1/peers HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /v1/group HTTP/1.1\r\nHost: x\r\n\r\n",
            b"POST /v1/enrol HTTP/1.1\r\nHost: x\r\nContent-Length: 64\r\n\r\n" + bytes(64)]
BITTORRENT = b"\x13BitTorrent protocol" + bytes([0, 0, 0, 0, 0, 16, 0, 0x10])


def office_with_content(lab, rng, size=8 * MIB, **options):
    office = Office(lab, hosts=2, wan_mbit=400, **options)
    return office, size, f"stranger {rng.random()}"


def unanswered(rng, lab):
    """Datagrams of a stranger, noise and replayed ones, get no answer; what everybody can hear tells nothing."""
    office, size, seed = office_with_content(lab, rng)
    with office:
        stranger = Stranger(lab, office)
        heard = []
        if not office.loopback:
            with stranger.listen_to_multicast() as ear:
                office.make_group(name="hush-hush-office")
                url = office.publish("/confidential-name", seed, size)
                office.hosts[0].fetch(url)
                office.hosts[1].fetch(url)
                heard = stranger.drain(ear, 3)
            expect(heard, "nothing was heard on the multicast address: nothing is proven")
            for plain in (b"confidential", b"hush-hush", office.origin.address.encode(), *(h.name.encode() for h in office.hosts),
                          *(bytes.fromhex(h.id) for h in office.hosts)):
                expect(not any(plain in datagram for datagram in heard), f"{plain!r} can be read by anybody")
        else:
            office.make_group()
        with stranger.datagram_socket(CATALOGUE_PORT) as sock:
            for _ in range(400):
                sock.sendto(stranger.made_up(rng, heard), (rng.choice(office.hosts).address, CATALOGUE_PORT))
            answers = stranger.drain(sock, 2)
        expect_equal(len(answers), 0, "datagrams that answered a stranger")
        for host in office.hosts:
            expect_equal(len(host.known()), 1, f"peers that {host.name} knows after it")
        return f"{len(heard)} datagrams heard, 400 sent, none answered; {office.form}"


# What a machine that may be about to join is told, where an invitation is open, of anything but enrolment.
NOTHING_HERE = b"HTTP/1.1 403 "


def tells_nothing(got, host, port, certificate, office):
    """No byte; or, from the one that invited and without a certificate, a refusal without a body."""
    if not got:
        return True
    may_enrol = host is office.hosts[0] and port == CATALOGUE_PORT and not certificate
    head, _, body = got.partition(b"\r\n\r\n")
    return may_enrol and head.startswith((NOTHING_HERE, b"HTTP/1.1 400 ")) and not body


def refused_connections(rng, lab):
    """Without a certificate, with one of its own, without TLS: no byte of an answer from catalogue and swarm."""
    office, size, seed = office_with_content(lab, rng)
    with office:
        office.make_group()
        url = office.publish("/f", seed, size)
        office.hosts[0].fetch(url)
        office.hosts[1].fetch(url)  # so that its torrent is open on the first
        stranger = Stranger(lab, office)
        own = stranger.own_certificate()
        tried = 0
        for host in office.hosts:
            for port in (CATALOGUE_PORT, SWARM_PORT):
                for request in [*REQUESTS, BITTORRENT + rng.randbytes(40)]:
                    for certificate in (None, own):
                        got, ended = stranger.ask(host.address, port, request, certificate, rng.randbytes(20).hex())
                        expect(tells_nothing(got, host, port, certificate, office), f"{got[:200]!r} came back from {port} of {host.name} ({ended})")
                        tried += 1
                    got, ended = stranger.ask_plainly(host.address, port, request)
                    # A TLS alert (type 21) is no answer to what was asked.
                    expect(not got or got[0] == 21, f"{got[:200]!r} came back without TLS from {port} of {host.name} ({ended})")
                    tried += 1
        return f"{tried} connections, no byte; {office.form}"


def seconds_to_fetch(host, url):
    """From a peer, with an empty cache."""
    host.forget()
    started = time.monotonic()
    job_id = host.submit(url)
    job = host.api.wait(job_id, timeout=120)
    seconds = time.monotonic() - started
    expect_equal(job["state"], "transferred", "state")
    # A machine that is busy otherwise may let a segment go to the origin.
    expect(job["figures"]["peers"] >= job["size"] * 3 / 4, f"bytes from peers: {job['figures']}")
    host.api.act(job_id, "complete")
    return seconds


def slowed(lab, rng, attack, rounds=5):
    """Median seconds of a download from a peer with and without the attack, in turn, as a ratio."""
    office, size, seed = office_with_content(lab, rng, 128 * MIB, lan_mbit=400)
    with office:
        office.make_group()
        url = office.publish("/f", seed, size)
        office.hosts[0].fetch(url)
        stranger = Stranger(lab, office)
        heard = []
        if not office.loopback:
            with stranger.listen_to_multicast() as ear:
                heard = stranger.drain(ear, 12, enough=8)
        seconds_to_fetch(office.hosts[1], url)  # both are warm
        calm, attacked = [], []
        for number in range(rounds):
            calm.append(seconds_to_fetch(office.hosts[1], url))
            attacked.append(attack(office, stranger, heard, number, lambda: seconds_to_fetch(office.hosts[1], url)))
        ratio = statistics.median(attacked) / statistics.median(calm)
        expect(ratio <= SLOWED, f"slowed to {ratio:.3f} of {statistics.median(calm):.2f} s "
                                f"(calm {calm}, attacked {attacked})")
        return f"{attack.__name__}: {ratio:.2f} of the time; {office.form}"


def ten_thousand_datagrams(office, stranger, heard, number, fetch):
    thread = stranger.flood_datagrams([h.address for h in office.hosts], 10_000, heard, number, 2.0)
    try:
        return fetch()
    finally:
        thread.join()


def five_hundred_half_open(office, stranger, heard, number, fetch):
    with stranger.half_open([h.address for h in office.hosts], 500):
        return fetch()


def flood_of_datagrams(rng, lab):
    return slowed(lab, rng, ten_thousand_datagrams)


def flood_of_handshakes(rng, lab):
    return slowed(lab, rng, five_hundred_half_open)


def revoked(rng, lab):
    """A revoked member gets nothing more from anybody, nobody takes anything from it, and the others share on."""
    with Office(lab, hosts=3, wan_mbit=200) as office:
        office.make_group()
        first, second, gone = office.hosts
        size = rng.randrange(5 * MIB, 12 * MIB)
        before = office.publish("/before", f"before {rng.random()}", size)
        first.fetch(before)
        expect_equal(gone.fetch(before)["figures"]["peers"], size, "bytes from peers before the revocation")
        gone_id, keep = gone.id, [first.id, second.id]
        first.agent.larder("group", "revoke", gone_id, check=True)
        began = time.monotonic()
        for host in (first, second):
            wait_until(lambda host=host: gone_id not in host.known(), 15, f"{host.name} to forget the revoked one", 0.05)
        heard = time.monotonic() - began
        expect(heard <= HEARD_WITHIN, f"the group refused the revoked one only after {heard:.2f} s")
        after = office.publish("/after", f"after {rng.random()}", size)
        first.fetch(after)
        expect_equal(gone.fetch(after)["figures"]["peers"], 0, "bytes that a revoked member got from peers")
        mine = office.publish("/mine", f"mine {rng.random()}", size)
        gone.fetch(mine)
        expect_equal(second.fetch(mine)["figures"]["peers"], 0, "bytes that were taken from a revoked member")
        expect_equal(second.fetch(after)["figures"]["peers"], size, "bytes from the peer that stayed")
        expect_equal(first.known(), keep[1:], "peers that the first knows")
        first.agent.restart()
        expect_equal(gone.id, gone_id, "agent id of the revoked one")
        office.wait_acquainted([first, second])
        expect(gone_id not in first.known(), "the revoked one is known again after a restart")
        return f"revoked, refused by all after {heard:.2f} s; {office.form}"


CASES = {function.__name__: function for function in (
    unanswered, refused_connections, flood_of_datagrams, flood_of_handshakes, revoked)}


def run(seed, lab, name):
    return CASES[name](random.Random(f"strangers {name} {seed}"), lab)
