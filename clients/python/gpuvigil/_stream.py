# SPDX-License-Identifier: Apache-2.0
"""The stream without a socket: what a connection says, what outlives it, and when to try again.

A `Session` lives as long as the iterator of a caller, a `Connection` as long as its socket.
"""
import json
import random
from typing import Any, Mapping, Optional, cast

from . import _websocket as ws
from ._core import Core, encode_query, error_of
from ._http import Request, Response
from ._version import VERSION
from .errors import ApiError, ConnectionFailed, GpuvigilError, ProtocolError, StreamClosed
from .messages import StreamGap, StreamMessage

PATH = "/api/v1/gpu/stream"
SILENCE = 60.0  # seconds without a byte after which a connection is dead: the server pings every 20
FIRST_PAUSE, LONGEST_PAUSE = 0.25, 30.0  # seconds between tries
# Closes after which a new connection makes sense: it goes, restarts, is overloaded or was cut off.
COME_BACK = (1001, 1005, 1006, 1011, 1012, 1013, 1014)


def _plain(subscription: Mapping[str, Any]) -> dict[str, Any]:
    """A subscription without what is left out; one value of a list may stand alone."""
    out: dict[str, Any] = {}
    for name, value in subscription.items():
        if value is None:
            continue
        if name in ("kernels", "devices", "channels"):
            value = [value] if isinstance(value, (str, int)) else list(value)
        out[name] = value
    return out


class GapWatch:
    """Tells by `seq` and `dropped` what is missing between two messages."""

    def __init__(self) -> None:
        self._seq: Optional[int] = None
        self._step = 1  # the largest distance between neighbours, as far as seen
        self._dropped = 0
        self._new = True

    def connected(self) -> None:
        self._new = True

    def look(self, message: Mapping[str, Any]) -> Optional[StreamGap]:
        """What is missing before this `gpu_metrics`; None where nothing is."""
        seq, dropped = int(message["seq"]), int(message.get("dropped", 0))
        before, was_new = self._seq, self._new
        missed = dropped - (0 if was_new else self._dropped)
        self._seq, self._dropped, self._new = seq, dropped, False
        if before is None:
            return None
        if was_new:
            if seq < before:
                return self._gap("restarted", before, seq, None)
            if seq > before + self._step:
                return self._gap("reconnected", before, seq, (seq - before) // self._step - 1)
            return None
        if missed > 0:
            return self._gap("slow", before, seq, missed)
        self._step = max(self._step, seq - before)
        return None

    @staticmethod
    def _gap(reason: Any, after: int, before: int, missed: Optional[int]) -> StreamGap:
        return {"type": "gap", "reason": reason, "after_seq": after, "before_seq": before,
                "missed": missed}


class Connection:
    """One open WebSocket: bytes in, messages and bytes out."""

    def __init__(self) -> None:
        self._reader = ws.FrameReader()
        self.outgoing = bytearray()  # to be sent by whoever owns the socket
        self.closed: Optional[tuple[int, str]] = None  # why it ended

    def feed(self, data: bytes) -> list[dict[str, Any]]:
        """The messages that these bytes complete; b"" is the end of the connection."""
        if self.closed is not None:
            return []
        if not data:
            self.closed = (ws.ABNORMAL, "the connection was lost")
            return []
        try:
            events = self._reader.feed(data)
        except ws.FrameError as error:
            self._end(error.code, str(error))
            return []
        messages = []
        for event in events:
            if isinstance(event, ws.Text):
                message = self._decode(event.text)
                if message is not None:
                    messages.append(message)
            elif isinstance(event, ws.Ping):
                self.outgoing += ws.encode_frame(ws.PONG, event.payload)
            elif isinstance(event, ws.Close):
                code = event.code if event.code != ws.NO_STATUS else ws.NORMAL
                self.outgoing += ws.encode_close(code)
                self.closed = (event.code, event.reason)
            if self.closed is not None:
                break
        return messages

    def send(self, message: Mapping[str, Any]) -> None:
        self.outgoing += ws.encode_frame(ws.TEXT, json.dumps(message).encode())

    def leave(self) -> None:
        """This side ends it."""
        if self.closed is None:
            self._end(ws.NORMAL, "")

    def _end(self, code: int, reason: str) -> None:
        self.outgoing += ws.encode_close(code, reason)
        self.closed = (code, reason)

    def _decode(self, text: str) -> Optional[dict[str, Any]]:
        try:
            message = json.loads(text)
        except ValueError:
            message = None
        if not isinstance(message, dict) or not isinstance(message.get("type"), str):
            self._end(ws.PROTOCOL, "a message that is none of the stream's")
            return None
        return None if message["type"] == "pong" else message


class Session:
    """What outlives a connection: the subscription, gaps, and how long to wait."""

    def __init__(self, core: Core, subscription: Mapping[str, Any], reconnect: bool) -> None:
        self._core = core
        self._subscription = _plain(subscription)
        self._reconnect = reconnect
        self._gaps = GapWatch()
        self._pause = FIRST_PAUSE
        self._key = ""
        self._opened = False

    def request(self) -> Request:
        """What opens the next connection."""
        self._key = ws.new_key()
        query = encode_query(self._subscription)
        target = self._core.endpoint.prefix + PATH + ("?" + query if query else "")
        return ws.upgrade(target, self._key, self._core.token, f"gpuvigil-python/{VERSION}")

    def opened(self, response: Response, rest: bytes) -> tuple[Connection, list[StreamMessage]]:
        """The connection that an answer opened, with what came at once. Raises ApiError."""
        if response.status != 101:
            raise error_of(response)
        ws.check_upgrade(response, self._key)
        self._opened = True
        self._gaps.connected()
        connection = Connection()
        return connection, self.messages(connection, rest) if rest else []

    def messages(self, connection: Connection, data: bytes) -> list[StreamMessage]:
        """What a caller is to be given for these bytes, gaps among it."""
        out: list[StreamMessage] = []
        for message in connection.feed(data):
            if message["type"] == "gpu_metrics":
                self._pause = FIRST_PAUSE  # it works: the next failure is a new one
                gap = self._gaps.look(message)
                if gap is not None:
                    out.append(gap)
            out.append(cast(StreamMessage, message))
        return out

    def subscribe(self, subscription: Mapping[str, Any]) -> dict[str, Any]:
        """The message for a new subscription, which also holds for later connections."""
        self._subscription = _plain(subscription)
        return {"type": "subscribe", **self._subscription}

    def ended(self, closed: tuple[int, str]) -> Optional[float]:
        """Seconds until the next try after a close; None: it ended in peace. Raises StreamClosed,
        ConnectionFailed."""
        code, reason = closed
        if code == ws.NORMAL:
            return None
        if code not in COME_BACK:
            raise StreamClosed(code, reason)
        if not self._reconnect:
            if code == ws.ABNORMAL:
                raise ConnectionFailed(reason, sent=True)
            raise StreamClosed(code, reason)
        return self._next_pause()

    def failed(self, error: GpuvigilError) -> float:
        """Seconds until the next try after one that opened nothing. Raises `error` where there is
        none: the first must succeed, and a refusal for good stays one."""
        again = isinstance(error, (ConnectionFailed, ProtocolError)) and self._opened
        pause = self._next_pause()
        if isinstance(error, ApiError) and error.status in (429, 502, 503, 504):
            again = self._opened or error.retry_after is not None
            pause = max(pause, error.retry_after or 0.0)
        if not again or not self._reconnect:
            raise error
        return min(pause, LONGEST_PAUSE)

    def _next_pause(self) -> float:
        pause = self._pause * random.uniform(0.5, 1.0)
        self._pause = min(self._pause * 2, LONGEST_PAUSE)
        return pause
