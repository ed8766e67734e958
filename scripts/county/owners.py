"""Thousands of owners in one process, as a portal meets them: each enrols, registers a camera, holds a long poll, and
answers what it is asked, or doesn't.

    python -m scripts.county.owners ORIGIN FORCE_PUB --count 2000 --near 53.7632,-2.7031

The first few (``BESIDE``) have their cameras beside that place; the others lie over a county around it. Prints JSON
lines: ``{"enrolled": n}`` now and then, ``{"held": n}`` once all poll, ``{"owner": i, "does": "is asked"}`` and so on;
ends when its standard input does. Not for: how an agent finds its footage (the packages' videos are made up).
"""

import argparse
import asyncio
import contextlib
import math
import random
import resource
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp

from agent.portal.client import PortalBusy, PortalClient
from agent.portal.tus import TusUpload
from exchange.clock import DAY, SystemClock
from exchange.documents import api
from exchange.documents.messages import (
    CameraRegistration,
    Delivery,
    Enrolment,
    Owner,
    OwnerKind,
    Place,
    Registration,
    Signed,
)
from exchange.errors import PortalUnreachable
from exchange.signing.documents import PublicKey, SigningKey, sign_document
from portal.server import loop_factory
from scripts.county import packages
from scripts.simulated_agents import Crowd, say

BESIDE = ("yes", "yes", "yes", "yes", "yes", "no", "no", "nothing")
"""What the owners beside the crime answer."""
SIDE = 0.4
"""Degrees of latitude and longitude over which the others lie."""
AT_ONCE = 12
"""Owners who enrol at once."""
THINKING = 2.0, 8.0
"""Seconds until an owner has decided."""
AGAIN = 2.0
"""Seconds, after a call that did not get through."""
WAIT = 55


class Town:
    def __init__(self, origin: str, force: PublicKey, count: int, near: tuple[float, float]) -> None:
        self._origin = origin
        self._force = force
        self._near = near
        self._clock = SystemClock()
        self._keys = [SigningKey.generate() for _ in range(count)]
        self._doing: set[asyncio.Task[None]] = set()
        self.crowd = Crowd(origin, self._keys, WAIT, self._taken)

    async def run(self, session: aiohttp.ClientSession, ramp: float) -> None:
        self._session = session
        places = self._places()
        turns, done = asyncio.Semaphore(AT_ONCE), 0

        async def join(index: int) -> None:
            nonlocal done
            async with turns:
                await self._join(index, next(places))
            done += 1
            if done % 100 == 0 or done == len(self._keys):
                say({"enrolled": done})

        await asyncio.gather(*(join(index) for index in range(len(self._keys))))
        await self.crowd.run(ramp)

    def _places(self) -> Any:
        chance = random.Random(1)
        latitude, longitude = self._near
        for number in range(len(BESIDE)):
            angle = number * 2 * math.pi / len(BESIDE)
            yield latitude + 0.0004 * math.cos(angle), longitude + 0.0006 * math.sin(angle)
        while True:
            north, east = (chance.choice((1, -1)) * chance.uniform(0.004, SIDE) for _ in range(2))
            yield latitude + north, longitude + east

    def _client(self, index: int) -> PortalClient:
        return PortalClient(self._session, self._origin, self._keys[index], audience=self._origin)

    async def _join(self, index: int, place: tuple[float, float]) -> None:
        key, client = self._keys[index], self._client(index)
        enrolment = Enrolment(
            device_key=key.public.line,
            portal=self._origin,
            force_key=self._force.fingerprint,
            issued=self._clock.now(),
        )
        await _until_it_is_done(lambda: client.enrol(sign_document(enrolment, key)))
        camera = CameraRegistration(
            camera_id="front",
            label=self._label(index),
            place=Place(latitude=place[0], longitude=place[1], description="above the door"),
            direction=float(index * 37 % 360),
            field_of_view=120.0,
            range_m=100.0,
            sound=False,
            retention_days=14,
            recordings_since=self._clock.now() - 10 * DAY,
        )
        registration = Registration(
            device=key.public.fingerprint,
            revision=1,
            owner=Owner(kind=OwnerKind.HOUSEHOLD, name=f"Simulated owner {index}", contact="owner@example.org"),
            cameras=(camera,),
            issued=self._clock.now(),
        )
        await _until_it_is_done(lambda: client.register(sign_document(registration, key)))

    def _label(self, index: int) -> str:
        return f"Front door {index + 1}"

    def _taken(self, index: int, item: dict[str, Any]) -> None:
        if item["kind"] == api.InboxKind.RECEIPT:
            say({"owner": index, "does": "has the receipt"})
        elif item["kind"] == api.InboxKind.REQUEST:
            task = asyncio.create_task(self._answer(index, Signed.model_validate(item["signed"])))
            self._doing.add(task)
            task.add_done_callback(self._doing.discard)

    async def _answer(self, index: int, signed: Signed) -> None:
        say({"owner": index, "does": "is asked"})
        does = BESIDE[index] if index < len(BESIDE) else "nothing"
        if does == "nothing":
            return
        await asyncio.sleep(random.uniform(*THINKING))
        owner = packages.Owner(self._keys[index], self._label(index), self._force)
        decision = packages.decide(owner, signed, self._clock.now(), yes=does == "yes")
        request_id, client = packages.request_id(signed), self._client(index)
        await _until_it_is_done(lambda: client.decide(request_id, decision))
        say({"owner": index, "does": does})
        if does == "yes":
            await self._hand_over(owner, signed, decision, client)
            say({"owner": index, "does": "has handed over"})

    async def _hand_over(self, owner: packages.Owner, signed: Signed, decision: Signed, client: PortalClient) -> None:
        request_id = packages.request_id(signed)
        path = await asyncio.to_thread(packages.sealed, owner, signed, decision, self._clock.now())
        try:
            upload = TusUpload(self._session, client.headers, path, path.stat().st_size)
            url = await _until_it_is_done(lambda: upload.create(self._origin + api.UPLOADS, {}))
            await _until_it_is_done(lambda: upload.send(url))
            delivery = Delivery(
                delivery_id=f"{request_id}-del",
                request_id=request_id,
                evidence_id=packages.evidence_id(request_id),
                ciphertext_sha256=packages.sha256(path.read_bytes()),
                size=path.stat().st_size,
                issued=self._clock.now(),
            )
            body = api.SignedDelivery(signed=sign_document(delivery, owner.key), upload=url)
            await _until_it_is_done(lambda: client.deliver(request_id, delivery.delivery_id, body))
        finally:
            path.unlink()


async def _until_it_is_done(call: Callable[[], Awaitable[Any]]) -> Any:
    """As an agent does: again until it got through, and as late as the portal says."""
    while True:
        try:
            return await call()
        except PortalUnreachable as error:
            await asyncio.sleep(error.after if isinstance(error, PortalBusy) else AGAIN)
        except aiohttp.ClientError:
            await asyncio.sleep(AGAIN)


async def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts.county.owners")
    parser.add_argument("origin")
    parser.add_argument("force", type=Path, help="the force's public key")
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--near", required=True, help="LAT,LON of the crime")
    parser.add_argument("--ramp", type=float, default=5, help="seconds within which all begin to poll")
    options = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    latitude, longitude = map(float, options.near.split(","))
    town = Town(options.origin, PublicKey.parse(options.force.read_text()), options.count, (latitude, longitude))
    async with aiohttp.ClientSession() as session:
        running = asyncio.create_task(town.run(session, options.ramp))
        held = asyncio.create_task(town.crowd.all_poll.wait())
        await asyncio.wait((running, held), return_when=asyncio.FIRST_COMPLETED)
        if held.done():
            say({"held": options.count})
            ended = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
            await asyncio.wait((running, ended), return_when=asyncio.FIRST_COMPLETED)
        say({"polls": town.crowd.polls, "failed": town.crowd.failed, "put_off": town.crowd.put_off})
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(main())
