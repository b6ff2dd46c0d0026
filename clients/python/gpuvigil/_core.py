# SPDX-License-Identifier: Apache-2.0
"""What both clients do, without a socket: an operation becomes a request, an answer becomes a value
or an error, and a failure becomes a wait or the end.

Pure but for `Core.cache`, which belongs to one client.
"""
import json
import os
import random
import re
import ssl
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Iterable, Mapping, Optional, TypeVar, Union
from urllib.parse import quote, urlencode, urlsplit

from ._http import Request, Response
from ._version import VERSION
from .errors import BY_STATUS, ApiError, ConnectionFailed, ProtocolError, TimedOut

T = TypeVar("T")
#: One or several.
Many = Union[T, Iterable[T]]

DEFAULT_URL = "http://127.0.0.1:8080"
MAX_CACHED = 32  # answers that are kept for their ETag
MAX_CACHED_BYTES = 256 * 1024  # of one of them
SAFE = ("GET", "HEAD")
# A token is written into a subprotocol's name.
TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


@dataclass(frozen=True)
class Operation:
    """One operation of the contract. `answer`: json, text, none, any (its media type decides)."""

    id: str
    method: str
    path: str
    answer: str


@dataclass(frozen=True)
class Endpoint:
    """Where a server is."""

    host: str
    port: int
    prefix: str  # of every path, where the server is behind a proxy; without a slash at its end
    authority: str  # what goes into Host
    tls: Optional[ssl.SSLContext]


def parse_url(url: str, cacert: Optional[str]) -> Endpoint:
    """Raises ValueError where the URL is none of a server."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"not the http:// or https:// URL of a server: {url!r}")
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError("a URL with a user, a query or a fragment; tokens are given as token=…")
    tls = None
    if parts.scheme == "https":
        tls = ssl.create_default_context(cafile=cacert)
        tls.minimum_version = ssl.TLSVersion.TLSv1_2
    port = parts.port or (443 if tls else 80)
    return Endpoint(parts.hostname, port, parts.path.rstrip("/"), parts.netloc, tls)


def rfc3339(at: datetime) -> str:
    """A time as the server reads it; one without a zone is refused, since nobody knows what it
    means."""
    if at.tzinfo is None:
        raise ValueError("a datetime needs a time zone: datetime.now(timezone.utc)")
    return at.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return rfc3339(value) if isinstance(value, datetime) else str(value)


def encode_query(query: Mapping[str, Any]) -> str:
    """None is left out; of several values each is written."""
    pairs: list[tuple[str, str]] = []
    for name, value in query.items():
        if value is None:
            continue
        single = isinstance(value, (str, int, float, datetime))
        pairs += [(name, _word(one)) for one in ([value] if single else value)]
    return urlencode(pairs, quote_via=quote)


def _seconds(text: Optional[str]) -> Optional[float]:
    return float(text) if text is not None and text.isdigit() and len(text) < 7 else None


def error_of(response: Response) -> ApiError:
    """The error that an answer is."""
    try:
        problem = json.loads(response.content() or b"{}")
    except (ValueError, ProtocolError):
        problem = {}
    if not isinstance(problem, dict):
        problem = {}
    errors = problem.get("errors")
    kind = BY_STATUS.get(response.status, ApiError)
    return kind(
        response.status,
        str(problem.get("title") or "refused"),
        str(problem.get("detail") or ""),
        type=str(problem.get("type") or "about:blank"),
        errors=[one for one in errors if isinstance(one, dict)] if isinstance(errors, list) else [],
        request_id=response.headers.get("x-request-id"),
        retry_after=_seconds(response.headers.get("retry-after")),
    )


class EtagCache:
    """The newest answers that came with an ETag, so that an equal one need not come again.

    From any thread, without a lock: each step is one operation of a dict, and a fork in between
    leaves nothing locked.
    """

    def __init__(self) -> None:
        self._kept: dict[str, Response] = {}

    def known(self, target: str) -> Optional[Response]:
        return self._kept.get(target)

    def keep(self, target: str, response: Response) -> None:
        self._kept.pop(target, None)
        if "etag" not in response.headers or len(response.body) > MAX_CACHED_BYTES:
            return
        self._kept[target] = response
        while len(self._kept) > MAX_CACHED:
            try:
                self._kept.pop(next(iter(self._kept)), None)
            except (StopIteration, RuntimeError):
                return  # another thread is at it


class Core:
    """What a client knows beside its connections."""

    def __init__(self, url: Optional[str], token: Optional[str], cacert: Optional[str]) -> None:
        """Without a URL: $GPUVIGIL_SERVER, else http://127.0.0.1:8080; without a token:
        $GPUVIGIL_TOKEN, else none."""
        token = token or os.environ.get("GPUVIGIL_TOKEN") or None
        if token is not None and not TOKEN.fullmatch(token):
            raise ValueError("this is no token: it holds a character that none has")
        self.endpoint = parse_url(url or os.environ.get("GPUVIGIL_SERVER") or DEFAULT_URL, cacert)
        self.token = token
        self.cache = EtagCache()

    def request(
        self,
        operation: Operation,
        path: Optional[Mapping[str, Union[str, int]]] = None,
        query: Optional[Mapping[str, Any]] = None,
        body: Any = None,
    ) -> Request:
        """The request of an operation."""
        target = operation.path
        for name, value in (path or {}).items():
            word = quote(str(value), safe="")
            if word in ("", ".", ".."):
                raise ValueError(f"{name} must not be {str(value)!r}")
            target = target.replace("{" + name + "}", word)
        target = self.endpoint.prefix + target
        asked = encode_query(query or {})
        target += "?" + asked if asked else ""
        headers = [("User-Agent", f"gpuvigil-python/{VERSION}"), ("Accept-Encoding", "gzip")]
        if self.token is not None:
            headers.append(("Authorization", f"Bearer {self.token}"))
        known = self.cache.known(target) if operation.method == "GET" else None
        if known is not None:
            headers.append(("If-None-Match", known.headers["etag"]))
        content: Optional[bytes] = None
        if body is not None:
            content = json.dumps(body, separators=(",", ":"), allow_nan=False).encode()
            headers.append(("Content-Type", "application/json"))
        elif operation.method in ("POST", "PUT", "PATCH"):
            content = b""
        return Request(operation.method, target, tuple(headers), content, known)

    def answer(self, operation: Operation, request: Request, response: Response) -> Any:
        """The value of an answer. Raises ApiError, ProtocolError."""
        if response.status == 304:
            if request.known is None:
                raise ProtocolError("304, which nobody asked for")
            response = request.known
        elif response.status == 200 and request.method == "GET":
            self.cache.keep(request.target, response)
        if not 200 <= response.status < 300:
            raise error_of(response)
        if operation.answer == "none" or response.status == 204:
            return None
        content = response.content()
        media = response.headers.get("content-type", "").split(";", 1)[0].strip()
        if operation.answer == "json" or (operation.answer == "any" and media.endswith("json")):
            try:
                return json.loads(content)
            except ValueError:
                raise ProtocolError(f"an answer that is no JSON: {media or 'untyped'}") from None
        return content.decode("utf-8", "replace")


class Retries:
    """How one call goes on after a failure: `wait()` gives the seconds to wait, or raises.

    Tried again is only what cannot have happened twice: reading; what was refused before it was
    looked at (429, 503 with Retry-After: "nothing was taken"); what was never sent.
    """

    def __init__(self, method: str, most: int) -> None:
        self._safe = method in SAFE
        self._left = most
        self._pause = 0.1

    def wait(self, error: Exception, time_left: float) -> float:
        """Seconds to wait before the next try. Raises `error` where there is none."""
        pause = self._pause * random.uniform(0.5, 1.5)
        again = False
        if isinstance(error, TimedOut):
            again = False  # the caller's time is over
        elif isinstance(error, ConnectionFailed):
            again = self._safe or not error.sent
        elif isinstance(error, ApiError):
            if error.status in (429, 503) and error.retry_after is not None:
                again, pause = True, error.retry_after
            elif error.status in (502, 504):
                again = self._safe
        if not again or self._left == 0 or pause >= time_left:
            raise error
        self._left -= 1
        self._pause *= 2
        return pause
