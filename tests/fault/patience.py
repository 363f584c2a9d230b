"""What is waited for and what is not: hosts that bear few requests, origins that always break below a segment, names and ports
that do not exist, and a network that changes under the connections. Origins are real nginx servers where they count requests."""

import contextlib
import os
import subprocess
import threading
import time

from lab_net import INTERNET, LAN, Net, ip, refused
from larder_lab import (KIB, MIB, Answer, Edition, EditionResource, Nginx, Skip, check_figures, expect, expect_equal,
                        file_sha256, free_port, seeded_bytes, wait_until)

CASES = {}
BLOCK = 16 * KIB
_T = 1_700_000_000


def case(function):
    CASES[function.__name__] = function
    return function


def edition(seed, size):
    return Edition(seeded_bytes(seed, size), etag=f'"{seed}"', last_modified=_T)


# -- hosts that bear few requests -------------------------------------------------------------------------------------
def counting_nginx(lab, name, zone, limit, rate="100k"):
    """Refuses what is beyond `limit` of the zone. nginx sends a second's worth of its rate at once: files are a little larger."""
    root = lab.folder(name + "-files")
    directory = lab.folder(name)
    server = f"location / {{ root {root}; {limit}; limit_rate {rate}; }}"
    return lab.server(Nginx(directory, http=zone, server=server)), root


def one_connection(lab, rate="100k"):
    zone = "limit_conn_zone $binary_remote_addr zone=z:1m; limit_conn_status 429;"
    return counting_nginx(lab, "one", zone, "limit_conn z 1", rate)


def small_files(root, count, first=0, size=110 * KIB):
    for number in range(first, first + count):
        (root / f"{number}.bin").write_bytes(seeded_bytes(f"small {number}", size))
    return [f"/{number}.bin" for number in range(first, first + count)]


def refusals(nginx):
    return sum(r["status"] in (429, 503) for r in nginx.requests())


@case
def a_host_that_serves_one_at_a_time(lab):
    """The refusals of the first moment narrow the host for all files, of this job and of others, and are remembered."""
    nginx, root = one_connection(lab)
    paths = small_files(root, 50)
    agent = lab.agent()
    first = agent.api.create([nginx.url(path) for path in paths[:40]])
    second = agent.api.create([nginx.url(path) for path in paths[40:46]])
    for job in (first, second):
        done = agent.api.wait(job["id"], timeout=90)
        expect_equal(done["state"], "transferred", f"the job ({done.get('error')})")
        check_figures(done)
    told = refusals(nginx)
    expect(told <= 10, f"{told} requests were refused for 46 files")
    later = agent.api.create([nginx.url(path) for path in paths[46:]], no_progress_timeout_s=0)
    done = agent.api.wait(later["id"], timeout=60)
    expect_equal(done["state"], "transferred", f"a later job that does not retry ({done.get('error')})")
    expect(refusals(nginx) <= told + 1, f"{refusals(nginx) - told} more for the later 4 files")
    return f"{told} of {len(nginx.requests())} requests refused"


@case
def a_first_burst_without_a_retry(lab):
    """That the host takes one connection only is no reason to fail, for one that does not want to try again either."""
    nginx, root = one_connection(lab)
    agent = lab.agent()
    done = agent.larder("get", *[nginx.url(path) for path in small_files(root, 12)], "-d", lab.folder("out"),
                        "--retry-for", "0")
    expect_equal(done.returncode, 0, f"larder get: {done.stderr}")
    expect_equal(len(list((lab.directory / "out").iterdir())), 12, "files")
    return f"{refusals(nginx)} refused"


@case
def a_host_that_counts_requests(lab):
    """One at a time is still too fast: they are set apart."""
    zone = "limit_req_zone $binary_remote_addr zone=z:1m rate=10r/s;"
    nginx, root = counting_nginx(lab, "paced", zone, "limit_req zone=z", "20m")
    agent = lab.agent()
    job = agent.api.create([nginx.url(path) for path in small_files(root, 30, size=10 * KIB)])
    done = agent.api.wait(job["id"], timeout=90)
    expect_equal(done["state"], "transferred", f"the job ({done.get('error')})")
    told = refusals(nginx)
    expect(told <= 25, f"{told} requests were refused for 30 files")
    return f"{told} of {len(nginx.requests())} requests refused"


@case
def one_large_file_of_such_a_host(lab):
    nginx, root = one_connection(lab, rate="1m")
    (root / "large").write_bytes(seeded_bytes("large", 6 * MIB))  # served in a few seconds
    agent = lab.agent()
    out = lab.directory / "large"
    done = agent.larder("get", nginx.url("/large"), "-o", out, "--parallel", "8")
    expect_equal(done.returncode, 0, f"larder get: {done.stderr}")
    expect_equal(file_sha256(out), file_sha256(root / "large"), "the file")
    expect(refusals(nginx) <= 10, f"{refusals(nginx)} refused")
    return f"{refusals(nginx)} of {len(nginx.requests())} requests refused"


@case
def a_file_that_is_refused_for_itself(lab):
    """503 for one file only: the others come, and it is asked for by the job's clock."""
    resources = [lab.origin.serve(f"/{number}", EditionResource([edition(f"f{number}", 300 * KIB)])) for number in range(24)]
    asked = []

    def away(request):
        asked.append(request.method)
        return Answer(503, body=b"not now")

    bad = lab.origin.serve("/bad", away)
    agent = lab.agent()
    job = agent.api.create([*resources[:4], bad, *resources[4:]], retry_delay_s=300)
    waits = agent.api.wait(job["id"], states=("transient_error",), timeout=60)
    states = [file["state"] for file in waits["files"]]
    expect_equal(states.count("transferred"), 24, f"files that are there ({states})")
    expect(len(asked) <= 6, f"asked {len(asked)} times within one attempt")
    return f"asked {len(asked)} times"


# -- origins that break below a segment -------------------------------------------------------------------------------
class Breaking:
    """Sends `each` bytes of an edition and hangs up, whatever is asked for. A reset takes along what has not been read yet:
    so slowly that it has been."""

    def __init__(self, editions, each, reset=False):
        self.file, self.each, self.reset, self.gets = EditionResource(editions), each, reset, 0

    def __call__(self, request):
        answer = self.file(request)
        if request.method == "GET" and answer.status in (200, 206):
            self.gets += 1
            answer.cut, answer.reset, answer.rate = self.each, self.reset, 4e6 if self.reset else 0.0
        return answer


@case
def an_origin_that_breaks_below_a_segment(lab):
    """Each attempt brings the file on by what it got; the delay between two does not grow while it does."""
    notes = []
    agent = lab.agent()
    for size, each, reset in ((5 * MIB + 77, 700_000, False), (900 * KIB, 300_000, False), (3 * MIB, 500_000, True)):
        file = edition(f"b{size}", size)
        breaking = Breaking([file], each, reset)
        job = agent.api.create([lab.origin.serve(f"/{size}", breaking)], retry_delay_s=0.1)
        done = agent.api.wait(job["id"], timeout=90)
        expect_equal(done["state"], "transferred", f"{size} bytes, {each} at a time ({done.get('error')})")
        check_figures(done)
        expect_equal(agent.api.content_sha256(job["id"]), file.sha256, "the bytes")
        expect_equal(done["files"][0]["figures"]["origin"], size, "from the origin")
        wasted = done["files"][0]["figures"]["wasted"]
        expect(wasted <= breaking.gets * BLOCK, f"{wasted} wasted in {breaking.gets} requests")
        expect(reset or breaking.gets <= size // (each - BLOCK) + 2, f"{breaking.gets} requests")
        notes.append(f"{breaking.gets} requests for {size // KIB} KiB")
    return ", ".join(notes)


@case
def an_origin_that_breaks_and_changes(lab):
    """What is there of the old edition below a segment is never put together with the new one."""
    old, new = edition("old", 4 * MIB), edition("new", 4 * MIB)
    breaking = Breaking([old, new], 700_000)
    agent = lab.agent()
    job = agent.api.create([lab.origin.serve("/f", breaking)], retry_delay_s=0.1)
    wait_until(lambda: breaking.gets >= 3, 30, "three attempts")
    breaking.file.current = 1
    done = agent.api.wait(job["id"], timeout=90)
    expect_equal(done["state"], "transferred", f"the job ({done.get('error')})")
    expect_equal(agent.api.content_sha256(job["id"]), new.sha256, "the bytes")
    check_figures(done)
    return f"{breaking.gets} requests"


@case
def a_pause_below_a_segment(lab):
    """Suspended and resumed: as after a break."""
    file = edition("paused", MIB + 500 * KIB)
    hold = threading.Event()
    resource = EditionResource([file])

    def first_half(request):
        answer = resource(request)
        if request.method == "GET" and not hold.is_set():
            answer.hold_at, answer.released = 800_000, hold
        return answer

    agent = lab.agent()
    job = agent.api.create([lab.origin.serve("/f", first_half)])
    wait_until(lambda: agent.api.job(job["id"])["files"][0]["bytes"] >= 700_000, 30, "the first half")
    agent.api.act(job["id"], "suspend")
    hold.set()
    agent.api.act(job["id"], "resume")
    done = agent.api.wait(job["id"], timeout=30)
    expect_equal(done["state"], "transferred", f"the job ({done.get('error')})")
    expect_equal(agent.api.content_sha256(job["id"]), file.sha256, "the bytes")
    offsets = [e.request.range[0] for e in lab.origin.log if e.request.method == "GET" and e.request.range]
    expect(offsets and offsets[-1] >= 700_000 - BLOCK, f"asked again from {offsets}")


# -- what cannot succeed ----------------------------------------------------------------------------------------------
def timed(agent, *arguments, **options):
    began = time.monotonic()
    done = agent.larder("get", *arguments, **options)
    return done, time.monotonic() - began


def closed_port():
    return f"http://127.0.0.1:{free_port()}/x"


@case
def what_cannot_succeed_fails_at_once(lab):
    agent = lab.agent()
    out = lab.directory / "out"
    for url, status, code in ((closed_port(), 22, "connect"), ("http://no-such-host.invalid/x", 21, "not known")):
        done, seconds = timed(agent, url, "-o", out, timeout=30)
        expect_equal(done.returncode, status, f"{url}: {done.stderr}")
        expect(seconds < 8, f"{url}: {seconds:.1f} s")
        expect("--retry-for" in done.stderr and "not tried again" in done.stderr, f"{url}: {done.stderr}")
        done, seconds = timed(agent, url, "-o", out, "--retry-for", "4s", "--retry-delay", "1s", timeout=30)
        expect_equal(done.returncode, status, f"{url} with --retry-for: {done.stderr}")
        expect(seconds >= 3.5, f"{url}: an explicit --retry-for 4s took {seconds:.1f} s ({code})")
    expect_equal(agent.api.jobs(), [], "no job stays")
    # In the background it stays patient.
    job = agent.api.create([closed_port()])
    agent.api.wait(job["id"], states=("transient_error",), timeout=20)
    later = agent.api.job(job["id"])
    expect(later["gives_up_at"] > later["retry_at"], f"{later['retry_at']} and {later['gives_up_at']}")


@case
def of_several_files_the_others_come(lab):
    agent = lab.agent()
    good = lab.origin.serve("/good", EditionResource([edition("good", MIB)]))
    done, seconds = timed(agent, good, closed_port(), "-d", lab.folder("out"), timeout=40)
    expect_equal(done.returncode, 22, f"larder get: {done.stderr}")
    expect(seconds < 15, f"{seconds:.1f} s")
    expect_equal((lab.directory / "out" / "good").read_bytes(), seeded_bytes("good", MIB), "the other file")


@case
def once_a_byte_has_come_it_goes_on(lab):
    """The origin dies in the middle, takes no connections for a while, and comes back: that is waited for."""
    root = lab.folder("files")
    (root / "f").write_bytes(seeded_bytes("f", 6 * MIB))
    nginx = lab.server(Nginx(lab.folder("nginx"), root, rate=2 * MIB))
    agent = lab.agent()
    command = agent.larder_command("get", nginx.url("/f"), "-o", lab.directory / "f", "--retry-delay", "1s")
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        with contextlib.ExitStack() as cleanup:
            cleanup.callback(process.kill)
            wait_until(lambda: any(job["bytes"] > 2 * MIB for job in agent.api.jobs()), 30, "the first bytes")
            nginx.stop()
            wait_until(lambda: "does not take the connection" in agent.log_tail(6000), 30, "a refused connection")
            expect(process.poll() is None, "the command gave up")
            nginx.start()
            _, errors = process.communicate(timeout=60)
            cleanup.pop_all()
    expect_equal(process.returncode, 0, f"larder get: {errors}")
    expect_equal(file_sha256(lab.directory / "f"), file_sha256(root / "f"), "the file")


@contextlib.contextmanager
def on_a_terminal(command):
    """(process, what the terminal has shown so far)."""
    leader, follower = os.openpty()
    shown = bytearray()

    def read():
        with contextlib.suppress(OSError):  # the other end is closed
            while piece := os.read(leader, 4096):
                shown.extend(piece)

    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=follower, stderr=follower)
    os.close(follower)
    reader = threading.Thread(target=read)
    reader.start()
    try:
        yield process, lambda: bytes(shown).decode(errors="replace")
    finally:
        process.terminate()
        process.wait(20)
        reader.join(20)
        os.close(leader)


@case
def what_may_come_back_is_tried_for_long(lab):
    """A name server that does not answer, and no way to the network: somebody may plug the cable in."""
    if why := refused():
        raise Skip(why)
    with Net(hosts=1) as net:
        host = net.hosts[0]
        ip("-n", host.namespace, "route", "del", "default")
        agent = lab.new_agent(prefix=host.prefix(), environment={"RES_OPTIONS": "timeout:1 attempts:1"})
        agent.start()
        for url in ("http://some-host.example/x", "http://203.0.113.7/x"):
            command = agent.larder_command("get", url, "-o", lab.directory / "out", "--retry-delay", "1s")
            with on_a_terminal(command) as (process, shown):
                wait_until(lambda: any(job["error_count"] >= 3 for job in agent.api.jobs()), 60, f"{url}: a third attempt")
                expect(process.poll() is None, f"{url}: given up: {shown()}")
                wait_until(lambda: "trying for another 9m" in shown(), 10, f"{url}: for how long ({shown()[-500:]})")
            for job in agent.api.jobs():
                agent.api.act(job["id"], "cancel")


# -- a network that changes -------------------------------------------------------------------------------------------
def move(host, old, new):
    """Another address, as after roaming or a new lease."""
    ip("-n", host.namespace, "addr", "del", f"{LAN}{old}/24", "dev", "eth0")
    ip("-n", host.namespace, "addr", "add", f"{LAN}{new}/24", "dev", "eth0")
    ip("-n", host.namespace, "route", "replace", "default", "via", LAN + "254")


@case
def an_address_that_is_gone(lab):
    """Connections that were kept, and one that is running, come from the old address; nothing waits for them."""
    if why := refused():
        raise Skip(why)
    with Net(hosts=1) as net:
        host = net.hosts[0]
        root = lab.folder("files")
        for number in range(4):
            (root / str(number)).write_bytes(seeded_bytes(f"n{number}", 200 * KIB))
        (root / "long").write_bytes(seeded_bytes("long", 12 * MIB))
        server = f"location / {{ root {root}; }} location = /long {{ root {root}; limit_rate 3m; }}"
        nginx = lab.server(Nginx(lab.folder("nginx"), server=server, address=INTERNET, port=80, place=net.internet))
        agent = lab.new_agent(prefix=host.prefix())
        agent.start()

        def get(path, timeout):
            began = time.monotonic()
            job = agent.api.create([f"http://{INTERNET}{path}"], retry_delay_s=1)
            done = agent.api.wait(job["id"], timeout=timeout)
            expect_equal(done["state"], "transferred", f"{path} ({done.get('error')})")
            return time.monotonic() - began

        get("/0", 20)
        notes = []
        for number, (old, new) in enumerate(((1, 101), (101, 102)), 1):
            move(host, old, new)
            seconds = get(f"/{number}", 90)
            expect(seconds < 10, f"{seconds:.1f} s after the address was changed")
            notes.append(f"{seconds:.1f} s")
        long = agent.api.create([f"http://{INTERNET}/long"], retry_delay_s=1)
        wait_until(lambda: agent.api.job(long["id"])["bytes"] > 2 * MIB, 30, "the first part")
        began = time.monotonic()
        move(host, 102, 103)
        done = agent.api.wait(long["id"], timeout=90)
        seconds = time.monotonic() - began
        expect_equal(done["state"], "transferred", f"the running download ({done.get('error')})")
        expect(seconds < 30, f"the running download took {seconds:.1f} s after the change")
        expect_equal(agent.api.content_sha256(long["id"]), file_sha256(root / "long"), "its bytes")
        return ", ".join([*notes, f"running {seconds:.1f} s"])


@case
def a_change_that_concerns_nobody(lab):
    """Another address comes and goes: what runs over those that stay goes on, in one request."""
    if why := refused():
        raise Skip(why)
    with Net(hosts=1) as net:
        host = net.hosts[0]
        root = lab.folder("files")
        (root / "long").write_bytes(seeded_bytes("long", 8 * MIB))
        nginx = lab.server(Nginx(lab.folder("nginx"), root, rate=2 * MIB, address=INTERNET, port=80, place=net.internet))
        agent = lab.new_agent(prefix=host.prefix())
        agent.start()
        job = agent.api.create([f"http://{INTERNET}/long"])
        wait_until(lambda: agent.api.job(job["id"])["bytes"] > MIB, 30, "the first part")
        for _ in range(3):
            ip("-n", host.namespace, "addr", "add", "192.0.2.77/24", "dev", "eth0")
            ip("-n", host.namespace, "addr", "del", "192.0.2.77/24", "dev", "eth0")
        done = agent.api.wait(job["id"], timeout=60)
        expect_equal(done["state"], "transferred", f"the job ({done.get('error')})")
        expect_equal(len([r for r in nginx.requests() if r["method"] == "GET"]), 1, "requests")


def run(seed, lab, case):  # pylint: disable=redefined-outer-name
    del seed
    return CASES[case](lab)
