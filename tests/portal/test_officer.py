"""The officer's own machine: keys that stay there, requests from flags and files, packages opened and receipted."""

import asyncio
import json
import re
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner, Result

from exchange.age.files import encrypt_file, parse_recipient
from exchange.clock import DAY, HOUR, MINUTE, to_rfc3339
from exchange.documents.api import InboxKind
from exchange.documents.copies import CopyKind, WantedCopies
from exchange.documents.messages import Receipt, Request, Signed, Stretch
from exchange.errors import DeviceKeyChanged, DiskFull, InputInvalid
from exchange.signing.documents import document_sha256
from exchange.signing.timestamps import make_query
from portal.force.keys import Force, validity, write_public, write_signed
from portal.officer import cli
from portal.officer.state import OfficerState
from portal.officer.times import read_time, read_zone
from tests.counterparts.http.timestamp_authority import TimestampAuthority
from tests.counterparts.portals.portal import DETAILS, Place, make_place
from tests.exchange import packages
from tests.exchange.makers import NOW, Police
from tests.portal.conftest import Town
from tests.portal.wire import Agent, SetClock, camera

REQUEST = [
    *("--crime", "EX/26/004711", "--incident", "Burglary", "--place", "12 High Street"),
    *("--description", "A door was forced.", "--purpose", "Identify who did it"),
    *("--legal-basis", "Data Protection Act 2018, Part 3", "--necessity", "No other camera looks there."),
]
WINDOW = packages.REQUESTED


class Desk:
    """handover-officer on a machine of its own: the real command, with the test's clock."""

    def __init__(self, town: Town, folder: Path) -> None:
        self.town, self.folder, self.state = town, folder, OfficerState(folder / "officer")

    async def run(self, *args: str, code: int = 0) -> Any:
        """What the command says with --json; its error, if it is to end with another code."""
        result = await self.result(*args, "--json")
        assert result.exit_code == code, (result.output, result.exception)
        return json.loads(result.stdout if code == 0 else result.stderr.splitlines()[-1])

    async def result(self, *args: str, typed: str = "") -> Result:
        runner = CliRunner()
        command = ["--state", str(self.state.folder), *args]
        return await asyncio.to_thread(runner.invoke, cli.main, command, input=typed, catch_exceptions=False)

    async def set_up(self) -> None:
        self.state.folder.mkdir(mode=0o700)
        self.town.place.officer.save(self.state.folder / "officer.key")
        write_public(self.state.folder / "officer.pub", self.town.place.officer.public, "officer")
        write_public(self.folder / "force.pub", self.town.place.force.key.public, "force")
        write_signed(self.folder / "credential.json", self.town.place.credential)
        paths = ("--force-key", str(self.folder / "force.pub"), "--credential", str(self.folder / "credential.json"))
        assert (await self.run("setup", "--portal", self.town.origin, *paths))["ready"]

    async def ask(self, agent: Agent, *more: str) -> Signed:
        times = ("--from", to_rfc3339(WINDOW.start), "--to", to_rfc3339(WINDOW.end))
        said = await self.run("request", "--device", agent.name, "--camera", "front", *times, *REQUEST, *more)
        signed = self.state.kept(said["request_id"], "request")
        assert signed is not None
        return signed


@pytest.fixture(autouse=True)
def _no_blocking() -> None:
    """A command waits for nobody else: it may block."""


@pytest.fixture
def clock() -> SetClock:
    return SetClock(NOW)


@pytest.fixture
def place(room: Path, clock: SetClock) -> Place:
    return make_place(room, clock=clock)


@pytest.fixture
async def desk(town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setattr(cli, "SystemClock", lambda: town.clock)
    desk = Desk(town, tmp_path)
    await desk.set_up()
    return desk


@pytest.fixture
async def agent(town: Town) -> Agent:
    return await town.agent().join(town.place, camera(recordings_since=NOW - 7 * DAY))


def a_package(
    desk: Desk,
    agent: Agent,
    signed: Signed,
    changed: dict[str, bytes | None] | None = None,
    authority: TimestampAuthority | None = None,
) -> tuple[Signed, bytes]:
    """The owner's decision and a whole sealed package for a request, as an agent would make them."""
    place, request = desk.town.place, Request.model_validate_json(signed.document)
    police = Police(place.force.key, place.officer, place.credential)
    master = packages.video(desk.folder)
    decision = packages.a_decision(signed, sound=False)
    decision = packages.replaced(decision, request_id=request.request_id)
    evidence = packages.an_evidence(agent.key, request, signed, agent.sign(decision), master)
    case = packages.Case(police, agent.key, request, decision, evidence, master)
    if authority is not None:
        case.stamp = case.told = authority.answer(make_query(document_sha256(case.signed_evidence)))
    sealed = desk.folder / "package.zip.age"
    encrypt_file(packages.rebagged(case, desk.folder, changed or {}), sealed, [parse_recipient(request.recipient)])
    return agent.sign(decision), sealed.read_bytes()


async def hand_over(desk: Desk, agent: Agent, signed: Signed, *how: Any) -> bytes:
    """``how``: as ``a_package`` takes it."""
    decision, sealed = await asyncio.to_thread(a_package, desk, agent, signed, *how)
    assert (await agent.decide(signed, decision)).status == 204
    answer = await agent.deliver(signed, sealed, await agent.upload(sealed), evidence_id="ev-1")
    assert answer.status == 204, answer.content
    return sealed


# -- asking ------------------------------------------------------------------------------------------------------


async def test_an_officer_finds_asks_and_sees_how_it_stands(desk: Desk, agent: Agent) -> None:
    times = ("--from", "2026-03-14 08:00", "--to", "2026-03-14 09:00", "--tz", "Europe/London")
    found = await desk.run("search", "--crime", "C-1", "--near", "53.7632,-2.7031", "--radius", "50", *times)
    assert [(item["camera_id"], item["footage"]) for item in found["cameras"]] == [("front", "likely")]
    signed = await desk.ask(agent)
    assert [item.signed for item in (await agent.inbox()).items] == [signed]
    assert [item.get("status") for item in (await desk.run("inbox"))["cases"]] == [None]
    await agent.decide(signed, agent.no(signed))
    assert [item.get("status") for item in (await desk.run("inbox"))["cases"]] == ["declined"]


async def test_the_officers_secrets_stay_in_a_folder_of_their_own(desk: Desk, agent: Agent) -> None:
    await desk.ask(agent)
    secrets = (desk.state.folder / "officer.key", desk.state.case_key_file("EX/26/004711"))
    assert desk.state.folder.stat().st_mode & 0o777 == 0o700
    assert [path.stat().st_mode & 0o777 for path in secrets] == [0o600, 0o600]
    theirs = [path.read_bytes() for path in desk.town.place.folder.path.rglob("*") if path.is_file()]
    for path in secrets:
        secret = path.read_bytes().strip().splitlines()[-2 if path.name == "officer.key" else -1]
        assert not any(secret in content for content in theirs)


async def test_a_case_has_one_key_and_new_ones_are_post_quantum(desk: Desk, agent: Agent) -> None:
    first, second = [Request.model_validate_json((await desk.ask(agent)).document) for _ in range(2)]
    assert first.recipient == second.recipient
    assert first.recipient.startswith("age1pq1")
    other = await desk.ask(agent, "--crime", "EX/26/004712", "--case-key", "x25519")
    assert not Request.model_validate_json(other.document).recipient.startswith("age1pq1")


async def test_a_request_may_come_from_a_file_with_flags_over_it(desk: Desk, agent: Agent, tmp_path: Path) -> None:
    form = tmp_path / "request.yaml"
    form.write_text(
        f"""
device: {agent.name}
crime_reference: EX/26/004711
incident: {{kind: Burglary, place: 12 High Street, description: A door was forced.}}
purpose: Identify who did it
legal_basis: Data Protection Act 2018, Part 3
necessity: No other camera looks there.
asked:
  - {{camera_id: front, from: 2026-03-14T08:00:00+00:00, to: "2026-03-14 08:10+00:00", sound: true}}
"""
    )
    flags = ("--purpose", "Another purpose", "--answer-days", "3", "--exhibit-prefix", "js/4")
    flags += ("--copy", "tight", "--copy", "smaller", "--largest-mb", "25")
    said = await desk.run("request", "--file", str(form), *flags)
    kept = desk.state.request(said["request_id"], Request)
    assert (kept.purpose, kept.asked[0].sound, kept.expires - kept.issued) == ("Another purpose", True, 3 * 24 * HOUR)
    assert kept.exhibit_prefix == "JS/4"
    assert kept.copies == WantedCopies(kinds=(CopyKind.TIGHT, CopyKind.SMALLER), most_bytes=25_000_000)
    assert kept.asked[0].window == Stretch(start=NOW - 4 * HOUR, end=NOW - 4 * HOUR + 10 * MINUTE)


@pytest.mark.parametrize(
    "flags",
    [("--copy", "smaller"), ("--copy", "tight", "--largest-mb", "25"), ("--copy", "smaller", "--largest-mb", "nan")],
)
async def test_a_smaller_copy_and_its_largest_size_go_together(
    desk: Desk, agent: Agent, flags: tuple[str, ...]
) -> None:
    result = await desk.result("request", "--device", agent.name, *flags)
    assert result.exit_code == 17
    assert "--largest-mb 25" in result.output


async def test_a_time_without_its_zone_is_refused_with_a_clear_word(desk: Desk, agent: Agent) -> None:
    times = ("--from", "2026-03-14T08:00", "--to", "2026-03-14T09:00")
    said = await desk.run("request", "--device", agent.name, "--camera", "front", *times, *REQUEST, code=17)
    assert "doesn't say in which time zone" in said["error"]


async def test_a_request_that_the_portal_refuses_ends_with_its_reason(desk: Desk, agent: Agent) -> None:
    times = ("--from", to_rfc3339(NOW + HOUR), "--to", to_rfc3339(NOW + 2 * HOUR))
    said = await desk.run("request", "--device", agent.name, "--camera", "front", *times, *REQUEST, code=31)
    assert "future" in said["error"]


async def test_what_is_missing_in_a_request_is_named(desk: Desk) -> None:
    said = await desk.run("request", *REQUEST, code=17)
    assert "device" in said["error"]


async def test_a_camera_that_changes_its_device_key_is_not_asked_again_unseen(desk: Desk, agent: Agent) -> None:
    times = ("--from", to_rfc3339(NOW - HOUR), "--to", to_rfc3339(NOW))
    search = ("search", "--crime", "C-1", "--near", "53.7632,-2.7031", *times)
    await desk.run(*search)
    await desk.ask(agent)
    await agent.withdraw()
    other = await desk.town.agent().join(desk.town.place)
    await desk.run(*search)
    times = ("--from", to_rfc3339(WINDOW.start), "--to", to_rfc3339(WINDOW.end))
    again = ("request", "--device", other.name, "--camera", "front", *times, *REQUEST)
    assert agent.name in (await desk.run(*again, code=DeviceKeyChanged.exit_code))["meaning"]
    await desk.run(*again, "--accept-changed-device")
    await desk.run(*again)


async def test_a_portal_with_another_force_key_is_not_set_up(desk: Desk, tmp_path: Path) -> None:
    other = Force.create(tmp_path / "other", desk.town.place.force.name)
    credential = other.credential(desk.town.place.officer.public, DETAILS, validity(NOW, 1))
    write_signed(tmp_path / "other.json", credential)
    given = ("--force-key", str(tmp_path / "other" / "force.pub"), "--credential", str(tmp_path / "other.json"))
    await desk.run("setup", "--portal", desk.town.origin, *given, code=33)
    assert desk.state.setup().force_key == desk.town.place.force.key.public.line


# -- opening -----------------------------------------------------------------------------------------------------


async def test_a_package_is_fetched_opened_verified_and_receipted(desk: Desk, agent: Agent, tmp_path: Path) -> None:
    signed = await desk.ask(agent)
    sealed = await hand_over(desk, agent, signed)
    request_id = json.loads(signed.document)["request_id"]
    said = await desk.run("open", request_id, "--into", str(tmp_path / "out"), "--receipt")
    (package,) = said["packages"]
    assert (said["status"], package["receipted"]) == ("approved", True)
    assert Path(package["sealed"]).read_bytes() == sealed
    assert (Path(package["opened"]) / "data" / "evidence.json").exists()
    (item,) = (await agent.inbox()).items
    receipt = Receipt.model_validate_json(item.signed.document)
    assert (item.kind, receipt.verified, receipt.size) == (InboxKind.RECEIPT, True, len(sealed))


async def test_a_time_stamp_is_checked_with_the_certificates_that_the_officer_names(
    desk: Desk, agent: Agent, tmp_path: Path
) -> None:
    authority, other = (TimestampAuthority(tmp_path / name) for name in ("one", "another"))
    signed = await desk.ask(agent)
    await hand_over(desk, agent, signed, None, authority)
    request_id = json.loads(signed.document)["request_id"]
    said = await desk.run("open", request_id, "--tsa-certificates", str(authority.certificates))
    assert "vouch for the authority" in json.dumps(said)
    said = await desk.run("open", request_id, "--tsa-certificates", str(other.certificates), code=62)
    assert "certificate verify error" in json.dumps(said)


async def test_a_person_is_told_in_plain_words_what_holds(desk: Desk, agent: Agent) -> None:
    signed = await desk.ask(agent)
    await hand_over(desk, agent, signed)
    result = await desk.result("open", json.loads(signed.document)["request_id"], "--tz", "Europe/London")
    assert result.exit_code == 0
    assert "front: approved, 2026-03-14 08:59:59+00:00 to" in result.stdout
    assert "Everything holds" in result.stdout
    (page,) = re.findall(r"Read this first, in a browser: (.+)$", result.stdout, re.MULTILINE)
    assert Path(page).name == "READ-ME-FIRST.html"
    assert Path(page).read_bytes().startswith(b"<!doctype html>")


async def test_what_does_not_verify_is_told_kept_and_never_receipted_as_verified(desk: Desk, agent: Agent) -> None:
    signed = await desk.ask(agent)
    await hand_over(desk, agent, signed, {"data/working/contact-sheet.jpg": b"another picture"})
    request_id = json.loads(signed.document)["request_id"]
    assert (await desk.run("open", request_id, "--receipt", code=67))["exit_code"] == 67
    await desk.run("receipt", request_id, code=67)
    assert (await agent.inbox()).items == ()
    sent = await desk.run("receipt", request_id, "--not-verified", "--remarks", "The picture is another.")
    assert [item["verified"] for item in sent["receipts"]] == [False]


async def test_a_sound_package_of_another_request_is_the_wrong_package(desk: Desk, agent: Agent) -> None:
    first, second = [await desk.ask(agent) for _ in range(2)]
    decision, _ = await asyncio.to_thread(a_package, desk, agent, second)
    _, sealed = await asyncio.to_thread(a_package, desk, agent, first)
    assert (await agent.decide(second, decision)).status == 204
    await agent.deliver(second, sealed, await agent.upload(sealed), evidence_id="ev-1")
    said = await desk.run("open", json.loads(second.document)["request_id"], code=67)
    assert "isn't the one that answers" in said["error"]


async def test_bytes_that_the_portal_changed_are_thrown_away(desk: Desk, agent: Agent) -> None:
    signed = await desk.ask(agent)
    await hand_over(desk, agent, signed)
    (file,) = desk.town.place.folder.uploads.iterdir()
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    request_id = json.loads(signed.document)["request_id"]
    assert "not what the owner's device signed" in (await desk.run("open", request_id, code=67))["error"]
    packages_ = desk.state.request_folder(request_id) / "packages"
    assert list(packages_.iterdir()) == []


async def test_a_full_disk_is_told_and_words_that_can_not_be_sent_too(desk: Desk, agent: Agent, tmp_path: Path) -> None:
    signed = await desk.ask(agent)
    await hand_over(desk, agent, signed)
    request_id = json.loads(signed.document)["request_id"]
    full = tmp_path / "full"
    full.mkdir()
    (full / f"{request_id}-del.zip.age.part").symlink_to("/dev/full")
    told = await desk.run("open", request_id, "--into", str(full), code=DiskFull.exit_code)
    assert "There is no room" in told["error"]
    for words in (("ask", "--text", ""), ("keep", "--reason", "a\x07b"), ("receipt", "--remarks", "")):
        refused = await desk.run(words[0], request_id, *words[1:], code=InputInvalid.exit_code)
        assert "can't be" in refused["error"]


async def test_a_download_goes_on_where_it_broke_off(desk: Desk, agent: Agent) -> None:
    signed = await desk.ask(agent)
    sealed = await hand_over(desk, agent, signed)
    request_id = json.loads(signed.document)["request_id"]
    folder = desk.state.request_folder(request_id) / "packages"
    folder.mkdir()
    part = folder / f"{request_id}-del.zip.age.part"
    part.write_bytes(sealed[:1000])
    inode = part.stat().st_ino
    said = await desk.run("open", request_id)
    whole = Path(said["packages"][0]["sealed"])
    assert (whole.read_bytes(), whole.stat().st_ino) == (sealed, inode)


async def test_there_is_nothing_to_open_before_the_owner_answered(desk: Desk, agent: Agent) -> None:
    signed = await desk.ask(agent)
    said = await desk.run("open", json.loads(signed.document)["request_id"], code=44)
    assert "has not answered" in said["error"]


@pytest.mark.parametrize("request_id", ["../../etc/passwd", "UPPER", ""])
async def test_an_id_that_is_none_touches_no_file(desk: Desk, request_id: str) -> None:
    with pytest.raises(InputInvalid):
        desk.state.request_folder(request_id)


# -- times -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "zone", "utc"),
    [
        ("2026-03-14T12:00:00Z", None, "2026-03-14T12:00:00.000000Z"),
        ("2026-03-14 12:00+01:00", None, "2026-03-14T11:00:00.000000Z"),
        ("2026-07-01 12:00", "Europe/London", "2026-07-01T11:00:00.000000Z"),
        ("2026-07-01T12:00:00.25Z", "Europe/London", "2026-07-01T12:00:00.250000Z"),
    ],
)
def test_a_time_is_read_with_its_offset_or_zone(text: str, zone: str | None, utc: str) -> None:
    assert to_rfc3339(read_time(text, read_zone(zone))) == utc


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("2026-03-29 01:30", "twice or not at all"),
        ("2026-10-25 01:30", "twice or not at all"),
        ("yesterday", "is no time"),
        ("2026-13-01", "is no time"),
    ],
)
def test_a_time_that_could_be_two_or_none_is_refused(text: str, word: str) -> None:
    with pytest.raises(InputInvalid, match=word):
        read_time(text, ZoneInfo("Europe/London"))


def test_a_zone_that_does_not_exist_is_refused() -> None:
    with pytest.raises(InputInvalid):
        read_zone("../../etc/passwd")
