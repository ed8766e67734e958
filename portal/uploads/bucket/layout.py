"""What an upload is made of in a bucket, and how far it is: nothing but what lies there says so.

A whole upload is an object under its own name. Until then it is an upload in parts of one size, of which those count
that are there without a gap; and what came of the next part, the rest, is an object named by that part's number and its
own length, of which the longest counts. A replica that died, or lost its turn and does not know it yet, can so make an
upload longer, and never shorter. One that fits a single part is never more than a rest, and then an object.
"""

import contextlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from portal.uploads.bucket.http import Gone
from portal.uploads.bucket.objects import Objects, SentPart

MIB = 1024 * 1024
PART = 8 * MIB
"""Bytes; S3 takes none below 5 MiB but the last, and some storage wants all of one size."""
MOST_PARTS = 10_000
KNOWN = 64
_NAME = re.compile(r"([0-9a-f]{32})(?:\.rest\.([0-9]{1,5})\.([0-9]{1,15}))?")


@dataclass(frozen=True, slots=True)
class Rest:
    """``length`` bytes of part ``number``, from its beginning."""

    name: str
    number: int
    length: int


@dataclass(slots=True)
class Progress:
    """How far an upload is. ``etags``: of the parts that count, by their number, from 1 without a gap."""

    upload: str
    size: int
    part: int
    whole: bool = False
    multipart: str | None = None
    etags: dict[int, str] = field(default_factory=dict)
    rests: list[Rest] = field(default_factory=list)
    """All that lie there, also those that count no more."""
    given_up: int | None = None
    """Bytes of an object of its name that is not whole: of one that was to go on in another store."""

    @property
    def part_count(self) -> int:
        """How many it will have."""
        return max(1, -(-self.size // self.part))

    @property
    def is_single(self) -> bool:
        return self.part_count == 1

    @property
    def next(self) -> int:
        return len(self.etags) + 1

    @property
    def rest(self) -> Rest | None:
        """The one that counts."""
        ours = [rest for rest in self.rests if rest.number == self.next]
        return max(ours, key=lambda rest: rest.length, default=None)

    @property
    def offset(self) -> int:
        if self.whole:
            return self.size
        sent = min(len(self.etags) * self.part, self.size)
        return sent + (self.rest.length if self.rest else 0)

    def size_of(self, number: int) -> int:
        return min(self.part, self.size - (number - 1) * self.part)

    def count(self, sent: Iterable[SentPart]) -> None:
        """Take those that go on from what counts."""
        for part in sent:
            if part.number == self.next and part.size == self.size_of(part.number):
                self.etags[part.number] = part.etag


class KnownProgress:
    """Of uploads that this process has seen: parts that are there stay there, and need not be asked for again."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[str, dict[int, str]]] = {}

    def of(self, upload: str) -> tuple[str | None, dict[int, str]]:
        multipart, etags = self._known.get(upload, (None, {}))
        return multipart, dict(etags)

    def keep(self, progress: Progress) -> None:
        self.forget(progress.upload)
        if progress.multipart is not None:
            self._known[progress.upload] = progress.multipart, dict(progress.etags)
        while len(self._known) > KNOWN:
            self._known.pop(next(iter(self._known)))

    def forget(self, upload: str) -> None:
        self._known.pop(upload, None)


def part_size(size: int) -> int:
    """Of an upload of so many bytes: the same at every replica."""
    least = -(-size // MOST_PARTS)
    return PART if least <= PART else -(-least // MIB) * MIB


def rest_name(upload: str, number: int, length: int) -> str:
    return f"{upload}.rest.{number}.{length}"


def upload_of(name: str) -> str | None:
    """Which upload an object belongs to; None for what is not the portal's."""
    found = _NAME.fullmatch(name)
    return found[1] if found else None


async def look(objects: Objects, upload: str, size: int, known: KnownProgress) -> Progress:
    """How far it is, whoever received it."""
    progress = Progress(upload, size, part_size(size))
    for stored in await objects.listed(upload):
        found = _NAME.fullmatch(stored.name)
        if found is None:
            continue
        if found[2] is None:
            progress.whole = stored.size == size
            progress.given_up = None if progress.whole else min(stored.size, size)
        elif stored.size == int(found[3]) < progress.size_of(int(found[2])):
            progress.rests.append(Rest(stored.name, int(found[2]), stored.size))
    if progress.whole or progress.is_single:
        return progress
    multipart, etags = known.of(upload)
    if multipart is not None:
        progress.multipart, progress.etags = multipart, etags
        try:
            progress.count(await objects.sent(upload, multipart, len(etags)))
        except Gone:
            progress.multipart, progress.etags = None, {}
    if progress.multipart is None:
        await _find(objects, progress)
    known.keep(progress)
    return progress


async def _find(objects: Objects, progress: Progress) -> None:
    """The one with the most parts. More than one was begun where storage's answer was lost: the others go."""
    begun = [each for each in await objects.begun(progress.upload) if each.name == progress.upload]
    found: list[tuple[str, dict[int, str]]] = []
    for each in begun:
        progress.etags = {}
        with contextlib.suppress(Gone):
            progress.count(await objects.sent(progress.upload, each.multipart))
            found.append((each.multipart, progress.etags))
    progress.multipart, progress.etags = max(found, key=lambda each: len(each[1]), default=(None, {}))
    for multipart, _ in found:
        if multipart != progress.multipart:
            await objects.abort(progress.upload, multipart)
