"""A log of use that was put back to an earlier state: nobody goes on unseen, and an auditor's word is told for ever."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from exchange.clock import DAY, MINUTE, SECOND, to_rfc3339
from exchange.custody.restored import Head, LogRestored, SignedRestored
from exchange.documents import api
from exchange.documents.messages import Role
from exchange.errors import CustodyBroken, InputInvalid
from exchange.signing.documents import SigningKey, sign_document
from portal.console import INTERRUPTED
from portal.storage.use_tables import UseHead, UseRestoration
from tests.portal.conftest import BOTH, Town
from tests.portal.supervision.machines import Machine
from tests.portal.supervision.supervisors import known
from tests.portal.supervision.test_uses import head, tamper
from tests.portal.wire import Officer

ENGINES = BOTH
PLACE = {"lat": 53.7632, "lon": -2.7031, "radius_m": 50}
WHY = "The disk failed."


@pytest.fixture
async def auditor(town: Town, tmp_path: Path) -> Machine:
    return Machine(town, tmp_path / "auditor", await known(town, Role.AUDITOR, name="Kim Patel", collar_number="9"))


async def search(town: Town, times: int) -> None:
    for _ in range(times):
        town.clock.forward(SECOND)
        await town.officer.search(**PLACE)


async def put_back(town: Town, size: int) -> str:
    """As a backup from when the log had so many lines; since when the portal answers again."""
    await tamper(town, size)
    await town.running.portal.db.write(
        lambda session: session.execute(delete(UseHead).where(UseHead.size > size)) and None
    )
    town.clock.forward(MINUTE)
    return to_rfc3339(town.clock.now())


async def trouble(machine: Machine) -> str | None:
    return (await machine.run("inbox"))["log_trouble"]  # type: ignore[no-any-return]


async def test_an_auditor_signs_what_was_lost_and_programs_go_on_and_keep_saying_so(
    town: Town, officer: Machine, auditor: Machine, tmp_path: Path
) -> None:
    await search(town, 2)
    assert await trouble(officer) is None
    await search(town, 3)
    assert (await auditor.run("audit", "sign"))["lines"] == 5
    assert await trouble(officer) is None
    since = await put_back(town, 3)
    await search(town, 4)
    assert "don't begin with them" in str(await trouble(officer))
    signed = await auditor.run("audit", "restored", "--at", since, "--reason", WHY)
    assert (signed["kept"], signed["lost"]) == (3, 2)
    told = f"{since[:19]}Z: of 5 lines the last 2 are lost. Kim Patel signed that, and why: {WHY}"
    newcomer = Machine(town, tmp_path / "newcomer", town.officer)
    for machine in (officer, auditor, newcomer):
        for _ in range(2):
            shown = str(await trouble(machine))
            assert told in shown
            assert "don't begin" not in shown
        assert machine.state.log_head()[0] == 8
    page = await town.session.get(town.origin + api.COUNTS_PAGE)
    assert "of 5 lines the last 2 are lost" in await page.text()
    lines = (await auditor.run("audit", "log"))["uses"]
    assert (lines[-1]["deed"], lines[-1]["crime_reference"], lines[-1]["name"]) == ("restored", WHY, "Kim Patel")
    assert (await auditor.run("audit", "sign"))["lines"] == 8


async def test_one_statement_excuses_no_second_cut_and_no_larger_loss(
    town: Town, officer: Machine, auditor: Machine
) -> None:
    await search(town, 4)
    await trouble(officer)
    since = await put_back(town, 2)
    await auditor.run("audit", "restored", "--at", since, "--reason", WHY, "--lost", "3")
    assert "had 4 lines" in str(await trouble(officer)), "three were told of, and this machine saw four"
    assert (await auditor.run("audit", "restored", "--at", since, "--reason", WHY, "--lost", "4"))["kept"] == 2
    assert "had 4 lines" not in str(await trouble(officer))
    await tamper(town, 2)
    await search(town, 1)
    assert "had 4 lines, and the 3 of now don't begin" in str(await trouble(officer))


async def test_what_was_kept_must_be_what_the_auditor_and_the_officer_saw(
    town: Town, officer: Machine, auditor: Machine
) -> None:
    await search(town, 2)
    await trouble(officer)
    await auditor.run("audit", "sign")
    await search(town, 2)
    await trouble(officer)
    await put_back(town, 0)
    await search(town, 2)
    since = to_rfc3339(town.clock.now() + 1)
    town.clock.forward(MINUTE)
    refused = await auditor.run(
        "audit", "restored", "--at", since, "--reason", WHY, "--lost", "4", code=CustodyBroken.exit_code
    )
    assert "not what this machine saw of its first 2 lines" in refused["error"]
    other = await known(town, Role.AUDITOR)
    said = await statement(town, other, 2, 4)
    assert (await other.call("POST", api.USES_RESTORED, said)).status == 204
    assert "had 4 lines" in str(await trouble(officer)), "its first two lines were others"


async def test_an_auditor_who_saw_no_more_must_say_how_many_were_lost(town: Town, auditor: Machine) -> None:
    await search(town, 2)
    await auditor.run("audit", "sign")
    at = to_rfc3339(town.clock.now() + 1)
    town.clock.forward(MINUTE)
    refused = await auditor.run("audit", "restored", "--at", at, "--reason", WHY, code=InputInvalid.exit_code)
    assert "this machine saw no more" in refused["error"]
    asked = await auditor.result("audit", "restored", "--at", at, "--reason", WHY, "--lost", "3", said="n\n")
    assert asked.exit_code == INTERRUPTED
    signed = await auditor.result("audit", "restored", "--at", at, "--reason", WHY, "--lost", "3", said="y\n")
    assert "goes on from 2 lines; 1 is lost" in signed.output


async def statement(town: Town, who: Officer, size: int, lost: int, **changed: Any) -> SignedRestored:
    found = await head(town.officer)
    assert found.size == size
    now = town.clock.now()
    fields: dict[str, Any] = {
        "force": who.force, "auditor": who.key.public.fingerprint, "restored": now,
        "kept": Head(size=size, root=found.root), "lost": lost, "reason": WHY, "issued": now,
    }  # fmt: skip
    assert who.credential is not None
    signed = sign_document(LogRestored.model_validate(fields | changed), who.key)
    return SignedRestored(statement=signed, credential=who.credential)


async def test_the_portal_takes_an_auditors_statement_about_its_own_log_only(town: Town, auditor: Machine) -> None:
    await search(town, 2)
    who = auditor.who

    async def given(caller: Officer, said: SignedRestored) -> int:
        return (await caller.call("POST", api.USES_RESTORED, said)).status

    true = await statement(town, who, 2, 5)
    assert await given(town.officer, true) == 403
    other = Head(size=2, root="0" * 64)
    assert await given(who, await statement(town, who, 2, 5, kept=other)) == 409
    assert await given(who, await statement(town, who, 2, 9, kept=Head(size=7, root="0" * 64))) == 409
    assert await given(who, await statement(town, who, 2, 5, auditor=town.officer.key.public.fingerprint)) == 422
    assert await given(who, await statement(town, who, 2, 5, force="Another")) == 422
    assert await given(who, await statement(town, who, 2, 5, issued=town.clock.now() + DAY)) == 422
    assert await given(who, await statement(town, replace(who, key=SigningKey.generate()), 2, 5)) == 422
    assert await given(who, true.model_copy(update={"credential": town.officer.credential})) == 422
    assert await given(who, true) == 204
    assert await given(who, true) == 204, "the same again changes nothing"
    assert (await head(town.officer)).size == 3
    with pytest.raises(ValueError, match="nothing was lost"):
        await statement(town, who, 3, 3)
    with pytest.raises(ValueError, match="has been put back"):
        await statement(town, who, 3, 4, restored=town.clock.now() + 1)


async def test_a_statement_that_no_auditor_signed_or_that_is_gone_is_told(
    town: Town, officer: Machine, auditor: Machine
) -> None:
    await search(town, 2)
    said = await statement(town, auditor.who, 2, 5)
    assert (await auditor.who.call("POST", api.USES_RESTORED, said)).status == 204
    impostor = await known(town, Role.OFFICER)
    assert impostor.credential is not None

    def forge(session: Session) -> None:
        credential = impostor.credential
        assert credential is not None
        session.execute(
            update(UseRestoration).values(credential=credential.document, credential_signature=credential.signature)
        )

    await town.running.portal.db.write(forge)
    assert "no auditor" in str(await trouble(officer))
    await town.running.portal.db.write(lambda session: session.execute(delete(UseRestoration)) and None)
    gone = await auditor.run("audit", "log", code=CustodyBroken.exit_code)
    assert "names a statement" in gone["error"]
