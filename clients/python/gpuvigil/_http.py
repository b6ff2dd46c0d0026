# SPDX-License-Identifier: Apache-2.0
"""HTTP/1.1 without a socket: bytes of a request, and a parser of its answer.

Pure: both clients and the tests drive it. Answers are bounded (`MAX_HEAD`, `MAX_BODY`).
"""
import zlib
from dataclasses import dataclass, field
from typing import Optional

from .errors import ProtocolError

MAX_HEAD = 64 * 1024  # bytes of a status line with its headers, or of a chunk's line
MAX_BODY = 256 * 1024 * 1024  # bytes of a body, unpacked


@dataclass
class Response:
    """An answer; names of headers are in small letters, equal ones joined by a comma."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    #: True where the connection may carry the next request.
    keep: bool = False

    def content(self) -> bytes:
        """The body without its content coding. Raises ProtocolError where it is damaged."""
        coding = self.headers.get("content-encoding", "identity").lower()
        if coding == "identity":
            return self.body
        if coding not in ("gzip", "x-gzip"):
            raise ProtocolError(f"an unasked content coding: {coding}")
        unpacker = zlib.decompressobj(wbits=31)
        try:
            out = unpacker.decompress(self.body, MAX_BODY)
        except zlib.error as error:
            raise ProtocolError(f"a damaged gzip body: {error}") from None
        if not unpacker.eof:
            raise ProtocolError("a gzip body that is cut off or too large")
        return out


@dataclass(frozen=True)
class Request:
    """A request as it goes over the wire; the target holds the query."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...] = ()
    body: Optional[bytes] = None
    #: What 304 stands for: the answer whose ETag is in the headers.
    known: Optional[Response] = None


def encode_request(request: Request, host: str) -> bytes:
    """The bytes of a request. Raises ValueError where a header would end the line."""
    lines = [f"{request.method} {request.target} HTTP/1.1", f"Host: {host}"]
    lines += [f"{name}: {value}" for name, value in request.headers]
    if request.body is not None:
        lines.append(f"Content-Length: {len(request.body)}")
    for line in lines:
        if any(character in line for character in "\r\n\0"):
            raise ValueError("a line break in the head of a request")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + (request.body or b"")


class ResponseParser:
    """Takes bytes as they come; `response` is there once all of it has come.

    `rest` holds what came after it: bytes of a WebSocket after 101.
    """

    def __init__(self, method: str) -> None:
        self.response: Optional[Response] = None
        self.rest = b""
        self._method = method
        self._buffer = bytearray()
        self._head: Optional[Response] = None
        self._left: Optional[int] = None  # bytes of the body or chunk still to come; None: by end
        self._chunked = False
        self._trailers = False
        self._body = bytearray()

    @property
    def begun(self) -> bool:
        """True once a byte of the answer has come."""
        return bool(self._buffer) or self._head is not None

    def feed(self, data: bytes) -> None:
        """Takes what came; b"" is the end of the connection. Raises ProtocolError."""
        if not data:
            self._end()
            return
        self._buffer += data
        while self.response is None and self._step():
            pass
        if self.response is not None:
            self.rest += bytes(self._buffer)
            self._buffer.clear()

    def _end(self) -> None:
        if self._head is not None and self._left is None and not self._chunked:
            self._head.keep = False
            self._finish()
        elif self.response is None:
            raise ProtocolError("the connection ended in the middle of an answer")

    def _step(self) -> bool:
        """One step over the buffer; False where it needs more."""
        if self._head is None:
            return self._read_head()
        if self._chunked:
            return self._read_chunk()
        return self._read_body()

    def _line(self, end: bytes) -> Optional[bytes]:
        at = self._buffer.find(end)
        if at < 0:
            if len(self._buffer) > MAX_HEAD:
                raise ProtocolError("the head of the answer is too large")
            return None
        line = bytes(self._buffer[:at])
        del self._buffer[:at + len(end)]
        return line

    def _read_head(self) -> bool:
        head = self._line(b"\r\n\r\n")
        if head is None:
            return False
        lines = head.decode("latin-1").split("\r\n")
        words = lines[0].split(" ", 2)
        if len(words) < 2 or not words[0].startswith("HTTP/1.") or not words[1].isdigit():
            raise ProtocolError(f"this is no HTTP/1.1 answer: {lines[0][:80]!r}")
        response = Response(int(words[1]))
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            if not colon or not name or name != name.strip():
                raise ProtocolError("a malformed header line")
            name = name.lower()
            before = response.headers.get(name)
            response.headers[name] = value.strip() if before is None else (
                f"{before}, {value.strip()}")
        if 100 <= response.status < 200 and response.status != 101:
            return True  # something in between: the answer is still to come
        self._head = response
        response.keep = (words[0] == "HTTP/1.1"
                         and "close" not in response.headers.get("connection", "").lower())
        self._plan_body(response)
        return True

    def _plan_body(self, response: Response) -> None:
        length = response.headers.get("content-length")
        coding = response.headers.get("transfer-encoding", "").lower()
        if self._method == "HEAD" or response.status in (101, 204, 304):
            self._finish()
        elif coding:
            if coding != "chunked":
                raise ProtocolError(f"an unknown transfer coding: {coding}")
            self._chunked, self._left = True, 0
        elif length is not None:
            if not length.isdigit() or int(length) > MAX_BODY:
                raise ProtocolError(f"a length that is none or too large: {length[:40]}")
            self._left = int(length)
            if self._left == 0:
                self._finish()

    def _read_body(self) -> bool:
        if not self._buffer:
            return False
        self._take(len(self._buffer) if self._left is None else self._left)
        if self._left == 0:
            self._finish()
        return True

    def _take(self, most: int) -> None:
        part = self._buffer[:most]
        del self._buffer[:most]
        self._body += part
        if self._left is not None:
            self._left -= len(part)
        if len(self._body) > MAX_BODY:
            raise ProtocolError("the answer is too large")

    def _read_chunk(self) -> bool:
        if self._left:
            if not self._buffer:
                return False
            self._take(self._left)
            return True
        line = self._line(b"\r\n")
        if line is None:
            return False
        if self._trailers:
            if not line:
                self._finish()
            return True
        if not line:
            return True  # the end of the chunk before
        size = line.split(b";", 1)[0].strip()
        try:
            self._left = int(size, 16)
        except ValueError:
            raise ProtocolError(f"a chunk's size that is none: {size[:40]!r}") from None
        if self._left == 0:
            self._trailers = True
        return True

    def _finish(self) -> None:
        assert self._head is not None
        self._head.body = bytes(self._body)
        self.response = self._head
