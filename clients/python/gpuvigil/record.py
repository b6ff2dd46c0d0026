# SPDX-License-Identifier: Apache-2.0
"""Reports a program's own kernels: a bounded queue, and one thread that posts what is in it.

The program never waits for a server. What is lost is counted, and told when the program ends.
"""
import atexit
import functools
import inspect
import logging
import os
import sys
import threading
import time
import weakref
from collections import deque
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Callable, Iterable, Literal, Optional, TypeVar, Union, cast, overload

from . import _batch
from ._batch import Entry
from .client import Client
from .errors import GpuvigilError

CAPACITY = 100_000  # executions that wait at most
PERIOD = 0.25  # seconds between posts
MOST_REFUSALS = 5  # of one batch, each of which names what is wrong with a part of it
LAST_WAIT = 0.5  # seconds that close() may take beyond its timeout
EXIT_DEADLINE = 2.0  # seconds that the end of a program may take longer for what still waits

LOG = logging.getLogger("gpuvigil")
Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class RecorderStats:
    """What became of the executions of a recorder. All but the first three are losses."""

    recorded: int = 0  # taken by record()
    posted: int = 0  # the server has them
    waiting: int = 0
    dropped: int = 0  # the queue was full
    malformed: int = 0  # never taken: no server would take them
    refused: int = 0  # by the server
    expired: int = 0  # waited for the server for an hour
    unconfirmed: int = 0  # sent, but the answer was lost: not sent again, so never counted twice
    abandoned: int = 0  # still waited when the program or the recorder ended
    last_error: Optional[str] = None  # why the last post failed; None where it did not

    @property
    def lost(self) -> int:
        """All that happened and is not, or may not be, with the server."""
        return sum(getattr(self, name) for name in LOSSES)


class Recorder:
    """Takes executions from any thread and posts them in batches from a thread of its own.

    record() takes a few microseconds and never waits; at most `capacity` executions wait, and one
    batch is on its way. After a fork the child begins with an
    empty recorder: what waits is the parent's. At the end of the program what waits is posted
    within `exit_deadline` seconds, and a loss is told by the logger `gpuvigil`.
    """

    def __init__(
        self,
        client: Optional[Client] = None,
        *,
        capacity: int = CAPACITY,
        period: float = PERIOD,
        exit_deadline: float = EXIT_DEADLINE,
    ) -> None:
        """Without a client: one for $GPUVIGIL_SERVER with $GPUVIGIL_TOKEN, scope ingest."""
        self._client = client if client is not None else Client(timeout=10.0)
        self._capacity = capacity
        self._period = period
        self._exit_deadline = exit_deadline
        self._begin()
        _RECORDERS.add(self)
        # Held weakly, so that a recorder can go; it is flushed before it goes only by close().
        atexit.register(_end, weakref.ref(self))

    def _begin(self) -> None:
        """All that a child of fork has anew."""
        # Reentrant, for the handler of a signal may ask while its thread is in here. It may also
        # record, and would do so in the middle of an addition: so what comes then waits in _late.
        self._lock = threading.RLock()
        self._owner = 0  # the thread that records just now
        self._late: deque[Entry] = deque()
        self._queue: deque[Entry] = deque()
        self._counts = dict.fromkeys(COUNTERS, 0)
        self._last_error: Optional[str] = None
        self._thread: Optional[threading.Thread] = None
        self._wake = threading.Event()  # set by flush() and close() alone
        self._posting = 0  # executions that are on their way
        self._cutting = False  # while a batch is in neither number
        self._closed = False
        self._told_full = False

    # ---- any thread ----

    def record(
        self,
        name: str,
        duration_ms: float,
        *,
        end_ns: Optional[int] = None,
        memory_mb: Optional[float] = None,
        device: Optional[Union[int, str]] = None,
        kind: Optional[str] = None,
    ) -> bool:
        """Takes one execution; False where it was dropped or is malformed. Never waits.

        `end_ns`: when it ended, nanoseconds since 1970; left out, the server takes the time at
        which it hears of it. `device`: index, UUID or PCI bus id, 0 where it is left out.
        """
        try:
            ns = round(duration_ms * 1e6)
        except (OverflowError, ValueError, TypeError):
            ns = -1
        return self.record_entry(Entry(name, ns, end_ns, memory_mb, device, kind))

    def record_entry(self, entry: Entry) -> bool:
        """As record(), for what is made already."""
        return self._record((entry,)) == 1

    def record_many(self, entries: Iterable[Entry]) -> int:
        """Takes as many as there is room for; gives how many."""
        return self._record(entries)

    def _record(self, entries: Iterable[Entry]) -> int:
        me = threading.get_ident()
        if self._owner == me:
            late = list(entries)
            self._late.extend(late)
            return len(late)
        with self._lock:
            self._owner = me
            try:
                taken = sum([self._take(entry) for entry in entries])
                while self._late:
                    self._take(self._late.popleft())
            finally:
                self._owner = 0
        return taken

    def _take(self, entry: Entry) -> bool:
        """The lock is held."""
        why = _batch.why_not(entry)
        if why is not None:
            self._count(malformed=1)
            LOG.debug("an execution is not taken: %s", why)
        elif self._closed:
            self._count(abandoned=1)
        elif len(self._queue) + self._posting >= self._capacity:
            self._count(dropped=1)
        else:
            self._queue.append(entry)
            self._counts["recorded"] += 1
            if self._thread is None:
                self._start()
            return True
        return False

    def stats(self) -> RecorderStats:
        """What became of the executions up to now."""
        with self._lock:
            waiting = len(self._queue) + len(self._late) + self._posting + self._cutting
            return RecorderStats(**self._counts, waiting=waiting,
                                 last_error=self._last_error)

    def flush(self, timeout: float = 5.0) -> bool:
        """Waits until the server has all that was taken before; False where it did not get it in
        time, or something was lost on the way."""
        lost = self.stats().lost
        deadline = time.monotonic() + timeout
        again = 0.0
        while self.stats().waiting and time.monotonic() < deadline:
            if self._thread is None:
                self._post_all()  # there was no room for a thread
            elif time.monotonic() >= again:
                self._wake.set()
                again = time.monotonic() + self._period
            time.sleep(min(0.005, timeout))
        stats = self.stats()
        return stats.waiting == 0 and stats.lost == lost

    def close(self, timeout: float = 5.0) -> RecorderStats:
        """Posts what waits, ends the thread and says what became of all. Takes nothing after it."""
        self.flush(timeout)
        with self._lock:
            if self._closed:
                return self.stats()
            self._closed = True
            self._count(abandoned=len(self._queue))
            self._queue.clear()
            self._wake.set()
            thread = self._thread
        if thread is not None:
            thread.join(LAST_WAIT)  # for what is on its way
        stats = self.stats()
        if stats.lost or stats.waiting:
            LOG.warning("gpuvigil: %d of %d executions are lost (%s)%s", stats.lost + stats.waiting,
                        stats.recorded + stats.dropped + stats.malformed, _losses(stats),
                        f": {stats.last_error}" if stats.last_error else "")
        return stats

    # ---- the thread ----

    def _start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="gpuvigil-recorder", daemon=True)
        try:
            self._thread.start()
        except RuntimeError:  # the interpreter is about to end, or there are too many threads
            self._thread = None
            return
        multiprocessing = sys.modules.get("multiprocessing")
        if multiprocessing is not None and multiprocessing.parent_process() is not None:
            # A child of multiprocessing ends without atexit.
            multiprocessing.util.Finalize(None, _end, args=(weakref.ref(self),), exitpriority=10)

    def _run(self) -> None:
        pause = _batch.FIRST_PAUSE
        wait = self._period
        while True:
            # Woken, it tries at once, whatever it waits for: somebody waits for it.
            self._wake.wait(wait)
            self._wake.clear()
            error = self._post_all()
            if self._closed:
                return
            if error is None:
                pause, wait = _batch.FIRST_PAUSE, self._period
            else:
                wait = max(error, pause)
                pause = min(pause * 2, _batch.LONGEST_PAUSE)

    def _post_all(self) -> Optional[float]:
        """Posts what waits; None, or the least seconds to wait where that failed."""
        refusals = 0
        if self._late:
            self._record(())  # a handler's, that came when the last record was nearly over
        while True:
            # Without the lock: nobody who records waits for a batch to be cut.
            self._cutting = True
            batch = _batch.take(self._queue, time.time_ns())
            with self._lock:
                self._count(expired=batch.expired)
                self._posting = len(batch.entries)
                self._cutting = False
            if not batch.entries:
                return None
            try:
                self._client.post_executions(batch.body())
            except GpuvigilError as error:
                refusals += 1
                pause = self._failed(error, batch.entries, refusals >= MOST_REFUSALS)
                if pause != 0.0:
                    return pause or _batch.FIRST_PAUSE
                continue
            except Exception as error:  # a fault of this library must not go unseen for ever
                self._failed(GpuvigilError(f"{type(error).__name__}: {error}"), batch.entries)
                return _batch.LONGEST_PAUSE
            refusals = 0
            with self._lock:
                self._count(posted=len(batch.entries))
                self._last_error = None
                self._posting = 0

    def _failed(self, error: GpuvigilError, entries: list[Entry],
                enough: bool = False) -> Optional[float]:
        """Gives the least seconds to wait; None: as usual, 0: not at all."""
        verdict = _batch.judge(error, entries)
        if enough and verdict.refused:
            verdict = _batch.Verdict([], refused=len(entries), pause=0.0)
        with self._lock:
            if self._last_error is None:
                LOG.warning("gpuvigil: executions are not taken: %s", error)
            if self._closed:
                self._count(abandoned=len(verdict.keep))
            else:
                self._queue.extendleft(reversed(verdict.keep))
            self._count(refused=verdict.refused, unconfirmed=verdict.unconfirmed)
            self._last_error = str(error)
            self._posting = 0
        return verdict.pause

    def _count(self, **more: int) -> None:
        """Adds to counters. The lock is held."""
        if more.get("dropped") and not self._told_full:
            self._told_full = True
            LOG.warning("gpuvigil: the queue is full, executions are dropped")
        for name, count in more.items():
            self._counts[name] += count


LOSSES = ("dropped", "malformed", "refused", "expired", "unconfirmed", "abandoned")
COUNTERS = ("recorded", "posted", *LOSSES)


def _losses(stats: RecorderStats) -> str:
    return ", ".join(f"{getattr(stats, name)} {name}" for name in (*LOSSES, "waiting")
                     if getattr(stats, name))


# ---- the ends of processes ----

_RECORDERS: "weakref.WeakSet[Recorder]" = weakref.WeakSet()


def _end(recorder: "weakref.ref[Recorder]") -> None:
    """At the end of a process: what waits is posted, for a while."""
    found = recorder()
    if found is not None and (found.stats().waiting or found.stats().lost):
        found.close(found._exit_deadline)


def _after_fork() -> None:
    global _default_lock
    _default_lock = threading.Lock()  # whoever held it is not here
    for recorder in list(_RECORDERS):
        recorder._begin()


_default: Optional[Recorder] = None
_default_lock = threading.Lock()

os.register_at_fork(after_in_child=_after_fork)


def get_recorder() -> Recorder:
    """The recorder of this program, made at the first use: $GPUVIGIL_SERVER, $GPUVIGIL_TOKEN."""
    global _default
    with _default_lock:
        if _default is None:
            _default = Recorder()
        return _default


def set_recorder(recorder: Optional[Recorder]) -> Optional[Recorder]:
    """Makes it the recorder of this program; gives the one before, which still runs."""
    global _default
    with _default_lock:
        before, _default = _default, recorder
        return before


# ---- the decorator ----


class Span:
    """What record_kernel() makes: a decorator and a context manager."""

    def __init__(self, name: str, more: tuple[Any, ...],
                 synchronize: Optional[Callable[[], object]],
                 recorder: Optional[Recorder]) -> None:
        self._name = name
        self._more = more  # of an Entry, behind its end
        self._synchronize = synchronize
        self._recorder = recorder
        self._begun: list[int] = []

    def __call__(self, function: Function) -> Function:
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise TypeError("record_kernel cannot tell when a generator works: use it as a block")
        wrapper: Any
        if inspect.iscoroutinefunction(function):
            @functools.wraps(function)
            async def wrapper(*args: Any, **keywords: Any) -> Any:
                begun = self._start()
                try:
                    return await function(*args, **keywords)
                finally:
                    self._stop(begun)
        else:
            @functools.wraps(function)
            def wrapper(*args: Any, **keywords: Any) -> Any:
                begun = self._start()
                try:
                    return function(*args, **keywords)
                finally:
                    self._stop(begun)
        return cast(Function, wrapper)

    def __enter__(self) -> "Span":
        self._begun.append(self._start())
        return self

    def __exit__(self, kind: Optional[type[BaseException]], value: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        self._stop(self._begun.pop())

    def _start(self) -> int:
        if self._synchronize is not None:
            self._synchronize()
        return time.perf_counter_ns()

    def _stop(self, begun: int) -> None:
        if self._synchronize is not None:
            self._synchronize()
        took = time.perf_counter_ns() - begun
        recorder = self._recorder if self._recorder is not None else get_recorder()
        recorder.record_entry(Entry(self._name, took, time.time_ns(), *self._more))


@overload
def record_kernel(
    name: str,
    *,
    memory_mb: Optional[float] = None,
    device: Optional[Union[int, str]] = None,
    kind: Optional[Literal["compute", "collective", "memcpy", "memset"]] = None,
    synchronize: Optional[Callable[[], object]] = None,
    recorder: Optional[Recorder] = None,
) -> Span:
    ...


@overload
def record_kernel(name: Function) -> Function:
    ...


def record_kernel(
    name: Any,
    *,
    memory_mb: Optional[float] = None,
    device: Optional[Union[int, str]] = None,
    kind: Optional[str] = None,
    synchronize: Optional[Callable[[], object]] = None,
    recorder: Optional[Recorder] = None,
) -> Any:
    """Reports what a function or a block does as executions of a kernel.

        @record_kernel("conv2d")          # or @record_kernel, named after the function
        def conv2d(x): ...

        with record_kernel("conv2d", memory_mb=128, device=0): ...

    It measures time on the host. Work that goes on after a call, as on a GPU, is measured where
    `synchronize` waits for it: record_kernel("conv2d", synchronize=torch.cuda.synchronize).
    Functions may be coroutines. What raises is reported too: its time was spent. One block may be
    entered again inside itself, not by two threads at once; a function may run in any number.
    """
    more = (memory_mb, device, kind)
    if callable(name):
        return Span(name.__qualname__, more, synchronize, recorder)(name)
    return Span(name, more, synchronize, recorder)
