"""larderd as a service of a machine: what an administrator does with it, and what must hold."""

import hashlib
import json
import re
import subprocess

from larder_lab import expect

LOAD = 8
RESTARTS = 3
# In the machine, with its own Python: connects anew for each request, as short commands do, until its standard input ends. A connection that the
# agent had taken when it ended may be without an answer; one that is refused must not be.
CLIENTS = r"""
import collections, json, socket, sys, threading
counts, ended = collections.Counter(), threading.Event()
def ask():
    while not ended.is_set():
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(60)
            try:
                connection.connect("/run/larder/api.sock")
            except OSError as error:
                counts["refused"] += 1
                counts[str(error)] += 1
                continue
            try:
                connection.sendall(b"GET /v1/status HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                counts["answered" if connection.recv(100).startswith(b"HTTP/1.1 200") else "not answered"] += 1
            except OSError:
                counts["not answered"] += 1
threads = [threading.Thread(target=ask) for _ in range(%d)]
for thread in threads: thread.start()
print("ready", flush=True)
sys.stdin.read()
ended.set()
for thread in threads: thread.join()
print(json.dumps(counts), flush=True)
""" % LOAD


class Service:
    def __init__(self, machine):
        self.machine = machine

    def pid(self):
        return int(self.machine.property("larderd.service", "MainPID"))

    def is_up(self):
        machine = self.machine
        machine.wait(lambda: machine.property("larderd.service", "SubState") == "running", "larderd.service runs")
        expect(machine.property("larderd.socket", "SubState") == "running", machine.run("systemctl", "status", "larderd.socket", good=None))
        machine.run("larder", "status")
        for unit in ("larderd.service", "larderd.socket"):
            expect(machine.run("systemctl", "is-enabled", unit).strip() == "enabled", f"{unit} does not start with the machine")
        expect(machine.run("stat", "-c", "%U %a", "/run/larder/api.sock").strip() == "larder 666", machine.run("ls", "-l", "/run/larder"))

    def journal(self):
        """Each line has a priority, and none a time of its own: the journal has them."""
        machine = self.machine
        lines = [json.loads(line) for line in machine.run("journalctl", "-u", "larderd", "-o", "json", "--no-pager", "_COMM=larderd").splitlines()]
        expect(any("ready version=" in line["MESSAGE"] for line in lines), f"{len(lines)} lines, none says ready")
        for line in lines:
            expect(line["PRIORITY"] in ("3", "4", "6", "7"), str(line))
            expect(not re.match(r"\d{4}-\d\d-\d\d|<\d>", line["MESSAGE"]), f"a time stamp or a raw priority: {line['MESSAGE']}")
            expect(line["_SYSTEMD_UNIT"] == "larderd.service", str(line))
        expect(not [line for line in lines if line["PRIORITY"] == "3"], "errors after an installation")

    def reloads(self):
        machine, pid = self.machine, self.pid()
        machine.write("/etc/larder/larder.toml", '[cache]\nmax_size = "2 GiB"\n')
        machine.run("systemctl", "reload", "larderd")
        expect('max_size = "2 GiB"' in machine.run("larder", "config", "show"), "the new configuration is not in force")
        machine.write("/etc/larder/larder.toml", '[cache]\nmax_size = "1 GiB"\nnonsense = 1\n')
        expect(machine.status("systemctl", "reload", "larderd") != 0, "a wrong configuration was reloaded without a word")
        expect('max_size = "2 GiB"' in machine.run("larder", "config", "show"), "the configuration before is not in force any more")
        expect("nonsense" in machine.run("journalctl", "-u", "larderd", "-n", "20", "--no-pager"), "the journal does not say what is wrong")
        expect(self.pid() == pid and machine.run("systemctl", "is-active", "larderd").strip() == "active", "the agent was hurt by it")
        machine.write("/etc/larder/larder.toml", '[cache]\nmax_size = "2 GiB"\n')
        machine.run("systemctl", "reload", "larderd")

    def restarts_under_load(self):
        machine = self.machine
        clients = machine.start("/usr/bin/python3", "-c", CLIENTS, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            expect(clients.stdout.readline() == "ready\n", "the clients did not start")
            for _ in range(RESTARTS):
                machine.run("systemctl", "restart", "larderd")
            machine.run("larder", "status")
        finally:
            output = clients.communicate(timeout=120)[0]  # closes its standard input
        counts = json.loads(output)
        expect(counts.get("refused", 0) == 0, f"refused: {counts}")
        expect(counts.get("answered", 0) >= LOAD * RESTARTS, f"hardly a load: {counts}")
        # Those that the agent held when it ended, and no more than it may hold at once.
        expect(counts.get("not answered", 0) <= LOAD * RESTARTS, f"not answered: {counts}")
        return counts["answered"]

    def watchdog(self, url, digest):
        """systemd ends an agent that says nothing, and starts the next one; a job that was under way goes on."""
        machine = self.machine
        machine.write("/etc/systemd/system/larderd.service.d/watchdog.conf", "[Service]\nWatchdogSec=4s\n")
        machine.run("systemctl", "daemon-reload")
        machine.run("systemctl", "restart", "larderd")
        job = json.loads(machine.run("larder", "job", "create", "--json", url))["id"]
        machine.wait(lambda: "transferring" in machine.run("larder", "job", "show", job), "the job is under way")
        pid = self.pid()
        machine.run("sh", "-c", f"kill -STOP {pid}")
        machine.wait(lambda: machine.property("larderd.service", "NRestarts") == "1", "the watchdog", 60)
        self.is_up()
        expect(self.pid() != pid, "the stopped agent is still there")
        expect("atchdog" in machine.run("journalctl", "-u", "larderd", "-n", "40", "--no-pager"), "the journal does not name the watchdog")
        machine.run("larder", "job", "watch", job)
        content = subprocess.run(machine.command("larder", "job", "content", job, "0"), capture_output=True, check=True).stdout
        expect(hashlib.sha256(content).hexdigest() == digest, "the job's content is another")
        machine.path("/etc/systemd/system/larderd.service.d/watchdog.conf").unlink()
        machine.run("systemctl", "daemon-reload")
        machine.run("systemctl", "restart", "larderd")
