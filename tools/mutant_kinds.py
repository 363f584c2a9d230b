"""The mutations that tools/mutants.py knows: each changes one place of a source in a way that a test of the rule should notice."""

import re
from dataclasses import dataclass

from mutant_tokens import TEXT, Source

RELATIONS = {"<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "=="}
LOGIC = {"&&": "||", "||": "&&"}
SUMS = {"+": "-", "-": "+", "+=": "-=", "-=": "+="}
TRUTH = {"true": "false", "false": "true"}
ENUM = re.compile(r"\benum\s+(?:class\s+|struct\s+)?(\w+)\s*(?::[\w:\s]+)?\{([^}]*)\}")
COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
INTEGER = re.compile(r"(0[xX][0-9a-fA-F']+|\d[\d']*)([uUlLzZ]*)")
FRACTION = re.compile(r"(\d[\d']*\.?\d*(?:[eE][+-]?\d+)?|\.\d+)([fFlL]?)")
NO_ROW = "no row"


@dataclass(frozen=True)
class Mutant:
    path: str
    line: int
    line_text: str
    kind: str
    before: str  # as people read it
    after: str
    start: int  # the text from here
    end: int  # to here is replaced
    replacement: str
    nth: int = 1  # of those in the source that read the same, counted from 1

    @property
    def mutation(self):
        return f"{self.before} → {self.after}"

    @property
    def key(self):
        return f"{self.path}|{self.line_text}|{self.mutation}|{self.nth}"

    def apply(self, text):
        return text[:self.start] + self.replacement + text[self.end:]

    def __str__(self):
        which = f" (number {self.nth} of these)" if self.nth > 1 else ""
        return f"{self.path}:{self.line}: {self.mutation}{which}"


def enums_of(texts):
    """Name of an enum → the lists of enumerators that such enums have in these sources."""
    enums = {}
    for text in texts:
        for name, body in ENUM.findall(COMMENT.sub(" ", text)):
            values = [value.split("=")[0].strip() for value in body.split(",")]
            values = [value for value in values if re.fullmatch(r"\w+", value)]
            if len(values) > 1 and values not in enums.setdefault(name, []):
                enums[name].append(values)
    return enums


class Finder:
    """Finds the mutants of one source."""

    def __init__(self, source, enums):
        self.source, self.enums = source, enums
        self.keys, self.rows = set(), set()  # tokens of rows: of their first cells, and of all cells
        self.found = []

    def find(self):
        for brace, token in enumerate(self.source.tokens):
            if token.text == "{" and brace not in self.source.skipped:
                self._tables(brace)
        for index, token in enumerate(self.source.tokens):
            if index not in self.source.skipped:
                self._operator(index, token)
                self._constant(index, token)
                self._enumerator(index, token)
        return self._numbered()

    def _numbered(self):
        """In the order of the file; those that read the same, on lines that read the same, are counted."""
        seen, numbered = {}, []
        for mutant in sorted(self.found, key=lambda one: (one.start, one.end)):
            key = (mutant.line_text, mutant.mutation)
            seen[key] = seen.get(key, 0) + 1
            numbered.append(Mutant(**{**mutant.__dict__, "nth": seen[key]}))
        return numbered

    def _add(self, kind, first, last, replacement, before=None, after=None):
        """Replaces the tokens from `first` to `last`."""
        start, end = self.source.tokens[first].start, self.source.tokens[last].end
        self._add_text(kind, start, end, replacement, before or self.source.between(first, last), after or replacement)

    def _add_text(self, kind, start, end, replacement, before, after):
        line = self.source.line_of(start)
        self.found.append(Mutant(self.source.path, line, self.source.line_text(line), kind, before, after, start, end, replacement))

    def _operator(self, index, token):
        if token.text in TRUTH and token.kind == "word":
            self._add("truth", index, index, TRUTH[token.text])
        if token.kind != "op":
            return
        if token.text == "!":
            self._add("negation", index, index, "", before="!", after="nothing")
        if not self.source.is_apart(index) or self.source.word(index - 1) == "operator":
            return
        beside = [self.source.tokens[at].kind for at in (index - 1, index + 1) if 0 <= at < len(self.source.tokens)]
        if token.text in RELATIONS:
            self._add("relation", index, index, RELATIONS[token.text])
        elif token.text in LOGIC:
            self._add("logic", index, index, LOGIC[token.text])
        elif token.text in SUMS and not any(kind in ("raw", "string") for kind in beside):  # texts are put together with +
            self._add("sum", index, index, SUMS[token.text])

    def _constant(self, index, token):
        if token.kind != "number":
            return
        whole, fraction = INTEGER.fullmatch(token.text), FRACTION.fullmatch(token.text)
        if whole:
            value, suffix = int(whole[1].replace("'", ""), 0), whole[2]
            others = [value + 1] if index in self.rows else [value + 1, value - 1, 0]
            for other in sorted({other for other in others if other >= 0 and other != value}):
                self._add("constant", index, index, f"{other}{suffix}")
        elif fraction:
            value = float(fraction[1].replace("'", ""))
            for other in sorted({value + 1, 0.0} - {value}):
                self._add("constant", index, index, f"{other!r}{fraction[2]}")

    def _enumerator(self, index, token):
        """Another enumerator than this one: the one that follows in the enum, round at its end."""
        if token.kind != "word" or self.source.word(index - 1) != "::" or index in self.keys:
            return
        for values in self.enums.get(self.source.word(index - 2), []):
            if token.text in values:
                other = values[(values.index(token.text) + 1) % len(values)]
                self._add("enumerator", index, index, other, f"{self.source.word(index - 2)}::{token.text}")
                return

    def _tables(self, brace):
        elements = self.source.elements(brace)
        if len(elements) < 2:
            return
        rows = [self.source.row_brace(element) for element in elements]
        if all(row is not None and len(self.source.elements(row)) > 1 for row in rows):
            self._rows(elements, rows)
        elif len(elements) > 2 and all(first == last or self._is_path(first, last) for first, last in elements):
            self._list(brace, elements)

    def _is_path(self, first, last):
        return all(self.source.tokens[at].kind == "word" or self.source.tokens[at].text == "::" for at in range(first, last + 1))

    def _rows(self, elements, rows):
        for at, (element, row) in enumerate(zip(elements, rows)):
            cells = self.source.elements(row)
            self.keys.update(range(cells[0][0], cells[0][1] + 1))
            self.rows.update(range(element[0], element[1] + 1))
            self._remove(elements, at, self.source.between(*cells[0]))
            for cell in cells:
                if self.source.tokens[cell[0]].text == "{":
                    self._swap_cells(self.source.elements(cell[0]))
            if at + 1 < len(rows):
                self._swap_outcomes(cells, self.source.elements(rows[at + 1]))

    def _remove(self, elements, at, name):
        """An element and the comma that belongs to it."""
        first, last = elements[at]
        if at + 1 < len(elements):
            start, end = self.source.tokens[first].start, self.source.tokens[elements[at + 1][0]].start
        else:
            start, end = self.source.tokens[elements[at - 1][1]].end, self.source.tokens[last].end
        line = self.source.line_of(self.source.tokens[first].start)
        self.found.append(Mutant(self.source.path, line, self.source.line_text(line), "row", f"row {name}", NO_ROW, start, end, ""))

    def _swap_outcomes(self, upper, lower):
        """Two rows keep their keys and exchange the rest."""
        self._swap((upper[1][0], upper[-1][1]), (lower[1][0], lower[-1][1]), "outcomes",
                   f"rows {self.source.between(*upper[0])}, {self.source.between(*lower[0])}", "outcomes swapped")

    def _swap_cells(self, cells):
        if len(cells) > 2 and all(first == last for first, last in cells):
            for left, right in zip(cells, cells[1:]):
                names = [self.source.between(*cell) for cell in (left, right)]
                self._swap(left, right, "cells", ", ".join(names), ", ".join(reversed(names)))

    def _swap(self, one, other, kind, before, after):
        tokens, text = self.source.tokens, self.source.text
        first, second = (text[tokens[a].start:tokens[b].end] for a, b in (one, other))
        if first.split() == second.split():
            return
        middle = text[tokens[one[1]].end:tokens[other[0]].start]
        self._add_text(kind, tokens[one[0]].start, tokens[other[1]].end, second + middle + first, before, after)

    def _list(self, brace, elements):
        """An element of a constant list: a status, a name, a code for which something holds."""
        if "constexpr" in self.source.statement_words(brace) or self.source.word(brace - 1) == "{":
            for at, element in enumerate(elements):
                self._remove(elements, at, self.source.between(*element))


def find_mutants(path, text, enums):
    return Finder(Source(path, text), enums).find()
