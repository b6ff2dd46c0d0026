# SPDX-License-Identifier: Apache-2.0
"""What the clients raise: one family, GpuvigilError."""
from typing import Optional


class GpuvigilError(Exception):
    """All that the clients raise, but ValueError and TypeError for a caller's own mistake."""


class ConnectionFailed(GpuvigilError):
    """No connection, or it ended before an answer had come. `sent` tells whether the server may
    have seen the request."""

    def __init__(self, what: str, *, sent: bool) -> None:
        super().__init__(what)
        self.sent = sent


class TimedOut(ConnectionFailed):
    """The time that the caller gave is over."""


class ProtocolError(GpuvigilError):
    """What came back is no HTTP, no WebSocket or not what the contract says."""


class ApiError(GpuvigilError):
    """The server refused. Its problem document (RFC 9457), where it sent one, is in the members."""

    def __init__(
        self,
        status: int,
        title: str,
        detail: str = "",
        *,
        type: str = "about:blank",
        errors: Optional[list[dict[str, str]]] = None,
        request_id: Optional[str] = None,
        retry_after: Optional[float] = None,
    ) -> None:
        reasons = "; ".join(f"{one.get('parameter')}: {one.get('reason')}" for one in errors or [])
        super().__init__(": ".join(part for part in (f"{status} {title}", detail, reasons) if part))
        self.status = status
        self.title = title
        self.detail = detail
        self.type = type
        #: Each wrong parameter: {"parameter": …, "reason": …}.
        self.errors = errors or []
        #: X-Request-Id of the answer; None where neither the server nor a proxy gave one.
        self.request_id = request_id
        #: Seconds after which it may be tried again; None where the server did not say.
        self.retry_after = retry_after


class BadRequest(ApiError):
    """400: a parameter or a body is not understood; `errors` names each mistake."""


class Unauthorized(ApiError):
    """401: no token, or one that is unknown, expired or revoked."""


class Forbidden(ApiError):
    """403: the scope of the token does not reach."""


class NotFound(ApiError):
    """404: it is not there."""


class TooManyRequests(ApiError):
    """429: of this client; `retry_after` says how long to wait."""


class Unavailable(ApiError):
    """503: too busy, not ready yet or shutting down."""


class StreamClosed(GpuvigilError):
    """The server ended the stream for good."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"the server closed the stream: {code}{' ' + reason if reason else ''}")
        #: RFC 6455, 7.4.1; 1008: the token was revoked or has expired.
        self.code = code
        self.reason = reason


BY_STATUS: dict[int, type[ApiError]] = {
    400: BadRequest,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    429: TooManyRequests,
    503: Unavailable,
}
