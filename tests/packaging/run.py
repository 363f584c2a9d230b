#!/usr/bin/env python3
"""The Debian packages on machines of their own: run.py --bin-dir DIR [--debs DIR]

Packages are made of the programs in DIR (or taken from --debs), installed on a minimal Debian 12 without a compiler that is booted by
systemd-nspawn, used as an administrator and an ordinary user would, upgraded, removed and purged. Needs root; exit status 77, with the
reason, where machines cannot be made.
"""

import argparse
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.dont_write_bytecode = True
sys.path[:0] = [str(HERE), str(ROOT / "tests/support")]

import lab_net  # noqa: E402
from lab_origin import Edition, EditionResource, LabOrigin, seeded_bytes  # noqa: E402
from larder_lab import MIB, expect  # noqa: E402
from machine import Machine, NotHere, base_root, refused  # noqa: E402
from inbox_service import InboxService  # noqa: E402
from service import LOAD, Service  # noqa: E402


def build_packages(bin_dir, out):
    environment = {**os.environ, "LARDER_PROGRAMS": str(bin_dir.resolve()), "DEB_BUILD_OPTIONS": "nocheck"}
    subprocess.run([ROOT / "tools/package.sh", out], check=True, env=environment, stdout=subprocess.DEVNULL)


def find(debs, name):
    (found,) = debs.glob(f"{name}_*.deb")
    return found


def later(deb, folder):
    """The same package under a later version."""
    tree = folder / f"later-{deb.name}"
    subprocess.run(["dpkg-deb", "-R", deb, tree], check=True)
    control = tree / "DEBIAN/control"
    control.write_text(re.sub(r"^Version: (.*)$", r"Version: \1+later1", control.read_text(), flags=re.MULTILINE))
    made = folder / deb.name.replace("_amd64", "+later1_amd64")
    subprocess.run(["dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "-b", tree, made], check=True, stdout=subprocess.DEVNULL)
    return made


def dependencies(*debs):
    """Names of what the packages depend on, the first of each alternative, without what they are themselves."""
    names = set()
    for deb in debs:
        text = subprocess.run(["dpkg-deb", "-f", deb, "Depends"], check=True, capture_output=True, text=True).stdout
        names |= {re.split(r"[ (|:]", entry.strip())[0] for entry in text.split(",") if entry.strip()}
    return sorted(name for name in names if name not in ("larder", "larder-inbox", "python3-larder"))


def install(machine, *debs):
    for deb in debs:
        shutil.copy(deb, machine.path(f"/root/{deb.name}"))
    return machine.run("apt-get", "install", "-q", "-y", "--no-install-recommends", *(f"/root/{deb.name}" for deb in debs), timeout=240)


def lint(debs):
    """No error and no warning of Debian's own checks."""
    if not os.access("/usr/bin/lintian", os.X_OK):
        return "lintian is not here: left out"
    done = subprocess.run(["/usr/bin/lintian", "--allow-root", "--no-tag-display-limit", "--fail-on", "error,warning", *sorted(debs.glob("*.deb"))],
                          capture_output=True, text=True, check=False)
    expect(done.returncode == 0, f"lintian: {done.stdout}{done.stderr}")
    return "lintian: no error, no warning"


class Report:
    """What was shown, as it is shown, with the time that it took."""

    def __init__(self):
        self.began = time.monotonic()

    def __call__(self, text):
        print(f"{time.monotonic() - self.began:6.1f} s  {text}", flush=True)


class Story:
    def __init__(self, net, origin, base, debs, folder, previous=None):
        self.net, self.origin, self.base, self.debs, self.folder = net, origin, base, debs, folder
        self.previous = previous  # installed first, where it is given, and upgraded from
        self.larder, self.inbox, self.python = (find(debs, name) for name in ("larder", "larder-inbox", "python3-larder"))
        self.said = Report()

    def serve(self, path, size, rate=0.0):
        data = seeded_bytes(len(path) * 7, size)
        self.origin.serve(path, EditionResource([Edition(data, etag=f'"{path}"')], rate=rate))
        return self.origin.url(path), hashlib.sha256(data).hexdigest()

    def origin_gets(self, path):
        return len(self.origin.exchanges(path, "GET"))

    def installed(self, machine):
        """An administrator installs it, on a machine that never had a compiler."""
        for compiler in ("cc", "gcc", "g++", "make"):
            expect(machine.status("sh", "-c", f"command -v {compiler}") != 0, f"the machine has {compiler}")
        text = install(machine, self.previous or self.larder, self.python)
        expect(text.count("shares with nobody until it has a group") == 1, f"what to do next is not said once:\n{text[-1500:]}")
        service = Service(machine)
        service.is_up()
        expect(machine.run("systemctl", "is-system-running").strip() == "running", machine.run("systemctl", "--failed"))
        expect("no group" in machine.run("larder", "peers") or "in no group" in machine.run("larder", "status"), machine.run("larder", "peers"))
        self.said("installed: runs, in no group, says what to do next")
        return service

    def used(self, machine):
        machine.run("useradd", "--create-home", "anna")
        url, digest = self.serve("/twenty", 20 * MIB)
        machine.run("larder", "get", "--quiet", url, user="anna")
        expect(machine.run("sha256sum", "/home/anna/twenty").split()[0] == digest, "the file is another")
        expect(machine.run("stat", "-c", "%U", "/home/anna/twenty").strip() == "anna", "the file is not anna's")
        expect(machine.status("larder", "cache", "clear", user="anna") == 6, "anna may clear the cache")
        self.said("an ordinary user gets a file, and steers nobody else's")

    def grouped(self, first, second_host):
        """Two machines: four commands, the invitation put there before the package is."""
        first.run("larder", "group", "create", "office")
        first.run("larder", "group", "invite", "-o", "/root/second.invitation")
        with Machine(self.base, "second", second_host.namespace) as second:
            second.write("/etc/larder/join", first.path("/root/second.invitation").read_text(), 0o600)
            install(second, self.larder)
            second.wait(lambda: not second.path("/etc/larder/join").exists(), "the invitation is taken", 60)
            second.wait(lambda: "office" in second.run("larder", "group", "show"), "the group")
            expect(second.property("larder-join.service", "Result") == "success", second.run("journalctl", "-u", "larder-join", "--no-pager"))
            second.wait(lambda: len(re.findall(r"10\.77\.0\.\d+:7475", second.run("larder", "peers"))) == 1, "the neighbour")
            before = self.origin_gets("/twenty")
            url, digest = self.origin.url("/twenty"), hashlib.sha256(seeded_bytes(len("/twenty") * 7, 20 * MIB)).hexdigest()
            text = second.run("larder", "get", url, "-o", "/root/twenty")
            expect(second.run("sha256sum", "/root/twenty").split()[0] == digest, "the file is another")
            expect("peers 20.00 MiB" in text and self.origin_gets("/twenty") - before <= 1, text)
            self.said("two machines share: an invitation at /etc/larder/join admits unattended, and is removed")

    def upgraded(self, machine, service):
        machine.write("/etc/larder/larder.toml", '[cache]\nmax_size = "3 GiB"  # by an administrator\n')
        url, digest = self.serve("/running", 24 * MIB, rate=3 * MIB)
        job = machine.run("larder", "job", "create", "--json", url).split('"id":"')[1].split('"')[0]
        machine.wait(lambda: "transferring" in machine.run("larder", "job", "show", job), "the job is under way")
        pid = service.pid()
        install(machine, later(self.larder, self.folder))
        service.is_up()
        expect(service.pid() != pid, "the old agent still runs")
        expect("by an administrator" in machine.path("/etc/larder/larder.toml").read_text(), "the configuration was replaced")
        machine.run("larder", "job", "watch", job, timeout=60)
        content = subprocess.run(machine.command("larder", "job", "content", job, "0"), capture_output=True, check=True).stdout
        expect(hashlib.sha256(content).hexdigest() == digest, "the job's content is another")
        self.from_cache(machine, "after the upgrade")
        self.said("an upgrade: the job went on, cache and configuration are there")

    def from_cache(self, machine, when):
        text = machine.run("larder", "get", self.origin.url("/twenty"), "-o", "/root/again")
        expect("cache 20.00 MiB" in text, f"{when}: {text}")

    def took_uploads(self, machine):
        """The upload server, beside the agent; its package upgraded while an upload is half there, removed and purged."""
        text = install(machine, self.inbox)
        expect(text.count("nobody may upload yet") == 1, f"what to do next is not said once:\n{text[-1500:]}")
        inbox = InboxService(machine)
        inbox.is_up()
        inbox.refuses_everybody()
        self.said("larder-inbox installed: runs, takes nothing from anybody, says what to do next")
        inbox.is_configured()
        inbox.takes_and_hands_over()
        self.said("it takes a file with a token; larder inbox take and ack, for whoever the configuration names")
        inbox.hands_over_by_directory()
        self.said("a drop-in opens the application's directory to it; the file has the application's group")
        inbox.survives_kill()
        self.said("killed, it is started again and goes on")
        half = inbox.begins_upload()
        install(machine, later(self.inbox, self.folder))
        inbox.is_up()
        inbox.goes_on(half)
        expect("by an administrator" in machine.path("/etc/larder/inbox.toml").read_text(), "the configuration was replaced")
        self.said("an upgrade: the upload went on where it stood, the configuration is there")
        half = inbox.begins_upload()
        machine.run("apt-get", "remove", "-q", "-y", "larder-inbox")
        expect(machine.path("/var/lib/larder-inbox/inbox.db").exists(), "remove took the ledger")
        expect(not machine.path("/run/larder-inbox").exists(), "the socket is there without the package")
        install(machine, self.inbox)
        inbox.is_up()
        inbox.goes_on(half)
        machine.run("apt-get", "purge", "-q", "-y", "larder-inbox")
        left = [name for name in ("/var/lib/larder-inbox", "/run/larder-inbox", "/etc/larder/inbox.toml") if machine.path(name).exists()]
        expect(not left, f"purge left {left}")
        expect(machine.path("/etc/larder/larder.toml").exists(), "purging larder-inbox took the agent's configuration")
        machine.run("rm", "-r", "/etc/systemd/system/larder-inbox.service.d")  # the test's own
        self.said("removed: ledger and half an upload stay; purged: nothing is left but the user")

    def removed(self, machine, service):
        machine.run("apt-get", "remove", "-q", "-y", "larder")
        expect(machine.path("/var/lib/larder/larder.db").exists(), "remove took the state")
        expect(not machine.path("/run/larder/api.sock").exists(), "the socket is there without the package")
        states = machine.run("systemctl", "is-active", "larderd.service", "larderd.socket", good=None).split()
        expect(set(states) <= {"inactive", "unknown"}, f"units are left: {states}")
        install(machine, self.larder)
        service.is_up()
        self.from_cache(machine, "after removing and installing again")
        machine.write("/etc/larder/join", "larder-invitation:secret", 0o600)
        machine.run("apt-get", "purge", "-q", "-y", "larder", "python3-larder")
        left = machine.run("find", "/", "-xdev", "-path", "/root", "-prune", "-o", "-path", "/home", "-prune", "-o", "-path", "/var/cache/apt", "-prune",
                           "-o", "-path", "/proc", "-prune", "-o", "-iname", "*larder*", "-print").split()
        expect(not left, f"purge left {left}")
        expect("larder" in machine.run("getent", "passwd", "larder"), "policy keeps the user: files may be its own")
        self.said("removed: the state stays; purged: nothing is left but the user")

    def all_of_it(self):
        first_host, second_host = self.net.hosts
        with Machine(self.base, "first", first_host.namespace) as machine:
            service = self.installed(machine)
            self.used(machine)
            service.journal()
            self.said("the journal: priorities, no time stamps of its own")
            service.reloads()
            self.said("systemctl reload: takes what is right, fails on what is wrong and keeps what was")
            answers = service.restarts_under_load()
            self.said(f"restarts under load: {answers} requests, no connection refused")
            url, digest = self.serve("/watched", 24 * MIB, rate=3 * MIB)
            service.watchdog(url, digest)
            self.said("the watchdog ends an agent that was stopped; its job goes on")
            self.grouped(machine, second_host)
            self.upgraded(machine, service)
            self.took_uploads(machine)
            self.removed(machine, service)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin-dir", type=pathlib.Path, required=True)
    parser.add_argument("--debs", type=pathlib.Path)
    parser.add_argument("--previous", type=pathlib.Path, help="a larder package of before, upgraded from in place of the same one")
    arguments = parser.parse_args()
    why = refused() or lab_net.refused()
    if why:
        print(f"skip: {why}")
        return 77
    with tempfile.TemporaryDirectory(prefix="larder-packaging-") as folder:
        folder = pathlib.Path(folder)
        debs = arguments.debs or folder / "debs"
        if not arguments.debs:
            build_packages(arguments.bin_dir, debs)
        try:
            base = base_root(dependencies(*(find(debs, name) for name in ("larder", "larder-inbox", "python3-larder"))))
        except NotHere as error:
            print(f"skip: {error}")
            return 77
        with lab_net.Net(hosts=2) as net:
            origin = net.internet.enter(lambda: LabOrigin(net.internet.address))
            try:
                Story(net, origin, base, debs, folder, arguments.previous).all_of_it()
                print(lint(debs), flush=True)
            finally:
                origin.close()
    print(f"well; {LOAD} clients at a time were the load")
    return 0


if __name__ == "__main__":
    sys.exit(main())
