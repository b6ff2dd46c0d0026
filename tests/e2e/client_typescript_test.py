# SPDX-License-Identifier: Apache-2.0
"""The TypeScript client: it has every operation of the contract, its README's example runs against
the real server, and its stream comes back."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

from harness import PATIENCE, ROOT, Server, run

try:
    import yaml
except ImportError:
    print("skipped: python3-yaml is not installed; tools/bootstrap test installs it")
    sys.exit(77)

CLIENT = ROOT / "build/web/client"
README = ROOT / "clients/typescript/README.md"
# Node.js 20 hides its WebSocket behind this flag; later ones still know it.
NODE = ["node", "--no-warnings", "--experimental-websocket", "--input-type=module"]

for there, what in ((shutil.which("node"), "node is not installed"),
                    ((CLIENT / "index.js").is_file(), "the client has not been built")):
    if not there:
        print(f"skipped: {what}; tools/bootstrap run test and a build bring it")
        sys.exit(77)


def node(script, *args, timeout=PATIENCE):
    """Runs a module in the folder of the repository; gives its lines."""
    done = subprocess.run([*NODE, "-", *args], input=script, capture_output=True, text=True,
                          cwd=ROOT, timeout=timeout, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


class ClientTest(unittest.TestCase):
    def test_it_has_every_operation_of_the_contract(self):
        contract = yaml.safe_load((ROOT / "api/openapi.yaml").read_text())
        wanted = {}
        for path, methods in contract["paths"].items():
            for method, operation in methods.items():
                if method in ("get", "post", "put", "patch", "delete"):
                    if "Pages" not in operation["tags"]:
                        wanted[operation["operationId"]] = [method.upper(), path]
        del wanted["openStream"]  # client.stream()
        lines = node(f"import {{ OPERATIONS }} from '{CLIENT}/index.js';"
                     "console.log(JSON.stringify(OPERATIONS))")
        self.assertEqual(json.loads(lines[0]), wanted)

    def test_each_operation_is_asked_for_by_a_method(self):
        source = (ROOT / "clients/typescript/src/client.ts").read_text()
        table = (ROOT / "clients/typescript/src/operations.ts").read_text()
        for name in re.findall(r"^  (\w+): \['", table, re.MULTILINE):
            self.assertIn(f"this.#call('{name}'", source)

    def test_the_example_of_its_readme_runs(self):
        example = re.search(r"```js\n(.*?)```", README.read_text(), re.DOTALL)[1]
        with Server("--demo") as server, tempfile.TemporaryDirectory() as folder:
            script = pathlib.Path(folder) / "example.mjs"
            script.write_text(example.replace("./build/web/client", str(CLIENT)))
            done = subprocess.run(["node", "--no-warnings", "--experimental-websocket",
                                   str(script), server.url], capture_output=True, text=True,
                                  timeout=PATIENCE, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = done.stdout.splitlines()
        self.assertEqual([line[:19] for line in lines[:4]],
                         [f"{i} gpuvigil demo GPU" for i in range(4)])
        self.assertTrue(any(line.startswith("400 limit ") for line in lines), lines)
        self.assertEqual(lines[-1], "closed")

    def test_a_token_reaches_routes_and_stream(self):
        with Server("--demo", "--auth", "token") as server:
            code, out, _ = run("token", "create", "--scope", "read")
            self.assertEqual(code, 0)
            lines = node(f"""
                import {{ GpuvigilClient, ApiProblem, Unreachable }} from '{CLIENT}/index.js';
                const [url, token] = process.argv.slice(2);
                const nobody = new GpuvigilClient({{ baseUrl: url }});
                await nobody.status().catch((e) => console.log(e instanceof ApiProblem, e.status));
                const nowhere = new GpuvigilClient({{ baseUrl: 'http://127.0.0.1:1' }});
                await nowhere.status().catch((e) => console.log(e instanceof Unreachable));
                const client = new GpuvigilClient({{ baseUrl: url, token }});
                console.log((await client.session()).scopes.join());
                const stream = client.stream({{ intervalMs: 100, devices: [1] }}, {{
                  metrics(message) {{
                    console.log(message.devices.map((d) => d.index).join());
                    if (message.devices.length === 1) stream.close();
                  }} }});""", server.url, out.split()[0])
        self.assertEqual(lines[:3], ["true 401", "true", "read"])
        self.assertEqual(lines[-1], "1")  # narrowed by its subscription

    def test_the_stream_comes_back_when_the_server_does(self):
        script = f"""
            import {{ GpuvigilClient }} from '{CLIENT}/index.js';
            let breaks = 0;
            const client = new GpuvigilClient({{ baseUrl: process.argv[2] }});
            const stream = client.stream({{}}, {{
              metrics() {{
                if (breaks === 0) console.log('first');
                if (breaks > 0) {{ console.log('again'); stream.close(); }}
              }},
              state(state) {{
                if (state.name === 'waiting') breaks += 1;
              }} }});"""
        server = Server("--demo")
        listen = f"127.0.0.1:{server.port}"
        process = subprocess.Popen([*NODE, "-", server.url], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, text=True, cwd=ROOT,
                                   env={**os.environ})
        try:
            process.stdin.write(script)
            process.stdin.close()
            self.assertEqual(process.stdout.readline(), "first\n")
            server.stop()
            with Server("--demo", listen=listen):
                rest = process.stdout.read().split()
            self.assertEqual(rest[-1], "again")
            self.assertEqual(process.wait(timeout=PATIENCE), 0)
        finally:
            process.kill()
            process.wait()
            process.stdout.close()
            server.__exit__()


if __name__ == "__main__":
    unittest.main(verbosity=2)
