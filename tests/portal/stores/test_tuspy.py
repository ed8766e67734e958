"""Uploads from tuspy, the tus client for Python, into a folder and a bucket: in pieces, resumed, with checksums."""

import asyncio
import io
import os

import aiohttp
import pytest
from tusclient.client import TusClient

from exchange.documents import api
from exchange.signing.tokens import mint
from tests.counterparts.portals.portal import Place, in_process
from tests.counterparts.storage.bucket_server import BucketServer
from tests.portal.conftest import STORES, Town
from tests.portal.stores.test_bucket import STEP
from tests.portal.upload_places import kept
from tests.portal.wire import Agent, SetClock

KEPT_IN = STORES
CONTENT = os.urandom(3 * STEP + 17)


class Client(TusClient):  # type: ignore[misc]
    """With a fresh token for every call, as the portal wants."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        super().__init__(agent.origin + api.UPLOADS)

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {mint(self._agent.key, self._agent.origin, self._agent.clock)}"}

    @headers.setter
    def headers(self, _: dict[str, str]) -> None:
        """What its own constructor sets is not wanted."""


@pytest.mark.parametrize("checksums", [False, True])
async def test_tuspy_uploads_in_pieces_and_goes_on_after_a_restart(
    place: Place, clock: SetClock, store: str, checksums: bool, request: pytest.FixtureRequest
) -> None:
    storage: BucketServer | None = request.getfixturevalue("storage") if store == "bucket" else None
    film = io.BytesIO(CONTENT)
    more = {"chunk_size": STEP - 1000, "upload_checksum": checksums, "metadata": {"delivery": "d-1"}}
    async with in_process(place, clock) as running, aiohttp.ClientSession() as session:
        agent = await Town(place, clock, running, session).agent().join(place)
        begun = Client(agent).uploader(file_stream=film, **more)
        await asyncio.to_thread(begun.upload, stop_at=STEP)
        port = int(running.portal.origin.rpartition(":")[2])
        assert begun.offset == STEP
    async with in_process(place, clock, port):
        again = await asyncio.to_thread(Client(agent).uploader, file_stream=film, url=begun.url, **more)
        assert again.offset == STEP
        await asyncio.to_thread(again.upload)
        assert kept(place, storage, str(again.url)) == CONTENT
