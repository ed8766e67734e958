"""An evidence system with an HTTP interface: a case, an item of evidence for each file, each held against its SHA-256.

The reference for whoever connects a product. Logging in by OAuth client credentials and paths below a force's id are as
Axon publishes of its Partner API; the bodies of calls are those that docs/connectors.md lists, as no vendor publishes
theirs. Not for: calls as such (``portal.officer.casework.connectors.evidence_calls``).
"""

import asyncio
import os
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp

from exchange.errors import EvidenceMismatch, PlaceRefused, SettingsInvalid
from portal.officer.casework.case_folder import CaseFile, CaseFolder
from portal.officer.casework.connectors.connector import Progress, blocks
from portal.officer.casework.connectors.evidence_calls import Calls, Reply
from portal.officer.casework.connectors.memo import Memo

LOGIN = "/api/oauth2/token"
MAX_SECRET = 4096


class _Attributes(Reply):
    uploadedBytes: int = 0
    state: str = ""
    sha256: str = ""


class _Item(Reply):
    id: str
    attributes: _Attributes = _Attributes()


class _One(Reply):
    data: _Item


class _Many(Reply):
    data: tuple[_Item, ...] = ()


@dataclass(frozen=True, slots=True)
class EvidenceApiConnector:
    """``secret``: reads the client's secret when it is needed; it is kept nowhere here."""

    origin: str
    force_id: str
    client_id: str
    secret: Callable[[], str]

    @property
    def title(self) -> str:
        return f"{self.origin}, force {self.force_id}"

    @property
    def _top(self) -> str:
        return f"/api/v2/agencies/{quote(self.force_id, safe='')}"

    async def put(self, case: CaseFolder, memo: Memo, show: Progress) -> str:
        """See ``portal.officer.casework.connectors.connector``. The last file, the bag's own list of lists, is marked
        whole when all others are: until then an item may be there, and the case is not."""
        async with self._calls() as calls:
            case_id = await self._case(calls, case, memo)
            done = 0
            for each in case.files:
                await self._put_file(calls, case, each, case_id, memo, _from(done, show))
                done += each.size
                show(done)
        return f"{self.origin}, case {case_id}"

    async def _case(self, calls: Calls, case: CaseFolder, memo: Memo) -> str:
        """The case of this crime reference, made if there is none."""
        body = {
            "data": {
                "type": "case",
                "attributes": {"externalId": case.crime_reference, "title": f"Crime {case.crime_reference}"},
            }
        }
        return await self._found_or_made(calls, "/cases", ("case", case.crime_reference), body, memo)

    async def _put_file(
        self, calls: Calls, case: CaseFolder, each: CaseFile, case_id: str, memo: Memo, show: Progress
    ) -> None:
        name = f"{case.name}/{each.path}"
        whole = f"whole {each.path}"
        if memo.get(whole) == each.sha256:
            return
        body = {
            "data": {
                "type": "evidence",
                "attributes": {
                    "externalId": f"{name}#{each.sha256}",
                    "caseId": case_id,
                    "title": name,
                    "size": each.size,
                    "sha256": each.sha256,
                },
            }
        }
        named = (f"{each.path}#{each.sha256}", f"{name}#{each.sha256}")
        item = await self._found_or_made(calls, "/evidence", named, body, memo)
        path = f"{self._top}/evidence/{quote(item, safe='')}"
        there = (await calls.read("GET", path, _One)).data.attributes
        if there.state != "stored":
            await self._upload(calls, each, path, there.uploadedBytes, show)
            there = (await calls.read("POST", f"{path}/complete", _One, body={"sha256": each.sha256})).data.attributes
        if (there.state, there.sha256) != ("stored", each.sha256):
            raise PlaceRefused(
                f"{self.origin} does not hold {each.path} as it was sent.",
                meaning="Its SHA-256 differs, or it says nothing of it.",
                do="Tell who runs it; export again.",
            )
        await asyncio.to_thread(memo.keep, {whole: each.sha256})

    async def _upload(self, calls: Calls, each: CaseFile, path: str, start: int, show: Progress) -> None:
        """What is not there yet; all of it is read, so that what was changed since is found before it is whole."""
        if not 0 <= start <= each.size:
            raise EvidenceMismatch(f"{self.origin} has more of {each.path} than there is.", do="Tell who runs it.")
        at, content = 0, blocks(each)
        while (block := await asyncio.to_thread(next, content, None)) is not None:
            piece = block[max(0, min(start - at, len(block))) :]
            at += len(block)
            if piece:
                await calls.put(f"{path}/content", piece, at - len(piece), each.size)
            show(at)

    async def _found_or_made(self, calls: Calls, kind: str, named: tuple[str, str], body: Any, memo: Memo) -> str:
        """The id of what has this name: as noted, as it is there already (a call may have arrived whose answer did
        not), or new. ``named``: in the memo, and there."""
        noted, name = named
        known = memo.get(noted)
        if known is not None:
            return known
        found = (await calls.read("GET", self._top + kind, _Many, query={"externalId": name})).data
        item = found[0] if found else (await calls.read("POST", self._top + kind, _One, body=body)).data
        await asyncio.to_thread(memo.keep, {noted: item.id})
        return item.id

    @asynccontextmanager
    async def _calls(self) -> AsyncIterator[Calls]:
        secret = await asyncio.to_thread(self.secret)
        credentials = {"partner_id": self.force_id, "client_id": self.client_id, "client_secret": secret}
        async with aiohttp.ClientSession(auto_decompress=False) as session:
            yield Calls(session, self.origin, LOGIN, credentials)


def secret_of_file(path: Path) -> str:
    """Its first line. SettingsInvalid unless only its owner may read it."""
    try:
        with path.open("rb") as file:
            if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                raise SettingsInvalid(f"Others may read {path}.", do=f"chmod 600 {path}; change the secret.")
            found = file.read(MAX_SECRET + 1).split(b"\n")[0].decode().strip()
    except (OSError, UnicodeDecodeError):
        raise SettingsInvalid(f"{path} can't be read.", do="Write the client's secret into it.") from None
    if not 0 < len(found) <= MAX_SECRET:
        raise SettingsInvalid(f"{path} holds no secret.", do="Write the client's secret into it.")
    return found


def _from(done: int, show: Progress) -> Progress:
    return lambda at: show(done + at)
