"""All that was said and done about one request, on one line of time: the portal's messages, the owner's answers, mails,
notes and files.

Not for: the custody log, which proves things; this only shows them in order.
"""

from dataclasses import dataclass
from enum import StrEnum

from agent.records.correspondence.kept import Item
from agent.records.register.model import Entry, Verified


class Happened(StrEnum):
    """What a moment of the timeline is."""

    ASKED = "asked"
    WRITTEN_DOWN = "written-down"
    ANSWERED = "answered"
    HANDED_OVER = "handed-over"
    RECEIPT = "receipt"
    CLOSED = "closed"
    MAIL = "mail"
    NOTE = "note"
    FILE = "file"


@dataclass(frozen=True)
class Moment:
    """``who`` and ``text`` are others' words where ``theirs`` is set. ``item``: what was added by hand."""

    at: int
    what: Happened
    who: str
    text: str
    theirs: bool
    item: Item | None = None


def timeline(entry: Entry, items: list[Item]) -> tuple[Moment, ...]:
    """Every moment of a request, the oldest first."""
    asker = entry.asker
    who = ", ".join(each for each in (" ".join(x for x in (asker.rank, asker.name) if x), asker.force) if each)
    asked = Happened.ASKED if asker.verified is not Verified.NOTED else Happened.WRITTEN_DOWN
    moments = [Moment(entry.received, asked, who, entry.purpose or "", theirs=True)]
    moments += [Moment(by.at, Happened.ANSWERED, by.name, entry.result.value, theirs=False) for by in entry.decided]
    for sent in entry.sent:
        if sent.delivered_at is not None:
            moments.append(Moment(sent.delivered_at, Happened.HANDED_OVER, "", sent.camera, theirs=False))
        if sent.receipt is not None:
            said = sent.receipt.remarks or sent.receipt.how or ""
            moments.append(Moment(sent.receipt.at, Happened.RECEIPT, sent.receipt.name, said, theirs=True))
    if entry.closed is not None:
        moments.append(Moment(entry.closed, Happened.CLOSED, "", "", theirs=False))
    moments += [_of_item(item) for item in items]
    return tuple(sorted(moments, key=lambda moment: moment.at))


def _of_item(item: Item) -> Moment:
    what = Happened(item.kind.value)
    text = item.text if what is Happened.NOTE else item.subject or item.name
    return Moment(item.at, what, item.sender, text, theirs=what is not Happened.NOTE, item=item)
