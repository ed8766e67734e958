"""What an owner can do with offers: make one, see them, take one back.

Not for: what a request that answers one sets going (``requests``).
"""

from agent.owner.operations.context import Actor, Json, Nothing, Owned
from agent.owner.operations.whose import refuse_cameras
from agent.requests.review import offering
from exchange.documents.messages import Id, Part
from exchange.documents.offer import Offer
from exchange.errors import HandoverError
from exchange.signing.documents import parse_strictly


class OfferNamed(Part):
    offer_id: Id


async def offer(agent: Owned, new: offering.NewOffer, actor: Actor) -> Json:
    """Hold it, and tell the portal if the owner wants that; ``letter`` is the text to send where none is told."""
    refuse_cameras(actor, frozenset(each.camera_id for each in new.offered))
    offer_id = await offering.make_offer(agent.services, new, actor.name)
    trouble = None
    try:
        await offering.send_offers(agent.services)
    except HandoverError as error:
        trouble = error.what
    async with agent.services.store.transaction() as tx:
        row = await tx.one("SELECT document, sent_at FROM offers WHERE offer_id = ?", [offer_id])
    assert row is not None
    document = parse_strictly(row["document"].encode(), Offer)
    return {
        "offer_id": offer_id,
        "sent": row["sent_at"] is not None,
        "portal_trouble": trouble,
        "letter": offering.letter(document),
    }


async def list_offers(agent: Owned, _: Nothing, actor: Actor) -> Json:
    async with agent.services.store.transaction() as tx:
        found = await offering.offers(tx)
    return {"offers": found}


async def end(agent: Owned, named: OfferNamed, actor: Actor) -> Json:
    async with agent.services.store.transaction() as tx:
        refuse_cameras(actor, await offering.cameras_of_offer(tx, named.offer_id))
    await offering.end_offer(agent.services, named.offer_id)
    try:
        await offering.send_offers(agent.services)
    except HandoverError as error:
        return {"portal_trouble": error.what}
    return {"portal_trouble": None}
