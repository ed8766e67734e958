"""What each call of a team does. Not for: other calls (``portal.api.handlers``)."""

from aiohttp import web

from exchange.documents.teams import TeamVersion
from portal.problems import unknown
from portal.requests import deliveries
from portal.service import Call, answer, done
from portal.teams import versions


async def list_teams(call: Call) -> web.StreamResponse:
    query = call.query(versions.TeamsQuery)
    return answer(await call.portal.db.read(lambda session: versions.mine(session, call.known, query)))


async def read_team(call: Call) -> web.StreamResponse:
    case_id, settings = call.named("case_id"), call.portal.settings
    return answer(await call.portal.db.read(lambda session: versions.read(session, call.known, case_id, settings)))


async def read_version(call: Call) -> web.StreamResponse:
    case_id, version, settings = call.named("case_id"), _number(call), call.portal.settings
    return answer(
        await call.portal.db.read(
            lambda session: versions.read_version(session, call.known, case_id, version, settings)
        )
    )


async def put_version(call: Call) -> web.StreamResponse:
    body = await call.body(TeamVersion)
    named, settings = (call.named("case_id"), _number(call)), call.portal.settings
    await call.portal.db.write(lambda session: versions.put(session, call.known, named, body, settings, call.now))
    return done()


async def read_request(call: Call) -> web.StreamResponse:
    request_id = call.named("request_id")
    return answer(await call.portal.db.read(lambda session: deliveries.document(session, call.known, request_id)))


def _number(call: Call) -> int:
    """The version in the path. ProblemError 404 for what is none."""
    text = call.named("version")
    if not text.isascii() or not text.isdigit() or len(text) > 6:
        raise unknown("version of the team")
    return int(text)
