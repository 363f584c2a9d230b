"""The host that serves goes away at a random moment of a download: killed with -9, its cable pulled (seen or unseen), or
stopped (SIGSTOP: its kernel still answers). The download completes, and never stands still for 3 s."""

import random

from lab_office import Office, Progress
from larder_lab import MIB, expect, expect_equal

LONGEST_GAP = 3.0  # seconds


def kill(host):
    host.agent.kill()


def stop(host):
    host.agent.pause()


def pull(host):
    host.link.down()


def cut(host):
    host.link.cut()


def back(way, host):
    """What was done to a host is undone."""
    if way is kill:
        host.agent.start()
    elif way is stop:
        host.agent.resume()
    else:
        host.link.up()


def run(seed, lab):
    rng = random.Random(f"churn {seed}")
    ways = [kill, stop, pull, cut]
    way = ways[seed % len(ways)]
    with Office(lab, hosts=3, wan_mbit=60, lan_mbit=160) as office:
        if way in (pull, cut):
            office.need_cables()
        office.make_group()
        *servers, taker = office.hosts
        if rng.random() < 0.5:
            servers = servers[:1]
        size = rng.randrange(20 * MIB, 36 * MIB)
        url = office.publish("/f", f"churn {seed}", size)
        for host in servers:
            host.fetch(url)
        victims = servers[:rng.randint(1, len(servers))]
        returns = rng.random() < 0.4
        points = sorted(rng.randrange(size) for _ in range(2))
        job_id = taker.submit(url, retry_delay_s=0.2)
        progress = Progress(taker, job_id)
        if rng.random() < 0.9:
            progress.wait_bytes(points[0])  # otherwise at once: while they are asked
        for host in victims:
            way(host)
        if returns and progress.wait_bytes(points[1]):
            for host in victims:
                back(way, host)
        job = taker.finish(job_id, office.digests[url])
        gap = progress.longest_gap()
        expect(gap < LONGEST_GAP, f"no progress for {gap:.2f} s after {way.__name__} of {len(victims)} of {len(servers)}")
        others = [h for h in office.hosts if h not in victims and h.agent.running]
        for host in others:
            good, report = host.agent.check_cache()
            expect(good, f"larder_cache_check on {host.name}: {report[-800:]}")
        expect_equal(job["state"], "transferred", "state")
        return f"{way.__name__}, {len(victims)} of {len(servers)} servers: longest gap {gap:.2f} s"
