#!/usr/bin/env python3
"""Holds docs/api.yaml against the server: api_document_test.py API_FACTS_PROGRAM API_YAML"""
import json
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))

from api_document import ApiDocument, DocumentError  # noqa: E402


class Comparison:
    def __init__(self, document):
        self.checker = document
        self.document = document.tree
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
        ids = [operation.get("operationId", "") for operation in written.values()]
        for name, operation in written.items():
            if not re.fullmatch("[a-z][A-Za-z]+", operation.get("operationId", "")) or ids.count(operation["operationId"]) > 1:
                self.problems.append(f"{name}: needs an operationId of its own (camelCase): generated clients name it so")

    def value(self, name, value):
        """As a client takes it: types, null, enum, required members."""
        try:
            self.problems += self.checker.schema_problems(name, value, name)
        except DocumentError as error:
            self.problems.append(str(error))

    def members(self, what, schema, value):
        """Whether a value that has all members has those of the document, all the way down. Of an answer each is in
        `required`, or x-optional: a generated client then knows which are always there."""
        schema = self.resolve(schema)
        if isinstance(value, list):
            for element in value:
                self.members(what + "[]", schema.get("items", {}), element)
        if not isinstance(value, dict) or "additionalProperties" in schema:
            return
        properties = schema.get("properties", {})
        self.equal(what, [name for name in properties if name in value or not self.optional(properties[name])], value)
        for name in properties.keys() & value.keys():
            self.members(f"{what}.{name}", properties[name], value[name])

    def optional(self, schema):
        return schema.get("x-optional", False) or self.resolve(schema).get("x-optional", False)

    def required(self, what, schema, seen):
        """Of the schema of an answer and all below it."""
        schema = self.resolve(schema)
        if id(schema) in seen:
            return
        seen.add(id(schema))
        if "items" in schema:
            self.required(what + "[]", schema["items"], seen)
        properties = schema.get("properties", {})
        for name, part in properties.items():
            if (name in schema.get("required", [])) == self.optional(part):
                self.problems.append(f"{what}.{name}: is to be either in `required` of {what} or x-optional")
            self.required(f"{what}.{name}", part, seen)

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
        document = ApiDocument(file.read())
    schemas = document.tree["components"]["schemas"]
    comparison = Comparison(document)
    comparison.references(document.tree)
    comparison.routes(facts["routes"])
    comparison.equal("error codes", schemas["Error"]["properties"]["code"]["enum"], facts["codes"])
    comparison.equal("reasons", schemas["NotShared"]["properties"]["reason"]["enum"], facts["reasons"])
    if document.tree.get("security") != []:
        comparison.problems.append("security: [] is missing: the caller is known by the socket")
    for name, sample in {**facts["views"], **facts["bodies"]}.items():
        if name in schemas:
            comparison.value(name, sample)
            comparison.members(name, schemas[name], sample)
        else:
            comparison.problems.append(f"schema {name} is missing")
    for name in facts["views"].keys() & schemas.keys():
        comparison.required(name, schemas[name], set())
    for name, sample in facts["bare_views"].items():
        comparison.value(name, sample)
    for problem in comparison.problems:
        print(problem)
    count = len(facts["views"]) + len(facts["bodies"])
    print(f"{len(facts['routes'])} routes, {count} schemas, {len(comparison.problems)} problems")
    return 1 if comparison.problems or count < 15 or len(facts["bare_views"]) < 5 else 0


if __name__ == "__main__":
    sys.exit(main())
