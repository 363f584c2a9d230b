"""Cases of curl's own test suite, read as its test harness reads them. Standard library only.

    suite = CurlSuite("curl/tests")       # a copy of the folder `tests` of curl's source
    case = suite.case(36, {"HTTPPORT": "8990"})
    case.part("reply", "data")            # bytes, as curl's server would send them

The format is described in curl's docs/tests/FILEFORMAT.md. Before a case is used each of its lines is rewritten: conditions on
features, variables, special characters, encoded and repeated pieces, and the ends of lines where a section asks for CRLF. The
order is that of curl's tests/runner.pm. Texts are read as Latin-1, so that each byte is one character.
"""

import base64
import pathlib
import re
import time

_HEAD_LINE = re.compile(r"HTTP/(1\.1|1\.0|2|3) ([1-5]|9)[^\r]*\Z|(GET|HEAD|POST|PUT|DELETE|CONNECT) \S+ HTTP/\d+(\.\d+)?"
                        r"|(SETUP|GET_PARAMETER|OPTIONS|ANNOUNCE|DESCRIBE) \S+ RTSP/\d+(\.\d+)?")
_FIELD_LINE = re.compile(r"[a-z0-9_-]+: [^\r]*\Z", re.IGNORECASE)
_CHARACTERS = (("%SP", " "), ("%TAB", "\t"), ("%CR", "\r"), ("%LT", "<"), ("%GT", ">"), ("%AMP", "&"))


def _lines(text):
    """Ended by line feeds alone, which stay."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def _codes(text):
    return re.sub("%([0-9A-Fa-f]{2})", lambda m: chr(int(m[1], 16)), text)


def _base64(match):
    return base64.b64encode(_codes(match[1]).encode("latin-1")).decode()


def _days(match):
    return str((int(match[1]) * 86400 + int(time.time()) + 30) // 60 * 60)


def _expanded(text):
    """Encoded and repeated pieces of one line."""
    text = re.sub(r"%b64\[(.*?)\]b64%", _base64, text, flags=re.IGNORECASE)
    text = re.sub(r"%hex\[(.*?)\]hex%", lambda m: _codes(m[1]), text, flags=re.IGNORECASE)
    text = re.sub(r"%repeat\[(\d+) x (.*?)\]%", lambda m: _codes(m[2]) * int(m[1]), text, flags=re.IGNORECASE)
    return re.sub(r"%days\[(.*?)\]", _days, text, flags=re.IGNORECASE)


class _LineEnds:
    """CRLF where a <data> or <connect> section asks for it: of all its lines, or of those that look like a head."""

    def __init__(self):
        self.mode, self.in_head = "", False

    def see(self, line):
        opened = re.match(r" *<(?:data|connect)(.*)>", line)
        if opened:
            found = re.search(r'crlf="(yes|headers)"', opened[1])
            self.mode = found[1] if found else self.mode
        elif re.match(r" *</(?:data|connect)", line):
            self.mode = ""

    def applied(self, line):
        if self.mode == "headers":
            head = _HEAD_LINE.match(line) or (_FIELD_LINE.match(line) and not re.match(r"curl: \(\d+\) ", line))
            ends_head = line == "\n" and self.in_head
            self.in_head = bool(head)
            if not head and not ends_head:
                return line
        elif self.mode != "yes":
            return line
        return re.sub("\r*\n", "\r\n", line, count=1)


class CurlCase:
    """One case, rewritten."""

    def __init__(self, number, lines):
        self.number, self.lines = number, lines

    def _section(self, main, sub):
        """(attributes, lines) of a subsection, or None. Lines that begin with another tag belong to it."""
        where, attributes, lines = None, "", []
        for line in self.lines:
            tag = re.match(r"[ \t]*<(/?)([^\s>]*)([^>]*)", line)
            if where is None:
                if tag and not tag[1] and tag[2] == main:
                    where = "main"
            elif where == "main":
                if tag and tag[1] and tag[2] == main:
                    return None
                if tag and not tag[1] and tag[2] == sub:
                    where, attributes = "sub", tag[3]
            elif tag and tag[1] and tag[2] == sub:
                return attributes, lines
            else:
                lines.append(line)
        return None

    def has(self, main, sub):
        return self._section(main, sub) is not None

    def attributes(self, main, sub):
        found = self._section(main, sub)
        return dict(re.findall(r"""([\w-]+)=["']([^"']*)["']""", found[0])) if found else {}

    def part(self, main, sub):
        """The bytes of a subsection; none where there is no such."""
        found = self._section(main, sub)
        if not found:
            return b""
        data = "".join(found[1]).encode("latin-1")
        if "base64=" in found[0]:
            data = base64.b64decode(data)
        return data[:-1] if "nonewline=" in found[0] else data

    def words(self, main, sub):
        return self.part(main, sub).decode("latin-1").split()

    def text(self, main, sub):
        """The lines of a subsection as one, as harness commands are written."""
        found = self._section(main, sub)
        return " ".join(line.rstrip("\r\n") for line in found[1]).strip() if found else ""


class CurlSuite:
    """The numbered files of a folder `data`, and the features that `%if` asks for."""

    def __init__(self, folder, features=(), made="."):
        self.folder = pathlib.Path(folder).resolve()
        self.features = set(features)
        self.made = pathlib.Path(made)  # where `certs` is, with what was made of the copy's certs/*.prm

    def numbers(self):
        files = (self.folder / "data").glob("test[0-9]*")
        return sorted(int(f.name[4:]) for f in files if f.name[4:].isdigit())

    def case(self, number, variables=()):
        """The case with its %VARIABLES replaced; FileNotFoundError where there is none of that number."""
        raw = (self.folder / "data" / f"test{number}").read_bytes().decode("latin-1")
        variables = {**dict(variables), "TESTNUMBER": str(number), "SRCDIR": str(self.folder), "CERTDIR": str(self.made)}
        name = re.compile("%(" + "|".join(sorted(map(re.escape, variables), key=len, reverse=True)) + ")")

        def replaced(line):
            return name.sub(lambda m: variables[m[1]], line)

        lines, ends = [], _LineEnds()
        for line in self._shown(_lines(raw)):
            ends.see(line)
            line = replaced(replaced(line) if "%includetext" not in line else self._included(replaced(line), "includetext"))
            for sign, character in _CHARACTERS:
                line = line.replace(sign, character)
            lines.append(ends.applied(self._included(_expanded(line), "include")))
        return CurlCase(number, _lines("".join(lines)))

    def _included(self, line, how):
        """With the text of a file of the copy; of what the copy does not have, nothing."""

        def text(match):
            file = pathlib.Path(match[1]).resolve()
            return file.read_bytes().decode("latin-1") if file.is_relative_to(self.folder) and file.is_file() else ""

        return re.sub(f"%{how} ([^%]*)%[\r\n]+", text, line)

    def _shown(self, lines):
        """Those whose conditions (%if, %else, %endif, nested) hold."""
        stack = []
        for line in lines:
            condition = re.match(r" *%if (!?)([\w!-]*)", line)
            if condition:
                stack.append((condition[2] in self.features) != bool(condition[1]))
            elif re.match(" *%else", line):
                stack[-1] = not stack[-1]
            elif re.match(" *%endif", line):
                stack.pop()
            elif all(stack):
                yield line
