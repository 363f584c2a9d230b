"""One user takes all that there is to take: connections, places of a host, slots, judges, descriptors, memory, the disk.
What another user asks for comes all the same. Two users of one machine and the real programs."""

import concurrent.futures
import contextlib
import os
import pathlib
import shutil
import socket
import time

from larder_lab import (KIB, MIB, Api, ApiError, Edition, EditionResource, Skip, expect, expect_equal, http_date, named,
                        nobody, run_as, seeded_bytes, wait_until)
from lab_servers import Nginx
from slow_server import SlowServer

CASES = {}
_T = 1_700_000_000
HONEST, OTHER = 12_345, 12_346  # users without any right, as the greedy one
SOON = 8.0  # well below the minute after which what is slow gives way
DEADLINE = {"retry_delay_s": 0.1, "no_progress_timeout_s": 60}


def case(function):
    CASES[function.__name__] = function
    return function


class Holder:
    """A process of another user that has done `work` and goes on holding what it has until the end."""

    def __init__(self, uid, work):
        ready, told = os.pipe()
        until, self.end = os.pipe()
        self.child = os.fork()
        if self.child == 0:
            status = 1
            try:
                os.close(ready)
                os.close(self.end)
                os.setgroups([])
                os.setresgid(uid, uid, uid)
                os.setresuid(uid, uid, uid)
                kept = work()
                os.write(told, b"1")
                os.close(told)
                os.read(until, 1)
                del kept
                status = 0
            finally:
                os._exit(status)
        os.close(told)
        os.close(until)
        good = os.read(ready, 1)
        os.close(ready)
        if not good:
            self.stop()
            raise RuntimeError("the greedy user could not do what it wanted")

    def stop(self):
        if self.child:
            os.close(self.end)
            os.waitpid(self.child, 0)
            self.child = 0


class Scene:
    def __init__(self, seed, lab):
        self.seed, self.lab, self.origin = seed, lab, lab.origin
        self.undo = []
        self.nginx = None  # serves the files, where it was started

    def start_nginx(self, rate):
        """For what is timed: the lab's origin is one thread of Python, which the greedy user's requests slow down for all."""
        root = self.lab.directory / "files"
        root.mkdir()
        server = f"root {root}; location / {{ limit_rate {rate}; }} location /kept- {{ }}"
        self.nginx = self.lab.server(Nginx(self.lab.directory / "nginx", root=root, server=server))

    def start(self, **sections):
        hook = self.lab.directory / "hook.sh"
        hook.write_text("#!/bin/sh\nexec sleep 3\n")
        hook.chmod(0o755)
        sections.setdefault("hook", [{"name": "slow", "command": [str(hook)], "timeout": "30s"}])
        self.agent = self.lab.agent(**sections)
        self.api = self.agent.api
        self.socket = str(self.agent.socket)

    def slow_server(self, address):
        server = SlowServer(address)
        self.undo.append(server.stop)
        return server

    def file(self, name, size=64 * KIB, **options):
        edition = Edition(seeded_bytes(f"{self.seed} {name}", size), f'"{name}"', http_date(_T))
        if self.nginx:
            (self.nginx.root / name).write_bytes(edition.data)
            return self.nginx.url("/" + name), edition
        return self.origin.serve("/" + name, EditionResource([edition], **options)), edition

    def greedy(self, work):
        path = self.socket
        return run_as(nobody(), lambda: work(Api(path, timeout=60)))

    def hold(self, work, uid=None):
        """As the greedy user, and what `work` returns stays open."""
        path = self.socket
        holder = Holder(nobody() if uid is None else uid, lambda: work(path))
        self.undo.append(holder.stop)

    def honest_gets(self, name, within=SOON, size=64 * KIB, uid=HONEST, **options):
        """A download of another user, as it is asked for in the foreground; its seconds."""
        url, edition = self.file(name, size)
        path, file = self.socket, {"url": url}
        if options.pop("sha256", False):
            file["sha256"] = edition.sha256
        options = {"priority": "foreground", **DEADLINE, **options}

        def get():
            api = Api(path)
            job = api.wait(api.create([file], **options)["id"], timeout=within)
            data = api.content(job["id"]) if job["state"] == "transferred" else b""
            if job["state"] == "transferred":
                api.act(job["id"], "complete")
            return job["state"], job["error"], data

        started = time.monotonic()
        state, error, data = run_as(uid, get)
        expect_equal(state, "transferred", f"the honest user's job ({error})")
        expect(data == edition.data, "the honest user got other bytes")
        return time.monotonic() - started

    def end(self):
        for step in reversed(self.undo):
            step()


# --- what the greedy user does ----------------------------------------------------------------------------------------

def take_connections(s, jobs=40, least=60):
    """Requests to silent servers, more than there are connections; `least` of them are held."""
    servers = [s.slow_server(f"127.0.0.{n}") for n in range(2, 7)]

    def work(api):
        for number in range(jobs):
            urls = [server.url(f"{number}-{n}") for n, server in enumerate(servers)]
            api.create(urls, priority="foreground", use_peers=False, **DEADLINE)

    s.greedy(work)
    wait_until(lambda: sum(server.holding for server in servers) >= least, 20, "the greedy user's connections")
    return servers


def connections_to(port):
    """How many TCP connections the server at this port holds."""
    rows = [row.split() for row in pathlib.Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]]
    return sum(row[1].endswith(f":{port:04X}") and row[3] == "01" for row in rows)


def take_places_of_host(s, files=24):
    """Downloads of the host that others need, so slow that they never end."""
    urls = [s.file(f"large-{n}", 4 * MIB)[0] for n in range(files)]

    def work(api):
        for n in range(0, files, 8):
            api.create(urls[n:n + 8], priority="foreground", max_rate=1024, **DEADLINE)

    s.greedy(work)
    if s.nginx:
        return wait_until(lambda: connections_to(s.nginx.port) >= 12, 20, "the greedy user's places of the host")
    s.origin.wait_for(lambda: len([e for e in s.origin.log if e.request.method == "GET" and "/large-" in e.request.path]) >= 12,
                      20, "the greedy user's places of the host")


def take_slots(s, jobs=10):
    url, _ = s.file("high", 4 * MIB)

    def work(api):
        made = [api.create([url + f"?{n}"], priority="high", max_rate=1024, use_cache=False, **DEADLINE)["id"] for n in range(jobs)]
        for job in made[:8]:
            api.wait(job, ("connecting", "transferring"), 20)

    s.greedy(work)


def take_judges(s, files=60):
    urls = [s.file(f"tiny-{n}", 100)[0] for n in range(files)]

    def work(api):
        job = api.create(urls, priority="foreground", verdict={"hook": "slow"}, **DEADLINE)
        api.wait(job["id"], lambda j: sum(f["state"] == "validating" for f in j["files"]) >= min(40, files), 30)

    s.greedy(work)


def take_bodies(path, count=9):
    """Requests that promise the largest body there may be and send a byte of it."""
    held = []
    for _ in range(count):
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.connect(path)
        connection.sendall(b"POST /v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 4194304\r\n\r\n{")
        held.append(connection)
    time.sleep(0.3)  # paced: nothing tells that the agent has read so far
    return held


def take_descriptors(path, urls, connections=30, requests=8):
    """Asks for descriptors again and again and never reads an answer."""
    api = Api(path)
    job = api.wait(api.create(urls, priority="foreground", **DEADLINE)["id"])
    body = str(list(range(len(urls)))).encode()
    body = b'{"files":' + body + b"}"
    head = f"POST /v1/jobs/{job['id']}/descriptors HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    request = (head + f"Content-Length: {len(body)}\r\n\r\n").encode() + body
    held = []
    for _ in range(connections):
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.connect(path)
        connection.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            connection.send(request * requests)
        held.append(connection)
    time.sleep(1.0)  # paced: for the answers that nobody reads
    return held


# --- one thing at a time ----------------------------------------------------------------------------------------------

@case
def all_slots(s):
    s.start()
    take_connections(s)
    s.honest_gets("honest")
    s.honest_gets("roots", uid=0)


@case
def host_slots(s):
    s.start()
    take_places_of_host(s)
    s.honest_gets("honest")


@case
def places_of_a_host_are_at_once_for_who_has_been_there(s):
    s.start()
    s.honest_gets("before")
    take_places_of_host(s)
    expect(s.honest_gets("honest") < 1.0, "a place was not there at once")


@case
def what_lost_its_place_goes_on(s):
    """Nothing of the one that gives way is lost but its time."""
    s.start()
    editions = [s.file(f"mine-{n}", 3 * MIB, rate=0.5 * MIB) for n in range(16)]
    path = s.socket
    job = s.greedy(lambda api: api.create([url for url, _ in editions[:8]], priority="foreground", **DEADLINE))
    more = s.greedy(lambda api: api.create([url for url, _ in editions[8:]], priority="foreground", **DEADLINE))
    s.origin.wait_for(lambda: len({e.request.path for e in s.origin.log if e.request.method == "GET" and e.sent}) >= 16, 20,
                      "all places")
    s.honest_gets("honest")
    for made, part in ((job, editions[:8]), (more, editions[8:])):
        done = run_as(nobody(), lambda j=made: Api(path).wait(j["id"], timeout=40))
        expect_equal(done["state"], "transferred", f"the one that gave way ({done['error']})")
        for index, (_, edition) in enumerate(part):
            data = run_as(nobody(), lambda j=made, i=index: Api(path).content(j["id"], i))
            expect(data == edition.data, "other bytes after the place was given away")
    sent = sum(s.origin.sent(f"/mine-{n}") for n in range(16))
    expect(sent <= 1.15 * 48 * MIB, f"{sent / MIB:.1f} MiB were sent for 48")


@case
def priority_starve(s):
    s.start()
    take_slots(s)
    s.honest_gets("honest", priority="normal")
    s.honest_gets("low", priority="low")


@case
def hook_starve(s):
    s.start()
    take_judges(s)
    s.honest_gets("honest", size=1000, sha256=True)
    s.honest_gets("with-hook", size=1000, within=12, verdict={"hook": "slow"})


@case
def body_starve(s):
    s.start()
    s.hold(take_bodies)
    path, padding = s.socket, " " * (200 * KIB)
    url, _ = s.file("honest")

    def ask():
        body = f'{{"files":[{{"url":"{url}"}}]{padding}}}'
        return Api(path).raw("POST", "/v1/jobs", body)[0]

    for uid in (HONEST, OTHER):
        expect_equal(run_as(uid, ask), 201, "the answer to another user's request")


def start_as_user(s, files, **sections):
    """An agent without capabilities, as it is packaged: only there the kernel counts descriptors that are on their way."""
    if not shutil.which("setpriv") or not shutil.which("prlimit"):
        raise Skip("needs setpriv and prlimit")
    agent = s.lab.new_agent(prefix=("prlimit", f"--nofile={files}", "setpriv", f"--reuid={OTHER}", f"--regid={OTHER}",
                                    "--clear-groups"), **sections)
    for path in (agent.directory, agent.state, agent.runtime):
        os.chown(path, OTHER, OTHER)
    os.chmod(agent.directory, 0o777)
    mask = os.umask(0)  # it tells that it is ready by a socket of this user's
    try:
        agent.start()
    finally:
        os.umask(mask)
    s.agent, s.api, s.socket = agent, agent.api, str(agent.socket)


def larder_as(s, uid, *arguments):
    home = s.lab.directory / f"home-{uid}"
    home.mkdir(exist_ok=True)
    os.chown(home, uid, uid)

    def run():
        os.environ["HOME"] = str(home)
        done = s.agent.larder(*arguments, cwd=home)
        return done.returncode, done.stderr

    return (*run_as(uid, run), home)


@case
def inflight_fds(s):
    start_as_user(s, 700)
    urls = [s.file(f"small-{n}", 100)[0] for n in range(64)]
    s.hold(lambda path: take_descriptors(path, urls))
    url, edition = s.file("honest", 300 * KIB)
    for name in ("first", "second"):
        status, errors, home = larder_as(s, HONEST, "get", "-o", name, url)
        expect_equal(status, 0, f"exit status of larder get ({errors[-300:]})")
        expect((home / name).read_bytes() == edition.data, "other bytes")


@case
def without_descriptors_the_stream_does(s):
    """The greedy user is the honest one: what is left for it is none, and the content comes as a stream."""
    start_as_user(s, 200)  # of which 175 may be on their way, and four fifths of them one user's
    urls = [s.file(f"small-{n}", 100)[0] for n in range(35)]
    s.hold(lambda path: take_descriptors(path, urls, connections=4), uid=HONEST)
    names = [f"honest-{n}" for n in range(3)]
    editions = [s.file(name, size) for name, size in zip(names, (300 * KIB, 0, 3 * MIB))]
    status, errors, home = larder_as(s, HONEST, "get", "-d", ".", *[url for url, _ in editions])
    expect_equal(status, 0, f"exit status of larder get ({errors[-300:]})")
    for name, (_, edition) in zip(names, editions):
        expect((home / name).read_bytes() == edition.data, f"other bytes in {name}")


@case
def disk_quota(s):
    directory = s.lab.tmpfs("small", 160 * MIB)
    os.chmod(directory, 0o755)
    s.start(agent={"state_directory": str(directory)}, cache={"max_size": "64 MiB", "keep_free": "16 MiB"})
    urls = [s.file(f"kept-{n}", 16 * MIB)[0] for n in range(9)]

    def keep(api):
        made = [api.create([url], retry_delay_s=1, no_progress_timeout_s=0)["id"] for url in urls]
        return [api.wait(job, timeout=60)["state"] for job in made]

    states = s.greedy(keep)
    space = os.statvfs(directory)
    expect(space.f_bavail * space.f_frsize >= 15 * MIB, f"{space.f_bavail * space.f_frsize / MIB:.1f} MiB are left free of 16")
    expect(states.count("transferred") >= 5, f"what the user may keep: {states}")
    s.honest_gets("honest", size=20 * MIB, within=30)
    job = s.greedy(lambda api: [j for j in api.jobs() if j["state"] == "error"][0])
    expect("your" in job["error"]["message"] or "stay free" in job["error"]["message"], f"words: {job['error']['message']}")


@case
def subuid(s):
    if not os.path.exists("/etc/subuid") or not shutil.which("unshare"):
        raise Skip("needs /etc/subuid and unshare")
    ranges = s.lab.directory / "subuid"
    ranges.write_text(f"{nobody()}:200000:65536\n")
    s.agent = s.lab.new_agent(prefix=("unshare", "-m", "sh", "-c", f'mount --bind {ranges} /etc/subuid && exec "$@"', "sh"),
                              jobs={"max_jobs": 20, "max_jobs_per_user": 5})
    try:
        s.agent.start()
    except RuntimeError as error:
        raise Skip(f"no mount namespace of its own: {error}") from error
    s.api, s.socket = s.agent.api, str(s.agent.socket)
    path = s.socket
    url, _ = s.file("f")

    def fill():
        made = 0
        with contextlib.suppress(ApiError):
            for _ in range(20):
                Api(path).create([url])
                made += 1
        return made

    made = sum(run_as(uid, fill) for uid in (nobody(), *range(200_000, 200_005)))
    expect_equal(made, 5, "jobs of one user by all of its ids")
    expect_equal(run_as(HONEST, fill), 5, "jobs of another user")


# --- all of it at once ------------------------------------------------------------------------------------------------

def download_all(s, prefix, count):
    """`count` downloads by the command, four at a time; the seconds."""
    editions = [s.file(f"{prefix}-{n}", 256 * KIB) for n in range(count)]
    started = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        ends = list(pool.map(lambda n: s.agent.larder("get", "--quiet", "-o", f"{prefix}-{n}", editions[n][0], user=HONEST,
                                                      group=HONEST, cwd=s.home, env={"HOME": str(s.home), "PATH": "/usr/bin:/bin"}),
                             range(count)))
    seconds = time.monotonic() - started
    for n, done in enumerate(ends):
        expect_equal(done.returncode, 0, f"exit status of download {n} ({done.stderr[-300:]})")
        expect((s.home / f"{prefix}-{n}").read_bytes() == editions[n][1].data, f"other bytes in download {n}")
    return seconds


def downloads_beside(s, count, most):
    directory = s.lab.tmpfs("small", 200 * MIB)
    s.start_nginx(rate=1 * MIB)
    s.start(agent={"state_directory": str(directory)}, cache={"max_size": "64 MiB", "keep_free": "16 MiB"})
    s.home = s.lab.directory / "home"
    s.home.mkdir()
    os.chown(s.home, HONEST, HONEST)
    download_all(s, "warm", 4)
    alone = download_all(s, "alone", count)
    # What needs connections of its own goes first: in the end the greedy user's requests stand in its own line.
    # Half of the disk, so that its requests are not refused for that alone; the other half it goes on wanting all the time.
    kept = [s.file(f"kept-{n}", 16 * MIB)[0] for n in range(18)]
    s.greedy(lambda api: api.wait(api.create(kept[:5], **DEADLINE)["id"], ("transferred", "transient_error", "error")))
    take_judges(s)
    small = [s.file(f"small-{n}", 100)[0] for n in range(64)]
    s.hold(lambda path: take_descriptors(path, small, connections=16))
    take_places_of_host(s)
    take_slots(s)
    take_connections(s, jobs=20, least=30)
    s.greedy(lambda api: [api.create([url], **DEADLINE) for url in kept[5:]])
    s.hold(take_bodies)  # from here on none of its requests is read
    beside = download_all(s, "beside", count)
    expect(beside <= most * alone, f"{count} downloads: {beside:.2f} s beside the greedy user, {alone:.2f} s alone")
    return f"{beside / alone:.2f} times as long as alone"


@case
def some_downloads(s):
    return downloads_beside(s, 20, most=2.0)  # so few are over in a moment: what else the machine does counts as well


@case
def hundred_downloads(s):
    return downloads_beside(s, 100, most=1.2)


def run(seed, lab, name):
    if os.geteuid() != 0:
        raise Skip("needs root to act as several users")
    s = Scene(seed, lab)
    try:
        note = CASES[name](s)
    except Skip:
        raise
    except Exception as error:
        raise named(name, error) from error
    finally:
        s.end()
    expect(s.agent.running, f"{name}: larderd ended: {s.agent.log_tail()}")
    return note or name
