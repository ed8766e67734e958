"""Which requests may have been handed over before the records went back: nothing of them is cut or sent meanwhile.

Not for: finding out (``learning`` asks the portal, ``word`` takes the owner's answer).
"""

from agent.requests.states import IN_DOUBT, UNDER_WAY
from agent.store.database import Transaction
from exchange.errors import DecisionRefused

_LATELY = "restored-lately"
"""While it is there, the portal may show us what came after the state that was put back."""
_ASKING = "?"
"""What the note of a request begins with while the portal is to be asked; then why it could not be asked yet."""
_NOBODY_ELSE = "It may have been handed over before the records went back, and nobody but you can know it."


async def begin(tx: Transaction) -> None:
    """The records were put back: of all that is under way it isn't known whether it has gone. What was known stays."""
    enrolled = await tx.force() is not None
    for row in await tx.requests(*UNDER_WAY):
        if await tx.note(IN_DOUBT + row.request_id) is not None:
            continue
        if enrolled and row.origin != "noted":
            await ask_portal(tx, row.request_id)
        else:
            await ask_owner(tx, row.request_id, _NOBODY_ELSE)
    await tx.set_note(_LATELY, "yes")


async def ask_portal(tx: Transaction, request_id: str, why_not_yet: str = "") -> None:
    """The portal is to be asked what it has of this request."""
    await tx.set_note(IN_DOUBT + request_id, _ASKING + why_not_yet[:500])


async def ask_owner(tx: Transaction, request_id: str, why: str) -> None:
    """Nobody but the owner can say it: ``why`` is what they are told."""
    await tx.set_note(IN_DOUBT + request_id, why)
    await tx.update("requests", {"request_id": request_id}, trouble=str(_refusal(request_id, why)))


async def settled(tx: Transaction, request_id: str) -> None:
    """It is known: what is under way goes on from where it stands now."""
    await tx.execute("DELETE FROM notes WHERE name = ?", [IN_DOUBT + request_id])
    await tx.execute("UPDATE requests SET retry_at = retry_at = 0 WHERE request_id = ?", [request_id])


async def is_in_doubt(tx: Transaction, request_id: str) -> bool:
    return await tx.note(IN_DOUBT + request_id) is not None


async def to_ask(tx: Transaction) -> list[str]:
    """The requests of which the portal is to be asked."""
    rows = await tx.all("SELECT name, value FROM notes WHERE substr(name, 1, ?) = ?", [len(IN_DOUBT), IN_DOUBT])
    return [row["name"].removeprefix(IN_DOUBT) for row in rows if row["value"].startswith(_ASKING)]


async def lately(tx: Transaction) -> bool:
    """Whether the records were put back, and not all that came since was read from the portal again."""
    return await tx.note(_LATELY) is not None


async def caught_up(tx: Transaction) -> None:
    """All that the portal has for this device was read since."""
    await tx.execute("DELETE FROM notes WHERE name = ?", [_LATELY])


async def refuse_in_doubt(tx: Transaction, request_id: str) -> None:
    """DecisionRefused while it isn't known whether this has gone."""
    if (noted := await tx.note(IN_DOUBT + request_id)) is not None:
        raise _refusal(request_id, noted)


def _refusal(request_id: str, noted: str) -> DecisionRefused:
    say = f'handover restored "what you know of it" --request {request_id} --handed-over, or --not-handed-over'
    if not noted.startswith(_ASKING):
        return DecisionRefused(noted, meaning="Nothing of it is cut or sent until you say it.", do=f"Say it: {say}")
    why = noted.removeprefix(_ASKING)
    return DecisionRefused(
        "It may have been handed over before the records went back, and the portal has not told yet"
        + (f": {why}" if why else "."),
        meaning="Nothing of it is cut or sent meanwhile.",
        do=f"The portal is asked by itself. If you know whether it went: {say}",
    )
