"""The custody log's lines in plain words, for an owner who wants to know what happened.

Not for: the log itself (``exchange.custody.log``): these words are made for reading, and prove nothing.
"""

from collections.abc import Callable
from typing import Any

from exchange.custody.log import CustodyKind

WORDS = {
    CustodyKind.REQUEST_RECEIVED: "A request came.",
    CustodyKind.NOTED: "Wrote down a request.",
    CustodyKind.REQUEST_VERIFIED: "Its signature holds: it is from an officer of the force.",
    CustodyKind.REQUEST_REFUSED: "The request was refused for you.",
    CustodyKind.PRESERVED: "The footage was kept from being overwritten.",
    CustodyKind.PLANNED: "What would be sent was looked up.",
    CustodyKind.ASKED: "You were asked.",
    CustodyKind.REVIEWED: "The request was looked at.",
    CustodyKind.AGREED: "Said yes, where two people must agree.",
    CustodyKind.APPROVED: "Said yes: it may be sent.",
    CustodyKind.APPROVAL_VOID: "The recording had changed, so the yes no longer counts.",
    CustodyKind.DECLINED: "Said no.",
    CustodyKind.UNAVAILABLE: "Said that there is no such footage.",
    CustodyKind.EXPIRED: "Nobody answered in time; nobody was told anything.",
    CustodyKind.WITHDRAWN: "It was stopped by you.",
    CustodyKind.CLIPPED: "The approved part was copied.",
    CustodyKind.HASHED: "The copy got its fingerprint.",
    CustodyKind.SIGNED: "The copy's papers were signed.",
    CustodyKind.TIMESTAMPED: "Its time was countersigned.",
    CustodyKind.SEALED: "It was sealed for the case.",
    CustodyKind.UPLOAD_STARTED: "Sending began.",
    CustodyKind.UPLOAD_INTERRUPTED: "Sending broke off.",
    CustodyKind.UPLOAD_RESUMED: "Sending went on.",
    CustodyKind.UPLOAD_FINISHED: "All of it was sent.",
    CustodyKind.DELIVERED: "It was handed over.",
    CustodyKind.RECEIPT: "The police confirmed that they have it.",
    CustodyKind.PACKAGE_OPENED: "The police opened and checked it.",
    CustodyKind.CANNOT_PLAY: "The police can't play it.",
    CustodyKind.QUESTION: "The police asked a question.",
    CustodyKind.CASE_OUTCOME: "The police told what became of it.",
    CustodyKind.ANSWERED: "Answered the question.",
    CustodyKind.RATED: "Told how it went.",
    CustodyKind.SENT_AGAIN: "Said that it is sent again.",
    CustodyKind.AGAIN_STOPPED: "Said that it is not sent again after all.",
    CustodyKind.WAY_CHOSEN: "Chose which way it goes.",
    CustodyKind.HOLD_RELEASED: "The footage may be overwritten again.",
    CustodyKind.DELETED: "A stored copy was deleted.",
    CustodyKind.COPIED: "Your copy lies at another place too.",
    CustodyKind.DAMAGED: "A copy of yours was found damaged.",
    CustodyKind.REPAIRED: "A damaged copy of yours was put right.",
    CustodyKind.HELD: "Said that nothing of it may be deleted.",
    CustodyKind.HOLD_ENDED: "Said that it may be deleted again.",
    CustodyKind.FAILED: "Something went wrong.",
    CustodyKind.AGENT_STARTED: "Handover started.",
    CustodyKind.AGENT_STOPPED: "Handover stopped.",
    CustodyKind.CLOCK_STEPPED: "This machine's clock was set.",
    CustodyKind.ENROLLED: "Joined a portal.",
    CustodyKind.REGISTERED: "The cameras were registered.",
    CustodyKind.OFFERED: "Offered recordings to the police.",
    CustodyKind.RECORDS_RESTORED: "Said why the records had gone back.",
}


def custody_line(event: dict[str, Any], translated: Callable[[str], str] = str) -> str:
    """One line in words: who did it, what happened, why, and to which camera or request."""
    words = translated(WORDS[CustodyKind(event["event"])])
    if event["actor"] not in ("agent", "portal"):
        words = f"{event['actor']}: {words}"
    if event.get("reason"):
        words += f" {event['reason']}"
    about = ", ".join(event[name] for name in ("camera_id", "request_id") if event.get(name))
    return f"{words} ({about})" if about else words
