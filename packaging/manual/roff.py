"""Text as man(7) wants it: escapes, and the few forms of Markdown that docs/ use."""

import re

NAMED = {"…": "...", "–": r"\(en", "—": r"\(em", "×": r"\(mu", "≤": r"\(<=", "≥": r"\(>=", "→": r"\(->", "\\": r"\e", "^": r"\(ha",
         "~": r"\(ti", "'": r"\(aq", "`": r"\(ga"}
LINK = re.compile(r"\[([^\]]+)\]\(([^)]+)\)")
PIECE = re.compile(r"`([^`]+)`|\*\*([^*]+)\*\*|\*([^*]+)\*")


def escape(text, hyphens=False):
    """One piece of text; `hyphens`: its dashes are typed as they stand (options, file names)."""
    out = "".join(NAMED.get(c, c if c < "\x7f" else f"\\[u{ord(c):04X}]") for c in text)
    return out.replace("-", r"\-") if hyphens else out


def bold(text):
    return rf"\fB{escape(text, True)}\fR"


def italic(text):
    return rf"\fI{escape(text, True)}\fR"


def line(text):
    """A line of the page: what begins with a control character must not be taken for a request."""
    return r"\&" + text if text[:1] in (".", "'") else text


def inline(text):
    """Markdown's `code`, **strong** and [links](…) in a line of text."""
    text = LINK.sub(lambda m: f"{m[1]} ({m[2]})" if m[2].startswith("http") else m[1], text)
    out, at = [], 0
    for found in PIECE.finditer(text):
        out.append(escape(text[at:found.start()]))
        out.append(bold(found[1]) if found[1] else italic(found[2] or found[3]))
        at = found.end()
    out.append(escape(text[at:]))
    return line("".join(out))


def verbatim(rows):
    """An example, kept as it is written."""
    return ["", ".PP", ".RS 4", ".nf", *(line(escape(row, True)) or r"\&" for row in rows), ".fi", ".RE"]


def cells(row):
    return [cell.strip() for cell in row.strip().strip("|").split("|")]


def table(rows):
    """A Markdown table: the first column as the head of a paragraph, the others as its text."""
    out = []
    for row in rows[2:]:
        first, *others = cells(row)
        out += [".TP", inline(first), "; ".join(inline(other) for other in others if other)]
    return out


def markdown(text):
    """Paragraphs, lists, tables, headings of the second rank and indented or fenced examples. The first rank is the page's own title."""
    out, block, fence = [], [], False

    def flush():
        nonlocal block
        if not block:
            return
        if block[0].startswith("|"):
            out.extend(table(block))
        elif block[0].startswith("    "):
            out.extend(verbatim([row[4:] for row in block]))
        elif block[0].startswith("* "):
            for item in re.split(r"\n\* ", "\n".join(block)[2:]):
                out.extend([r".IP \(bu 2", inline(" ".join(item.split()))])
        else:
            out.extend([".PP", inline(" ".join(" ".join(block).split()))])
        block = []

    for row in text.splitlines():
        if row.startswith("```"):
            if fence:
                out.extend(verbatim(block))
                block = []
            else:
                flush()
            fence = not fence
        elif fence:
            block.append(row)
        elif row.startswith("# "):
            continue
        elif row.startswith("## "):
            flush()
            out.append(".SH " + escape(row[3:].upper()))
        elif not row.strip():
            flush()
        else:
            starts = (row.startswith("|"), row.startswith("    "), row.startswith("* "))
            begun = bool(block) and (block[0].startswith("|"), block[0].startswith("    "), block[0].startswith("* "))
            if block and starts != begun and not (begun[2] and row.startswith("  ")):
                flush()
            block.append(row)
    flush()
    return out


def tidy(lines):
    """Without what mandoc warns of: a paragraph right behind a heading, blank lines."""
    out = []
    for row in lines:
        if not row.strip():
            continue
        if row == ".PP" and (not out or out[-1].startswith((".SH", ".SS"))):
            continue
        out.append(row)
    return "\n".join(out) + "\n"
