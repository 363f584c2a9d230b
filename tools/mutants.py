#!/usr/bin/env python3
"""`make mutants`: do the tests of the rules notice when a rule changes? Each mutant is a copy of one source with one comparison,
constant, row or the like changed. It is compiled, the test programs that cover it are linked with it and run; a mutant that
all of them pass survives: a rule that no test holds. tools/mutants.toml says which tests cover which source, and which mutants
change nothing that can be observed. This tree is copied and never written to.

    tools/mutants.py                                  all of it
    tools/mutants.py --only plan.cpp --limit 20       twenty mutants, drawn by --seed, of the sources whose path has that in it
    tools/mutants.py --list                           which mutants there are; builds nothing
    tools/mutants.py --results build/mutants.json     goes on where an earlier run ended: what was killed there is not tried again
    tools/mutants.py --write docs/mutants.md          the figures and the survivors as a page, of all that is known

Exit status: 0 where the score is at least that of the list, 1 where it is below, 2 where nothing could be said.
"""

import argparse
import concurrent.futures
import os
import pathlib
import queue
import random
import signal
import sys
import tempfile
import time

from mutant_kinds import enums_of, find_mutants
from mutant_list import read_list, split_excused
from mutant_report import Results, page_of, print_summary
from mutant_workshop import SURVIVED, Bench, Trouble, Workshop, files_of

HERE = pathlib.Path(__file__).resolve().parent
LEAST_LIMIT = 10  # seconds for tests that take a moment
LIMIT_FACTOR = 10  # of the time that the tests take as they are


def say(text):
    print(text, flush=True)


def arguments_of(argv):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", default=[], metavar="TEXT", help="sources whose path has this in it; repeatable")
    parser.add_argument("--limit", type=int, metavar="N", help="at most N mutants, drawn by the seed")
    parser.add_argument("--seed", type=int, default=1, help="what --limit draws by (default 1)")
    parser.add_argument("--list", action="store_true", help="say which mutants there are, and build nothing")
    parser.add_argument("--results", type=pathlib.Path, metavar="FILE", help="read what is known of mutants, write what was found")
    parser.add_argument("--write", type=pathlib.Path, metavar="PAGE", help="write figures and survivors as a Markdown page")
    parser.add_argument("--jobs", type=int, default=int(os.environ.get("JOBS", "2")), help="mutants tried at once (JOBS, else 2)")
    parser.add_argument("--directory", type=pathlib.Path, help="where the copy goes while the run lasts (default: TMPDIR)")
    parser.add_argument("--root", type=pathlib.Path, default=HERE.parent, help="the tree (default: the one of this tool)")
    return parser.parse_args(argv)


def mutants_of(root, rules):
    """All mutants of the sources that the list names."""
    enums = enums_of((root / name).read_text(errors="replace") for name in sorted(files_of(root)) if name.endswith((".h", ".cpp")))
    found = []
    for rule in rules.files:
        if not (root / rule.path).is_file():
            raise Trouble(f"cannot read {rule.path}: tools/mutants.toml names it, and it is not there; correct the list")
        found += find_mutants(rule.path, (root / rule.path).read_text(), enums)
    return found


def selected(mutants, arguments):
    chosen = [one for one in mutants if not arguments.only or any(text in one.path for text in arguments.only)]
    if not chosen:
        raise Trouble(f"cannot select mutants: no source in tools/mutants.toml has {' or '.join(arguments.only)} in its path; "
                      "--list shows what there is")
    if arguments.limit is not None and arguments.limit < len(chosen):
        drawn = set(random.Random(arguments.seed).sample(range(len(chosen)), arguments.limit))
        chosen = [one for at, one in enumerate(chosen) if at in drawn]
    return chosen


def baseline(bench, rule, text):
    """The limits of time of a source's tests. As it stands, the source has to pass them: else nothing is said by a failure."""
    made = bench.compile(rule.path, text)
    if made is None:
        raise Trouble(f"cannot compile {rule.path} as it stands; see whether the build of the preset mutants works")
    limits = []
    for test in rule.tests:
        linked = bench.link(rule.path, made, test)
        if linked is None:
            raise Trouble(f"cannot link {test} with {rule.path} as it stands; see whether the build of the preset mutants works, and "
                          "whether the sources that are named need others of the program")
        log = bench.directory / "baseline.log"
        begin = time.monotonic()
        with log.open("w") as out:
            passed = bench.passes(linked, test.arguments, 600, out)
        if not passed:
            why = "take more than 600 s" if passed is None else "fail:\n" + "\n".join(log.read_text().splitlines()[-15:])
            raise Trouble(f"cannot judge mutants of {rule.path}: without any mutation its tests {test} {why}\n"
                          "Make them pass first.")
        limits.append(max(LEAST_LIMIT, LIMIT_FACTOR * (time.monotonic() - begin)))
    return limits


def judge_all(workshop, rules, mutants, jobs, results):
    """Tries every mutant, source by source, and tells of each survivor at once."""
    benches = queue.SimpleQueue()
    all_benches = [Bench(workshop, str(at)) for at in range(max(1, jobs))]
    for bench in all_benches:
        benches.put(bench)
    for rule in rules.files:
        of_rule = [one for one in mutants if one.path == rule.path]
        if not of_rule:
            continue
        text = (workshop.tree / rule.path).read_text()
        begin, limits = time.monotonic(), baseline(all_benches[0], rule, text)

        def judge(mutant, rule=rule, text=text, limits=limits):
            bench = benches.get()
            try:
                return mutant, bench.judge(rule.path, mutant.apply(text), rule.tests, limits)
            finally:
                benches.put(bench)

        with concurrent.futures.ThreadPoolExecutor(len(all_benches)) as pool:
            futures = [pool.submit(judge, mutant) for mutant in of_rule]
            try:
                for future in concurrent.futures.as_completed(futures):
                    mutant, outcome = future.result()
                    results.add(mutant, outcome)
                    if outcome == SURVIVED:
                        say(f"survived: {mutant}\n    {mutant.line_text}")
            finally:
                pool.shutdown(cancel_futures=True)
                results.write()
        say(f"{rule.path}: {len(of_rule)} mutants in {time.monotonic() - begin:.0f} s")


def list_mutants(mutants, excused):
    for mutant in mutants:
        reason = excused.get(mutant.key)
        say(f"{mutant}" + (f"  (excused: {reason})" if reason else ""))
    say(f"{len(mutants)} mutants, {sum(mutant.key in excused for mutant in mutants)} of them excused")


def report(arguments, rules, everything, mutants, excused, results):
    print_summary(say, rules, mutants, excused, results)
    if arguments.write:
        page = arguments.write if arguments.write.is_absolute() else arguments.root / arguments.write
        page.write_text(page_of(rules, everything, excused, results), encoding="utf-8")
    total = results.figures(mutants, excused)
    if total.score is not None and total.score < rules.least_score:
        say(f"the score is below the {rules.least_score} % that tools/mutants.toml asks for")
        return 1
    return 0


def main(argv):
    arguments = arguments_of(argv)
    root = arguments.root = arguments.root.resolve()
    rules = read_list(root / "tools" / "mutants.toml")
    everything = mutants_of(root, rules)
    excused = split_excused(rules, everything)
    mutants = selected(everything, arguments)
    if arguments.list:
        list_mutants(mutants, excused)
        return 0
    results = Results(root, arguments.results)
    to_try = [one for one in mutants if one.key not in excused and not results.knows(one)]
    say(f"{len(mutants)} mutants; {len(to_try)} to try")
    if to_try:
        programs = sorted({test.program for rule in rules.files for test in rule.tests if any(one.path == rule.path for one in to_try)})
        with Workshop(root, arguments.directory or pathlib.Path(tempfile.gettempdir()), say) as workshop:
            workshop.copy()
            workshop.build(programs)
            judge_all(workshop, rules, to_try, arguments.jobs, results)
    return report(arguments, rules, everything, mutants, excused, results)


def end_at(number, _):
    sys.exit(128 + number)  # through every `finally`: nothing is left behind


if __name__ == "__main__":
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, end_at)
    try:
        sys.exit(main(sys.argv[1:]))
    except Trouble as trouble:
        print(f"mutants: {trouble}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
