"""Whether hosts reach each other: networks that come in another order or later, several cards, blocked ports, two machines with
one identity, and hosts of another build. What can be mended is; the rest is told on both sides: `larder peers`, `larder doctor`,
the log and /metrics."""

import contextlib
import json
import os
import pathlib
import random
import re
import shutil
import socket
import time

import lab_net
from lab_blocks import block, blocked, unblock
from lab_office import CATALOGUE_PORT, SWARM_PORT, Office, told
from larder_lab import MIB, Skip, expect, expect_equal, wait_until

SOON = 45  # seconds: within them everything is told, and taken back


def text_of(host, *command):
    return host.agent.larder(*command).stdout


def doctor(host):
    """{check: line} of what is not well."""
    report = json.loads(host.agent.larder("doctor", "--json").stdout)
    return [line for line in report["checks"] if line["grade"] != "ok"]


def metric(host, name):
    page = host.api.raw("GET", "/metrics")[2].decode()
    found = re.search(rf"^{re.escape(name)} (\S+)$", page, re.MULTILINE)
    expect(found, f"/metrics of {host.name} has no {name}")
    return float(found[1])


def log_lines(host, level, words):
    return [line for line in host.agent.log_file.read_text(errors="replace").splitlines()
            if words in line and re.search(rf"\b{level}\b", line, re.IGNORECASE)]


def listens(host, address, port=SWARM_PORT):
    """Whether a connection to there is taken, from this host."""

    def dial():
        with socket.socket() as probe:
            probe.settimeout(2)
            return probe.connect_ex((address, port)) == 0

    return host.place.enter(dial)


def serves_others(office, giver, taker, path, seed):
    """The giver fetches a file, and the taker has all of it from the giver."""
    size = 3 * MIB
    url = office.publish(path, seed, size)
    giver.fetch(url)
    figures = taker.fetch(url)["figures"]
    expect_equal((figures["origin"], figures["peers"]), (0, size), f"bytes from origin and peers on {taker.name}")


def nothing_unwell(host, *words):
    lines = [line for line in doctor(host) if any(word in line["finding"] + line["check"] for word in words)]
    expect_equal(lines, [], f"what the doctor of {host.name} finds unwell")


# -- networks that come later -------------------------------------------------------------------------------------------

def _address_first(rng, lab, restart):
    with Office(lab, hosts=2) as office:
        office.need_cables()
        office.make_group()
        first, second = office.hosts
        space = first.place.namespace
        if restart:
            first.agent.stop()
        lab_net.ip("-n", space, "link", "set", "eth0", "down")
        lab_net.ip("-n", space, "addr", "flush", "dev", "eth0")
        if restart:
            first.agent.start()
        else:
            time.sleep(2.5)  # so that the agent has seen it go: nothing tells that
        lab_net.ip("-n", space, "addr", "add", f"{first.address}/24", "dev", "eth0")
        time.sleep(2.5)  # as ifupdown does: first the address, then the link
        lab_net.ip("-n", space, "link", "set", "eth0", "up")
        lab_net.ip("-n", space, "route", "add", "default", "via", lab_net.LAN + "254")
        office.wait_acquainted(timeout=40)
        wait_until(lambda: listens(first, first.address), SOON, "the swarm to listen on the address that came", 0.2)
        serves_others(office, first, second, "/f", f"address first {rng.random()}")
        nothing_unwell(first, "listen")
        return office.form


def address_first_at_start(rng, lab):
    """The agent starts without network; then come the address, the link and the route, in this order."""
    return _address_first(rng, lab, restart=True)


def address_first_later(rng, lab):
    """The same on an agent that runs: its network goes away and comes back."""
    return _address_first(rng, lab, restart=False)


def add_card(office, host, address):
    """A second card of a host, in the same network."""
    space, switch = host.place.namespace, office.net.switch
    port = f"card{host.number}"
    lab_net.ip("-n", switch, "link", "add", port, "type", "veth", "peer", "name", "eth1", "netns", space)
    lab_net.ip("-n", switch, "link", "set", port, "master", "br0", "up")
    lab_net.ip("-n", space, "addr", "add", f"{address}/24", "dev", "eth1")
    return lambda: lab_net.ip("-n", space, "link", "set", "eth1", "up")


def several_cards(rng, lab):
    """A second card in the same network comes up: the swarm takes connections at its address too, by whichever of the two
    they come in."""
    with Office(lab, hosts=2) as office:
        office.need_cables()
        office.make_group()
        first, second = office.hosts
        other = lab_net.LAN + "77"
        bring_up = add_card(office, first, other)
        time.sleep(2.5)  # the address is there, its card is not up: nothing tells that
        bring_up()
        wait_until(lambda: listens(first, other), SOON, "the swarm to listen on the second card", 0.2)
        for address in (other, first.address):
            wait_until(lambda address=address: listens(second, address), 10, f"{address} to be reached from elsewhere", 0.2)
        serves_others(office, first, second, "/f", f"cards {rng.random()}")
        nothing_unwell(first, "listen")
        return office.form


# -- ports that do not answer -------------------------------------------------------------------------------------------

def _ports_blocked(rng, lab, ports):
    with Office(lab, hosts=2, wan_mbit=400) as office:
        office.need_cables()
        office.make_group()
        giver, taker = office.hosts
        port = ports[-1] if len(ports) == 1 else CATALOGUE_PORT
        words = f"TCP {port} of {giver.address} does not answer"
        urls = [office.publish(f"/f{i}", f"blocked {i} {rng.random()}", 2 * MIB) for i in range(3)]
        for url in urls:
            giver.fetch(url)
        with blocked(giver.place, *ports):
            for url in urls:
                taker.fetch(url)  # holds the bytes against what was published
            wait_until(lambda: words in text_of(taker, "peers"), SOON, f"`larder peers` of the taker to say {words!r}", 0.5)
            unwell = doctor(taker)
            expect(any(words in line["finding"] and line.get("advice") for line in unwell),
                   f"the taker's doctor does not say {words!r}: {told(unwell)}")
            expect_equal(len(log_lines(taker, "warning", words)), 1, f"warnings in the taker's log that say {words!r}")
            name = "catalogue" if port == CATALOGUE_PORT else "swarm"
            expect_equal(metric(taker, f'larder_peers_unreachable{{port="{name}"}}'), 1, "agents that are not reached")
            here = f"TCP {' and '.join(map(str, ports))} of this machine does not answer {taker.agent.directory.name}"
            wait_until(lambda: here in text_of(giver, "peers"), SOON, f"`larder peers` of the giver to say {here!r}", 0.5)
            unwell = doctor(giver)
            expect(any(here in line["finding"] for line in unwell), f"the giver's doctor does not say {here!r}: {told(unwell)}")
            expect_equal(metric(giver, "larder_unreached_by_peers"), 1, "agents that do not reach this one")
            expect_equal(len(log_lines(giver, "warning", "of this machine does not answer")), 1, "warnings in the giver's log")
        wait_until(lambda: words not in text_of(taker, "peers"), 2 * SOON, "the taker to find the port open again", 0.5)
        wait_until(lambda: here not in text_of(giver, "peers"), SOON, "the giver to hear that", 0.5)
        nothing_unwell(taker, "does not answer")
        nothing_unwell(giver, "does not answer")
        expect_equal(metric(giver, "larder_unreached_by_peers"), 0, "agents that do not reach this one, afterwards")
        serves_others(office, giver, taker, "/after", f"after {rng.random()}")
        return office.form


def swarm_blocked(rng, lab):
    """A firewall drops the swarm's port: bytes come from the origin, and both sides say why."""
    return _ports_blocked(rng, lab, [SWARM_PORT])


def both_blocked(rng, lab):
    """The catalogue's port too."""
    return _ports_blocked(rng, lab, [CATALOGUE_PORT, SWARM_PORT])


def blocked_before_anything(_rng, lab):
    """Nobody has downloaded anything yet: that a port is blocked is found all the same. A host that is switched off is
    none that does not answer."""
    with Office(lab, hosts=3) as office:
        office.need_cables()
        for host in office.hosts[:1]:
            block(host.place, SWARM_PORT)
        office.make_group()
        giver, taker, off = office.hosts
        words = f"TCP {SWARM_PORT} of {giver.address} does not answer"
        wait_until(lambda: words in text_of(taker, "peers"), SOON, f"`larder peers` to say {words!r}", 0.5)
        off.agent.kill()
        wait_until(lambda: len(taker.known()) == 1, 60, "the host that is off to be forgotten", 0.5)
        expect_equal(log_lines(taker, "warning", f"of {off.address} does not answer"), [], "warnings of a host that is off")
        unblock(giver.place)
        return office.form


def alone_again(_rng, lab):
    """There were others, and nobody has been heard since: the doctor says so, and since when."""
    with Office(lab, hosts=2) as office:
        office.make_group()
        first, second = office.hosts
        second.agent.stop()

        def said():
            return any("before there were others" in line["finding"] for line in doctor(first))

        wait_until(said, 60, "the doctor to say that nobody is heard any more", 0.5)
        expect(first.peers()["alone_for_s"] >= 0, "peers do not say for how long")
        second.agent.start()
        office.wait_acquainted(timeout=40)
        expect(not said(), "the doctor says so although somebody is there")
        return office.form


# -- two machines with one identity -------------------------------------------------------------------------------------

def cloned(rng, lab):
    """A machine's state directory is copied to another: the two find it out, whoever else is there sees it, nobody lets
    anybody leave by itself, and the command that is named ends it."""
    with Office(lab, hosts=3) as office:
        first, second, third = office.hosts
        office.make_group([first, second])
        second.agent.stop()
        third.agent.stop()
        shutil.rmtree(third.agent.state)
        shutil.copytree(second.agent.state, third.agent.state)
        if rng.random() < 0.5:
            second.agent.start()
            third.agent.start()
        else:
            third.agent.start()
            second.agent.start()
        command = "larder group leave && larder group join INVITATION"
        for host, other in ((second, third), (third, second)):
            def said(host=host, other=other):
                page = text_of(host, "peers")
                return command in page and other.address in page

            wait_until(said, SOON, f"`larder peers` of {host.name} to name the other machine and the command", 0.5)
            unwell = doctor(host)
            expect(any(line["check"] == "identity" and command in line["advice"] for line in unwell),
                   f"the doctor of {host.name} does not name the command: {told(unwell)}")
            expect_equal(len(log_lines(host, "warning", command)), 1, f"warnings in the log of {host.name}")
            expect_equal(metric(host, "larder_identity_copied"), 1, f"larder_identity_copied of {host.name}")
        wait_until(lambda: "two machines" in text_of(first, "peers"), 90, "the third to see two machines", 0.5)
        expect(any("two machines" in line["finding"] for line in doctor(first)), "the doctor of the third does not say so")
        third.agent.larder("group", "leave", check=True)
        office.admit(first, third)
        office.wait_acquainted(timeout=120)  # whichever of the two was believed before
        serves_others(office, second, third, "/f", f"cloned {rng.random()}")
        wait_until(lambda: command not in text_of(second, "peers"), 120, "the first machine to forget the other", 1)
        nothing_unwell(second, "identity")
        return office.form


def no_clone(_rng, lab):
    """Restarts, several addresses and what was recorded and sent again are no second machine."""
    with Office(lab, hosts=2) as office:
        office.make_group()
        first, second = office.hosts
        for _ in range(2):
            second.agent.restart()
            office.wait_acquainted(timeout=40)
        if not office.loopback:
            add_card(office, second, lab_net.LAN + "78")()
        heard = first.peers()["multicast_hellos"] + first.peers()["unicast_hellos"]
        wait_until(lambda: sum(first.peers()[f"{way}cast_hellos"] for way in ("multi", "uni")) >= heard + 6, 60,
                   "six more announcements of the other host", 0.5)
        for host in office.hosts:
            nothing_unwell(host, "identity", "two machines")
            expect_equal(metric(host, "larder_identity_copied"), 0, f"larder_identity_copied of {host.name}")
        return office.form


# -- hosts of another build ---------------------------------------------------------------------------------------------

def other_build(host, folder):
    """The host's programs are those of `folder`; its answers are not held against this tree's document."""
    host.agent.bin_dir = pathlib.Path(folder)
    host.api.checked = False


def two_builds(rng, lab):
    """Hosts of this build beside hosts of the build before (LARDER_OLD_BIN_DIR): one group, one copy from the origin whoever
    asks first, each command with each agent, and nobody complains of what the other says."""
    folder = os.environ.get("LARDER_OLD_BIN_DIR")
    if not folder or not (pathlib.Path(folder) / "larderd").exists():
        raise Skip("no programs of an earlier build are at hand (--old-bin-dir DIR, or LARDER_OLD_BIN_DIR)")
    with Office(lab, hosts=4, start=False) as office:
        old, new = office.hosts[0::2], office.hosts[1::2]
        for host in old:
            other_build(host, folder)
        order = rng.sample(office.hosts, 4)
        for host in office.hosts:
            host.agent.start()
        office.make_group(order)  # whose authority is of either build
        for number, giver in enumerate(order):
            size = rng.choice([40_000, 3 * MIB, 9 * MIB])
            url = office.publish(f"/f{number}", f"builds {number} {rng.random()}", size)
            giver.fetch(url)
            for taker in (host for host in order if host is not giver):
                figures = taker.fetch(url)["figures"]
                expect_equal((figures["origin"], figures["peers"]), (0, size),
                             f"bytes from origin and peers on {taker.name}, from {giver.name} first")
            office.expect_sent(f"/f{number}", size)
        url = office.publish("/commands", f"commands {rng.random()}", MIB)
        for host in office.hosts:
            for commands in (old[0].agent.bin_dir, new[0].agent.bin_dir):
                command_of(commands, host, url, office.digests[url])
        for host in office.hosts:
            for words in ("cannot be read", "is not known", "malformed"):
                expect_equal(log_lines(host, "warning", words), [], f"complaints of {host.name}")
        return office.form


def command_of(bin_dir, host, url, sha256):
    own, host.agent.bin_dir = host.agent.bin_dir, bin_dir
    try:
        target = host.agent.directory / "got"
        host.agent.larder("get", url, "-o", target, "--sha256", sha256, check=True)
        with contextlib.suppress(FileNotFoundError):
            target.unlink()
        for command in (["status"], ["peers"], ["job", "list"], ["cache", "list"], ["group", "show"]):
            host.agent.larder(*command, check=True)
        expect("cannot" not in host.agent.larder("doctor").stderr, "the doctor cannot read the agent's answers")
    finally:
        host.agent.bin_dir = own


CASES = {function.__name__: function for function in (
    address_first_at_start, address_first_later, several_cards, swarm_blocked, both_blocked, blocked_before_anything,
    alone_again, cloned, no_clone, two_builds)}


def run(seed, lab, name):
    return CASES[name](random.Random(f"reach {name} {seed}"), lab)
