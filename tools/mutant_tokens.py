"""C++ source as tokens, as far as tools/mutants.py has to understand it: what is code, what must not be touched, and which
braces hold lists. It relies on the spaces that clang-format sets: `a < b` compares, `vector<int>` does not."""

import bisect
import re
from dataclasses import dataclass

TOKEN = re.compile(
    r"""(?P<space>\s+)
      | (?P<comment>//(?:\\\n|[^\n])*|/\*.*?\*/)
      | (?P<directive>\#(?:\\\n|[^\n])*)
      | (?P<raw>(?:u8|[uUL])?R"(?P<mark>[^()\\\s]{0,16})\(.*?\)(?P=mark)")
      | (?P<string>(?:u8|[uUL])?"(?:\\.|[^"\\\n])*")
      | (?P<number>\.?\d(?:[eE][+-](?=\d)|'\w|[\w.])*)
      | (?P<char>'(?:\\.|[^'\\\n])+')
      | (?P<word>[A-Za-z_]\w*)
      | (?P<op><=>|<<=|>>=|\.\.\.|::|->|\+\+|--|<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%&|^]=|.)""",
    re.VERBOSE | re.DOTALL)
TEXT = ("raw", "string", "char")
PAIRS = {"(": ")", "[": "]", "{": "}"}


@dataclass(frozen=True)
class Token:
    kind: str  # word, number, op, or one of TEXT
    text: str
    start: int
    end: int


class Source:
    """The tokens of one file, without comments and directives, and what is known of each."""

    def __init__(self, path, text):
        self.path, self.text = path, text
        self.tokens = [Token(match.lastgroup, match.group(), match.start(), match.end())
                       for match in TOKEN.finditer(text) if match.lastgroup not in ("space", "comment", "directive")]
        self.lines = [0] + [match.end() for match in re.finditer("\n", text)]
        self.partner = self._partners()
        self.skipped = self._skipped()

    def line_of(self, offset):
        return bisect.bisect_right(self.lines, offset)

    def line_text(self, number):
        end = self.lines[number] if number < len(self.lines) else len(self.text)
        return self.text[self.lines[number - 1]:end].strip()

    def between(self, first, last):
        """The text from one token to another, both included, on one line."""
        return " ".join(self.text[self.tokens[first].start:self.tokens[last].end].split())

    def word(self, index):
        """The text of the token, nothing beyond either end."""
        return self.tokens[index].text if 0 <= index < len(self.tokens) else ""

    def is_apart(self, index):
        """Whether the token has white space on both sides, as binary operators have."""
        token = self.tokens[index]
        return self.text[token.start - 1:token.start].isspace() and self.text[token.end:token.end + 1].isspace()

    def _partners(self):
        partner, open_ones = {}, []
        for index, token in enumerate(self.tokens):
            if token.kind == "op" and token.text in PAIRS:
                open_ones.append(index)
            elif token.kind == "op" and open_ones and token.text == PAIRS[self.tokens[open_ones[-1]].text]:
                begin = open_ones.pop()
                partner[begin], partner[index] = index, begin
        return partner

    def _angle_end(self, begin):
        """The `>` that closes the template arguments or parameters which begin here; None where it compares."""
        depth, index = 0, begin
        while index < len(self.tokens):
            text = self.tokens[index].text
            if text in ("(", "[", "{"):
                if index not in self.partner:
                    return None
                index = self.partner[index]
            elif text in (";", "}", ")", "]"):
                return None
            elif text == "<":
                depth += 1
            elif text in (">", ">>"):
                depth -= len(text)
                if depth <= 0:
                    return index
            index += 1
        return None

    def _opens_angle(self, index):
        token, before = self.tokens[index], self.tokens[index - 1] if index else None
        if token.text != "<" or before is None or before.text == "operator":
            return False
        return before.text == "template" or (before.kind == "word" and before.end == token.start)

    def _skipped(self):
        """The tokens that no mutation touches: what is checked or written while compiling, and what is logged."""
        skipped = set()
        for index, token in enumerate(self.tokens):
            end = None
            if self._opens_angle(index):
                end = self._angle_end(index)
            elif token.text in ("static_assert", "case", "using"):
                end = self._statement_end(index)
            elif token.text == "enum":
                end = self._statement_end(index)
            elif token.text == "log" and self.word(index + 1) == "::" and self.word(index + 3) == "(":
                # A statement of its own; what a function of the log returns (redact_url) may decide something.
                if self.word(index - 1) in (";", "{", "}", ")", "else"):
                    end = self.partner.get(index + 3)
            elif token.text == "[" and self.word(index + 1) == "[":
                end = self.partner.get(index)
            if end is not None:
                skipped.update(range(index, end + 1))
        return skipped

    def _statement_end(self, begin):
        index = begin
        while index < len(self.tokens) and self.tokens[index].text not in (";", ":"):
            index = self.partner.get(index, index) if self.tokens[index].text in PAIRS else index
            index += 1
        return min(index, len(self.tokens) - 1)

    def elements(self, brace):
        """The elements of a list in braces as pairs of token indices; none where the braces hold statements."""
        end = self.partner.get(brace)
        if end is None or end == brace + 1:
            return []
        found, begin, index = [], brace + 1, brace + 1
        while index <= end:
            text = self.tokens[index].text
            if text == ";":
                return []
            if text == "," or index == end:
                if index > begin:
                    found.append((begin, index - 1))
                begin = index + 1
            elif text in PAIRS:
                index = self.partner.get(index, index)
            elif self._opens_angle(index):
                index = self._angle_end(index) or index
            index += 1
        return found

    def row_brace(self, element):
        """The brace of an element that is a row, `{…}` or `Name{…}`; None for anything else."""
        begin, end = element
        index = begin
        while index < end and (self.tokens[index].kind == "word" or self.tokens[index].text == "::"):
            index += 1
        return index if self.tokens[index].text == "{" and self.partner.get(index) == end else None

    def statement_words(self, index):
        """The words of the statement before this token."""
        words = set()
        while index > 0 and self.tokens[index - 1].text not in (";", "}", "{", "("):
            index -= 1
            words.add(self.tokens[index].text)
        return words
