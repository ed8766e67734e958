"""A mail server that people's letters come to, and what a test does with a letter. Not for: tests themselves."""

import asyncio
import re
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from portal.settings import MailSettings, PeopleSettings
from tests.agent.owner.web.pages import free_port

HERE = (53.7632, -2.7031)
ADA = "ada@example.org"
FORM = {
    "person_kind": "household",
    "person_name": "Ada Byron",
    "address": ADA,
    "count": "1",
    "label1": "Door",
    "doorbell1": "yes",
    "where1": f"{HERE[0]}, {HERE[1]}",
    "description1": "12 High Street",
    "direction1": "90",
    "days1": "30",
    "agreed": "yes",
}


@dataclass
class Letters:
    """What the server took, and what it says to a recipient (an SMTP answer) when not '250 OK'."""

    port: int
    taken: list[EmailMessage] = field(default_factory=list)
    refusal: str | None = None
    came: threading.Condition = field(default_factory=threading.Condition)

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Any) -> str:
        if self.refusal is not None:
            return self.refusal
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        letter = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(letter, EmailMessage)
        with self.came:
            self.taken.append(letter)
            self.came.notify_all()
        return "250 OK"

    async def letter(self, number: int = 1) -> EmailMessage:
        """The letter of this number, once it came."""

        def wait() -> bool:
            with self.came:
                return self.came.wait_for(lambda: len(self.taken) >= number, 30)

        assert await asyncio.to_thread(wait), "no letter came"
        return self.taken[number - 1]

    async def link(self, number: int = 1) -> str:
        return link_in(await self.letter(number))


def link_in(letter: EmailMessage) -> str:
    found = re.search(r"http\S+/link#[A-Za-z0-9_-]{43}\b", letter.get_content())
    assert found, letter.get_content()
    return found[0]


def code_of(link: str) -> str:
    return link.partition("#")[2]


@asynccontextmanager
async def mail_server(**how: Any) -> AsyncIterator[Letters]:
    letters = Letters(free_port())
    controller = Controller(letters, hostname="127.0.0.1", port=letters.port, **how)
    await asyncio.to_thread(controller.start)
    try:
        yield letters
    finally:
        await asyncio.to_thread(controller.stop)


def settings_for(letters: Letters, **changed: Any) -> PeopleSettings:
    mail = MailSettings(host="127.0.0.1", port=letters.port, security="none", sender="footage@police.example")
    return PeopleSettings(**{"mail": mail, "responsible": "Data Protection Officer\n1 Police Square", **changed})
