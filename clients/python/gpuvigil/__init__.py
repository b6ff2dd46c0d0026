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
from .record import Recorder, RecorderStats, get_recorder, record_kernel, set_recorder
from .torch_profiler import torch_handler

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
    "Recorder",
    "RecorderStats",
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
    "get_recorder",
    "record_kernel",
    "set_recorder",
    "torch_handler",
    "types",
]
