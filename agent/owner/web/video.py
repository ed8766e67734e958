"""What a request's page plays and shows: the window as video in byte ranges, single frames, the curve and the strip.

Not for: making any of it (``agent.requests.review.viewing``). Nothing of it may lie in a cache.
"""

import re

from aiohttp import web

from agent.owner.people.roles import Role, allows
from agent.owner.web.copying import enhancement_of
from agent.owner.web.site import session_of, site_of
from agent.requests.review.viewing import Viewing
from exchange.errors import HandoverError, InputInvalid, NotFound, NotPermitted

_RANGE = re.compile(r"bytes=(\d{0,15})-(\d{0,15})")
_PIECE = 256 * 1024


def routes() -> list[web.RouteDef]:
    at = "/requests/{request_id}/camera/{position:\\d{1,3}}"
    return [
        web.get(f"{at}/facts", facts),
        web.get(f"{at}/{{number:\\d{{1,4}}}}.mp4", play),
        web.get(f"{at}/frame", frame),
        web.get(f"{at}/strip.jpg", strip),
        web.get(f"{at}/curve", curve),
        web.get(f"{at}/sheet.jpg", sheet),
        web.get(f"{at}/sound.wav", sound),
        web.get(f"{at}/enhanced.jpg", enhanced),
    ]


async def _viewing(request: web.Request) -> Viewing:
    if not allows(session_of(request).person.role, Role.VIEWER):
        raise NotPermitted("You may not look at recordings.")
    return await site_of(request).viewings.open(request.match_info["request_id"], int(request.match_info["position"]))


async def facts(request: web.Request) -> web.Response:
    """What there is to play: a file a stretch, with its times in microseconds UTC."""
    viewing = await _viewing(request)
    base = request.path.removesuffix("/facts")
    return web.json_response(
        {
            "stretches": [
                {
                    "src": f"{base}/{number}.mp4",
                    "from": each.first_us,
                    "to": each.end_us,
                    "kind": each.kind,
                    "sound": each.sound,
                }
                for number, each in enumerate(viewing.playable)
            ],
            "gaps": [[gap.start, gap.end] for gap in viewing.camera.gaps],
        }
    )


async def play(request: web.Request) -> web.StreamResponse:
    """Byte ranges (RFC 9110, 14) of a stretch's file."""
    viewing, number = await _viewing(request), int(request.match_info["number"])
    if number >= len(viewing.playable):
        raise NotFound("There is no such part.")
    size = viewing.playable[number].size
    start, end, partial = _range(request.headers.get("Range"), size)
    if start >= size:
        return web.Response(status=416, headers={"Content-Range": f"bytes */{size}"})
    response = web.StreamResponse(status=206 if partial else 200)
    response.content_type = "video/mp4"
    response.content_length = end - start
    response.headers["Accept-Ranges"] = "bytes"
    response.headers["Cache-Control"] = "no-store"
    if partial:
        response.headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    first = await viewing.read(number, start, min(_PIECE, end - start))
    await response.prepare(request)
    position = start
    while position < end:
        try:
            content = first or await viewing.read(number, position, min(_PIECE, end - position))
        except HandoverError:
            content = b""
        if not content:  # broken off: a shorter answer than was said would be taken for the whole
            if request.transport is not None:
                request.transport.close()
            break
        await response.write(content)
        position, first = position + len(content), b""
    return response


def _range(header: str | None, size: int) -> tuple[int, int, bool]:
    """(first byte, behind the last, whether only a part is wanted)."""
    found = _RANGE.fullmatch(header.strip()) if header else None
    if found is None or not (found[1] or found[2]):
        return 0, size, False
    if not found[1]:
        return max(0, size - int(found[2])), size, True
    start, end = int(found[1]), min(size, int(found[2]) + 1) if found[2] else size
    return (start, end, True) if end > start or start >= size else (0, size, False)


async def frame(request: web.Request) -> web.Response:
    """The frame at a moment (microseconds UTC), or some frames from it, as JPEG; its own time in a header."""
    viewing = await _viewing(request)
    at, step = request.query.get("at", ""), request.query.get("step", "0")
    if not re.fullmatch(r"\d{1,17}", at) or not re.fullmatch(r"-?\d{1,3}", step):
        raise InputInvalid("That is no moment.", do="Load the page again.")
    found, jpeg = await viewing.still(int(at), int(step))
    return web.Response(body=jpeg, content_type="image/jpeg", headers={"X-At": str(found["at"])})


async def strip(request: web.Request) -> web.Response:
    viewing = await _viewing(request)
    return web.Response(body=await viewing.strip(), content_type="image/jpeg")


async def sheet(request: web.Request) -> web.Response:
    viewing = await _viewing(request)
    return web.Response(body=await viewing.sheet(), content_type="image/jpeg")


async def sound(request: web.Request) -> web.StreamResponse:
    """The sound alone, in ranges."""
    viewing = await _viewing(request)
    return web.FileResponse(await viewing.sound(), headers={"Content-Type": "audio/wav", "Cache-Control": "no-store"})


async def enhanced(request: web.Request) -> web.Response:
    """The frame at a moment beside what an enhanced copy would make of it; what isn't set is measured."""
    viewing = await _viewing(request)
    at = request.query.get("at", "")
    moment = int(at) if re.fullmatch(r"\d{1,17}", at) else (viewing.camera.actual or viewing.camera.requested).start
    jpeg = await viewing.enhanced(moment, enhancement_of(request.query))
    return web.Response(body=jpeg, content_type="image/jpeg", headers={"Cache-Control": "no-store"})


async def curve(request: web.Request) -> web.Response:
    viewing = await _viewing(request)
    return web.json_response(await viewing.overview())
