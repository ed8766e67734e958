"""A request of a desk's own officer to somebody without an agent. Not for: tests themselves."""

import asyncio

from exchange.clock import HOUR, Window
from portal.officer.asking import Signer
from portal.officer.people.questions import KEPT_AS, PersonQuestion, sign_question
from portal.officer.teams.sealed_for import sealed_for
from tests.portal.desk.desks import Desk

CRIME = "EX/26/004711"


async def ask_as(desk: Desk, person: str) -> str:
    """The request's id."""
    state, client, now = desk.state, desk.site.client, desk.town.clock.now()
    question = PersonQuestion(
        person, ["camera-1"], Window(now - 2 * HOUR, now - HOUR), CRIME, "Burglary", "12 High Street",
        "A door was forced.", "Identify who did it", "Data Protection Act 2018", "No other camera looks there.", 7,
    )  # fmt: skip
    sealed = await sealed_for(state, client, CRIME, None, now)
    credential, _ = await asyncio.to_thread(state.credential, now)
    made, signed = sign_question(question, Signer(state.key(), credential, state.setup().force), sealed, now)
    state.keep(made.request_id, KEPT_AS, signed)
    await client.ask_person(signed)
    return made.request_id
