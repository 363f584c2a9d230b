"""A member that lies beside an honest one, as in poison, ten seeds one after the other in one office: for hundreds of runs in
sensible time, also under the sanitizers and with several offices side by side (--jobs). Each seed is fetched without the
liar first: with it, it takes at most 1.5 times as long.
"""

import contextlib
import pathlib
import random
import sqlite3

import poison
from lab_office import Office
from larder_lab import KIB, MIB, Skip, expect, expect_equal, wait_until
from sharing import shunned_by

SEEDS = 10
LEAKS = pathlib.Path(__file__).resolve().parents[1] / "support" / "leaks_of_libtorrent.txt"
SANITIZER_WORDS = ("AddressSanitizer", "LeakSanitizer", "ThreadSanitizer", "runtime error:")
TRUST_TABLES = ("trust_shunned", "trust_doubted", "trust_suspicions", "trust_contradictions", "trust_condemned", "trust_hosts",
                "trust_own_roots")


def believe_all(host):
    """Nobody is shunned or doubted any more, as before the first seed; there is no other way than its index."""
    host.agent.stop()
    with contextlib.closing(sqlite3.connect(host.agent.state / "larder.db")) as index, index:
        for table in TRUST_TABLES:
            index.execute(f"DELETE FROM {table}")  # names from above
    host.agent.start()


def one_seed(office, lie, blamed, seed):
    """Whether the liar was asked at all."""
    rng = random.Random(f"poison series {lie} {seed}")
    honest, liar, taker = office.hosts
    size = rng.choice([rng.randrange(28 * MIB, 40 * MIB)] * 3 + [rng.randrange(200 * KIB, MIB)])
    url = office.publish(f"/{lie}-{seed}", f"{lie} {seed}", size)
    honest.fetch(url)
    without, _ = poison.timed_fetch(taker, url)
    taker.forget()
    with poison.Evil(office, liar, url, lie, seed) as evil:
        for host in (honest, taker):
            wait_until(lambda host=host: set(office.ids) - {host.kept_id} <= set(host.known()), 30,
                       f"{host.name} to know the others", 0.02)
        asked = 0
        with contextlib.suppress(Skip):
            taken, _, asked = poison.fetch_with_the_liar(taker, url, evil, size)
            poison.expect_not_slowed(taken, without, size)
        found_out = shunned_by(taker) | poison.doubted_by(taker)
        expect(honest.kept_id not in found_out, "the honest peer is shunned or doubted")
        expect_equal(shunned_by(honest), set(), "whom the honest one shuns")
        if blamed and asked and evil.asked("/leaves/"):
            expect(liar.kept_id in shunned_by(taker), f"the liar is not shunned: {found_out}")
        poison.check_kept(taker, url)
        expect(evil.process.poll() is None, f"evil_peer ended: {evil.errors.read_text()[-2000:]}")
    taker.forget()
    liar.agent.start()
    if found_out:
        believe_all(taker)
    return bool(asked)


def series(lie, blamed):
    def scenario(number, lab):
        sanitizers = {"LSAN_OPTIONS": f"suppressions={LEAKS}:print_suppressions=0"}
        with Office(lab, hosts=3, wan_mbit=100, lan_mbit=100, environment=sanitizers) as office:
            office.make_group()
            for host in office.hosts:
                host.kept_id = host.id  # while the liar lies its agent does not run
            office.ids = [host.kept_id for host in office.hosts]
            asked = 0
            for seed in range((number - 1) * SEEDS + 1, number * SEEDS + 1):
                (lab.directory / "evil.log").unlink(missing_ok=True)
                try:
                    asked += one_seed(office, lie, blamed, seed)
                except Exception as error:
                    raise AssertionError(f"{lie}, seed {seed} of the series: {error}") from error
            for host in office.hosts[::2]:
                expect(host.agent.running, f"{host.name} ended")
                log = host.agent.log_file.read_text(errors="replace")
                found = [word for word in SANITIZER_WORDS if word in log]
                expect(not found, f"{host.name}'s log has {found}: {log[log.find(found[0]):][:3000] if found else ''}")
            expect(asked > 0, "the liar was never asked: nothing is proven")
            return f"{lie}: {SEEDS} seeds, the liar was asked in {asked / SEEDS:.2f} of them; {office.form}"

    return scenario


CASES = {
    "flipped": series("flipped", blamed=True),
    "wrong_leaves": series("wrong_leaves", blamed=False),
    "wrong_roots": series("wrong_roots", blamed=False),
    "stall": series("stall", blamed=False),
    "truncated": series("truncated", blamed=False),
}


def run(seed, lab, name):
    return CASES[name](seed, lab)
