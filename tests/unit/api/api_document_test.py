#!/usr/bin/env python3
"""Holds docs/api.yaml against the server: api_document_test.py API_FACTS_PROGRAM API_YAML

Standard library only, so it reads the part of YAML that the document is written in (said at its top).
"""
import json
import re
import subprocess
import sys


def scalar(text):
    if text.startswith("{$ref:"):
        return {"$ref": text[len("{$ref:"):].rstrip("}").strip().strip('"')}
    if text.startswith("["):
        return [scalar(part.strip()) for part in text[1:-1].split(",") if part.strip()]
    if text.startswith('"'):
        return text[1:-1]
    return {"true": True, "false": False}.get(text, int(text) if re.fullmatch(r"-?\d+", text) else text)


def parse_yaml(text):
    lines = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.lstrip().startswith("#"):
            lines.append((len(line) - len(line.lstrip()), line.strip(), number))
    value, rest = block(lines, 0)
    if rest != len(lines):
        sys.exit(f"line {lines[rest][2]}: not in the part of YAML that this test reads")
    return value


def block(lines, at):
    """The value that starts at line `at`, and the line behind it."""
    indent = lines[at][0]
    result = [] if lines[at][1].startswith("- ") else {}
    while at < len(lines) and lines[at][0] == indent:
        text, number = lines[at][1], lines[at][2]
        if isinstance(result, list):
            if not text.startswith("- "):
                sys.exit(f"line {number}: a list and a map mixed")
            lines[at] = (indent + 2, text[2:], number)
            value, at = block(lines, at)
            result.append(value)
            continue
        match = re.fullmatch(r'("[^"]*"|[^\s:"]+):(?: (.+))?', text)
        if not match:
            sys.exit(f"line {number}: not in the part of YAML that this test reads: {text}")
        key = match[1].strip('"')
        if key in result:
            sys.exit(f"line {number}: {key} is there twice")
        at += 1
        if match[2] is not None:
            result[key] = scalar(match[2])
        elif at < len(lines) and lines[at][0] > indent:
            result[key], at = block(lines, at)
        else:
            result[key] = {}
    return result, at


class Comparison:
    def __init__(self, document):
        self.document = document
        self.problems = []

    def resolve(self, node):
        while "$ref" in node:
            found = self.document
            for part in node["$ref"].lstrip("#/").split("/"):
                if part not in found:
                    self.problems.append(f"{node['$ref']} does not exist")
                    return {}
                found = found[part]
            node = found
        return node

    def equal(self, what, left, right, left_name="the document", right_name="the server"):
        for extra in sorted(set(left) - set(right)):
            self.problems.append(f"{what}: {extra} is in {left_name} only")
        for extra in sorted(set(right) - set(left)):
            self.problems.append(f"{what}: {extra} is in {right_name} only")

    def routes(self, routes):
        written = {}
        for path, operations in self.document["paths"].items():
            named = {p["name"] for p in operations.get("parameters", [])}
            self.equal(f"path parameters of {path}", named, re.findall(r"{(\w+)}", path), right_name="its path")
            for method, operation in operations.items():
                if method != "parameters":
                    written[f"{method.upper()} {path}"] = operation
        served = {f"{route['method']} {route['path']}": route for route in routes}
        self.equal("routes", written, served)
        for name in written.keys() & served.keys():
            operation, route = written[name], served[name]
            query = [p["name"] for p in operation.get("parameters", []) if p["in"] == "query"]
            self.equal(f"query of {name}", query, route["query"].split())
            for mark in ("admin", "loopback"):
                if operation.get(f"x-{mark}", False) != route[mark]:
                    self.problems.append(f"{name}: x-{mark} differs from the server's")
            if "default" not in operation["responses"] or not any(s[0] == "2" for s in operation["responses"]):
                self.problems.append(f"{name}: needs a success and a default response")
            if not operation.get("summary"):
                self.problems.append(f"{name}: has no summary")

    def value(self, what, schema, value):
        """Names of members, and the kinds of values, all the way down."""
        schema = self.resolve(schema)
        kinds = {"object": dict, "array": list, "string": str, "integer": int, "number": (int, float), "boolean": bool}
        kind = schema.get("type")
        if value is None:
            return
        if kind not in kinds or not isinstance(value, kinds[kind]) or (isinstance(value, bool) and kind != "boolean"):
            self.problems.append(f"{what}: the document says {kind}, the server has {json.dumps(value)[:60]}")
            return
        if "enum" in schema and value not in schema["enum"]:
            self.problems.append(f"{what}: {value} is not in the document's enum")
        if kind == "object" and "additionalProperties" not in schema:
            properties = schema.get("properties", {})
            expected = [name for name in properties if name in value or not properties[name].get("x-optional")]
            self.equal(what, expected, value)
            for name in properties.keys() & value.keys():
                self.value(f"{what}.{name}", properties[name], value[name])
        if kind == "array":
            for index, element in enumerate(value):
                self.value(f"{what}[{index}]", schema["items"], element)

    def references(self, node):
        if isinstance(node, dict):
            if "$ref" in node:
                self.resolve(node)
            for child in node.values():
                self.references(child)
        elif isinstance(node, list):
            for child in node:
                self.references(child)


def main():
    facts = json.loads(subprocess.run([sys.argv[1]], check=True, capture_output=True, text=True).stdout)
    with open(sys.argv[2], encoding="utf-8") as file:
        document = parse_yaml(file.read())
    schemas = document["components"]["schemas"]
    comparison = Comparison(document)
    comparison.references(document)
    comparison.routes(facts["routes"])
    comparison.equal("error codes", schemas["Error"]["properties"]["code"]["enum"], facts["codes"])
    for name, sample in {**facts["views"], **facts["bodies"]}.items():
        if name in schemas:
            comparison.value(name, schemas[name], sample)
        else:
            comparison.problems.append(f"schema {name} is missing")
    for problem in comparison.problems:
        print(problem)
    count = len(facts["views"]) + len(facts["bodies"])
    print(f"{len(facts['routes'])} routes, {count} schemas, {len(comparison.problems)} problems")
    return 1 if comparison.problems or count < 15 else 0


if __name__ == "__main__":
    sys.exit(main())
