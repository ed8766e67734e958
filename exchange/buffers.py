"""Buffers that go round between the stages of a stream, which may run in threads of their own.

Not for: streams on the event loop, or between processes.
"""

import threading
from collections.abc import Callable
from queue import SimpleQueue
from types import TracebackType
from typing import Protocol, Self

_Queue = SimpleQueue[tuple[memoryview, int] | None]


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


class Before:
    """An Outlet that does ``work`` on each filled buffer, in the thread that fills it, and then hands it on."""

    def __init__(self, work: Callable[[memoryview], object], outlet: Outlet) -> None:
        self._work = work
        self._outlet = outlet
        self._buffer = memoryview(b"")

    def take(self) -> memoryview:
        self._buffer = self._outlet.take()
        return self._buffer

    def put(self, count: int) -> None:
        self._work(self._buffer[:count])
        self._outlet.put(count)


class BufferRing:
    """An Outlet behind which several stages see each buffer one after the other, each in a thread of its own.

    ``count`` buffers of ``size`` bytes go round. Leaving the ``with`` block waits until everything put went through
    all ``stages``, and raises what one of them raised; leaving it with an exception drops what is still under way.
    Worth it where the stages free the GIL, as hashing, ciphers and files do.
    """

    def __init__(self, size: int, count: int, *stages: Callable[[memoryview], object]) -> None:
        self._error: BaseException | None = None
        self._dropping = False
        self._taken = memoryview(b"")
        self._queues: list[_Queue] = [SimpleQueue() for _ in range(len(stages) + 1)]
        for _ in range(count):
            self._queues[-1].put((memoryview(bytearray(size)), 0))
        self._threads = [
            threading.Thread(target=self._run, args=(stage, *self._queues[place : place + 2]), name="belt")
            for place, stage in enumerate(stages)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._dropping = error is not None
        self._queues[0].put(None)
        for thread in self._threads:
            thread.join()
        if error is None and self._error is not None:
            raise self._error

    def take(self) -> memoryview:
        item = self._queues[-1].get()
        if self._error is not None:
            raise self._error
        assert item, "the end comes round only after the with block"
        self._taken = item[0]
        return self._taken

    def put(self, count: int) -> None:
        self._queues[0].put((self._taken, count))

    def _run(self, stage: Callable[[memoryview], object], ahead: _Queue, behind: _Queue) -> None:
        while (item := ahead.get()) is not None:
            buffer, count = item
            if self._error is None and not self._dropping:
                try:
                    stage(buffer[:count])
                except BaseException as error:  # handed to the thread that fills, which must not wait for ever
                    self._error = error
            behind.put(item)
        behind.put(None)
