#!/usr/bin/env python3
"""Writes the state of the programs in DIR as a fixture: freeze_state.py --bin-dir DIR NAME

For whoever adds a schema step: the fixture of the state as it is from now on, which later programs are tested to open
(tests/fault/older_state.py). The agent fetches the files of STORY from an origin of the laboratory, and is killed.
"""

import argparse
import contextlib
import pathlib
import sqlite3
import sys
import threading
import time

from lab_api import Api
from lab_origin import Edition, EditionResource, http_date, seeded_bytes
from larder_lab import MIB, ROOT, Lab, bin_dir_argument, wait_until
from state_fixture import Fixture, freeze

STATES = ROOT / "tests" / "fault" / "states"
MODIFIED = 1_700_000_000
# The files of the story, by name: their size.
STORY = {"finished": 70_001, "long": 3 * MIB + 5, "half": 5 * MIB + 17, "cached": 40_000, "judged": 30_000, "waiting": 20_000}
HELD_AT = 4 * MIB + 512 * 1024  # bytes of `half` that came
SECRET = ("anna", "pass:word")
HEAD = """A state as the agent of its time left it when it was killed.
tests/support/state_fixture.py lays it out, tests/fault/older_state.py has today's agent open it."""


def edition(name):
    return Edition(seeded_bytes(name, STORY[name]), f'"{name}-1"', http_date(MODIFIED))


def serve(origin):
    """All files of the story; {name: URL}."""
    return {name: origin.serve(f"/{name}", EditionResource([edition(name)])) for name in STORY}


def held(origin):
    """`half` stands still in the middle."""
    resource = EditionResource([edition("half")])

    def answer(request):
        made = resource(request)
        if request.method == "GET" and len(made.body) > HELD_AT:
            made.hold_at, made.released = HELD_AT, threading.Event()
        return made

    origin.serve("/half", answer)


def tell(lab):
    """The story: jobs of every kind that outlive a kill. (agent, {content id: (name, size)})."""
    agent, urls = lab.agent(), serve(lab.origin)
    held(lab.origin)
    api = agent.api
    for name in ("finished", "long", "cached"):
        job = api.create([urls[name]], name=name)["id"]
        api.wait(job, "transferred")
        if name == "cached":
            api.act(job, "complete")
    api.wait(api.create([urls["judged"]], name="judged", verdict={"app": True})["id"], "validating")
    api.create([urls["waiting"]], name="waiting", start=False, connect={"user": SECRET[0], "password": SECRET[1],
                                                                        "headers": [["X-Desk", "11"]]})
    api.wait(api.create([lab.origin.url("/absent")], name="absent")["id"], "error")
    half = api.create([urls["half"]], name="half")["id"]
    wait_until(lambda: any(r["bytes_held"] >= 4 * MIB and r["state"] == "partial" for r in api.cache()), 20, "half of a file")
    wait_until(lambda: api.job(half)["files"][0]["contiguous"] >= 4 * MIB, 20, "half of a file told")
    with contextlib.closing(sqlite3.connect(agent.state / "larder.db")) as db:  # rows are written a while after they are told
        wait_until(lambda: db.execute("SELECT content FROM files WHERE job = ?", (half,)).fetchone() not in (None, ("",)), 20,
                   "the row of half a file")
    contents = {record["id"]: record["versions"][0]["url"].rsplit("/", 1)[1] for record in api.cache()}
    agent.kill()
    return agent, {identity: (name, STORY[name]) for identity, name in contents.items()}


def add_of_a_group(db):
    """What an agent in a group remembers of others; the story has no group."""
    now = time.time_ns()
    tables = {row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if "members" in tables:
        db.execute("INSERT INTO members VALUES (?, ?, 1, ?)", (b"\x11" * 32, bytes.fromhex("3003020101"), now))
    if "trust_shunned" in tables:
        times = (0,) if "times" in {row[1] for row in db.execute("PRAGMA table_info(trust_shunned)")} else ()
        for agent, reason, until in ((b"\x22" * 32, 0, (1 << 63) - 1), (b"\x33" * 32, 2, now + 7200 * 10**9)):
            row = (agent, reason, now, until, "of the story", *times)
            db.execute(f"INSERT INTO trust_shunned VALUES ({','.join('?' * len(row))})", row)
        db.execute("INSERT INTO trust_pardons VALUES (?, ?)", (b"\x44" * 32, now))
    if "trust_doubted" in tables:
        db.execute("INSERT INTO trust_doubted VALUES (?, 0, 1, ?, ?, 1, 'https://a.example')", (b"\x55" * 32, now, now + 7200 * 10**9))
        db.execute("INSERT INTO trust_hosts VALUES ('b.example', ?, ?, 1)", (now, now + 7200 * 10**9))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    bin_dir_argument(parser)
    parser.add_argument("name", help="of the fixture: its newest schema step, with the next number in front")
    parser.add_argument("--out", type=pathlib.Path, default=STATES)
    arguments = parser.parse_args()
    Api.checked = False
    with Lab(arguments.bin_dir) as lab:
        agent, names = tell(lab)
        with contextlib.closing(sqlite3.connect(agent.state / "larder.db", isolation_level=None)) as db:
            add_of_a_group(db)
        text = freeze(agent.state, lab.origin.url(""), names, HEAD)
    path = arguments.out / f"{arguments.name}.sql"
    path.write_text(text, encoding="utf-8")
    print(f"{path}: {len(text)} bytes, steps {' '.join(Fixture(path).steps)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
