"""Words on a legal hold as those who may say them sign them. Not for: tests themselves."""

import json
from dataclasses import replace
from typing import Any

from exchange.documents import api
from exchange.documents.keeping.holds import HoldLifted, HoldPlaced
from exchange.documents.messages import Role, Signed
from exchange.signing.documents import document_sha256
from portal import sweep
from portal.force import officers
from tests.portal.conftest import Town
from tests.portal.supervision.supervisors import credential
from tests.portal.wire import Answer, Officer

CRIME = "EX/26/004711"


def placed(officer: Officer, hold_id: str = "h-1", **changed: Any) -> Signed:
    fields = {
        "hold_id": hold_id,
        "crime_reference": CRIME,
        "reason": "The defence asked for all of it.",
        "issued": officer.clock.now(),
        "credential": officer.credential,
    }
    return officer.sign(HoldPlaced.model_validate(fields | changed))


def lifted(officer: Officer, hold: Signed, **changed: Any) -> Signed:
    said = HoldPlaced.model_validate_json(hold.document)
    fields = {
        "hold_id": said.hold_id,
        "crime_reference": said.crime_reference,
        "placed_sha256": document_sha256(hold),
        "reason": "The case is over.",
        "issued": officer.clock.now(),
        "credential": officer.credential,
    }
    return officer.sign(HoldLifted.model_validate(fields | changed))


async def bring(officer: Officer, word: Signed) -> Answer:
    """To the address that it names."""
    said = json.loads(word.document)
    path = api.HOLD_LIFTED if said["kind"].startswith("hold-lifted") else api.HOLD
    return await officer.call("PUT", path.format(hold_id=said["hold_id"]), word)


async def renewed(town: Town, who: Officer, *roles: Role) -> Officer:
    """The same officer with a credential of now: time passed."""
    signed, portal = credential(town, who.key, *(roles or (Role.OFFICER,))), town.running.portal
    await portal.db.write(lambda session: officers.add(session, signed, portal.settings, town.clock.now()))
    return replace(who, credential=signed)


async def sweep_now(town: Town) -> None:
    portal = town.running.portal
    await sweep.sweep(portal.db, portal.uploads, portal.settings, portal.clock.now())
