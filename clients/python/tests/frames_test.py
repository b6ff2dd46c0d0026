# SPDX-License-Identifier: Apache-2.0
"""WebSocket and the stream without a socket: frames, closes, gaps, reconnecting."""
import base64
import json
import struct
import unittest

from gpuvigil import _websocket as ws
from gpuvigil._core import Core
from gpuvigil._http import Response
from gpuvigil._stream import LONGEST_PAUSE, Connection, GapWatch, Session
from gpuvigil.errors import ApiError, ConnectionFailed, ProtocolError, StreamClosed

KEY = "dGhlIHNhbXBsZSBub25jZQ=="  # the example of RFC 6455, 1.3
AGREED = {"upgrade": "websocket", "connection": "Upgrade",
          "sec-websocket-accept": "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="}


def frame(opcode, payload=b"", fin=True, rsv=0, mask=False, length=None):
    """A frame as a server sends it, or must not."""
    size = len(payload) if length is None else length
    head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
    flag = 0x80 if mask else 0
    if size < 126:
        return head + bytes([flag | size]) + payload
    if size < 65536:
        return head + bytes([flag | 126]) + struct.pack(">H", size) + payload
    return head + bytes([flag | 127]) + struct.pack(">Q", size) + payload


def read(data, chop=0, limit=ws.MAX_MESSAGE):
    reader, events = ws.FrameReader(limit), []
    step = chop or len(data)
    for at in range(0, len(data), step):
        events += reader.feed(data[at:at + step])
    return events


class FramesTest(unittest.TestCase):
    def test_texts_of_every_size_come_out_however_they_are_cut(self):
        for size in (0, 1, 125, 126, 127, 65535, 65536, 70000):
            for chop in (0, 1, 997):
                if size * (chop == 1) > 1000:
                    continue
                self.assertEqual(read(frame(ws.TEXT, b"x" * size), chop), [ws.Text("x" * size)])

    def test_fragments_are_joined_and_controls_may_stand_between(self):
        data = (frame(ws.TEXT, b"a\xc3", fin=False) + frame(ws.PING, b"p")
                + frame(ws.CONTINUATION, b"\xa4", fin=False) + frame(ws.PONG)
                + frame(ws.CONTINUATION, b"b") + frame(ws.CLOSE, b"\x03\xe9bye"))
        for chop in (0, 1):
            self.assertEqual(read(data, chop), [ws.Ping(b"p"), ws.Pong(b""), ws.Text("aäb"),
                                                ws.Close(1001, "bye")])

    def test_what_a_server_must_not_send_has_its_code(self):
        for data, code in (
                (frame(ws.TEXT, rsv=4), 1002), (frame(ws.TEXT, b"", mask=True), 1002),
                (frame(3), 1002), (frame(11), 1002), (frame(ws.PING, fin=False), 1002),
                (frame(ws.PING, b"x" * 126), 1002), (frame(ws.CONTINUATION, b"x"), 1002),
                (frame(ws.TEXT, b"x", fin=False) + frame(ws.TEXT, b"y"), 1002),
                (frame(ws.BINARY, b"x"), 1003), (frame(ws.TEXT, b"\xff"), 1007),
                (frame(ws.CLOSE, b"\x03"), 1002), (frame(ws.CLOSE, b"\x03\xec"), 1002),
                (frame(ws.CLOSE, b"\x03\xe8\xff"), 1007),
                (b"\x81\x7e\x00\x05", 1002), (b"\x81\x7f" + b"\0" * 7 + b"\x7f", 1002),
                (b"\x81\x7f\x40" + b"\0" * 7, 1009)):
            with self.subTest(data=data[:20]), self.assertRaises(ws.FrameError) as caught:
                read(data)
            self.assertEqual(caught.exception.code, code)

    def test_fragments_together_are_bounded(self):
        data = frame(ws.TEXT, b"x" * 60, fin=False) + frame(ws.CONTINUATION, b"x" * 60)
        with self.assertRaises(ws.FrameError) as caught:
            read(data, limit=100)
        self.assertEqual(caught.exception.code, 1009)

    def test_frames_of_a_client_are_masked(self):
        # RFC 6455, 5.7: a masked "Hello".
        self.assertEqual(ws.encode_frame(ws.TEXT, b"Hello", mask=bytes.fromhex("37fa213d")),
                         bytes.fromhex("818537fa213d7f9f4d5158"))
        for size in (0, 1, 3, 4, 125, 126, 65535, 65536):
            data = ws.encode_frame(ws.TEXT, bytes(i % 251 for i in range(size)))
            self.assertTrue(data[1] & 0x80)
            start = {126: 4, 127: 10}.get(data[1] & 127, 2)
            unmasked = ws.masked(data[start + 4:], data[start:start + 4])
            self.assertEqual(unmasked, bytes(i % 251 for i in range(size)))


class HandshakeTest(unittest.TestCase):
    def test_the_token_is_offered_as_a_subprotocol(self):
        headers = dict(ws.upgrade("/x", KEY, "gpuvigil_t", "a").headers)
        self.assertEqual(headers["Sec-WebSocket-Protocol"],
                         "gpuvigil.v1, gpuvigil.bearer.gpuvigil_t")
        self.assertNotIn("Authorization", headers)
        self.assertEqual(dict(ws.upgrade("/x", KEY, None, "a").headers)["Sec-WebSocket-Protocol"],
                         "gpuvigil.v1")
        self.assertEqual(len(base64.b64decode(ws.new_key())), 16)

    def test_an_answer_is_checked(self):
        ws.check_upgrade(Response(101, AGREED), KEY)
        ws.check_upgrade(Response(101, {**AGREED, "sec-websocket-protocol": "gpuvigil.v1"}), KEY)
        for wrong in ({"sec-websocket-accept": "x"}, {"upgrade": "h2c"}, {"connection": "close"},
                      {"sec-websocket-extensions": "permessage-deflate"},
                      {"sec-websocket-protocol": "gpuvigil.bearer.gpuvigil_t"}):
            with self.subTest(wrong=wrong), self.assertRaises(ProtocolError):
                ws.check_upgrade(Response(101, {**AGREED, **wrong}), KEY)


def metrics(seq, dropped=0):
    return {"type": "gpu_metrics", "seq": seq, "dropped": dropped}


def sent(data):
    """(opcode, payload) of the one frame in what a client sends."""
    start = {126: 4, 127: 10}.get(data[1] & 127, 2)
    return data[0] & 15, ws.masked(bytes(data[start + 4:]), bytes(data[start:start + 4]))


class ConnectionTest(unittest.TestCase):
    def test_a_ping_is_answered_and_a_pong_is_nobodys_business(self):
        connection = Connection()
        text = frame(ws.TEXT, b'{"type":"pong"}')
        self.assertEqual(connection.feed(frame(ws.PING, b"abc") + text), [])
        self.assertEqual(sent(connection.outgoing), (ws.PONG, b"abc"))

    def test_a_close_is_answered_with_its_code(self):
        for payload, closed, answer in ((b"\x03\xf5slow", (1013, "slow"), b"\x03\xf5"),
                                        (b"", (1005, ""), b"\x03\xe8")):
            connection = Connection()
            connection.feed(frame(ws.CLOSE, payload) + frame(ws.TEXT, b"{}"))
            self.assertEqual(connection.closed, closed)
            self.assertEqual(sent(connection.outgoing), (ws.CLOSE, answer))
            self.assertEqual(connection.feed(frame(ws.TEXT, b'{"type":"x"}')), [])

    def test_what_is_no_message_ends_it(self):
        for text in (b"{", b"[]", b"{}", b'{"type":1}'):
            connection = Connection()
            self.assertEqual(connection.feed(frame(ws.TEXT, text)), [])
            self.assertEqual(connection.closed[0], 1002)
        connection = Connection()
        connection.feed(frame(ws.BINARY, b"x"))
        self.assertEqual(sent(connection.outgoing)[1][:2], struct.pack(">H", 1003))

    def test_the_end_of_the_bytes_is_a_loss(self):
        connection = Connection()
        connection.feed(b"")
        self.assertEqual(connection.closed[0], 1006)


class GapTest(unittest.TestCase):
    def look(self, *steps):
        """What a reader is told: (reason, missed) or None for each message; "+" connects."""
        watch, seen = GapWatch(), []
        for step in steps:
            if step == "+":
                watch.connected()
                continue
            gap = watch.look(metrics(*step) if isinstance(step, tuple) else metrics(step))
            seen.append((gap["reason"], gap["missed"]) if gap else None)
        return seen

    def test_gaps(self):
        lost, again = "reconnected", "restarted"
        for steps, seen in (
                (("+", 5, 6, 7), [None] * 3),
                (("+", 5, 5, 6), [None] * 3),  # a fast interval repeats a frame
                (("+", 5, (8, 2), (9, 2)), [None, ("slow", 2), None]),
                (("+", 5, "+", 6), [None, None]), (("+", 5, "+", 5), [None, None]),
                (("+", 5, "+", 9), [None, (lost, 3)]), (("+", 50, "+", 2), [None, (again, None)]),
                (("+", 5, 10, "+", 15), [None] * 3),  # an interval of five frames
                (("+", 5, 10, "+", 25), [None, None, (lost, 2)]),
                (("+", 5, (7, 1), "+", (8, 0), (10, 1)),  # dropped counts anew
                 [None, ("slow", 1), None, ("slow", 1)])):
            with self.subTest(steps=steps):
                self.assertEqual(self.look(*steps), seen)


class SessionTest(unittest.TestCase):
    def session(self, reconnect=True, **subscription):
        return Session(Core("http://x/base", "gpuvigil_t", None), subscription, reconnect)

    def opened(self, session):
        session.request()
        session._key = KEY
        return session.opened(Response(101, AGREED), frame(ws.TEXT, b'{"type":"alert"}'))

    def test_the_subscription_is_asked_for_again(self):
        session = self.session(kernels="*gemm*", devices=[0, 1], recent=None)
        self.assertEqual(session.request().target,
                         "/base/api/v1/gpu/stream?kernels=%2Agemm%2A&devices=0&devices=1")
        message = session.subscribe({"interval_ms": 500, "channels": "alerts", "devices": None})
        self.assertEqual(message, {"type": "subscribe", "interval_ms": 500, "channels": ["alerts"]})
        self.assertTrue(session.request().target.endswith("?interval_ms=500&channels=alerts"))

    def test_what_comes_with_the_handshake_is_not_lost(self):
        _, messages = self.opened(self.session())
        self.assertEqual(messages, [{"type": "alert"}])

    def test_a_gap_stands_before_the_first_message_behind_it(self):
        session = self.session()
        for seq, kinds in ((1, ["gpu_metrics"]), (9, ["gap", "gpu_metrics"])):
            connection, _ = self.opened(session)
            got = session.messages(connection, frame(ws.TEXT, json.dumps(metrics(seq)).encode()))
            self.assertEqual([one["type"] for one in got], kinds)
        self.assertEqual((got[0]["after_seq"], got[0]["before_seq"]), (1, 9))

    def test_a_refusal_is_the_server_s(self):
        session = self.session()
        session.request()
        with self.assertRaises(ApiError) as caught:
            session.opened(Response(401, {}, b'{"title":"Unauthorized","detail":"no token"}'), b"")
        self.assertEqual(caught.exception.detail, "no token")

    def test_closes_end_or_come_back(self):
        for code, comes_back in ((1001, True), (1005, True), (1006, True), (1011, True),
                                 (1013, True), (1002, False), (1007, False), (1008, False)):
            session = self.session()
            self.opened(session)
            if comes_back:
                self.assertGreater(session.ended((code, "")), 0)
            else:
                with self.assertRaises(StreamClosed) as caught:
                    session.ended((code, "why"))
                self.assertEqual((caught.exception.code, caught.exception.reason), (code, "why"))
        self.assertIsNone(self.session().ended((1000, "")))
        with self.assertRaises(ConnectionFailed):
            self.session(reconnect=False).ended((1006, ""))
        with self.assertRaises(StreamClosed):
            self.session(reconnect=False).ended((1001, ""))

    def test_the_first_connection_must_succeed_and_later_ones_are_tried_for_ever(self):
        refused = ConnectionFailed("refused", sent=False)
        with self.assertRaises(ConnectionFailed):
            self.session().failed(refused)
        session = self.session()
        self.opened(session)
        pauses = [session.failed(refused) for _ in range(30)]
        self.assertLess(pauses[0], 0.3)
        self.assertLessEqual(max(pauses), LONGEST_PAUSE)
        self.assertGreaterEqual(min(pauses[10:]), LONGEST_PAUSE / 2)
        with self.assertRaises(ApiError):
            session.failed(ApiError(403, "x"))
        self.assertGreaterEqual(session.failed(ApiError(503, "x", retry_after=20)), 20)

    def test_a_full_server_is_waited_for(self):
        self.assertGreaterEqual(self.session().failed(ApiError(503, "x", retry_after=2)), 2)
        with self.assertRaises(ApiError):
            self.session(reconnect=False).failed(ApiError(503, "x", retry_after=2))
