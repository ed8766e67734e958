"""Who is told, of what, when: over a real mail server, a web hook, and through Apprise as owners have it."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import web
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from agent.owner.notify.outbox import Outbox
from agent.owner.notify.recipients import Recipient, Recipients
from agent.owner.operations.context import Nothing
from agent.owner.operations.notify import RecipientNamed
from exchange.clock import DAY, HOUR, MINUTE, SECOND, from_rfc3339
from exchange.documents.api import InboxKind
from exchange.documents.feedback import CannotPlay, Question
from exchange.errors import InputInvalid, NotDelivered, NotFound
from tests.agent.owner.web.pages import free_port
from tests.journey.home import ACTOR, Siege, besieged, owner_does


@dataclass
class Mailbox:
    """What a mail server took."""

    port: int
    letters: list[str] = field(default_factory=list)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        content = envelope.content
        assert isinstance(content, bytes)
        self.letters.append(content.decode())
        return "250 taken"

    @property
    def address(self) -> str:
        return f"mailto://127.0.0.1:{self.port}?from=pi@example.org&to=robin@example.org&mode=insecure"


@asynccontextmanager
async def mail_server(port: int | None = None) -> AsyncIterator[Mailbox]:
    box = Mailbox(port or free_port())
    controller = Controller(box, hostname="127.0.0.1", port=box.port)
    await asyncio.to_thread(controller.start)
    try:
        yield box
    finally:
        await asyncio.to_thread(controller.stop)


@asynccontextmanager
async def web_hook(said: list[dict[str, str]]) -> AsyncIterator[str]:
    async def take(request: web.Request) -> web.Response:
        said.append(await request.json())
        return web.Response()

    app = web.Application()
    app.router.add_post("/", take)
    runner = web.AppRunner(app)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield f"json://127.0.0.1:{port}/"
    finally:
        await runner.cleanup()


def outbox(at: Siege) -> Outbox:
    return Outbox(at.agent.services, Recipients(at.settings.recipients))


async def add(at: Siege, address: str, name: str = "robin", **how: object) -> None:
    new = Recipient.model_validate({"recipient_id": name, "name": name.title(), "address": address, **how})
    await owner_does(at.agent, "notify-add", new, ACTOR)


async def pass_by(at: Siege) -> None:
    sender = outbox(at)
    await sender.look()
    await sender.send_due()


async def test_a_request_is_told_by_mail_once_and_without_what_it_is_about(tmp_path: Path) -> None:
    async with besieged(tmp_path, workers=True) as at, mail_server() as box:
        await add(at, box.address)
        assert "This is a test" in box.letters.pop()
        await at.asked()
        await pass_by(at)
        await pass_by(at)
        (letter,) = box.letters
        assert "A request waits for you" in letter
        assert "handover review" in letter
        assert "Burglary" not in letter
        assert "Mill Road" not in letter


async def test_whoever_wants_to_know_is_told_what_it_is_about(tmp_path: Path) -> None:
    said: list[dict[str, str]] = []
    async with besieged(tmp_path, workers=True) as at, web_hook(said) as address:
        await add(at, address, detail=True)
        await at.asked()
        await pass_by(at)
        assert "Burglary, 12 Mill Road (case 04/1234/26)" in said[-1]["message"]


async def test_what_the_force_says_afterwards_is_told_once_and_its_words_only_to_whom_they_are_for(
    tmp_path: Path,
) -> None:
    said: list[dict[str, str]] = []
    async with besieged(tmp_path, workers=True) as at, web_hook(said) as address:
        await add(at, address, "anna")
        await add(at, address, "robin", detail=True)
        request_id = await at.asked()
        await at.say(request_id, yes=True)
        await at.walk()
        (package,) = await at.packages(request_id)
        said.clear()
        for model in (Question, CannotPlay):
            at.portal.put(at.feedback_for(request_id, package, model), InboxKind.FEEDBACK)
        await at.fetch_and_walk()
        await pass_by(at)
        await pass_by(at)
        titles = sorted(each["title"] for each in said)
        assert titles == ["The police ask you something"] * 2 + ["The police can't play what you sent"] * 2
        assert all(f"handover show {request_id}" in each["message"] for each in said)
        assert sorted("Why is it so dark?" in each["message"] for each in said) == [False, False, False, True]


async def test_a_message_is_written_in_its_reader_s_language(tmp_path: Path) -> None:
    said: list[dict[str, str]] = []
    async with besieged(tmp_path, workers=True) as at, web_hook(said) as address:
        await add(at, address, detail=True, language="de")
        assert "Das ist eine Probe" in said[-1]["message"]
        await at.asked()
        await pass_by(at)
        assert said[-1]["title"] == "Eine Anfrage wartet auf Sie"
        assert "Die Polizei bittet um Aufnahmen." in said[-1]["message"]
        assert "(Fall 04/1234/26)" in said[-1]["message"]


async def test_reminders_come_as_often_as_set_and_end_with_the_answer(tmp_path: Path) -> None:
    said: list[dict[str, str]] = []
    extra = "requests: {remind_after: [1h, 2h]}"
    async with besieged(tmp_path, workers=True, extra=extra) as at, web_hook(said) as address:
        await add(at, address)
        request_id = await at.asked()
        titles = []
        for _ in range(4):
            await pass_by(at)
            at.clock.forward(HOUR)
        titles = [each["title"] for each in said[1:]]
        assert titles == ["A request waits for you", "A request still waits for you", "A request still waits for you"]
        await at.say(request_id, yes=False)
        at.clock.forward(HOUR)
        await pass_by(at)
        assert len(said) == 4


async def test_the_next_in_line_is_told_when_nobody_answers(tmp_path: Path) -> None:
    first: list[dict[str, str]] = []
    second: list[dict[str, str]] = []
    extra = "notify: {escalate_after: 2h}\nrequests: {remind_after: []}"
    async with (
        besieged(tmp_path, workers=True, extra=extra) as at,
        web_hook(first) as one,
        web_hook(second) as other,
    ):
        await add(at, one)
        await add(at, other, "anna", rank=1)
        await at.asked()
        await pass_by(at)
        assert (len(first), len(second)) == (2, 1)
        at.clock.forward(2 * HOUR)
        await pass_by(at)
        assert (len(first), len(second)) == (2, 2)


async def test_quiet_hours_hold_up_what_can_wait_and_nothing_urgent(tmp_path: Path) -> None:
    said: list[dict[str, str]] = []
    night = f"{datetime.fromtimestamp(from_rfc3339('2026-11-21T12:00:00Z') / SECOND, UTC).astimezone():%H:%M}"
    hour = int(night[:2])
    extra = f"notify: {{quiet: '{hour - 1:02d}:00-{hour + 2:02d}:00', urgent: 3h}}\nrequests: {{remind_after: []}}"
    async with besieged(tmp_path, workers=True, extra=extra) as at, web_hook(said) as address:
        await add(at, address)
        await at.asked()
        await pass_by(at)
        assert len(said) == 1
        await at.asked(at.request(expires=at.clock.now() + 2 * HOUR))
        await pass_by(at)
        assert len(said) == 2
        at.clock.forward(2 * HOUR)
        await pass_by(at)
        assert len(said) == 3


async def test_what_does_not_get_there_is_tried_again_shown_and_given_up(tmp_path: Path) -> None:
    async with besieged(tmp_path, workers=True, extra="requests: {remind_after: []}") as at:
        port = free_port()
        async with mail_server(port) as box:
            await add(at, box.address)
        await at.asked(at.request(expires=at.clock.now() + 80 * DAY))
        await pass_by(at)
        listed = await owner_does(at.agent, "notify", Nothing(), ACTOR)
        (failed,) = listed["undelivered"]
        assert failed["tries"] == 1
        assert "did not take the message" in failed["failure"]
        assert "127.0.0.1" not in json.dumps(listed)
        status = await owner_does(at.agent, "status", Nothing(), ACTOR)
        assert status["messages_trouble"] == failed["failure"]
        async with mail_server(port) as box:
            await pass_by(at)
            assert box.letters == []  # not at once
            at.clock.forward(MINUTE)
            await pass_by(at)
            assert len(box.letters) == 1
        assert (await owner_does(at.agent, "notify", Nothing(), ACTOR))["undelivered"] == []
        await at.asked(at.request(expires=at.clock.now() + 80 * DAY))
        await pass_by(at)
        at.clock.forward(DAY + HOUR)
        await pass_by(at)
        (failed,) = (await owner_does(at.agent, "notify", Nothing(), ACTOR))["undelivered"]
        assert failed["given_up_at"] is not None


async def test_an_address_that_takes_nothing_is_not_added_and_never_shown(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with besieged(tmp_path, workers=True) as at:
        for address in (f"mailto://robin:s3cret@127.0.0.1:{free_port()}?mode=insecure&from=a@b.c", "nothing://s3cret"):
            with pytest.raises(NotDelivered) as refused:
                await add(at, address)
            assert "s3cret" not in str(refused.value)
        assert "s3cret" not in caplog.text
        with pytest.raises(NotFound):
            await owner_does(at.agent, "notify-test", RecipientNamed(recipient_id="robin"), ACTOR)
        assert not at.settings.recipients.exists()


async def test_two_of_one_name_are_not_added_and_one_who_is_removed_is_told_no_more(tmp_path: Path) -> None:
    said: list[dict[str, str]] = []
    async with besieged(tmp_path, workers=True) as at, web_hook(said) as address:
        await add(at, address)
        assert at.settings.recipients.stat().st_mode & 0o777 == 0o600
        with pytest.raises(InputInvalid, match="already"):
            await add(at, address)
        await owner_does(at.agent, "notify-test", RecipientNamed(recipient_id="robin"), ACTOR)
        await owner_does(at.agent, "notify-remove", RecipientNamed(recipient_id="robin"), ACTOR)
        count = len(said)
        await at.asked()
        await pass_by(at)
        assert len(said) == count


async def test_cameras_and_disks_in_trouble_are_told_once(tmp_path: Path) -> None:
    said: list[dict[str, str]] = []
    async with besieged(tmp_path, workers=True) as at, web_hook(said) as address:
        await add(at, address)
        state = at.settings.recordings.directory / ".state"
        state.mkdir(parents=True, exist_ok=True)
        now = at.clock.now()
        camera = {"state": "waiting", "since": now - HOUR, "last_packet": now - HOUR, "error": "no answer"}
        (state / "recorder.json").write_text(json.dumps({"at": now, "cameras": {"front-door": camera}}))
        await pass_by(at)
        await pass_by(at)
        (told,) = [each for each in said if each["title"] == "A camera is not recorded"]
        assert "Front door" in told["message"]


def test_an_address_that_is_none_is_refused_in_words(tmp_path: Path) -> None:
    from agent.owner.operations.arguments import read_arguments

    with pytest.raises(InputInvalid, match="address"):
        read_arguments(b'{"recipient_id": "a", "name": "A", "address": "no address"}', Recipient)
