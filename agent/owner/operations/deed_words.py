"""Who did what, in plain words: every operation that is noted (``table``), and what Handover deletes by itself.

Not for: the custody log, which is told in words beside this (``custody_words``).
"""

from collections.abc import Callable
from typing import Any

WORDS = {
    "narrow": "Changed the time of what would be sent.",
    "decide": "Said yes or no to a request.",
    "agree": "Agreed to another person's yes.",
    "pause": "Paused the sending, or let it go on.",
    "stop": "Took a yes back.",
    "keep": "Had the footage kept from being overwritten.",
    "look-again": "Had the footage looked for again.",
    "note-request": "Wrote down a request.",
    "deliver": "Chose which way it goes.",
    "passphrase": "Looked at the secret words.",
    "note-receipt": "Wrote down that the police have it.",
    "places-add": "Added a place for files.",
    "places-remove": "Removed a place for files.",
    "answer": "Answered a question of the police.",
    "rate": "Told the police how it went.",
    "send-again": "Had it sent again.",
    "leave-it": "Left it: nothing is sent again.",
    "note-feedback": "Wrote down what the police said.",
    "offer": "Offered a recording to the police.",
    "end-offer": "Took an offer back.",
    "basis": "Chose by which law a recording was shared.",
    "statement": "Had a statement drafted.",
    "correspondence-add": "Put a mail or file to a request.",
    "correspondence-note": "Put a note to a request.",
    "correspondence-remove": "Removed a mail, note or file.",
    "subject-record": "Wrote down what somebody who was filmed asks for.",
    "subject-identify": "Wrote down how it is sure who asks.",
    "subject-extend": "Took more time for an answer.",
    "subject-draft": "Had an answer drafted.",
    "subject-answered": "Wrote down that somebody who was filmed has an answer.",
    "make-copy": "Had a working copy made.",
    "backups-run": "Had your copies brought to other places, or checked.",
    "backups-prune": "Had old copies deleted, or looked which would go.",
    "hold": "Said that nothing of it may be deleted.",
    "hold-as-asked": "Agreed to keep the copy that the police ask for.",
    "end-hold": "Said that it may be deleted again.",
    "restored": "Said why the records had gone back.",
    "add-person": "Added a person.",
    "change-person": "Changed what a person may do.",
    "remove-person": "Removed a person.",
    "invite-person": "Made a code that lets a person use the page.",
    "notify-add": "Added somebody who gets messages.",
    "notify-remove": "Removed somebody who got messages.",
    "restart": "Had Handover begin again.",
    "change-camera": "Changed a camera.",
    "archive-key-put": "Put the key of your copies back.",
    "archive-key-new": "Had a new key made for your copies.",
    "recovery-sheet": "Had a recovery sheet made.",
    "add-camera": "Added a camera.",
    "remove-camera": "Removed a camera.",
    "camera-source": "Chose where a camera's recordings lie.",
    "source-start": "Said when a file of a camera began.",
    "enrol": "Joined a portal.",
    "withdraw": "Left the portal.",
    "copy-deleted": "Deleted a copy: the time to keep it is over.",
    "record-deleted": "Deleted a record: the time to keep it is over.",
}
"""By the name of what was done."""


def deed_line(deed: dict[str, Any], translated: Callable[[str], str] = str) -> str:
    """One line in words: who did what, and to which request, camera or person. ``deed``: as "deeds" tells it.

    What an older release noted, and nobody knows any more, is told by its name.
    """
    words = translated(WORDS.get(deed["deed"], deed["deed"]))
    about = f" ({deed['about']})" if deed["about"] else ""
    return f"{'Handover' if deed['person'] == 'agent' else deed['person']}: {words}{about}"
