# SPDX-License-Identifier: Apache-2.0
"""What comes out of a stream. `type` tells which: a type checker narrows by it."""
from typing import Literal, Optional, TypedDict, Union

from .types import Alert, StreamMetrics


class StreamAlert(TypedDict):
    """An alert changed."""

    type: Literal["alert"]
    alert: Alert


class StreamSubscribed(TypedDict):
    """What holds from now on, defaults filled in."""

    type: Literal["subscribed"]
    kernels: list[str]
    devices: list[Union[int, str]]
    interval_ms: int
    recent: int
    channels: list[str]


class StreamError(TypedDict):
    """What this program sent was not understood; the stream goes on."""

    type: Literal["error"]
    code: str
    detail: str


class StreamGap(TypedDict):
    """Not of the server: something is missing here. It stands before the first message behind it.

    `reason`: `slow` (this program read too slowly), `reconnected` (the connection was lost) or
    `restarted` (the server began anew, and counts anew).
    """

    type: Literal["gap"]
    reason: Literal["slow", "reconnected", "restarted"]
    #: The last frame before it.
    after_seq: int
    #: The first behind it.
    before_seq: int
    #: Messages that were missed; None where nobody can know it.
    missed: Optional[int]


StreamMessage = Union[StreamMetrics, StreamAlert, StreamSubscribed, StreamError, StreamGap]
