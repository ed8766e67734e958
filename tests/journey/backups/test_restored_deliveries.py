"""A machine that is put back as it was before a delivery learns from the portal what went, and sends nothing twice."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from unittest import mock

import pytest

from agent.deliveries.contract import NotNow
from agent.deliveries.portal import PortalDelivery
from agent.deliveries.way import Means, Way
from agent.owner.operations.record_keeping.statement import StatementAsked
from agent.owner.operations.records import Restored
from agent.requests.decision import Choice, Verdict, decide, load_approval, stored_decision
from agent.requests.journey import STEPS, Journey
from agent.requests.on_the_way import stop
from agent.requests.on_the_way.choosing import choose
from agent.requests.restored import doubts
from agent.requests.states import State
from exchange.documents import api
from exchange.documents.messages import Asked, Delivery, Signed, Stretch
from exchange.errors import DecisionRefused, InputInvalid, NotFound, PortalUnreachable
from exchange.signing.documents import SigningKey, open_document, sign_document
from tests.counterparts.portals.hostile_portal import Handler, status, text
from tests.journey.backups.keeping import LostHome, custody, lost_home
from tests.journey.home import ACTOR, CAMERA, OWNER, Home, Siege, Town, besieged, owner_does
from tests.journey.test_records_went_back import backup, restore

Until = Callable[[Town, str], Awaitable[None]]


async def approved(at: Town, request_id: str) -> None:
    await at.say(request_id, yes=True)
    assert await at.state(request_id) == "approved"


async def cut_to(at: Town, request_id: str, *steps: State) -> None:
    await approved(at, request_id)
    await Journey(at.agent.services, {state: STEPS[state] for state in steps}).settle()


async def clipped(at: Town, request_id: str) -> None:
    await cut_to(at, request_id, State.APPROVED)
    assert await at.state(request_id) == "clipped"


async def sealed(at: Town, request_id: str) -> None:
    """With all of it brought there, and nothing announced yet, unless the line is down."""
    await cut_to(at, request_id, State.APPROVED, State.CLIPPED)
    assert await at.state(request_id) == "sealed"


async def half_uploaded(at: Town, request_id: str) -> None:
    async def broken(*_: object, **__: object) -> None:
        raise PortalUnreachable("The line is down.")

    with mock.patch.object(PortalDelivery, "upload", broken):
        await sealed(at, request_id)
    (package,) = await at.packages(request_id)
    assert package.upload_url is None
    paced = 0

    async def pace(count: int) -> None:
        nonlocal paced
        paced += count
        if paced > (package.size or 0) // 2:
            raise NotNow(0, "the line broke")

    with pytest.raises(NotNow):
        await PortalDelivery(at.agent.services, pace).upload(package, package.size or 0)
    (package,) = await at.packages(request_id)
    assert (package.upload_url is not None, package.uploaded_at) == (True, None)


async def delivered(at: Town, request_id: str) -> None:
    await at.walk()
    assert await at.state(request_id) == "delivered"


async def nothing(at: Town, request_id: str) -> None:
    """The machine broke before anything more was done."""


@asynccontextmanager
async def put_back(lost: LostHome, until: Until, after: Until = delivered) -> AsyncIterator[tuple[Town, str]]:
    """A request that came as far as ``until`` says when the state was made, and then as far as ``after``; the machine
    as it is put back from that state, and the request's id. The recordings are aside, in ``recordings``."""
    async with lost.first() as at:
        request_id = await at.asked()
        await until(at, request_id)
        await at.agent.backups.run()
        await after(at, request_id)
        identity = next(each for each in at.agent.services.keys.archive if each.recipient.kind == "x25519")
        key = lost.folder / "key.txt"
        await asyncio.to_thread(key.write_text, f"{identity}\n")
        device = at.agent.services.keys.device.public.fingerprint
        recordings = at.settings.recordings.directory
        await asyncio.to_thread(shutil.copytree, recordings, lost.folder / "recordings")
    await asyncio.to_thread(shutil.rmtree, lost.data)
    done = await lost.handover("restore", str(lost.nas), "--key", str(key), "--device", device)
    assert done.exit_code == 0, done.output
    async with lost.second(at) as again:
        yield again, request_id


async def with_footage(lost: LostHome, at: Town) -> None:
    """The recordings were on another disk, which is here again."""
    recordings = at.settings.recordings.directory
    await asyncio.to_thread(shutil.copytree, lost.folder / "recordings", recordings, dirs_exist_ok=True)


async def at_the_portal(at: Town, request_id: str) -> list[Delivery]:
    key = at.agent.services.keys.device.public
    return [open_document(each.signed, Delivery, key) for each in (await at.officer.case(request_id)).deliveries]


async def learned(at: Home) -> list[str]:
    lines = await custody(at, "delivered")
    return [line["details"]["evidence_id"] for line in lines if "learned_from" in line["details"]]


async def said(at: Town, what: str, request_id: str, *, handed_over: bool) -> None:
    word = Restored(what=what, request_id=request_id, handed_over=handed_over)
    assert await owner_does(at.agent, "restored", word, ACTOR) == {"ended": 0}


@pytest.mark.parametrize("until", [approved, clipped, sealed, half_uploaded])
async def test_what_was_delivered_after_the_state_is_neither_made_nor_sent_again(tmp_path: Path, until: Until) -> None:
    async with lost_home(tmp_path) as lost, put_back(lost, until) as (at, request_id):
        (delivery,) = await at_the_portal(at, request_id)
        await at.officer.receipt(delivery.delivery_id, at.receipt_for(request_id, delivery))
        before = await at.state(request_id)
        await at.walk()  # the portal is away: nobody was asked yet
        assert await at.state(request_id) == before
        assert "the portal has not told yet" in str((await at.row(request_id)).trouble)
        with pytest.raises(DecisionRefused, match="may have been handed over"):
            await stop.stop(at.agent.services, request_id, "robin")
        uploads = set(await asyncio.to_thread(lambda: list(lost.place.folder.path.rglob("uploads/*"))))
        await at.fetch_and_walk()
        assert await at.state(request_id) == "closed"
        assert await learned(at) == [delivery.evidence_id]
        (package,) = await at.packages(request_id)
        assert (package.delivery_id, package.ciphertext_sha256) == (delivery.delivery_id, delivery.ciphertext_sha256)
        assert (package.delivered_at, package.path) == (delivery.issued, None)
        assert package.receipt is not None
        assert await at.agent.services.footage.kept_bytes(request_id) == 0
        assert await at_the_portal(at, request_id) == [delivery]
        assert set(await asyncio.to_thread(lambda: list(lost.place.folder.path.rglob("uploads/*")))) == uploads
        assert not list(at.settings.packages_dir.glob("*.age"))


async def test_without_the_yes_the_portals_word_is_written_down_and_no_yes_is_made_up(tmp_path: Path) -> None:
    async def yes_and_delivered(at: Town, request_id: str) -> None:
        await at.say(request_id, yes=True)
        await delivered(at, request_id)

    async with lost_home(tmp_path) as lost, put_back(lost, nothing, yes_and_delivered) as (at, request_id):
        await at.fetch_and_walk()
        assert await learned(at) == []  # the owner hasn't said yet what happened
        assert (await owner_does(at.agent, "restored", Restored(what="the disk died"), ACTOR)) == {"ended": 1}
        await at.fetch_and_walk()
        (delivery,) = await at_the_portal(at, request_id)
        assert await learned(at) == [delivery.evidence_id]
        (package,) = await at.packages(request_id)
        assert (package.evidence_id, package.delivery_id) == (delivery.evidence_id, delivery.delivery_id)
        assert await at.state(request_id) == "closed"
        assert await custody(at, "approved") == []
        with pytest.raises(InputInvalid, match="known only from the portal"):
            await owner_does(at.agent, "statement", StatementAsked(request_id=request_id), ACTOR)
        with pytest.raises(DecisionRefused):
            await load_approval(at.agent.services, request_id)


async def test_a_request_that_comes_again_is_not_answered_anew(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        before = await backup(at)
        request_id = await at.asked()
        await at.say(request_id, yes=False)
        async with at.agent.services.store.transaction() as tx:
            answer = await stored_decision(tx, request_id)
        assert answer is not None
        await restore(at, before)
        async with at.agent.services.store.transaction() as tx:
            await doubts.begin(tx)
        witnessed = text(api.Witnessed(decisions=(answer,)).model_dump_json())
        at.portal.fault("GET", api.CHECKPOINTS, witnessed, times=9)
        await at.fetch_and_walk()
        with pytest.raises(DecisionRefused, match="went back"):
            await at.say(request_id, yes=True)
        await owner_does(at.agent, "restored", Restored(what="an older card"), ACTOR)
        await at.fetch_and_walk()
        assert await at.state(request_id) == "closed"
        async with at.agent.services.store.transaction() as tx:
            assert not await doubts.lately(tx)


@pytest.mark.parametrize("until", [approved, clipped, sealed, half_uploaded])
async def test_what_did_not_go_goes_and_is_made_anew_where_it_was_lost(tmp_path: Path, until: Until) -> None:
    async with lost_home(tmp_path) as lost, put_back(lost, until, nothing) as (at, request_id):
        await with_footage(lost, at)
        await at.fetch_and_walk()
        assert (await at.state(request_id), await learned(at)) == ("delivered", [])
        assert len(await at_the_portal(at, request_id)) == 1


async def test_where_the_portal_has_other_bytes_it_waits_for_the_owner(tmp_path: Path) -> None:
    async def sealed_anew(at: Town, request_id: str) -> None:
        (package,) = await at.packages(request_id)
        async with at.agent.services.store.transaction() as tx:
            nothing: dict[str, None] = dict.fromkeys(("sealed_at", "ciphertext_sha256", "path", "evidence", "custody"))
            await tx.update("packages", {"request_id": request_id}, **nothing, uploaded_at=None, upload_url=None)
            await tx.update("requests", {"request_id": request_id}, state="clipped")
        at.clock.forward(60_000_000)
        at.settings.package(package.evidence_id).unlink()
        await delivered(at, request_id)
        assert (await at.packages(request_id))[0].ciphertext_sha256 != package.ciphertext_sha256

    async with lost_home(tmp_path) as lost, put_back(lost, sealed, sealed_anew) as (at, request_id):
        await at.fetch_and_walk()
        await at.walk(60_000_000)
        (delivery,) = await at_the_portal(at, request_id)
        assert await at.state(request_id) == "sealed"
        trouble = str((await at.row(request_id)).trouble)
        assert ("another package" in trouble, delivery.ciphertext_sha256 in trouble) == (True, True)
        await said(at, "the officer read me its SHA-256", request_id, handed_over=True)
        await at.walk()
        assert (await at.state(request_id), await at_the_portal(at, request_id)) == ("closed", [delivery])


@pytest.mark.parametrize("handed_over", [True, False])
async def test_what_went_another_way_only_the_owner_can_know(tmp_path: Path, handed_over: bool) -> None:
    async def to_a_folder(at: Town, request_id: str) -> None:
        await sealed(at, request_id)
        folder = tmp_path / "share"
        await asyncio.to_thread(folder.mkdir)
        way = Way(means=Means.FOLDER, folder=str(folder))
        await choose(at.agent.services, request_id, way, "robin", may_loosen=True)

    after = delivered if handed_over else nothing
    async with lost_home(tmp_path) as lost, put_back(lost, to_a_folder, after) as (at, request_id):
        await with_footage(lost, at)
        files = set(await asyncio.to_thread(lambda: list((tmp_path / "share").iterdir())))
        await at.fetch_and_walk()
        await at.walk(60_000_000)
        assert await at.state(request_id) == "sealed"
        trouble = str((await at.row(request_id)).trouble)
        assert "another way (folder), which nobody can ask" in trouble
        assert f"--request {request_id} --handed-over" in trouble
        await said(at, "I saw it there", request_id, handed_over=handed_over)
        await at.walk()
        assert await at.state(request_id) == "delivered"
        now = set(await asyncio.to_thread(lambda: list((tmp_path / "share").iterdir())))
        assert (now == files) is handed_over
        (line,) = await custody(at, "delivered")
        assert line["details"].get("learned_from") == ("the owner" if handed_over else None)
        with pytest.raises(NotFound):
            await said(at, "again", request_id, handed_over=True)


async def test_a_package_that_the_portal_refuses_as_it_has_it_is_learned_of_without_any_restore(tmp_path: Path) -> None:
    """An older card, say: nothing that this machine signed later was shown to the portal but the delivery itself."""
    async with lost_home(tmp_path) as lost, put_back(lost, half_uploaded) as (at, request_id):
        async with at.agent.services.store.transaction() as tx:
            await doubts.settled(tx, request_id)
            await tx.update("packages", {"request_id": request_id}, path=None, upload_url=None)
        (delivery,) = await at_the_portal(at, request_id)
        at.settings.packages_dir.mkdir(exist_ok=True)
        content = b"x" * delivery.size
        await asyncio.to_thread(at.settings.package(delivery.evidence_id).write_bytes, content)
        await at.walk()
        await at.walk()
        assert (await at.state(request_id), await learned(at)) == ("delivered", [delivery.evidence_id])
        assert await at_the_portal(at, request_id) == [delivery]


def held(*deliveries: Signed, more: bool = False) -> Handler:
    items = tuple(api.HeldDelivery(delivery=each) for each in deliveries)
    return text(api.HeldDeliveries(items=items, more=more).model_dump_json())


def of(at: Siege, request_id: str, key: SigningKey | None = None, evidence: str | None = "e") -> Signed:
    document = Delivery(
        delivery_id="d", request_id=request_id, evidence_id=evidence, ciphertext_sha256="0" * 64, size=1, issued=1
    )
    return sign_document(document, key or at.agent.services.keys.device)


async def test_of_what_went_in_part_only_the_rest_is_made_and_sent(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        start, second = at.window.start, 1_000_000
        windows = [Stretch(start=start + 2 * second * n, end=start + 2 * second * n + second) for n in (0, 1)]
        asked = tuple(Asked(camera_id=CAMERA, window=each, sound=False) for each in windows)
        request_id = await at.asked(at.request(asked=asked))
        choices = tuple(Choice(position=number, share=True) for number in (0, 1))
        verdict = Verdict(plan_sha256=await at.plan_sha256(request_id), choices=choices)
        decision = await decide(at.agent.services, request_id, verdict, OWNER)
        assert decision is not None
        async with at.agent.services.store.transaction() as tx:
            await doubts.begin(tx)
        went, rest = [camera.evidence_id for camera in decision.cameras]
        assert went is not None
        assert rest is not None
        at.portal.fault("GET", api.DELIVERIES.format(request_id=request_id), held(of(at, request_id, evidence=went)))
        await at.fetch_and_walk()
        assert await at.state(request_id) == "delivered"
        assert await learned(at) == [went]
        (sent,) = [call for call in at.portal.calls if call.method == "PUT" and "/deliveries/" in call.path]
        assert (str(rest).encode() in sent.body, str(went).encode() in sent.body) == (True, False)
        assert len(at.portal.uploads) == 1


NONSENSE = {
    "a page": lambda at, request_id: text("<html>log in</html>"),
    "nothing": lambda at, request_id: text(""),
    "another's signature": lambda at, request_id: held(of(at, request_id, SigningKey.generate())),
    "another request": lambda at, request_id: held(of(at, "another")),
    "no end": lambda at, request_id: held(more=True),
    "the same again": lambda at, request_id: held(of(at, request_id), more=True),
    "too busy": lambda at, request_id: status(503),
    "refused": lambda at, request_id: status(403),
}


@pytest.mark.parametrize("kind", NONSENSE)
async def test_nonsense_is_refused_at_the_door_and_nothing_leaves_meanwhile(tmp_path: Path, kind: str) -> None:
    async with besieged(tmp_path) as at:
        request_id = await at.asked()
        await at.say(request_id, yes=True)
        async with at.agent.services.store.transaction() as tx:
            await doubts.begin(tx)
        path = api.DELIVERIES.format(request_id=request_id)
        at.portal.fault("GET", path, NONSENSE[kind](at, request_id), times=2)
        for _ in range(2 if kind == "the same again" else 1):
            await at.fetch_and_walk()
        assert await at.state(request_id) == "approved"
        who = "In the portal's place" if kind == "a page" else "The portal"
        assert f"the portal has not told yet: {who}" in str((await at.row(request_id)).trouble)
        assert [str(call) for call in at.portal.about(request_id) if call.method != "GET"] == []
        at.portal.faults.clear()
        at.portal.fault("GET", path, held())
        await at.fetch_and_walk()
        assert await at.state(request_id) == "delivered"


async def test_a_portal_that_does_not_know_the_question_leaves_it_to_the_owner(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id = await at.asked()
        await at.say(request_id, yes=True)
        async with at.agent.services.store.transaction() as tx:
            await doubts.begin(tx)
        at.portal.fault("GET", api.DELIVERIES.format(request_id=request_id), status(404))
        await at.fetch_and_walk()
        assert await at.state(request_id) == "approved"
        assert "this portal can't tell it" in str((await at.row(request_id)).trouble)
        word = Restored(what="I rang the officer", request_id=request_id, handed_over=False)
        await owner_does(at.agent, "restored", word, ACTOR)
        await at.walk()
        assert await at.state(request_id) == "delivered"
