"""A minimal Debian of its own, booted as a machine: systemd, apt and users are the real ones, the kernel is this machine's.

    with Machine(base_root(packages), folder, namespace=host.namespace) as machine:
        machine.run("apt-get", "install", "-y", "/root/larder_0.1.0_amd64.deb")

The root file system is made once by debootstrap from where this machine's apt has its packages, and kept; each machine writes to an
overlay above it, which is in memory and goes with it. `refused()` says what is missing here.
"""

import contextlib
import hashlib
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

CACHE = pathlib.Path(os.environ.get("LARDER_PACKAGING_CACHE", "/var/cache/larder-packaging"))
SUITE = "bookworm"
RECIPE = "1"  # another number where _make_base() makes something else
INCLUDED = ["systemd", "systemd-sysv", "dbus", "ca-certificates"]
NEEDED = {"/usr/sbin/debootstrap": "debootstrap", "/usr/bin/systemd-nspawn": "systemd-container", "/usr/bin/nsenter": "util-linux"}
BOOTED_WITHIN = 60


class Failed(AssertionError):
    """A command in a machine did not do what it should; its words are in the text."""


class NotHere(Exception):
    """Machines cannot be made here; the text says why."""


def refused():
    """Why no machine can be booted here; empty where one can."""
    if os.geteuid() != 0:
        return "booting a machine needs root"
    missing = [package for path, package in NEEDED.items() if not os.access(path, os.X_OK)]
    if missing:
        return f"not installed: {' '.join(missing)}"
    with tempfile.TemporaryDirectory() as folder:
        for name in ("lower", "upper", "work", "root"):
            os.mkdir(f"{folder}/{name}")
        done = subprocess.run(["mount", "-t", "overlay", "overlay", "-o", f"lowerdir={folder}/lower,upperdir={folder}/upper,workdir={folder}/work",
                               f"{folder}/root"], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            # In a container the temporary directory is often an overlay itself, which cannot be the upper one of another.
            return "" if "wrong fs type" in done.stderr else f"no overlay file system: {done.stderr.strip()}"
        subprocess.run(["umount", f"{folder}/root"], check=True)
    return ""


def _apt_source():
    """Where this machine's apt has the suite from."""
    done = subprocess.run(["apt-get", "indextargets", "--format", "$(CODENAME) $(REPO_URI)", "Created-By: Packages"], capture_output=True, text=True,
                          check=False)
    for line in done.stdout.splitlines():
        suite, _, source = line.partition(" ")
        if suite == SUITE and source.startswith("http"):
            return source
    raise NotHere(f"this machine's apt knows no source of {SUITE}")


def _in_root(root, *command):
    done = subprocess.run(["chroot", root, *command], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
                          env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"})
    if done.returncode != 0:
        raise NotHere(f"{' '.join(command)}: {done.stderr.strip()[-1000:]}")


def _make_base(root, packages):
    done = subprocess.run(["debootstrap", "--variant=minbase", f"--include={','.join(INCLUDED)}", SUITE, root, _apt_source()],
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NotHere(f"debootstrap reaches no packages: {(done.stdout + done.stderr).strip()[-500:]}")
    for name in ("apt/sources.list.d", "resolv.conf"):  # the libraries that the programs were linked with may be newer than the suite
        source = pathlib.Path("/etc") / name
        if source.is_dir():
            shutil.copytree(source, root / "etc" / name, dirs_exist_ok=True)
        elif source.exists():
            shutil.copy(source, root / "etc" / name)
    (root / "etc/apt/sources.list").unlink(missing_ok=True)
    _in_root(root, "apt-get", "update", "-q")
    # Only fetched: the machines install them, without a network.
    _in_root(root, "apt-get", "install", "-q", "-y", "--no-install-recommends", "--download-only", *packages)


def _discard(root):
    """Nothing of this machine's own is mounted below it when it goes: debootstrap that was interrupted leaves /proc there."""
    below = [line.split()[1] for line in pathlib.Path("/proc/mounts").read_text().splitlines() if line.split()[1].startswith(f"{root}/")]
    for mount in reversed(below):
        subprocess.run(["umount", mount], capture_output=True, check=False)
    if not any(os.path.ismount(mount) for mount in below):
        shutil.rmtree(root, ignore_errors=True)


def base_root(packages):
    """The kept root file system whose apt has these packages and what they depend on at hand."""
    recipe = hashlib.sha256("\n".join([RECIPE, SUITE, *INCLUDED, *sorted(packages)]).encode()).hexdigest()[:12]
    root = CACHE / f"{SUITE}-{recipe}"
    if root.is_dir():
        return root
    CACHE.mkdir(parents=True, exist_ok=True)
    making = pathlib.Path(tempfile.mkdtemp(prefix="making-", dir=CACHE))
    try:
        os.chmod(making, 0o755)
        _make_base(making, packages)
        for old in CACHE.glob(f"{SUITE}-*"):
            _discard(old)
        making.rename(root)
    except BaseException:
        _discard(making)
        raise
    return root


class Machine:
    """Booted while the block lasts. `namespace`: the network that it has, made by the caller."""

    def __init__(self, base, name, namespace):
        self.base, self.name, self.namespace = base, name, namespace
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=f"larder-machine-{name}-"))
        self.root = self.folder / "root"
        self.process = self.leader = None

    def __enter__(self):
        try:
            self._mount()
            self.boot()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def _mount(self):
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", self.folder], check=True)
        for name in ("upper", "work", "root"):
            (self.folder / name).mkdir()
        options = f"lowerdir={self.base},upperdir={self.folder}/upper,workdir={self.folder}/work"
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, self.root], check=True)
        (self.root / "etc/hostname").write_text(self.name + "\n", encoding="ascii")
        (self.root / "etc/machine-id").write_text(hashlib.sha256(self.name.encode()).hexdigest()[:32] + "\n", encoding="ascii")

    def boot(self):
        self.console = open(self.folder / "console", "wb")
        self.process = subprocess.Popen(
            ["systemd-nspawn", "--quiet", "--boot", f"--directory={self.root}", f"--machine={self.name}", "--register=no", "--keep-unit",
             f"--network-namespace-path=/run/netns/{self.namespace}", "--resolv-conf=off", "--timezone=off", "--console=pipe"],
            stdin=subprocess.DEVNULL, stdout=self.console, stderr=self.console, start_new_session=True)
        self.wait(self._find_leader, "systemd")
        self.wait(lambda: self.run("systemctl", "is-system-running", good=None).strip() in ("running", "degraded"), "the boot")

    def _find_leader(self):
        """The machine's process 1: the first children of systemd-nspawn only prepare it."""
        for child in pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split():
            self.leader = int(child)
            if self.status("test", "-S", "/run/systemd/private") == 0:
                return True
        return False

    def wait(self, condition, what, timeout=BOOTED_WITHIN):
        """For what gives no event outside of the machine."""
        deadline = time.monotonic() + timeout
        while True:
            with contextlib.suppress(OSError, Failed):
                if value := condition():
                    return value
            if self.process.poll() is not None:
                raise Failed(f"{self.name} went down: {(self.folder / 'console').read_text(errors='replace')[-1000:]}")
            if time.monotonic() > deadline:
                raise Failed(f"{self.name}: {what}: not within {timeout} s")
            time.sleep(0.05)

    def command(self, *words, user=None):
        """How to start it in the machine."""
        become = ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups"] if user else []
        home = f"/home/{user}" if user else "/root"
        return ["nsenter", f"--target={self.leader}", "--mount", "--uts", "--ipc", "--net", "--pid", "--", *become, "/usr/bin/env", "-i", "-C", home,
                "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C.UTF-8", f"HOME={home}",
                *map(str, words)]

    def run(self, *words, user=None, good=(0,), timeout=120):
        """What it says, on either stream; `good`: the exit statuses that will do (None: any)."""
        done = subprocess.run(self.command(*words, user=user), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                              stdin=subprocess.DEVNULL, timeout=timeout, check=False)
        if good is not None and done.returncode not in good:
            raise Failed(f"{self.name}: {' '.join(map(str, words))}: exit status {done.returncode}: {done.stdout.strip()[-2000:]}")
        return done.stdout

    def status(self, *words, **options):
        return subprocess.run(self.command(*words, **options), stdin=subprocess.DEVNULL, capture_output=True, timeout=120, check=False).returncode

    def start(self, *words, user=None, **options):
        return subprocess.Popen(self.command(*words, user=user), **options)

    def path(self, name):
        """A file of the machine, seen from here."""
        return self.root / name.lstrip("/")

    def write(self, name, text, mode=0o644):
        self.path(name).parent.mkdir(parents=True, exist_ok=True)
        self.path(name).write_text(text, encoding="utf-8")
        self.path(name).chmod(mode)

    def property(self, unit, name):
        return self.run("systemctl", "show", "--value", f"--property={name}", unit).strip()

    def close(self):
        if self.process and self.process.poll() is None:
            if self.leader:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self.leader, signal.SIGRTMIN + 4)  # systemd: power off
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(10)
                with contextlib.suppress(ProcessLookupError, TypeError):
                    os.kill(self.leader, signal.SIGKILL)  # it does not end with systemd-nspawn
        if self.process:
            self.console.close()
        for mount in (self.root, self.folder):
            subprocess.run(["umount", "--lazy", mount], capture_output=True, check=False)
        with contextlib.suppress(OSError):
            self.folder.rmdir()
