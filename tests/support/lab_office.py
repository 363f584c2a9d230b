"""An office in the laboratory: hosts with a larderd each on one LAN, and an nginx on the internet behind a slow line.

    with Office(lab, hosts=3, wan_mbit=40, lan_mbit=1000) as office:
        office.make_group()
        url = office.publish("/a", "a", 48 * MIB)
        job = office.hosts[1].fetch(url)

Hosts are network namespaces (lab_net.py). Where these are not permitted, or the lab says `loopback`, they are addresses
of a 127.x.y.0/24 of their own: then the line is nginx's limit_rate (for each connection), the LAN is not shaped, cables
cannot be pulled, multicast is off and the hosts are told each other's addresses. `office.form` says which it is.
"""

import contextlib
import json
import os
import random
import shutil
import socket
import threading
import time

import lab_net
from lab_config import loopback_sections
from larder_lab import MIB, Skip, check_figures, expect, expect_equal, file_sha256, wait_until, write_seeded
from lab_servers import Nginx

CATALOGUE_PORT, SWARM_PORT, WEB_PORT = 7475, 7476, 8080


class _Place:
    """A host of the loopback form."""

    link = None

    def __init__(self, address):
        self.address = address

    def prefix(self):
        return []

    def enter(self, function):
        return function()


def _loopback_network():
    """Three octets of a network that no other run uses now."""
    for _ in range(100):
        network = f"127.{random.randint(64, 250)}.{random.randint(1, 250)}."
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind((network + "1", CATALOGUE_PORT))
            return network
    raise RuntimeError("no free loopback network")


class OfficeHost:
    def __init__(self, office, number, place, agent):
        self.office, self.number, self.place, self.agent = office, number, place, agent
        self.name, self.address, self.link, self.api = agent.directory.name, place.address, place.link, agent.api

    def submit(self, url, with_digest=False, **options):
        """`with_digest`: the caller knows the SHA-256, by which wrong content is found out however it is attested."""
        file = {"url": url, "sha256": self.office.digests[url]} if with_digest else url
        return self.api.create([file], **options)["id"]

    def finish(self, job_id, sha256=None, timeout=120):
        """Waits for the job, checks bytes and figures, acknowledges (which is what lets others have the whole)."""
        job = self.api.wait(job_id, timeout=timeout)
        expect_equal(job["state"], "transferred", f"state on {self.name} ({job['error']})")
        if sha256:
            expect_equal(self.api.content_sha256(job_id), sha256, f"SHA-256 of the bytes on {self.name}")
        check_figures(job)
        self.api.act(job_id, "complete")
        return job

    def fetch(self, url, timeout=120, **options):
        job_id = self.submit(url, **options)
        return self.finish(job_id, self.office.digests.get(url), timeout)

    def forget(self):
        """Empties the cache of this host."""
        wait_until(lambda: (self.api.call("DELETE", "/v1/cache"), self.api.status()["cache"]["records"] == 0)[1], 20,
                   f"an empty cache on {self.name}")

    def peers(self):
        """What the agent knows of its neighbours (GET /v1/peers)."""
        return self.api.call("GET", "/v1/peers")

    def group(self):
        return self.api.call("GET", "/v1/group")

    def known(self):
        """Ids of the members that are around, as far as it knows."""
        return [peer["id"] for peer in self.peers()["peers"] if peer["address"]]

    @property
    def id(self):
        return self.group()["id"]


class Office:
    """`line`: a lab_net.Line, where the line to the internet has delay, a queue or loss; `congestion` as Net has it."""

    def __init__(self, lab, hosts=3, wan_mbit=None, lan_mbit=None, workers=1, environment=None, start=True, nginx=None,
                 line=None, congestion=None, **sections):
        self.lab, self.wanted, self.wan_mbit, self.lan_mbit = lab, hosts, wan_mbit, lan_mbit
        self.sections, self.environment, self.workers, self.starting = sections, environment, workers, start
        self.nginx = nginx or {}  # `http` and `server`: more for its configuration
        self.line = {"line": line, "relay": lab.program("larder_line_relay"), "congestion": congestion} if line else {}
        self.loopback = "asked for" if getattr(lab, "loopback", False) else (
            lab_net.refused_line(self.line["relay"]) if line else lab_net.refused())
        if line and self.loopback:
            raise Skip(f"only between network namespaces a line has delay or loss: {self.loopback}")
        self.form = f"hosts are loopback addresses ({self.loopback})" if self.loopback else "hosts are network namespaces"
        self.hosts, self.digests, self.net, self.origin = [], {}, None, None
        self.root = lab.folder("origin")

    def __enter__(self):
        try:
            if self.loopback:
                self.network = _loopback_network()
                internet = _Place(self.network + "250")
            else:
                self.net = lab_net.Net(0, self.wan_mbit, self.lan_mbit, **self.line).__enter__()
                internet = self.net.internet
            rate = int(self.wan_mbit * 1e6 / 8) if self.loopback and self.wan_mbit else 0
            self.origin = self.lab.server(Nginx(self.lab.folder("nginx"), self.root, rate=rate, workers=self.workers,
                                                address=internet.address, port=WEB_PORT, place=internet, **self.nginx))
            for _ in range(self.wanted):
                self.add_host()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        for host in self.hosts:
            host.agent.kill()
        if self.origin:
            self.origin.stop()
        if self.net:
            self.net.close()

    # -- hosts ---------------------------------------------------------------------------------------------------------
    def new_place(self):
        """Room for one more machine on the LAN, with nothing on it."""
        if not self.loopback:
            return self.net.add_host()
        self.places = getattr(self, "places", 0) + 1
        return _Place(f"{self.network}{self.places}")

    def peer_config(self, place):
        if not self.loopback:
            return {}
        others = [f"{self.network}{n}:{CATALOGUE_PORT}" for n in range(1, max(self.wanted, len(self.hosts)) + 3)]
        return {"listen": [place.address], "multicast": False,
                "addresses": [o for o in others if o != f"{place.address}:{CATALOGUE_PORT}"]}

    def add_host(self, start=None, **sections):
        place, number = self.new_place(), len(self.hosts) + 1
        merged = {name: body if isinstance(body, list) else dict(body) for name, body in self.sections.items()}
        for name, body in sections.items():
            merged[name] = {**merged.get(name, {}), **body}
        peer = {**self.peer_config(place), **merged.get("peer", {})}
        if peer:
            merged["peer"] = peer
        if self.loopback:
            merged = loopback_sections(self.lab.bin_dir, merged)
        agent = self.lab.new_agent(f"host{number}", self.environment, prefix=place.prefix(), **merged)
        host = OfficeHost(self, number, place, agent)
        self.hosts.append(host)
        if self.starting if start is None else start:
            agent.start()
        return host

    def need_cables(self):
        if self.loopback:
            raise Skip(f"cables can be pulled between network namespaces only; {self.form}")

    # -- group ---------------------------------------------------------------------------------------------------------
    def make_group(self, hosts=None, name="office"):
        """The first host makes the group and lets the others in; returns once each knows all others."""
        first, *rest = hosts or self.hosts
        first.agent.larder("group", "create", name, check=True)
        for host in rest:
            self.admit(first, host)
        self.wait_acquainted([first, *rest])

    def admit(self, by, host):
        invited = by.agent.larder("group", "invite", "--json", check=True)
        host.agent.larder("group", "join", json.loads(invited.stdout)["invitation"], check=True)

    def wait_acquainted(self, hosts=None, timeout=20):
        hosts = hosts or self.hosts
        ids = {host: host.id for host in hosts}
        for host in hosts:
            wanted = {ids[other] for other in hosts if other is not host}
            wait_until(lambda host=host, wanted=wanted: wanted <= set(host.known()), timeout,
                       f"{host.name} to know {len(wanted)} peers", 0.05)

    # -- origin --------------------------------------------------------------------------------------------------------
    def publish(self, path, seed, size, age=3600):
        """A seeded file at the origin; again for another edition. `age` in seconds makes its Last-Modified and ETag."""
        target = self.root / path.lstrip("/")
        fresh = target.with_name(target.name + ".new")
        fresh.parent.mkdir(parents=True, exist_ok=True)
        write_seeded(fresh, seed, size)
        os.utime(fresh, (int(time.time() - age),) * 2)
        os.rename(fresh, target)
        url = self.origin.url(path)
        self.digests[url] = file_sha256(target)
        return url

    def sent(self, path):
        """Body bytes that the origin's access log has for a path."""
        return self.origin.sent(path)

    def expect_sent(self, path, size):
        """nginx writes a line when the answer has ended; it may come a moment after its last byte."""
        with contextlib.suppress(TimeoutError):
            wait_until(lambda: self.sent(path) >= size, 5, "the origin's log")
        expect_equal(self.sent(path), size, f"body bytes of {path} in the origin's log")


class Progress:
    """Watches a job from a thread of its own: when its bytes grew. For the longest time without progress."""

    def __init__(self, host, job_id, interval=0.02):
        self.host, self.job_id, self.interval = host, job_id, interval
        self.grew, self.bytes, self.ended = [time.monotonic()], 0, None
        self.changed = threading.Condition()
        self.thread = threading.Thread(target=self._watch, daemon=True)
        self.thread.start()

    def _watch(self):
        while self.ended is None:
            try:
                job = self.host.api.job(self.job_id, files=False)
            except OSError as error:
                job = {"state": f"not to be asked ({error})", "bytes": self.bytes}
            with self.changed:
                if job["bytes"] > self.bytes:
                    self.bytes = job["bytes"]
                    self.grew.append(time.monotonic())
                if job["state"] not in ("queued", "connecting", "transferring", "transient_error"):
                    self.ended = time.monotonic()
                self.changed.notify_all()
            time.sleep(self.interval)

    def wait_bytes(self, count, timeout=60):
        """Once so many bytes are there; False where the job ended before."""
        with self.changed:
            self.changed.wait_for(lambda: self.bytes >= count or self.ended is not None, timeout)
            return self.ended is None and self.bytes >= count

    def longest_gap(self):
        """Seconds, from the submission to the end."""
        self.thread.join(60)
        expect(self.ended is not None, "the job did not end")
        times = [*self.grew, self.ended]
        return max(b - a for a, b in zip(times, times[1:]))


def table_of_sources(rows):
    """Lines of a table: [(host, figures)…], bytes by source."""
    head = ("", "origin", "peers", "cache", "wasted")
    cells = [(name, *(f"{figures[source]:,}" for source in head[1:])) for name, figures in rows]
    widths = [max(len(row[i]) for row in [head, *cells]) for i in range(len(head))]
    return ["  ".join([row[0].ljust(widths[0])] + [cell.rjust(width) for cell, width in zip(row[1:], widths[1:])])
            for row in [head, *cells]]


def scratch(lab, name):
    """An empty directory of the lab."""
    shutil.rmtree(lab.directory / name, ignore_errors=True)
    return lab.folder(name)


def told(value):
    """A value for an error text."""
    return json.dumps(value)[:800]


__all__ = ["CATALOGUE_PORT", "MIB", "Office", "OfficeHost", "Progress", "SWARM_PORT", "scratch", "table_of_sources", "told"]
