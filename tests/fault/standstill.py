"""What stands still, and what is left behind: no path of a caller is opened, a thread that stands is noticed, a stop comes
to its end whatever stands in the way, and the secrets of ended jobs are nowhere."""

import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import threading
import time

from faults import make_certificate
from larder_lab import (MIB, ApiError, Edition, EditionResource, Skip, expect, expect_equal, named, seeded_bytes,
                        wait_until)

CASES = {}
STOP_WITHIN = 13.0  # the last resort comes after 10 s
_T = 1_700_000_000


def case(function):
    CASES[function.__name__] = function
    return function


def plain(seed, size=MIB):
    return EditionResource([Edition(seeded_bytes(seed, size), etag=f'"{seed}"', last_modified=_T)])


def works(agent, origin, name):
    """A download of somebody else."""
    job = agent.api.create([origin.serve(f"/{name}", plain(name))])
    expect_equal(agent.api.wait(job["id"], timeout=20)["state"], "transferred", f"the download {name}")


def stops(agent, status=(0,)):
    began = time.monotonic()
    seen = agent.stop(STOP_WITHIN)
    expect(seen in status, f"SIGTERM: exit status {seen} after {time.monotonic() - began:.1f} s: {agent.log_tail()}")


# -- certificate authorities ------------------------------------------------------------------------------------------
@case
def authorities_of_a_job(lab):
    """A FIFO, a directory, a device: named in a request they are refused in words and opened by nobody."""
    agent = lab.agent()
    fifo = lab.directory / "fifo"
    os.mkfifo(fifo)
    for path in (fifo, lab.directory, "/dev/zero", "/nonexistent/ca.pem", ""):
        try:
            agent.api.create([lab.origin.serve("/f", plain("f"))], connect={"ca_file": str(path)})
            raise AssertionError(f"ca_file {path!r} was taken")
        except ApiError as error:
            expect(error.status == 400 and "ca_certificates" in error.message, f"{path}: {error.status} {error.message}")
    pair = make_certificate(lab.folder("tls"), "good")
    secret = pair[1].read_text()
    for text, told in ((str(fifo), "no certificate"), ("garbage", "no certificate"), (pair[0].read_text() + secret, "private key"),
                       (pair[0].read_text()[:200], "damaged"), ("x" * 600_000, "524288")):
        try:
            agent.api.create([lab.origin.serve("/f", plain("f"))], connect={"ca_certificates": text})
            raise AssertionError(f"ca_certificates {text[:40]!r} were taken")
        except ApiError as error:
            expect(error.status == 400 and told in error.message, f"{text[:40]}: {error.status} {error.message}")
            expect(secret[30:60] not in error.message, "the text is quoted")
    works(agent, lab.origin, "after")
    stops(agent)


@case
def authorities_of_the_configuration(lab):
    """Read once at start and reload; what is no regular file with certificates is refused, and nothing waits for it."""
    pair = make_certificate(lab.folder("tls"), "good")
    tls = lab.new_origin(tls=pair)
    fifo = lab.directory / "fifo"
    os.mkfifo(fifo)
    for number, (path, told) in enumerate(((fifo, "regular file"), (lab.directory, "directory"), ("/nonexistent/ca.pem", "No such"),
                                           (pair[1], "private key"))):
        refused = lab.new_agent(f"refused{number}", origin={"ca_file": str(path)})
        try:
            refused.start(timeout=10)
            raise AssertionError(f"started with {path}")
        except RuntimeError:
            expect("origin.ca_file" in refused.log_tail() and told in refused.log_tail(), f"{path}: {refused.log_tail()}")
    agent = lab.new_agent(origin={"ca_file": str(pair[0])})
    agent.start()
    works(agent, tls, "trusted")
    agent.configure({"origin": {"ca_file": str(fifo)}})
    done = agent.larder("config", "reload", timeout=20)
    expect(done.returncode != 0 and "origin.ca_file" in done.stderr, f"reload: {done.returncode} {done.stderr}")
    works(agent, tls, "still")
    os.unlink(fifo)
    os.unlink(agent.config_file)
    os.mkfifo(agent.config_file)
    agent.process.send_signal(signal.SIGHUP)
    wait_until(lambda: "is a pipe" in agent.log_tail(4000), 20, "the refusal of a FIFO as configuration")
    works(agent, tls, "and-on")
    stops(agent)


@case
def authorities_of_the_command(lab):
    """`larder` reads with the caller's rights, pipes too, and sends text."""
    pair = make_certificate(lab.folder("tls"), "good")
    tls = lab.new_origin(tls=pair)
    agent = lab.agent()
    url = tls.serve("/f", plain("f"))
    fifo = lab.directory / "fifo"
    os.mkfifo(fifo)
    writer = threading.Thread(target=lambda: pathlib.Path(fifo).write_text(pair[0].read_text()), daemon=True)
    writer.start()
    done = agent.larder("get", url, "--ca-file", fifo, "-o", lab.directory / "out")
    expect(done.returncode == 0, f"from a pipe: {done.returncode} {done.stderr}")
    expect_equal((lab.directory / "out").read_bytes(), seeded_bytes("f", MIB), "the file")
    for text, told in ((pair[1].read_text(), "private key"), ("nothing", "no certificate"), ("-----BEGIN " + "x" * 600_000, "512 KiB")):
        (lab.directory / "bad.pem").write_text(text)
        done = agent.larder("get", url, "--ca-file", lab.directory / "bad.pem", "-o", lab.directory / "bad")
        expect(done.returncode != 0 and told in done.stderr, f"{text[:30]}: {done.returncode} {done.stderr}")
    done = agent.larder("get", url, "--ca-file", lab.directory / "missing.pem", "-o", lab.directory / "bad")
    expect(done.returncode != 0 and "missing.pem" in done.stderr, f"missing: {done.stderr}")
    stops(agent)


# -- threads that stand -----------------------------------------------------------------------------------------------
FREEZER = """
import ctypes, os, select, sys, time
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
threads = [int(word) for word in sys.argv[1:]]
for thread in threads:
    if libc.ptrace(0x4206, thread, None, None) != 0:      # PTRACE_SEIZE
        sys.exit("seize: " + os.strerror(ctypes.get_errno()))
    libc.ptrace(0x4207, thread, None, None)               # PTRACE_INTERRUPT
    os.waitpid(thread, 0x40000000)                        # __WALL
print("frozen", flush=True)
left = set(threads)
while left:
    if select.select([sys.stdin], [], [], 0.05)[0]:
        break                                             # our end lets them go
    for thread in list(left):
        try:
            if os.waitpid(thread, 0x40000000 | os.WNOHANG)[0] == thread:
                left.discard(thread)
        except ChildProcessError:
            left.discard(thread)
"""


@contextlib.contextmanager
def frozen(agent, name):
    """Threads of this name stand, as in a system call that does not return, until the end of the block."""
    tasks = pathlib.Path(f"/proc/{agent.process.pid}/task")
    threads = [task.name for task in tasks.iterdir() if (task / "comm").read_text().strip() == name]
    expect(threads, f"there is no thread {name}")
    freezer = subprocess.Popen([sys.executable, "-c", FREEZER, *threads], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)
    try:
        if freezer.stdout.readline().strip() != "frozen":
            raise Skip(f"threads cannot be stopped here (ptrace): {freezer.stderr.read()}")
        yield
    finally:
        freezer.stdin.close()
        freezer.wait(20)


def stop_with_a_frozen_thread(lab, name):
    agent = lab.agent()
    works(agent, lab.origin, "before")
    slow = agent.api.create([lab.origin.serve("/slow", plain("slow", 40 * MIB))], max_rate=2 * MIB)
    wait_until(lambda: agent.api.job(slow["id"])["files"][0]["bytes"] > 0, 20, "the first bytes")
    with frozen(agent, name):
        stops(agent, status=(0, 1))
    if "does not come to its end" in agent.log_tail():
        expect(name in agent.log_tail(), f"the thread is not named: {agent.log_tail()}")
    agent.start()
    expect_equal(agent.api.job(slow["id"])["files"][0]["url"], slow["files"][0]["url"], "the job after the restart")
    works(agent, lab.origin, "afterwards")
    agent.check_cache_soon()


@case
def stop_while_libcurl_stands(lab):
    stop_with_a_frozen_thread(lab, "larder-http")


@case
def stop_while_the_disk_stands(lab):
    stop_with_a_frozen_thread(lab, "disk")


@case
def stop_while_the_index_stands(lab):
    stop_with_a_frozen_thread(lab, "larder-index")


@case
def stop_while_the_loop_stands(lab):
    stop_with_a_frozen_thread(lab, "larderd")


@case
def stop_while_nobody_reads_the_log(lab):
    agent = lab.new_agent()
    reader, writer = os.pipe()
    agent.log_file.touch()
    process = subprocess.Popen([agent.bin_dir / "larderd", "--config", agent.config_file], stdin=subprocess.DEVNULL,
                               stdout=writer, stderr=writer, env=agent.environment)
    agent.process = process
    wait_until(lambda: agent.socket.exists(), 20, "the socket")
    os.set_blocking(writer, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writer, b"x" * 4096)
    os.set_blocking(writer, True)
    try:
        process.send_signal(signal.SIGTERM)
        expect(process.wait(STOP_WITHIN) in (0, 1), f"exit status {process.returncode}")
    finally:
        os.close(reader)
        os.close(writer)


@case
def a_thread_that_stands_is_noticed(lab):
    agent = lab.new_agent(environment={"WATCHDOG_USEC": "6000000"})
    agent.start()
    path = agent.directory / "notify.sock"
    path.unlink()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(str(path))

        def alive_within(seconds):
            deadline = time.monotonic() + seconds
            while (left := deadline - time.monotonic()) > 0:
                notify.settimeout(left)
                with contextlib.suppress(TimeoutError):
                    if b"WATCHDOG=1" in notify.recv(4096):
                        return True
            return False

        def gauge():
            text = agent.api.raw("GET", "/metrics")[2].decode()
            return [line for line in text.splitlines() if line.startswith('larder_thread_standstill{thread="http"}')]

        expect(alive_within(20), "the service manager is not told that all is well")
        expect_equal(gauge(), ['larder_thread_standstill{thread="http"} 0'], "the gauge")
        with frozen(agent, "larder-http"):
            wait_until(lambda: "a thread stands still name=http" in agent.log_tail(20000), 30, "the word in the log")
            while alive_within(0.05):
                pass
            expect(not alive_within(7), "the service manager is told that all is well")
            expect_equal(gauge(), ['larder_thread_standstill{thread="http"} 1'], "the gauge")
            expect_equal(agent.log_file.read_text().count("a thread stands still name=http"), 1, "lines about it")
        expect(alive_within(30), "the service manager is not told that it goes on")
        works(agent, lab.origin, "after")
    stops(agent)


# -- secrets ----------------------------------------------------------------------------------------------------------
def kept(directory, marker):
    """Files below `directory` with these bytes."""
    found = []
    for path in directory.rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            if path.is_file() and marker.encode() in path.read_bytes():
                found.append(path.name)
    return sorted(found)


@case
def secrets_of_ended_jobs(lab):
    """While the agent runs: passwords, keys and headers of a job are in no file, log or answer once it has ended."""
    agent = lab.agent()
    secrets = {"user": "me", "password": "MARKER-password", "proxy": "none",
               "proxy_user": "p", "proxy_password": "MARKER-proxy", "client_key_password": "MARKER-key-password",
               "headers": [["Authorization", "Bearer MARKER-header"], ["X-Api-Key", "MARKER-api-key"]]}
    url = lab.origin.serve("/secret", plain("secret"))
    signed = url + "?X-Amz-Signature=MARKER-signed"
    lab.origin.serve("/secret?X-Amz-Signature=MARKER-signed", plain("secret"))
    answers = []
    jobs = [agent.api.create([where], connect=secrets) for where in (url, signed, "http://127.0.0.1:1/refused?sig=MARKER-r")]
    for job in jobs[:2]:
        answers.append(agent.api.wait(job["id"]))
    expect(kept(agent.state, "MARKER"), "the durable jobs have no secrets: the test looks at the wrong place")
    # Overwritten, too: the rows of a job change again and again.
    agent.api.retarget(jobs[2]["id"], 0, url)
    for action, job in zip(("complete", "cancel", "cancel"), jobs):
        answers.append(agent.api.job(job["id"]))
        answers.append(agent.api.act(job["id"], action))
    text = json.dumps(answers)
    for marker in ("MARKER-password", "MARKER-proxy", "MARKER-key-password", "MARKER-header", "MARKER-api-key"):
        expect(marker not in text, f"{marker} is in an answer of the API")
    wait_until(lambda: not kept(agent.state, "MARKER"), 20, "the end of the secrets in the state directory", 0.1)
    expect_equal(kept(agent.runtime, "MARKER"), [], "files in the runtime directory")
    log = agent.log_file.read_text()
    expect("MARKER" not in log, "in the log: " + "\n".join(line for line in log.splitlines() if "MARKER" in line)[:500])
    soft = pathlib.Path(f"/proc/{agent.process.pid}/limits").read_text()
    core = [line for line in soft.splitlines() if line.startswith("Max core file size")]
    expect(core and core[0].split()[4] == "0", f"a crash writes a core file: {core}")
    works(agent, lab.origin, "after")
    stops(agent)


def run(seed, lab, name=None):
    names = list(CASES)
    name = name or names[seed % len(names)]
    try:
        CASES[name](lab)
    except Skip:
        raise
    except Exception as error:
        raise named(name, error) from error
    return name
