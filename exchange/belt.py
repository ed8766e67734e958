"""Buffers that go round between two stages of a stream, the second of which may run in a thread of its own.

Not for: streams on the event loop, or between processes.
"""

import threading
from collections.abc import Callable
from queue import SimpleQueue
from types import TracebackType
from typing import Protocol, Self


class Outlet(Protocol):
    """Where a stage puts its output: it fills a buffer that it is lent, and hands it back with the count filled."""

    def take(self) -> memoryview:
        """An empty buffer, to be filled from the front. Raises what the stage behind it raised."""
        ...

    def put(self, count: int) -> None:
        """Hand on the first ``count`` bytes of the buffer that was taken."""
        ...


class Direct:
    """An Outlet whose stage behind runs at once, in the same thread."""

    def __init__(self, work: Callable[[memoryview], object], size: int) -> None:
        self._work = work
        self._buffer = memoryview(bytearray(size))

    def take(self) -> memoryview:
        return self._buffer

    def put(self, count: int) -> None:
        self._work(self._buffer[:count])


class Watched:
    """An Outlet that shows to ``watch`` what is put on it, in the thread that puts, and then to the outlet behind."""

    def __init__(self, outlet: Outlet, watch: Callable[[memoryview], object]) -> None:
        self._outlet = outlet
        self._watch = watch
        self._taken = memoryview(b"")

    def take(self) -> memoryview:
        self._taken = self._outlet.take()
        return self._taken

    def put(self, count: int) -> None:
        self._watch(self._taken[:count])
        self._outlet.put(count)


class Belt:
    """An Outlet whose stage behind runs in its own thread, at most ``count`` buffers of ``size`` bytes later.

    Leaving the ``with`` block waits until everything put was worked on and raises what ``work`` raised; leaving it
    with an exception drops what is still under way. Worth it where ``work`` frees the GIL: hashing, ciphers, files.
    """

    def __init__(self, work: Callable[[memoryview], object], size: int, count: int) -> None:
        self._work = work
        self._free: SimpleQueue[memoryview] = SimpleQueue()
        self._full: SimpleQueue[tuple[memoryview, int] | None] = SimpleQueue()
        self._error: BaseException | None = None
        self._dropping = False
        for _ in range(count):
            self._free.put(memoryview(bytearray(size)))
        self._taken = memoryview(b"")
        self._thread = threading.Thread(target=self._run, name="belt")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._dropping = error is not None
        self._full.put(None)
        self._thread.join()
        if error is None and self._error is not None:
            raise self._error

    def take(self) -> memoryview:
        self._taken = self._free.get()
        if self._error is not None:
            raise self._error
        return self._taken

    def put(self, count: int) -> None:
        self._full.put((self._taken, count))

    def _run(self) -> None:
        while (item := self._full.get()) is not None:
            buffer, count = item
            if self._error is None and not self._dropping:
                try:
                    self._work(buffer[:count])
                except BaseException as error:  # handed to the thread that fills, which must not wait for ever
                    self._error = error
            self._free.put(buffer)
