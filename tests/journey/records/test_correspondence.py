"""Everything that was said about a request is in one place, as it came, and what others wrote does nothing there."""

import base64
import hashlib
import os
import stat
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from agent.owner.operations.table import OPERATIONS
from agent.owner.people.roles import Role
from agent.records.correspondence import kept
from exchange.clock import DAY, from_rfc3339
from exchange.errors import InputInvalid, NotFound, WorkerFailed
from tests.journey.home import Siege, besieged
from tests.journey.records.kept import ask, handed_over

UPLOAD = "0123456789abcdef" * 2


def mail(**headers: str) -> EmailMessage:
    message = EmailMessage()
    for name, value in {
        "From": "Ada Okafor <ada.okafor@example.police.uk>",
        "To": "robin@example.org",
        "Subject": "Footage of 12 Mill Road",
        "Date": "Sat, 21 Nov 2026 09:30:00 +0000",
    }.items():
        message[name] = headers.get(name, value)
    return message


async def add(at: Siege, request_id: str, content: bytes, name: str = "mail.eml", **more: Any) -> Any:
    """As the command does: in pieces, then by name."""
    data = base64.b64encode(content).decode()
    await ask(at, "correspondence-piece", upload_id=UPLOAD, offset=0, data=data)
    return await ask(at, "correspondence-add", request_id=request_id, upload_id=UPLOAD, name=name, **more)


async def moments(at: Siege, request_id: str) -> Any:
    return (await ask(at, "correspondence", request_id=request_id))["moments"]


async def load(at: Siege, item_id: str) -> bytes:
    return base64.b64decode((await ask(at, "correspondence-load", item_id=item_id))["data"])


async def test_mails_notes_and_files_stand_with_the_portals_messages_on_one_line_of_time(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id = await handed_over(at)
        message = mail()
        message.set_content("Could you look for a grey van?\nThank you.")
        message.add_attachment(b"\x00" * 3000, maintype="application", subtype="pdf", filename="map.pdf")
        await add(at, request_id, message.as_bytes())
        await ask(
            at, "correspondence-note", request_id=request_id, text="She called; I told her Tuesday.",
            sender="PC 4711", at="2026-11-22T08:00:00.000000Z",
        )  # fmt: skip
        await add(at, request_id, b"%PDF-1.7 ...", "letter.pdf", sender="Kent Police")
        shown = await moments(at, request_id)
        assert [moment["what"] for moment in shown] == [
            "mail", "asked", "answered", "handed-over", "receipt", "closed", "file", "note",
        ]  # fmt: skip
        first = shown[0]
        assert first["at"] == "2026-11-21T09:30:00.000000Z"
        assert first["who"] == "Ada Okafor <ada.okafor@example.police.uk>"
        assert first["text"] == "Could you look for a grey van?\nThank you."
        assert first["item"]["subject"] == "Footage of 12 Mill Road"
        assert first["item"]["recipients"] == "robin@example.org"
        assert first["item"]["added_by"] == "robin"
        (attached,) = first["item"]["attached"]
        assert (attached["name"], attached["kind"]) == ("map.pdf", "application/pdf")
        assert 2900 < attached["bytes"] < 3300
        assert [moment["theirs"] for moment in shown] == [True, True, False, False, True, False, True, False]
        deeds = [deed["deed"] for deed in (await ask(at, "deeds"))["deeds"]]
        assert deeds.count("correspondence-add") == 2


async def test_what_was_added_is_kept_byte_for_byte_where_only_the_daemon_reads(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id = await at.asked()
        content = mail().as_bytes() + b"\r\nwords\r\n"
        added = await add(at, request_id, content, name="../../etc/passwd/C:\\x\\quer y.eml")
        (path,) = at.settings.records_dir.iterdir()
        assert path.name == f"{added['item_id']}.kept"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(at.settings.records_dir.stat().st_mode) == 0o700
        assert path.read_bytes() == content == await load(at, added["item_id"])
        item = (await moments(at, request_id))[-1]["item"] or (await moments(at, request_id))[0]["item"]
        assert item["name"] == "quer y.eml"
        assert item["sha256"] == hashlib.sha256(content).hexdigest()


async def test_a_mail_that_no_one_can_read_is_kept_as_a_file(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id = await at.asked()

        async def fails(*_: Any, **__: Any) -> Any:
            raise WorkerFailed("it asked for more memory than its limit")

        object.__setattr__(at.agent.services, "run_job", fails)
        added = await add(at, request_id, b"Subject: x", "bomb.eml")
        assert added["kind"] == "file"
        assert await load(at, added["item_id"]) == b"Subject: x"


async def test_too_much_is_refused_and_nothing_of_it_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with besieged(tmp_path) as at:
        request_id = await at.asked()
        monkeypatch.setattr(kept, "MOST_BYTES", 1000)
        with pytest.raises(InputInvalid, match="may have"):
            await add(at, request_id, b"x" * 1001, "a.bin")
        assert list(at.settings.records_dir.iterdir()) == []
        with pytest.raises(InputInvalid, match="empty"):
            await add(at, request_id, b"", "a.bin")
        monkeypatch.setattr(kept, "MOST_ITEMS", 1)
        await ask(at, "correspondence-note", request_id=request_id, text="one")
        with pytest.raises(InputInvalid, match="There are 1 mails"):
            await add(at, request_id, b"two", "a.bin")
        assert [path for path in at.settings.records_dir.iterdir() if path.suffix == ".kept"] == []
        with pytest.raises(NotFound):
            await ask(at, "correspondence-note", request_id="nobody", text="x")
        with pytest.raises(InputInvalid, match="not the next"):
            await ask(at, "correspondence-piece", upload_id="f" * 32, offset=7, data="eA==")


async def test_one_that_is_removed_is_gone_and_that_it_was_stands_among_the_deeds(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id = await at.asked()
        added = await add(at, request_id, b"secret", "a.txt")
        await ask(at, "correspondence-remove", item_id=added["item_id"])
        assert list(at.settings.records_dir.iterdir()) == []
        assert [m for m in await moments(at, request_id) if m["item"]] == []
        deed = (await ask(at, "deeds"))["deeds"][0]
        assert (deed["deed"], deed["about"]) == ("correspondence-remove", added["item_id"])
        assert OPERATIONS["correspondence-remove"].role is Role.ADMINISTRATOR
        with pytest.raises(NotFound):
            await ask(at, "correspondence-load", item_id=added["item_id"])


async def test_what_a_crash_left_of_an_upload_is_swept_and_what_is_kept_stays(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id = await at.asked()
        added = await add(at, request_id, b"kept", "a.txt")
        await ask(at, "correspondence-piece", upload_id="e" * 32, offset=0, data="eA==")
        (at.settings.records_dir / "00000000-0000-0000-0000-000000000000.kept").write_bytes(b"no row")
        old = (at.clock.now() - 2 * DAY) / 1e6
        for path in at.settings.records_dir.iterdir():
            os.utime(path, (old, old))
        assert await kept.sweep(at.agent.services) == 2
        assert await load(at, added["item_id"]) == b"kept"


async def test_a_date_that_cannot_be_is_not_believed(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id = await at.asked()
        message = mail(Date="Thu, 01 Jan 2099 00:00:00 +0000")
        message.set_content("from the future")
        await add(at, request_id, message.as_bytes())
        item = next(m["item"] for m in await moments(at, request_id) if m["item"])
        assert not item["dated"]
        assert from_rfc3339(item["added_at"]) == item["at"]
