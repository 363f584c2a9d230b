"""`larder put` while everything dies: command, agent and server are killed (-9) at bytes and at times that the seed draws, and the
command is repeated until it ends well. The application gets each file once."""

import random
import threading

from cutting_proxy import CuttingProxy
from lab_inbox import INBOX, Sent, lab_inbox
from lab_put import AGENT_UNREACHABLE, ALREADY_EXISTS, Putter
from larder_lab import KIB, MIB, expect, named

PROGRAMS = ("larderd", "larder", "larder-inbox")
ROUNDS = 4
TRIES = 6
VICTIMS = ("command", "agent", "server", "command", "agent", "agent and command")


class Kills:
    def __init__(self, seed, lab, dialect):
        self.rng, self.dialect = random.Random(f"uploads_put {dialect} {seed}"), dialect
        self.inbox, self.put = lab_inbox(lab), Putter(lab)
        self.process, self.kills, self.lock = None, 0, threading.Lock()

    def kill(self, victim):
        """What the machine starts again is started again; the command is the user's."""
        with self.lock:
            self.kills += 1
            if "command" in victim and self.process:
                self.process.kill()
            if "agent" in victim:
                self.put.agent.kill()
                self.put.agent.start()
            if "server" in victim:
                self.inbox.kill()
                self.inbox.start()

    def words(self, proxy, path, transaction):
        spool = ("--spool",) if self.rng.random() < 0.3 else ()
        if self.dialect == "tus":
            return (path, proxy.url(f"/in/{INBOX}/"), "--transaction", transaction, *spool)
        return (path, proxy.url(f"/in/{INBOX}/{transaction}/{path.name}"), "--protocol", self.dialect, *spool)

    def plan_kills(self, proxy, size):
        """Some at a byte, some at a time: the latter reach what lies before the first byte and behind the last one."""
        for _ in range(self.rng.randrange(3)):
            victim = self.rng.choice(VICTIMS)
            proxy.look(self.rng.randrange(1, size + 500), then=lambda victim=victim: self.kill(victim))
        timers = [threading.Timer(self.rng.uniform(0, 0.6), self.kill, (self.rng.choice(VICTIMS),))
                  for _ in range(self.rng.randrange(2))]
        for timer in timers:
            timer.start()
        return timers

    def put_until_it_ends(self, words):
        """[(exit status, the end of what it said)…] of the tries."""
        said = []
        for _ in range(TRIES):
            self.process = self.put.start(*words, "--rate", "40 MiB/s")
            errors = self.process.communicate(timeout=100)[1]
            said.append((self.process.returncode, errors[-300:]))
            # A command that died after its job was acknowledged is another upload of the same URL: the file is there.
            known = self.dialect != "tus" and len(said) > 1 and said[-1][0] == ALREADY_EXISTS
            if said[-1][0] == 0 or known:
                break
            expect(said[-1][0] in (-9, AGENT_UNREACHABLE), f"the command ended with {said}")
            with self.lock:  # whoever is killed now is back before the next try
                pass
        return said

    def round(self, number):
        size = self.rng.choice([self.rng.randrange(1, 64 * KIB), self.rng.randrange(MIB, 16 * MIB)])
        path, data = self.put.file(f"f{number}.bin", size, self.rng.random())
        with CuttingProxy(self.inbox.port) as proxy:
            words, timers = self.words(proxy, path, f"t{number}"), self.plan_kills(proxy, size)
            try:
                said = self.put_until_it_ends(words)
            except BaseException:
                for timer in timers:  # what they start again would outlive the laboratory
                    timer.cancel()
                raise
            finally:
                for timer in timers:
                    timer.join()
            expect(said[-1][0] in (0, ALREADY_EXISTS), f"no end in {TRIES} tries: {said}")
            if proxy.error:
                raise proxy.error
        return Sent(f"t{number}", path.name, data)

    def run(self):
        sent = [self.round(number) for number in range(ROUNDS)]
        self.put.no_jobs()
        self.inbox.check(sent)
        return f"{self.kills:.2f} kills"


def run(seed, lab, case):
    try:
        return Kills(seed, lab, case.removeprefix("kills_")).run()
    except Exception as error:
        raise named(case, error) from error


CASES = {f"kills_{dialect}": None for dialect in ("tus", "bits", "put")}
