"""A firewall that lets a host's TCP ports answer nobody: what comes from them is dropped on its way out of the host, so that
who dials waits in vain, as where a packet filter drops what comes in. Made with tc, which the laboratory has; netfilter's own
program is not needed.

    with blocked(host.place, 7476):
        …
"""

import contextlib

from lab_net import NetError, _run  # pylint: disable=protected-access


def _tc(place, *arguments):
    _run("tc", "-n", place.namespace, *arguments)


def block(place, *ports, device="eth0", address=None):
    """Nothing is sent any more from these ports, of one IPv4 address where one is given. Once for a device."""
    _tc(place, "qdisc", "add", "dev", device, "root", "handle", "1:", "htb", "default", "1")
    _tc(place, "class", "add", "dev", device, "parent", "1:", "classid", "1:1", "htb", "rate", "10gbit", "quantum", 60000)
    _tc(place, "class", "add", "dev", device, "parent", "1:", "classid", "1:4", "htb", "rate", "8kbit", "quantum", 1500)
    _tc(place, "qdisc", "add", "dev", device, "parent", "1:4", "bfifo", "limit", 1)  # room for no packet
    source = ["match", "ip", "src", f"{address}/32"] if address else []
    for port in ports:
        _tc(place, "filter", "add", "dev", device, "parent", "1:", "protocol", "ip", "u32", *source, "match", "ip", "protocol", 6,
            "0xff", "match", "ip", "sport", port, "0xffff", "flowid", "1:4")


def unblock(place, device="eth0"):
    with contextlib.suppress(NetError):
        _tc(place, "qdisc", "del", "dev", device, "root")


@contextlib.contextmanager
def blocked(place, *ports, **options):
    block(place, *ports, **options)
    try:
        yield
    finally:
        unblock(place, options.get("device", "eth0"))
