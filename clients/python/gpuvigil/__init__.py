# SPDX-License-Identifier: Apache-2.0
"""Asks a gpuvigil server what the GPUs of a machine do, and tells it what a program of one's own
runs on them. README.md shows how."""
from . import types
from ._version import VERSION as __version__
from .aio import AsyncClient, AsyncStream
from .client import Client, Stream
from .errors import (
    ApiError,
    BadRequest,
    ConnectionFailed,
    Forbidden,
    GpuvigilError,
    NotFound,
    ProtocolError,
    StreamClosed,
    TimedOut,
    TooManyRequests,
    Unauthorized,
    Unavailable,
)
from .messages import (
    StreamAlert,
    StreamError,
    StreamGap,
    StreamMessage,
    StreamSubscribed,
)

__all__ = [
    "ApiError",
    "AsyncClient",
    "AsyncStream",
    "BadRequest",
    "Client",
    "ConnectionFailed",
    "Forbidden",
    "GpuvigilError",
    "NotFound",
    "ProtocolError",
    "Stream",
    "StreamAlert",
    "StreamClosed",
    "StreamError",
    "StreamGap",
    "StreamMessage",
    "StreamSubscribed",
    "TimedOut",
    "TooManyRequests",
    "Unauthorized",
    "Unavailable",
    "__version__",
    "types",
]
