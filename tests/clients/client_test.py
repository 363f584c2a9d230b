#!/usr/bin/env python3
"""Clients generated from docs/api.yaml: client_test.py API_FACTS_PROGRAM BUILD_DIRECTORY

The document is validated as OpenAPI 3.0; TypeScript types are made of it; client.ts and the answers and bodies of the server's
own tables are compiled against them with --strict. Tools are npm packages, pinned by package-lock.json. Exit status 77, with
the reason, where there is no node or npm, or where npm reaches no registry.
"""

import json
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))

from node_packages import Missing, find_node, install, run  # noqa: E402

DOCUMENT = HERE.parents[1] / "docs" / "api.yaml"
COMPILER = ["--noEmit", "--strict", "--exactOptionalPropertyTypes", "--noUncheckedIndexedAccess", "--target", "es2022",
            "--moduleResolution", "node10", "--module", "es2022"]


def skip(why):
    print(f"skip: {why}")
    sys.exit(77)


def check(what, command, folder):
    status, output = run(command, folder)
    if status != 0:
        sys.exit(f"{what}: exit status {status}\n{output[-6000:]}")
    print(f"{what}: well", flush=True)


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
    try:
        node = find_node("node")
        print(f"node: {node}", flush=True)
        install(HERE, folder)
    except Missing as reason:
        skip(reason)
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
