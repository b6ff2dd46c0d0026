# SPDX-License-Identifier: Apache-2.0
"""Both clients against the real server: answers, errors, tokens, TLS, the stream and its ends."""
import asyncio
import gc
import os
import pathlib
import socket
import subprocess
import tempfile
import threading
import time
import unittest

import gpuvigil
from gpuvigil.client import Stream

from harness import PATIENCE, Server, run, wait_for


def token(*scopes):
    """A new token with these scopes."""
    words = [word for scope in scopes for word in ("--scope", scope)]
    code, out, errors = run("token", "create", *words)
    assert code == 0, errors
    return out.split()[-1]


def next_metrics(stream):
    return next(one for one in stream if one["type"] == "gpu_metrics")


async def each(client):
    """What both clients are asked, in one place; gives what the answers are checked by."""
    return {
        "status": await client.status(),
        "one": await client.status(device=[0, 1]),
        "kernels": await client.kernels(sort_by="total_time", limit=3, name=["*nccl*", "*gemm*"]),
        "alerts": await client.alerts(state="all"),
        "report": await client.report(),
        "text": await client.report(format="text"),
        "html": await client.report(format="html"),
        "version": await client.version(),
        "health": await client.health(),
        "ready": await client.readiness(),
        "page": await client.page(),
        "system": await client.system(),
        "session": await client.session(),
        "contract": await client.contract(),
        "accepted": await client.post_executions([{"name": "conv2d", "duration_ms": 0.5}]),
        "samples": await client.post_samples([{"device": 60, "gpu_utilization": 5}]),
        "closed": await client.close_session(),
    }


class Awaited:
    """A synchronous client that can be awaited, so that both are asked the same."""

    def __init__(self, client):
        self._client = client

    def __getattr__(self, name):
        async def call(*args, **keywords):
            return getattr(self._client, name)(*args, **keywords)
        return call


class AnswersTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server("--demo", "--auth", "off")
        wait_for(lambda: len(cls.server.json(
            "/api/v1/gpu/kernels", name=["*nccl*", "*gemm*"])["kernels"]) >= 3, "kernels")

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__()

    def check(self, answers):
        self.assertGreaterEqual(len(answers["status"]["devices"]), 4)
        self.assertEqual([one["index"] for one in answers["one"]["devices"]], [0, 1])
        self.assertEqual(len(answers["kernels"]["kernels"]), 3)
        self.assertIn("summary", answers["report"])
        self.assertTrue(answers["text"].startswith("gpuvigil report"))
        self.assertIn("<html", answers["html"])
        self.assertEqual(answers["version"]["name"], "gpuvigil")
        self.assertEqual((answers["health"].strip(), answers["closed"]), ("ok", None))
        self.assertIn("openapi", answers["contract"])
        self.assertEqual(answers["accepted"], {"accepted": 1})
        self.assertEqual(answers["samples"], {"accepted": 1})

    def test_the_synchronous_client_is_answered(self):
        with gpuvigil.Client(self.server.url) as client:
            self.check(asyncio.run(each(Awaited(client))))

    def test_the_asynchronous_client_is_answered_without_a_thread(self):
        threads = []

        async def ask():
            async with gpuvigil.AsyncClient(self.server.url) as client:
                answers = await each(client)
                threads.extend(threading.enumerate())
                return answers

        before = threading.active_count()
        self.check(asyncio.run(ask()))
        self.assertEqual(len(threads), before)

    def test_wrong_parameters_are_named(self):
        with gpuvigil.Client(self.server.url) as client:
            with self.assertRaises(gpuvigil.BadRequest) as caught:
                client.kernels(limit=0, kind="nonsense")
            self.assertEqual({one["parameter"] for one in caught.exception.errors},
                             {"limit", "kind"})
            with self.assertRaises(gpuvigil.NotFound):
                client.kernel("0123456789abcdef")
            with self.assertRaises(gpuvigil.BadRequest) as caught:
                client.post_executions([{"name": "x", "duration_ms": -1}])
            self.assertIn("executions[0].duration_ms", str(caught.exception))

    def test_equal_answers_are_not_sent_twice(self):
        with gpuvigil.Client(self.server.url) as client:
            asked = []
            keep = client._core.answer
            client._core.answer = lambda *of: (asked.append(of[2].status), keep(*of))[1]

            def twice():
                asked.clear()
                first, second = client.kernels(limit=1000), client.kernels(limit=1000)
                return first == second and asked[-1] == 304
            wait_for(twice, "two answers from one frame")

    def test_connections_are_kept_and_replaced(self):
        with gpuvigil.Client(self.server.url) as client:
            client.status()
            kept = client._idle[0]
            client.status()
            self.assertIs(client._idle[0], kept)
            kept.socket.shutdown(socket.SHUT_RDWR)  # as when the server closes one that waits
            client.status()
            self.assertIsNot(client._idle[0], kept)

    def test_a_post_takes_no_connection_that_waits(self):
        # The server may close it at that moment, and nobody would know whether it was heard.
        with gpuvigil.Client(self.server.url) as client:
            client.status()
            client.post_executions([{"name": "x", "duration_ms": 1}])
            self.assertEqual(len(client._idle), 2)

    def test_a_child_of_fork_has_connections_of_its_own(self):
        client = gpuvigil.Client(self.server.url)
        client.status()
        mine = client._idle[0]
        child = os.fork()
        if child == 0:
            os._exit(0 if client.status()["seq"] and mine not in client._idle else 1)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), 0)
        self.assertGreater(client.status()["seq"], 0)
        client.close()

    def test_many_threads_share_a_client(self):
        with gpuvigil.Client(self.server.url) as client:
            failures = []

            def ask():
                try:
                    for _ in range(20):
                        client.status()
                        client.kernels(limit=5)
                except Exception as error:
                    failures.append(error)
            threads = [threading.Thread(target=ask) for _ in range(8)]
            for one in threads:
                one.start()
            for one in threads:
                one.join()
            self.assertEqual(failures, [])
            self.assertLessEqual(len(client._idle), 4)

    def test_the_stream_gives_what_was_asked_for(self):
        with gpuvigil.Client(self.server.url) as client:
            with client.stream(interval_ms=100, recent=3, kernels="*nccl*", devices=0) as stream:
                message = next_metrics(stream)
                self.assertEqual([one["index"] for one in message["devices"]], [0])
                stream.subscribe(interval_ms=200, devices=[1, 2], recent=0)
                said = next(one for one in stream if one["type"] == "subscribed")
                self.assertEqual((said["interval_ms"], said["recent"]), (200, 0))
                message = next_metrics(stream)
                self.assertEqual([one["index"] for one in message["devices"]], [1, 2])

    def test_another_thread_ends_the_stream(self):
        with gpuvigil.Client(self.server.url) as client:
            stream = client.stream(channels=["alerts"])
            threading.Timer(0.2, stream.close).start()
            began = time.monotonic()
            for _ in stream:
                pass
            self.assertLess(time.monotonic() - began, PATIENCE / 2)

    def test_a_stream_that_is_not_understood_is_refused(self):
        with gpuvigil.Client(self.server.url) as client:
            with self.assertRaises(gpuvigil.BadRequest):
                client.stream(interval_ms=1)
            with client.stream() as stream:
                stream.subscribe(interval_ms=1)
                self.assertEqual(next(one for one in stream if one["type"] == "error")["type"],
                                 "error")

    def test_the_asynchronous_stream(self):
        async def watch():
            async with gpuvigil.AsyncClient(self.server.url) as client:
                kinds = []
                async with client.stream(interval_ms=100) as stream:
                    await stream.subscribe(interval_ms=200)
                    async for message in stream:
                        kinds.append(message["type"])
                        if kinds.count("gpu_metrics") == 3:
                            break
                with self.assertRaises(gpuvigil.BadRequest):
                    await client.stream(interval_ms=1).__anext__()
                return kinds
        self.assertIn("subscribed", asyncio.run(watch()))

    def test_a_cancelled_call_leaves_nothing_open(self):
        async def ask():
            with socket.create_server(("127.0.0.1", 0)) as silent:
                url = f"http://127.0.0.1:{silent.getsockname()[1]}"
                async with gpuvigil.AsyncClient(url, timeout=PATIENCE) as client:
                    task = asyncio.create_task(client.status())
                    await asyncio.sleep(0.1)
                    task.cancel()
                    with self.assertRaises(asyncio.CancelledError):
                        await task
                    self.assertEqual(len(client._idle), 0)
        asyncio.run(ask())
        gc.collect()  # a transport that was left open would warn, and a warning is an error here


class TroubleTest(unittest.TestCase):
    def test_nobody_there(self):
        with socket.create_server(("127.0.0.1", 0)) as place:
            url = f"http://127.0.0.1:{place.getsockname()[1]}"
        with self.assertRaises(gpuvigil.ConnectionFailed) as caught:
            gpuvigil.Client(url).status()
        self.assertFalse(caught.exception.sent)
        with self.assertRaises(gpuvigil.ConnectionFailed):
            gpuvigil.Client(url).stream()
        with self.assertRaises(gpuvigil.ConnectionFailed):
            asyncio.run(gpuvigil.AsyncClient(url).status())

    def test_somebody_who_says_nothing(self):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            url = f"http://127.0.0.1:{silent.getsockname()[1]}"
            began = time.monotonic()
            with self.assertRaises(gpuvigil.TimedOut):
                gpuvigil.Client(url, timeout=0.3).status()
            with self.assertRaises(gpuvigil.TimedOut):
                asyncio.run(gpuvigil.AsyncClient(url, timeout=0.3).status())
            self.assertLess(time.monotonic() - began, PATIENCE / 2)

    def answers(self, *texts):
        """A server that says these texts, one a connection; gives (url, how many came)."""
        place = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(place.close)
        came = []

        def serve():
            for text in texts:
                connection, _ = place.accept()
                with connection:
                    came.append(connection.recv(65536))
                    connection.sendall(text)
        thread = threading.Thread(target=serve)
        thread.start()
        self.addCleanup(thread.join)
        return f"http://127.0.0.1:{place.getsockname()[1]}", came

    def test_a_post_is_not_sent_twice_where_nobody_knows_of_the_first(self):
        url, came = self.answers(b"")
        with self.assertRaises(gpuvigil.ConnectionFailed) as caught:
            gpuvigil.Client(url).post_executions([])
        self.assertTrue(caught.exception.sent)
        self.assertEqual(len(came), 1)

    def test_what_was_refused_for_now_is_sent_again(self):
        ok = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 14\r\n" \
             b"Connection: close\r\n\r\n{\"accepted\":0}"
        busy = b"HTTP/1.1 503 Busy\r\nRetry-After: 0\r\nContent-Length: 0\r\n" \
               b"Connection: close\r\n\r\n"
        url, came = self.answers(busy, ok)
        self.assertEqual(gpuvigil.Client(url).post_executions([]), {"accepted": 0})
        self.assertEqual(len(came), 2)
        url, came = self.answers(b"", ok)
        self.assertEqual(gpuvigil.Client(url).status(), {"accepted": 0})

    def test_what_is_no_server_is_an_error(self):
        url, _ = self.answers(b"220 mail\r\n\r\n", b"220 mail\r\n\r\n")
        with self.assertRaises(gpuvigil.ProtocolError):
            gpuvigil.Client(url).status()
        with self.assertRaises(gpuvigil.ProtocolError):
            gpuvigil.Client(url).stream()


class TokensTest(unittest.TestCase):
    def test_scopes(self):
        reads, ingests = token("read"), token("ingest")
        with Server("--demo", "--auth", "token") as server:
            with self.assertRaises(gpuvigil.Unauthorized), gpuvigil.Client(server.url) as client:
                client.status()
            with self.assertRaises(gpuvigil.Unauthorized):
                gpuvigil.Client(server.url).stream()
            with gpuvigil.Client(server.url, token=reads) as client:
                self.assertEqual(client.session()["by"], "token")
                with self.assertRaises(gpuvigil.Forbidden):
                    client.post_executions([{"name": "x", "duration_ms": 1}])
                with client.stream(interval_ms=100) as stream:
                    self.assertGreater(next_metrics(stream)["seq"], 0)
            with gpuvigil.Client(server.url, token=ingests) as client:
                self.assertEqual(client.post_executions([{"name": "x", "duration_ms": 1}]),
                                 {"accepted": 1})
                with self.assertRaises(gpuvigil.Forbidden):
                    client.stream()

            async def watch():
                async with gpuvigil.AsyncClient(server.url, token=reads) as client:
                    async with client.stream(interval_ms=100) as stream:
                        return await stream.__anext__()
            self.assertIn("type", asyncio.run(watch()))

    def test_a_revoked_token_ends_the_stream_for_good(self):
        with Server("--demo", "--auth", "token") as server:
            mine = token("read")
            code, listed, _ = run("token", "list")
            self.assertEqual(code, 0)
            with gpuvigil.Client(server.url, token=mine) as client:
                number = wait_for(lambda: client.session()["token_id"], "the token's id")
                with client.stream(interval_ms=100) as stream:
                    next_metrics(stream)
                    self.assertEqual(run("token", "revoke", number)[0], 0)
                    with self.assertRaises(gpuvigil.StreamClosed) as caught:
                        for _ in stream:
                            pass
                    self.assertEqual(caught.exception.code, 1008)


class ReconnectTest(unittest.TestCase):
    """A server that goes and comes again on its port."""

    def again(self, server):
        return Server("--demo", "--auth", "off", listen=f"127.0.0.1:{server.port}")

    def test_a_stream_goes_on_where_a_server_comes_again(self):
        with Server("--demo", "--auth", "off") as first:
            stream = gpuvigil.Client(first.url).stream(interval_ms=100)
            while next_metrics(stream)["seq"] < 3:
                pass
            first.stop()
            with self.again(first), stream:
                gap = next(one for one in stream if one["type"] == "gap")
                self.assertEqual(gap["reason"], "restarted")
                self.assertLess(gap["before_seq"], gap["after_seq"])
                self.assertEqual(next_metrics(stream)["seq"], gap["before_seq"])

    def test_the_asynchronous_one_too(self):
        async def watch(first):
            async with gpuvigil.AsyncClient(first.url) as client:
                async with client.stream(interval_ms=100) as stream:
                    async for message in stream:
                        if message["type"] == "gpu_metrics" and message["seq"] >= 3:
                            break
                    await asyncio.to_thread(first.stop)
                    with await asyncio.to_thread(self.again, first):
                        async for message in stream:
                            if message["type"] == "gap":
                                return message
        with Server("--demo", "--auth", "off") as first:
            self.assertEqual(asyncio.run(watch(first))["reason"], "restarted")

    def test_a_lost_connection_is_marked_by_what_was_missed(self):
        with Server("--demo", "--auth", "off") as server:
            stream = gpuvigil.Client(server.url).stream(interval_ms=100)
            seq = next_metrics(stream)["seq"]
            opened = []
            really = Stream._open

            def late(self):
                # Comes back only when frames have passed in between.
                status = gpuvigil.Client(server.url)
                wait_for(lambda: status.status()["seq"] >= seq + 3, "frames")
                status.close()
                opened.append(True)
                really(self)
            Stream._open = late
            try:
                with stream:
                    stream._wire.socket.shutdown(socket.SHUT_RDWR)
                    gap = next(one for one in stream if one["type"] == "gap")
            finally:
                Stream._open = really
            self.assertTrue(opened)
            self.assertEqual(gap["reason"], "reconnected")
            self.assertGreaterEqual(gap["missed"], 1)

    def test_without_reconnect_it_ends(self):
        with Server("--demo", "--auth", "off") as server:
            with gpuvigil.Client(server.url).stream(interval_ms=100, reconnect=False) as stream:
                next_metrics(stream)
                server.stop()
                with self.assertRaises(gpuvigil.StreamClosed) as caught:
                    for _ in stream:
                        pass
                self.assertEqual(caught.exception.code, 1001)


class TlsTest(unittest.TestCase):
    def test_a_certificate_is_trusted_where_it_is_named_and_nowhere_else(self):
        with tempfile.TemporaryDirectory() as folder:
            cert, key = pathlib.Path(folder) / "cert.pem", pathlib.Path(folder) / "key.pem"
            subprocess.run(
                ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                 "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                 "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert],
                check=True, capture_output=True)
            key.chmod(0o600)
            with Server("--demo", "--auth", "off", "--tls-cert", str(cert), "--tls-key",
                        str(key)) as server:
                url = f"https://127.0.0.1:{server.port}"
                with self.assertRaises(gpuvigil.ConnectionFailed):
                    gpuvigil.Client(url).status()
                with gpuvigil.Client(url, cacert=str(cert)) as client:
                    self.assertGreater(client.status()["seq"], 0)
                    with client.stream(interval_ms=100) as stream:
                        self.assertGreater(next_metrics(stream)["seq"], 0)

                async def ask():
                    async with gpuvigil.AsyncClient(url, cacert=str(cert)) as client:
                        async with client.stream(interval_ms=100) as stream:
                            await stream.__anext__()
                        return await client.status()
                self.assertGreater(asyncio.run(ask())["seq"], 0)
