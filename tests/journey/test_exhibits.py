"""What packages are called in court: the owner's pattern, initials that somebody names, a number given once."""

from pathlib import Path
from unittest import mock

import pytest

from agent.owner.operations.context import Nothing
from agent.requests.decision import Choice, Verdict, decide
from agent.requests.exhibits.references import written
from agent.settings.exhibits import ExhibitSettings
from exchange.documents.exhibits import typed_prefix
from exchange.documents.messages import Decision, Status
from exchange.errors import InputInvalid
from tests.journey.home import ACTOR, OWNER, Town, home, owner_does
from tests.journey.test_manifest import manifests

NUMBERED = "exhibits: {prefix: SMT}"


async def handed_over(at: Town, *, asked: str | None = None, said: str | None = None) -> str:
    """A request that goes all the way; what its package is called."""
    request_id = await at.asked(at.request(exhibit_prefix=asked))
    await approve(at, request_id, said)
    await at.walk()
    (evidence,) = await manifests(at, request_id)
    return evidence.exhibit_reference


async def approve(at: Town, request_id: str, said: str | None = None) -> Decision:
    verdict = Verdict(
        plan_sha256=await at.plan_sha256(request_id), choices=(Choice(position=0, share=True),), exhibit_prefix=said
    )
    decided = await decide(at.agent.services, request_id, verdict, OWNER)
    assert decided is not None
    return decided


async def test_without_a_setting_it_is_called_by_its_own_id(tmp_path: Path) -> None:
    async with home(tmp_path) as at:
        request_id = await at.asked()
        assert (await at.shown(request_id))["exhibit"] == "HANDOVER-…"
        await at.say(request_id, yes=True)
        await at.walk()
        (evidence,) = await manifests(at, request_id)
        assert evidence.exhibit_reference == f"HANDOVER-{evidence.evidence_id[:8].upper()}"
        shown = await at.shown(request_id)
        assert (shown["exhibit"], shown["packages"][0]["exhibit"]) == (None, evidence.exhibit_reference)


async def test_numbers_go_on_whoevers_initials_stand_before_them(tmp_path: Path) -> None:
    async with home(tmp_path, extra=NUMBERED) as at:
        assert await handed_over(at) == "SMT/1"
        assert await handed_over(at, asked="ABC") == "ABC/2"
        assert await handed_over(at, asked="ABC", said="ABC/12") == "ABC/12/3"
        listed = (await owner_does(at.agent, "records", Nothing(), ACTOR))["packages"]
        assert [package["exhibit"] for package in listed] == ["SMT/1", "ABC/2", "ABC/12/3"]
        request_id = await at.asked(at.request(exhibit_prefix="DEF"))
        assert (await at.shown(request_id))["exhibit"] == "DEF/4"


async def test_what_the_owner_says_stands_in_their_decision_and_a_no_says_nothing(tmp_path: Path) -> None:
    async with home(tmp_path) as at:
        assert (await approve(at, await at.asked(), "JS")).exhibit_prefix == "JS"
        request_id = await at.asked()
        verdict = Verdict(plan_sha256=await at.plan_sha256(request_id), exhibit_prefix="JS")
        declined = await decide(at.agent.services, request_id, verdict, OWNER)
        assert declined is not None
        assert (declined.status, declined.exhibit_prefix) == (Status.DECLINED, None)
        with pytest.raises(ValueError, match="tells nothing else"):
            Decision.model_validate(declined.model_dump(by_alias=True) | {"exhibit_prefix": "JS"})


async def test_a_number_is_not_given_when_the_manifest_is_not_signed_and_not_again_when_it_was(tmp_path: Path) -> None:
    async with home(tmp_path, extra=NUMBERED) as at:
        request_id = await at.asked()
        await approve(at, request_id)
        with mock.patch("agent.requests.seal.sign_document", side_effect=OSError("the power failed")):
            await at.walk()
        assert await at.state(request_id) == "clipped"
        await at.walk(later=3600_000_000)
        (evidence,) = await manifests(at, request_id)
        assert evidence.exhibit_reference == "SMT/1"
        await at.execute("DELETE FROM packages WHERE request_id = ?", request_id)
        assert await handed_over(at) == "SMT/2"


async def test_numbers_begin_where_an_older_register_ended(tmp_path: Path) -> None:
    extra = "exhibits: {prefix: SMT, reference: 'FILM-{prefix}-{number:03}', first_number: 41}"
    async with home(tmp_path, extra=extra) as at:
        assert await handed_over(at) == "FILM-SMT-041"
        assert await handed_over(at, asked="ABC") == "FILM-ABC-042"


async def test_two_that_would_be_written_alike_are_not(tmp_path: Path) -> None:
    extra = "exhibits: {prefix: AB, reference: '{prefix}{number}'}"
    async with home(tmp_path, extra=extra) as at:
        assert await handed_over(at, said="A1") == "A11"
        await at.execute("UPDATE exhibits SET number = 10")
        assert await handed_over(at, said="A") == "A12", "A11 was given: the number after it"


def test_a_prefix_that_is_named_is_written_also_where_the_pattern_has_no_room_for_it() -> None:
    evidence_id = "0123abcd-1111"
    assert written(ExhibitSettings(), "ABC", 7, evidence_id) == "ABC/7"
    assert written(ExhibitSettings(), None, 7, evidence_id) == "HANDOVER-0123ABCD"
    assert written(ExhibitSettings(reference="CCTV {number}"), None, 7, evidence_id) == "CCTV 7"
    assert written(ExhibitSettings(reference="CCTV {number}"), "ABC", 7, evidence_id) == "ABC/7"


@pytest.mark.parametrize(
    "pattern", ["ABC", "{number", "{0}", "{number:9999999}", "{prefix.__class__}/{number}", "{id} "]
)
def test_a_pattern_that_is_none_or_repeats_itself_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"\{number\}"):
        ExhibitSettings(reference=pattern, prefix="ABC")
    with pytest.raises(ValueError, match="prefix"):
        ExhibitSettings(reference="{prefix}/{number}")


def test_a_prefix_is_typed_in_any_letters_and_nonsense_is_explained() -> None:
    assert typed_prefix(" abc/12 ") == "ABC/12"
    assert typed_prefix("") is None
    for wrong in ("ä", "A" * 30, "A/", "A B", "A/../B"):
        with pytest.raises(InputInvalid, match="can't begin with"):
            typed_prefix(wrong)
