#!/usr/bin/env python3
"""Hundreds of seeded runs of the fault, office and upload scenarios, and a table of them.

    tests/fault/soak.py                                everything (about an hour)
    tests/fault/soak.py --only kill --runs 20          some of one
    tests/fault/soak.py --list                         which runs that would be; runs nothing
    tests/fault/soak.py --write docs/soak.md           the table goes there as well, in front of its sections
    tests/fault/soak.py --write docs/soak.md --section "Under AddressSanitizer"    as one of them
"""

import argparse
import collections
import pathlib
import re
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "support")]

from document_parts import write_first_part, write_section  # noqa: E402
from larder_lab import ROOT, bin_dir_argument, options_told  # noqa: E402
from scenario_runner import fault_runner, huge_uploads_runner, office_runner, print_outcome, uploads_runner  # noqa: E402

RUNNERS = {module: runner for runner in (fault_runner(), office_runner(), uploads_runner(), huge_uploads_runner())
           for module in runner.modules}

# Runs that are wanted of each: where a seed draws the case, seeds; where there is a table, rounds over all of it.
RUNS = {"consistency": 200, "framing": 100, "kill": 100, "faults": 2, "disk": 2, "bad_input": 1, "jobs": 2, "privacy": 5,
        "permission": 1, "standstill": 2, "command": 1, "greedy": 1, "comfort": 1, "patience": 2, "odd_servers": 2,
        "sharing": 5, "churn": 50, "poison": 5, "poison_series": 10, "strangers": 2, "routes": 100, "crowd": 2,
        "crowd_random": 50, "blame": 50, "line": 1, "reach": 2, "older_state": 1,
        "farm": 20, "curl": 2, "tls": 1, "calls": 2, "tuspy": 2, "tus_js": 2, "bits": 2, "fronts": 2, "put": 5, "put_others": 2, "huge": 1,
        "schedules": 5, "uploads": 20, "uploads_source": 200, "uploads_put": 20}
WHAT = {
    "consistency": "origin changes midway, stale proxies, ranges of another edition: exactly one edition comes out",
    "framing": "framings and cuts, each fetched twice: what was cut unseen never comes a second time, what is coded never comes",
    "kill": "kill -9 at random points and times, restart: bytes right, bounded refetch, index equal to bytes",
    "faults": "every fault of an origin: state, code and words of the error",
    "disk": "full disks: state directory, destination, both",
    "bad_input": "API requests, other users, URLs and headers made to harm",
    "privacy": "two users of one machine: what one's own proxy, header or signed URL brought reaches nobody else",
    "permission": "two users of one machine: URLs that change, verdicts, the list of records, an origin that is away",
    "command": "the command on its machine: what a destination leads to, output that nobody reads, signals, foreign homes",
    "greedy": "one user takes all that there is to take: what another asks for comes all the same, and as fast",
    "comfort": "what curl and aria2 users bring along: names, ranges, netrc, authorities of the environment, mirrors",
    "patience": "hosts that bear few requests, origins that break below a segment, what cannot succeed, a changed network",
    "odd_servers": "HEAD that hangs, ranges refused, lines that are none, codings, redirects as servers write them: as curl has it",
    "jobs": "verdicts, restarts, retarget, ranges, priorities, coalescing, notification, events",
    "standstill": "threads, pipes and descriptors that stand: noticed, and a stop ends; secrets of ended jobs are nowhere",
    "sharing": "an office of several hosts: who gets what from whom, editions, origin away",
    "churn": "the serving host killed, cut off or stopped at a random moment: the download goes on",
    "poison": "a member that lies: nothing wrong is taken, it is found out, nobody else is blamed",
    "poison_series": "the same beside an honest one, ten seeds in each run: 100 of each lie",
    "crowd": "everybody wants the same at once: one copy from the origin, also with hosts that die, come late or lie",
    "crowd_random": "such crowds drawn by a seed: sizes, times, kills, pulled cables, one that lies: all end with right bytes",
    "blame": "inconstant origins, roll-outs, one and two liars: no honest member is shunned, liars' word counts no more",
    "routes": "users, proxies, authorities, secrets, retargets, digests and verdicts on two hosts: no byte to who may not have it, no false one",
    "line": "the line of the laboratory has the delay, jitter, queue, loss and order that it is told to have",
    "reach": "networks that come later, several cards, blocked ports, a copied identity, hosts of two builds: mended, or told",
    "older_state": "the state of every earlier schema, and of a later one: opened, or refused and untouched",
    "schedules": "transfers in virtual time: what peers and origins may do, 100 seeds in each run",
    "uploads": "larder-inbox, clients and applications killed at each step, full disks, strangers: every file handed over once",
    "uploads_source": "a file that changes while it is sent: the whole of one version or nothing, never a mixture",
    "uploads_put": "larder put, its agent and the server killed at any byte and time, and repeated: every file handed over once",
    "farm": "two inboxes that share nothing behind one address: with and without host id, resumed there or from zero here",
    "curl": "curl to larder-inbox: sizes, pipes, tokens, repeated, broken off",
    "tls": "curl to larder-inbox over TLS with client certificates, right, wrong and expired",
    "calls": "hand-over by HTTP: lost answers, kills, replies, clients that wait",
    "tuspy": "python3-tuspy to larder-inbox: cuts, checksums, resumed by a new process",
    "tus_js": "tus-js-client to larder-inbox: cuts, lost answers, the server killed, resumed by another process",
    "bits": "a client of BITS to larder-inbox: cuts, each answer lost, gaps, overlaps, repeated packets",
    "fronts": "nginx and HAProxy in front of larder-inbox, with and without request buffering",
    "put": "larder put to larder-inbox by each dialect: cuts, kills, interrupts, repeated, refused",
    "put_others": "larder put to @tus/server, nginx and Apache over a line that breaks",
    "huge": "4 GiB and one byte to larder-inbox by larder put, tus-js-client and tuspy, with cuts",
    "strangers": "hosts without certificate, floods, a revoked member: nothing learnt, little slowed",
}


def plan_of(module, runs):
    names = RUNNERS[module].table(module)
    seeds = range(1, runs + 1)
    return [(module, name, seed) for seed in seeds for name in (names or [None])]


def notes_of(outcomes):
    """The notes of a module's runs, counted, with the numbers in them as the range seen."""
    counted, numbers = collections.Counter(), collections.defaultdict(list)
    for outcome in outcomes:
        if outcome.result == "skip":
            counted[f"skipped: {outcome.note}"] += 1
        elif outcome.result == "pass" and outcome.note and outcome.note != outcome.name:
            text = re.sub(r"-?\d+\.\d+", "#", outcome.note)
            counted[text] += 1
            numbers[text].append([float(n) for n in re.findall(r"-?\d+\.\d+", outcome.note)])
    lines = []
    for text, count in sorted(counted.items()):
        for seen in zip(*numbers[text]):
            text = text.replace("#", f"{min(seen):.2f}" if min(seen) == max(seen) else f"{min(seen):.2f} to {max(seen):.2f}", 1)
        lines.append(f"{count} × {text}")
    return lines


def report(results, seconds):
    lines = ["| scenario | what | runs | passed | skipped | failed |", "|---|---|---|---|---|---|"]
    for module, outcomes in results.items():
        count = collections.Counter(o.result for o in outcomes)
        lines.append(f"| {module} | {WHAT[module]} | {len(outcomes)} | {count['pass']} | {count['skip']} | {count['fail']} |")
    lines += ["", f"{sum(map(len, results.values()))} runs in {seconds / 60:.0f} min.", ""]
    for module, outcomes in results.items():
        notes = notes_of(outcomes)
        failed = [o for o in outcomes if o.result == "fail"]
        if notes or failed:
            lines += [f"**{module}**", ""]
            lines += [f"* {n}" for n in notes]
            lines += [f"* FAILED: seed {o.seed} {o.name}: {o.note[:400]}" for o in failed]
            lines.append("")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    bin_dir_argument(parser)
    parser.add_argument("--only", action="append", choices=list(RUNNERS))
    parser.add_argument("--runs", type=int, help="seeds, or rounds over a table (default: " +
                        ", ".join(f"{m} {n}" for m, n in RUNS.items()) + ")")
    parser.add_argument("--jobs", type=int, help="runs at the same time (default: fault 2, office 1)")
    parser.add_argument("--loopback", action="store_true", help="the office's hosts are addresses of 127.0.0.0/8")
    parser.add_argument("--write", metavar="FILE", help="write the table to this Markdown file")
    parser.add_argument("--section", metavar="TITLE", help="of that file: this section, instead of what stands before all")
    parser.add_argument("--list", action="store_true", help="print how many runs of each there are, and run none")
    parser.add_argument("--verbose", action="store_true", help="print each run, not only failed ones")
    arguments = parser.parse_args()
    results, started = {}, time.monotonic()

    def show(outcome, output):
        if arguments.verbose or outcome.result == "fail":
            print_outcome(outcome, output)

    plans = {module: plan_of(module, arguments.runs or RUNS[module]) for module in arguments.only or RUNNERS}
    if arguments.list:
        for module, plan in plans.items():
            print(f"{module}: {len(plan)} runs: {WHAT[module]}")
        return 0
    for module, plan in plans.items():
        print(f"{module}: {len(plan)} runs", flush=True)
        runner = RUNNERS[module]
        results[module] = runner.execute(plan, arguments.bin_dir, arguments.jobs or runner.jobs, show,
                                         loopback=arguments.loopback)
    text = report(results, time.monotonic() - started)
    print("\n" + text)
    if arguments.write:
        command = "tests/fault/soak.py " + " ".join(options_told())
        made = (f"Made by `{command.strip()}`; each run is seeded, `tests/fault/run.py SCENARIO --seeds N` "
                f"(or `tests/office/run.py`, `tests/clients/uploads/run.py`) repeats one.\n\n{text}")
        path = ROOT / arguments.write
        if arguments.section:
            write_section(path, f"## {arguments.section}", made)
        else:
            write_first_part(path, f"# Soak runs\n\n{made}")
    return int(any(o.result == "fail" for outcomes in results.values() for o in outcomes))


if __name__ == "__main__":
    sys.exit(main())
