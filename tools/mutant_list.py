"""tools/mutants.toml: which source is covered by which tests, and which mutants are excused."""

import shlex
import tomllib
from dataclasses import dataclass

from mutant_workshop import Trouble


@dataclass(frozen=True)
class Test:
    """`PROGRAM [SOURCE.cpp…] [ARGUMENT…]`: with sources, the program is linked of these of its own."""
    program: str
    sources: list
    arguments: list

    @classmethod
    def parse(cls, text):
        program, *rest = shlex.split(text)
        return cls(program, [word for word in rest if word.endswith(".cpp")], [word for word in rest if not word.endswith(".cpp")])

    def __str__(self):
        return " ".join((self.program, *self.sources, *self.arguments))


@dataclass(frozen=True)
class Rule:
    path: str
    tests: list


@dataclass(frozen=True)
class Excuse:
    file: str
    line: str
    mutation: str
    reason: str
    nth: int = 0  # which of several that read the same; 0: there is one only

    def fits(self, mutant):
        return (self.file, self.line.strip(), self.mutation) == (mutant.path, mutant.line_text, mutant.mutation) and \
            self.nth in (0, mutant.nth)

    def __str__(self):
        return f"the excuse of {self.file}, {self.mutation}, `{self.line}`"


@dataclass(frozen=True)
class Rules:
    files: list
    excuses: list
    least_score: float


def read_list(path):
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        files = [Rule(entry["path"], [Test.parse(test) for test in entry["tests"]]) for entry in data["files"]]
        excuses = [Excuse(**entry) for entry in data.get("excuses", [])]
        least = float(data.get("least_score", 0))
    except (OSError, tomllib.TOMLDecodeError, KeyError, TypeError, ValueError) as error:
        raise Trouble(f"cannot read {path}: {error}; each [[files]] has path and tests, each [[excuses]] file, line, mutation and "
                      "reason") from error
    for rule in files:
        if not rule.tests:
            raise Trouble(f"cannot judge mutants of {rule.path}: {path.name} names no test of it; name one")
    for excuse in excuses:
        if not excuse.reason.strip():
            raise Trouble(f"cannot take {excuse}: it gives no reason; say why no test can notice it")
    return Rules(files, excuses, least)


def split_excused(rules, mutants):
    """Key of a mutant → the reason why it need not be noticed. An excuse that fits no mutant, or several, is an error: the
    source has changed, and what was true of the old line need not be of the new one."""
    excused = {}
    for excuse in rules.excuses:
        fitting = [mutant for mutant in mutants if excuse.fits(mutant)]
        if not fitting:
            raise Trouble(f"cannot use {excuse}: no mutant is that; correct it or take it away (--list shows the mutants)")
        if len(fitting) > 1:
            where = ", ".join(f"line {mutant.line} number {mutant.nth}" for mutant in fitting)
            raise Trouble(f"cannot use {excuse}: it fits {len(fitting)} mutants ({where}); say which with nth")
        excused[fitting[0].key] = excuse.reason
    return excused
