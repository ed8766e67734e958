"""Words on a legal hold: signed here, and checked when the portal shows them.

Not for: what is deleted meanwhile at the portal (``portal.keeping``).
"""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from exchange.documents.keeping.holds import MAY_HOLD, Hold, HoldLifted, HoldPlaced
from exchange.documents.messages import Credential, Signed
from exchange.errors import InputInvalid, NotFound, SignatureInvalid
from exchange.signing.credentials import open_by_officer
from exchange.signing.documents import PublicKey, document_sha256, read_unverified, sign_document
from portal.officer.state import OfficerState
from portal.officer.typed import as_typed

W = TypeVar("W", HoldPlaced, HoldLifted)


@dataclass(frozen=True, slots=True)
class ShownHold:
    """A hold as it was checked. ``placed_by`` and ``lifted_by``: whom the force's key names."""

    placed: HoldPlaced
    placed_by: Credential
    lifted: HoldLifted | None
    lifted_by: Credential | None

    @property
    def stands(self) -> bool:
        return self.lifted is None


def sign_hold(state: OfficerState, crime_reference: str, reason: str, now: int) -> tuple[HoldPlaced, Signed]:
    """A new hold. InputInvalid when the force did not give the officer the role."""
    credential = _may_hold(state, now)
    with as_typed("This can't be held"):
        placed = HoldPlaced(
            hold_id=str(uuid.uuid4()),
            crime_reference=crime_reference,
            reason=reason,
            issued=now,
            credential=credential,
        )
    return placed, sign_document(placed, state.key())


def sign_end(state: OfficerState, hold: Hold, reason: str, now: int) -> Signed:
    """Lift it. InputInvalid as ``sign_hold``."""
    placed = read_unverified(hold.placed, HoldPlaced)
    credential = _may_hold(state, now)
    with as_typed("The hold can't be lifted"):
        lifted = HoldLifted(
            hold_id=placed.hold_id,
            crime_reference=placed.crime_reference,
            placed_sha256=document_sha256(hold.placed),
            reason=reason,
            issued=now,
            credential=credential,
        )
    return sign_document(lifted, state.key())


def read_hold(hold: Hold, force_key: PublicKey) -> ShownHold:
    """SignatureInvalid, CredentialInvalid or DocumentInvalid when the portal shows what nobody signed."""
    placed, placed_by = _open(hold.placed, HoldPlaced, force_key)
    if hold.lifted is None:
        return ShownHold(placed, placed_by, None, None)
    lifted, lifted_by = _open(hold.lifted, HoldLifted, force_key)
    if (lifted.hold_id, lifted.placed_sha256) != (placed.hold_id, document_sha256(hold.placed)):
        raise SignatureInvalid("What lifts the hold is about another one.", do="Take it for standing; tell the force.")
    return ShownHold(placed, placed_by, lifted, lifted_by)


def held(holds: Iterable[Hold], force_key: PublicKey) -> dict[str, str]:
    """By crime, why it is held. A hold whose end does not hold, stands; in doubt nothing is deleted."""
    found: dict[str, str] = {}
    for each in holds:
        placed = read_unverified(each.placed, HoldPlaced)
        try:
            shown = read_hold(each, force_key)
        except SignatureInvalid as error:
            found[placed.crime_reference] = f"the portal shows a hold that can't be checked: {error.what}"
            continue
        if shown.stands:
            found.setdefault(placed.crime_reference, placed.reason)
    return found


def find_hold(holds: Iterable[Hold], hold_id: str) -> Hold:
    """NotFound."""
    for each in holds:
        if read_unverified(each.placed, HoldPlaced).hold_id == hold_id:
            return each
    raise NotFound(f"There is no hold {hold_id}.", do="handover-officer hold list names them.")


def _open(signed: Signed, model: type[W], force_key: PublicKey) -> tuple[W, Credential]:
    word, credential = open_by_officer(signed, model, force_key, read_unverified(signed, model).issued)
    if not any(credential.may(role) for role in MAY_HOLD):
        raise SignatureInvalid(f"{credential.name} may hold nothing.", do="Tell the force.")
    return word, credential


def _may_hold(state: OfficerState, now: int) -> Signed:
    signed, credential = state.credential(now)
    if not any(credential.may(role) for role in MAY_HOLD):
        raise InputInvalid(
            "Your credential has neither the role 'disclosure' nor 'supervisor'.",
            do="Ask somebody who has it, or ask the force for another credential.",
        )
    return signed
