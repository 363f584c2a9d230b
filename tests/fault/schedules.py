"""Transfers in virtual time, drawn by seeds: what peers do (PeerSchedules), what an origin does (RandomScripts). The
ordinary tests run the first seeds of both; a run here takes 100 that are its own."""

import os
import subprocess

from larder_lab import expect_equal

CASES = {"peers": "Seeds/PeerSchedules.*", "origins": "RandomScripts.*"}
SEEDS = 100


def run(seed, lab, name):
    program = lab.program("transfer_test")
    environment = {**os.environ, "LARDER_SEED": str(seed * 1000), "LARDER_SEEDS": str(SEEDS)}
    done = subprocess.run([program, f"--gtest_filter={CASES[name]}", "--gtest_brief=1"], env=environment, capture_output=True,
                          text=True, check=False)
    expect_equal(done.returncode, 0, f"transfer_test of the seeds from {seed * 1000}: {done.stdout[-4000:]}")
    return f"{SEEDS} seeds"
