"""Pictures of the map's ground: from a PMTiles file, or from the force's own server through this program.

The browser asks only the desk: whoever runs a server of tiles sees this program, and no page of the officer's. Without
tiles the map is a plain plan. Not for: tiles that hold shapes instead of pictures.
"""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp

from exchange.documents.answers import read_bounded
from exchange.errors import HandoverError, NotFound, SettingsInvalid
from portal.officer.desk.settings import DeskSettings, path_of
from portal.officer.state import OfficerState

DEEPEST = 22
MOST_BYTES = 1024 * 1024
_MOST_KEPT = 500
_TIMEOUT = aiohttp.ClientTimeout(total=15, sock_connect=5)
_NONE = NotFound("There is no picture of that place.", do="The plan works without it.")
Key = tuple[int, int, int]
"""Zoom, column, row of the usual web map (Mercator, row 0 in the north)."""
Source = Callable[[Key], Awaitable[bytes]]


class Tiles:
    """Keeps the pictures that were looked at last."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._kept: dict[Key, bytes] = {}

    async def get(self, key: Key) -> tuple[bytes, str]:
        """The picture and its media type. NotFound when there is none."""
        zoom, column, row = key
        if not (0 <= zoom <= DEEPEST and 0 <= column < 2**zoom and 0 <= row < 2**zoom):
            raise _NONE
        content = self._kept.pop(key, None)
        if content is None:
            content = await self._source(key)
        kind = _kind(content)
        if kind is None:
            raise _NONE
        while len(self._kept) >= _MOST_KEPT:
            self._kept.pop(next(iter(self._kept)))
        self._kept[key] = content
        return content, kind


def open_tiles(state: OfficerState, settings: DeskSettings, session: aiohttp.ClientSession) -> Tiles | None:
    """As ``desk.yaml`` wants it. SettingsInvalid for a file or address that is none."""
    if settings.tiles is None:
        return None
    if "://" in settings.tiles:
        return Tiles(_server(settings.tiles, session))
    return Tiles(_file(path_of(state, settings.tiles)))


def _file(path: Path) -> Source:
    try:
        from pmtiles.reader import MmapSource, Reader
    except ImportError:
        raise SettingsInvalid(
            "A PMTiles file needs the package pmtiles, which is not installed here.", do="Install handover[officer]."
        ) from None
    try:
        with path.open("rb") as file:
            reader = Reader(MmapSource(file))  # type: ignore[no-untyped-call]
        reader.header()  # type: ignore[no-untyped-call]
    except Exception:  # the package tells what it can't read by errors of many kinds
        raise SettingsInvalid(f"{path} is no PMTiles file.", do="Correct tiles in desk.yaml.") from None

    async def get(key: Key) -> bytes:
        try:
            found = await asyncio.to_thread(reader.get, *key)
        except Exception:  # a file that is spoiled further in
            raise _NONE from None
        if found is None or len(found) > MOST_BYTES:
            raise _NONE
        return bytes(found)

    return get


def _server(template: str, session: aiohttp.ClientSession) -> Source:
    parts = urlsplit(template)
    whole = parts.scheme in ("http", "https") and parts.hostname and all(f"{{{name}}}" in template for name in "zxy")
    if not whole:
        raise SettingsInvalid(
            "The address of the tiles can't be used.",
            do="Write it as in https://maps.example.police.uk/{z}/{x}/{y}.png.",
        )

    async def get(key: Key) -> bytes:
        address = template
        for name, value in zip("zxy", key, strict=True):
            address = address.replace(f"{{{name}}}", str(value))
        try:
            async with session.get(address, allow_redirects=False, timeout=_TIMEOUT) as answer:
                if answer.status != 200:
                    raise _NONE
                return await read_bounded(answer)
        except (aiohttp.ClientError, TimeoutError, HandoverError):
            raise _NONE from None

    return get


def _kind(content: bytes) -> str | None:
    """By the picture's first bytes, whatever a server says that it is."""
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if content.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    return "image/webp" if content[:4] == b"RIFF" and content[8:12] == b"WEBP" else None
