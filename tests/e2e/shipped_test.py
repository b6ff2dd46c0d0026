# SPDX-License-Identifier: Apache-2.0
"""What deploy/ holds for Prometheus and Grafana: rules that promtool and vmalert take, with their
unit tests, and no question for a metric that there is not."""
import json
import re
import shutil
import subprocess
import tempfile
import unittest

from harness import ROOT

RULES = ROOT / "deploy/prometheus"
DASHBOARDS = sorted((ROOT / "deploy/grafana").glob("*.json"))
NAME = re.compile(r"\bgpuvigil_[a-z0-9_]+")
# docs/metrics.md is held to the program by a test of its own (MetricsPage).
KNOWN = set(re.findall(r"^\| `(gpuvigil_[a-z0-9_]+)`", (ROOT / "docs/metrics.md").read_text(),
                       re.MULTILINE))
RECORDED = re.compile(r"[a-z]+:gpuvigil_[a-z0-9_]+:[a-z0-9_]+")


def expressions(node):
    """Every "expr" and "query" in a dashboard."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key in ("expr", "query") and isinstance(value, str):
                yield value
            yield from expressions(value)
    elif isinstance(node, list):
        for value in node:
            yield from expressions(value)


def run(*command, cwd=RULES):
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=60)
    return done.returncode, done.stdout + done.stderr


class ShippedTest(unittest.TestCase):
    def expect_known(self, text, where):
        for name in NAME.findall(RECORDED.sub("", text)):
            self.assertIn(name, KNOWN, where)

    def test_rules_ask_for_metrics_that_there_are(self):
        for file in ("rules.yml", "alerts.yml", "tests.yml"):
            self.expect_known((RULES / file).read_text(), file)

    def test_dashboards_ask_for_metrics_that_there_are(self):
        self.assertTrue(DASHBOARDS)
        for file in DASHBOARDS:
            board = json.loads(file.read_text())
            self.assertGreaterEqual(board["schemaVersion"], 39)
            ids = [panel["id"] for panel in board["panels"]]
            self.assertEqual(len(ids), len(set(ids)))
            asked = list(expressions(board))
            self.assertGreater(len(asked), 10)
            for text in asked:
                self.expect_known(text, f"{file.name}: {text}")

    @unittest.skipUnless(shutil.which("promtool"), "promtool is not installed")
    def test_promtool_takes_the_rules_and_their_tests_pass(self):
        code, said = run("promtool", "check", "rules", "rules.yml", "alerts.yml")
        self.assertEqual(code, 0, said)
        code, said = run("promtool", "test", "rules", "tests.yml")
        self.assertEqual(code, 0, said)

    @unittest.skipUnless(shutil.which("promtool"), "promtool is not installed")
    def test_promtool_takes_every_question_of_a_dashboard(self):
        for file in DASHBOARDS:
            asked = [text for text in expressions(json.loads(file.read_text()))
                     if NAME.search(text) and not text.startswith("label_values")]
            rules = {"groups": [{"name": "dashboard", "rules": [
                {"record": f"question_{i}", "expr": text.replace("$__rate_interval", "5m")}
                for i, text in enumerate(asked)]}]}
            with tempfile.NamedTemporaryFile("w", suffix=".json") as out:
                json.dump(rules, out)  # JSON is YAML
                out.flush()
                code, said = run("promtool", "check", "rules", "--lint=none", out.name)
            self.assertEqual(code, 0, said)

    @unittest.skipUnless(shutil.which("vmalert"), "victoria-metrics is not installed")
    def test_vmalert_takes_the_rules(self):
        code, said = run("vmalert", "-dryRun", "-rule=rules.yml", "-rule=alerts.yml")
        self.assertEqual(code, 0, said)


if __name__ == "__main__":
    unittest.main(verbosity=2)
