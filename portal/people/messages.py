"""A message to somebody without an agent: its words, and what sends it.

A carrier is anything with ``send``: ``portal.people.smtp`` is one, and ``portal.people.texts`` has those for text
messages, which take the same ``Message`` and send ``short``; the link in it is all that a person needs.
Not for: when messages go out (``portal.people.sending``).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from zoneinfo import ZoneInfo

from exchange.clock import SECOND
from exchange.documents.messages import Credential
from exchange.documents.people import PersonRequest
from exchange.errors import NotDelivered


class AddressRefused(NotDelivered):
    """The address takes no messages; to try again is no use."""


@dataclass(frozen=True, slots=True)
class Message:
    to: str
    subject: str
    text: str
    short: str
    """The same in a line or two, for a text message."""


class Carrier(Protocol):
    """Sends messages. Nothing of what it raises may hold the address, the text or a password."""

    async def send(self, message: Message) -> None:
        """Return once somebody took it over. AddressRefused when nobody ever will, NotDelivered when it may be tried
        again; ``what`` is shown to the officer."""
        ...


def to_confirm(to: str, force: str, link: str) -> Message:
    words = f"Somebody registered cameras for {force} with this e-mail address."
    return Message(
        to,
        f"Confirm your registration with {force}",
        f"{words}\n\nIf it was you, open this link and confirm it:\n\n{link}\n\n"
        "It works for two days, once. If it was not you, do nothing: without your confirmation nobody sees the entry,\n"
        "and it is deleted.\n",
        f"{words} Confirm: {link}",
    )


def to_change(to: str, force: str, link: str) -> Message:
    words = f"Somebody, probably you, asked for a link to your entry with {force}."
    return Message(
        to,
        f"Your entry with {force}",
        f"{words}\n\nTo see it, change it or delete it, open:\n\n{link}\n\n"
        "It works for two days, once. If it was not you, do nothing.\n",
        f"{words} {link}",
    )


def to_answer(to: str, request: PersonRequest, officer: Credential, zone: ZoneInfo, link: str) -> Message:
    """Who asks, and the link: what happened is shown there only, as mail is read by others on its way."""
    who = f"{officer.rank} {officer.name} ({officer.collar_number}), {officer.unit}, {request.force}"
    until = datetime.fromtimestamp(request.expires // SECOND, zone).strftime("%-d %B %Y, %H:%M %Z")
    return Message(
        to,
        f"{request.force} asks whether your camera recorded something",
        f"{who},\nasks whether a camera that you registered recorded something.\n"
        f"Crime reference: {request.crime_reference}\n\n"
        f"To read what it is about, and to answer if you want to, open:\n\n{link}\n\n"
        f"The link is for you alone and works until {until}. You need not answer, and nobody is told whether you read\n"
        "this. Nobody gets into your camera by it: you choose yourself what you send.\n\n"
        f"If you are not sure that this is from the police, look up the telephone number of {request.force}\n"
        f"yourself, and ask for the officer. The officer's contact: {officer.contact}\n\n"
        "You get this as you registered your cameras. Each answer page has a way to delete your entry.\n",
        f"{who[:200]} asks about your camera ({request.crime_reference[:60]}): {link}",
    )


def that_it_was_opened(to: str, force: str, crime_reference: str) -> Message:
    words = f"What you sent for the case {crime_reference} was opened by {force}. Thank you."
    return Message(
        to,
        f"{force} has what you sent",
        f"{words}\n\nPlease keep the original recording where you have it until you hear that it is needed\n"
        "no more, or until you would delete it anyway.\n\nThis message needs no answer, and has no link.\n",
        words,
    )


def what_became_of_it(to: str, force: str, crime_reference: str, result: str) -> Message:
    """``result``: how the sentence ends."""
    words = f"{force} on what you sent for the case {crime_reference}: {result}."
    return Message(
        to,
        f"What became of what you sent to {force}",
        f"{words}\n\nThank you for your help. This message needs no answer, and has no link.\n",
        words,
    )
