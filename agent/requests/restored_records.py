"""Notices that the agent's records were put back to an earlier state: by what it signed, and the portal still holds.

While that is so nothing is decided, cut or sent; the owner says what happened, and what was answered stays answered.
Not for: damage to the store itself (``agent.store.database``).
"""

import json
import logging
from typing import Any

from agent.requests.restored import doubts
from agent.requests.states import UNDECIDED, UNSENT, State, change_state
from agent.services import Services
from agent.store.database import RequestRow, Transaction
from exchange.clock import to_rfc3339
from exchange.counted import counted
from exchange.custody.checkpoint import TreeHead, open_checkpoint
from exchange.custody.log import CustodyKind
from exchange.documents.api import Witnessed
from exchange.documents.messages import Decision, Signed
from exchange.errors import DecisionRefused, HandoverError, NotFound
from exchange.signing.documents import open_document

log = logging.getLogger(__name__)

_NOTE = "records-went-back"
"""While it isn't cleared up: JSON of ``_found``."""
_KNOWN = "records-went-back-known"
"""The portal's head that the owner accounted for, ``size root``: the portal goes on holding it."""
_MEANING = (
    "Somebody restored a backup or an older card, or removed lines. Until you say what happened nothing is decided, "
    "cut or sent; what was answered before stays answered."
)
_DO = 'Say what happened, e.g.: handover restored "I restored Sunday\'s backup"'


async def compare(services: Services, witnessed: Witnessed) -> bool:
    """Hold the log and the answers against what the portal has of them; whether they went back. Kept, and told once."""
    head = None if witnessed.note is None else _opened(services, witnessed.note)
    signed = [ours for each in witnessed.decisions if (ours := _decision(services, each)) is not None]
    async with services.store.transaction() as tx:
        known = await tx.note(_KNOWN) or ""
        shorter = (
            head is not None and _named(head) != known and await services.custody.head_at(tx, head.size) != head.root
        )
        answered = {
            decision.request_id: (document, decision)
            for document, decision in signed
            if await _is_news(tx, await tx.request(decision.request_id), document)
        }
        if not shorter and not answered:
            return await tx.note(_NOTE) not in (None, "")
        lines = await tx.one("SELECT count(*) AS n FROM custody")
        before = await tx.note(_NOTE)
        found = {
            "noticed": to_rfc3339(services.clock.now()),
            "lines": 0 if lines is None else int(lines["n"]),
            "portal_lines": head.size if head is not None and shorter else None,
            "head": _named(head) if head is not None and shorter else "",
            "answered": {
                request_id: {"document": document.document, "signature": document.signature, "status": decision.status}
                for request_id, (document, decision) in answered.items()
            },
        }
        await tx.set_note(_NOTE, json.dumps(found))
        if not before and not await doubts.lately(tx):
            await doubts.begin(tx)
    if not before:
        log.error("%s", _error(found))
    return True


async def trouble(tx: Transaction) -> HandoverError | None:
    """What the owner has to know, while it isn't cleared up."""
    found = await _found(tx)
    return None if found is None else _error(found)


async def refuse_while_unclear(tx: Transaction) -> None:
    """DecisionRefused while the owner hasn't said why the records went back."""
    if (why := await trouble(tx)) is not None:
        raise DecisionRefused(why.what, meaning=why.meaning, do=why.do)


async def clear_up(services: Services, what: str, by: str) -> int:
    """The owner said what happened: it goes into the log, and what was answered ends as answered; how many did.

    NotFound where nothing went back.
    """
    async with services.store.transaction() as tx:
        found = await _found(tx)
        if found is None:
            raise NotFound("The records of this agent did not go back: there is nothing to say.")
        details: dict[str, str | int | bool] = {"lines": found["lines"]}
        if found["portal_lines"] is not None:
            details |= {"witnessed_lines": found["portal_lines"], "witnessed_root": found["head"].partition(" ")[2]}
        await services.custody.record(tx, CustodyKind.RECORDS_RESTORED, by, details=details, reason=what)
        ended = 0
        for request_id, answer in found["answered"].items():
            if await _end(services, tx, request_id, answer):
                await doubts.ask_portal(tx, request_id)  # what it has of it is written down; no more comes of that
                ended += 1
        if found["head"]:
            await tx.set_note(_KNOWN, found["head"])
        await tx.set_note(_NOTE, "")
        await services.custody.checkpoint(tx)
    return ended


async def _end(services: Services, tx: Transaction, request_id: str, answer: dict[str, str]) -> bool:
    """End an open request by the answer that the portal has: nothing more of it is cut or sent."""
    row = await tx.request(request_id)
    now = services.clock.now()
    if row is None or row.state not in UNSENT or not await change_state(tx, row, State.WITHDRAWN, now):
        return False
    await tx.execute("DELETE FROM decisions WHERE request_id = ?", [request_id])
    await tx.insert(
        "decisions",
        request_id=request_id,
        document=answer["document"],
        signature=answer["signature"],
        decided_at=now,
    )
    await tx.update("requests", {"request_id": request_id}, answered_at=now)
    reason = f"it was answered before the records went back: {answer['status']}"
    await services.custody.record(tx, CustodyKind.WITHDRAWN, "agent", request_id, reason=reason)
    return True


async def _is_news(tx: Transaction, row: RequestRow | None, document: Signed) -> bool:
    """Whether the portal has an answer to a request that is open here, and it is not the one that is here."""
    if row is None or row.state not in (State.RECEIVED, *UNSENT):
        return False
    if row.state in (State.RECEIVED, *UNDECIDED):
        return True
    ours = await tx.one("SELECT document FROM decisions WHERE request_id = ?", [row.request_id])
    return ours is None or ours["document"] != document.document


async def _found(tx: Transaction) -> dict[str, Any] | None:
    reported = await tx.note(_NOTE)
    return json.loads(reported) if reported else None


def _opened(services: Services, note: str) -> TreeHead | None:
    try:
        return open_checkpoint(note, services.keys.device.public)
    except HandoverError as error:  # not this device's word, so it shows nothing
        log.warning("the portal's checkpoint is not this device's: %s", error.what)
        return None


def _decision(services: Services, signed: Signed) -> tuple[Signed, Decision] | None:
    try:
        return signed, open_document(signed, Decision, services.keys.device.public)
    except HandoverError as error:
        log.warning("the portal's decision is not this device's: %s", error.what)
        return None


def _named(head: TreeHead) -> str:
    return f"{head.size} {head.root.hex()}"


def _error(found: dict[str, Any]) -> HandoverError:
    shown = []
    if found["portal_lines"] is not None:
        held, here = found["portal_lines"], found["lines"]
        what = f"only {here} are here" if here < held else "other lines are here in their place"
        shown.append(f"this agent signed a log of {counted(held, 'line')}, as the portal shows, and {what}")
    if count := len(found["answered"]):
        which = "1 request that waits here was" if count == 1 else f"{count} requests that wait here were"
        shown.append(f"{which} answered already")
    return HandoverError(
        f"The records of this agent went back to an earlier state: {'; '.join(shown)}.", meaning=_MEANING, do=_DO
    )
