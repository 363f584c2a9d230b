"""A crowd drawn by the seed: how many, what sizes, when each begins, who is killed, stopped or cut off and perhaps comes
back, and one that lies. All that stay end complete, with right bytes, figures that add up on every host, and an origin's
log that agrees with them."""

import contextlib
import random
import threading

from churn import back, cut, kill, pull, stop
from crowd import office_of
from lab_crowd import Crowd, summary
from larder_lab import KIB, MIB, wait_until
from poison import Evil

ATTACKS = [("--lie", "flipped"), ("--lie", "wrong_leaves"), ("--lie", "stall"), ("--lie", "truncated"),
           ("--crowd", "claims_all"), ("--crowd", "false_progress"), ("--crowd", "false_holder")]


class Draw:
    def __init__(self, seed):
        rng = self.rng = random.Random(f"crowd random {seed}")
        self.hosts = rng.randint(3, 8)
        self.wan = rng.choice([40, 60, 100])
        self.files = rng.choice([1, 1, 1, 3, 30])
        most = rng.choice([300 * KIB, 4 * MIB, 40 * MIB, 40 * MIB]) if self.files == 1 else 24 * MIB // self.files
        self.sizes = [rng.randint(max(1, most // 8), most) for _ in range(self.files)]
        jitter = rng.choice([0.0, 0.2, 2.0])
        self.delays = [rng.uniform(0, jitter) for _ in range(self.hosts)]
        self.priority = rng.choice(["normal", "foreground"])
        self.attack = rng.choice([None, *ATTACKS])
        self.ideal = sum(self.sizes) * 8 / (self.wan * 1e6)
        self.blows = []
        for _ in range(rng.choice([0, 0, 1, 1, 2]) if self.hosts > 3 else 0):
            way = rng.choice([kill, stop, pull, cut])
            returns = rng.random() < 0.5 or way is not kill  # who stays stopped or cut off cannot end
            self.blows.append((rng.uniform(0, 1.0) * self.ideal, way, rng.uniform(0.5, 5.0) if returns else None))

    def told(self):
        blows = ", ".join(f"{way.__name__}{'' if after else ' for good'}" for _, way, after in sorted(self.blows, key=lambda b: b[0]))
        return f"{self.hosts} hosts{', ' + blows if blows else ''}{', ' + self.attack[1] if self.attack else ''}"


def strike(crowd, draw, moment, way, after, undone):
    """One of the crowd, fetchers preferred, that nothing has happened to yet; what brings it back goes to `undone`."""
    if not crowd.wait_seconds(moment):
        return
    fresh = [m for m in crowd.live() if not m.disturbed]
    preferred = [m for m in crowd.fetchers() if m in fresh] or fresh
    if not preferred:
        return
    member = draw.rng.choice(preferred)
    member.disturbed = True
    if after is None:
        crowd.give_up(member)
        return
    way(member.host)
    timer = threading.Timer(after, back, (way, member.host))
    timer.start()
    undone.append(timer)


def run(seed, lab):
    draw = Draw(seed)
    with office_of(lab, draw.hosts + bool(draw.attack), draw.wan) as office, contextlib.ExitStack() as stack:
        if any(way in (pull, cut) for _, way, _ in draw.blows):
            office.need_cables()
        office.make_group()
        urls = [office.publish(f"/f{i}", f"random {seed} {i}", size) for i, size in enumerate(draw.sizes)]
        honest = office.hosts[:draw.hosts]
        if draw.attack:
            evil_id = office.hosts[-1].id
            name, what = draw.attack
            more = [] if name == "--lie" else list(draw.attack)
            stack.enter_context(Evil(office, office.hosts[-1], urls[0], what if name == "--lie" else "none", seed, *more))
            for host in honest:
                wait_until(lambda host=host: evil_id in host.known(), 20, f"{host.name} to know the liar", 0.05)
        crowd = Crowd(office, urls, honest, draw.delays, retry_delay_s=0.5, priority=draw.priority).start()
        undone = []
        for moment, way, after in sorted(draw.blows, key=lambda blow: blow[0]):
            strike(crowd, draw, moment, way, after, undone)
        for timer in undone:
            timer.join()
        crowd.finish()
        for member in crowd.staying():
            good, report = member.host.agent.check_cache()
            if not good:
                raise AssertionError(f"larder_cache_check on {member}: {report[-800:]}")
        return f"{draw.told()}: {summary(crowd)}"
