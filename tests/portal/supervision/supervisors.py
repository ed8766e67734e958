"""A force's people beside its officer: whoever has a role, at the wire and with a credential."""

from dataclasses import replace

from exchange.clock import DAY, HOUR, MINUTE
from exchange.documents.messages import Role, Signed, Stretch
from exchange.documents.supervision import Authorisation
from exchange.signing.documents import SigningKey
from portal.force import officers
from portal.force.keys import OfficerDetails, validity
from tests.portal.conftest import Town
from tests.portal.wire import Officer

DETAILS = OfficerDetails("Sam Reid", "Inspector", "77", "CID", "sam.reid@example.police.uk")


def credential(town: Town, key: SigningKey, *roles: Role, **changed: str) -> Signed:
    """Signed by the force; the portal need not know whose it is."""
    details = replace(DETAILS, roles=roles, **changed)
    return town.place.force.credential(key.public, details, validity(town.clock.now(), 30))


async def known(town: Town, *roles: Role, **changed: str) -> Officer:
    """Somebody with these roles, whom the portal let in."""
    key, portal = SigningKey.generate(), town.running.portal
    signed = credential(town, key, *roles, **changed)
    await portal.db.write(lambda session: officers.add(session, signed, portal.settings, town.clock.now()))
    return Officer(town.session, town.origin, town.clock, key, signed, town.place.force.name)


def authorised(town: Town, supervisor: Officer, **changed: object) -> Signed:
    """For the usual request of ``wire.Officer``."""
    now = town.clock.now()
    fields: dict[str, object] = {
        "authorisation_id": "a-1",
        "force": town.place.force.name,
        "credential": supervisor.credential,
        "officer": town.place.officer.public.fingerprint,
        "crime_reference": "EX/26/004711",
        "window": Stretch(start=now - 12 * HOUR, end=now),
        "most_owners": 20,
        "reason": "A series of burglaries.",
        "issued": now - MINUTE,
        "expires": now + DAY,
    }
    return supervisor.sign(Authorisation.model_validate(fields | changed))
