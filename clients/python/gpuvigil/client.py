# SPDX-License-Identifier: Apache-2.0
"""The synchronous client: sockets and waiting, and nothing that `_core` can know."""
import os
import socket
import threading
import time
from collections import deque
from types import TracebackType
from typing import Any, Iterator, Literal, Mapping, Optional, Union

from ._core import Core, Endpoint, Many, Operation, Retries
from ._http import Request, Response, ResponseParser, encode_request
from ._stream import SILENCE, Connection, Session
from ._sync_methods import SyncMethods
from .errors import ApiError, ConnectionFailed, GpuvigilError, TimedOut
from .messages import StreamMessage

IDLE_CONNECTIONS = 4  # that one client keeps open between calls


class Wire:
    """One connection. One thread at a time."""

    def __init__(self, endpoint: Endpoint, deadline: float) -> None:
        """Raises ConnectionFailed, TimedOut."""
        self._endpoint = endpoint
        place = (endpoint.host, endpoint.port)
        try:
            plain = socket.create_connection(place, timeout=_left(deadline, sent=False))
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.socket: socket.socket = plain
            if endpoint.tls is not None:
                plain.settimeout(_left(deadline, sent=False))
                self.socket = endpoint.tls.wrap_socket(plain, server_hostname=endpoint.host)
        except socket.timeout:
            raise TimedOut(f"no connection to {endpoint.authority} in time", sent=False) from None
        except OSError as error:
            raise ConnectionFailed(f"no connection to {endpoint.authority}: {error}",
                                   sent=False) from error

    def exchange(self, request: Request, deadline: float, parser: ResponseParser) -> Response:
        """Sends a request and gives its answer. Raises ConnectionFailed, TimedOut."""
        try:
            self.socket.settimeout(_left(deadline, sent=False))
            self.socket.sendall(encode_request(request, self._endpoint.authority))
            while parser.response is None:
                self.socket.settimeout(_left(deadline, sent=True))
                data = self.socket.recv(65536)
                if not data and not parser.begun:
                    raise ConnectionFailed("the server closed the connection", sent=True)
                parser.feed(data)
        except socket.timeout:
            raise TimedOut("no answer in time", sent=True) from None
        except OSError as error:
            raise ConnectionFailed(f"the connection was lost: {error}", sent=True) from error
        return parser.response

    def close(self) -> None:
        self.socket.close()


def _left(deadline: float, *, sent: bool) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimedOut("no answer in time" if sent else "no connection in time", sent=sent)
    return left


class Client(SyncMethods):
    """Asks a gpuvigil server. From any thread; after a fork too, with connections of its own.

    `url` defaults to $GPUVIGIL_SERVER, else http://127.0.0.1:8080; `token` to $GPUVIGIL_TOKEN, else
    none. `cacert`: a file of certificates to trust instead of the system's. `timeout`: seconds
    that a call may take in all. `retries`: how often a call that failed is tried again where that
    cannot do a thing twice.

    Methods raise ApiError (the server refused), ConnectionFailed, TimedOut or ProtocolError.
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
        self._idle: deque[Wire] = deque(maxlen=IDLE_CONNECTIONS)
        self._pid = os.getpid()

    def __repr__(self) -> str:
        return f"<gpuvigil.Client of {self._core.endpoint.authority}>"

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, kind: Optional[type[BaseException]], value: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections that wait for the next call; a later call opens a new one."""
        while self._idle:
            try:
                self._idle.popleft().close()
            except IndexError:
                return  # another thread was faster

    def stream(
        self,
        *,
        kernels: Optional[Many[str]] = None,
        devices: Optional[Many[Union[str, int]]] = None,
        interval_ms: Optional[int] = None,
        recent: Optional[int] = None,
        channels: Optional[Many[Literal["metrics", "alerts"]]] = None,
        reconnect: bool = True,
    ) -> "Stream":
        """Opens the live stream: an iterator of messages.

        WS /api/v1/gpu/stream. Scope: read. With `reconnect` a lost connection is opened again, with
        growing pauses, and what is missing is marked by a message of type `gap`. The first
        connection must succeed.
        """
        subscription = {"kernels": kernels, "devices": devices, "interval_ms": interval_ms,
                        "recent": recent, "channels": channels}
        return Stream(Session(self._core, subscription, reconnect), self._core.endpoint,
                      self._timeout)

    def _call(
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
                return self._core.answer(operation, request, self._exchange(request, deadline))
            except (ApiError, ConnectionFailed) as error:
                pause = retries.wait(error, deadline - time.monotonic())
            time.sleep(pause)

    def _exchange(self, request: Request, deadline: float) -> Response:
        """One answer, over a connection that waits or a new one.

        Only reading uses one that waits: the server may close it at the same moment, and then
        nobody knows whether a request was heard.
        """
        if self._pid != os.getpid():
            self._pid = os.getpid()
            self.close()  # the parent's: it goes on with its own ends of them
        while request.method == "GET" and self._idle:
            try:
                wire = self._idle.pop()
            except IndexError:
                break  # another thread was faster
            parser = ResponseParser(request.method)
            try:
                return self._over(wire, request, deadline, parser)
            except TimedOut:
                raise
            except ConnectionFailed:
                if parser.begun:
                    raise
        wire = Wire(self._core.endpoint, deadline)
        return self._over(wire, request, deadline, ResponseParser(request.method))

    def _over(self, wire: Wire, request: Request, deadline: float,
              parser: ResponseParser) -> Response:
        try:
            response = wire.exchange(request, deadline, parser)
        except BaseException:
            wire.close()
            raise
        if response.keep and len(self._idle) < IDLE_CONNECTIONS:
            self._idle.append(wire)
        else:
            wire.close()
        return response


class Stream(Iterator[StreamMessage]):
    """The messages of the live stream, one by one; `with` or close() ends it.

    One thread iterates; subscribe() and close() may be called from any.
    """

    def __init__(self, session: Session, endpoint: Endpoint, timeout: float) -> None:
        self._session = session
        self._endpoint = endpoint
        self._timeout = timeout
        self._lock = threading.RLock()  # guards _wire, _connection and what is sent
        self._over = threading.Event()
        self._ready: deque[StreamMessage] = deque()
        self._wire: Optional[Wire] = None
        self._connection: Optional[Connection] = None
        self._open()

    def __enter__(self) -> "Stream":
        return self

    def __exit__(self, kind: Optional[type[BaseException]], value: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        self.close()

    def __next__(self) -> StreamMessage:
        while not self._ready:
            if self._over.is_set() or not self._more():
                raise StopIteration
        return self._ready.popleft()

    def subscribe(
        self,
        *,
        kernels: Optional[Many[str]] = None,
        devices: Optional[Many[Union[str, int]]] = None,
        interval_ms: Optional[int] = None,
        recent: Optional[int] = None,
        channels: Optional[Many[Literal["metrics", "alerts"]]] = None,
    ) -> None:
        """Asks for something else from now on; what is left out has its default again. The server
        says what holds in a message of type `subscribed`."""
        message = self._session.subscribe({
            "kernels": kernels, "devices": devices, "interval_ms": interval_ms, "recent": recent,
            "channels": channels})
        with self._lock:
            if self._connection is not None:
                self._connection.send(message)
                self._send()

    def close(self) -> None:
        """Ends the stream; whoever iterates leaves the loop."""
        with self._lock:
            self._over.set()
            if self._connection is not None:
                self._connection.leave()
                self._send()
            if self._wire is not None:
                try:
                    self._wire.socket.shutdown(socket.SHUT_RDWR)  # wakes a reader
                except OSError:
                    pass
                self._wire.close()

    def _more(self) -> bool:
        """Reads once, or opens the next connection; False when the stream is over."""
        with self._lock:
            wire, connection = self._wire, self._connection
        if wire is None or connection is None:
            return self._reopen()
        try:
            data = wire.socket.recv(65536)
        except OSError:  # silence, or lost
            data = b""
        if self._over.is_set():
            return False
        with self._lock:
            self._ready.extend(self._session.messages(connection, data))
            self._send()
            if connection.closed is None:
                return True
            self._wire = self._connection = None
            wire.close()
        return self._wait(self._session.ended(connection.closed))

    def _reopen(self) -> bool:
        try:
            self._open()
        except GpuvigilError as error:
            return self._wait(self._session.failed(error))
        return True

    def _wait(self, pause: Optional[float]) -> bool:
        return pause is not None and not self._over.wait(pause)

    def _open(self) -> None:
        deadline = time.monotonic() + self._timeout
        request = self._session.request()
        wire = Wire(self._endpoint, deadline)
        parser = ResponseParser(request.method)
        try:
            response = wire.exchange(request, deadline, parser)
            connection, messages = self._session.opened(response, parser.rest)
            wire.socket.settimeout(SILENCE)
        except BaseException:
            wire.close()
            raise
        with self._lock:
            self._wire, self._connection = wire, connection
            self._ready.extend(messages)
            self._send()
            if self._over.is_set():
                wire.close()

    def _send(self) -> None:
        """Sends what the connection has to say. The lock is held."""
        if self._wire is None or self._connection is None or not self._connection.outgoing:
            return
        data = bytes(self._connection.outgoing)
        self._connection.outgoing.clear()
        try:
            self._wire.socket.sendall(data)
        except OSError:
            pass  # the reader sees the end of it too
