# SPDX-License-Identifier: Apache-2.0
"""Other people's clients against the running server: curl, Chromium, python3-websockets, ws of
Node. Each that is not installed is skipped loudly."""
import asyncio
import http.server
import json
import os
import shutil
import subprocess
import tempfile
import threading
import unittest

from browser import CHROMIUM, Browser
from harness import PATIENCE, Server, run, wait_for

try:
    import websockets
except ImportError:
    websockets = None

NODE_MODULES = "/usr/share/nodejs"


def token(scope):
    code, out, err = run("token", "create", "--scope", scope, "--json")
    assert code == 0, err
    return json.loads(out)["token"]


def curl(*args):
    done = subprocess.run(["curl", "-sS", "--max-time", "20", *args], capture_output=True,
                          text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


class ForeignTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server("--demo")
        wait_for(lambda: cls.server.json("/api/v1/gpu/kernels")["kernels"], "kernels")

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__()

    @unittest.skipUnless(shutil.which("curl"), "curl is not installed")
    def test_curl_reads_compresses_revalidates_and_writes(self):
        url = self.server.url
        plain = curl(f"{url}/api/v1/gpu/kernels?limit=30")
        packed = curl("--compressed", "-w", "\n%{size_download}",
                      f"{url}/api/v1/gpu/kernels?limit=30")
        self.assertLess(int(packed.rsplit("\n", 1)[1]), len(plain) / 2)
        self.assertEqual(len(json.loads(packed.rsplit("\n", 1)[0])["kernels"]), 30)

        head = curl("-I", f"{url}/assets/app.js")
        tag = [line for line in head.splitlines() if line.lower().startswith("etag:")][0]
        again = curl("-o", os.devnull, "-w", "%{http_code}", "-H",
                     f"If-None-Match: {tag.split(': ', 1)[1]}", f"{url}/assets/app.js")
        self.assertEqual(again, "304")

        body = '{"executions":[{"name":"from_curl","duration_ms":0.5,"device":5}]}'
        refused = curl("-o", os.devnull, "-w", "%{http_code}", "-d", body, "-H",
                       "Content-Type: application/json", f"{url}/api/v1/gpu/executions")
        self.assertEqual(refused, "403")  # this user may read without a token, not write
        taken = curl("-d", body, "-H", "Content-Type: application/json", "-H",
                     f"Authorization: Bearer {token('ingest')}", f"{url}/api/v1/gpu/executions")
        self.assertEqual(json.loads(taken), {"accepted": 1})
        rows = json.loads(curl(f"{url}/api/v1/gpu/kernels?name=from_curl"))["kernels"]
        self.assertEqual([row["total_calls"] for row in rows], [1])  # visible at once

    @unittest.skipUnless(shutil.which("curl"), "curl is not installed")
    def test_a_slow_upload_with_expect_continue_is_taken(self):
        body = json.dumps({"executions": [{"name": "big" + "x" * 80, "duration_ms": 1}] * 10000})
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            file.write(body)
            file.flush()
            answer = curl("-X", "POST", "--data-binary", f"@{file.name}",
                          "-H", "Expect: 100-continue",
                          "-H", "Content-Type: application/json", "-H",
                          f"Authorization: Bearer {token('write')}",
                          f"{self.server.url}/api/v1/gpu/executions")
        self.assertEqual(json.loads(answer), {"accepted": 10000})

    @unittest.skipUnless(websockets, "python3-websockets is not installed")
    def test_python_websockets_streams_subscribes_and_closes(self):
        async def talk():
            url = self.server.url.replace("http", "ws") + "/api/v1/gpu/stream"
            bearer = {"Authorization": f"Bearer {token('read')}"}
            async with websockets.connect(url, extra_headers=bearer,
                                          subprotocols=["gpuvigil.v1"]) as stream:
                self.assertEqual(stream.subprotocol, "gpuvigil.v1")
                first = json.loads(await asyncio.wait_for(stream.recv(), PATIENCE))
                self.assertEqual(first["type"], "gpu_metrics")
                await stream.send(json.dumps({"type": "subscribe", "kernels": ["*gemm*"],
                                              "interval_ms": 100}))
                kinds = []
                while "subscribed" not in kinds:
                    message = await asyncio.wait_for(stream.recv(), PATIENCE)
                    kinds.append(json.loads(message)["type"])
                pong = await stream.ping()
                await asyncio.wait_for(pong, PATIENCE)
            self.assertEqual(stream.close_code, 1000)
        asyncio.run(talk())

    @unittest.skipUnless(shutil.which("node") and os.path.isdir(NODE_MODULES + "/ws"),
                         "ws for Node (node-ws) is not installed")
    def test_ws_of_node_streams_and_closes(self):
        script = """
            const {WebSocket} = require('ws');
            const socket = new WebSocket(process.argv[1],
                ['gpuvigil.v1', 'gpuvigil.bearer.' + process.argv[2]]);
            let messages = 0;
            socket.on('message', (data) => {
              const message = JSON.parse(data);
              if (message.type === 'gpu_metrics' && ++messages === 3) socket.close(1000);
            });
            socket.on('close', (code) => console.log(socket.protocol, messages, code));
            socket.on('error', (error) => console.log(String(error)));
        """
        url = self.server.url.replace("http", "ws") + "/api/v1/gpu/stream?interval_ms=100"
        done = subprocess.run(["node", "-e", script, url, token("read")], capture_output=True,
                              text=True, timeout=PATIENCE, check=False,
                              env={**os.environ, "NODE_PATH": NODE_MODULES})
        self.assertEqual(done.stdout.split(), ["gpuvigil.v1", "3", "1000"], done.stderr)


ATTACK = """<!doctype html><pre id="out">nothing</pre><script>
const target = '%s';
const tries = {
  read: () => fetch('http://' + target + '/api/v1/gpu/status').then((r) => r.text()),
  blind: () => fetch('http://' + target + '/api/v1/gpu/executions',
      {method: 'POST', mode: 'no-cors', body: '{"executions":[{"name":"evil","duration_ms":1}]}'})
      .then((r) => 'status ' + r.status),
  script: () => new Promise((done, failed) => {
    const script = document.createElement('script');
    script.src = 'http://' + target + '/api/v1/gpu/status';
    script.onload = () => done('loaded');
    script.onerror = () => failed(new Error('no'));
    document.body.append(script);
  }),
  socket: () => new Promise((done, failed) => {
    const socket = new WebSocket('ws://' + target + '/api/v1/gpu/stream');
    socket.onmessage = (event) => done(event.data);
    socket.onerror = () => failed(new Error('no'));
  }),
};
(async () => {
  const out = {};
  for (const [name, attempt] of Object.entries(tries)) {
    try { out[name] = String(await attempt()).slice(0, 40); } catch { out[name] = 'refused'; }
  }
  document.getElementById('out').textContent = 'RESULT' + JSON.stringify(out) + 'END';
})();
</script>"""


@unittest.skipUnless(CHROMIUM, "Chromium is not installed")
class BrowserTest(unittest.TestCase):
    def test_the_page_is_live_and_a_token_in_the_address_logs_in(self):
        with Server("--demo") as server, Browser() as browser:
            browser.open(server.url + "/")
            browser.wait('data-state="live"', "None of these GPUs exists")  # the stream came
        with Server("--demo", "--auth", "token") as server, Browser() as browser:
            browser.open(server.url + "/")
            browser.wait("Log in to gpuvigil")  # sent there by the page itself
            browser.open(f"{server.url}/login#token={token('read')}")  # only '#…' is new
            page = browser.wait('data-state="live"')
            self.assertNotIn("gpuvigil_", page)

    def test_a_page_of_another_origin_gets_nothing(self):
        with Server("--demo") as server:
            target = f"127.0.0.1:{server.port}"

            class Page(http.server.BaseHTTPRequestHandler):
                def do_GET(self):  # the name that http.server wants
                    body = (ATTACK % target).encode()
                    self.send_response(200)
                    self.send_header("Content-Type", "text/html")
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)

                def log_message(self, *_):
                    pass

            with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page) as attacker:
                threading.Thread(target=attacker.serve_forever, daemon=True).start()
                with Browser() as browser:
                    browser.open(f"http://127.0.0.1:{attacker.server_port}/")
                    out = browser.wait('<pre id="out">RESULT').split('<pre id="out">RESULT')[1]
                attacker.shutdown()
            self.assertEqual(json.loads(out.split("END")[0]),
                             {"read": "refused", "blind": "refused", "script": "refused",
                              "socket": "refused"})
            names = [k["name"] for k in server.json("/api/v1/gpu/kernels", name="evil")["kernels"]]
            self.assertEqual(names, [])

    def test_a_name_that_is_made_to_point_here_is_refused(self):
        with Server("--demo") as server, \
                Browser("--host-resolver-rules=MAP evil.example 127.0.0.1") as browser:
            browser.open(f"http://evil.example:{server.port}/api/v1/gpu/status")
            browser.wait("does not answer to that host name")


if __name__ == "__main__":
    unittest.main(verbosity=2)
