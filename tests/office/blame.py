"""Who is blamed for what, drawn by the seed: origins that are not constant, roll-outs, one liar and two, over several unrelated
HTTPS origins. No honest member is shunned by another for longer than the rule says (docs/decisions/0024-blame.md), the liars' word
counts no more, no wrong byte is handed over, and what is not contradicted is shared as ever. The note says what it cost."""

import base64
import contextlib
import hashlib
import random
import subprocess
import time

import lab_net
from lab_office import Office
from lab_origin import Edition, EditionResource
from larder_lab import KIB, MIB, expect, expect_equal, http_date, seeded_bytes, wait_until
from poison import Evil, doubted_by

HONEST = 4
ORIGINS = 4          # of which the last is left alone: what it has is shared in the end
LONGEST = 72 * 3600  # seconds: no shunning is longer
BY_ONE = 8           # versions that one member's statements can condemn in an hour
SITES = "203.0.113."  # one address each, beside the internet's own


class Web:
    """Unrelated HTTPS origins, of one certificate authority that the agents are configured to trust."""

    def __init__(self, lab, office, authority, count):
        self.office, self.resources = office, {}
        if office.loopback:
            addresses = [f"{office.network}{200 + i}" for i in range(count)]
        else:
            addresses = [f"{SITES}{i + 1}" for i in range(count)]
            for address in addresses:
                lab_net.ip("-n", office.net.internet.namespace, "addr", "add", f"{address}/32", "dev", "eth0")
            lab_net.ip("-n", office.net.switch, "route", "add", f"{SITES}0/24", "via", lab_net.INTERNET)
        key = authority.with_suffix(".key")
        names = ",".join(f"IP:{address}" for address in addresses)
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days",
                        "30", "-keyout", key, "-out", authority, "-subj", "/CN=web", "-addext", f"subjectAltName={names}"],
                       check=True, capture_output=True)
        place = office.net.internet if office.net else None
        self.origins = []
        for address in addresses:
            def make(address=address):
                return lab.new_origin(address=address, tls=(authority, key))
            self.origins.append(place.enter(make) if place else make())

    def publish(self, number, path, seed, size, editions, with_digest):
        """A file of which there are several contents under one ETag, date and size; `give` says which comes next."""
        modified = http_date(int(time.time()) - 3600)
        made = []
        for edition in range(editions):
            data = seeded_bytes(f"{seed} {edition}", size)
            digest = base64.b64encode(hashlib.sha256(data).digest()).decode()
            headers = (("Repr-Digest", f"sha-256=:{digest}:"),) if with_digest else ()
            made.append(Edition(data, f'"{hashlib.sha256(seed.encode()).hexdigest()[:16]}"', modified, headers))
        resource = EditionResource(made)
        url = self.origins[number].serve(path, resource)
        self.resources[url] = resource
        (self.office.root / path.lstrip("/")).write_bytes(made[0].data)  # for the liars, who make their own of it
        return url

    def give(self, url, edition):
        self.resources[url].current = edition

    def sent(self):
        return sum(exchange.sent for origin in self.origins for exchange in origin.log)

    def liar(self, host, url, seed):
        edition = self.resources[url].editions[0]
        return Evil(self.office, host, url, "wrong_roots", seed, "--etag", edition.etag, "--last-modified",
                    edition.last_modified, "--https")


class Draw:
    KINDS = ("framed", "roll_out", "one_liar", "two_liars", "liar_and_roll_out")

    def __init__(self, seed):
        self.rng = random.Random(f"blame {seed}")
        self.kind = self.KINDS[seed % len(self.KINDS)]
        self.liars = {"one_liar": 1, "two_liars": 2, "liar_and_roll_out": 1}.get(self.kind, 0)
        self.editions = 1 if self.kind in ("one_liar", "two_liars") else self.rng.choice([2, 3])
        # Who is told a liar's content first, by nobody else, finds it out by the digest alone.
        self.with_digest = self.kind != "roll_out" or self.rng.random() < 0.7
        self.files = 2 if self.kind == "framed" else self.rng.choice([1, 2])  # at each origin
        self.size = self.rng.choice([self.rng.randrange(40 * KIB, 60 * KIB), self.rng.randrange(200 * KIB, 900 * KIB),
                                     self.rng.randrange(MIB, 3 * MIB)])


def one_of(web, url, host, job):
    """What a host was given is one whole content of those that the origin published."""
    got = host.api.content_sha256(job)
    wanted = [edition.sha256 for edition in web.resources[url].editions]
    expect(got in wanted, f"{host.name} was given what {url} never published: {got}")


def fetch(web, host, url):
    job_id = host.submit(url)
    job = host.api.wait(job_id, timeout=60)
    expect_equal(job["state"], "transferred", f"state on {host.name} ({job['error']})")
    one_of(web, url, host, job_id)
    host.api.act(job_id, "complete")
    return job["figures"]


def fetch_in_turn(draw, web, hosts, url, number):
    """Each host once; of an origin that is not constant the first may be given something else than the rest, or each
    another by turns."""
    editions = len(web.resources[url].editions)
    framed = hosts[number % len(hosts)]
    first = [framed, *(host for host in draw.rng.sample(hosts, len(hosts)) if host is not framed)]
    for turn, host in enumerate(first):
        if draw.kind == "framed":
            web.give(url, 0 if host is framed else 1)
        else:
            web.give(url, turn % editions)
        fetch(web, host, url)


def judge_honest(draw, hosts, ids):
    """Nobody honest is shunned for what origins did; and whatever ends, ends within the rule's time."""
    now = time.time()
    for host in hosts:
        for peer in host.peers()["peers"]:
            if not peer["shunned"]:
                continue
            until = peer["shunned_until"]
            expect(until is not None, f"{host.name} shuns {peer['id'][:8]} for good: {peer['shunned']}")
            ends = time.mktime(time.strptime(until[:19], "%Y-%m-%dT%H:%M:%S")) - time.timezone
            expect(ends - now <= LONGEST + 60, f"{host.name} shuns {peer['id'][:8]} until {until}")
            expect(peer["id"] not in ids, f"{host.name} shuns an honest member, {peer['id'][:8]}: {peer['shunned']} ({draw.kind})")


def heard_since(host, moment):
    """Members that spoke since then: one that was started anew is asked for nothing before."""
    ago = time.monotonic() - moment
    return {peer["id"] for peer in host.peers()["peers"] if peer["last_heard_s"] is not None and peer["last_heard_s"] < ago}


def lie_in_turn(draw, web, office, liars, urls):
    """The liars attest something else of each URL before an honest host has it, or after. Who found them out."""
    found = set()
    honest = office.hosts[:HONEST]
    ids = [liar.kept_id for liar in liars]
    for number, url in enumerate(urls):
        knows_first = draw.rng.random() < 0.5
        if knows_first:
            fetch(web, honest[number % HONEST], url)
        began = time.monotonic()  # nothing of the liars runs now
        with contextlib.ExitStack() as stack:
            evils = [stack.enter_context(web.liar(liar, url, draw.rng.randrange(1000))) for liar in liars]
            for host in honest:
                wait_until(lambda host=host: set(ids) <= heard_since(host, began), 20, f"{host.name} to hear the liars", 0.02)
            for host in honest[number % HONEST:] + honest[:number % HONEST]:
                web.give(url, draw.rng.randrange(len(web.resources[url].editions)))
                fetch(web, host, url)
            expect(number or sum(evil.asked("/versions/") for evil in evils), "the liars were never asked: nothing is proven")
        found |= set().union(*(doubted_by(host) for host in honest)) & set(ids)
    return found


def share_what_is_left(draw, web, hosts):
    """What nobody contradicts is shared as ever, at an origin that nobody lied about. Where origins were not constant a host may
    still doubt an honest one, for an hour at most. How many shared it."""
    url = web.publish(ORIGINS - 1, "/calm", f"calm {draw.rng.random()}", draw.size, 1, False)
    first, *rest = hosts
    fetch(web, first, url)
    shared = doubting = 0
    for host in rest:
        figures = fetch(web, host, url)
        doubting += first.kept_id in doubted_by(host)
        shared += figures["peers"] == draw.size
    expect(not doubting or draw.editions > 1, f"{doubting} doubt an honest member, and no origin was inconstant")
    # A machine that is busy otherwise may let one of them go to the origin.
    expect(shared + doubting >= len(rest) - 1, f"{shared} of {len(rest)} got it from peers, {doubting} doubt who has it")
    return shared


def run(seed, lab):
    draw = Draw(seed)
    authority = lab.folder("tls") / "web.pem"
    with Office(lab, hosts=HONEST + draw.liars, start=False, origin={"ca_file": str(authority)}) as office:
        web = Web(lab, office, authority, ORIGINS)
        for host in office.hosts:
            host.agent.start()
        office.make_group()
        honest, liars = office.hosts[:HONEST], office.hosts[HONEST:]
        for host in office.hosts:
            host.kept_id = host.id
        ids = {host.kept_id for host in honest}
        urls = [web.publish(number, f"/{number}-{file}", f"{seed} {number} {file}", draw.size, draw.editions, draw.with_digest)
                for file in range(draw.files) for number in range(ORIGINS - 1)]
        found = set()
        if liars:
            found = lie_in_turn(draw, web, office, liars, urls)
            if draw.editions == 1:
                expect_equal(found, {liar.kept_id for liar in liars}, "whose word counts no more with somebody")
        else:
            for number, url in enumerate(urls):
                fetch_in_turn(draw, web, honest, url, number)
        judge_honest(draw, honest, ids)
        copies = web.sent() / (draw.size * len(urls))
        condemned = max(host.peers()["condemned_versions"] for host in honest)
        expect(condemned <= min(len(urls), BY_ONE * max(1, draw.liars) + len(urls) * (draw.editions > 1)),
               f"{condemned} versions are condemned of {len(urls)}")
        shared = share_what_is_left(draw, web, honest)
        for host in honest:
            good, report = host.agent.check_cache()
            expect(good, f"larder_cache_check on {host.name}: {report[-800:]}")
        return (f"{draw.kind}: {len(found)} of {len(liars)} liars found, {condemned / len(urls):.2f} of the versions condemned, "
                f"{copies:.2f} copies from the origins, the rest shared with {shared} of {HONEST - 1}; {office.form}")
