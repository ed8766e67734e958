"""The states of a request and the moves between them: one table, and nothing moves but by it.

Not for: what a step does (each has a module beside this one).
"""

from enum import StrEnum

from agent.store.database import RequestRow, Transaction


class State(StrEnum):
    """Where a request stands with this agent."""

    RECEIVED = "received"
    """Taken from the portal, bytes kept, nothing believed yet."""
    VERIFIED = "verified"
    PRESERVED = "preserved"
    """Its footage can't be overwritten any more, as far as the owner's setting allows."""
    ASKED = "asked"
    """Planned; the owner has it before them."""
    APPROVED = "approved"
    CLIPPED = "clipped"
    SEALED = "sealed"
    DELIVERED = "delivered"
    """All of it lies at the portal, or was handed over another way; the force's receipt is awaited."""
    REFUSED = "refused"
    """By the agent: it may not be asked."""
    DECLINED = "declined"
    UNAVAILABLE = "unavailable"
    """The owner said that there is no such footage. The agent never says so by itself."""
    EXPIRED = "expired"
    """The owner said nothing in time: nobody is told anything."""
    WITHDRAWN = "withdrawn"
    """The owner left the portal while it was open."""
    CLOSED = "closed"
    REOPENED = "reopened"
    """The force can't play it; the owner may send it again, or leave it."""
    AGAIN = "again"
    """The owner said that it is sent again."""


MOVES: dict[State, frozenset[State]] = {
    State.RECEIVED: frozenset({State.VERIFIED, State.REFUSED}),
    State.VERIFIED: frozenset({State.PRESERVED, State.EXPIRED, State.WITHDRAWN}),
    State.PRESERVED: frozenset({State.ASKED, State.EXPIRED, State.WITHDRAWN}),
    State.ASKED: frozenset(
        {State.APPROVED, State.DECLINED, State.UNAVAILABLE, State.PRESERVED, State.EXPIRED, State.WITHDRAWN}
    ),
    State.APPROVED: frozenset({State.CLIPPED, State.PRESERVED, State.WITHDRAWN, State.DELIVERED}),
    State.CLIPPED: frozenset({State.SEALED, State.WITHDRAWN, State.REOPENED, State.DELIVERED, State.APPROVED}),
    State.SEALED: frozenset({State.DELIVERED, State.WITHDRAWN, State.REOPENED, State.APPROVED}),
    State.DELIVERED: frozenset({State.CLOSED, State.SEALED, State.REOPENED}),
    State.REFUSED: frozenset({State.CLOSED}),
    State.DECLINED: frozenset({State.CLOSED}),
    State.UNAVAILABLE: frozenset({State.CLOSED}),
    State.EXPIRED: frozenset({State.CLOSED}),
    State.WITHDRAWN: frozenset({State.CLOSED}),
    State.CLOSED: frozenset({State.REOPENED}),
    State.REOPENED: frozenset({State.AGAIN, State.DELIVERED}),
    State.AGAIN: frozenset({State.CLIPPED, State.SEALED, State.REOPENED, State.DELIVERED}),
}
"""Which state may follow which. Nothing reaches clipped, sealed or delivered but through approved, and whoever asked is
told nothing, not even that there is no footage, before the owner said something (refusals of wrong requests aside).

From delivered it goes back to sealed when the owner chooses another way for what the police don't have yet.

To delivered without a cut or a seal leads only ``restored``: of what the portal shows that it went, under this very
yes, before the records were put back to an earlier state. It alone leads back to approved too: what did not go, and was
lost with a disk, is made anew.

From approved a request goes back to preserved when its footage is no longer what was approved: the owner's yes is void,
and they are asked anew about what there is now. Nothing has left, or was told, by then. From asked it goes back when
the owner has it looked for once more.

Reopened is what was handed over by the owner's yes, and can't be played: only ``feedback.arriving`` leads there, and
only when a package of the request was delivered. Again, and all that follows, needs that very yes, which still names
what may be sent; whoever takes the "again" back, or leaves it, is where they were.
"""

UNDECIDED = (State.VERIFIED, State.PRESERVED, State.ASKED)
"""The owner has said nothing yet: the request may run out."""

UNSENT = (*UNDECIDED, State.APPROVED, State.CLIPPED, State.SEALED)
"""Not all of it has left: an owner who withdraws stops these."""

SENT_BEFORE = (State.REOPENED, State.AGAIN)
"""All of it has left once; whether some goes again is open."""


UNDER_WAY = (State.APPROVED, State.AGAIN, State.CLIPPED, State.SEALED)
"""Approved, and not all of it has left, or some of it is to go again."""

PAUSED = "paused "
"""What a note of the store begins with that says that a request is paused."""

IN_DOUBT = "may-have-gone "
"""What a note of the store begins with that says that a request may have been handed over before the records went back
(``restored.doubts``)."""


async def change_state(tx: Transaction, row: RequestRow, to: State, now: int) -> bool:
    """Move a request along the table if it still stands where ``row`` says; False when somebody was quicker.

    What troubled it before is over, and a pause where nothing is under way any more.
    """
    if to not in MOVES[State(row.state)]:
        raise AssertionError(f"no move leads from {row.state} to {to}")
    changed = await tx.update(
        "requests",
        {"request_id": row.request_id, "state": row.state},
        state=to,
        state_at=now,
        failures=0,
        retry_at=0,
        trouble=None,
    )
    if changed and to is State.ASKED:
        await tx.execute(
            "UPDATE requests SET asked_at = ? WHERE request_id = ? AND asked_at IS NULL", [now, row.request_id]
        )
    if changed and to not in UNDER_WAY:
        await tx.execute("DELETE FROM notes WHERE name = ?", [PAUSED + row.request_id])
        if row.state in UNDER_WAY:
            await tx.execute("DELETE FROM notes WHERE name = ?", [IN_DOUBT + row.request_id])
    return changed == 1
