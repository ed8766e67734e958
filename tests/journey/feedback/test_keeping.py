"""The police ask an owner to keep their own copy: they may or not, nobody learns which, and either may end it."""

from pathlib import Path

import pytest

from agent.records.backups.retention import held_for, hold_as_asked
from agent.requests.feedback.keeping import asked_to_keep
from exchange.documents.api import InboxKind
from exchange.documents.feedback import KeepAsked
from exchange.errors import InputInvalid
from tests.journey.feedback.test_arriving import bring, closed
from tests.journey.home import Siege, besieged
from tests.journey.records.kept import ask


async def held(at: Siege, request_id: str) -> str | None:
    async with at.agent.services.store.transaction() as tx:
        return await held_for(tx, request_id)


async def log_length(at: Siege) -> int:
    async with at.agent.services.store.transaction() as tx:
        row = await tx.one("SELECT count(*) AS n FROM custody")
    assert row is not None
    return int(row["n"])


async def test_an_owner_agrees_and_it_ends_by_the_police_s_word(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id, package = await closed(at)
        services, before = at.agent.services, await log_length(at)
        with pytest.raises(InputInvalid, match="do not ask"):
            await hold_as_asked(services, request_id, "robin")
        await bring(at, at.feedback_for(request_id, package, KeepAsked))
        assert await held(at, request_id) is None  # nobody keeps anything for them unasked
        entry = (await ask(at, "feedback", request_id=request_id))["feedback"][-1]
        assert (entry["kind"], entry["keep"], entry["text"]) == ("keep", True, "The trial is in March.")
        await ask(at, "hold-as-asked", request_id=request_id)
        reason = await held(at, request_id)
        assert reason is not None
        assert "The trial is in March." in reason
        with pytest.raises(InputInvalid, match="already"):
            await hold_as_asked(services, request_id, "robin")
        at.clock.forward(1)
        await bring(at, at.feedback_for(request_id, package, KeepAsked, keep=False, text=None))
        assert await held(at, request_id) is None
        assert await log_length(at) == before


async def test_an_owner_who_does_not_want_to_keeps_nothing_longer_and_ends_it_when_they_like(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id, package = await closed(at)
        before = await log_length(at)
        await bring(at, at.feedback_for(request_id, package, KeepAsked))
        await ask(at, "hold-as-asked", request_id=request_id)
        await ask(at, "end-hold", request_id=request_id)
        assert await held(at, request_id) is None
        assert await log_length(at) == before


async def test_an_owner_s_own_hold_is_not_the_police_s_to_end(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id, package = await closed(at)
        await ask(at, "hold", request_id=request_id, reason="My insurance asks.")
        await bring(at, at.feedback_for(request_id, package, KeepAsked))
        at.clock.forward(1)
        at.portal.put(at.feedback_for(request_id, package, KeepAsked, keep=False), InboxKind.FEEDBACK)
        await at.fetch_and_walk()
        assert await held(at, request_id) == "My insurance asks."
        async with at.agent.services.store.transaction() as tx:
            assert await asked_to_keep(tx, request_id) is None
