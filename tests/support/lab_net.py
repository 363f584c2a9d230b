"""Hosts made of network namespaces: a switch (a bridge in a namespace of its own), hosts with one cable each to it, and
an "internet" beyond the switch's other port. Nothing is connected to the machine's own network, so that no packet leaves.

    with Net(hosts=3, wan_mbit=40) as net:  # or wan_mbit=40, line=Line(rtt_ms=25, loss=0.005)
        net.hosts[0].command("larderd")            # how to start a program there
        net.hosts[0].enter(lambda: socket.socket())  # a socket of that host, in this process
        net.hosts[1].link.cut()

Needs root and a kernel with veth, bridge and tbf: `refused()` says what is missing. A Line needs /dev/net/tun and the
program larder_line_relay beside it: `refused_line()`. Names hold this process's id, so that runs do not meet; what a killed
run left is cleared away by the next.
"""

import contextlib
import ctypes
import dataclasses
import json
import os
import pathlib
import re
import secrets
import signal
import subprocess
import threading

from lab_servers import find_program

PREFIX = "larder"
LAN, WAN = "10.77.0.", "198.51.100."  # inside the namespaces only
GATEWAY, INTERNET = WAN + "1", WAN + "2"
_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


class NetError(RuntimeError):
    """A command of ip, tc or bridge failed; its words are in the text."""


def _run(program, *arguments):
    path = find_program(program)
    if not path:
        raise NetError(f"{program} is not installed (apt install iproute2)")
    done = subprocess.run([path, *map(str, arguments)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NetError(f"{program} {' '.join(map(str, arguments))}: {done.stderr.strip() or done.returncode}")
    return done.stdout


def ip(*arguments):
    return _run("ip", *arguments)


def namespaces():
    return [line.split()[0] for line in ip("netns", "list").splitlines() if line.strip()]


def enter(namespace, function):
    """function() in a thread that has entered the namespace; sockets which it makes stay there. Its value, or error."""
    outcome = []

    def inside():
        try:
            with open(f"/run/netns/{namespace}", "rb") as handle:
                if _libc.setns(handle.fileno(), _CLONE_NEWNET) != 0:
                    raise OSError(ctypes.get_errno(), f"cannot enter {namespace}")
            outcome.append((True, function()))
        except BaseException as error:  # pylint: disable=broad-except; raised again in the caller's thread
            outcome.append((False, error))

    thread = threading.Thread(target=inside)
    thread.start()
    thread.join()
    good, value = outcome[0]
    if not good:
        raise value
    return value


def _set(namespace, **settings):
    """net.* settings of a namespace: a__b is a/b."""

    def write():
        for name, value in settings.items():
            pathlib.Path("/proc/sys/net", *name.split("__")).write_text(str(value))

    enter(namespace, write)


def remove(namespace):
    """Ends what still runs in one of our namespaces, then the namespace."""
    with contextlib.suppress(NetError):
        for pid in ip("netns", "pids", namespace).split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
    with contextlib.suppress(NetError):
        ip("netns", "del", namespace)


def sweep():
    """Clears away namespaces whose run is no more (killed with -9)."""
    for name in namespaces():
        found = re.fullmatch(PREFIX + r"-(\d+)-[0-9a-f]{4}-\w+", name)
        if found and not pathlib.Path("/proc", found[1]).exists():
            remove(name)


def refused():
    """None where such networks can be made here, otherwise why not."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    try:
        with Net(hosts=1, wan_mbit=100):
            return None
    except (NetError, OSError) as error:
        return f"network namespaces are not permitted here: {error}"


def shape(namespace, device, mbit):
    """At most so fast out of `device`; None: as fast as it can."""
    with contextlib.suppress(NetError):
        _run("tc", "-n", namespace, "qdisc", "del", "dev", device, "root")
    if mbit:
        burst = max(32 * 1024, int(mbit * 1e6 / 8 * 0.002))  # what a timer tick lets pass
        _run("tc", "-n", namespace, "qdisc", "add", "dev", device, "root", "tbf", "rate", f"{mbit}mbit", "burst", burst,
             "latency", "30ms")


@dataclasses.dataclass(frozen=True)
class Line:
    """What the line to the internet does beside its rate, in each direction: half of the round trip's delay, up to
    `jitter_ms` more, a queue that holds `queue_ms` of sending (None: one round trip, at least 20 ms) or `queue_kib`, which
    CoDel may manage, and by `seed` a share of packets that is lost and one that is held up for `held_up_ms`, so that others
    overtake them."""

    rtt_ms: float = 0.0
    jitter_ms: float = 0.0
    queue_ms: float | None = None
    queue_kib: float = 0.0
    codel: bool = False
    loss: float = 0.0
    reorder: float = 0.0
    held_up_ms: float = 1.0
    seed: int = 1

    def words(self, mbit, salt=0):
        """For larder_line_relay, of one direction; `salt` keeps the directions from losing the same packets."""
        queue = max(20.0, self.rtt_ms) if self.queue_ms is None and not self.queue_kib else self.queue_ms or 0.0
        return (f"mbit={mbit or 0},delay_ms={self.rtt_ms / 2},jitter_ms={self.jitter_ms},queue_ms={queue},"
                f"queue_kib={self.queue_kib},codel={int(self.codel)},loss={self.loss},reorder={self.reorder},"
                f"held_up_ms={self.held_up_ms},seed={(self.seed * 2 + salt) % 2**32}")


class LineRelay:
    """A running larder_line_relay: a device in each of two namespaces, and the line between them. `a_to_b`, `b_to_a`: its
    words, as Line makes them."""

    QUEUE = 10_000  # packets that wait to be read: the program drops, the device must not

    def __init__(self, program, end_a, end_b, a_to_b="", b_to_a=""):
        self.ends = (end_a, end_b)  # (namespace, device)
        if not os.access(program, os.X_OK):
            raise NetError(f"{program} is not built (tools/build.sh release larder_line_relay)")
        self.process = subprocess.Popen([program, *(":".join(end) for end in self.ends), a_to_b, b_to_a], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            if self.process.stdout.readline() != "ready\n":
                raise NetError(self.process.stderr.read().strip() or "larder_line_relay ended")
            for namespace, device in self.ends:
                # What IPv6 says by itself would take part in the draw of what is lost.
                _set(namespace, **{f"ipv6__conf__{device}__disable_ipv6": 1})
                ip("-n", namespace, "link", "set", device, "txqueuelen", self.QUEUE)
        except BaseException:
            self.close()
            raise

    def ask(self, words):
        self.process.stdin.write(words + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().strip()
        if not answer or answer.startswith("error"):
            raise NetError(f"larder_line_relay, asked for {words!r}: {answer or 'ended: ' + self.process.stderr.read()}")
        return answer

    def change(self, a_to_b, b_to_a):
        self.ask("a_to_b " + a_to_b)
        self.ask("b_to_a " + b_to_a)

    def figures(self):
        """Counts of packets, {"a_to_b": {"entered", "arrived", "lost", "queue_full", "codel_dropped", "refused"}, "b_to_a": …}."""
        return json.loads(self.ask("figures"))

    def cpu_seconds(self):
        return int(pathlib.Path(f"/proc/{self.process.pid}/schedstat").read_text().split()[0]) / 1e9

    def close(self):
        """It ends with its standard input, and its devices with it; the exit status."""
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        try:
            return self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()
        finally:
            self.process.stdout.close()
            self.process.stderr.close()


def refused_line(program):
    """None where a Line can be made here with this larder_line_relay, otherwise why not."""
    if why := refused():
        return why
    try:
        with Net(hosts=0, line=Line(rtt_ms=1), relay=program):
            return None
    except (NetError, OSError) as error:
        return f"a line with delay is not permitted here: {error}"


class Link:
    """A host's cable to the switch."""

    def __init__(self, switch, port, namespace):
        self.switch, self.port, self.namespace = switch, port, namespace

    def down(self):
        """The cable is pulled out: both ends see it."""
        ip("-n", self.switch, "link", "set", self.port, "down")

    def up(self):
        ip("-n", self.switch, "link", "set", self.port, "up")
        _run("bridge", "-n", self.switch, "link", "set", "dev", self.port, "state", 3)

    def cut(self):
        """The switch drops everything, and nobody is told: as a cable pulled behind the next switch."""
        _run("bridge", "-n", self.switch, "link", "set", "dev", self.port, "state", 0)

    def shape(self, mbit):
        """Both directions; None: as fast as it can."""
        shape(self.namespace, "eth0", mbit)
        shape(self.switch, self.port, mbit)


class NetHost:
    def __init__(self, namespace, address, name, link=None):
        self.namespace, self.address, self.name, self.link = namespace, address, name, link

    def prefix(self):
        """What stands before a program's name to start it on this host, under the host's own name. The process that is
        started becomes the program."""
        return [find_program("ip"), "netns", "exec", self.namespace, "unshare", "--uts", "sh", "-c",
                'echo "$0" >/proc/sys/kernel/hostname && exec "$@"', self.name]

    def enter(self, function):
        return enter(self.namespace, function)


class Net:
    """`line`: a Line where the internet's line has more than a rate; `relay`: the program that makes it. `congestion`: the
    congestion control of all connections over the line (None: as the machine has it)."""

    def __init__(self, hosts=3, wan_mbit=None, lan_mbit=None, line=None, relay=None, congestion=None):
        self.line, self.relay_program, self.relay = line, relay, None
        self.congestion = ["congctl", congestion] if congestion else []
        self.token = f"{PREFIX}-{os.getpid()}-{secrets.token_hex(2)}"
        self.switch = f"{self.token}-lan"
        self.made, self.hosts, self.internet = [], [], None
        self.wanted, self.wan_mbit, self.lan_mbit = hosts, wan_mbit, lan_mbit

    def __enter__(self):
        try:
            sweep()
            self._make()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self.relay:
            self.relay.close()  # first: its devices keep the namespaces
            self.relay = None
        for namespace in reversed(self.made):
            remove(namespace)
        self.made.clear()

    def _namespace(self, name):
        name = f"{self.token}-{name}" if name != self.switch else name
        self.made.append(name)
        ip("netns", "add", name)
        # Addresses are there at once, without looking for others that have them.
        _set(name, ipv6__conf__default__accept_dad=0, ipv6__conf__all__accept_dad=0)
        if self.line:  # what one connection learnt of the line is not for the next one to begin with
            _set(name, ipv4__tcp_no_metrics_save=1)
        ip("-n", name, "link", "set", "lo", "up")
        return name

    def _make(self):
        self._namespace(self.switch)
        ip("-n", self.switch, "link", "add", "br0", "type", "bridge", "mcast_snooping", 0)
        ip("-n", self.switch, "addr", "add", LAN + "254/24", "dev", "br0")
        ip("-n", self.switch, "link", "set", "br0", "up")
        _set(self.switch, ipv4__ip_forward=1)
        internet = self._namespace("internet")
        if self.line:
            self.relay = LineRelay(self.relay_program, (internet, "eth0"), (self.switch, "wan0"), *self._line_words())
        else:
            ip("-n", self.switch, "link", "add", "wan0", "type", "veth", "peer", "name", "eth0", "netns", internet)
        for namespace, device, address in ((self.switch, "wan0", GATEWAY), (internet, "eth0", INTERNET)):
            ip("-n", namespace, "addr", "add", address + "/30", "dev", device)
            ip("-n", namespace, "link", "set", device, "up")
        ip("-n", internet, "route", "add", "default", "via", GATEWAY, *self.congestion)
        self.internet = NetHost(internet, INTERNET, "internet")
        if not self.line:
            self.shape_wan(self.wan_mbit)
        for _ in range(self.wanted):
            self.add_host()

    def add_host(self):
        number = len(self.hosts) + 1
        namespace, port = self._namespace(f"h{number}"), f"port{number}"
        ip("-n", self.switch, "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", namespace)
        ip("-n", self.switch, "link", "set", port, "master", "br0", "up")
        ip("-n", namespace, "addr", "add", f"{LAN}{number}/24", "dev", "eth0")
        ip("-n", namespace, "link", "set", "eth0", "up")
        ip("-n", namespace, "route", "add", "default", "via", LAN + "254", *self.congestion)
        host = NetHost(namespace, f"{LAN}{number}", f"host{number}", Link(self.switch, port, namespace))
        if self.lan_mbit:
            host.link.shape(self.lan_mbit)
        self.hosts.append(host)
        return host

    def _line_words(self):
        """Down and up, of one rate or of (down, up)."""
        down, up = self.wan_mbit if isinstance(self.wan_mbit, tuple) else (self.wan_mbit, self.wan_mbit)
        return self.line.words(down), self.line.words(up, salt=1)

    def shape_wan(self, mbit):
        if self.relay:
            self.wan_mbit = mbit
            return self.relay.change(*self._line_words())
        shape(self.switch, "wan0", mbit)
        shape(self.internet.namespace, "eth0", mbit)

    def wan(self, up):
        ip("-n", self.switch, "link", "set", "wan0", "up" if up else "down")
