#!/usr/bin/env python3
"""Moves sources between folders, and everything that names them.

    tools/move_files.py LIST             moves what LIST says, one commit for each part of it
    tools/move_files.py LIST --no-commit moves and leaves it to be looked at

LIST has lines "PART: title" and below them "OLD NEW": files named from the tree's root without their ending, for the .h and the .cpp
of one unit move together ("agent/cli/client agent/client/client"). Rewritten with them, in every tracked text file: includes, the
sources that a CMakeLists.txt lists, and paths in pages, scripts and comments. The unit test of a moved file goes to the same place
under tests/unit. tools/compare_objects.py shows that no machine code changed.
"""

import argparse
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
ENDINGS = (".h", ".cpp")
WORD = r"[\w./+-]"


def git(*arguments):
    return subprocess.run(["git", "-C", ROOT, *arguments], check=True, capture_output=True, text=True).stdout


def read_list(path):
    """[(title, [(old, new)…])…]"""
    parts = []
    for number, line in enumerate(path.read_text().split("\n"), 1):
        line = line.split("#")[0].strip()
        if not line:
            continue
        if line.startswith("PART:"):
            parts.append((line.removeprefix("PART:").strip(), []))
        elif len(line.split()) == 2 and parts:
            parts[-1][1].append(tuple(line.split()))
        else:
            sys.exit(f"{path}:{number}: neither \"PART: title\" nor \"OLD NEW\": {line}")
    return parts


def moved_files(pairs):
    """{old path: new path} of the files that there are, tests with what they test."""
    moves = {}
    for old, new in pairs:
        found = [ending for ending in ENDINGS if (ROOT / (old + ending)).is_file()]
        if not found:
            sys.exit(f"cannot move {old}: there is no {old}.h or {old}.cpp")
        for ending in found:
            moves[old + ending] = new + ending
        test_old, test_new = f"tests/unit/{without_agent(old)}_test.cpp", f"tests/unit/{without_agent(new)}_test.cpp"
        if (ROOT / test_old).is_file():
            moves[test_old] = test_new
    return moves


def without_agent(path):
    return path.removeprefix("agent/")


def rewrite_paths(text, moves):
    """Paths named from the tree's root: in includes, pages, scripts and comments."""
    if not any(old in text for old in moves):
        return text
    pattern = re.compile(r"(?<![\w/.-])((?:\.\./|\./)*)(" + "|".join(re.escape(m) for m in sorted(moves, key=len, reverse=True)) + r")(?![\w-])")
    return pattern.sub(lambda match: match.group(1) + moves[match.group(2)], text)


def rewrite_lists(folder, text, moves):
    """What a CMakeLists.txt names from its own folder; what moved out of the folder is an error of the list."""
    for old, new in moves.items():
        for ending in (old, old.removesuffix(".cpp")):
            try:
                before = pathlib.PurePosixPath(ending).relative_to(folder).as_posix()
            except ValueError:
                continue
            after_full = new if ending == old else new.removesuffix(".cpp")
            if re.search(rf"(?<!{WORD}){re.escape(before)}(?!{WORD})", text):
                try:
                    after = pathlib.PurePosixPath(after_full).relative_to(folder).as_posix()
                except ValueError:
                    print(f"{folder}/CMakeLists.txt lists {before}, which leaves that folder: move the entry by hand")
                    continue
                text = re.sub(rf"(?<!{WORD}){re.escape(before)}(?!{WORD})", after, text)
    return text


def rewrite_relative_links(page, text, moves):
    """Links of a Markdown page, which are relative to it."""
    def replaced(match):
        path, _, anchor = match.group(2).partition("#")
        try:
            target = (ROOT / page).parent.joinpath(path).resolve().relative_to(ROOT).as_posix()
        except ValueError:
            return match.group(0)
        if target not in moves:
            return match.group(0)
        up = "../" * (len(pathlib.PurePosixPath(page).parts) - 1)
        return match.group(1) + up + moves[target] + ("#" + anchor if anchor else "") + match.group(3)

    return re.sub(r"(\]\()([^)\s]+)(\))", replaced, text)


def move(title, pairs, commit):
    moves = moved_files(pairs)
    for old, new in moves.items():
        (ROOT / new).parent.mkdir(parents=True, exist_ok=True)
        git("mv", old, new)
    changed = []
    for name in git("ls-files").split("\n"):
        path = ROOT / name
        if not name or path.is_symlink() or not path.is_file():
            continue
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        new_text = text
        if name.endswith(".md"):
            new_text = rewrite_relative_links(name, new_text, moves)
        if path.name == "CMakeLists.txt":
            new_text = rewrite_lists(str(pathlib.PurePosixPath(name).parent), new_text, moves)
        new_text = rewrite_paths(new_text, moves)
        if new_text != text:
            path.write_text(new_text)
            changed.append(name)
    sources = [name for name in changed if name.endswith(ENDINGS)]
    if sources:
        subprocess.run(["clang-format", "-i", *(ROOT / name for name in sources)], check=True)
    git("add", "--all", *changed, *moves.values())
    if commit:
        git("commit", "-qm", f"{title}: rooms of their own\n\nFiles move and what names them follows; no machine code changes.")
    print(f"{title}: {len(moves)} files moved, {len(changed)} rewritten")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("list", type=pathlib.Path)
    parser.add_argument("--no-commit", action="store_true")
    arguments = parser.parse_args()
    for title, pairs in read_list(arguments.list):
        move(title, pairs, not arguments.no_commit)


if __name__ == "__main__":
    main()
