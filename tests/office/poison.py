"""A member of the group that lies (evil_peer.cpp): nothing wrong is handed over or kept, it is found out, nobody honest is
shunned, and the download takes at most 1.5 times as long as without it. Whose blocks do not match their hashes is shunned for
an hour; whose attestations this agent's own download contradicts is doubted: its word alone counts no more."""

import random
import subprocess
import time

from lab_crowd import Crowd, summary
from lab_office import Office
from larder_lab import KIB, MIB, Skip, expect, expect_equal, http_date, wait_until
from sharing import shunned_by

SLOWED = 1.5
CONDEMNED_WITHIN = 1.0  # seconds after the contradiction


def etag_of(facts):
    """As nginx makes it."""
    return f'"{int(facts.st_mtime):x}-{facts.st_size:x}"'


class Evil:
    """The lying program in the place of a host, with the identity that its larderd got when it joined."""

    def __init__(self, office, host, url, lie, seed, *more):
        program = office.lab.bin_dir / "larder_evil_peer"
        if not program.exists():
            raise Skip(f"{program} is not built")
        path = office.root / url.rsplit("/", 1)[1]
        facts = path.stat()
        command = [*host.place.prefix(), program, "--state", host.agent.state, "--file", path, "--url", url,
                   "--etag", etag_of(facts), "--last-modified", http_date(int(facts.st_mtime)),
                   "--lie", lie, "--seed", str(seed), *more]
        for address in office.peer_config(host.place).get("addresses", []):
            command += ["--address", address]
        if office.loopback:
            command += ["--listen", host.address, "--no-multicast"]
        host.agent.stop()
        self.errors = office.lab.directory / "evil.err"
        self.log = office.lab.directory / "evil.log"
        with open(self.errors, "ab") as errors, open(self.log, "ab") as log:
            self.process = subprocess.Popen([str(c) for c in command], stdin=subprocess.PIPE, stdout=log, stderr=errors)
        wait_until(lambda: self.process.poll() is not None or "ready" in self.log.read_text(), 10, "evil_peer")
        expect(self.process.poll() is None, f"evil_peer ended: {self.errors.read_text()[-800:]}")

    def asked(self, what=""):
        """Requests that it had."""
        return sum(line.startswith("asked") and what in line for line in self.log.read_text().splitlines())

    def told_crowd(self):
        return "told the crowd" in self.log.read_text()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()


def doubted_by(host):
    """Whose word alone makes nothing believed there."""
    return {peer["id"] for peer in host.peers()["peers"] if peer["doubted"]}


def expect_blamed(how, host, liar_id, figures):
    blamed = {"shunned": shunned_by, "doubted": doubted_by}[how](host)
    expect(liar_id in blamed, f"the liar is not {how} (figures {figures}): {blamed}")


def timed_fetch(host, url, **options):
    started = time.monotonic()
    job = host.fetch(url, timeout=90, **options)
    return time.monotonic() - started, job


def expect_not_slowed(taken, without, size):
    """What is over in no time may be slowed by one patience."""
    limit = max(SLOWED * without, without + 1.0 if size <= MIB else 0)
    expect(taken <= limit, f"{taken:.2f} s with the liar, {without:.2f} s without")


def check_kept(host, url):
    """What the host has now is right: index against bytes, and the bytes of the cache."""
    good, report = host.agent.check_cache()
    expect(good, f"larder_cache_check on {host.name}: {report[-800:]}")
    again = host.fetch(url)
    expect_equal(again["figures"]["cache"], again["size"], f"bytes from the cache of {host.name}")


def fetch_with_the_liar(taker, url, evil, size, **options):
    """The taker chooses whom to ask: again until it asked the liar. Of a small content one answer may be enough."""
    for _ in range(4):
        taken, job = timed_fetch(taker, url, **options)
        asked = evil.asked("/leaves/") + evil.asked("/versions/")
        if asked or size <= MIB:
            return taken, job, asked
        taker.forget()
    raise Skip("the liar was never asked: nothing is proven")


def beside_an_honest_one(lie, blamed):
    """The liar and an honest peer both have it."""
    def scenario(rng, lab):
        with Office(lab, hosts=3, wan_mbit=100, lan_mbit=100) as office:
            office.make_group()
            honest, liar, taker = office.hosts
            size = rng.choice([rng.randrange(28 * MIB, 40 * MIB)] * 3 + [rng.randrange(200 * KIB, MIB)])
            url = office.publish("/f", f"poison {rng.random()}", size)
            honest.fetch(url)
            honest_id = honest.id
            liar_id = liar.id
            without, job = timed_fetch(taker, url)
            expect_equal(job["figures"]["peers"], size, "bytes from peers without the liar")
            taker.forget()
            with Evil(office, liar, url, lie, rng.randrange(1000)) as evil:
                for host in (honest, taker):
                    wait_until(lambda host=host: liar_id in host.known(), 20, f"{host.name} to know the liar", 0.05)
                taken, job, asked = fetch_with_the_liar(taker, url, evil, size)
                shunned = shunned_by(taker)
                expect(honest_id not in shunned | doubted_by(taker), "the honest peer is shunned or doubted")
                expect_equal(shunned_by(honest), set(), "whom the honest one shuns")
                found_out = taker.peers()["condemned_versions"] if blamed == "doubted" else evil.asked("/leaves/")
                if blamed and asked and found_out:
                    expect_blamed(blamed, taker, liar_id, job["figures"])
                check_kept(taker, url)
            expect_not_slowed(taken, without, size)
            return f"{lie}: {taken / without:.2f} of the time; {office.form}"

    return scenario


def alone(lie, blamed):
    """Only the liar has it: the origin is what remains."""
    def scenario(rng, lab):
        with Office(lab, hosts=2, wan_mbit=80, lan_mbit=400) as office:
            office.make_group()
            taker, liar = office.hosts
            size = rng.choice([rng.randrange(24 * MIB, 36 * MIB)] * 2 + [rng.randrange(200 * KIB, MIB)])
            url = office.publish("/f", f"alone {rng.random()}", size)
            liar_id = liar.id
            liar.agent.stop()
            without, _ = timed_fetch(taker, url)
            taker.forget()
            with Evil(office, liar, url, lie, rng.randrange(1000)) as evil:
                wait_until(lambda: liar_id in taker.known(), 20, "the taker to know the liar", 0.05)
                taken, job = timed_fetch(taker, url, with_digest=True)
                expect(evil.asked(), "the liar was never asked: nothing is proven")
                if blamed:
                    expect_blamed(blamed, taker, liar_id, job["figures"])
                check_kept(taker, url)
            expect_not_slowed(taken, without, size)
            return f"{lie}, alone: {taken / without:.2f} of the time; {office.form}"

    return scenario


def honest_liar(rng, lab):
    """With no lie at all its bytes are taken: so the rest of these scenarios is sound."""
    with Office(lab, hosts=2, wan_mbit=80, lan_mbit=400) as office:
        office.make_group()
        taker, liar = office.hosts
        for size in (300 * KIB, 9 * MIB):
            url = office.publish(f"/s{size}", f"honest {rng.random()}", size)
            liar_id = liar.id
            with Evil(office, liar, url, "none", 1):
                wait_until(lambda: liar_id in taker.known(), 20, "the taker to know it", 0.05)
                job = taker.fetch(url)
                expect_equal(job["figures"]["peers"], size, f"bytes from the other member of {size}")
                expect_equal(shunned_by(taker), set(), "who is shunned")
            liar.agent.start()
            office.wait_acquainted()
        return f"honest_liar, {office.form}"


def wrong_roots_spread(rng, lab):
    """One host finds out the attester of wrong content; the others, which took nothing, share that version no more within a
    second. They shun nobody: who of the two is wrong only the origin can tell, and tells each of them."""
    with Office(lab, hosts=4, wan_mbit=200) as office:
        office.make_group()
        victim, *bystanders, liar = office.hosts
        honest = {host.id for host in office.hosts[:-1]}
        size = rng.randrange(5 * MIB, 12 * MIB)
        url = office.publish("/f", f"spread {rng.random()}", size)
        liar_id = liar.id
        with Evil(office, liar, url, "wrong_roots", rng.randrange(1000)) as evil:
            for host in office.hosts[:-1]:
                wait_until(lambda host=host: liar_id in host.known(), 20, f"{host.name} to know the liar", 0.05)
            victim.fetch(url, with_digest=True)
            contradicted = time.monotonic()
            expect(evil.asked("/leaves/"), "the wrong content was not taken: nothing is proven")
            for host in bystanders:
                wait_until(lambda host=host: host.peers()["condemned_versions"], 5, f"{host.name} to share it no more", 0.01)
            seconds = time.monotonic() - contradicted
            expect(seconds <= CONDEMNED_WITHIN, f"the version was shared by nobody only after {seconds:.2f} s")
            expect_equal(doubted_by(victim), {liar_id}, "whose word counts no more with the victim")
            for host in bystanders:
                expect_equal(host.fetch(url)["figures"]["origin"], size, f"bytes from the origin for {host.name}")
                expect_equal(doubted_by(host), {liar_id}, f"whose word counts no more with {host.name}")
            for host in office.hosts[:-1]:
                expect(not shunned_by(host) & honest, f"{host.name} shuns an honest one")
            check_kept(victim, url)
            return f"wrong_roots_spread: shared by nobody after {seconds:.2f} s; {office.form}"


def in_a_crowd(*how):
    """Four want it at once; one member has it, another has something else of that name and says so: they come to different
    roots, and what is contradicted comes from the origin. It costs no more than if each had gone there by itself."""
    def scenario(rng, lab):
        with Office(lab, hosts=6, wan_mbit=100, lan_mbit=400, peer={"crowd": True}) as office:
            office.make_group()
            honest, *takers, liar = office.hosts
            liar_id, ids = liar.id, {host.id for host in office.hosts[:-1]}
            size = rng.choice([rng.randrange(5 * MIB, 14 * MIB)] * 2 + [rng.randrange(200 * KIB, MIB)])
            url = office.publish("/f", f"crowd {rng.random()}", size)
            honest.fetch(url)
            with Evil(office, liar, url, "wrong_roots", rng.randrange(1000), *how) as evil:
                for host in office.hosts[:-1]:
                    wait_until(lambda host=host: liar_id in host.known(), 20, f"{host.name} to know the liar", 0.05)
                crowd = Crowd(office, [url], takers).start().finish()
                expect(evil.asked("/versions/"), "the liar was never asked: nothing is proven")
            for host in takers:
                expect(not shunned_by(host) & ids, f"{host.name} shuns an honest one")
                check_kept(host, url)
            crowd.judge_copies(1 + len(takers) * 1.1)  # the honest one's, and what each of the others can ask for by itself
            crowd.judge_last(SLOWED * len(takers) * crowd.ideal() + 1.0)
            crowd.verdict()
            return f"wrong_roots in a crowd{' that is told of them' * bool(how)}: {size / MIB:.1f} MiB, {summary(crowd)}; {office.form}"

    return scenario


CASES = {
    "honest_liar": honest_liar,
    "flipped": beside_an_honest_one("flipped", blamed="shunned"),
    "wrong_leaves": beside_an_honest_one("wrong_leaves", blamed=None),
    "wrong_roots": beside_an_honest_one("wrong_roots", blamed="doubted"),
    "stall": beside_an_honest_one("stall", blamed=None),
    "truncated": beside_an_honest_one("truncated", blamed=None),
    "truncated_leaves": beside_an_honest_one("truncated_leaves", blamed=None),
    "flipped_alone": alone("flipped", blamed="shunned"),
    "wrong_roots_alone": alone("wrong_roots", blamed="doubted"),
    "stall_alone": alone("stall", blamed=None),
    "wrong_roots_spread": wrong_roots_spread,
    "wrong_roots_crowd": in_a_crowd(),
    "wrong_roots_told_crowd": in_a_crowd("--crowd", "loud_holder"),
}


def run(seed, lab, name):
    return CASES[name](random.Random(f"poison {name} {seed}"), lab)
