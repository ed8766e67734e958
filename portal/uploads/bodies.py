"""A call's body as it comes in: gathered into blocks, and held against the checksum that its sender gave.

Not for: where it goes (``portal.uploads.store``).
"""

import asyncio
import base64
import hashlib
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import Protocol

from portal.problems import ProblemError
from portal.uploads.turns import Turn

STALL_SECONDS = 60
"""How long a sender may be silent before its call ends."""


class Source(Protocol):
    """A body as it comes in (aiohttp's StreamReader)."""

    async def readchunk(self) -> tuple[bytes, bool]:
        """What came, uncopied, and whether it ends an HTTP chunk."""
        ...

    def at_eof(self) -> bool:
        """Whether all of the body was read. What ``readchunk`` gives then differs: an empty body, which all calls
        share, says for ever that a chunk ends."""
        ...


CHECKSUMS: dict[str, Callable[[], "hashlib._Hash"]] = {
    "sha256": hashlib.sha256,
    "sha1": lambda: hashlib.sha1(usedforsecurity=False),
}
"""Algorithms of tus's checksum extension, which every server has to know sha1 of. Against accidents, not attackers."""


@dataclass(frozen=True, slots=True)
class Checksum:
    """What the sender says the bytes of one call hash to (tus checksum extension)."""

    algorithm: str
    digest: bytes

    @classmethod
    def parse(cls, header: str) -> "Checksum":
        algorithm, _, digest = header.partition(" ")
        if algorithm not in CHECKSUMS:
            raise ProblemError(400, "This checksum algorithm isn't offered.", f"Use one of: {', '.join(CHECKSUMS)}.")
        try:
            value = base64.b64decode(digest, validate=True)
        except ValueError:
            value = b""
        if len(value) != CHECKSUMS[algorithm]().digest_size:
            raise ProblemError(400, "The checksum can't be read.", f"Send the {algorithm} in base64.")
        return cls(algorithm, value)

    def begin(self) -> "hashlib._Hash":
        return CHECKSUMS[self.algorithm]()

    def check(self, found: "hashlib._Hash | None") -> None:
        """ProblemError 460 when it is another one."""
        if found is None or found.digest() != self.digest:
            raise ProblemError(460, "The bytes don't fit their checksum.", "They were thrown away: send them again.")


@dataclass(frozen=True, slots=True)
class Block:
    """Bytes as they came, uncopied, and how many."""

    pieces: list[bytes]
    size: int


async def gathered(source: Source, turn: Turn, room: int, block: int) -> AsyncGenerator[Block, None]:
    """The body in blocks of at least ``block`` bytes, the last one smaller; at most ``room`` bytes.

    What came before a break is given too, and then the break is raised: ProblemError 413 when there is more than
    ``room``, TimeoutError when the sender fell silent, or what the connection says.
    """
    pieces: list[bytes] = []
    held = 0
    broke: BaseException | None = None
    try:
        while True:
            async with asyncio.timeout(STALL_SECONDS):
                data, ends_chunk = await source.readchunk()
            if not data and (source.at_eof() or not ends_chunk):
                break
            turn.made_progress()
            if len(data) > room:
                raise ProblemError(413, "There is more than the upload's length.", "Send Upload-Length bytes.")
            room -= len(data)
            pieces.append(data)
            held += len(data)
            if held >= block:
                ready, pieces, count, held = pieces, [], held, 0
                yield Block(ready, count)
    except GeneratorExit:
        raise
    except BaseException as error:
        broke = error
    if held:
        yield Block(pieces, held)
    if broke is not None:
        raise broke
