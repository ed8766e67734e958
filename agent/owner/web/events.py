"""News of a request, or of all, as server-sent events (WHATWG HTML, 9.2): how far it is, without loading anew.

Not for: anything that a page without script could not show when it is loaded again.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable

from aiohttp import web

from agent.owner.operations.context import Json
from agent.owner.web import states
from agent.owner.web.handing_over import doing
from agent.owner.web.site import operate, session_of, site_of, words_of
from exchange.errors import HandoverError

_EVERY = 1.0
_STILL_THERE = 20
"""Looks without news after which a comment tells that the line is open."""
_LONGEST = 600
"""Looks; then the browser comes again by itself."""
_MOST = 8
"""Pages of one person that wait for news at once."""


def routes() -> list[web.RouteDef]:
    return [web.get("/events", all_requests), web.get("/requests/{request_id}/events", one_request)]


async def one_request(request: web.Request) -> web.StreamResponse:
    async def look() -> Json:
        details = await operate(request, "show", request_id=request.match_info["request_id"])
        entries = (await operate(request, "feedback", request_id=details["request_id"]))["feedback"]
        words = words_of(request)
        return {
            "state": details["state"],
            "stands": words(states.stands(details)),
            "doing": doing(words, details["doing"]),
            "trouble": "" if details["in_doubt"] else details["trouble"] or "",
            "plan": details.get("plan_sha256", ""),
            "first_yes": details["first_yes"] is not None,
            "feedback": str(len(entries)),
            "receipts": sum(package["receipt"] is not None for package in details["packages"]),
        }

    return await _stream(request, look)


async def all_requests(request: web.Request) -> web.StreamResponse:
    async def look() -> Json:
        rows = (await operate(request, "requests"))["requests"]
        asked = (await operate(request, "status"))["force_asks"]
        shown = [[row["request_id"], row["state"]] for row in rows if row["state"] in states.OPEN]
        return {"requests": [*shown, *([request_id, "asks"] for request_id in asked)]}

    return await _stream(request, look)


async def _stream(request: web.Request, look: Callable[[], Awaitable[Json]]) -> web.StreamResponse:
    site, person_id = site_of(request), session_of(request).person.person_id
    if site.open_events.get(person_id, 0) >= _MOST:
        raise web.HTTPTooManyRequests(reason="Too many pages wait for news.")
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
    site.open_events[person_id] = site.open_events.get(person_id, 0) + 1
    try:
        await response.prepare(request)
        before, quiet = "", 0
        for _ in range(_LONGEST):
            try:
                news = json.dumps(await look())
            except HandoverError:
                break
            if news != before:
                await response.write(f"data: {news}\n\n".encode())
                before, quiet = news, 0
            elif (quiet := quiet + 1) % _STILL_THERE == 0:
                await response.write(b": still there\n\n")
            await asyncio.sleep(_EVERY)
    except (ConnectionResetError, asyncio.CancelledError):
        pass
    finally:
        site.open_events[person_id] -= 1
        if not site.open_events[person_id]:
            del site.open_events[person_id]
    return response
