"""The line to the internet that has delay, a queue and loss (larder_line_relay, lab_net.Line) does what it was told: measured
from outside, by datagrams and a TCP connection between a host of the office and the internet."""

import contextlib
import hashlib
import pathlib
import socket
import statistics
import subprocess
import sys
import threading
import time

import lab_net
from lab_net import Line, LineRelay, Net
from larder_lab import MIB, Skip, expect, expect_equal, seeded_bytes, wait_until

SO_RCVBUFFORCE = 33  # past net.core.rmem_max, as root
HEADERS = 28  # IPv4 and UDP
PORT = 5000
V6 = ("fd00:77::1", "fd00:77::2")  # the switch's end, the internet's


@contextlib.contextmanager
def network(lab, line, mbit=None, hosts=1):
    program = lab.program("larder_line_relay")
    if why := lab_net.refused_line(program):
        raise Skip(why)
    with Net(hosts=hosts, wan_mbit=mbit, line=line, relay=program) as net:
        yield net


def datagram_socket(place, address=None, family=socket.AF_INET):
    made = place.enter(lambda: socket.socket(family, socket.SOCK_DGRAM))
    made.settimeout(5)
    made.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 8 * MIB)  # this process may be late, the line alone shall drop
    if address:
        made.bind((address, PORT))
    return made


@contextlib.contextmanager
def echo(place, address, family=socket.AF_INET):
    """Answers each datagram with itself; an empty one ends it."""
    with datagram_socket(place, address, family) as sock:
        sock.settimeout(None)

        def answer():
            while True:
                data, sender = sock.recvfrom(2000)
                if not data:
                    return
                sock.sendto(data, sender)

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        try:
            yield
        finally:
            with datagram_socket(place, family=family) as last:
                last.sendto(b"", (address, PORT))
            thread.join(5)


def round_trips(place, address, count, family=socket.AF_INET):
    """Milliseconds, one after the other."""
    found = []
    with datagram_socket(place, family=family) as sock:
        sock.connect((address, PORT))
        for number in range(count):
            began = time.monotonic()
            sock.send(b"%d" % number)
            expect_equal(sock.recv(100), b"%d" % number, "the echo")
            found.append((time.monotonic() - began) * 1000)
    return found


def send_numbered(net, count, size=1000, a_second=None):
    """Datagrams from the internet to the host, as fast as they can be sent or so many a second; [(number, seconds)…] as they
    arrive, until none came for a while."""
    host, internet = net.hosts[0], net.internet
    with datagram_socket(host, host.address) as receiver, datagram_socket(internet) as sender:
        sender.connect((host.address, PORT))
        arrived = []

        def listen():
            receiver.settimeout(1.0)
            with contextlib.suppress(TimeoutError):
                while True:
                    data = receiver.recv(2000)
                    arrived.append((int.from_bytes(data[:4], "big"), time.monotonic()))

        thread = threading.Thread(target=listen)
        thread.start()
        number, began = 0, time.monotonic()
        while number < count:
            due = count if not a_second else min(count, int((time.monotonic() - began) * a_second) + 1)
            for number in range(number, due):
                sender.send(number.to_bytes(4, "big") + bytes(size - 4))
            number = due
            time.sleep(0.001)  # paced: a sender of that rate
        thread.join()
    return arrived


def transfer(place, other, address, data, family=socket.AF_INET):
    """`data` by TCP from `other` to `place`: (what came, seconds from its first byte to its last)."""
    server = other.enter(lambda: socket.create_server((address, PORT), family=family))

    def serve():
        connection, _ = server.accept()
        with connection:
            connection.sendall(data)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    with server, place.enter(lambda: socket.socket(family, socket.SOCK_STREAM)) as client:
        client.settimeout(30)
        client.connect((address, PORT))
        came, began = bytearray(), None
        while piece := client.recv(1 << 18):
            began = began or time.monotonic()
            came += piece
        ended = time.monotonic()
    thread.join(5)
    return bytes(came), ended - began


def delay(_, lab):
    """A round trip takes what it shall, and hardly more."""
    told = []
    for rtt in (5, 25, 100):
        with network(lab, Line(rtt_ms=rtt), 100) as net, echo(net.internet, net.internet.address):
            times = round_trips(net.hosts[0], net.internet.address, 20)
        told.append(f"{rtt} ms: {min(times):.2f} to {max(times):.2f}, median {statistics.median(times):.2f}")
        # A packet is given out up to 0.1 ms early; what a busy machine adds is not in the fastest.
        expect(min(times) >= rtt - 0.3, f"round trips of {told[-1]}")
        expect(min(times) <= rtt + 1.5, f"round trips of {told[-1]}")
    return "; ".join(told)


def jitter(_, lab):
    with network(lab, Line(rtt_ms=10, jitter_ms=20), 100) as net, echo(net.internet, net.internet.address):
        times = round_trips(net.hosts[0], net.internet.address, 30)
    expect(min(times) >= 9.7, f"the fastest round trip took {min(times):.2f} ms")
    expect(20 <= statistics.median(times) <= 40, f"the median is {statistics.median(times):.2f} ms, wanted about 30")
    expect(max(times) - min(times) > 10, f"{min(times):.2f} to {max(times):.2f} ms")
    return f"{min(times):.1f} to {max(times):.1f} ms"


def rate(_, lab):
    """Twice as many datagrams as the line takes: what comes is its rate. Each direction has its own; TCP fills it."""
    told = []
    for mbit in (8, 20):
        # The queue is full enough to bear a sender that a busy machine stops for a while.
        with network(lab, Line(rtt_ms=10, queue_ms=200), (mbit, 5)) as net:
            a_second = mbit * 1e6 / 8 / (1000 + HEADERS)
            arrived = send_numbered(net, int(2 * a_second), a_second=2 * a_second)
            seconds = arrived[-1][1] - arrived[0][1]
            seen = (len(arrived) - 1) * (1000 + HEADERS) * 8 / seconds / 1e6
            expect(0.95 * mbit <= seen <= 1.03 * mbit, f"{seen:.2f} Mbit/s of datagrams on a line of {mbit}")
            data = seeded_bytes("line", int(mbit * 1e6 / 8 * 1.5))
            came, seconds = transfer(net.hosts[0], net.internet, net.internet.address, data)
            expect(came == data, "other bytes came")
            tcp = len(data) * 8 / seconds / 1e6
            expect(0.6 * mbit <= tcp <= 1.03 * mbit, f"{tcp:.2f} Mbit/s by TCP on a line of {mbit}")
            told.append(f"{mbit} Mbit/s: {seen:.2f} of datagrams, {tcp:.2f} by TCP")
    return "; ".join(told)


def changed_rate(_, lab):
    with network(lab, Line(rtt_ms=4, queue_ms=50), 50) as net:
        net.shape_wan(8)
        arrived = send_numbered(net, 2000, a_second=2000)
        seen = (len(arrived) - 1) * (1000 + HEADERS) * 8 / (arrived[-1][1] - arrived[0][1]) / 1e6
        expect(7.6 <= seen <= 8.3, f"{seen:.2f} Mbit/s on a line that was changed to 8")
        return f"{seen:.2f} Mbit/s"


def queue(_, lab):
    """A burst: what the queue does not hold is dropped at its end."""
    with network(lab, Line(rtt_ms=4, queue_ms=50), 8) as net:
        numbers = [number for number, _ in send_numbered(net, 200)]
        figures = net.relay.figures()["a_to_b"]
    # 48 of 1028 bytes are 50 ms at 8 Mbit/s; a few are sent while the others come.
    expect(48 <= len(numbers) <= 75, f"{len(numbers)} of a burst came")
    expect_equal(numbers[:48], list(range(48)), "the first of the burst")
    expect_equal(figures["queue_full"], 200 - len(numbers), "drops at the queue's end")
    return f"{len(numbers)} of 200"


def loss(_, lab):
    """As many as the seed's chance says, and the same ones again."""
    count, share = 3000, 0.05
    lost = []
    for seed in (1, 1, 2):
        with network(lab, Line(rtt_ms=4, loss=share, seed=seed)) as net:
            came = {number for number, _ in send_numbered(net, count, 100, a_second=5000)}
            figures = net.relay.figures()["a_to_b"]
        lost.append(sorted(set(range(count)) - came))
        expect_equal(figures["lost"], len(lost[-1]), "what the line says it lost")
    for each in lost:
        deviation = (count * share * (1 - share)) ** 0.5
        expect(abs(len(each) - count * share) <= 4 * deviation, f"{len(each)} of {count} were lost, wanted {count * share:.0f}")
    expect_equal(lost[0] == lost[1], True, "the same seed loses the same packets")
    expect_equal(lost[0] == lost[2], False, "another seed loses the same packets")
    return f"{len(lost[0])} and {len(lost[2])} of {count}"


def order(_, lab):
    """Some are overtaken, and all come."""
    with network(lab, Line(rtt_ms=4, reorder=0.05, held_up_ms=3)) as net:
        numbers = [number for number, _ in send_numbered(net, 1000, 100, a_second=5000)]
    expect_equal(sorted(numbers), list(range(1000)), "the datagrams")
    late = sum(b < a for a, b in zip(numbers, numbers[1:]))
    expect(15 <= late <= 120, f"{late} of 1000 were overtaken, wanted about 50")
    return f"{late} of 1000"


def content(_, lab):
    """TCP's bytes are right when packets are lost, late and overtaken, and the line is down for a moment; IPv6 too."""
    data = seeded_bytes("line content", 6 * MIB)
    with network(lab, Line(rtt_ms=4, jitter_ms=1, loss=0.01, reorder=0.02, codel=True), 100) as net:
        came, first = transfer(net.hosts[0], net.internet, net.internet.address, data)
        expect_equal(hashlib.sha256(came).hexdigest(), hashlib.sha256(data).hexdigest(), "SHA-256 over IPv4")
        net.wan(False)
        net.wan(True)
        switch = lab_net.NetHost(net.switch, V6[0], "switch")
        for place, device, address in ((switch, "wan0", V6[0]), (net.internet, "eth0", V6[1])):
            lab_net._set(place.namespace, **{f"ipv6__conf__{device}__disable_ipv6": 0})
            lab_net.ip("-n", place.namespace, "addr", "add", address + "/64", "dev", device, "nodad")
        came, second = transfer(switch, net.internet, V6[1], data, socket.AF_INET6)
        expect_equal(hashlib.sha256(came).hexdigest(), hashlib.sha256(data).hexdigest(), "SHA-256 over IPv6")
        figures = net.relay.figures()["a_to_b"]
        expect(figures["lost"] > 20, f"{figures['lost']} packets were lost")
    return f"{first:.1f} s, IPv6 {second:.1f} s, {figures['lost']} lost"


def gigabit(_, lab):
    """How much of a processor 1 Gbit/s takes: told, and no more than one, whatever else the machine does."""
    data = bytes(96 * MIB)
    with network(lab, Line(rtt_ms=4, queue_ms=20), 1000) as net:
        before = net.relay.cpu_seconds()
        came, seconds = transfer(net.hosts[0], net.internet, net.internet.address, data)
        cpu = net.relay.cpu_seconds() - before
    expect_equal(len(came), len(data), "bytes")
    gigabits = len(data) * 8 / 1e9
    expect(cpu / gigabits < 1, f"{cpu / gigabits:.2f} s of a processor for each Gbit")
    return f"{gigabits / seconds:.2f} Gbit/s, {cpu / gigabits:.2f} s of a processor for each Gbit"


_OWNER = """
import sys
sys.path.insert(0, sys.argv[1])
from lab_net import LineRelay
relay = LineRelay(sys.argv[2], (sys.argv[3], "line0"), (sys.argv[4], "line0"))
print(relay.process.pid, flush=True)
sys.stdin.read()
"""


def ends_with_its_owner(_, lab):
    """An owner that is killed with -9 leaves neither the program nor its devices; nor does one that ends it."""
    with network(lab, Line()) as net:
        ends = (net.switch, net.hosts[0].namespace)

        def devices():
            return [namespace for namespace in ends if "line0" in lab_net.ip("-n", namespace, "-br", "link")]

        with subprocess.Popen([sys.executable, "-c", _OWNER, pathlib.Path(lab_net.__file__).parent, net.relay_program, *ends],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as owner:
            relay = int(owner.stdout.readline())
            expect_equal(len(devices()), 2, "namespaces with a device")
            owner.kill()
        wait_until(lambda: not pathlib.Path("/proc", str(relay)).exists() and not devices(), 10, "the relay to end")
        again = LineRelay(net.relay_program, *((namespace, "line0") for namespace in ends))
        expect_equal((again.close(), devices()), (0, []), "exit status and devices of one that was ended")
        for words in ("mbit=x", "rate=1"):
            try:
                net.relay.ask("a_to_b " + words)
                raise AssertionError(f"{words!r} was taken")
            except lab_net.NetError as error:
                expect("error: " in str(error), str(error))
    return ""


CASES = {f.__name__: f for f in (delay, jitter, rate, changed_rate, queue, loss, order, content, gigabit,
                                 ends_with_its_owner)}


def run(seed, lab, case):
    return CASES[case](seed, lab)
