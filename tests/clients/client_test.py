#!/usr/bin/env python3
"""Clients generated from docs/api.yaml: client_test.py API_FACTS_PROGRAM BUILD_DIRECTORY

The document is validated as OpenAPI 3.0; TypeScript types are made of it; client.ts and the answers and bodies of the server's
own tables are compiled against them with --strict. Tools are npm packages, pinned by package-lock.json. Exit status 77, with
the reason, where there is no node or npm, or where npm reaches no registry.

Other people's programs are called by their full path, so that what is tested does not depend on the caller's PATH. Node is of a
package of Debian on some machines and beside it on others: /usr/bin/node where that exists, else the one of PATH, and it is
told which.
"""

import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
DOCUMENT = HERE.parents[1] / "docs" / "api.yaml"
PACKAGES = ("package.json", "package-lock.json")
NO_REGISTRY = re.compile(r"\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ENETUNREACH|EHOSTUNREACH|ETIMEDOUT|ERR_SOCKET_TIMEOUT"
                         r"|ENOTCACHED)\b")
COMPILER = ["--noEmit", "--strict", "--exactOptionalPropertyTypes", "--noUncheckedIndexedAccess", "--target", "es2022",
            "--moduleResolution", "node10", "--module", "es2022"]


def skip(why):
    print(f"skip: {why}")
    sys.exit(77)


def find(name):
    path = f"/usr/bin/{name}" if os.access(f"/usr/bin/{name}", os.X_OK) else shutil.which(name)
    if not path:
        skip(f"there is no {name} (apt install npm)")
    print(f"{name}: {path}", flush=True)
    return path


def run(command, folder):
    done = subprocess.run([str(word) for word in command], cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    return done.returncode, done.stdout + done.stderr


def check(what, command, folder):
    status, output = run(command, folder)
    if status != 0:
        sys.exit(f"{what}: exit status {status}\n{output[-6000:]}")
    print(f"{what}: well", flush=True)


def install(node, npm, folder):
    """The packages of the lock file, once for each edition of it."""
    folder.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256(b"".join((HERE / name).read_bytes() for name in PACKAGES)).hexdigest()
    stamp = folder / "installed"
    if stamp.exists() and stamp.read_text() == digest:
        return
    for name in PACKAGES:
        shutil.copyfile(HERE / name, folder / name)
    status, output = run([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], folder)
    if status != 0 and NO_REGISTRY.search(output):
        skip(f"npm reaches no registry: {NO_REGISTRY.search(output)[1]}")
    if status != 0:
        sys.exit(f"npm ci: exit status {status}\n{output[-4000:]}")
    stamp.write_text(digest)


def samples(facts):
    """Each view and body as a literal of its type: a member too many, too few, null or of another type does not compile."""
    lines = ['import type { components } from "./api";', 'type Schemas = components["schemas"];']
    for group in ("views", "bare_views", "bodies"):
        for name, value in facts[group].items():
            literal = json.dumps(value, ensure_ascii=True, indent=1)
            lines.append(f'export const {group}_{name}: Schemas["{name}"] = {literal};')
    return "\n".join(lines) + "\n"


def main():
    facts_program, folder = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
    node, npm = find("node"), find("npm")
    install(node, npm, folder)
    packages = folder / "node_modules"
    check("the document is OpenAPI 3.0", [node, packages / "@seriousme/openapi-schema-validator/bin/validate-api-cli.js", DOCUMENT],
          folder)
    check("types of the document", [node, packages / "openapi-typescript/bin/cli.js", DOCUMENT, "-o", "api.ts",
                                    "--default-non-nullable=false"], folder)
    facts = json.loads(subprocess.run([facts_program], check=True, capture_output=True, text=True).stdout)
    (folder / "samples.ts").write_text(samples(facts), encoding="utf-8")
    shutil.copyfile(HERE / "client.ts", folder / "client.ts")
    check("a client, and the server's answers, of these types", [node, packages / "typescript/lib/tsc.js", *COMPILER, "client.ts",
                                                                 "samples.ts"], folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
