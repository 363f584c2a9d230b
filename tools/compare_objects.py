#!/usr/bin/env python3
"""Did a move or a rename change machine code? Compares the objects of two build directories.

    tools/compare_objects.py BEFORE AFTER        such as build/release and a copy of it from before
    tools/compare_objects.py BEFORE AFTER --list LIST    moved units are told by the list of tools/move_files.py

For every object: the bytes of all its sections of code and constants (.text*, .rodata*), with what they refer to. Objects are
paired by the source they are made of; where a list of moves is given, by its new name. Exit status 1 when any differs.
"""

import argparse
import hashlib
import pathlib
import struct
import sys

KINDS = (".text", ".rodata")


def sections(data):
    """[(name, type, link, info, bytes)…] of a 64-bit little-endian ELF file."""
    if data[:6] != b"\x7fELF\x02\x01":
        raise ValueError("is no 64-bit little-endian ELF file")
    start, = struct.unpack_from("<Q", data, 0x28)
    size, count, names = struct.unpack_from("<HHH", data, 0x3A)
    if count == 0 or names == 0xFFFF:  # more than 65279 sections: the first header tells (gABI, "Sections")
        first = struct.unpack_from("<IIQQQQIIQQ", data, start)
        count, names = count or first[5], first[6] if names == 0xFFFF else names
    heads = [struct.unpack_from("<IIQQQQIIQQ", data, start + n * size) for n in range(count)]

    def body(head):
        return b"" if head[1] == 8 else data[head[4]:head[4] + head[5]]  # SHT_NOBITS has none

    texts = body(heads[names])

    def name_at(table, offset):
        return table[offset:table.index(b"\0", offset)].decode()

    return [(name_at(texts, head[0]), head[1], head[6], head[7], body(head)) for head in heads]


def code_of(path):
    """{section: digest of its bytes and of what its relocations refer to}; equal names are counted."""
    parts = sections(path.read_bytes())
    symbols = next((part for part in parts if part[1] == 2), None)
    names = parts[symbols[2]][4] if symbols else b""

    def symbol(index):
        name, info, _, section, value, _ = struct.unpack_from("<IBBHQQ", symbols[4], index * 24)
        text = names[name:names.index(b"\0", name)].decode()
        if info & 15 == 3:  # a section: its name, since numbers change with the debug information
            return f"section {parts[section][0]}"
        return text or f"{parts[section][0] if section < len(parts) else section}+{value}"

    relocations = {}
    for _, kind, _, info, body in parts:
        if kind == 4:  # SHT_RELA
            entries = []
            for offset in range(0, len(body), 24):
                where, what, addend = struct.unpack_from("<QQq", body, offset)
                entries.append(f"{where}:{what & 0xffffffff}:{symbol(what >> 32)}:{addend}")
            relocations[info] = "\n".join(entries)
    found = {}
    for number, (name, _, _, _, body) in enumerate(parts):
        if name.startswith(KINDS):
            digest = hashlib.sha256(body + b"\0" + relocations.get(number, "").encode()).hexdigest()
            found[f"{name}#{sum(key.split('#')[0] == name for key in found)}"] = digest
    return found


def objects(root):
    """{source, as CMake names it: object}"""
    found = {}
    for path in root.rglob("*.o"):
        folder, target, rest = path.relative_to(root).as_posix().partition("CMakeFiles/")
        _, _, source = rest.partition(".dir/")
        if target and source and not source.startswith("__") and "cmake_pch" not in source:
            found[(rest.split(".dir/")[0], folder + source.removesuffix(".o"))] = path
    return found


def moves_of(path):
    moves = {}
    for line in path.read_text().split("\n") if path else []:
        words = line.split("#")[0].split()
        if len(words) == 2 and words[0] != "PART:":
            moves[words[0] + ".cpp"] = words[1] + ".cpp"
            unit = [f"tests/unit/{word.removeprefix('agent/')}_test.cpp" for word in words]
            moves[unit[0]] = unit[1]
    return moves


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", type=pathlib.Path)
    parser.add_argument("after", type=pathlib.Path)
    parser.add_argument("--list", type=pathlib.Path)
    arguments = parser.parse_args()
    before, after, moves = objects(arguments.before), objects(arguments.after), moves_of(arguments.list)
    if not before or not after:
        sys.exit("no objects there: build both first")
    equal, differing, alone = 0, [], []
    for (target, source), path in sorted(before.items()):
        name = moves.get(source, source)
        key = (target, name) if (target, name) in after else next((key for key in after if key[1] == name), None)  # to another library
        other = after.pop(key, None)
        if other is None:
            alone.append(f"{source} ({target}): only before")
            continue
        old, new = code_of(path), code_of(other)
        if old == new:
            equal += 1
        else:
            names = sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))
            differing.append(f"{source} ({target}): {len(names)} of {len(old)} sections, such as {names[0]}")
    alone += [f"{source} ({target}): only after" for target, source in sorted(after)]
    for line in differing + alone:
        print(line)
    print(f"{equal} objects have the same code and constants; {len(differing)} differ, {len(alone)} have no other side")
    return 1 if differing or alone else 0


if __name__ == "__main__":
    sys.exit(main())
