"""What became of mutants: kept between runs where the caller names a file for it, summed up, and written as a page."""

import hashlib
import json
from dataclasses import dataclass

from mutant_workshop import KILLED, NOT_COMPILED, SURVIVED, TIMED_OUT, Trouble

HEADER = """# Mutants

Written by `tools/mutants.py --write docs/mutants.md` (`make mutants`). A mutant is a copy of one rule source with one place changed: `<` for
`<=`, `&&` for `||`, a constant by one, a row of a table left out, the outcomes of two rows exchanged. It is *killed* where a test of the
rule fails or does not come to its end, and *survives* where all of them pass. The score is killed of killed and survived. What does not
compile is no mutant, and what no test can tell from the original is excused in [mutants.toml](../tools/mutants.toml), each with its reason.
[testing.md](testing.md) says how to run it.
"""


@dataclass
class Figures:
    mutants: int = 0
    killed: int = 0
    timed_out: int = 0
    survived: int = 0
    not_compiled: int = 0
    excused: int = 0
    untried: int = 0

    @property
    def score(self):
        counted = self.killed + self.survived
        return 100 * self.killed / counted if counted else None

    @property
    def score_text(self):
        """Rounded down: 100 % means all."""
        return "–" if self.score is None else f"{int(self.score)} %"


class Results:
    """The outcome of each mutant, of this run and of earlier ones over the same text of its source."""

    def __init__(self, root, file):
        self.root, self.file, self.outcomes = root, file, {}
        if file is None or not file.exists():
            return
        try:
            for path, (digest, outcomes) in json.loads(file.read_text()).items():
                if digest == self._digest(path):
                    self.outcomes.update(outcomes)
        except (OSError, ValueError, AttributeError) as error:
            raise Trouble(f"cannot read {file}: {error}; remove it, and all mutants are tried anew") from error

    def _digest(self, path):
        source = self.root / path
        return hashlib.sha256(source.read_bytes()).hexdigest() if source.is_file() else ""

    def add(self, mutant, outcome):
        self.outcomes[mutant.key] = outcome

    def knows(self, mutant):
        """A survivor is tried again: there may be a new test."""
        return self.outcomes.get(mutant.key, SURVIVED) != SURVIVED

    def write(self):
        if self.file is None:
            return
        by_path = {}
        for key, outcome in self.outcomes.items():
            by_path.setdefault(key.split("|")[0], {})[key] = outcome
        self.file.parent.mkdir(parents=True, exist_ok=True)
        beside = self.file.with_name(self.file.name + ".new")
        beside.write_text(json.dumps({path: (self._digest(path), outcomes) for path, outcomes in by_path.items()}, indent=0))
        beside.replace(self.file)

    def survivors(self, mutants, excused):
        return [one for one in mutants if one.key not in excused and self.outcomes.get(one.key) == SURVIVED]

    def figures(self, mutants, excused):
        figures = Figures(mutants=len(mutants))
        for mutant in mutants:
            outcome = self.outcomes.get(mutant.key)
            figures.excused += mutant.key in excused
            if mutant.key in excused:
                continue
            figures.killed += outcome in (KILLED, TIMED_OUT)
            figures.timed_out += outcome == TIMED_OUT
            figures.survived += outcome == SURVIVED
            figures.not_compiled += outcome == NOT_COMPILED
            figures.untried += outcome is None
        return figures


def by_file(rules, mutants, excused, results):
    for rule in rules.files:
        of_rule = [one for one in mutants if one.path == rule.path]
        if of_rule:
            yield rule.path, results.figures(of_rule, excused)
    yield "all", results.figures(mutants, excused)


def print_summary(say, rules, mutants, excused, results):
    say("")
    rows = list(by_file(rules, mutants, excused, results))
    width = max(len(path) for path, _ in rows)
    say(f"{'':{width}}  score  killed  (timed out)  survived  excused  not compiled  not tried")
    for path, one in rows:
        say(f"{path:{width}}  {one.score_text:>5}  {one.killed:6}  {one.timed_out:11}  {one.survived:8}  {one.excused:7}  "
            f"{one.not_compiled:12}  {one.untried:9}")
    survivors = results.survivors(mutants, excused)
    if survivors:
        say("\nNo test kills:")
    for mutant in survivors:
        say(f"  {mutant}\n      {mutant.line_text}")


def page_of(rules, mutants, excused, results):
    lines = [HEADER, "| source | score | killed | of them timed out | survived | excused | did not compile | not tried |",
             "|---|---|---|---|---|---|---|---|"]
    for path, one in by_file(rules, mutants, excused, results):
        name = "**all**" if path == "all" else f"[{path}](../{path})"
        lines.append(f"| {name} | {one.score_text} | {one.killed} | {one.timed_out} | {one.survived} | {one.excused} | "
                     f"{one.not_compiled} | {one.untried} |")
    survivors = results.survivors(mutants, excused)
    lines += ["", "## Survivors", "", "No test kills these yet:" if survivors else "None.", ""]
    lines += [f"* {mutant.path}:{mutant.line}, `{mutant.mutation}` in `{mutant.line_text}`" for mutant in survivors]
    return "\n".join(lines).rstrip() + "\n"
