"""Who gets what from whom: the origin sends each edition once, and each host's figures say where its bytes came from."""

import os
import random
import time

from lab_office import Office, Progress, told
from larder_lab import (KIB, MIB, check_figures, expect, expect_equal, expect_error, segment_size)


def in_turn(rng, lab):
    """Three hosts fetch one after the other: one copy from the origin, the rest from each other."""
    with Office(lab, wan_mbit=200) as office:
        office.make_group()
        size = rng.randrange(6 * MIB, 48 * MIB)
        url = office.publish("/f", f"turn {rng.random()}", size)
        order = rng.sample(office.hosts, len(office.hosts))
        for turn, host in enumerate(order):
            figures = host.fetch(url)["figures"]
            wanted = (size, 0, 0) if turn == 0 else (0, size, 0)
            expect_equal((figures["origin"], figures["peers"], figures["cache"]), wanted,
                         f"bytes from origin, peers and cache on the host of turn {turn + 1}")
        office.expect_sent("/f", size)
        return f"in_turn, {office.form}"


SIZES = (1, 16 * KIB - 1, 16 * KIB, 64 * KIB, MIB, MIB + 1, 4 * MIB, 4 * MIB + 1, 9 * MIB + 12345)


def every_size(rng, lab):
    """Inline answers, one segment, several, ends within a block: each size once from the origin, then from a peer."""
    with Office(lab, hosts=2, wan_mbit=400) as office:
        office.make_group()
        for size in SIZES:
            path = f"/s{size}"
            url = office.publish(path, f"size {rng.random()}", size)
            office.hosts[0].fetch(url)
            figures = office.hosts[1].fetch(url)["figures"]
            expect_equal((figures["origin"], figures["peers"]), (0, size), f"bytes from origin and peers of {size}")
            office.expect_sent(path, size)
        return f"{len(SIZES)} sizes, {office.form}"


def every_way(rng, lab):
    """With the catalogue's answer, in one torrent of a few segments, and in one large enough for several holders."""
    with Office(lab, hosts=2) as office:
        office.make_group()
        for size in (64 * KIB, 20 * MIB, 600 * MIB):
            path = f"/w{size}"
            url = office.publish(path, f"way {rng.random()}", size)
            office.hosts[0].fetch(url)
            figures = office.hosts[1].fetch(url)["figures"]
            expect_equal((figures["origin"], figures["peers"], figures["wasted"]), (0, size, 0),
                         f"bytes from origin and peers, and wasted, of {size}")
            office.expect_sent(path, size)
        return f"every_way, {office.form}"


def while_downloading(rng, lab):
    """The second begins when the first has half: it takes what is there from the first, the rest from wherever."""
    with Office(lab, hosts=2, wan_mbit=100) as office:
        office.make_group()
        first, second = office.hosts
        size = 40 * MIB
        url = office.publish("/f", f"while {rng.random()}", size)
        early = first.submit(url)
        with_progress = Progress(first, early)
        expect(with_progress.wait_bytes(size // 2), "the first did not get halfway")
        job = second.fetch(url)
        earlier = first.finish(early, office.digests[url])
        expect(job["figures"]["peers"] >= size // 2 - 2 * segment_size(size),
               f"the second took little of what the first had: {told(job['figures'])}")
        # What was on its way when the origin was no longer needed has been sent and not taken: one segment at most.
        # The two divide the work: the first may have segments from the second too.
        counted = earlier["figures"]["origin"] + job["figures"]["origin"]
        wasted = earlier["figures"]["wasted"] + job["figures"]["wasted"]
        expect(counted <= office.sent("/f") <= counted + segment_size(size) + wasted,
               f"the origin sent {office.sent('/f')} bytes, {counted} are accounted for")
        return f"{job['figures']['peers'] / size:.2f} of the second's bytes from the first"


def same_content_at_once(rng, lab):
    """Two URLs have the same content: who wants both at the same time takes both from the neighbour, and gives them on."""
    with Office(lab, hosts=3, wan_mbit=100, lan_mbit=400) as office:
        office.make_group()
        first, second, third = office.hosts
        size, seed = rng.randrange(20 * MIB, 40 * MIB), f"same {rng.random()}"
        urls = [office.publish(f"/{name}", seed, size) for name in "abc"]
        for url in urls:
            first.fetch(url)
        for host in (second, third):
            jobs = [(url, host.submit(url)) for url in urls]
            for url, job_id in jobs:
                figures = host.finish(job_id, office.digests[url])["figures"]
                expect_equal((figures["origin"], figures["peers"] + figures["cache"]), (0, size),
                             f"bytes from the origin, and from elsewhere, of {url} on {host.name}")
        return f"same_content_at_once, {office.form}"


def new_edition(rng, lab):
    """The origin changes the file: the next host gets the new edition, not the one that a peer has; and it spreads."""
    with Office(lab, wan_mbit=200) as office:
        office.make_group()
        size = rng.randrange(5 * MIB, 20 * MIB)
        url = office.publish("/f", f"old {rng.random()}", size)
        office.hosts[0].fetch(url)
        office.publish("/f", f"new {rng.random()}", size, age=60)
        figures = office.hosts[1].fetch(url)["figures"]
        expect_equal(figures["peers"], 0, "bytes of the old edition's holder for the new one")
        figures = office.hosts[2].fetch(url)["figures"]
        expect_equal((figures["origin"], figures["peers"]), (0, size), "bytes from origin and peers of the third")
        figures = office.hosts[0].fetch(url)["figures"]
        expect_equal((figures["origin"], figures["peers"]), (0, size), "bytes from origin and peers of the first, again")
        office.expect_sent("/f", 2 * size)
        return f"new_edition, {office.form}"


def origin_down(rng, lab):
    """Without --offline-ok as if there were no peers; with it the newest validated edition, and the job says so."""
    with Office(lab, hosts=2, wan_mbit=200) as office:
        office.make_group()
        first, second = office.hosts
        size = rng.randrange(2 * MIB, 12 * MIB)
        url = office.publish("/f", f"older {rng.random()}", size, age=7200)
        first.fetch(url)
        newest = office.publish("/f", f"newest {rng.random()}", size, age=3600)
        first.fetch(url)
        office.origin.stop()
        refused = second.api.wait(second.submit(url, no_progress_timeout_s=0), timeout=60)
        expect_error(refused, "connect_failed")
        expect_equal(refused["figures"]["peers"], 0, "bytes taken from peers without having asked the origin")
        job = second.fetch(newest, no_progress_timeout_s=0, offline_ok=True)
        expect_equal(job["figures"]["peers"], size, "bytes from peers")
        file = job["files"][0]
        expect(file["offline_age_s"] is not None and 0 <= file["offline_age_s"] < 600 and "not asked" in file["note"],
               f"the file does not say that the origin was not asked, and how old the edition is: {told(file)}")
        again = first.fetch(newest, no_progress_timeout_s=0, offline_ok=True)
        expect_equal(again["figures"]["cache"], size, "bytes from the cache")
        shown = second.agent.larder("get", url, "-o", second.agent.directory / "out", "--offline-ok", "--retry-for", "0")
        expect_equal(shown.returncode, 0, f"exit status of larder get --offline-ok ({shown.stderr[-400:]})")
        return f"origin_down, {office.form}"


def offline_forbidden(rng, lab):
    """The admin may forbid it."""
    with Office(lab, hosts=1, peer={"offline_ok": False}) as office:
        url = office.publish("/f", f"forbidden {rng.random()}", MIB)
        host = office.hosts[0]
        host.fetch(url)
        office.origin.stop()
        done = host.agent.larder("get", url, "-o", host.agent.directory / "out", "--offline-ok", "--retry-for", "0")
        expect(done.returncode != 0, "--offline-ok was followed although the configuration forbids it")
        expect("cannot" in done.stderr and "offline" in done.stderr, f"the refusal does not say why: {done.stderr[-400:]}")
        return f"offline_forbidden, {office.form}"


def restarted(rng, lab):
    """Group, records and trust outlive a restart of the serving host, also one by -9."""
    with Office(lab, hosts=2, wan_mbit=200) as office:
        office.make_group()
        first, second = office.hosts
        size = rng.randrange(2 * MIB, 12 * MIB)
        url = office.publish("/f", f"restart {rng.random()}", size)
        first.fetch(url)
        first.agent.kill() if rng.random() < 0.5 else first.agent.stop()
        first.agent.start()
        office.wait_acquainted()
        figures = second.fetch(url)["figures"]
        expect_equal((figures["origin"], figures["peers"]), (0, size), "bytes from origin and peers")
        good, report = second.agent.check_cache()
        expect(good, f"larder_cache_check: {report[-800:]}")
        return f"restarted, {office.form}"


def policies(rng, lab):
    """Who does not serve is not asked for bytes; who does not use peers takes none; what is never shared stays."""
    with Office(lab, hosts=0, wan_mbit=400) as office:
        keeps = office.add_host(peer={"serve": False})
        alone = office.add_host(peer={"use": False})
        secretive = office.add_host(peer={"never_share": ["*/secret/*"], "min_size": 64 * KIB})
        taker = office.add_host()
        office.make_group()
        for giver, path, size in ((keeps, "/kept", 2 * MIB), (secretive, "/secret/f", 2 * MIB), (secretive, "/small", 5000)):
            url = office.publish(path, f"policy {path} {rng.random()}", size)
            giver.fetch(url)
            figures = taker.fetch(url)["figures"]
            expect_equal((figures["origin"], figures["peers"]), (size, 0), f"bytes from origin and peers of {path}")
        url = office.publish("/open", f"open {rng.random()}", 2 * MIB)
        taker.fetch(url)
        expect_equal(alone.fetch(url)["figures"]["peers"], 0, "bytes from peers where peers are not used")
        expect_equal(keeps.fetch(url)["figures"]["origin"], 0, "bytes from the origin where peers have it")
        url = office.publish("/private", f"private {rng.random()}", 2 * MIB)
        secret = {"headers": [["Authorization", "Bearer x"]]}
        job = taker.api.wait(taker.submit(url, connect=secret))
        expect_equal(job["state"], "transferred", f"state of the private job ({job['error']})")
        taker.api.act(job["id"], "complete")
        expect_equal(keeps.fetch(url)["figures"]["peers"], 0, "bytes of a private file from a peer")
        return f"policies, {office.form}"


def judged_not_valid(rng, lab):
    """Bytes of a peer judged not valid: once more from the origin alone; again not valid: an error, and nobody is
    shunned, since the peer's bytes were the origin's."""
    with Office(lab, hosts=2, wan_mbit=200) as office:
        office.make_group()
        first, second = office.hosts
        size = rng.randrange(2 * MIB, 9 * MIB)
        url = office.publish("/f", f"judged {rng.random()}", size)
        first.fetch(url)
        job_id = second.submit(url, verdict={"app": True})
        job = second.api.wait(job_id, "validating")
        expect_equal(job["figures"]["peers"], size, "bytes from peers before the verdict")
        second.api.verdict(job_id, 0, False, "does not please")
        again = second.api.wait(job_id, lambda j: j["state"] == "validating" and j["figures"]["origin"] == size)
        expect_equal(again["figures"]["peers"], 0, "bytes from peers in what was fetched again")
        second.api.verdict(job_id, 0, False, "still does not")
        job = second.api.wait(job_id, "error")
        expect_error(job, "validation_failed")
        check_figures(job)
        expect_equal(shunned_by(second), set(), "agents shunned")
        office.expect_sent("/f", 2 * size)
        return f"judged_not_valid, {office.form}"


def shunned_by(host):
    return {peer["id"] for peer in host.peers()["peers"] if peer["shunned"]}


def wandered(rng, lab):
    """One host begins a file at one URL and ends it at another whose validators are the same and whose bytes are not, in
    both directions: that host has what it asked for, and the other one the true bytes, none of them from it."""
    with Office(lab, hosts=2, wan_mbit=200) as office:
        office.make_group()
        first, second = office.hosts
        size = rng.randrange(24 * MIB, 40 * MIB)
        for turn, (begun, ended) in enumerate((("/true", "/liar"), ("/liar2", "/true2"))):
            urls = [office.publish(path, f"wandered {path} {rng.random()}", size) for path in (begun, ended)]
            same = int(time.time()) - 7200
            for path in (begun, ended):
                os.utime(office.root / path.lstrip("/"), (same, same))
            job_id = first.submit(urls[0], max_rate=4 * MIB)  # so that there is time to stop it before its end
            first.api.wait(job_id, lambda j: j["files"][0]["contiguous"] >= 2 * MIB)
            first.api.act(job_id, "suspend")
            first.api.retarget(job_id, 0, urls[1])
            first.api.call("PATCH", f"/v1/jobs/{job_id}", {"max_rate": 0})
            first.api.act(job_id, "resume")
            job = first.api.wait(job_id, "transferred")
            expect("more than one URL" in job["files"][0]["note"], f"note {job['files'][0]['note']!r}")
            first.api.act(job_id, "complete")
            # Both URLs, the true one first: fetch() holds the bytes against what was published.
            for url in sorted(urls, reverse=True):
                figures = second.fetch(url)["figures"]
                expect_equal((figures["origin"], figures["peers"]), (size, 0), f"bytes from origin and peers, turn {turn}")
        expect_equal(shunned_by(second), set(), "agents shunned")
        return f"wandered, {office.form}"


def leaving(rng, lab):
    """Who left the group takes and gives nothing more, and can come back with a new invitation."""
    with Office(lab, hosts=2, wan_mbit=400) as office:
        office.make_group()
        first, second = office.hosts
        size = 3 * MIB
        url = office.publish("/f", f"leaving {rng.random()}", size)
        first.fetch(url)
        second.agent.larder("group", "leave", check=True)
        expect_equal(second.fetch(url)["figures"]["origin"], size, "bytes from the origin without a group")
        second.forget()
        office.admit(first, second)
        office.wait_acquainted()
        expect_equal(second.fetch(url)["figures"]["peers"], size, "bytes from peers, back in the group")
        return f"leaving, {office.form}"


CASES = {function.__name__: function for function in (
    in_turn, every_size, every_way, while_downloading, same_content_at_once, new_edition, origin_down, offline_forbidden,
    restarted, policies, judged_not_valid, wandered, leaving)}


def run(seed, lab, name):
    return CASES[name](random.Random(f"sharing {name} {seed}"), lab)
