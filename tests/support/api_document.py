"""docs/api.yaml as a program reads it: which schema each answer and event has, and whether a value is of its schema.

    document = ApiDocument.of_this_tree()
    document.answer_problems("GET", "/v1/jobs/a1", 200, "application/json", body)   # [] where all is well
    document.event_problems("job.state", data)

Standard library only. A problem names the place in the value, what is there, and the place in the document that says
otherwise. A keyword that the checker does not know is an error: nothing in the document goes unchecked. Values are checked
closely: a member that the document does not name is a problem too, though clients ignore those.
"""

import functools
import json
import pathlib
import re

PATH = pathlib.Path(__file__).resolve().parents[2] / "docs" / "api.yaml"
MOST_PROBLEMS = 20


class DocumentError(ValueError):
    """The document cannot be read, or says something that this checker does not know."""


# -- YAML ----------------------------------------------------------------------------------------------------------------
def _scalar(text):
    if text.startswith("{$ref:"):
        return {"$ref": text[len("{$ref:"):].rstrip("}").strip().strip('"')}
    if text.startswith("["):
        return [_scalar(part.strip()) for part in text[1:-1].split(",") if part.strip()]
    if text.startswith('"'):
        return text[1:-1]
    words = {"true": True, "false": False, "null": None}
    return words[text] if text in words else int(text) if re.fullmatch(r"-?\d+", text) else text


def parse_yaml(text):
    """The part of YAML in which docs/api.yaml is written (said at its top)."""
    lines = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.lstrip().startswith("#"):
            lines.append((len(line) - len(line.lstrip()), line.strip(), number))
    value, rest = _block(lines, 0)
    if rest != len(lines):
        raise DocumentError(f"line {lines[rest][2]}: not in the part of YAML that is read here")
    return value


def _block(lines, at):
    """The value that starts at line `at`, and the line behind it."""
    indent = lines[at][0]
    result = [] if lines[at][1].startswith("- ") else {}
    while at < len(lines) and lines[at][0] == indent:
        text, number = lines[at][1], lines[at][2]
        if isinstance(result, list):
            if not text.startswith("- "):
                raise DocumentError(f"line {number}: a list and a map mixed")
            lines[at] = (indent + 2, text[2:], number)
            value, at = _block(lines, at)
            result.append(value)
            continue
        match = re.fullmatch(r'("[^"]*"|[^\s:"]+):(?: (.+))?', text)
        if not match:
            raise DocumentError(f"line {number}: not in the part of YAML that is read here: {text}")
        key = match[1].strip('"')
        if key in result:
            raise DocumentError(f"line {number}: {key} is there twice")
        at += 1
        if match[2] is not None:
            result[key] = _scalar(match[2])
        elif at < len(lines) and lines[at][0] > indent:
            result[key], at = _block(lines, at)
        else:
            result[key] = {}
    return result, at


# -- schemas -------------------------------------------------------------------------------------------------------------
_KINDS = {"object": dict, "array": list, "string": str, "integer": int, "number": (int, float), "boolean": bool}
_OF_KIND = {"object": {"properties", "required", "additionalProperties"}, "array": {"items", "minItems", "maxItems"},
            "string": {"minLength", "maxLength"}, "integer": {"minimum", "maximum"}, "number": {"minimum", "maximum"},
            "boolean": set()}
_SILENT = {"description", "default", "x-optional"}  # say nothing about which values are right


def shown(value):
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else text[:77] + "..."


def _resolve(document, schema, source):
    """Behind references: (schema, its place in the document)."""
    while "$ref" in schema:
        if len(schema) > 1:
            raise DocumentError(f"{source}: nothing may stand beside $ref (OpenAPI 3.0 ignores it)")
        source = schema["$ref"].removeprefix("#/").replace("/", ".")
        found = document
        for part in schema["$ref"].removeprefix("#/").split("/"):
            if not isinstance(found, dict) or part not in found:
                raise DocumentError(f"{schema['$ref']} does not exist")
            found = found[part]
        schema = found
    return schema, source


def checker_of(document, schema, source="schema"):
    """check(value, where, problems): adds a text for all that is wrong with `value`. Built once for each schema, so that it is
    quick for answers of a thousand files."""
    schema, source = _resolve(document, schema, source)
    if "allOf" in schema:
        # Null is what all parts take; a nullable beside it would take nothing back (OpenAPI 3.0.3).
        unknown = set(schema) - _SILENT - {"allOf"}
        if unknown:
            raise DocumentError(f"{source}: {', '.join(sorted(unknown))} beside allOf: make a schema of its own instead")
        parts = [checker_of(document, part, f"{source}.allOf") for part in schema["allOf"]]
        return lambda value, where, problems: [part(value, where, problems) for part in parts] and None
    kind = schema.get("type")
    if not isinstance(kind, str) or kind not in _KINDS:
        raise DocumentError(f"{source}: type {kind!r} is none of {', '.join(_KINDS)}")
    unknown = set(schema) - _SILENT - _OF_KIND[kind] - {"type", "nullable", "enum"}
    if unknown:
        raise DocumentError(f"{source}: {', '.join(sorted(unknown))}: no keyword that is known here of a schema of type {kind}")
    within = {"object": _object_checker, "array": _array_checker}.get(kind, _plain_checker)(document, schema, source)
    types, nullable, values = _KINDS[kind], schema.get("nullable", False), schema.get("enum")

    def check(value, where, problems):
        if len(problems) >= MOST_PROBLEMS:
            return
        if value is None and not nullable:
            problems.append(f"{where} is null, which {source} does not allow: it is no nullable {kind}")
        elif value is not None and (not isinstance(value, types) or (isinstance(value, bool) and kind != "boolean")):
            problems.append(f"{where} is {shown(value)}, no {kind} as {source} says")
        elif values is not None and value not in values:
            problems.append(f"{where} is {shown(value)}, which is not in the enum of {source}: {shown(values)}")
        elif value is not None:
            within(value, where, problems)

    return check


def _object_checker(document, schema, source):
    members = {name: checker_of(document, part, f"{source}.{name}") for name, part in schema.get("properties", {}).items()}
    required, more = schema.get("required", []), schema.get("additionalProperties", False)
    others = checker_of(document, more, f"{source}.additionalProperties") if isinstance(more, dict) else None
    if missing := [name for name in required if name not in members]:
        raise DocumentError(f"{source}: {', '.join(missing)}: required, but no property")

    def check(value, where, problems):
        for name in required:
            if name not in value:
                problems.append(f"{where} has no {name}, which {source} requires")
        for name, child in value.items():
            if checker := members.get(name, others):
                checker(child, f"{where}.{name}", problems)
            elif more is not True:
                problems.append(f"{where}.{name} is {shown(child)}, of which {source} says nothing")

    return check


def _array_checker(document, schema, source):
    element = checker_of(document, schema["items"], f"{source}.items")
    least, most = schema.get("minItems", 0), schema.get("maxItems")

    def check(value, where, problems):
        if len(value) < least or (most is not None and len(value) > most):
            problems.append(f"{where} has {len(value)} elements, and {source} allows {least} to {most}")
        for index, child in enumerate(value):
            element(child, f"{where}[{index}]", problems)

    return check


def _plain_checker(_, schema, source):
    lower, upper = schema.get("minimum", schema.get("minLength")), schema.get("maximum", schema.get("maxLength"))

    def check(value, where, problems):
        size = len(value) if isinstance(value, str) else value
        if (lower is not None and size < lower) or (upper is not None and size > upper):
            problems.append(f"{where} is {shown(value)}, and {source} allows {lower} to {upper}")

    return check if lower is not None or upper is not None else lambda *_: None


# -- answers and events --------------------------------------------------------------------------------------------------
class ApiDocument:
    def __init__(self, text):
        self.tree = parse_yaml(text)
        self.routes = [(re.compile("/".join("[^/]+" if part.startswith("{") else re.escape(part) for part in path.split("/"))),
                        path, operations) for path, operations in self.tree["paths"].items()]
        self._checkers = {}

    @staticmethod
    @functools.cache
    def of_this_tree():
        return ApiDocument(PATH.read_text(encoding="utf-8"))

    def value_problems(self, reference, value, name="$"):
        """`reference`: such as components/schemas/Job."""
        if reference not in self._checkers:
            self._checkers[reference] = checker_of(self.tree, {"$ref": "#/" + reference})
        problems = []
        self._checkers[reference](value, name, problems)
        return problems

    def schema_problems(self, schema, value, name="$"):
        return self.value_problems(f"components/schemas/{schema}", value, name)

    def answer_problems(self, method, path, status, content_type, body):
        """Of one answer; `path` may have a query, `body` is bytes."""
        path = path.partition("?")[0]
        what = f"{method} {path}: {status}"
        if status >= 400:
            return self._body_problems(what, "components/schemas/ErrorBody", content_type, body)
        found = [(written, operations[method.lower()]) for pattern, written, operations in self.routes
                 if method.lower() in operations and pattern.fullmatch(path)]
        if not found:
            return [f"{what}, and the document has no such route"]
        written, operation = found[0]
        if str(status) not in operation["responses"]:
            return [f"{what}, and the document has only {', '.join(operation['responses'])} for {method} {written}"]
        content = operation["responses"][str(status)].get("content")
        if not content:
            return [f"{what} has a body of {len(body)} bytes"] if status == 204 and body else []
        return self._body_problems(what, content["application/json"]["schema"]["$ref"].removeprefix("#/"), content_type, body)

    def _body_problems(self, what, reference, content_type, body):
        if (content_type or "").partition(";")[0].strip() != "application/json":
            return [f"{what} is of type {content_type}, and the document says application/json"]
        try:
            value = json.loads(body)
        except ValueError as error:
            return [f"{what}: the body is no JSON ({error}): {body[:80]!r}"]
        return self.value_problems(reference, value, what + ": $")

    def event_problems(self, kind, data, brief=False):
        what = f"event {kind}: $"
        if kind == "reset":
            return [] if data == {} else [f"{what} is {shown(data)}, not {{}}"]
        if kind == "file.state":
            return self.schema_problems("FileEventBrief" if brief else "FileEvent", data, what)
        if kind not in ("job.created", "job.state", "job.progress", "job.removed"):
            return [f"event {kind}: the document has no such kind"]
        return self.schema_problems("Job", data, what) + ([f"{what}.files: a job has no files in an event"] if "files" in data else [])
