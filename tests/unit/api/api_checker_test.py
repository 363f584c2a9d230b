#!/usr/bin/env python3
"""That the checker of docs/api.yaml (tests/support/api_document.py) finds what is wrong, says where, and checks nothing by
halves."""

import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))

from api_document import ApiDocument, DocumentError, checker_of, parse_yaml  # noqa: E402

THING = {"type": "object", "required": ["a"], "properties": {
    "a": {"type": "integer"}, "b": {"type": "string", "nullable": True, "enum": ["x", None]},
    "c": {"type": "array", "items": {"type": "number"}, "maxItems": 2}, "d": {"$ref": "#/thing"}}}

INNER = {"type": "object", "required": ["a"], "properties": {"a": {"type": "integer"}}}  # what $ref leads to

# schema, value, what is said of it (empty: all is well)
VALUES = [
    (THING, {"a": 1}, ""),
    (THING, {"a": 1, "b": None, "c": [1, 2.5], "d": {"a": 0}}, ""),
    (THING, {}, "$ has no a, which schema requires"),
    (THING, {"a": None}, "$.a is null, which schema.a does not allow"),
    (THING, {"a": "1"}, '$.a is "1", no integer'),
    (THING, {"a": True}, "$.a is true, no integer"),
    (THING, {"a": 1.5}, "$.a is 1.5, no integer"),
    (THING, {"a": 1, "b": "y"}, '$.b is "y", which is not in the enum'),
    (THING, {"a": 1, "c": [1, 2, 3]}, "$.c has 3 elements"),
    (THING, {"a": 1, "c": [1, "2"]}, '$.c[1] is "2", no number'),
    (THING, {"a": 1, "d": {"a": []}}, "$.d.a is [], no integer as thing.a says"),
    (THING, {"a": 1, "e": 5}, "$.e is 5, of which schema says nothing"),
    (THING, [], "$ is [], no object"),
    # Null is not allowed by what stands beside it, only by an enum that has it.
    ({"type": "string", "nullable": True, "enum": ["x"]}, None, "$ is null, which is not in the enum"),
    ({"type": "object", "additionalProperties": {"type": "integer"}}, {"a": 1, "b": 2}, ""),
    ({"type": "object", "additionalProperties": {"type": "integer"}}, {"a": "1"}, '$.a is "1", no integer'),
    ({"type": "integer", "minimum": 1, "maximum": 3}, 4, "$ is 4, and schema allows 1 to 3"),
    ({"type": "string", "maxLength": 2}, "abc", '$ is "abc", and schema allows None to 2'),
    ({"allOf": [{"$ref": "#/thing"}]}, {"a": "x"}, '$.a is "x", no integer'),
    ({"allOf": [{"$ref": "#/thing"}]}, None, "$ is null"),
]

# What a document must not say, since the checker would not check it.
SCHEMAS = [
    ({"type": "string", "pattern": "x"}, "pattern"),
    ({"type": "integer", "format": "int64"}, "format"),
    ({"oneOf": []}, "type None"),
    ({"type": ["string", "null"]}, "type ['string', 'null']"),
    ({"type": "string", "items": {"type": "string"}}, "items"),
    ({"nullable": True, "allOf": [{"$ref": "#/thing"}]}, "nullable beside allOf"),
    ({"$ref": "#/thing", "nullable": True}, "beside $ref"),
    ({"$ref": "#/nothing"}, "does not exist"),
    ({"type": "object", "required": ["z"], "properties": {}}, "required, but no property"),
]

DOCUMENT = '''
openapi: 3.0.3
paths:
  /v1/things/{id}:
    get:
      responses:
        "200":
          content:
            application/json:
              schema: {$ref: "#/components/schemas/Thing"}
        "204":
          description: "Nothing"
components:
  schemas:
    Thing:
      type: object
      required: [a]
      properties:
        a:
          type: integer
    ErrorBody:
      type: object
      properties:
        error:
          type: string
'''

# method, path, status, type, body, what is said
ANSWERS = [
    ("GET", "/v1/things/7?files=0", 200, "application/json", b'{"a":1}', ""),
    ("GET", "/v1/things/7", 200, "application/json; charset=utf-8", b'{"a":1}', ""),
    ("GET", "/v1/things/7", 200, "application/json", b'{"a":"1"}', "GET /v1/things/7: 200: $.a is"),
    ("GET", "/v1/things/7", 200, "text/plain", b'{"a":1}', "is of type text/plain"),
    ("GET", "/v1/things/7", 200, None, b'{"a":1}', "is of type None"),
    ("GET", "/v1/things/7", 200, "application/json", b'{"a":1', "is no JSON"),
    ("GET", "/v1/things/7", 204, None, b"", ""),
    ("GET", "/v1/things/7", 204, None, b"x", "has a body"),
    ("GET", "/v1/things/7", 202, "application/json", b"{}", "has only 200, 204"),
    ("POST", "/v1/things/7", 200, "application/json", b"{}", "no such route"),
    ("GET", "/v1/things/7/more", 200, "application/json", b"{}", "no such route"),
    ("POST", "/anything", 404, "application/json", b'{"error":"x"}', ""),
    ("POST", "/anything", 404, "application/json", b'{"fault":"x"}', "$.fault"),
]

YAML = [("a: 1\na: 2\n", "twice"), ("a:\n  - 1\n  b: 2\n", "not in the part"), ("a: 1\n  b: 2\n", "not in the part"),
        ("a b: |\n", "not in the part")]


class Checker(unittest.TestCase):
    def test_values(self):
        for schema, value, said in VALUES:
            with self.subTest(schema=schema, value=value):
                problems = []
                checker_of({"thing": INNER}, schema)(value, "$", problems)
                if said:
                    self.assertTrue(problems and said in problems[0], problems)
                else:
                    self.assertEqual(problems, [])

    def test_schemas(self):
        for schema, said in SCHEMAS:
            with self.subTest(schema=schema), self.assertRaises(DocumentError) as raised:
                checker_of({"thing": {"type": "integer"}}, schema)
            self.assertIn(said, str(raised.exception))

    def test_answers(self):
        document = ApiDocument(DOCUMENT)
        for method, path, status, kind, body, said in ANSWERS:
            with self.subTest(path=path, status=status, body=body):
                problems = document.answer_problems(method, path, status, kind, body)
                self.assertEqual(bool(problems), bool(said), problems)
                self.assertTrue(not said or said in problems[0], problems)

    def test_yaml(self):
        for text, said in YAML:
            with self.subTest(text=text), self.assertRaises(DocumentError) as raised:
                parse_yaml(text)
            self.assertIn(said, str(raised.exception))
        self.assertEqual(parse_yaml("a: [x, null, 3]\nb: true\n"), {"a": ["x", None, 3], "b": True})

    def test_events(self):
        document = ApiDocument.of_this_tree()
        self.assertEqual(document.event_problems("reset", {}), [])
        self.assertIn("no such kind", document.event_problems("job.gone", {})[0])
        self.assertIn("has no id", document.event_problems("job.state", {})[0])
        self.assertIn("has no file", document.event_problems("file.state", {"job": "a"})[0])

    def test_every_schema_of_this_tree_is_understood(self):
        document = ApiDocument.of_this_tree()
        for name in document.tree["components"]["schemas"]:
            document.schema_problems(name, {})


if __name__ == "__main__":
    unittest.main()
