"""What an owner can do with a request that came by no portal: write it down.

Not for: deciding it or handing it over, which go as with any other request (``requests``, ``handing_over``).
"""

from agent.owner.operations.context import Actor, Json, Owned
from agent.requests.noted import noting
from exchange.documents.messages import DecidedBy


async def note_request(agent: Owned, new: noting.NewRequest, actor: Actor) -> Json:
    by = DecidedBy(name=actor.name, method=actor.method, person=actor.person)
    request_id = await noting.note_request(agent.services, new, by)
    agent.journey.kick()
    return {"request_id": request_id}
