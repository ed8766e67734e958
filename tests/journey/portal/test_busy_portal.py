"""A portal that has too much to do says when it wants to be asked again, and the agent's every call heeds it."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from agent.background.inbox import InboxPoll
from agent.owner.operations.context import Nothing
from agent.portal import tus
from agent.portal.client import PortalBusy
from agent.settings.model import PollSettings
from exchange.clock import SECOND
from exchange.documents import api
from exchange.documents.answers import LONGEST_WAIT, retry_after
from exchange.errors import PortalUnreachable
from exchange.signing.documents import SigningKey
from portal.officer.client import OfficerClient
from tests.counterparts.portals.hostile_portal import HostilePortal, each, status
from tests.journey.home import ACTOR, Siege, besieged, owner_does
from tests.journey.portal.test_polls_cut import ENDINGS, behind_a_proxy

NOON = "Sat, 21 Nov 2026 12:00:00 GMT"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7),
        ({"Retry-After": " 0 "}, 0),
        ({"Retry-After": "9" * 30}, LONGEST_WAIT),
        ({"Retry-After": "Sat, 21 Nov 2026 12:00:20 GMT", "Date": NOON}, 20),
        ({"Retry-After": "Sat, 21 Nov 2026 11:00:00 GMT", "Date": NOON}, 0),
        ({"Retry-After": "Fri, 31 Dec 9999 23:59:59 GMT", "Date": NOON}, LONGEST_WAIT),
        ({"Retry-After": "Saturday, 21-Nov-26 12:00:20 GMT", "Date": NOON}, 20),
        ({"Retry-After": "Sat Nov 21 12:00:20 2026", "Date": NOON}, 20),
        ({"Retry-After": "1.5"}, 1.5),
        ({"Retry-After": NOON}, None),
        ({"Retry-After": NOON, "Date": "Sat, 21 Nov 2026 12:00:00"}, None),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": "²"}, None),
        ({"Retry-After": "soon", "Date": NOON}, None),
        ({}, None),
    ],
)
def test_when_to_come_again_is_read_as_seconds_or_a_date_and_bounded(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert retry_after(headers) == seconds


async def pauses(at: Siege, times: int) -> list[float]:
    """How long the agent slept after each of so many polls (seconds)."""
    slept: list[float] = []
    done = asyncio.Event()

    async def sleep(seconds: float) -> None:
        at.clock.forward(int(seconds * SECOND))
        slept.append(seconds)
        if len(slept) == times:
            done.set()
            await asyncio.Event().wait()

    poll = PollSettings(every=30 * SECOND, jitter=5 * SECOND)
    parts = replace(at.agent.services, settings=at.settings.model_copy(update={"poll": poll}))
    polling = asyncio.create_task(InboxPoll(parts, at.agent.journey, sleep).run())
    await asyncio.wait_for(done.wait(), 60)
    polling.cancel()
    await asyncio.gather(polling, return_exceptions=True)
    return slept


async def trouble(at: Siege) -> str | None:
    told: str | None = (await owner_does(at.agent, "status", Nothing(), ACTOR))["portal_trouble"]
    return told


async def test_a_poll_waits_as_long_as_the_portal_says_and_that_is_no_trouble(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        await pauses(at, 1)
        at.portal.fault("GET", api.INBOX, status(503, **{"Retry-After": "17"}), times=2)
        slept = await pauses(at, 2)
        assert all(17 <= seconds <= 17 * 1.25 for seconds in slept)
        assert await trouble(at) is None
        at.portal.faults.clear()
        at.portal.fault("GET", api.INBOX, status(503, **{"Retry-After": "400"}), times=2)
        await pauses(at, 2)
        assert "status 503" in (await trouble(at) or "")


async def test_a_poll_that_was_held_is_followed_at_once_by_the_next_and_one_that_was_cut_is_not(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        at.portal.fault("GET", api.INBOX, behind_a_proxy(at.portal, at.clock, 99, ENDINGS["504"]), times=3)
        assert await pauses(at, 3) == [0, 0, 0]
        at.portal.faults.clear()
        at.portal.fault("GET", api.INBOX, behind_a_proxy(at.portal, at.clock, 20, ENDINGS["504"]), times=99)
        cut, kept = await pauses(at, 2)
        assert 0 < cut <= 15
        assert kept == 0
        at.portal.faults.clear()
        assert await pauses(at, 1) >= [30], "a portal that holds nothing is asked no more often"


async def test_a_step_of_a_request_and_an_upload_wait_as_long_as_the_portal_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with besieged(tmp_path) as at:
        portal = await at.agent.services.portal()
        at.portal.fault("PUT", api.REGISTRATION, status(503, **{"Retry-After": "33"}))
        with pytest.raises(PortalBusy) as busy:
            await portal.register(at.request())
        assert busy.value.after == 33
        slept: list[float] = []

        async def sleep(seconds: float) -> None:
            slept.append(seconds)

        monkeypatch.setattr(tus.asyncio, "sleep", sleep)
        content = tmp_path / "package"
        content.write_bytes(b"sealed")
        at.portal.fault("HEAD", api.UPLOADS, each(status(503, **{"Retry-After": "21"}), status(503)), times=2)
        upload = tus.TusUpload(portal.session, portal.headers, content, 6)
        url = await upload.create(at.portal.origin + api.UPLOADS, {})
        await upload.send(url)
        assert slept[0] >= 21 > slept[1]
        assert bytes(at.portal.uploads[url.rpartition("/")[2]].content) == b"sealed"


@pytest.mark.parametrize(("said", "times", "calls"), [("0", 2, 3), ("0", 3, 3), ("60", 1, 1), (None, 1, 1)])
async def test_an_officers_program_asks_a_busy_portal_again_and_not_for_ever(
    said: str | None, times: int, calls: int
) -> None:
    key = SigningKey.generate()
    async with HostilePortal("Example Constabulary", key.public).running() as portal:
        portal.fault("GET", api.FORCE, status(503, **({"Retry-After": said} if said else {})), times=times)
        async with OfficerClient(portal.origin, key) as client:
            if times < calls:
                assert (await client.force()).force == "Example Constabulary"
            else:
                with pytest.raises(PortalUnreachable):
                    await client.force()
        assert len(portal.calls) == calls
