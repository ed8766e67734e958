"""Agents enrol, register, live and leave."""

import pytest
from sqlalchemy import select

from exchange.clock import HOUR, MINUTE
from exchange.custody.checkpoint import sign_checkpoint
from exchange.documents import api
from exchange.documents.messages import Status
from exchange.signing.documents import SigningKey
from portal.registry import checkpoints
from portal.service import Fetching
from portal.settings import Limits
from portal.storage.models import StoredCheckpoint
from tests.portal.conftest import BOTH, Town, on_a_file
from tests.portal.wire import CONTACT, OWNER, camera

ENGINES = BOTH

FILM = b"sealed film " * 1000


async def test_the_portal_says_whose_it_is(town: Town) -> None:
    answer = await town.agent().call("GET", api.FORCE, token=None)
    info = api.ForceInfo.model_validate_json(answer.content)
    assert (info.force, info.public_key) == (town.place.force.name, town.place.force.key.public.line)
    assert info.uploads == town.origin + api.UPLOADS


async def test_an_agent_enrols_once_however_often_it_asks(town: Town) -> None:
    agent = town.agent()
    assert (await agent.enrol(town.place)).status == 201
    again = await agent.enrol(town.place)
    assert (again.status, again.json) == (200, {"device": agent.name})


@pytest.mark.parametrize(
    "changed",
    [
        {"portal": "https://another.example"},
        {"force_key": SigningKey.generate().public.fingerprint},
        {"device_key": SigningKey.generate().public.line},
    ],
    ids=["another-portal", "another-force", "another-key"],
)
async def test_an_enrolment_for_something_else_is_refused(town: Town, changed: dict[str, str]) -> None:
    agent = town.agent()
    assert (await agent.enrol(town.place, **changed)).status == 422
    assert (await agent.call("GET", api.INBOX)).status == 401


async def test_an_old_enrolment_cannot_be_played_again(town: Town) -> None:
    assert (await town.agent().enrol(town.place, issued=town.clock.now() - HOUR)).status == 422


@pytest.mark.parametrize("limits", [Limits(enrolments_per_minute=2)])
async def test_one_address_enrols_only_so_often_a_minute(town: Town) -> None:
    statuses = [(await town.agent().enrol(town.place)).status for _ in range(3)]
    assert statuses == [201, 201, 429]
    town.clock.forward(MINUTE + 1)
    assert (await town.agent().enrol(town.place)).status == 201


@pytest.mark.parametrize("limits", [Limits(devices=1)])
async def test_a_full_portal_takes_no_more_devices_but_knows_those_it_has(town: Town) -> None:
    first = town.agent()
    assert (await first.enrol(town.place)).status == 201
    assert (await town.agent().enrol(town.place)).status == 503
    assert (await first.enrol(town.place)).status == 200


async def test_a_registration_is_taken_whole_and_only_forward(town: Town) -> None:
    agent = await town.agent().join(town.place, camera("front"), camera("yard"))
    newer = agent.registration(camera("shop"), revision=2)
    assert (await agent.call("PUT", api.REGISTRATION, newer)).status == 204
    assert (await agent.call("PUT", api.REGISTRATION, newer)).status == 204
    older = agent.registration(camera("front"), revision=1)
    assert (await agent.call("PUT", api.REGISTRATION, older)).status == 409
    found = await town.officer.search(lat=53.7632, lon=-2.7031, radius_m=100)
    assert [item.camera_id for item in found.cameras] == ["shop"]


async def test_a_registration_signed_by_another_device_is_refused(town: Town) -> None:
    agent, other = await town.agent().join(town.place), town.agent()
    answer = await agent.call("PUT", api.REGISTRATION, other.registration(camera(), revision=2))
    assert answer.status == 422


async def test_a_heartbeat_is_noted(town: Town) -> None:
    agent = await town.agent().join(town.place)
    beat = api.Heartbeat(version="0.1.0", cameras_recording=1, cameras_registered=1)
    town.clock.forward(HOUR)
    assert (await agent.call("POST", api.HEARTBEAT, beat)).status == 204
    found = await town.officer.search(lat=53.7632, lon=-2.7031, radius_m=100)
    assert found.cameras[0].last_seen == town.clock.now()


@on_a_file
async def test_a_withdrawal_leaves_nothing_of_the_owner_in_the_database_file(town: Town) -> None:
    agent = await town.agent().join(town.place, camera(label="Quillfeather yard"))
    await town.officer.ask(agent)
    assert (await agent.withdraw()).status == 204
    folder = town.place.folder.path
    left = b"".join(path.read_bytes() for path in folder.glob("portal.db*"))
    for word in (OWNER, CONTACT, "Quillfeather"):
        assert word.encode() not in left
    assert (await town.officer.search(lat=53.7632, lon=-2.7031, radius_m=100)).cameras == ()
    assert (await agent.call("GET", api.INBOX)).status == 401


async def test_an_open_request_is_withdrawn_for_the_officer_when_the_owner_leaves(town: Town) -> None:
    agent = await town.agent().join(town.place)
    await town.officer.ask(agent)
    await agent.withdraw()
    assert (await town.officer.case()).status is Status.WITHDRAWN


async def test_what_the_officer_has_not_fetched_goes_with_its_owner(town: Town) -> None:
    agent = await town.agent().join(town.place)
    request = await town.officer.ask(agent)
    assert (await agent.decide(request)).status == 204
    await agent.deliver(request, FILM, await agent.upload(FILM))
    await agent.upload(b"something unfinished")
    await agent.withdraw()
    assert list(town.place.folder.uploads.iterdir()) == []
    case = await town.officer.case()
    assert (case.status, case.decision) == (Status.WITHDRAWN, None)
    answer = await town.officer.call("GET", api.CONTENT.format(delivery_id="r-1-del"))
    assert answer.status == 410


@pytest.mark.parametrize(
    ("ranges", "whole"),
    [
        (["bytes=-1"], False),
        (["bytes=0-0", "bytes=-1"], False),
        (["bytes=4-", "bytes=0-2"], False),
        (["bytes=0-3", "bytes=4-"], True),
        (["bytes=0-9", "bytes=4-"], True),
        (["bytes=0-"], True),
    ],
)
async def test_only_what_was_fetched_whole_stays(town: Town, ranges: list[str], whole: bool) -> None:
    agent = await town.agent().join(town.place)
    request = await town.officer.ask(agent)
    await agent.decide(request)
    await agent.deliver(request, FILM, await agent.upload(FILM))
    content = api.CONTENT.format(delivery_id="r-1-del")
    for each in ranges:
        assert (await town.officer.call("GET", content, headers={"Range": each})).status == 206
    await agent.withdraw()
    assert (await town.officer.call("GET", content)).status == (200 if whole else 410)
    assert ((await town.officer.case()).decision is not None) == whole


def test_a_transfer_that_broke_off_reaches_as_far_as_the_next_one_begins() -> None:
    fetching = Fetching()
    assert not fetching.note("one", 0, 100, 100, sent=False)
    assert not fetching.note("one", 40, 90, 100, sent=True)
    assert fetching.note("one", 90, 100, 100, sent=True)
    assert not fetching.note("other", 90, 100, 100, sent=True)


async def test_what_the_officer_has_fetched_stays_when_its_owner_leaves(town: Town) -> None:
    agent = await town.agent().join(town.place)
    request = await town.officer.ask(agent)
    await agent.decide(request)
    await agent.deliver(request, FILM, await agent.upload(FILM))
    content = api.CONTENT.format(delivery_id="r-1-del")
    assert (await town.officer.call("GET", content)).content == FILM
    await agent.withdraw()
    assert (await town.officer.call("GET", content)).content == FILM
    case = await town.officer.case()
    assert (case.status, case.device_key) == (Status.APPROVED, agent.key.public.line)


async def test_a_withdrawal_whose_answer_was_lost_may_be_sent_again(town: Town) -> None:
    agent = await town.agent().join(town.place)
    assert [(await agent.withdraw()).status for _ in range(2)] == [204, 204]


async def test_nobody_withdraws_another_device(town: Town) -> None:
    agent, thief = await town.agent().join(town.place), await town.agent().join(town.place)
    assert (await thief.call("DELETE", api.REGISTRATION, agent.withdrawal())).status == 422
    assert (await thief.call("DELETE", api.REGISTRATION, thief.withdrawal(device=agent.name))).status == 422
    assert (await agent.call("GET", api.INBOX)).status == 200


async def test_an_agent_that_left_may_come_again_and_hears_only_what_is_new(town: Town) -> None:
    agent = await town.agent().join(town.place)
    await town.officer.ask(agent, "before")
    before = await agent.inbox()
    await agent.withdraw()
    town.clock.forward(MINUTE)
    await agent.join(town.place)
    await town.officer.ask(agent, "after")
    after = await agent.inbox(after=before.cursor)
    assert [item.signed.document.count('"after"') for item in after.items] == [1]


async def test_a_custody_log_that_was_cut_back_is_noticed_and_kept(town: Town) -> None:
    agent = await town.agent().join(town.place)
    for size, root in ((5, b"a"), (9, b"b"), (9, b"b"), (7, b"c"), (9, b"d"), (12, b"e")):
        note = sign_checkpoint(size, root * 32, agent.key)
        assert (await agent.call("POST", api.CHECKPOINTS, api.Checkpoint(note=note))).status == 204
    kept = await town.running.portal.db.read(
        lambda session: [
            (row.size, row.cut_back) for row in session.scalars(select(StoredCheckpoint).order_by("number"))
        ]
    )
    assert kept == [(5, False), (9, False), (7, True), (9, True), (12, False)]
    shown = await town.running.portal.db.read(checkpoints.list_cut_back)
    assert [(each["device"], each["size"], each["longest"]) for each in shown] == [
        (agent.key.public.fingerprint, 9, 12),
        (agent.key.public.fingerprint, 7, 12),
    ]


async def test_a_checkpoint_by_another_key_is_refused(town: Town) -> None:
    agent = await town.agent().join(town.place)
    note = sign_checkpoint(5, b"a" * 32, SigningKey.generate())
    assert (await agent.call("POST", api.CHECKPOINTS, api.Checkpoint(note=note))).status == 422


async def test_a_device_gets_back_what_it_signed_and_nobody_else_s(town: Town) -> None:
    agent, other = await town.agent().join(town.place), await town.agent().join(town.place)
    for size, root in ((9, b"b"), (7, b"c"), (9, b"d")):
        note = sign_checkpoint(size, root * 32, agent.key)
        assert (await agent.call("POST", api.CHECKPOINTS, api.Checkpoint(note=note))).status == 204
    told = api.Witnessed.model_validate_json((await agent.call("GET", api.CHECKPOINTS)).content)
    assert told.note == sign_checkpoint(9, b"b" * 32, agent.key)
    assert told.decisions == ()
    assert (await other.call("GET", api.CHECKPOINTS)).json == {"decisions": []}


@pytest.mark.parametrize("after", [1 << 63, 1 << 64, 10**400, -1], ids=["2^63", "2^64", "10^400", "-1"])
async def test_a_cursor_that_no_inbox_can_have_is_a_bad_question(town: Town, after: int) -> None:
    agent = await town.agent().join(town.place)
    assert (await agent.call("GET", api.INBOX, query={"after": str(after)})).status == 400
    assert (await agent.call("GET", api.INBOX, query={"after": str((1 << 63) - 1)})).status == 200
