#!/usr/bin/env python3
"""Holds docs/inbox-api.yaml against the upload server: inbox_document_test.py INBOX_FACTS_PROGRAM INBOX_API_YAML"""
import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.dont_write_bytecode = True
sys.path[:0] = [str(ROOT / "tests/support"), str(ROOT / "tests/unit/api")]

from api_document import ApiDocument  # noqa: E402
from api_document_test import Comparison  # noqa: E402


def main():
    facts = json.loads(subprocess.run([sys.argv[1]], check=True, capture_output=True, text=True, timeout=60).stdout)
    document = ApiDocument(pathlib.Path(sys.argv[2]).read_text(encoding="utf-8"))
    schemas = document.tree["components"]["schemas"]
    comparison = Comparison(document)
    comparison.references(document.tree)
    comparison.routes(facts["routes"])
    comparison.equal("error codes", schemas["Error"]["properties"]["code"]["enum"], facts["codes"])
    for name in ("Upload", "UploadBrief"):
        comparison.equal("states of " + name, schemas[name]["properties"]["state"]["enum"], facts["states"])
    for name, sample in {**facts["views"], **facts["bodies"]}.items():
        comparison.value(name, sample)
        comparison.members(name, schemas[name], sample)
    for name in facts["views"]:
        comparison.required(name, schemas[name], set())
    for name, sample in facts["bare_views"].items():
        comparison.value(name, sample)
    for problem in comparison.problems:
        print(problem)
    print(f"{len(facts['routes'])} routes, {len(facts['views'])} views, {len(comparison.problems)} problems")
    return 1 if comparison.problems or len(facts["routes"]) < 9 or len(facts["views"]) < 3 else 0


if __name__ == "__main__":
    sys.exit(main())
