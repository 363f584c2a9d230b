"""The laboratory: runs the real larderd and larder from outside, on a directory of its own.

    with Lab(bin_dir) as lab:
        agent = lab.agent()
        job = agent.api.create([lab.origin.serve("/a", EditionResource([edition]))])
        agent.api.wait(job["id"])

Everything that a Lab starts ends with it. Waiting is by events (readiness datagram, pidfd, the API's event stream, the
origin's condition); what gives no event is polled at a short interval, always with a deadline.
"""

import argparse
import contextlib
import hashlib
import json
import os
import pathlib
import pickle
import select
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

from lab_api import Api, ApiError, FINAL  # noqa: F401 (used by the modules that import this one)
from lab_origin import Answer, Edition, EditionResource, LabOrigin, http_date, seeded_bytes  # noqa: F401
from lab_servers import Nginx, Squid, caching_nginx, find_program, free_port, slicing_nginx  # noqa: F401

ROOT = pathlib.Path(__file__).resolve().parents[2]
KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
DEADLINE = 60.0
LAB_NAME = "larder-lab-"  # then the process, or "kept"


class Skip(Exception):
    """The scenario cannot run here; the text says why."""


def segment_size(size):
    """docs/design.md, Hashes and segments: the smallest power of two not below size/64, at least 2 MiB, at most 64 MiB."""
    segment = 2 * MIB
    while segment < 64 * MIB and segment < size / 64:
        segment *= 2
    return segment


def wait_until(condition, timeout=DEADLINE, what="the condition", interval=0.01):
    """For what gives no event."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {timeout} s")
        time.sleep(interval)


def toml(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(toml(v) for v in value) + "]"
    return json.dumps(value)


def config_text(sections):
    """{"agent": {…}, "hook": [{…}]} as TOML; a list of tables for a list."""
    lines = []
    for name, body in sections.items():
        for table in body if isinstance(body, list) else [body]:
            lines.append(f"[[{name}]]" if isinstance(body, list) else f"[{name}]")
            lines += [f"{key} = {toml(value)}" for key, value in table.items()]
            lines.append("")
    return "\n".join(lines)


def run_as(uid, function):
    """function() in a child process as another user; its value (or exception) comes back."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.close(reader)
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
            try:
                value = (True, function())
            except Exception as error:  # handed to the parent, which raises it
                value = (False, RuntimeError(f"{type(error).__name__}: {error}"))
            with os.fdopen(writer, "wb") as out:
                pickle.dump(value, out)
            status = 0
        finally:
            os._exit(status)
    os.close(writer)
    with os.fdopen(reader, "rb") as result:
        data = result.read()
    os.waitpid(child, 0)
    if not data:
        raise RuntimeError("the child process ended without a result")
    good, value = pickle.loads(data)
    if not good:
        raise value
    return value


def nobody():
    import pwd
    return pwd.getpwnam("nobody").pw_uid


class Agent:
    """One larderd: its configuration, state directory and process. Survives stop, kill and start again."""

    def __init__(self, bin_dir, directory, sections=None, environment=None, prefix=()):
        self.bin_dir = pathlib.Path(bin_dir)
        self.prefix = list(prefix)  # in front of larderd: how a program is started where it shall run
        self.directory = pathlib.Path(directory)
        self.state = self.directory / "state"
        self.runtime = self.directory / "run"
        self.log_file = self.directory / "larderd.log"
        self.config_file = self.directory / "larder.toml"
        self.socket = self.runtime / "api.sock"
        proxies = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
        self.environment = {k: v for k, v in os.environ.items() if k.lower() not in proxies}
        self.environment.update(environment or {})
        for made in (self.directory, self.state, self.runtime):
            made.mkdir(parents=True, exist_ok=True)
        self.configure(sections or {})
        self.process = None
        self.ready_after = None  # seconds from exec to readiness of the last start
        self.api = Api(self.socket)

    def configure(self, sections):
        merged = {"agent": {"state_directory": str(self.state), "runtime_directory": str(self.runtime),
                            "log_level": "debug"},
                  "cache": {"max_size": "20 GiB", "keep_free": "64 MiB"}}
        for name, body in sections.items():
            merged[name] = body if isinstance(body, list) else {**merged.get(name, {}), **body}
        self.config_file.write_text(config_text(merged))

    def start(self, timeout=20.0):
        """Returns once the agent said that it is ready (sd_notify)."""
        if self.process and self.process.poll() is None:
            raise RuntimeError("the agent runs already")
        notify_path = str(self.directory / "notify.sock")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(notify_path)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.bind(notify_path)
            environment = {**self.environment, "NOTIFY_SOCKET": notify_path}
            with open(self.log_file, "ab") as log:
                started = time.monotonic()
                self.process = subprocess.Popen([*self.prefix, self.bin_dir / "larderd", "--config", self.config_file],
                                                env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            pidfd = os.pidfd_open(self.process.pid)
            try:
                deadline = started + timeout
                while True:
                    ready, _, _ = select.select([notify, pidfd], [], [], max(0.0, deadline - time.monotonic()))
                    if notify in ready and b"READY=1" in notify.recv(4096):
                        self.ready_after = time.monotonic() - started
                        return self
                    if pidfd in ready:
                        raise RuntimeError(f"larderd ended with {self.process.wait()}: {self.log_tail()}")
                    if not ready:
                        raise TimeoutError(f"larderd is not ready after {timeout} s: {self.log_tail()}")
            finally:
                os.close(pidfd)

    def log_tail(self, count=1500):
        return self.log_file.read_text(errors="replace")[-count:] if self.log_file.exists() else ""

    @property
    def running(self):
        return self.process is not None and self.process.poll() is None

    def stop(self, timeout=15.0):
        """SIGTERM; the exit status. A stop that does not come is an error, after a kill."""
        if not self.process:
            return None
        if self.running:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise TimeoutError(f"larderd does not stop within {timeout} s: {self.log_tail()}") from None

    def kill(self):
        if self.process:
            self.process.kill()
            self.process.wait()

    def pause(self):
        """SIGSTOP: its connections stay, and it says nothing any more."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def restart(self):
        self.stop()
        return self.start()

    def larder(self, *arguments, check=False, timeout=120.0, **options):
        """Runs the command line against this agent; a CompletedProcess with text."""
        options.setdefault("cwd", self.directory)
        done = subprocess.run(self.larder_command(*arguments), capture_output=True, text=True, timeout=timeout, **options)
        if check and done.returncode != 0:
            raise RuntimeError(f"larder {' '.join(map(str, arguments))}: {done.returncode}: {done.stderr[-800:]}")
        return done

    def larder_command(self, *arguments):
        return [str(self.bin_dir / "larder"), "--socket", str(self.socket), *map(str, arguments)]

    def process_status(self):
        text = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return {line.split(":")[0]: line.split(":")[1].strip() for line in text.splitlines() if ":" in line}

    def memory_peak(self):
        return int(self.process_status()["VmHWM"].split()[0]) * KIB

    def memory(self):
        return int(self.process_status()["VmRSS"].split()[0]) * KIB

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def check_cache(self):
        """Index against bytes, by larder_cache_check: (all well, its report)."""
        done = subprocess.run([self.bin_dir / "larder_cache_check", self.state], capture_output=True, text=True,
                              timeout=300)
        return done.returncode == 0, (done.stdout + done.stderr).strip()

    def check_cache_soon(self, timeout=20.0):
        """As check_cache, once maintenance had its time: what must hold then."""
        report = ""

        def well():
            nonlocal report
            good, report = self.check_cache()
            return good

        try:
            wait_until(well, timeout, "the cache check", 0.1)
        except TimeoutError:
            raise AssertionError(f"larder_cache_check: {report[-1500:]}") from None


def memory_with_room(needed):
    """A folder in memory with room for `needed` bytes, or None. For several hosts that are timed: they have a disk each, and
    this machine has one, which all of them would write to and sync in the same moment."""
    with contextlib.suppress(OSError):
        for left in pathlib.Path("/dev/shm").glob(LAB_NAME + "[0-9]*-*"):  # by a run that was killed
            if not pathlib.Path("/proc", left.name.removeprefix(LAB_NAME).split("-")[0]).exists():
                shutil.rmtree(left, ignore_errors=True)
        memory = os.statvfs("/dev/shm")
        available = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        if min(memory.f_bavail * memory.f_frsize, available) > needed:
            return "/dev/shm"
    return None


class Lab:
    """In `base`, or else in the temporary directory."""

    def __init__(self, bin_dir, keep=False, base=None, programs=("larderd", "larder")):
        self.bin_dir = pathlib.Path(bin_dir).resolve()
        for program in programs:
            if not (self.bin_dir / program).exists():
                raise FileNotFoundError(f"{self.bin_dir / program} is not built (make build)")
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix=LAB_NAME + ("kept-" if keep else f"{os.getpid()}-"), dir=base))
        os.chmod(self.directory, 0o755)
        self.keep = keep
        self.agents, self.servers, self.origins, self.undo = [], [], [], []
        self._origin = None

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        for agent in self.agents:
            agent.kill()
        for server in self.servers:
            server.stop()
        for origin in self.origins:
            origin.close()
        for step in reversed(self.undo):
            step()
        if self.keep:
            print(f"kept: {self.directory}", file=sys.stderr)
        else:
            shutil.rmtree(self.directory, ignore_errors=True)

    @property
    def origin(self):
        if self._origin is None:
            self._origin = self.new_origin()
        return self._origin

    def program(self, name):
        """A program of the tests: beside larderd, or else as this tree was built last."""
        beside = self.bin_dir / name
        return beside if beside.exists() else ROOT / "build" / "release" / "bin" / name

    def new_origin(self, **options):
        origin = LabOrigin(**options)
        self.origins.append(origin)
        return origin

    def new_agent(self, name="agent", environment=None, directory=None, prefix=(), **sections):
        agent = Agent(self.bin_dir, directory or self.directory / name, sections, environment, prefix)
        self.agents.append(agent)
        return agent

    def agent(self, name="agent", **sections):
        return self.new_agent(name, **sections).start()

    def server(self, server):
        self.servers.append(server)
        return server.start()

    def folder(self, name):
        path = self.directory / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    def file(self, name, seed, size):
        """A seeded file of the lab's directory, written in pieces."""
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_seeded(path, seed, size)
        return path

    def tmpfs(self, name, size):
        """A file system of `size` bytes at lab/name; Skip where mounting is not permitted."""
        path = self.folder(name)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "larder-lab", str(path)],
                              capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Skip(f"mounting a tmpfs is not permitted here: {done.stderr.strip()}")
        self.undo.append(lambda: subprocess.run(["umount", "-l", str(path)], check=False))
        return path


def write_seeded(path, seed, size, piece=64 * MIB):
    with open(path, "wb") as out:
        for number, start in enumerate(range(0, size, piece)):
            out.write(seeded_bytes(f"{seed}/{number}", min(piece, size - start)))
    return path


def file_sha256(path):
    with open(path, "rb") as data:
        return hashlib.file_digest(data, "sha256").hexdigest()


def check_figures(job):
    """docs/design.md, Jobs: origin + peers + cache == size, exactly, for each finished file."""
    for file in job["files"]:
        if file["state"] == "transferred":
            figures = file["figures"]
            total = figures["origin"] + figures["peers"] + figures["cache"]
            expect(total == file["size"], f"figures of file {file['index']}: {figures}, size {file['size']}")


def expect(condition, text):
    """assert that also holds with -O, and says what was seen."""
    if not condition:
        raise AssertionError(text)


def expect_equal(seen, wanted, what):
    expect(seen == wanted, f"{what}: {seen!r}, wanted {wanted!r}")


def expect_soon(look, wanted, what, timeout=10.0):
    """For what goes a moment after the answer: a private record after its job, for one."""
    try:
        wait_until(lambda: look() == wanted, timeout, what)
    except TimeoutError:
        expect_equal(look(), wanted, what)


def expect_error(job, *codes, state="error", text=()):
    """The job is in `state` with one of `codes`, in words that start as every message does and hold `text`."""
    expect_equal(job["state"], state, f"state (error {job.get('error')})")
    error = job["error"] or next((f["error"] for f in job["files"] if f.get("error")), None)
    expect(error is not None, "no error is told")
    expect(error["code"] in codes, f"code {error['code']}, wanted one of {codes}: {error['message']}")
    expect(error["message"].startswith("cannot "), f"message does not say what could not be done: {error['message']}")
    for part in [text] if isinstance(text, str) else text:
        expect(part.lower() in error["message"].lower(), f"message does not say {part!r}: {error['message']}")
    return error


def named(case, error):
    """The error with the case in front; its own type stays in the words."""
    kind = "" if isinstance(error, AssertionError) else f"{type(error).__name__}: "
    return AssertionError(f"{case}: {kind}{error}")


def bin_dir_argument(parser: argparse.ArgumentParser):
    parser.add_argument("--bin-dir", default=str(ROOT / "build" / "release" / "bin"), help="where larderd and larder are")


def options_told():
    """The options of this command for a document: where the programs lay is nobody's business there."""
    told, skip = [], False
    for argument in sys.argv[1:]:
        if not skip and not argument.startswith("--bin-dir"):
            told.append(shlex.quote(argument))
        skip = argument == "--bin-dir"
    return told
