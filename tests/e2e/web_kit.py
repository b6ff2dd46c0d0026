# SPDX-License-Identifier: Apache-2.0
"""What tests of the dashboard share: where it was built, a browser, ways to tell a server."""
import json
import pathlib
import shutil
import sys
import urllib.request

from harness import ROOT, run

TREE = ROOT / "build/web/tree"
CHROMIUM = shutil.which("chromium")
SCRIPTS = pathlib.Path(__file__).resolve().parent / "web"

for there, what in ((CHROMIUM, "chromium is not installed"),
                    (shutil.which("node"), "node is not installed"),
                    ((TREE / "web/node_modules/playwright-core").is_dir(),
                     f"the dashboard has not been built into {TREE.relative_to(ROOT)}")):
    if not there:
        print(f"skipped: {what}; tools/bootstrap run test and a build bring it")
        sys.exit(77)


def token(scope):
    code, out, errors = run("token", "create", "--scope", scope)
    assert code == 0, errors
    return out.split()[0]


def post(server, path, body, bearer):
    request = urllib.request.Request(server.url + path, json.dumps(body).encode(), {
        "Content-Type": "application/json", "Authorization": f"Bearer {bearer}"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.loads(answer.read())
