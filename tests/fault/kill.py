"""kill -9 at random points of a running download, and what must hold afterwards.

The agent is stopped (SIGSTOP), then what lies unread in the sockets between it and the origin is counted, then it is
killed. So the bytes that it had read are known exactly: what the origin sent less what was in the sockets. Of these at
most one segment for each kill may be fetched again (one for each range that is fetched in parallel), and what the agent
had taken from the socket beyond it while that segment was made durable (at most PIPELINE: while a complete segment is not
in the index the writer takes no more, so it is the window of the HTTP client and what a full window leaves in the making).
"""

import contextlib
import os
import random
import signal
import subprocess

from larder_lab import (MIB, Edition, EditionResource, check_figures, expect, expect_equal, http_date, seeded_bytes,
                        segment_size, wait_until)

PIPELINE = 4 * MIB + 1 * MIB  # HttpClient::kWindow, and jobs of the writer being cut


def socket_backlog(port):
    """Bytes in the kernel on their way from `port` of 127.0.0.1 to a reader: unsent, unacknowledged or unread."""
    total, hexport = 0, f"{port:04X}"
    with open("/proc/net/tcp", encoding="ascii") as table:
        next(table)
        for line in table:
            fields = line.split()
            local, remote, queues = fields[1], fields[2], fields[4].split(":")
            if local.endswith(":" + hexport):
                total += int(queues[0], 16)
            elif remote.endswith(":" + hexport) and fields[3] != "06":
                total += int(queues[1], 16)
    return total


class Account:
    """What the agent read, over its lives."""

    def __init__(self, origin):
        self.origin, self.unread = origin, 0

    def kill(self, agent):
        """kill -9, with what it never read counted."""
        os.kill(agent.process.pid, signal.SIGSTOP)
        wait_until(lambda: agent.process_status()["State"].startswith(("T", "Z")), what="the stop", interval=0.001)
        with self.origin.changed:  # nobody counts a piece as sent between the two
            before = self.origin.sent("/f")
            backlog = socket_backlog(self.origin.port)
        agent.kill()
        wait_until(lambda: not self.origin.connections, 10, "the origin's connections to end")
        # What the origin still put into the sockets after the count was never read either.
        self.unread += backlog + self.origin.sent("/f") - before

    def read(self):
        return self.origin.sent("/f") - self.unread


def kill_agent(rng, lab, edition, resource, url):
    agent = lab.agent()
    size = len(edition.data)
    account = Account(lab.origin)
    ranges = rng.choice([1, 1, 1, 2])
    job_id = agent.api.create([url], retry_delay_s=0.1, parallel_ranges=ranges)["id"]
    kills = rng.choice([1, 1, 2, 3])
    done = 0
    for point in sorted(rng.randrange(size) for _ in range(kills)):
        # Bytes sent, over all lives; waste of earlier kills moves the point on, which is as random.
        with contextlib.suppress(TimeoutError):
            lab.origin.wait_sent(point, timeout=20)
        account.kill(agent)
        done += 1
        agent.start()
    job = agent.api.wait(job_id, timeout=60)
    expect_equal(job["state"], "transferred", f"state after {done} kills ({job['error']})")
    expect(agent.api.content(job_id) == edition.data, "other bytes than the origin's")
    check_figures(job)
    segment = segment_size(size)
    again = account.read() - size
    expect(again <= done * ranges * (segment + PIPELINE),
           f"{again} bytes read twice after {done} kills, {ranges} ranges, segment {segment}")
    agent.api.act(job_id, "complete")
    agent.check_cache_soon()
    agent.stop()
    good, report = agent.check_cache()
    expect(good, f"larder_cache_check after a stop: {report[-1500:]}")
    return f"kill agent: {again / done / segment:.2f} segments twice a kill"


def kill_at_any_time(rng, lab, edition, resource, url):
    """Not at a byte but at a time: also while starting, committing, finishing, acknowledging."""
    agent = lab.agent()
    job_id = agent.api.create([url], retry_delay_s=0.1)["id"]
    for _ in range(rng.choice([1, 2, 4])):
        pause = rng.uniform(0, 0.4)
        with contextlib.suppress(subprocess.TimeoutExpired):
            agent.process.wait(pause)  # the random point in time
        agent.kill()
        agent.start()
    job = agent.api.wait(job_id, timeout=60)
    expect_equal(job["state"], "transferred", f"state ({job['error']})")
    expect(agent.api.content(job_id) == edition.data, "other bytes than the origin's")
    check_figures(job)
    agent.api.act(job_id, "complete")
    agent.kill()
    agent.start()
    agent.check_cache_soon()
    # What was finished is in the cache, and acknowledged jobs do not come back.
    expect(agent.api.job(job_id)["state"] == "acknowledged" if job_id in [j["id"] for j in agent.api.jobs()] else True,
           "the acknowledged job is back")
    before = lab.origin.sent("/f")
    again = agent.api.wait(agent.api.create([url])["id"])
    expect_equal(again["state"], "transferred", "state of the repeated request")
    expect_equal(lab.origin.sent("/f") - before, 0, "bytes sent for the repeated request")
    return "kill agent at any time"


def kill_command(rng, lab, edition, resource, url):
    """kill -9 of `larder get`, now and then of the agent as well; the same command again does the rest."""
    agent = lab.agent()
    size = len(edition.data)
    out = lab.folder("out")
    account = Account(lab.origin)
    agent_kills = 0
    for point in sorted(rng.randrange(size) for _ in range(rng.choice([1, 2]))):
        command = subprocess.Popen(agent.larder_command("get", url, "-o", out / "f", "--quiet"), cwd=out,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with contextlib.suppress(TimeoutError):
            lab.origin.wait_sent(point, timeout=20)
        command.kill()
        command.wait()
        if rng.random() < 0.4:
            account.kill(agent)
            agent_kills += 1
            agent.start()
    done = agent.larder("get", url, "-o", out / "f", "--quiet", cwd=out)
    expect_equal(done.returncode, 0, f"exit status of the last larder get ({done.stderr[-500:]})")
    expect((out / "f").read_bytes() == edition.data, "other bytes than the origin's")
    expect_equal(sorted(os.listdir(out)), ["f"], "files beside the destination")
    again = account.read() - size
    limit = agent_kills * (segment_size(size) + PIPELINE)
    expect(again <= limit, f"{again} bytes read twice after kills of the command and {agent_kills} of the agent")
    agent.check_cache_soon()
    return "kill command"


KINDS = [kill_agent, kill_agent, kill_agent, kill_at_any_time, kill_command]


def run(seed, lab):
    rng = random.Random(f"kill {seed}")
    edition = Edition(seeded_bytes(("kill", seed), rng.randrange(12 * MIB, 40 * MIB)), '"k"', http_date(1_700_000_000))
    resource = EditionResource([edition], rate=rng.choice([0, 40, 100, 200]) * MIB)
    url = lab.origin.serve("/f", resource)
    return KINDS[seed % len(KINDS)](rng, lab, edition, resource, url)
