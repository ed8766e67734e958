"""How a request stands, in the page's words; the terminal has words of its own.

Not for: the states themselves (``agent.requests.states``).
"""

from agent.owner.operations.context import Json

NAMES = {
    "received": "being looked at",
    "verified": "being looked at",
    "preserved": "being looked at",
    "asked": "waits for you",
    "approved": "you said yes; it is being copied",
    "clipped": "you said yes; it is being sealed",
    "sealed": "you said yes; it is on its way",
    "delivered": "handed over; the police have not confirmed it yet",
    "refused": "refused for you",
    "declined": "you said no",
    "unavailable": "you said that there is nothing",
    "expired": "ran out without an answer",
    "withdrawn": "stopped",
    "closed": "over",
    "reopened": "the police can't play what you sent",
    "again": "is being sent again",
}
ENDED = {
    "approved": "handed over",
    "partly-approved": "handed over in part",
    "declined": "you said no",
    "unavailable": "you said that there was nothing",
    "refused": "refused for you",
    "unanswered": "ended without an answer",
    "withdrawn": "stopped by you",
}
STEPS = ("approved", "clipped", "sealed", "delivered", "closed")
"""What follows a yes, in order."""
OPEN = ("received", "verified", "preserved", "asked", "approved", "clipped", "sealed", "again")
CAN_BE_STOPPED = ("approved", "again", "clipped", "sealed")


def stands(row: Json) -> str:
    """How a request stands, in English: the key of a catalogue."""
    if row.get("origin") == "noted" and row["state"] == "delivered":
        return "ready: hand it over"
    return ENDED.get(row.get("outcome") or "") or NAMES[row["state"]]
