# SPDX-License-Identifier: Apache-2.0
"""Every answer of every route, errors too, against api/openapi.yaml: nothing missing, nothing that
is not written there."""
import copy
import json
import sys
import unittest

from harness import ROOT, Server, Stream, wait_for

try:
    import jsonschema
    import yaml
except ImportError as missing:  # tools/bootstrap test installs both
    print(f"skipped: {missing.name} is not installed; tools/bootstrap test installs it")
    sys.exit(77)


def closed(schema):
    """The schema with every object closed, so that an unlisted field is an error."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    out = {key: closed(value) for key, value in schema.items()}
    if "properties" in out and "additionalProperties" not in out and "allOf" not in out:
        out["additionalProperties"] = False
    return out


def whole(schemas, name):
    """The schema of that name, with what it is made of in one: closed objects need it so."""
    required, properties = [], {}
    for part in schemas[name]["allOf"]:
        if "$ref" in part:
            base = part["$ref"].rsplit("/", 1)[1]
            part = whole(schemas, base) if "allOf" in schemas[base] else schemas[base]
        required += part["required"]
        properties |= part["properties"]
    return {"type": "object", "required": required, "properties": properties}


def flattened(spec):
    spec = copy.deepcopy(spec)
    schemas = spec["components"]["schemas"]
    for name in [name for name, schema in schemas.items() if "allOf" in schema]:
        schemas[name] = whole(schemas, name)
    return spec


SPEC = flattened(yaml.safe_load((ROOT / "api/openapi.yaml").read_text()))
COMPONENTS = closed(SPEC["components"])


def check(value, name):
    schema = {"$ref": f"#/components/schemas/{name}", "components": COMPONENTS}
    jsonschema.Draft202012Validator(schema).validate(value)


class ContractTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server("--demo")
        wait_for(lambda: cls.server.json("/api/v1/gpu/kernels")["kernels"], "kernels")

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__()

    def test_answers_have_their_schema(self):
        for path, query, name in (
                ("/api/v1/gpu/status", {}, "Status"),
                ("/api/v1/gpu/status", {"device": 1}, "Status"),
                ("/api/v1/gpu/kernels", {}, "Kernels"),
                ("/api/v1/gpu/kernels", {"kind": "all", "limit": 1000}, "Kernels"),
                ("/api/v1/gpu/kernels", {"since": "1m", "device": [0, 1]}, "Kernels"),
                ("/api/v1/gpu/kernels", {"device": [0, 1], "sort_by": "p99_time"}, "Kernels"),
                ("/api/v1/gpu/kernels", {"pid": 1}, "Kernels"),
                ("/api/v1/gpu/history", {"metric": "power"}, "History"),
                ("/api/v1/gpu/history", {"metric": "power", "device": 0, "trend": "true"},
                 "History"),
                ("/api/v1/gpu/devices", {}, "Devices"),
                ("/api/v1/gpu/devices/1", {}, "DeviceDetail"),
                ("/api/v1/gpu/processes", {"sort_by": "pid", "user": "root"}, "Processes"),
                ("/api/v1/gpu/topology", {}, "Topology"),
                ("/api/v1/gpu/events", {"severity": "warning", "since": "1h"}, "Events"),
                ("/api/v1/gpu/alerts", {"state": "all"}, "Alerts"),
                ("/api/v1/gpu/report", {}, "Report"),
                ("/api/v1/session", {}, "Session"),
                ("/api/v1/system", {}, "System")):
            with self.subTest(path=path, query=query):
                check(self.server.json(path, **query), name)

    def test_every_kernel_in_full_has_its_schema(self):
        for row in self.server.json("/api/v1/gpu/kernels", kind="all", limit=1000)["kernels"]:
            check(self.server.json(f"/api/v1/gpu/kernels/{row['id']}"), "KernelDetail")

    def test_every_error_is_a_problem(self):
        for path, query, status in (("/nope", {}, 404), ("/api/v1/gpu/kernels/zz", {}, 400),
                                    ("/api/v1/gpu/kernels", {"x": 1}, 400),
                                    ("/api/v1/gpu/stream", {}, 426)):
            got, headers, body = self.server.get(path, **query)
            self.assertEqual(got, status)
            self.assertEqual(headers["Content-Type"], "application/problem+json")
            check(json.loads(body), "Problem")

    def test_documented_statuses_are_all_there_are(self):
        for path, operations in SPEC["paths"].items():
            if "get" not in operations:
                continue
            real = path.replace("{id}", "0123456789abcdef")
            for query in ({}, {"nonsense": "1"}):
                status, _, _ = self.server.get(real, **query)
                self.assertIn(str(status), operations["get"]["responses"], (real, query))

    def test_every_documented_parameter_is_known(self):
        samples = {"string": "x", "integer": 1, "array": "0"}
        for path, operations in SPEC["paths"].items():
            for parameter in operations.get("get", {}).get("parameters", []):
                if "$ref" in parameter:
                    parameter = SPEC["components"]["parameters"][parameter["$ref"].split("/")[-1]]
                if parameter["in"] != "query" or path.endswith("stream"):
                    continue
                schema = parameter["schema"]
                value = schema.get("enum", [samples[schema["type"]]])[0]
                status, _, body = self.server.get(path, **{parameter["name"]: value})
                if status != 200:
                    self.assertNotIn("unknown parameter", body)

    def test_stream_messages_have_their_schema(self):
        stream = Stream(self.server, "?interval_ms=100&recent=100")
        for _ in range(3):
            check(stream.message(), "StreamMetrics")
        stream.close()

    def test_a_recording_without_a_driver_keeps_the_schema(self):
        # Nulls and reasons everywhere: the readings that a recording does not hold.
        import tempfile
        event = {"ph": "X", "cat": "kernel", "name": "k", "ts": 1, "dur": 2, "args": {"device": 0}}
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump({"traceEvents": [event]}, file)
            file.flush()
            with Server("--replay", file.name) as server:
                wait_for(lambda: server.json("/api/v1/gpu/kernels")["kernels"], "the kernel")
                status = server.json("/api/v1/gpu/status")
                check(status, "Status")
                self.assertIsNone(status["devices"][0]["power_watts"])
                check(server.json("/api/v1/gpu/report"), "Report")


if __name__ == "__main__":
    unittest.main(verbosity=2)
