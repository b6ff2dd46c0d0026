# SPDX-License-Identifier: Apache-2.0
"""Requests, answers, errors and retries, without a socket."""
import gzip
import json
import unittest
from datetime import datetime, timedelta, timezone

import gpuvigil
from gpuvigil import _http
from gpuvigil import _operations as op
from gpuvigil._core import Core, Retries, encode_query, parse_url
from gpuvigil._http import Request, Response, ResponseParser, encode_request
from gpuvigil.errors import ApiError, ConnectionFailed, ProtocolError, TimedOut


def parse(data, method="GET", chop=0):
    """The answer in these bytes, handed over `chop` at a time."""
    parser = ResponseParser(method)
    step = chop or len(data) or 1
    for at in range(0, len(data), step):
        parser.feed(data[at:at + step])
    if parser.response is None:
        parser.feed(b"")
    return parser.response


class ParserTest(unittest.TestCase):
    def test_answers_are_read_however_they_are_cut(self):
        chunked = b"Transfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nT: 1\r\n\r\n"
        for head, method, body, keep in (
                (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcde", "GET", b"abcde", True),
                (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "GET", b"", True),
                (b"HTTP/1.1 200 OK\r\n" + chunked, "GET", b"abcde", True),
                (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabcde", "GET", b"abcde", False),
                (b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na", "GET", b"a", False),
                (b"HTTP/1.1 204 No\r\n\r\n", "GET", b"", True),
                (b"HTTP/1.1 304 Same\r\nContent-Length: 9\r\n\r\n", "GET", b"", True),
                (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", "HEAD", b"", True),
                (b"HTTP/1.1 100 Go\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na", "POST",
                 b"a", True)):
            for chop in (0, 1, 7):
                with self.subTest(head=head, chop=chop):
                    response = parse(head, method, chop)
                    self.assertEqual((response.body, response.keep), (body, keep))

    def test_what_follows_is_kept(self):
        parser = ResponseParser("GET")
        parser.feed(b"HTTP/1.1 101 Yes\r\nUpgrade: websocket\r\n\r\n\x81\x00")
        self.assertEqual((parser.response.status, parser.rest), (101, b"\x81\x00"))

    def test_equal_headers_are_joined_and_names_have_no_case(self):
        response = parse(b"HTTP/1.1 204 No\r\nA: 1\r\na:2\r\n\r\n")
        self.assertEqual(response.headers, {"a": "1, 2"})

    def test_what_is_no_answer_is_an_error(self):
        for data in (b"SSH-2.0-x\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n", b"HTTP/1.1 200 OK\r\nx\r\n\r\n",
                     b"HTTP/1.1 200 OK\r\n x: 1\r\n\r\n",
                     b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
                     b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
                     b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc",
                     b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
                     b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
                     b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nx: " + b"x" * 70000):
            with self.subTest(data=data[:60]), self.assertRaises(ProtocolError):
                parse(data)

    def test_gzip_is_unpacked_and_bounded(self):
        packed = gzip.compress(b"abc")
        headers = {"content-encoding": "gzip"}
        self.assertEqual(Response(200, headers, packed).content(), b"abc")
        for body in (packed[:-4], b"abc", b""):
            with self.assertRaises(ProtocolError):
                Response(200, headers, body).content()
        most, _http.MAX_BODY = _http.MAX_BODY, 1000
        try:
            with self.assertRaises(ProtocolError):
                Response(200, headers, gzip.compress(b"a" * 2000)).content()
        finally:
            _http.MAX_BODY = most

    def test_a_request_cannot_be_split(self):
        with self.assertRaises(ValueError):
            encode_request(Request("GET", "/", (("A", "1\r\nB: 2"),)), "x")


class CoreTest(unittest.TestCase):
    def setUp(self):
        self.core = Core("http://127.0.0.1:1/base/", None, None)

    def test_queries(self):
        moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=1)))
        for query, text in (
                ({"a": None}, ""), ({"a": 1, "b": "x y&z"}, "a=1&b=x%20y%26z"),
                ({"name": ["*a*", "b"]}, "name=%2Aa%2A&name=b"), ({"device": (0, "GPU-1")},
                                                                 "device=0&device=GPU-1"),
                ({"since": moment}, "since=2026-01-02T02%3A04%3A05Z"), ({"x": True}, "x=true"),
                ({"x": []}, "")):
            self.assertEqual(encode_query(query), text)
        with self.assertRaises(ValueError):
            encode_query({"since": datetime(2026, 1, 2)})

    def test_paths_keep_their_shape(self):
        request = self.core.request(op.GET_DEVICE, path={"ref": "a/../b?c"})
        self.assertEqual(request.target, "/base/api/v1/gpu/devices/a%2F..%2Fb%3Fc")
        for ref in ("", ".", ".."):
            with self.assertRaises(ValueError):
                self.core.request(op.GET_DEVICE, path={"ref": ref})

    def test_urls(self):
        for url in ("ftp://x", "127.0.0.1:8080", "http://", "http://a:b@c", "http://a/?t=1", ""):
            with self.subTest(url=url), self.assertRaises(ValueError):
                parse_url(url, None)
        self.assertEqual(parse_url("https://[::1]", None).port, 443)
        self.assertEqual(parse_url("http://[::1]:8080", None).authority, "[::1]:8080")

    def test_the_token_goes_into_its_header_and_nowhere_else(self):
        core = Core("http://127.0.0.1:1", "gpuvigil_abc", None)
        request = core.request(op.GET_STATUS)
        self.assertIn(("Authorization", "Bearer gpuvigil_abc"), request.headers)
        self.assertNotIn("gpuvigil_abc", request.target)
        self.assertNotIn("gpuvigil_abc", repr(gpuvigil.Client(token="gpuvigil_abc")))
        for token in ("a b", "a\r\nb", "a,b"):
            with self.assertRaises(ValueError):
                Core(None, token, None)

    def test_an_etag_is_asked_with_and_304_gives_the_same(self):
        request = self.core.request(op.GET_STATUS)
        answer = Response(200, {"etag": 'W/"1"', "content-type": "application/json"}, b'{"a":[]}')
        first = self.core.answer(op.GET_STATUS, request, answer)
        first["a"].append("the caller's own")
        again = self.core.request(op.GET_STATUS)
        self.assertIn(("If-None-Match", 'W/"1"'), again.headers)
        self.assertEqual(self.core.answer(op.GET_STATUS, again, Response(304)), {"a": []})
        with self.assertRaises(ProtocolError):
            self.core.answer(op.GET_STATUS, request, Response(304))

    def test_few_answers_are_kept(self):
        for number in range(100):
            request = self.core.request(op.GET_KERNELS, query={"offset": number})
            self.core.answer(op.GET_KERNELS, request, Response(200, {"etag": "1"}, b"{}"))
        self.assertEqual(len(self.core.cache._kept), 32)
        large = Response(200, {"etag": "1"}, b'"' + b"x" * 300_000 + b'"')
        self.core.answer(op.GET_KERNELS, request, large)
        self.assertIsNone(self.core.cache.known(request.target))

    def test_a_problem_becomes_its_error(self):
        problem = {"type": "about:blank", "title": "Bad Request", "status": 400, "detail": "no",
                   "errors": [{"parameter": "limit", "reason": "is too large"}]}
        for status, kind in ((400, gpuvigil.BadRequest), (401, gpuvigil.Unauthorized),
                             (403, gpuvigil.Forbidden), (404, gpuvigil.NotFound),
                             (429, gpuvigil.TooManyRequests), (503, gpuvigil.Unavailable),
                             (418, ApiError), (302, ApiError)):
            headers = {"x-request-id": "r1", "retry-after": "3"}
            with self.assertRaises(kind) as caught:
                self.core.answer(op.GET_STATUS, self.core.request(op.GET_STATUS),
                                 Response(status, headers, json.dumps(problem).encode()))
            error = caught.exception
            self.assertEqual((error.status, error.title, error.detail, error.errors),
                             (status, "Bad Request", "no", problem["errors"]))
            self.assertEqual((error.request_id, error.retry_after), ("r1", 3.0))
            self.assertIn("limit: is too large", str(error))

    def test_an_error_of_a_stranger_is_one_too(self):
        for body in (b"<html>", b"[]", b'{"errors":3,"title":null}', b""):
            with self.assertRaises(gpuvigil.Unavailable):
                self.core.answer(op.GET_STATUS, self.core.request(op.GET_STATUS),
                                 Response(503, {"retry-after": "Mon, 1 Jan"}, body))

    def test_an_answer_that_is_no_json_is_an_error(self):
        with self.assertRaises(ProtocolError):
            self.core.answer(op.GET_STATUS, self.core.request(op.GET_STATUS),
                             Response(200, {"content-type": "text/html"}, b"<html>"))

    def test_a_body_is_json_without_nan(self):
        request = self.core.request(op.POST_EXECUTIONS, body={"executions": []})
        self.assertEqual(request.body, b'{"executions":[]}')
        with self.assertRaises(ValueError):
            self.core.request(op.POST_EXECUTIONS, body={"x": float("nan")})
        self.assertEqual(self.core.request(op.OPEN_SESSION).body, b"")


class RetriesTest(unittest.TestCase):
    def tries(self, method, error, most=2, left=60.0):
        """How often a call is made in all."""
        retries, count = Retries(method, most), 1
        while True:
            try:
                retries.wait(error, left)
            except type(error) as raised:
                self.assertIs(raised, error)
                return count
            count += 1

    def test_only_what_cannot_happen_twice_is_tried_again(self):
        lost, never = ConnectionFailed("x", sent=True), ConnectionFailed("x", sent=False)
        busy, draining = ApiError(503, "x", retry_after=1), ApiError(503, "x")
        for method, error, times in (
                ("GET", lost, 3), ("POST", lost, 1), ("DELETE", lost, 1),
                ("GET", never, 3), ("POST", never, 3),
                ("GET", busy, 3), ("POST", busy, 3), ("GET", draining, 1), ("POST", draining, 1),
                ("GET", ApiError(429, "x", retry_after=1), 3), ("POST", ApiError(502, "x"), 1),
                ("GET", ApiError(502, "x"), 3), ("GET", ApiError(500, "x"), 1),
                ("GET", ApiError(400, "x"), 1), ("GET", TimedOut("x", sent=True), 1)):
            with self.subTest(method=method, error=error):
                self.assertEqual(self.tries(method, error), times)

    def test_nobody_waits_longer_than_the_caller_gave(self):
        self.assertEqual(self.tries("GET", ApiError(429, "x", retry_after=60), left=10), 1)

    def test_pauses_grow(self):
        retries = Retries("GET", 5)
        pauses = [retries.wait(ConnectionFailed("x", sent=False), 60) for _ in range(5)]
        self.assertLess(pauses[0], 0.2)
        self.assertGreater(pauses[4], 0.7)
