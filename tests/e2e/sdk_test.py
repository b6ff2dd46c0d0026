#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What other programs link, include and call: installed, moved, found, built and run, with the
examples of docs/sdk.md as they are printed there."""
import asyncio
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
import urllib.request

from harness import PROGRAM, ROOT, Server, wait_for

BUILD = pathlib.Path(os.environ["GPUVIGIL_BUILD_DIR"])
FLAGS = os.environ.get("GPUVIGIL_FLAGS", "").split()  # those of a sanitized build
EXAMPLES = ["cpp/main.cc", "cpp/CMakeLists.txt", "c/main.c", "c/CMakeLists.txt", "shell/calls.sh",
            "python/calls.py", "browser/calls.js"]


def printed(example):
    """The text of an example as docs/sdk.md prints it."""
    page = (ROOT / "docs/sdk.md").read_text()
    found = re.search(rf"^\[`examples/{re.escape(example)}`\].*?^```\w+\n(.*?)^```$", page,
                      re.MULTILINE | re.DOTALL)
    assert found, f"docs/sdk.md does not print examples/{example}"
    return found[1]


def check(*command, **keywords):
    """Runs a command that must succeed; gives what it printed."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          timeout=300, check=False, **keywords)
    assert done.returncode == 0, (command, done.returncode, done.stdout, done.stderr)
    return done.stdout


class PrintedTest(unittest.TestCase):
    def test_the_page_prints_the_examples_as_they_are(self):
        for example in EXAMPLES:
            self.assertEqual(printed(example), (ROOT / "examples" / example).read_text(), example)
        tracked = {str(path.relative_to(ROOT / "examples"))
                   for path in (ROOT / "examples").rglob("*") if path.is_file()}
        self.assertEqual(tracked, set(EXAMPLES))


class InstalledTest(unittest.TestCase):
    """C and C++ against an installation that was moved after it was made."""

    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="gpuvigil."))
        check("cmake", "--install", BUILD, "--prefix", cls.folder / "staged")
        cls.prefix = cls.folder / "moved here"
        (cls.folder / "staged").rename(cls.prefix)
        cls.libraries = next(cls.prefix.rglob("libgpuvigil.so")).parent
        cls.environment = {**os.environ, "LD_LIBRARY_PATH": str(cls.libraries),
                           "PKG_CONFIG_PATH": str(cls.libraries / "pkgconfig")}

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    def source(self, example):
        """A folder that holds what the page prints, and nothing else."""
        folder = pathlib.Path(tempfile.mkdtemp(dir=self.folder))
        for name in EXAMPLES:
            if name.startswith(example + "/"):
                (folder / name.split("/")[1]).write_text(printed(name))
        return folder

    def by_cmake(self, example):
        folder = self.source(example)
        flags = " ".join(FLAGS)
        check("cmake", "-S", folder, "-B", folder / "build", f"-DCMAKE_PREFIX_PATH={self.prefix}",
              f"-DCMAKE_C_FLAGS={flags}", f"-DCMAKE_CXX_FLAGS={flags}")
        check("cmake", "--build", folder / "build")
        return folder / "build/example"

    def by_pkg_config(self, example, compiler, package):
        folder = self.source(example)
        source = next(folder.glob("main.*"))
        found = check("pkg-config", "--cflags", "--libs", package, env=self.environment)
        # A path with a space in it comes escaped, as for a shell.
        command = f'{" ".join([*compiler, *FLAGS])} "{source}" -o "{folder}/example" {found}'
        check("sh", "-c", command)
        return folder / "example"

    def expect_cpp(self, program):
        environment = {**self.environment, "PORT": "0"}
        with subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                              env=environment) as running:
            lines = []
            for line in running.stdout:
                lines.append(line.rstrip("\n"))
                if lines[-1] == "press Enter to end":
                    break
            url = lines[0].removeprefix("serving ")
            for path in ("status", "kernels", "alerts", "report"):
                with urllib.request.urlopen(f"{url}/api/v1/gpu/{path}", timeout=30) as answer:
                    self.assertEqual(answer.status, 200)
                    body = json.loads(answer.read())
                if path == "kernels":
                    self.assertEqual(body["kernels"][0]["total_calls"], 1000)
            running.communicate("\n", timeout=30)
            self.assertEqual(running.returncode, 0)
        self.assertIn("utilization 73.5 %", lines)
        self.assertRegex("\n".join(lines), r"conv2d: 1000 calls, p99 0\.31\d ms")

    def expect_c(self, program):
        path = self.folder / "sockets/agent.sock"
        environment = {**self.environment, "GPUVIGIL_SOCKET": str(path)}
        with Server("--socket", str(path)) as server:
            self.assertEqual(check(program, env=environment), "connected\n")
            def found():
                rows = server.json("/api/v1/gpu/kernels", name=["conv2d", "relu"])["kernels"]
                return [row["total_calls"] for row in rows] == [1000, 1000]
            wait_for(found, "the calls of the example")

    def test_cpp_by_cmake(self):
        self.expect_cpp(self.by_cmake("cpp"))

    def test_cpp_by_pkg_config(self):
        self.expect_cpp(self.by_pkg_config("cpp", ["c++", "-std=c++17"], "gpuvigil"))

    def test_c_by_cmake(self):
        self.expect_c(self.by_cmake("c"))

    def test_c_by_pkg_config(self):
        self.expect_c(self.by_pkg_config("c", ["cc", "-std=c11"], "gpuvigil-client"))

    def test_headers_stand_alone_in_old_standards_without_a_warning(self):
        strict = ["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion", "-Werror",
                  "-fsyntax-only"]
        include = self.prefix / "include"
        headers = sorted(path.name for path in (include / "gpuvigil").iterdir())
        self.assertEqual(headers, ["gpu_monitor.h", "gpuvigil.h", "segment.h", "server.h",
                                   "trace_ring.h"])
        for header in headers:
            text = f"#include <gpuvigil/{header}>\n"
            check("c++", "-std=c++17", *strict, "-I", include, "-x", "c++", "-", input=text)
            if header in ("gpuvigil.h", "segment.h", "trace_ring.h"):
                check("cc", "-std=c11", *strict, "-I", include, "-x", "c", "-", input=text)

    def exported(self, library):
        listed = check("nm", "-DC", "--defined-only", "--format=just-symbols",
                       self.libraries / library)
        return {line.split("@")[0] for line in listed.splitlines()}

    def test_only_what_is_promised_is_exported(self):
        strangers = [name for name in self.exported("libgpuvigil_client.so")
                     if not re.match(r"gpuvigil_[a-z_]+$|GPUVIGIL_0$", name)]
        self.assertEqual(strangers, [])
        self.assertEqual(len(self.exported("libgpuvigil_client.so")), 8)
        ours = re.compile(r"gpuvigil::(GpuMonitor|KernelHandle|Server|get_global_monitor)\b"
                          r"|GPUVIGIL_0\.1$|(__asan|__ubsan|__odr_asan)")
        strangers = [name for name in self.exported("libgpuvigil.so") if not ours.match(name)]
        self.assertEqual(strangers, [])

    def test_the_client_needs_libc_alone(self):
        needed = re.findall(r"NEEDED.*\[(.*)\]",
                            check("readelf", "-d", self.libraries / "libgpuvigil_client.so"))
        self.assertEqual([name for name in needed if not re.match(r"lib(a|ub|t)san", name)],
                         ["libc.so.6"])


class CallsTest(unittest.TestCase):
    """What asks a server over HTTP."""

    @classmethod
    def setUpClass(cls):
        cls.server = Server("--demo")
        wait_for(lambda: cls.server.json("/api/v1/gpu/kernels")["kernels"], "kernels")
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="gpuvigil."))
        path = f"{pathlib.Path(PROGRAM).parent}:{os.environ['PATH']}"
        cls.environment = {**os.environ, "GPUVIGIL_SERVER": cls.server.url, "PATH": path}

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__()
        shutil.rmtree(cls.folder)

    def written(self, example):
        path = self.folder / example.split("/")[1]
        path.write_text(printed(example))
        return path

    def test_curl(self):
        said = check("sh", self.written("shell/calls.sh"), env=self.environment)
        self.assertEqual(said.count('"type":"gpu_metrics"'), 2, said)
        for word in ('"devices":', '"kernels":', '"active_alerts":', "kernels"):
            self.assertIn(word, said)

    def test_python(self):
        said = check("/usr/bin/python3", self.written("python/calls.py"), env=self.environment)
        lines = said.splitlines()
        self.assertRegex(lines[0], r"^GPU 0: \d+ %$")
        self.assertRegex(lines[-1], r"^20\d\d-.*Z \d+")
        self.assertRegex(said, r"\d+ alerts fire")

    def test_browser(self):
        chromium = shutil.which("chromium")
        if chromium is None:
            print("SKIPPED: the browser example did not run: there is no chromium",
                  file=sys.stderr)
            self.skipTest("no chromium")
        said = asyncio.run(self.console_of_a_browser(chromium, printed("browser/calls.js")))
        self.assertRegex(said[0], r"^GPU 0: \d+ %$")
        self.assertRegex(said[-1], r"^20\d\d-.*Z \d+")
        self.assertIn("alerts fire", "\n".join(said))

    async def console_of_a_browser(self, chromium, script):
        """Runs a script in the console of the server's page; gives what it logged."""
        import websockets
        profile = self.folder / "profile"
        with subprocess.Popen([chromium, "--headless=new", "--no-sandbox", "--disable-gpu",
                               "--remote-debugging-port=0", f"--user-data-dir={profile}",
                               self.server.url + "/"],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as browser:
            try:
                told = profile / "DevToolsActivePort"
                wait_for(lambda: told.exists() and len(told.read_text().splitlines()) == 2,
                         "the browser")
                port = told.read_text().splitlines()[0]
                page = wait_for(lambda: self.page_of(port), "the page")
                async with websockets.connect(page, max_size=None) as tab:
                    return await self.evaluate(tab, script)
            finally:
                browser.kill()

    def page_of(self, port):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list", timeout=30) as answer:
            for tab in json.loads(answer.read()):
                if tab["type"] == "page" and tab["url"].startswith(self.server.url):
                    return tab["webSocketDebuggerUrl"]
        return None

    @staticmethod
    async def evaluate(tab, script):
        """Evaluates a script once the page is there; gives what it logged."""
        logged = []

        async def call(number, method, **parameters):
            await tab.send(json.dumps({"id": number, "method": method, "params": parameters}))
            while True:
                message = json.loads(await asyncio.wait_for(tab.recv(), 60))
                if message.get("method") == "Runtime.consoleAPICalled":
                    words = message["params"]["args"]
                    logged.append(" ".join(str(word.get("value", "")) for word in words))
                if message.get("id") == number:
                    assert "exceptionDetails" not in message["result"], message["result"]
                    return message["result"]

        await call(1, "Runtime.enable")
        ready = "location.host !== '' && document.readyState === 'complete'"
        for number in range(2, 1000):
            said = await call(number, "Runtime.evaluate", expression=ready)
            if said["result"]["value"]:
                break
            await asyncio.sleep(0.05)
        logged.clear()
        await call(1000, "Runtime.evaluate", expression=script, replMode=True, awaitPromise=True)
        return logged


if __name__ == "__main__":
    unittest.main()
