"""Disks that are full, at the real level: the state directory or the destination on a small file system of its own."""

import os
import pathlib
import random

from larder_lab import (MIB, Edition, EditionResource, Skip, check_figures, expect, expect_equal, expect_error,
                        file_sha256, http_date, named, seeded_bytes)

CASES = {}


def case(function):
    CASES[function.__name__] = function
    return function


class Disk:
    def __init__(self, seed, lab, state_size=None, **cache):
        self.rng = random.Random(f"disk {seed}")
        self.lab = lab
        directory = lab.tmpfs("small", state_size) if state_size else None
        sections = {"cache": cache} if cache else {"cache": {"keep_free": "1 MiB", "max_size": "1 GiB"}}
        self.agent = lab.new_agent(directory=directory, **sections).start()
        self.directory = directory
        self.out = lab.folder("out")

    def serve(self, name, size):
        edition = Edition(seeded_bytes((self.rng.random(), name), size), f'"{name}"', http_date(1_700_000_000))
        return edition, self.lab.origin.serve(f"/{name}", EditionResource([edition]))

    def get(self, url, destination, *more):
        return self.agent.larder("get", url, "-o", destination, "--retry-for", "5s", *more, cwd=self.lab.directory)

    def well(self):
        expect(self.agent.running, f"larderd ended: {self.agent.log_tail()}")
        self.agent.check_cache_soon()


@case
def state_too_small(seed, lab):
    """The file does not fit beside the state directory, the destination has room: the download completes."""
    d = Disk(seed, lab, 48 * MIB)
    edition, url = d.serve("big", 80 * MIB)
    done = d.get(url, d.out / "big")
    expect_equal(done.returncode, 0, f"exit status ({done.stderr[-600:]})")
    expect_equal(file_sha256(d.out / "big"), edition.sha256, "bytes of the destination")
    expect_equal(os.listdir(d.out), ["big"], "files beside the destination")
    d.well()


@case
def state_and_destination_too_small(seed, lab):
    """Neither has room: the error says exactly what is missing, and nothing stays behind."""
    d = Disk(seed, lab, 48 * MIB)
    edition, url = d.serve("big", 80 * MIB)
    small = lab.tmpfs("destination", 16 * MIB)
    done = d.get(url, small / "big")
    expect_equal(done.returncode, 45, f"exit status ({done.stderr[-600:]})")
    expect("MiB" in done.stderr or "bytes" in done.stderr, f"the error does not say how much is missing: {done.stderr}")
    expect(str(small) in done.stderr or str(d.agent.state) in done.stderr,
           f"the error does not say where room is missing: {done.stderr}")
    expect_equal(os.listdir(small), [], "files left at the destination")
    d.well()


@case
def destination_too_small(seed, lab):
    """The content is in the cache, the destination is full: said; with another destination nothing is fetched again."""
    d = Disk(seed, lab)
    edition, url = d.serve("f", 20 * MIB)
    small = lab.tmpfs("destination", 8 * MIB)
    done = d.get(url, small / "f")
    expect_equal(done.returncode, 45, f"exit status ({done.stderr[-600:]})")
    expect(str(small) in done.stderr, f"the error does not name the place: {done.stderr}")
    expect_equal(os.listdir(small), [], "files left at the destination")
    before = lab.origin.sent("/f")
    again = d.get(url, d.out / "f")
    expect_equal(again.returncode, 0, f"exit status of the second ({again.stderr[-600:]})")
    expect_equal(file_sha256(d.out / "f"), edition.sha256, "bytes of the destination")
    expect_equal(lab.origin.sent("/f"), before, "bytes sent for the second")
    d.well()


@case
def cache_too_small(seed, lab):
    """Over cache.max_size: downloaded all the same, and not kept once it is acknowledged."""
    d = Disk(seed, lab, max_size="8 MiB", keep_free="1 MiB")
    edition, url = d.serve("f", 24 * MIB)
    done = d.get(url, d.out / "f")
    expect_equal(done.returncode, 0, f"exit status ({done.stderr[-600:]})")
    expect_equal(file_sha256(d.out / "f"), edition.sha256, "bytes of the destination")
    d.well()
    held = d.agent.api.status()["cache"]["bytes"]
    expect(held <= 8 * MIB, f"the cache holds {held} bytes, allowed 8 MiB")


@case
def gives_way(seed, lab):
    """Many files through a small cache: each completes, the oldest make room, the limit holds."""
    d = Disk(seed, lab, 96 * MIB, max_size="40 MiB", keep_free="8 MiB")
    for i in range(8):
        edition, url = d.serve(f"f{i}", d.rng.randrange(6, 16) * MIB)
        done = d.get(url, d.out / f"f{i}")
        expect_equal(done.returncode, 0, f"exit status of file {i} ({done.stderr[-600:]})")
        expect_equal(file_sha256(d.out / f"f{i}"), edition.sha256, f"bytes of file {i}")
    status = d.agent.api.status()["cache"]
    expect(status["bytes"] <= 40 * MIB, f"the cache holds {status['bytes']} bytes, allowed 40 MiB")
    expect(status["evicted"] >= 1, "nothing was evicted")
    d.well()


@case
def filled_by_another(seed, lab):
    """Somebody else fills the disk midway: the job waits and says what is missing; once there is room it goes on, and
    what was committed is not fetched again."""
    d = Disk(seed, lab, 64 * MIB)
    edition = Edition(seeded_bytes(("filled", seed), 32 * MIB), '"f"', http_date(1_700_000_000))
    resource = EditionResource([edition], rate=24 * MIB)
    url = lab.origin.serve("/f", resource)
    api = d.agent.api
    job_id = api.create([url], retry_delay_s=0.2, no_progress_timeout_s=60)["id"]
    lab.origin.wait_sent(9 * MIB)
    ballast = d.directory / "ballast"
    try:
        with open(ballast, "wb", buffering=0) as out:
            while True:
                out.write(b"x" * MIB)
    except OSError:
        pass
    job = api.wait(job_id, ("transient_error", "error", "transferred"), timeout=30)
    if job["state"] != "transferred":  # space that was reserved beforehand is not to be taken by others
        expect_error(job, "disk_full", state="transient_error", text=str(d.agent.state))
        ballast.unlink()
        job = api.wait(job_id, ("error", "transferred"), timeout=30)
    ballast.unlink(missing_ok=True)
    expect_equal(job["state"], "transferred", f"state ({job['error']})")
    expect(api.content(job_id) == edition.data, "other bytes than the origin's")
    check_figures(job)
    d.well()


@case
def full_before_it_begins(seed, lab):
    """No room even for the index: the agent says so and ends, or serves what it can; never a crash."""
    directory = lab.tmpfs("small", 2 * MIB)
    agent = lab.new_agent(directory=directory)
    (directory / "ballast").write_bytes(b"")
    try:
        with open(directory / "ballast", "wb", buffering=0) as out:
            while True:
                out.write(b"x" * 4096)
    except OSError:
        pass
    try:
        agent.start(timeout=10)
    except RuntimeError as error:
        expect("-11" not in str(error) and "-6" not in str(error), f"larderd crashed: {error}")
        # The log itself may be on the full disk.
        (directory / "ballast").unlink()
        agent.start()
    else:
        (directory / "ballast").unlink()
    agent.api.status()


@case
def destination_not_writable(seed, lab):
    d = Disk(seed, lab)
    _, url = d.serve("f", MIB)
    done = d.get(url, pathlib.Path("/proc/f"))
    expect(done.returncode not in (0, 1) and done.returncode < 64, f"exit status {done.returncode}: {done.stderr}")
    expect("/proc" in done.stderr, f"the error does not name the place: {done.stderr}")
    missing = d.get(url, d.out / "none" / "f")
    expect(missing.returncode not in (0, 1) and missing.returncode < 64, f"exit status {missing.returncode}")
    expect("none" in missing.stderr, f"the error does not name the place: {missing.stderr}")
    d.well()


def run(seed, lab, name=None):
    names = list(CASES)
    name = name or names[seed % len(names)]
    try:
        CASES[name](seed, lab)
    except Skip:
        raise
    except Exception as error:
        raise named(name, error) from error
    return name
