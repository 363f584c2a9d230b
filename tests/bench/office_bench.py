"""The LAN: larder from its peers beside curl from an nginx on a peer's machine, over the same links. Part of bench.py.

Hosts are network namespaces (veth, bridge, tbf); where these are not permitted nothing here is measured, since a loopback
has no line to fill.
"""

import contextlib
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import time

from bench_table import Sample, benchmark, fresh, interleaved, median, settled_memory
from lab_office import WEB_PORT, Office
from lab_servers import Nginx
from larder_lab import GIB, KIB, MIB, Skip, expect_equal, file_sha256

LAN_MBIT = 1000
TLS_PORT = 8443
TICKS = os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def office(s, hosts, lan_mbit=None, log_level="info", **sections):
    with Office(s.lab, hosts, None, lan_mbit, agent={"log_level": log_level}, cache={"max_size": "20 GiB", "keep_free": "64 MiB"},
                **sections) as made:
        if made.loopback:
            raise Skip(made.loopback)
        made.make_group()
        try:
            yield made
        finally:
            made.close()
            for host in made.hosts:
                shutil.rmtree(host.agent.directory, ignore_errors=True)


def tree_cpu(pid):
    """CPU seconds of a process and its children that still run (nginx and its workers)."""
    total, waiting = 0.0, [pid]
    while waiting:
        number = waiting.pop()
        with contextlib.suppress(OSError):
            fields = pathlib.Path(f"/proc/{number}/stat").read_text().rsplit(")", 1)[1].split()
            total += (int(fields[11]) + int(fields[12])) / TICKS
            waiting += map(int, pathlib.Path(f"/proc/{number}/task/{number}/children").read_text().split())
    return total


def run_on(host, command):
    """A command on a host's place: wall and CPU seconds."""
    started = time.monotonic()
    process = subprocess.Popen([*host.place.prefix(), *map(str, command)], stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    errors = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    expect_equal(process.returncode, 0, f"exit status of {command[0]} ({errors.decode()[-400:]})")
    return Sample(time.monotonic() - started, usage.ru_utime + usage.ru_stime)


class Pair:
    """A file that some hosts of the office have and the last one takes, by larder and by curl."""

    def __init__(self, s, made, size, holders=1, tls=False):
        self.s, self.office, self.size = s, made, size
        self.holders, self.taker = made.hosts[:holders], made.hosts[-1]
        self.url = made.publish("/bench", f"bench {size}", size)
        for host in self.holders:
            host.fetch(self.url)
        first = self.holders[0]
        server = f"location / {{ root {made.root}; }}"
        if tls:
            certificate, key = self.certificate()
            server += f" listen {first.address}:{TLS_PORT} ssl; ssl_certificate {certificate}; ssl_certificate_key {key};" \
                      " ssl_protocols TLSv1.3;"
        self.nginx = s.lab.server(Nginx(s.lab.folder(f"nginx-lan-{size}-{holders}-{tls}"), made.root, server=server,
                                        address=first.address, port=WEB_PORT, place=first.place))
        self.plain = f"http://{first.address}:{WEB_PORT}/bench"
        self.tls = f"https://{first.address}:{TLS_PORT}/bench"
        self.ours, self.theirs = (s.lab.folder("lan") / name for name in ("ours", "theirs"))
        self.served = []  # CPU seconds of the serving side, of larder's runs
        self.nginx_served = []

    def certificate(self):
        folder = self.s.lab.folder("tls")
        certificate, key = folder / "cert.pem", folder / "key.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                        key, "-out", certificate, "-days", "30", "-subj", "/CN=bench"], check=True, capture_output=True)
        return certificate, key

    def larder(self):
        fresh(self.taker.agent)
        self.ours.unlink(missing_ok=True)
        taken = self.taker.api.status()["bytes"]["peers"]
        before = [h.agent.cpu_seconds() for h in (*self.holders, self.taker)]
        sample = run_on(self.taker, self.taker.agent.larder_command("get", "--quiet", self.url, "-o", self.ours))
        after = [h.agent.cpu_seconds() for h in (*self.holders, self.taker)]
        spent = [b - a for a, b in zip(before, after)]
        self.served.append(sum(spent[:-1]))
        sample.cpu += spent[-1]
        expect_equal(self.taker.api.status()["bytes"]["peers"] - taken, self.size, "bytes from peers")
        return sample

    def curl(self, url=None):
        self.theirs.unlink(missing_ok=True)
        before = tree_cpu(self.nginx.process.pid)
        sample = run_on(self.taker, ["curl", "-s", "-k", "-o", self.theirs, url or self.plain])
        self.nginx_served.append(tree_cpu(self.nginx.process.pid) - before)
        return sample

    def close(self):
        expect_equal(file_sha256(self.ours), self.office.digests[self.url], "SHA-256 of the bytes")
        self.nginx.stop()
        self.ours.unlink(missing_ok=True)
        self.theirs.unlink(missing_ok=True)


def speed_row(table, what, size, ours, theirs, other, target):
    """Ratios of speed, not of time: the targets are such."""
    rate = [size / MIB / median(samples) for samples in (ours, theirs)]
    spread = f"{size / MIB / max(s.wall for s in ours):.0f}–{size / MIB / min(s.wall for s in ours):.0f}"
    ratio = rate[0] / rate[1]
    table.add(what, f"{rate[0]:.1f} MiB/s ({spread})", f"{other} {rate[1]:.1f} MiB/s", f"{ratio:.3f} of its speed",
              f"≥ {target}" if target else "–", ratio >= target if target else None)


@benchmark
def lan_gigabit(s):
    """512 MiB over a LAN of 1 Gbit/s: from one peer, from three."""
    size = 64 * MIB if s.quick else 512 * MIB
    rounds = min(s.rounds, 5)
    with office(s, 4, LAN_MBIT) as made:
        one = Pair(s, made, size, holders=1)
        found = interleaved(rounds, larder=one.larder, curl=one.curl)
        what = f"{size // MIB} MiB over a LAN of 1 Gbit/s"
        speed_row(s.table, f"{what}, from one peer", size, found["larder"], found["curl"], "curl -o from nginx there", 0.93)
        fresh(one.taker.agent)  # so that it serves nobody, and can be emptied each time
        for host in made.hosts[1:3]:
            host.fetch(one.url)
        one.holders = made.hosts[:3]
        three = interleaved(rounds, larder=one.larder)
        speed_row(s.table, f"{what}, from three peers", size, three["larder"], found["larder"], "from one peer", 0.98)
        one.close()


@benchmark
def lan_unshaped(s):
    """As fast as veth goes; beside curl over TLS, since the swarm is encrypted too; CPU seconds for each GiB."""
    size = 64 * MIB if s.quick else 512 * MIB
    with office(s, 2) as made:
        pair = Pair(s, made, size, tls=True)
        found = interleaved(s.rounds, larder=pair.larder, curl=lambda: pair.curl(pair.tls))
        speed_row(s.table, f"{size // MIB} MiB over unshaped veth, one peer", size, found["larder"], found["curl"],
                  "curl from nginx over TLS 1.3", None)
        gib = size / GIB
        ours = (statistics.median(pair.served) / gib, median(found["larder"], "cpu") / gib)
        theirs = (statistics.median(pair.nginx_served) / gib, median(found["curl"], "cpu") / gib)
        s.table.add("CPU for each GiB, encrypted: serving + taking side", f"{ours[0]:.2f} s + {ours[1]:.2f} s",
                    f"nginx {theirs[0]:.2f} s + curl {theirs[1]:.2f} s", f"{sum(ours) / sum(theirs):.2f}×", "–", None,
                    "larder hashes each block, syncs, and copies to the destination")
        seconds = statistics.median(take_seconds(pair) for _ in range(s.rounds))
        s.table.add(f"{size // MIB} MiB over unshaped veth, the job alone", f"{size / MIB / seconds:.0f} MiB/s", "–", "–", "–",
                    None, "from submission to the end, without the copy to a destination")
        pair.close()
    swarm_alone(s, size)


def take_seconds(pair):
    """From submission to `transferred`: without the copy that `larder get` makes."""
    fresh(pair.taker.agent)
    started = time.monotonic()
    job_id = pair.taker.submit(pair.url)
    job = pair.taker.api.wait(job_id)
    seconds = time.monotonic() - started
    expect_equal((job["state"], job["figures"]["peers"]), ("transferred", pair.size), "state and bytes from peers")
    pair.taker.api.act(job_id, "complete")
    return seconds


def swarm_alone(s, size):
    """The swarm beside a bare libtorrent pair with the same encryption (larder_swarm_throughput)."""
    program = s.lab.bin_dir / "larder_swarm_throughput"
    if not program.exists():
        s.texts.append(f"The swarm beside a bare libtorrent pair was not measured: {program.name} is not built.")
        return print(s.texts[-1])
    done = subprocess.run([program, str(size // MIB), str(s.rounds)], capture_output=True, text=True, check=False)
    expect_equal(done.returncode, 0, f"exit status of {program.name} ({done.stderr[-400:]})")
    s.texts.append(f"The swarm without the rest of the agent (`{program.name}`):\n\n```\n{done.stdout.strip()}\n```")
    print(s.texts[-1])
    for name, ours, bare, ratio in re.findall(r"^(TLS|plain TCP)\s+([\d.]+) MiB/s\s+([\d.]+) MiB/s\s+([\d.]+)", done.stdout, re.M):
        s.table.add(f"the swarm alone, {name}, {size // MIB} MiB", f"{ours} MiB/s", f"bare libtorrent {bare} MiB/s",
                    f"{ratio} of its speed", "≥ 0.8", float(ratio) >= 0.8)


class ProbeTimes:
    """When the origin had answered the HEAD of a path (wall clock, to the millisecond), from a log of its own."""

    FORMAT = "log_format times '$msec $request_method $request_uri'; access_log {file} times;"

    def __init__(self, file):
        self.file = file

    def head(self, path):
        lines = [line.split() for line in self.file.read_text().splitlines()]
        times = [float(line[0]) for line in lines if len(line) == 3 and line[1:] == ["HEAD", path]]
        return times[-1] if times else None


@benchmark
def lan_latency(s):
    """A small file from a peer, from the end of the version probe to the event that says `transferred`."""
    times = 5 if s.quick else 41
    with office(s, 2) as made:
        log = ProbeTimes(s.lab.directory / "probe-times.log")
        made.origin.stop()
        made.origin = s.lab.server(Nginx(s.lab.folder("nginx-probe"), made.root, address=made.origin.address, port=WEB_PORT,
                                         place=made.net.internet, http=ProbeTimes.FORMAT.format(file=log.file)))
        for size, target in ((64 * KIB, 0.015), (16 * MIB, 0.250)):
            seconds = []
            for number in range(times if size < MIB else max(3, times // 3)):
                path = f"/latency-{size}-{number}"
                url = made.publish(path, path, size)
                made.hosts[0].fetch(url)
                seconds.append(after_probe(made.hosts[1], url, path, log))
            middle = statistics.median(seconds)
            s.table.add(f"{size // KIB} KiB from a peer, after the probe", f"{middle * 1000:.1f} ms "
                        f"({min(seconds) * 1000:.1f}–{max(seconds) * 1000:.1f})", "–", f"{middle * 1000:.1f} ms",
                        f"≤ {target * 1000:.0f} ms", middle <= target, f"{len(seconds)} files, each once")


def after_probe(host, url, path, log):
    with host.api.events() as stream:
        job_id = host.submit(url)
        while event := stream.next(30):
            if event["event"].startswith("job.") and event["data"]["id"] == job_id and \
                    event["data"]["state"] == "transferred":
                break
        now = time.time()
    job = host.api.job(job_id)
    expect_equal((job["state"], job["figures"]["peers"]), ("transferred", job["size"]), "state and bytes from peers")
    host.api.act(job_id, "complete")
    return now - log.head(path)


@benchmark
def lookup(s):
    """Twenty agents; one asks for what another has, and for what nobody has."""
    agents, times = (5, 10) if s.quick else (20, 200)
    with office(s, agents, log_level="debug") as made:
        urls = []
        for number in range(times):
            urls.append(made.publish(f"/l{number}", f"lookup {number}", 20 * KIB))
            made.hosts[number % (agents - 1)].fetch(urls[-1])
        for url in urls:
            made.hosts[-1].fetch(url)
        found = lookups(made.hosts[-1])
        expect_equal(len(found) >= times, True, f"at least {times} look-ups in the log ({len(found)})")
        middle, late = statistics.median(found), statistics.quantiles(found, n=100)[98]
        s.table.add(f"look-up among {agents} agents, {len(found)} of them", f"median {middle:.2f} ms, 99th {late:.2f} ms", "–",
                    f"{middle:.2f} / {late:.2f} ms", "≤ 5 / 30 ms", middle <= 5 and late <= 30)


def lookups(host):
    """Milliseconds of each look-up, as the agent's log has them: from the wish to what the holders' catalogues said."""
    return [float(m) for m in re.findall(r"looked for a version .*took_ms=([\d.]+)", host.agent.log_file.read_text())]


@benchmark
def offered_records(s):
    """CPU and memory of an idle agent that offers 10,000 records to a group."""
    records, seconds = (1000, 5) if s.quick else (10_000, 30)
    fill = s.lab.bin_dir / "larder_index_curve"
    if not fill.exists():
        raise Skip(f"{fill} is not built")
    with office(s, 2) as made:
        host = made.hosts[0]
        host.agent.stop()
        (host.agent.state / "larder.db").unlink()
        for leftover in host.agent.state.glob("larder.db-*"):
            leftover.unlink()
        shutil.rmtree(host.agent.state / "contents", ignore_errors=True)
        subprocess.run([fill, "--fill", str(records), "--state", host.agent.state], check=True, capture_output=True)
        host.agent.start()
        made.wait_acquainted()
        expect_equal(host.api.status()["cache"]["records"], records, "records")
        settled_memory(host.agent)
        before, started = host.agent.cpu_seconds(), time.monotonic()
        time.sleep(seconds)
        share = (host.agent.cpu_seconds() - before) / (time.monotonic() - started)
        memory = host.agent.memory()
        s.table.add(f"idle with {records:,} records offered, over {seconds} s", f"CPU {share:.2%}, memory {memory / MIB:.1f} MiB",
                    "–", f"{share:.2%}, {memory / MIB:.1f} MiB", "< 1 %, < 100 MiB", share < 0.01 and memory < 100 * MIB)
