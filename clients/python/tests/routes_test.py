# SPDX-License-Identifier: Apache-2.0
"""Every route of the contract has its method in both clients, as the contract is now."""
import ast
import inspect
import json
import subprocess
import sys
import unittest

import gpuvigil

from harness import ROOT, Server

HERE = ROOT / "clients/python"
sys.path.insert(0, str(HERE))
import generate  # noqa: E402  (needs the path)

VERBS = ("get", "head", "post", "put", "patch", "delete")


def lacking(contract):
    """A line for each operation that a client has no method for, with what to do about it."""
    for path, item in contract["paths"].items():
        for verb, spec in item.items():
            if verb not in VERBS:
                continue
            name = generate.method_name(spec["operationId"])
            for client in (gpuvigil.Client, gpuvigil.AsyncClient):
                if not callable(getattr(client, name, None)):
                    yield (f"{verb.upper()} {path} ({spec['operationId']}) has no "
                           f"{client.__name__}.{name}(): run clients/python/generate.py")


class RoutesTest(unittest.TestCase):
    def test_both_clients_have_a_method_for_each_operation_that_the_server_tells(self):
        with Server("--demo") as server:
            contract = server.json("/api/v1/openapi.json")
        self.assertEqual(list(lacking(contract)), [])

    def test_an_operation_without_a_method_is_named(self):
        contract = {"paths": {"/x": {"post": {"operationId": "postNothing"}, "parameters": []}}}
        self.assertEqual(list(lacking(contract)), [
            "POST /x (postNothing) has no Client.post_nothing(): run clients/python/generate.py",
            "POST /x (postNothing) has no AsyncClient.post_nothing(): "
            "run clients/python/generate.py"])

    def test_generated_files_are_what_follows_from_the_contract(self):
        done = subprocess.run([sys.executable, str(HERE / "generate.py"), "--check"],
                              capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stdout), (0, ""), done.stderr)

    def test_both_clients_take_the_same_parameters(self):
        for name, method in inspect.getmembers(gpuvigil.Client, inspect.isfunction):
            if name.startswith("_"):
                continue
            other = getattr(gpuvigil.AsyncClient, name)
            self.assertEqual(list(inspect.signature(method).parameters),
                             list(inspect.signature(other).parameters), name)


class SourcesTest(unittest.TestCase):
    def test_sources_are_python_3_9(self):
        for path in sorted((HERE / "gpuvigil").glob("*.py")) + [HERE / "packing.py"]:
            ast.parse(path.read_text(), str(path), feature_version=(3, 9))

    def test_a_contract_of_other_shapes_makes_python_too(self):
        # What routes to come may bring: bodies, words of Python, an id in the middle of a path.
        contract = json.loads(json.dumps({
            "components": {"schemas": {"Rule": {
                "type": "object", "required": ["id", "from"],
                "properties": {"id": {"type": "string"}, "from": {"type": "number"}}}}},
            "paths": {
                "/rules/{id}/{from}": {"put": {
                    "operationId": "putRule", "summary": "A rule",
                    "parameters": [{"name": "id", "in": "path", "schema": {"type": "string"}},
                                   {"name": "from", "in": "path", "schema": {"type": "string"}}],
                    "requestBody": {"required": True, "content": {"application/json": {
                        "schema": {"$ref": "#/components/schemas/Rule"}}}},
                    "responses": {"200": {"content": {"application/json": {"schema": {
                        "type": "object", "properties": {"ok": {"type": "boolean"}}}}}}}}},
                "/history": {"get": {
                    "operationId": "getHistory", "summary": "History",
                    "parameters": [{"name": "from", "in": "query", "schema": {"type": "string"}},
                                   {"name": "metric", "in": "query", "required": True,
                                    "schema": {"type": "array", "items": {"type": "string"}}}],
                    "responses": {"204": {"description": "nothing"}}}}}}))
        files = generate.files(contract)
        for name, text in files.items():
            ast.parse(text, name, feature_version=(3, 9))
        self.assertIn("def put_rule(self, id: str, from_: str, body: types.Rule)",
                      files["_sync_methods.py"])
        self.assertIn('path={"id": id, "from": from_}', files["_sync_methods.py"])
        self.assertIn("metric: Many[str]", files["_async_methods.py"])
        self.assertIn("-> None", files["_async_methods.py"])
