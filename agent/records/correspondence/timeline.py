"""All that was said and done about one request, on one line of time: the portal's messages, the owner's answers, mails,
notes and files.

Not for: the custody log, which proves things; this only shows them in order.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from agent.records.correspondence.kept import Item
from agent.records.register.model import Entry, Verified
from agent.requests.feedback.conversation import Entry as Feedback
from agent.requests.feedback.conversation import Origin
from exchange.documents.feedback import REASON_WORDS, RESULT_WORDS, NotedFeedback, Rating


class Happened(StrEnum):
    """What a moment of the timeline is."""

    ASKED = "asked"
    WRITTEN_DOWN = "written-down"
    ANSWERED = "answered"
    HANDED_OVER = "handed-over"
    RECEIPT = "receipt"
    CLOSED = "closed"
    OPENED = "opened"
    CANNOT_PLAY = "cannot-play"
    QUESTION = "question"
    OUTCOME = "outcome"
    ANSWER = "answer"
    RATING = "rating"
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


def timeline(entry: Entry, items: list[Item], feedback: Sequence[Feedback] = ()) -> tuple[Moment, ...]:
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
    moments += [_of_feedback(each) for each in feedback]
    return tuple(sorted(moments, key=lambda moment: moment.at))


def _of_feedback(said: Feedback) -> Moment:
    """What was said after the receipt."""
    document = said.document
    text = str(getattr(document, "text", None) or "")
    reason, result = getattr(document, "reason", None), getattr(document, "result", None)
    if reason is not None:
        text = f"{REASON_WORDS[reason]}. {text}".strip()
    if result is not None:
        text = f"{RESULT_WORDS[result]}. {text}".strip()
    if isinstance(document, Rating):
        text = f"{document.stars}/5. {text}".strip()
    who = document.officer if isinstance(document, NotedFeedback) else ""
    return Moment(document.issued, Happened(said.kind.value), who, text, theirs=said.origin is not Origin.OWNER)


def _of_item(item: Item) -> Moment:
    what = Happened(item.kind.value)
    text = item.text if what is Happened.NOTE else item.subject or item.name
    return Moment(item.at, what, item.sender, text, theirs=what is not Happened.NOTE, item=item)
