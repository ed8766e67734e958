"""The recovery sheet: what an owner needs to open what they handed over when this machine is gone, on paper.

Not for: keeping it: whoever has the sheet can open the owner's own copies.
"""

from jinja2 import Environment, PackageLoader, StrictUndefined

from agent.owner.operations.context import Actor, Json, Nothing, Owned
from exchange.documents.human_time import time_text


async def sheet(agent: Owned, _: Nothing, actor: Actor) -> Json:
    """The sheet as a page to be printed. It holds the archive key."""
    services = agent.services
    async with services.store.transaction() as tx:
        force = await tx.force()
    environment = Environment(
        loader=PackageLoader("agent.owner.operations", "."), autoescape=True, undefined=StrictUndefined
    )
    page = environment.get_template("recovery_sheet.html").render(
        owner=services.settings.owner.name,
        made=time_text(services.clock.now()),
        device=services.keys.device.public.fingerprint,
        force=None if force is None else force.name,
        keys=[(identity.recipient.kind, str(identity)) for identity in services.keys.archive],
        data=str(services.settings.data),
    )
    return {"page": page}
