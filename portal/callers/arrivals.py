"""Connections as they come: officers' are served first, others a few in each round of the event loop. Those for whom
there is no room are told to come again, before anything of HTTP is read.

A connection costs as much before its call begins as the call does, and an officer's call takes some ten rounds of the
event loop: with thousands of connections at once, each of these rounds would be long. Not for: turns of calls on
connections that stay open (``portal.callers.turns``), or how many may be open (``portal.api.connections``).
"""

import asyncio
import errno
import logging
import socket
import ssl
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

log = logging.getLogger("handover.portal")
A_ROUND = 5
"""Connections that begin in one round of the event loop, of officers and of others each: some 5 ms."""
A_ROUND_TLS = 2
"""The same where each begins with a handshake."""
MOST_WAITING = 8000
"""Others that wait: some six seconds'. More are told to come again; a token lives longer than anybody waits here."""
MOST_BEYOND = 1000
"""More of them, who can't be told; then no more are taken from the system's queue."""
ACCEPTED_A_ROUND = 500
"""So many that the system's own queue does not stay full: who finds it full tries again after a second, then two."""
BACKLOG = 65_535
"""Connections in the system's own queue; it allows as many as ``net.core.somaxconn`` says."""
LOOKED_AT_A_ROUND = 200
"""Of those that had said nothing yet."""
HEAD = 2048
"""Bytes that are looked at for what is asked."""
_NO_ROOM = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
_AGAIN_SECONDS = 1.0


@dataclass(slots=True, eq=False)
class _Arrival:
    connection: socket.socket
    taken: bool = False


class Arrivals:
    """Lives on the event loop."""

    def __init__(
        self,
        listener: socket.socket,
        make_protocol: Callable[[], asyncio.BaseProtocol],
        tls: ssl.SSLContext | None = None,
        *,
        first: Sequence[str] = (),
        refusal: Callable[[], bytes],
        when_waiting: Callable[[], None],
        most_waiting: int = MOST_WAITING,
    ) -> None:
        """``listener`` is bound and does not block. ``first``: parts of the paths that are served first, where the path
        can be seen, which under ``tls`` it can't. ``refusal``: a whole answer that says when to come again.
        ``when_waiting`` is called for each of the others that has to wait."""
        self.refused = 0
        self._listener = listener
        self._make_protocol = make_protocol
        self._tls = tls
        self._paths = tuple(path.encode() for path in first)
        self._refusal = refusal
        self._when_waiting = when_waiting
        self._most_waiting = most_waiting
        self._most_taken = min(2 * most_waiting, most_waiting + MOST_BEYOND)
        self._a_round = A_ROUND if tls is None else A_ROUND_TLS
        self._loop = asyncio.get_running_loop()
        self._first: deque[_Arrival] = deque()
        self._others: deque[_Arrival] = deque()
        self._passed_over = 0
        """Of the others, those that were taken out of their turn."""
        self._silent: deque[_Arrival] = deque()
        """Of the others, those that had said nothing when they were looked at."""
        self._next_round: asyncio.Handle | None = None
        self._reading = False
        self._later: asyncio.TimerHandle | None = None
        self._beginning: dict[asyncio.Task[None], socket.socket] = {}

    @property
    def waiting(self) -> int:
        return len(self._first) + self._others_waiting

    @property
    def _others_waiting(self) -> int:
        return len(self._others) - self._passed_over

    def open(self) -> None:
        self._listener.listen(BACKLOG)
        self._read(on=True)

    async def close(self) -> None:
        """Take no more; those that wait are closed unanswered, and may go to another replica."""
        self._read(on=False)
        for handle in (self._next_round, self._later):
            if handle is not None:
                handle.cancel()
        self._listener.close()
        beginning = dict(self._beginning)
        for task in beginning:
            task.cancel()
        await asyncio.gather(*beginning, return_exceptions=True)
        left = [*self._first, *(each for each in self._others if not each.taken)]
        cut = (connection for task, connection in beginning.items() if task.cancelled())
        for connection in (*(arrival.connection for arrival in left), *cut):
            connection.close()

    def _read(self, *, on: bool) -> None:
        if on and not self._reading:
            self._loop.add_reader(self._listener, self._accept)
        elif not on and self._reading:
            self._loop.remove_reader(self._listener)
        self._reading = on

    def _read_again(self) -> None:
        self._later = None
        self._read(on=True)

    def _accept(self) -> None:
        for _ in range(ACCEPTED_A_ROUND):
            try:
                connection, _ = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                break
            except OSError as error:
                if error.errno not in _NO_ROOM:
                    raise
                log.error("no connection can be taken: %s; it is tried again in a second", error.strerror)
                self._read(on=False)
                self._later = self._loop.call_later(_AGAIN_SECONDS, self._read_again)
                break
            connection.setblocking(False)
            self._sort(_Arrival(connection))
            if self.waiting >= self._most_taken:
                self._read(on=False)
                break
        if self._next_round is None:
            self._begin_round()

    def _sort(self, arrival: _Arrival) -> None:
        head = self._look(arrival)
        if head is not None and self._goes_first(head):
            self._first.append(arrival)
            return
        if self._others_waiting >= self._a_round:
            self._when_waiting()
        if self._others_waiting >= self._most_waiting and head is not None and self._refuse(arrival, head):
            return
        self._others.append(arrival)
        if head is None and self._tls is None:
            self._silent.append(arrival)

    def _look(self, arrival: _Arrival) -> bytes | None:
        """What was said so far, which stays to be read; None while that is nothing."""
        if self._tls is not None:
            return None
        try:
            return arrival.connection.recv(HEAD, socket.MSG_PEEK)
        except OSError:
            return None

    def _goes_first(self, head: bytes) -> bool:
        path = head.partition(b"\r\n")[0].partition(b" ")[2].partition(b" ")[0].partition(b"?")[0]
        return any(part in path for part in self._paths)

    def _refuse(self, arrival: _Arrival, head: bytes) -> bool:
        """Whether it could be told: what is short and has no body only, since a connection that is closed before all of
        it is read is broken off, answer and all."""
        if not head.startswith(b"GET ") or not head.endswith(b"\r\n\r\n"):
            return False
        connection = arrival.connection
        try:
            connection.recv(HEAD)
            connection.send(self._refusal())
        except OSError as error:
            log.debug("a connection had gone: %s", type(error).__name__)
        connection.close()
        self.refused += 1
        return True

    def _begin_round(self) -> None:
        self._look_again()
        for waiting in (self._first, self._others):
            begun = 0
            while waiting and begun < self._a_round:
                arrival = waiting.popleft()
                if waiting is self._others and arrival.taken:
                    self._passed_over -= 1
                    continue
                arrival.taken = True
                begun += 1
                task = self._loop.create_task(self._begin(arrival.connection))
                self._beginning[task] = arrival.connection
                task.add_done_callback(self._beginning.pop)
        if not self._reading and self._later is None and self.waiting < self._most_waiting:
            self._read(on=True)
        self._next_round = self._loop.call_soon(self._begin_round) if self._first or self._others else None

    def _look_again(self) -> None:
        """Officers' calls, and those for whom there is no room, are found among those that were silent at first."""
        for _ in range(min(len(self._silent), LOOKED_AT_A_ROUND)):
            arrival = self._silent.popleft()
            if arrival.taken:
                continue
            head = self._look(arrival)
            if head is None:
                self._silent.append(arrival)
            elif self._goes_first(head):
                self._first.append(arrival)
                self._pass_over(arrival)
            elif self._others_waiting > self._most_waiting and self._refuse(arrival, head):
                self._pass_over(arrival)

    def _pass_over(self, arrival: _Arrival) -> None:
        arrival.taken = True
        self._passed_over += 1

    async def _begin(self, connection: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._make_protocol, connection, ssl=self._tls)
        except OSError as error:  # also of TLS, and of a handshake that took too long
            log.debug("a connection did not begin: %s", type(error).__name__)
            connection.close()
