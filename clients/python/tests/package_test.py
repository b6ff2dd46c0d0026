# SPDX-License-Identifier: Apache-2.0
"""The package as people install it: offline, with its types, the same bytes each time."""
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
import zipfile

from harness import ROOT

HERE = ROOT / "clients/python"
USES = '''
import gpuvigil
from gpuvigil.types import Status

def main(client: gpuvigil.Client) -> float:
    status: Status = client.status(device=[0, "GPU-1"])
    text: str = client.report(format="text")
    for message in client.stream():
        if message["type"] == "gap":
            return float(message["before_seq"])
        if message["type"] == "alert":
            print(message["alert"]["severity"], text)
    return status["devices"][0]["gpu_utilization"] or 0.0

@gpuvigil.record_kernel("a")
def one(x: int) -> int:
    return x

@gpuvigil.record_kernel
def two(x: int) -> int:
    return x

three: int = one(1) + two(2)
'''
MISUSES = (
    ('gpuvigil.Client().kernels(sort_by="nonsense")', "sort_by"),
    ('gpuvigil.Client().status()["gpu_utilisation"]', "gpu_utilisation"),
    ('gpuvigil.Client().post_executions([{"name": "x"}])', "duration_ms"),
    ("@gpuvigil.record_kernel\ndef f(x: int) -> int:\n    return x\nf('x')", "arg-type"),
)


def run(*words, **more):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True,
                          check=False, timeout=300, **more)
    return done.returncode, done.stdout + done.stderr


class InstallTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if run(sys.executable, "-m", "pip", "--version")[0] != 0:
            raise unittest.SkipTest("pip is not installed; tools/bootstrap test installs it")

    def install(self, folder, *more, source=HERE):
        # Nobody's configuration, cache or network: proxies that answer nothing.
        environment = {**os.environ, "PIP_CONFIG_FILE": os.devnull, "PIP_NO_CACHE_DIR": "1",
                       "PIP_ROOT_USER_ACTION": "ignore", "PIP_DISABLE_PIP_VERSION_CHECK": "1",
                       "https_proxy": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9"}
        code, said = run(sys.executable, "-m", "pip", "install", "--no-index", "--target", folder,
                         *more, source, env=environment)
        self.assertEqual(code, 0, said)

    def test_it_installs_without_a_network_in_both_ways(self):
        for more in ((), ("--no-build-isolation",)):
            with self.subTest(more=more), tempfile.TemporaryDirectory() as folder:
                self.install(folder, *more)
                code, said = run(sys.executable, "-I", "-W", "error", "-c",
                                 f"import sys; sys.path.insert(0, {folder!r}); import gpuvigil; "
                                 "print(gpuvigil.__version__, gpuvigil.__file__)")
                self.assertEqual(code, 0, said)
                self.assertIn(folder, said)
                self.assertTrue((pathlib.Path(folder) / "gpuvigil/py.typed").exists())

    def test_installing_leaves_nothing_in_the_sources(self):
        with tempfile.TemporaryDirectory() as folder:
            copy = pathlib.Path(folder) / "copy"
            shutil.copytree(HERE, copy, ignore=shutil.ignore_patterns("__pycache__"))
            before = sorted(copy.rglob("*"))
            self.install(pathlib.Path(folder) / "to", source=copy)
            left = sorted(path for path in copy.rglob("*") if "__pycache__" not in path.parts)
            self.assertEqual(left, before)


class WheelTest(unittest.TestCase):
    def test_the_wheel_is_whole_and_the_same_each_time(self):
        import packing
        with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
            name = packing.build_wheel(one)
            self.assertEqual(name, f"gpuvigil-{packing.version()}-py3-none-any.whl")
            packing.build_wheel(two)
            first = (pathlib.Path(one) / name).read_bytes()
            self.assertEqual(hashlib.sha256(first).digest(),
                             hashlib.sha256((pathlib.Path(two) / name).read_bytes()).digest())
            with zipfile.ZipFile(pathlib.Path(one) / name) as wheel:
                names = set(wheel.namelist())
                record = wheel.read(f"gpuvigil-{packing.version()}.dist-info/RECORD").decode()
            modules = {f"gpuvigil/{path.name}" for path in (HERE / "gpuvigil").glob("*.py")}
            self.assertLessEqual(modules | {"gpuvigil/py.typed"}, names)
            self.assertEqual({line.split(",")[0] for line in record.splitlines()}, names)
            self.assertTrue((pathlib.Path(one) / packing.build_sdist(one)).exists())

    def test_its_version_is_the_project_s(self):
        import packing
        project = re.search(r"project\(gpuvigil\s+VERSION\s+([\d.]+)",
                            (ROOT / "CMakeLists.txt").read_text())
        self.assertEqual(packing.version(), project[1])

    def test_it_needs_the_standard_library_and_nothing_else(self):
        code, said = run(sys.executable, "-I", "-S", "-c",
                         f"import sys; sys.path.insert(0, {str(HERE)!r}); import gpuvigil")
        self.assertEqual(code, 0, said)


@unittest.skipUnless(shutil.which("mypy"), "no mypy here; tools/bootstrap test installs it")
class TypesTest(unittest.TestCase):
    def check(self, *words, folder):
        return run("mypy", "--strict", "--python-version", "3.9", "--cache-dir", folder, *words,
                   cwd=folder, env={**os.environ, "MYPYPATH": str(HERE)})

    def test_the_types_hold(self):
        with tempfile.TemporaryDirectory() as folder:
            code, said = self.check("-p", "gpuvigil", folder=folder)
            self.assertEqual(code, 0, said)
            place = pathlib.Path(folder) / "uses.py"
            place.write_text(USES)
            code, said = self.check(place, folder=folder)
            self.assertEqual(code, 0, said)
            for text, named in MISUSES:
                place.write_text("import gpuvigil\n" + text + "\n")
                code, said = self.check(place, folder=folder)
                self.assertNotEqual(code, 0, text)
                self.assertIn(named, said)
