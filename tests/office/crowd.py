"""Everybody wants the same new file in the same minute: the origin sends about one copy, and nobody waits much longer than
one copy takes on its line. With hosts that die, that come late, that hold halves, that lie; and with many small files."""

import random
import subprocess
import time

from lab_crowd import Crowd, summary
from lab_office import Office, told
from lab_origin import Edition, EditionResource
from larder_lab import KIB, MIB, expect, expect_equal, expect_error, http_date, seeded_bytes, segment_size, wait_until
from poison import Evil

COPIES = 1.03        # of the origin, with everybody well
COPIES_KILLED = 1.15
SPREAD = 1.1         # slowest ÷ fastest
LATER = 1.10         # the rest, after the others were killed
SLOWED = 1.25        # by one that does not do what it says
SMALL_REQUESTS, SMALL_SLOWED = 1.1, 1.3
ALONE = 1.01         # beside curl
WAN, LAN = 50, 1000  # Mbit/s
WAN_OF_MANY = {12: 25, 20: 15}  # what so many hosts on two processors can pass on: the line is to be the bottleneck, not the machine


def office_of(lab, hosts, wan=WAN, **more):
    return Office(lab, hosts, wan, LAN, agent={"log_level": "debug" if lab.keep else "info"}, peer={"crowd": True}, **more)


def last_limit(crowd):
    return 1.08 * crowd.ideal() + 1.0


def at_once(rng, lab):
    """Twelve hosts, 128 MiB."""
    with office_of(lab, 12, WAN_OF_MANY[12]) as office:
        office.make_group()
        crowd = Crowd(office, [office.publish("/f", f"at once {rng.random()}", 128 * MIB)], office.hosts).start().finish()
        crowd.judge_copies(COPIES)
        crowd.judge_last(last_limit(crowd))
        crowd.judge("slowest ÷ fastest", crowd.spread(), SPREAD)
        crowd.verdict()
        return f"12 hosts: {summary(crowd)}"


def alone(rng, lab):
    """Nobody else is there: as fast as curl."""
    with office_of(lab, 1, 100) as office:
        office.make_group()
        host = office.hosts[0]
        urls = [office.publish(f"/{name}", f"alone {name} {rng.random()}", 96 * MIB) for name in ("ours", "theirs")]
        started = time.monotonic()
        subprocess.run([*host.place.prefix(), "curl", "-sf", "-o", lab.directory / "curl.out", urls[1]], check=True, timeout=60)
        theirs = time.monotonic() - started
        crowd = Crowd(office, urls[:1], [host]).start().finish()
        crowd.judge("times of curl", crowd.last() / theirs, ALONE)
        crowd.judge_copies(1.0)
        crowd.verdict()
        return f"alone: {crowd.last() / theirs:.3f} of curl's time; {office.form}"


def kill_fetchers(crowd, rng, count):
    """At `count` random moments of the crowd's time, one of those that fetch from the origin (else any)."""
    killed = []
    for moment in sorted(rng.uniform(0.05, 0.9) * crowd.ideal() for _ in range(count)):
        if not crowd.wait_seconds(moment):
            break
        victims = crowd.fetchers() or crowd.live()
        killed.append(rng.choice(victims))
        crowd.give_up(killed[-1])
    return killed


def killed(rng, lab):
    """Three of ten are killed with -9, fetchers first."""
    with office_of(lab, 10) as office:
        office.make_group()
        size = 80 * MIB
        calm = Crowd(office, [office.publish("/calm", f"calm {rng.random()}", size)], office.hosts).start().finish()
        crowd = Crowd(office, [office.publish("/f", f"killed {rng.random()}", size)], office.hosts).start()
        dead = kill_fetchers(crowd, rng, 3)
        crowd.finish()
        expect(dead, "it was over before anybody was killed: nothing is proven")
        crowd.judge_copies(COPIES_KILLED)
        crowd.judge_last(LATER * calm.last())
        crowd.verdict()
        return f"{len(dead)} of 10 killed: {crowd.last() / calm.last():.2f} of the time without; {summary(crowd)}"


def joiner(rng, lab):
    """One comes when half is done: it is done with the others."""
    with office_of(lab, 7) as office:
        office.make_group()
        *early, late = office.hosts
        crowd = Crowd(office, [office.publish("/f", f"joiner {rng.random()}", 96 * MIB)], early).start()
        expect(crowd.wait_done(0.5), "it was over before the last one came: nothing is proven")
        joined = crowd.join(late)
        crowd.finish()
        others = max(m.seconds for m in crowd.members if m is not joined)
        crowd.judge_copies(COPIES)
        crowd.judge_last(last_limit(crowd))
        crowd.judge("the joiner's end ÷ the others'", joined.seconds / others, SPREAD)
        crowd.verdict()
        return f"joined at {joined.delay / others:.2f}, done at {joined.seconds / others:.2f}; {summary(crowd)}"


class UpTo(EditionResource):
    """Of each answer, nothing comes that lies beyond `limit`."""

    def __init__(self, edition, limit):
        super().__init__([edition])
        self.limit = limit

    def __call__(self, request):
        answer = super().__call__(request)
        if request.method == "GET" and answer.status in (200, 206):
            start = request.range[0] if answer.status == 206 else 0
            answer.hold_at, answer.released = max(0, self.limit - start), NEVER
        return answer


class _Never:
    """An event that never comes."""

    @staticmethod
    def wait(seconds):
        time.sleep(seconds)  # paced: the origin's thread looks whether its client is still there
        return False


NEVER = _Never()


def holds(host, job_id, count):
    """Once `count` bytes are committed and, the origin standing still, nothing more comes."""
    wait_until(lambda: host.api.job(job_id)["bytes"] >= count, 30, f"{count} bytes on {host.name}", 0.05)
    return job_id


def halves(rng, lab, complementary):
    """Two hosts with a half each, and then no origin."""
    size = 32 * MIB
    segment, half = segment_size(size), size // 2
    segments = size // segment
    options = {"no_progress_timeout_s": 8, "retry_delay_s": 1}
    with office_of(lab, 3, None) as office:
        office.make_group()
        first, second, helper = office.hosts
        helper_id = helper.id
        data = seeded_bytes(f"halves {rng.random()}", size)
        modified = int(time.time()) - 3600
        edition = Edition(data, f'"{modified:x}-{size:x}"', http_date(modified))
        (office.root / "f").write_bytes(data)
        internet = office.net.internet if office.net else None
        make = (lambda: lab.new_origin(address=office.origin.address))
        origin = internet.enter(make) if internet else make()
        resource = UpTo(edition, half)
        url = origin.serve("/f", resource)
        office.digests[url] = edition.sha256
        for host in (second, helper):
            host.agent.stop()
        jobs = {first: holds(first, first.submit(url, **options), half)}
        if complementary:
            first.agent.pause()
            resource.limit = 0
            with Evil(office, helper, url, "none", 1, "--etag", edition.etag, "--last-modified", edition.last_modified,
                      "--segments", f"{segments // 2}-{segments - 1}"):
                second.agent.start()
                wait_until(lambda: helper_id in second.known(), 20, "the second to know the one that has the other half", 0.05)
                jobs[second] = holds(second, second.submit(url, **options), half)
            first.agent.resume()
        else:
            second.agent.start()
            wait_until(lambda: first.id in second.known(), 20, "the second to know the first", 0.05)
            jobs[second] = holds(second, second.submit(url, **options), half)
        for host, job_id in jobs.items():
            job = host.api.job(job_id)
            expect(half <= job["bytes"] <= half + segment, f"{host.name} holds {job['bytes']} bytes, wanted half of {size}")
        origin.close()
        gone = time.monotonic()
        if complementary:
            for host, job_id in jobs.items():
                job = host.finish(job_id, edition.sha256, timeout=40)
                expect(job["figures"]["peers"] >= half - segment, f"bytes from peers on {host.name}: {told(job['figures'])}")
            return f"complementary halves: complete {time.monotonic() - gone:.1f} s after the origin went; {office.form}"
        return equal_halves_end(office, jobs, half, gone)


def equal_halves_end(office, jobs, half, gone):
    spent = {host: host.agent.cpu_seconds() for host in jobs}
    for host, job_id in jobs.items():
        job = host.api.wait(job_id, "error", timeout=60)
        error = expect_error(job, "connect_failed", "connection_lost", "no_progress", "timed_out")
        expect("missing" in error["message"], f"the error does not say what is missing: {error['message']}")
        expect(job["bytes"] >= half, f"{host.name} lost what it had: {job['bytes']} of {half} bytes")
    seconds = time.monotonic() - gone
    for host, before in spent.items():
        used = host.agent.cpu_seconds() - before
        expect(used <= 0.1 * seconds + 0.3, f"{host.name} used {used:.2f} s of CPU in {seconds:.1f} s of waiting: it spins")
    return f"equal halves: told after {seconds:.1f} s; {office.form}"


def complementary_halves(rng, lab):
    return halves(rng, lab, True)


def equal_halves(rng, lab):
    return halves(rng, lab, False)


def small_urls(office, rng, name, sizes):
    return [office.publish(f"/{name}-{i}", f"small {name} {rng.random()}", size) for i, size in enumerate(sizes)]


def small_files(rng, lab):
    """A package update: twenty hosts, each with one job of 200 files of 20 to 500 KiB."""
    with office_of(lab, 20, WAN_OF_MANY[20]) as office:
        sizes = [rng.randrange(20 * KIB, 500 * KIB) for _ in range(200)]
        calm = Crowd(office, small_urls(office, rng, "alone", sizes), office.hosts[:1]).start().finish()
        office.make_group()
        crowd = Crowd(office, small_urls(office, rng, "crowd", sizes), office.hosts).start().finish()
        crowd.judge("requests for each file", len(crowd.answers()) / len(sizes), SMALL_REQUESTS)
        crowd.judge_last(SMALL_SLOWED * calm.last())
        crowd.verdict()
        return f"20 hosts, 200 files: {crowd.last() / calm.last():.2f} of the time of one alone; {summary(crowd)}"


def liar(*how):
    """The crowd with and without a member that is not what it says; how: options of evil_peer.cpp."""
    def scenario(rng, lab):
        with office_of(lab, 6) as office:
            office.make_group()
            *honest, evil_host = office.hosts
            evil_id, size = evil_host.id, 56 * MIB
            calm = Crowd(office, [office.publish("/calm", f"calm {rng.random()}", size)], honest).start().finish()
            url = office.publish("/f", f"liar {rng.random()}", size)
            with Evil(office, evil_host, url, "none", rng.randrange(1000), *how) as evil:
                for host in honest:
                    wait_until(lambda host=host: evil_id in host.known(), 20, f"{host.name} to know the liar", 0.05)
                crowd = Crowd(office, [url], honest).start().finish()
                told_any = evil.told_crowd()
            expect(told_any, "the liar told nobody anything: nothing is proven")
            crowd.judge_last(SLOWED * calm.last())
            crowd.verdict()
            return f"{how[-1]}: {crowd.last() / calm.last():.2f} of the honest time; {summary(crowd)}"

    return scenario


def slow_fetcher(rng, lab):
    """A member whose bodies come with one byte a second (headers at once): the others go on, and it gets all from them."""
    slow = 'map "$remote_addr$uri" $slow { default 0; "10.77.0.6/f" 1; }'
    with office_of(lab, 6, nginx={"http": slow, "server": f"location / {{ root {lab.folder('origin')}; limit_rate $slow; limit_rate_after 2k; }}"}) \
            as office:
        office.need_cables()  # the hosts have addresses of their own
        office.make_group()
        size = 56 * MIB
        calm = Crowd(office, [office.publish("/calm", f"calm {rng.random()}", size)], office.hosts).start().finish()
        expect_equal(office.hosts[-1].address, "10.77.0.6", "address of the slow one")
        crowd = Crowd(office, [office.publish("/f", f"slow {rng.random()}", size)], office.hosts).start().finish()
        crowd.judge_last(SLOWED * calm.last())
        crowd.verdict()
        return f"slow fetcher: {crowd.last() / calm.last():.2f} of the time without; {summary(crowd)}"


CASES = {
    "at_once": at_once,
    "alone": alone,
    "killed": killed,
    "joiner": joiner,
    "complementary_halves": complementary_halves,
    "equal_halves": equal_halves,
    "small_files": small_files,
    "claims_all": liar("--crowd", "claims_all"),
    "false_progress": liar("--crowd", "false_progress"),
    "false_holder": liar("--crowd", "false_holder"),
    "slow_fetcher": slow_fetcher,
}


def run(seed, lab, name):
    return CASES[name](random.Random(f"crowd {name} {seed}"), lab)
