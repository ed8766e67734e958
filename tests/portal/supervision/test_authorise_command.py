"""A supervisor signs for an officer, on a machine of their own, and the officer sends it along."""

from pathlib import Path

import pytest
import yaml

from exchange.clock import HOUR, to_rfc3339
from exchange.documents.messages import Request
from exchange.documents.supervision import Authorisation
from exchange.signing.authorisations import AuthorisationInvalid
from exchange.signing.documents import open_document
from portal.console import INTERRUPTED
from portal.force.keys import read_signed
from portal.settings import Limits
from tests.portal.conftest import NOON, Town
from tests.portal.supervision.machines import Machine

TIMES = ("--from", to_rfc3339(NOON - 3 * HOUR), "--to", to_rfc3339(NOON - 2 * HOUR))
REQUEST = (
    *("--camera", "front", *TIMES, "--crime", "EX/26/004711", "--incident", "Burglary", "--place", "12 High Street"),
    *("--description", "A door was forced.", "--purpose", "Identify who did it"),
    *("--legal-basis", "Data Protection Act 2018, Part 3", "--necessity", "A series of burglaries in one night."),
)


async def test_from_a_draft_to_a_request_that_the_portal_takes(
    town: Town, officer: Machine, supervisor: Machine, tmp_path: Path
) -> None:
    agent = await town.agent().join(town.place)
    draft, word = str(tmp_path / "draft.yaml"), str(tmp_path / "word.json")
    request = ("request", "--device", agent.name, *REQUEST, "--owners", "40")
    refused = await officer.run(*request, code=AuthorisationInvalid.exit_code)
    assert "A supervisor must allow this, because 40 owners are asked, and more than 10 are many." in refused["error"]
    assert not (officer.state.folder / "requests").exists()

    said = await officer.result(*request, "--draft", draft)
    assert "Nothing was sent" in said.output
    declined = await supervisor.result("authorise", "--draft", draft, "--out", word, said="n\n")
    assert (declined.exit_code, Path(word).exists()) == (INTERRUPTED, False)
    assert "at most 40 owners" in declined.output
    assert "A series of burglaries in one night." in declined.output
    signed = await supervisor.result("authorise", "--draft", draft, "--out", word, "--owners", "50", said="y\n")
    assert signed.exit_code == 0, signed.output

    sent = await officer.run(*request, "--authorisation", word)
    kept = officer.state.request(sent["request_id"], Request)
    assert kept.owners_asked == 40
    assert kept.authorisation is not None
    found = open_document(kept.authorisation, Authorisation, supervisor.who.key.public)
    assert (found.most_owners, found.officer) == (50, officer.who.key.public.fingerprint)
    assert len((await agent.inbox()).items) == 1


@pytest.mark.parametrize("limits", [Limits(supervised_owners=50)])
async def test_what_only_owners_would_refuse_is_said_and_asked_back_before_it_is_sent(
    town: Town, officer: Machine
) -> None:
    agent = await town.agent().join(town.place)
    request = ("request", "--device", agent.name, *REQUEST, "--owners", "11")
    kept = await officer.result(*request, said="n\n")
    assert kept.exit_code == INTERRUPTED
    assert "Most owners' programs will refuse this" in kept.output
    assert "because 11 owners are asked, and more than 10 are many." in kept.output
    assert (await agent.inbox()).items == ()
    assert (await officer.result(*request, said="y\n")).exit_code == 0
    few = await officer.result(*request[:-1], "10")
    assert (few.exit_code, "programs" in few.output) == (0, False)
    unasked = await officer.result(*request, "--yes")
    assert (unasked.exit_code, "Most owners' programs" in unasked.stderr) == (0, True)
    assert len((await agent.inbox()).items) == 3


async def test_a_supervisor_says_it_in_flags(officer: Machine, supervisor: Machine, tmp_path: Path) -> None:
    word = tmp_path / "word.json"
    flags = ("--officer", str(officer.public), "--crime", "C-1", *TIMES, "--reason", "A robbery.", "--indoors")
    await supervisor.run("authorise", *flags, "--area", "53.7,-2.7,300", "--out", str(word))
    found = open_document(read_signed(word), Authorisation, supervisor.who.key.public)
    assert found.area is not None
    assert (found.area.radius_m, found.indoors, found.most_owners) == (300, True, 1)


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--reason", "Why not."), "officer"),
        (("--from", "2026-11-21T10:00:00Z"), "two ends"),
        (("--area", "here"), "no circle"),
        (("--draft", "nowhere.yaml"), "no file"),
    ],
)
async def test_what_cannot_be_signed_is_said(
    supervisor: Machine, tmp_path: Path, flags: tuple[str, ...], words: str
) -> None:
    result = await supervisor.result("authorise", *flags, "--out", str(tmp_path / "word.json"), "--json")
    assert (result.exit_code != 0, words in result.stderr) == (True, True), result.stderr


async def test_a_draft_that_is_none_is_refused(supervisor: Machine, tmp_path: Path) -> None:
    for content in ("- a list", yaml.safe_dump({"reason": "x", "more": 1}), "{"):
        (tmp_path / "draft.yaml").write_text(content)
        await supervisor.run("authorise", "--draft", str(tmp_path / "draft.yaml"), "--out", "unused", code=17)


async def test_nobody_signs_for_themselves_and_an_officer_for_nobody(
    officer: Machine, supervisor: Machine, tmp_path: Path
) -> None:
    said = ("--crime", "C-1", *TIMES, "--reason", "A robbery.", "--out", str(tmp_path / "word.json"))
    own = await supervisor.run("authorise", "--officer", str(supervisor.public), *said, code=17)
    assert "their own requests" in own["error"]
    other = await officer.run("authorise", "--officer", str(supervisor.public), *said, code=17)
    assert "is no supervisor" in other["error"]
