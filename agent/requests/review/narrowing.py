"""The owner shortens what is asked for: the plan is made anew for a part of the window, and nothing is decided.

Not for: dropping a camera or its sound, which is a choice (``agent/requests/decision.py``).
"""

from agent.requests.decision import refuse_unless_asked
from agent.requests.intake import verified_request
from agent.requests.plan import plan_camera, store_plan, stored_plan
from agent.requests.states import State
from agent.services import Services
from exchange.documents.messages import Stretch
from exchange.errors import DecisionRefused, NotFound


async def narrow(services: Services, request_id: str, plan_sha256: str, position: int, wanted: Stretch | None) -> str:
    """Shorten one camera's window, or give it back whole (None); the new plan's SHA-256.

    DecisionRefused when the plan is not the one that was shown, the request doesn't wait for the owner, or the new
    window is not within the one that was asked for; the plan stays as it is when there is no footage in it.
    """
    async with services.store.transaction() as tx:
        row = await tx.request(request_id)
        if row is None:
            raise NotFound(f"There is no request {request_id}.", do="List them with: handover requests")
        refuse_unless_asked(row, services.clock.now())
        plan, shown = await stored_plan(tx, request_id)
    refuse_if_changed(shown, plan_sha256)
    camera = next((each for each in plan.cameras if each.position == position), None)
    if camera is None:
        raise DecisionRefused(f"The plan has no position {position}.", meaning="Nothing was changed.")
    asked = verified_request(row).asked[position]
    if wanted is not None and (wanted.start < asked.window.start or wanted.end > asked.window.end):
        raise DecisionRefused(
            "That is more than the officer asked for.",
            meaning="A window can be made shorter, never longer.",
            do="Choose a beginning and an end within the window.",
        )
    if wanted == asked.window:
        wanted = None
    new = await plan_camera(services, row, position, asked, camera.label, wanted)
    if wanted is not None and not new.available:
        raise DecisionRefused(
            "There is no footage in that part.",
            meaning="Nothing was changed.",
            do="Choose another part; a copy can begin only at one of the camera's key frames.",
        )
    if wanted is not None:
        new = new.model_copy(update={"whole": camera.whole or camera.actual})
    cameras = tuple(new if each.position == position else each for each in plan.cameras)
    changed = plan.model_copy(update={"cameras": cameras})
    async with services.store.transaction() as tx:
        fresh = await tx.request(request_id)
        _, shown = await stored_plan(tx, request_id)
        if fresh is None or fresh.state != State.ASKED:
            raise DecisionRefused("It was decided a moment ago.", meaning="What stands, stands.")
        refuse_if_changed(shown, plan_sha256)
        return await store_plan(tx, changed, services.clock.now())


def refuse_if_changed(plan_sha256: str, shown: str) -> None:
    """DecisionRefused when the stored plan is not the one that a person had before them."""
    if plan_sha256 != shown:
        raise DecisionRefused(
            "What would be sent has changed since it was shown.",
            meaning="Nothing was changed.",
            do="Look at it again.",
        )
