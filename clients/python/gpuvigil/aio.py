# SPDX-License-Identifier: Apache-2.0
"""The asynchronous client: the same on asyncio's streams, without a thread."""
import asyncio
import os
import time
from collections import deque
from types import TracebackType
from typing import Any, AsyncIterator, Literal, Mapping, Optional, Union

from ._async_methods import AsyncMethods
from ._core import Core, Endpoint, Many, Operation, Retries
from ._http import Request, Response, ResponseParser, encode_request
from ._stream import SILENCE, Connection, Session
from .client import IDLE_CONNECTIONS
from .errors import ApiError, ConnectionFailed, GpuvigilError, TimedOut
from .messages import StreamMessage


class Wire:
    """One connection of one event loop."""

    def __init__(self, endpoint: Endpoint, reader: asyncio.StreamReader,
                 writer: asyncio.StreamWriter) -> None:
        self._endpoint = endpoint
        self.reader = reader
        self.writer = writer

    @classmethod
    async def open(cls, endpoint: Endpoint) -> "Wire":
        """Raises ConnectionFailed."""
        name = endpoint.host if endpoint.tls else None
        try:
            reader, writer = await asyncio.open_connection(
                endpoint.host, endpoint.port, ssl=endpoint.tls, server_hostname=name)
        except OSError as error:
            raise ConnectionFailed(f"no connection to {endpoint.authority}: {error}",
                                   sent=False) from error
        return cls(endpoint, reader, writer)

    async def exchange(self, request: Request, parser: ResponseParser) -> Response:
        """Sends a request and gives its answer. Raises ConnectionFailed."""
        try:
            self.writer.write(encode_request(request, self._endpoint.authority))
            await self.writer.drain()
            while parser.response is None:
                data = await self.reader.read(65536)
                if not data and not parser.begun:
                    raise ConnectionFailed("the server closed the connection", sent=True)
                parser.feed(data)
        except OSError as error:
            raise ConnectionFailed(f"the connection was lost: {error}", sent=True) from error
        return parser.response

    def close(self) -> None:
        self.writer.close()


class AsyncClient(AsyncMethods):
    """Asks a gpuvigil server without blocking the event loop. Belongs to one event loop.

    Parameters and errors are those of Client.
    """

    def __init__(
        self,
        url: Optional[str] = None,
        token: Optional[str] = None,
        cacert: Optional[str] = None,
        timeout: float = 10.0,
        retries: int = 2,
    ) -> None:
        self._core = Core(url, token, cacert)
        self._timeout = timeout
        self._retries = retries
        self._idle: deque[Wire] = deque()
        self._pid = os.getpid()

    def __repr__(self) -> str:
        return f"<gpuvigil.AsyncClient of {self._core.endpoint.authority}>"

    async def __aenter__(self) -> "AsyncClient":
        return self

    async def __aexit__(self, kind: Optional[type[BaseException]], value: Optional[BaseException],
                        trace: Optional[TracebackType]) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the connections that wait for the next call; a later call opens a new one."""
        while self._idle:
            wire = self._idle.popleft()
            wire.close()
            try:
                await wire.writer.wait_closed()
            except OSError:
                pass

    def stream(
        self,
        *,
        kernels: Optional[Many[str]] = None,
        devices: Optional[Many[Union[str, int]]] = None,
        interval_ms: Optional[int] = None,
        recent: Optional[int] = None,
        channels: Optional[Many[Literal["metrics", "alerts"]]] = None,
        reconnect: bool = True,
    ) -> "AsyncStream":
        """The live stream, for `async for` and `async with`; it connects at the first message.

        WS /api/v1/gpu/stream. Scope: read. With `reconnect` a lost connection is opened again, with
        growing pauses, and what is missing is marked by a message of type `gap`. The first
        connection must succeed.
        """
        subscription = {"kernels": kernels, "devices": devices, "interval_ms": interval_ms,
                        "recent": recent, "channels": channels}
        return AsyncStream(Session(self._core, subscription, reconnect), self._core.endpoint,
                           self._timeout)

    async def _call(
        self,
        operation: Operation,
        *,
        path: Optional[Mapping[str, Union[str, int]]] = None,
        query: Optional[Mapping[str, Any]] = None,
        body: Any = None,
    ) -> Any:
        request = self._core.request(operation, path, query, body)
        deadline = time.monotonic() + self._timeout
        retries = Retries(operation.method, self._retries)
        while True:
            try:
                response = await _within(self._exchange(request), deadline - time.monotonic())
                return self._core.answer(operation, request, response)
            except (ApiError, ConnectionFailed) as error:
                pause = retries.wait(error, deadline - time.monotonic())
            await asyncio.sleep(pause)

    async def _exchange(self, request: Request) -> Response:
        """As Client._exchange."""
        if self._pid != os.getpid():
            self._idle, self._pid = deque(), os.getpid()
        while request.method == "GET" and self._idle:
            parser = ResponseParser(request.method)
            try:
                return await self._over(self._idle.pop(), request, parser)
            except ConnectionFailed:
                if parser.begun:
                    raise
        wire = await Wire.open(self._core.endpoint)
        return await self._over(wire, request, ResponseParser(request.method))

    async def _over(self, wire: Wire, request: Request, parser: ResponseParser) -> Response:
        try:
            response = await wire.exchange(request, parser)
        except BaseException:  # cancelled too
            wire.close()
            raise
        if response.keep and len(self._idle) < IDLE_CONNECTIONS:
            self._idle.append(wire)
        else:
            wire.close()
        return response


async def _within(awaited: Any, seconds: float) -> Any:
    try:
        return await asyncio.wait_for(awaited, seconds)
    except asyncio.TimeoutError:
        raise TimedOut("no answer in time", sent=True) from None


class AsyncStream(AsyncIterator[StreamMessage]):
    """The messages of the live stream, one by one; `async with` or close() ends it."""

    def __init__(self, session: Session, endpoint: Endpoint, timeout: float) -> None:
        self._session = session
        self._endpoint = endpoint
        self._timeout = timeout
        self._ready: deque[StreamMessage] = deque()
        self._wire: Optional[Wire] = None
        self._connection: Optional[Connection] = None
        self._tried = False
        self._over = False

    async def __aenter__(self) -> "AsyncStream":
        await self._first()
        return self

    async def __aexit__(self, kind: Optional[type[BaseException]], value: Optional[BaseException],
                        trace: Optional[TracebackType]) -> None:
        await self.close()

    async def __anext__(self) -> StreamMessage:
        await self._first()
        while not self._ready:
            if self._over or not await self._more():
                raise StopAsyncIteration
        return self._ready.popleft()

    async def subscribe(
        self,
        *,
        kernels: Optional[Many[str]] = None,
        devices: Optional[Many[Union[str, int]]] = None,
        interval_ms: Optional[int] = None,
        recent: Optional[int] = None,
        channels: Optional[Many[Literal["metrics", "alerts"]]] = None,
    ) -> None:
        """As Stream.subscribe."""
        message = self._session.subscribe({
            "kernels": kernels, "devices": devices, "interval_ms": interval_ms, "recent": recent,
            "channels": channels})
        if self._connection is not None:
            self._connection.send(message)
            await self._send()

    async def close(self) -> None:
        """Ends the stream; whoever iterates leaves the loop."""
        self._over = True
        if self._connection is not None:
            self._connection.leave()
            await self._send()
        if self._wire is not None:
            self._wire.close()

    async def _first(self) -> None:
        if not self._tried:
            self._tried = True
            await self._open()

    async def _more(self) -> bool:
        """Reads once, or opens the next connection; False when the stream is over."""
        wire, connection = self._wire, self._connection
        if wire is None or connection is None:
            return await self._reopen()
        try:
            data = await asyncio.wait_for(wire.reader.read(65536), SILENCE)
        except (OSError, asyncio.TimeoutError):  # lost, or silence
            data = b""
        if self._over:
            return False
        self._ready.extend(self._session.messages(connection, data))
        await self._send()
        if connection.closed is None:
            return True
        self._wire = self._connection = None
        wire.close()
        return await self._wait(self._session.ended(connection.closed))

    async def _reopen(self) -> bool:
        try:
            await self._open()
        except GpuvigilError as error:
            return await self._wait(self._session.failed(error))
        return True

    async def _wait(self, pause: Optional[float]) -> bool:
        if pause is not None:
            await asyncio.sleep(pause)
        return pause is not None and not self._over

    async def _open(self) -> None:
        await _within(self._connect(), self._timeout)
        await self._send()

    async def _connect(self) -> None:
        request = self._session.request()
        wire = await Wire.open(self._endpoint)
        parser = ResponseParser(request.method)
        try:
            response = await wire.exchange(request, parser)
            connection, messages = self._session.opened(response, parser.rest)
        except BaseException:  # cancelled too
            wire.close()
            raise
        self._wire, self._connection = wire, connection
        self._ready.extend(messages)

    async def _send(self) -> None:
        if self._wire is None or self._connection is None or not self._connection.outgoing:
            return
        data = bytes(self._connection.outgoing)
        self._connection.outgoing.clear()
        try:
            self._wire.writer.write(data)
            await self._wire.writer.drain()
        except OSError:
            pass  # the reader sees the end of it too
