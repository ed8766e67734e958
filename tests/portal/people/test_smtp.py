"""Messages by a real mail server: encrypted, tried again, given up in words."""

import asyncio
import ssl
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiosmtpd.smtp import AuthResult, LoginPassword

from exchange.documents import api
from exchange.errors import NotDelivered, SettingsInvalid
from portal.people import sending
from portal.people.messages import AddressRefused, Message
from portal.people.secret_files import read_secret
from portal.people.sending import WAITS
from portal.people.smtp import CREDENTIAL, SmtpCarrier
from portal.settings import MailSettings, PeopleSettings
from tests.portal.conftest import Town
from tests.portal.people.letters import Letters, mail_server
from tests.portal.people.visits import Visitor, case, question


@pytest.fixture(autouse=True)
def _looks_only_when_woken(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a test's own outbox is the only one that sends."""
    monkeypatch.setattr(sending, "LOOK_SECONDS", 3600)


HELLO = Message("ada@example.org", "Hello", "What is it?\n", "Hello")
SECRET = "correct horse battery"


def mail(letters: Letters, **changed: Any) -> MailSettings:
    fields = {"host": "127.0.0.1", "port": letters.port, "security": "none", "sender": "footage@police.example"}
    return MailSettings(**{**fields, **changed})


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


async def test_mail_goes_by_starttls_with_user_and_password(authority: trustme.CA, tmp_path: Path) -> None:
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(served)
    password = tmp_path / "password"
    password.write_text(SECRET + "\n")
    password.chmod(0o600)

    def knows(server: object, session: object, envelope: object, mechanism: str, given: Any) -> AuthResult:
        good = isinstance(given, LoginPassword) and (given.login, given.password) == (b"handover", SECRET.encode())
        return AuthResult(success=good, handled=good)

    how = {"tls_context": served, "require_starttls": True, "authenticator": knows, "auth_required": True}
    async with mail_server(**how) as letters:
        settings = mail(letters, security="starttls", user="handover", password_file=password)
        await SmtpCarrier(settings, trusting(authority)).send(HELLO)
        assert [letter["To"] for letter in letters.taken] == ["ada@example.org"]
        with pytest.raises(NotDelivered, match="certificate is not trusted"):
            await SmtpCarrier(settings).send(HELLO)
        password.write_text("wrong")
        with pytest.raises(NotDelivered, match="user and password") as refused:
            await SmtpCarrier(settings, trusting(authority)).send(HELLO)
        assert "wrong" not in str(refused.value)
        assert len(letters.taken) == 1


async def test_a_server_without_starttls_gets_nothing() -> None:
    async with mail_server() as letters:
        with pytest.raises(NotDelivered):
            await SmtpCarrier(mail(letters, security="starttls")).send(HELLO)
        assert letters.taken == []


def test_mail_leaves_this_machine_encrypted_only() -> None:
    with pytest.raises(ValueError, match="starttls or tls"):
        MailSettings(host="mail.example.org", security="none", sender="a@example.org")
    with pytest.raises(ValueError, match="no time zone"):
        PeopleSettings(
            mail=MailSettings(host="mail.example.org", sender="a@example.org"), responsible="DPO", zone="Mars/Base"
        )


async def test_no_word_of_what_went_wrong_holds_the_address() -> None:
    async with mail_server() as letters:
        letters.refusal = "550 ada@example.org is unknown here"
        with pytest.raises(AddressRefused, match="did not take the address") as refused:
            await SmtpCarrier(mail(letters)).send(HELLO)
        assert "ada@" not in str(refused.value)
        letters.refusal = "450 later"
        with pytest.raises(NotDelivered) as later:
            await SmtpCarrier(mail(letters)).send(HELLO)
        assert not isinstance(later.value, AddressRefused)
    with pytest.raises(NotDelivered, match="can't be reached"):
        await SmtpCarrier(mail(letters)).send(HELLO)


def test_the_password_comes_from_a_private_file_or_from_systemd(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    with pytest.raises(SettingsInvalid, match="nothing says"):
        read_secret(None, CREDENTIAL, "it")
    path = tmp_path / "mail-password"
    path.write_text(SECRET)
    path.chmod(0o644)
    with pytest.raises(SettingsInvalid, match="Others may read"):
        read_secret(path, CREDENTIAL, "it")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert read_secret(None, CREDENTIAL, "it") == SECRET
    with pytest.raises(SettingsInvalid, match="can't be read"):
        read_secret(tmp_path / "gone", CREDENTIAL, "it")


async def test_a_message_is_tried_again_and_its_officer_sees_how_it_is(
    town: Town, visitor: Visitor, letters: Letters
) -> None:
    person = await visitor.register()
    outbox = town.running.portal.outbox
    assert outbox is not None
    broken = replace(outbox, carrier=Broken(NotDelivered("The mail server can't be reached.")), queued=asyncio.Event())
    town.running.portal.__dict__["outbox"] = broken
    made = await town.officer.call("POST", api.PERSON_REQUESTS, question(town.officer, person))
    assert made.json["message"] == "waiting"
    assert await broken.send_due() == 1
    found = await case(town.officer, "p-1")
    assert (found.message.value, found.message_trouble) == ("waiting", "The mail server can't be reached.")
    assert await broken.send_due() == 0
    town.clock.forward(WAITS[0])
    assert await outbox.send_due() == 1
    assert (await case(town.officer, "p-1")).message_trouble is None
    assert (await visitor.post("/link", {"code": await visitor.next_code()})).status == 200


async def test_an_address_that_takes_nothing_is_given_up_at_once(
    town: Town, visitor: Visitor, letters: Letters
) -> None:
    person = await visitor.register()
    letters.refusal = "550 unknown"
    assert town.running.portal.outbox is not None
    outbox = replace(town.running.portal.outbox, queued=asyncio.Event())
    town.running.portal.__dict__["outbox"] = outbox
    await town.officer.call("POST", api.PERSON_REQUESTS, question(town.officer, person))
    assert await outbox.send_due() == 1
    found = await case(town.officer, "p-1")
    assert (found.message.value, found.message_trouble) == ("failed", "The mail server did not take the address (550).")
    town.clock.forward(WAITS[0])
    assert await outbox.send_due() == 0


class Broken:
    """Carries nothing."""

    def __init__(self, error: NotDelivered) -> None:
        self._error = error

    async def send(self, message: Message) -> None:
        raise self._error
