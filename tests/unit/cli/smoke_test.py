#!/usr/bin/env python3
"""The two programs against each other: smoke_test.py BIN_DIR. The big suites are in tests/fault; this one is quick and
tells whether the programs were put together rightly."""

import hashlib
import http.server
import json
import os
import pathlib
import random
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

BIN = pathlib.Path(sys.argv[1]).resolve()
MIB = 1 << 20


class Origin(http.server.ThreadingHTTPServer):
    """Serves bytes with ETag, Last-Modified and ranges; counts GETs; can be made slow."""

    daemon_threads = True

    def __init__(self):
        self.files, self.gets, self.pause = {}, 0, 0.0
        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def add(self, path, body):
        self.files[path] = body
        return f"http://127.0.0.1:{self.server_address[1]}{path}"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self.answer(False)

    def do_GET(self):
        self.server.gets += 1
        self.answer(True)

    def answer(self, with_body):
        body = self.server.files.get(self.path)
        if body is None:
            self.send_response(404)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        first, last, status = 0, len(body) - 1, 200
        wanted = self.headers.get("Range", "")
        if wanted.startswith("bytes=") and body:
            a, b = wanted[6:].split("-")
            first, last, status = int(a), min(int(b), last) if b else last, 206
        self.send_response(status)
        if status == 206:
            self.send_header("Content-Range", f"bytes {first}-{last}/{len(body)}")
        self.send_header("Content-Length", str(last - first + 1))
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("ETag", '"' + hashlib.md5(body).hexdigest() + '"')
        self.send_header("Last-Modified", "Sun, 06 Nov 1994 08:49:37 GMT")
        self.end_headers()
        if not with_body:
            return
        try:
            for offset in range(first, last + 1, 256 * 1024):
                self.wfile.write(body[offset:min(offset + 256 * 1024, last + 1)])
                if self.server.pause:
                    time.sleep(self.server.pause)
        except OSError:
            self.close_connection = True


class Agent:
    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.socket = self.directory / "run/api.sock"
        self.log = open(self.directory / "log", "ab")
        self.process = None

    def start(self):
        name = self.directory / "notify"
        name.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.bind(str(name))
            self.process = subprocess.Popen(
                [BIN / "larderd", "--config=/dev/null", f"--state-directory={self.directory}/state",
                 f"--runtime-directory={self.directory}/run"],
                env={**os.environ, "NOTIFY_SOCKET": str(name)}, stdout=self.log, stderr=self.log)
            pidfd = os.pidfd_open(self.process.pid)
            ready, _, _ = select.select([notify, pidfd], [], [], 20)
            os.close(pidfd)
            if notify not in ready or b"READY=1" not in notify.recv(512):
                raise RuntimeError("larderd is not ready: " + (self.directory / "log").read_text()[-2000:])
        return self

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(15)
        check(status == 0, f"a graceful stop ends with 0, not {status}")
        check(time.monotonic() - began < 5.5, "a stop takes at most 5 s")

    def larder(self, *arguments, **options):
        return subprocess.run([BIN / "larder", "--socket", self.socket, *arguments], capture_output=True, text=True,
                              timeout=60, **options)

    def begin(self, *arguments):
        return subprocess.Popen([BIN / "larder", "--socket", self.socket, *arguments], stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True)


def check(condition, what):
    if not condition:
        raise AssertionError(what)


def wait_for(condition, what, timeout=20):
    until = time.monotonic() + timeout
    while not condition():
        check(time.monotonic() < until, f"not within {timeout} s: {what}")
        time.sleep(0.01)


def seeded(size, seed):
    return random.Random(seed).randbytes(size)


def jobs(agent):
    return json.loads(agent.larder("job", "list", "--json").stdout)["jobs"]


def plain_and_cache(agent, origin, directory):
    body = seeded(5 * MIB + 77, 1)
    url = origin.add("/plain.bin", body)
    done = agent.larder("get", url, "-o", f"{directory}/plain.bin", "--json")
    check(done.returncode == 0, done.stderr)
    path = directory / "plain.bin"
    check(path.read_bytes() == body, "the bytes are the origin's")
    check(int(path.stat().st_mtime) == 784111777, "the time is Last-Modified")
    report = json.loads(done.stdout)
    check(report["files"][0]["figures"] == {"origin": len(body), "peers": 0, "cache": 0, "wasted": 0}, done.stdout)
    again = agent.larder("get", url, "-d", str(directory), "--json")
    check(again.returncode == 0, again.stderr)
    check(json.loads(again.stdout)["files"][0]["figures"]["cache"] == len(body), again.stdout)
    check(agent.larder("job", "list").stdout.strip() == "no jobs", "finished jobs are acknowledged")


def many_small(agent, origin, directory):
    target = directory / "many"
    target.mkdir()
    bodies = {f"/s{i}": seeded(10240, i) for i in range(300)}
    listed = "\n".join(origin.add(path, body) for path, body in bodies.items())
    done = agent.larder("get", "--from", "-", "-d", str(target), input=listed)
    check(done.returncode == 0, done.stderr)
    for path, body in bodies.items():
        check((target / path[1:]).read_bytes() == body, path)
    check(len(list(target.iterdir())) == len(bodies), "no hidden files stay")


def one_missing(agent, origin, directory):
    good = origin.add("/good", b"good")
    done = agent.larder("get", good, good + "-missing", "-d", str(directory))
    check(done.returncode == 30, f"404 is http_fatal: {done.returncode} {done.stderr}")
    check((directory / "good").read_bytes() == b"good", "the good one is there all the same")


def killed_agent(agent, origin, directory):
    body = seeded(24 * MIB, 3)
    url = origin.add("/killed.bin", body)
    origin.pause = 0.02
    process = agent.begin("get", url, "-o", f"{directory}/killed.bin")
    wait_for(lambda: any(job["bytes"] > 0 for job in jobs(agent)), "some bytes")
    agent.kill()
    origin.pause = 0
    agent.start()
    out, err = process.communicate(timeout=60)
    check(process.returncode == 0, f"{process.returncode} {out} {err}")
    check((directory / "killed.bin").read_bytes() == body, "the bytes are right after kill -9")


def interrupted(agent, origin, directory):
    body = seeded(24 * MIB, 4)
    url = origin.add("/interrupted.bin", body)
    origin.pause = 0.02
    process = agent.begin("get", url, "-o", f"{directory}/interrupted.bin")
    wait_for(lambda: any(job["state"] == "transferring" for job in jobs(agent)), "it transfers")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    check(process.returncode == 130 and "suspended" in err, f"{process.returncode} {err}")
    check([p for p in directory.iterdir() if "interrupted" in p.name] == [], "no hidden file stays")
    origin.pause = 0
    done = agent.larder("get", url, "-o", f"{directory}/interrupted.bin")
    check(done.returncode == 0 and "going on with job" in done.stderr, done.stderr)
    check((directory / "interrupted.bin").read_bytes() == body, "the bytes are right after Ctrl-C")


def verdicts(agent, origin, directory):
    url = origin.add("/judged", b"judged")
    good = agent.larder("get", url, "-o", f"{directory}/judged", "--check", 'grep -q judged "$LARDER_FILE"')
    check(good.returncode == 0, good.stderr)
    bad = agent.larder("get", origin.add("/bad", b"bad"), "-o", f"{directory}/bad", "--check", "exit 1")
    check(bad.returncode == 41 and not (directory / "bad").exists(), f"{bad.returncode} {bad.stderr}")
    wrong = agent.larder("get", url, "-o", f"{directory}/wrong", "--sha256", "0" * 64)
    check(wrong.returncode == 40 and not (directory / "wrong").exists(), f"{wrong.returncode} {wrong.stderr}")


def reading_commands(agent, origin, directory):
    for command in (["status"], ["peers"], ["cache", "list"], ["job", "list"], ["config", "show"], ["config", "keys"]):
        done = agent.larder(*command, "--json")
        check(done.returncode == 0, f"{command} {done.stderr}")
        json.loads(done.stdout)
        check(agent.larder(*command).returncode == 0, f"{command}")
    json.loads(agent.larder("doctor", "--json").stdout)


def no_agent(agent, origin, directory):
    done = subprocess.run([BIN / "larder", "--socket", directory / "none.sock", "status"], capture_output=True, text=True)
    check(done.returncode == 56 and "no agent is running" in done.stderr, done.stderr)


def own_agent(agent, origin, directory):
    home = directory / "home"
    (home / "run").mkdir(parents=True, mode=0o700)
    environment = {k: v for k, v in os.environ.items() if k != "LARDER_SOCKET"}
    environment.update(HOME=str(home), XDG_STATE_HOME=str(home / "state"), XDG_RUNTIME_DIR=str(home / "run"))
    body = seeded(MIB, 5)
    url = origin.add("/own.bin", body)
    try:
        started = [subprocess.Popen([BIN / "larder", "get", url, "-o", f"{directory}/own{i}"], env=environment,
                                    stderr=subprocess.PIPE, text=True) for i in range(2)]  # at once: one agent
        for i, process in enumerate(started):
            _, err = process.communicate(timeout=60)
            check(process.returncode == 0, err)
            check((directory / f"own{i}").read_bytes() == body, "the bytes are right")
    finally:
        lock = home / "state/larder/lock"
        if lock.exists():
            os.kill(int(lock.read_text()), signal.SIGTERM)


def main():
    with tempfile.TemporaryDirectory(prefix="larder-smoke-") as name:
        directory = pathlib.Path(name)
        origin, agent = Origin(), Agent(directory).start()
        try:
            for scenario in (plain_and_cache, many_small, one_missing, killed_agent, interrupted, verdicts,
                             reading_commands, no_agent, own_agent):
                began = time.monotonic()
                scenario(agent, origin, directory)
                print(f"{scenario.__name__}: ok ({time.monotonic() - began:.1f} s)", flush=True)
            agent.stop()
        except BaseException:
            print((directory / "log").read_text()[-3000:], file=sys.stderr)
            raise
        finally:
            if agent.process.poll() is None:
                agent.kill()
            origin.shutdown()


if __name__ == "__main__":
    main()
