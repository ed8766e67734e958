"""Whom messages go to, each by an address that Apprise knows: a file of mode 0600 under ``keys/``, as it holds secrets.

Not for: what is sent (``messages``), or when (``outbox``).
"""

import json
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from exchange.documents.messages import Id, Line, Part
from exchange.durable import durable_file
from exchange.errors import InputInvalid, NotFound

MOST = 30
Address = Annotated[str, Field(min_length=5, max_length=2000, pattern=r"^[a-zA-Z][a-zA-Z0-9+.-]{1,30}://\S+$")]
"""An Apprise URL. It often holds a password or token: it is stored, and shown to nobody."""


class Recipient(Part):
    """``detail``: messages may say what a request is about. ``rank`` 1 and above hears of a request only when nobody
    of a lower rank answered in time. ``language`` is what messages to them are written in."""

    recipient_id: Id
    name: Line
    address: Address
    detail: bool = False
    rank: Annotated[int, Field(ge=0, le=9)] = 0
    language: Literal["en", "de"] = "en"

    @property
    def kind(self) -> str:
        """How it is reached, without any secret: the address's scheme."""
        return self.address.partition("://")[0].lower()


_ALL = TypeAdapter(tuple[Recipient, ...])


class Recipients:
    """Every method reads the file, and blocks."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def all(self) -> tuple[Recipient, ...]:
        try:
            return _ALL.validate_json(self._file.read_bytes())
        except FileNotFoundError:
            return ()

    def of(self, recipient_id: str) -> Recipient:
        """NotFound."""
        for each in self.all():
            if each.recipient_id == recipient_id:
                return each
        raise NotFound(f"There is no recipient {recipient_id}.", do="List them with: handover notify list")

    def add(self, new: Recipient) -> None:
        """InputInvalid when there is one of this name, or too many."""
        known = self.all()
        if any(each.recipient_id == new.recipient_id for each in known):
            raise InputInvalid(
                f"There is a recipient {new.recipient_id} already.", do="Remove it first, or take another name."
            )
        if len(known) >= MOST:
            raise InputInvalid(f"There are {MOST} recipients already.", do="Remove one first.")
        self._keep((*known, new))

    def remove(self, recipient_id: str) -> None:
        self.of(recipient_id)
        self._keep(tuple(each for each in self.all() if each.recipient_id != recipient_id))

    def _keep(self, recipients: tuple[Recipient, ...]) -> None:
        plain = [each.model_dump(mode="json") for each in recipients]
        with durable_file(self._file) as file:
            file.write(json.dumps(plain, ensure_ascii=False).encode())
