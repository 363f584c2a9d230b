"""docs/benchmarks.md and docs/soak.md have a part for each program that measures: what stands before the first "## " is of
one of them, each section of another. Who writes one leaves the others as they are."""

import pathlib
import re


def parts_of(text):
    """(what stands before the first section, {heading: section with its heading})."""
    pieces = re.split(r"^(?=## )", text, flags=re.M)
    return pieces[0], {piece.splitlines()[0]: piece for piece in pieces[1:]}


def write_first_part(path, text):
    path = pathlib.Path(path)
    _, sections = parts_of(path.read_text(encoding="utf-8") if path.exists() else "")
    _write(path, text, sections)


def write_section(path, heading, text):
    """`heading`: "## What it is of"."""
    path = pathlib.Path(path)
    first, sections = parts_of(path.read_text(encoding="utf-8") if path.exists() else "")
    sections[heading] = f"{heading}\n\n{text}"
    _write(path, first, sections)


def _write(path, first, sections):
    path.write_text("\n\n".join(part.strip() for part in (first, *sections.values()) if part.strip()) + "\n", encoding="utf-8")
