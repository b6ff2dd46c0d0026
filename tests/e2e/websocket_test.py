# SPDX-License-Identifier: Apache-2.0
"""The stream against the numbered cases of websocket_cases.py, each on a connection of its own."""
import json
import os
import socket
import struct
import unittest

from harness import Server, Stream
from websocket_cases import CLOSE, PING, PONG, TEXT, Frame, all_cases


def encode(frame):
    payload = frame.payload
    length = len(payload) if frame.length is None else frame.length
    head = bytes([(0x80 if frame.fin else 0) | frame.rsv << 4 | frame.opcode])
    flag = 0x80 if frame.masked else 0
    if frame.wide == 2 or (frame.wide == 0 and 126 <= length < 65536):
        head += bytes([flag | 126]) + struct.pack(">H", length)
    elif frame.wide == 8 or length >= 65536:
        head += bytes([flag | 127]) + struct.pack(">Q", length)
    else:
        head += bytes([flag | length])
    if not frame.masked:
        return head + payload
    mask = os.urandom(4)
    return head + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(payload))


class Talk(Stream):
    """A stream without metrics, so that what comes is an answer."""

    def __init__(self, server):
        super().__init__(server, "?channels=alerts")
        assert self.status == 101
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send_all(self, data, chop):
        step = chop or len(data) or 1
        try:
            for i in range(0, len(data), step):
                self.socket.sendall(data[i:i + step])
        except (BrokenPipeError, ConnectionResetError):
            pass  # it has closed before the end: what it said is still to be read

    def next_event(self):
        opcode, payload = self.frame()
        if opcode == TEXT:
            kind = json.loads(payload)["type"]
            return self.next_event() if kind == "alert" else "answer"
        if opcode == PONG:
            return ("pong", payload)
        if opcode == PING:
            return self.next_event()
        assert opcode == CLOSE, opcode
        return ("close", struct.unpack(">H", payload[:2])[0] if payload else 1005)


class WebSocketCases(unittest.TestCase):
    def test_every_case_ends_as_it_must(self):
        numbers = set()
        with Server("--demo") as server:
            for case in all_cases():
                self.assertNotIn(case.number, numbers)
                numbers.add(case.number)
                with self.subTest(number=case.number, what=case.what):
                    self.play(server, case)
        self.assertGreaterEqual(len([n for n in numbers if n[0] != "x"]), 300)
        print(f"cases of WebSocket: {len(numbers)}")

    def play(self, server, case):
        talk = Talk(server)
        talk.send_all(b"".join(encode(frame) for frame in case.frames), case.chop)
        wanted = list(case.want)
        if wanted[-1] == "alive":
            talk.send_frame(PING, b"the end")
            wanted[-1] = ("pong", b"the end")
        seen = []
        while not seen or (seen[-1] != wanted[-1] and seen[-1][0] != "close"):
            event = talk.next_event()
            # Of pings that come at once the newest may be answered alone (RFC 6455, 5.5.3).
            if event[0] == "pong" and (event not in wanted or event in seen):
                continue
            seen.append(event)
        self.assertEqual(sorted(map(str, seen)), sorted(map(str, wanted)))
        self.assertEqual(seen[-1], wanted[-1])
        talk.close()


if __name__ == "__main__":
    unittest.main(verbosity=2)
