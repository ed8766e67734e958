"""Text messages: by GOV.UK Notify's interface, or put into a folder for a gateway of the force's own.

A provider is any ``Carrier`` whose ``to`` is a number; it sends ``short``. Another one: settings of its own in
``portal.settings``, and a line in ``text_carrier``. Not for: the words (``portal.people.messages``).
"""

import asyncio
import json
import re
import uuid
from dataclasses import dataclass

import aiohttp
import jwt

from exchange.clock import SECOND, Clock
from exchange.durable import durable_file
from exchange.errors import NotDelivered, SettingsInvalid
from portal.people.addresses import is_number
from portal.people.messages import AddressRefused, Carrier, Message
from portal.people.secret_files import read_secret
from portal.settings import FolderTexts, NotifyTexts

SECONDS = 30
CREDENTIAL = "texts-key"
"""systemd's LoadCredential= gives it this name."""
_MOST = 64 * 1024
_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_KEY = re.compile(rf".{{1,200}}-({_UUID})-({_UUID})")


@dataclass(frozen=True)
class Carriers:
    """Mail and texts, by whom a message is for."""

    mail: Carrier
    texts: Carrier | None

    async def send(self, message: Message) -> None:
        if not is_number(message.to):
            await self.mail.send(message)
        elif self.texts is None:
            raise AddressRefused("No text messages are sent any more.")
        else:
            await self.texts.send(message)


def text_carrier(settings: NotifyTexts | FolderTexts, clock: Clock) -> Carrier:
    return NotifyCarrier(settings, clock) if isinstance(settings, NotifyTexts) else FolderCarrier(settings)


def text_of(message: Message, settings: NotifyTexts | FolderTexts) -> str:
    """With how to be left alone, where what people text back comes here."""
    return message.short if settings.stop_file is None else f"{message.short} Text back STOP to be deleted here."


@dataclass(frozen=True)
class FolderCarrier:
    """One file a message, ``{"to", "text"}`` as JSON, whole under its name; whoever sends it takes it away."""

    settings: FolderTexts

    async def send(self, message: Message) -> None:
        try:
            await asyncio.to_thread(self._write, message)
        except OSError:
            raise NotDelivered("The folder for text messages can't be written to.") from None

    def _write(self, message: Message) -> None:
        with durable_file(self.settings.folder / f"{uuid.uuid4()}.json") as file:
            file.write(
                json.dumps({"to": message.to, "text": text_of(message, self.settings)}, ensure_ascii=False).encode()
                + b"\n"
            )


@dataclass(frozen=True)
class NotifyCarrier:
    """The template at the provider is ``((text))`` and nothing else."""

    settings: NotifyTexts
    clock: Clock

    async def send(self, message: Message) -> None:
        try:
            key = await asyncio.to_thread(read_secret, self.settings.key_file, CREDENTIAL, "the texts' API key")
        except SettingsInvalid:
            raise NotDelivered("The API key for text messages can't be read.") from None
        body = {
            "phone_number": message.to,
            "template_id": self.settings.template,
            "personalisation": {"text": text_of(message, self.settings)},
        }
        headers = {"Authorization": f"Bearer {self._token(key)}"}
        timeout = aiohttp.ClientTimeout(total=SECONDS)
        url = f"{self.settings.url}/v2/notifications/sms"
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout, headers=headers) as session,
                session.post(url, json=body, allow_redirects=False) as answer,
            ):
                _judge(answer.status, await answer.content.read(_MOST))
        except (aiohttp.ClientError, TimeoutError):
            raise NotDelivered("The provider of text messages can't be reached.") from None

    def _token(self, key: str) -> str:
        found = _KEY.fullmatch(key)
        if found is None:
            raise NotDelivered("The API key for text messages is none.")
        return jwt.encode({"iss": found[1], "iat": self.clock.now() // SECOND}, found[2], algorithm="HS256")


def _judge(status: int, content: bytes) -> None:
    """What went wrong, in words of our own: the provider's may hold the number."""
    if status == 201:
        return
    if status == 400 and b"phone_number" in content:
        raise AddressRefused("The provider of text messages did not take the number.")
    words = {
        400: "The provider of text messages did not take the message: look at its template.",
        403: "The provider of text messages did not take the API key, or this machine's clock is wrong.",
        429: "The provider of text messages takes no more just now.",
    }
    raise NotDelivered(words.get(status, f"The provider of text messages failed ({status})."))
