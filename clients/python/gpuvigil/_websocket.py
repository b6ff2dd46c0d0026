# SPDX-License-Identifier: Apache-2.0
"""WebSocket (RFC 6455) without a socket, the client's side: the handshake, frames out, frames in.

Pure but for the random mask and key, which may be handed in.
"""
import base64
import hashlib
import os
import struct
from dataclasses import dataclass
from typing import Optional, Union

from ._http import Request, Response
from .errors import ProtocolError

MAGIC = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
MAX_MESSAGE = 16 * 1024 * 1024  # bytes of a text with all its fragments
NORMAL, PROTOCOL, NO_DATA, NO_STATUS, ABNORMAL = 1000, 1002, 1003, 1005, 1006
NO_TEXT, TOO_LARGE = 1007, 1009
VERSION_1 = "gpuvigil.v1"
BEARER = "gpuvigil.bearer."


# ---- the handshake ----


def new_key() -> str:
    return base64.b64encode(os.urandom(16)).decode("ascii")


def upgrade(target: str, key: str, token: Optional[str], agent: str) -> Request:
    """The request that opens a stream. The token goes as a subprotocol, never in the query."""
    protocols = VERSION_1 if token is None else f"{VERSION_1}, {BEARER}{token}"
    return Request("GET", target, (
        ("User-Agent", agent),
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Key", key),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Protocol", protocols),
    ))


def check_upgrade(response: Response, key: str) -> None:
    """Raises ProtocolError unless a 101 is the answer to this key."""
    wanted = base64.b64encode(hashlib.sha1((key + MAGIC).encode()).digest()).decode("ascii")
    headers = response.headers
    if (headers.get("upgrade", "").lower() != "websocket"
            or "upgrade" not in headers.get("connection", "").lower()
            or headers.get("sec-websocket-accept") != wanted):
        raise ProtocolError("the server did not agree to a WebSocket")
    if headers.get("sec-websocket-extensions"):
        raise ProtocolError("the server uses an extension that nobody offered")
    # A server that knows no subprotocols names none; the token itself must never come back.
    if headers.get("sec-websocket-protocol", VERSION_1) != VERSION_1:
        raise ProtocolError("the server chose a subprotocol that is none of the stream's")


# ---- frames ----


def masked(payload: bytes, mask: bytes) -> bytes:
    """RFC 6455, 5.3: its own inverse."""
    if not payload:
        return b""
    size = len(payload)
    pattern = (mask * (size // 4 + 1))[:size]
    mixed = int.from_bytes(payload, "little") ^ int.from_bytes(pattern, "little")
    return mixed.to_bytes(size, "little")


def encode_frame(opcode: int, payload: bytes = b"", mask: Optional[bytes] = None) -> bytes:
    """One whole frame, masked as every frame of a client."""
    mask = os.urandom(4) if mask is None else mask
    size = len(payload)
    if size < 126:
        head = bytes((0x80 | opcode, 0x80 | size))
    elif size < 65536:
        head = struct.pack(">BBH", 0x80 | opcode, 0x80 | 126, size)
    else:
        head = struct.pack(">BBQ", 0x80 | opcode, 0x80 | 127, size)
    return head + mask + masked(payload, mask)


def encode_close(code: int, reason: str = "") -> bytes:
    return encode_frame(CLOSE, struct.pack(">H", code) + reason.encode()[:123])


class FrameError(Exception):
    """What a server must not send, with the code that a client closes with."""

    def __init__(self, code: int, what: str) -> None:
        super().__init__(what)
        self.code = code


@dataclass(frozen=True)
class Text:
    text: str


@dataclass(frozen=True)
class Ping:
    payload: bytes


@dataclass(frozen=True)
class Pong:
    payload: bytes


@dataclass(frozen=True)
class Close:
    """1005 where the server gave no code."""

    code: int
    reason: str


Event = Union[Text, Ping, Pong, Close]


def _is_code(code: int) -> bool:
    return 1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999


class FrameReader:
    """Frames of a server become events, however their bytes are cut."""

    def __init__(self, limit: int = MAX_MESSAGE) -> None:
        self._limit = limit
        self._buffer = bytearray()
        self._parts: Optional[bytearray] = None  # of a text that has not ended

    def feed(self, data: bytes) -> list[Event]:
        """The events that these bytes complete. Raises FrameError; what stood before the mistake
        is lost with it, for the connection ends anyway."""
        self._buffer += data
        events: list[Event] = []
        while True:
            frame = self._frame()
            if frame is None:
                return events
            event = self._event(*frame)
            if event is not None:
                events.append(event)

    def _frame(self) -> Optional[tuple[bool, int, bytes]]:
        buffer = self._buffer
        if len(buffer) < 2:
            return None
        first, second = buffer[0], buffer[1]
        opcode, size, start = first & 15, second & 127, 2
        if first & 0x70:
            raise FrameError(PROTOCOL, "a reserved bit is set")
        if second & 0x80:
            raise FrameError(PROTOCOL, "a server must not mask")
        if opcode not in (CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG):
            raise FrameError(PROTOCOL, f"opcode {opcode} means nothing")
        if opcode >= CLOSE and (size > 125 or not first & 0x80):
            raise FrameError(PROTOCOL, "a control frame is short and whole")
        if size >= 126:
            width = 2 if size == 126 else 8
            start += width
            if len(buffer) < start:
                return None
            size = int.from_bytes(buffer[2:start], "big")
            if size < (126 if width == 2 else 65536):
                raise FrameError(PROTOCOL, "a length with more bytes than it needs")
        if size + len(self._parts or b"") > self._limit:
            raise FrameError(TOO_LARGE, "the message is too large")
        if len(buffer) < start + size:
            return None
        payload = bytes(buffer[start:start + size])
        del buffer[:start + size]
        return bool(first & 0x80), opcode, payload

    def _event(self, fin: bool, opcode: int, payload: bytes) -> Optional[Event]:
        if opcode == PING:
            return Ping(payload)
        if opcode == PONG:
            return Pong(payload)
        if opcode == CLOSE:
            return self._close(payload)
        if opcode == BINARY:
            raise FrameError(NO_DATA, "the stream has no binary messages")
        if (opcode == CONTINUATION) != (self._parts is not None):
            raise FrameError(PROTOCOL, "a fragment out of place")
        parts = (self._parts or bytearray()) + payload
        self._parts = None if fin else parts
        return Text(self._text(bytes(parts))) if fin else None

    def _close(self, payload: bytes) -> Close:
        if not payload:
            return Close(NO_STATUS, "")
        code = int.from_bytes(payload[:2], "big")
        if len(payload) == 1 or not _is_code(code):
            raise FrameError(PROTOCOL, "a close without a valid code")
        return Close(code, self._text(payload[2:]))

    @staticmethod
    def _text(data: bytes) -> str:
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError:
            raise FrameError(NO_TEXT, "a text that is no UTF-8") from None
