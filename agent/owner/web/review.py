"""A request that waits: who asks, what would be sent; shortening it, saying yes or no in two steps; and what follows.

Every form names the hash of the plan that was shown, so that nothing is decided that has changed since. Not for: the
video (``video``), or deciding (``agent.requests.decision`` does, by the operation "decide").
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web

from agent.cameras.stored import registration_of
from agent.owner.operations.context import Json
from agent.owner.people.roles import Role, allows
from agent.owner.web import copying, states
from agent.owner.web.afterwards import conversation
from agent.owner.web.bringing import brought_cameras
from agent.owner.web.handing_over import doing, way_shown
from agent.owner.web.login import prove
from agent.owner.web.record_pages import gone_back
from agent.owner.web.site import form_of, operate, render, session_of, site_of, words_of
from exchange.clock import SECOND, from_rfc3339, to_rfc3339
from exchange.documents.copies import CopyKind
from exchange.documents.exhibits import typed_prefix
from exchange.documents.letters import harmless
from exchange.documents.messages import Place
from exchange.errors import DecisionRefused, InputInvalid, NotPermitted
from exchange.package.drawing import plan

_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,3}))?)?")
_USUAL_SPEED = 250_000
"""Bytes a second that a house sends when nothing was sent yet: 2 Mbit/s."""


def routes() -> list[web.RouteDef]:
    return [
        web.get("/requests/{request_id}", show),
        web.post("/requests/{request_id}/narrow", shorten),
        web.post("/requests/{request_id}/check", check),
        web.post("/requests/{request_id}/decide", decide),
        web.post("/requests/{request_id}/agree", agree),
        web.post("/requests/{request_id}/keep", keep),
        web.post("/requests/{request_id}/look-again", look_again),
        web.post("/requests/{request_id}/pause", pause),
        web.post("/requests/{request_id}/stop", stop),
    ]


async def show(request: web.Request) -> web.Response:
    details = await _details(request)
    if details["state"] == "asked":
        return await _asked(request, details)
    details["doing"] = doing(words_of(request), details["doing"])
    return render(
        request, "request.html", details=details, stands=states.stands(details), steps=states.STEPS,
        names=states.NAMES, files=await _files(request, details),
        way=await way_shown(request, details), after=await conversation.shown(request, details),
        may_say=gone_back.may_say(request),
        can_be_stopped=details["state"] in states.CAN_BE_STOPPED and _may_act(request, details),
    )  # fmt: skip


async def _files(request: web.Request, details: Json) -> list[Json]:
    """What lies ready for the owner to take: not what went somewhere already."""
    if details["state"] != "delivered" or not _may_act(request, details):
        return []
    way = (await operate(request, "way", request_id=details["request_id"]))["way"]
    if way["means"] != "folder" or way.get("folder") or way.get("place"):
        return []
    found: list[Json] = (await operate(request, "files", request_id=details["request_id"]))["files"]
    return found


async def _details(request: web.Request) -> Json:
    return await operate(request, "show", request_id=request.match_info["request_id"])


async def _asked(request: web.Request, details: Json) -> web.Response:
    cameras = details["plan"]["cameras"]
    async with site_of(request).agent.services.store.transaction() as tx:
        registrations = [registration_of(row) for row in await tx.cameras()]
    place = details["request"]["incident"].get("location")
    drawn = plan(
        registrations,
        frozenset(camera["camera_id"] for camera in cameras),
        Place.model_validate(place) if place else None,
        words_of(request),
    )
    return render(
        request, "review.html", details=details, cameras=cameras, plan=drawn, may_decide=_may_decide(request),
        by_hand=await brought_cameras(request), way=await way_shown(request, details),
        copies=copying.offered,
        available=[camera for camera in cameras if camera["actual"]],
        mine=details["first_yes"] is not None
        and details["first_yes"]["person"] == session_of(request).person.person_id,
        us=from_rfc3339,
    )  # fmt: skip


def _may_decide(request: web.Request) -> bool:
    return allows(session_of(request).person.role, Role.APPROVER)


def _may_act(request: web.Request, details: Json) -> bool:
    """Whether somebody may do something with what was approved: pause it, take its files."""
    return _may_decide(request) and details["answers_for_all"]


async def shorten(request: web.Request) -> web.StreamResponse:
    form, details = await form_of(request), await _details(request)
    _refuse_unless_asked(details)
    camera = _camera(details, form)
    asked = camera["requested"]
    window = None
    if form.get("do") != "whole":
        window = {
            "from": _time(form, "from", asked["from"], asked),
            "to": _time(form, "to", asked["to"], asked),
        }
        if from_rfc3339(window["from"]) >= from_rfc3339(window["to"]):
            raise InputInvalid("The end is not after the beginning.", meaning="Nothing was changed.", do="Go back.")
    await operate(
        request, "narrow", request_id=details["request_id"], plan_sha256=form.get("plan", ""),
        position=camera["position"], window=window,
    )  # fmt: skip
    raise web.HTTPSeeOther(f"/requests/{details['request_id']}#camera-{camera['position'] + 1}")


async def check(request: web.Request) -> web.Response:
    """The second step: in one sentence what goes to whom, or that nothing does."""
    form, details = await form_of(request), await _details(request)
    return await _checked(request, form, details)


async def _checked(
    request: web.Request, form: dict[str, str], details: Json, wrong: NotPermitted | None = None
) -> web.Response:
    _refuse_unless_asked(details)
    if form.get("plan") != details["plan_sha256"]:
        raise DecisionRefused(
            "What would be sent has changed since this page was shown.", meaning="Nothing was decided.",
            do="Go back to the request, and look at it again.",
        )  # fmt: skip
    answer = form.get("answer", "")
    if answer not in ("yes", "no", "none"):
        raise InputInvalid("No answer was chosen.", meaning="Nothing was decided.", do="Go back, and choose one.")
    verdict = _verdict(details, form, answer)
    shared = [choice["position"] for choice in verdict["choices"] if choice["share"]]
    if answer == "yes" and not shared:
        raise InputInvalid(
            "No camera was chosen.", meaning="Nothing was decided.", do="Go back, and choose one, or say no."
        )
    chosen = [camera for camera in details["plan"]["cameras"] if camera["position"] in shared]
    sound = {choice["position"]: choice.get("sound", False) for choice in verdict["choices"]}
    size = sum(camera["video_bytes"] + (camera["sound_bytes"] if sound[camera["position"]] else 0) for camera in chosen)
    return render(
        request, "check.html", status_code=200 if wrong is None else 403, wrong=wrong, details=details,
        answer=answer, chosen=chosen, sound=sound, size=size, seconds=await _upload_time(request, size), form=form,
        notes=verdict["notes"], us=from_rfc3339, copies=_copies_named(verdict["choices"]),
    )  # fmt: skip


def _copies_named(choices: list[Json]) -> dict[int, list[str]]:
    """By position, what the copies are called that were chosen."""
    return {
        choice["position"]: [copying.NAMES[CopyKind(copy["kind"])] for copy in choice["copies"]]
        for choice in choices
        if choice.get("copies")
    }


async def decide(request: web.Request) -> web.StreamResponse:
    form, details = await form_of(request), await _details(request)
    _refuse_unless_asked(details)
    try:
        proven_by = await prove(request, form)
    except NotPermitted as error:
        return await _checked(request, form, details, error)
    verdict = _verdict(details, form, form.get("answer", ""))
    named = {"request_id": details["request_id"], "plan_sha256": form.get("plan", "")}
    await operate(request, "decide", proven_by=proven_by, **named, **verdict)
    raise web.HTTPSeeOther(f"/requests/{details['request_id']}")


async def agree(request: web.Request) -> web.StreamResponse:
    form = await form_of(request)
    proven_by = await prove(request, form)
    request_id = request.match_info["request_id"]
    await operate(request, "agree", proven_by=proven_by, request_id=request_id, plan_sha256=form.get("plan", ""))
    raise web.HTTPSeeOther(f"/requests/{request_id}")


async def keep(request: web.Request) -> web.StreamResponse:
    return await _do(request, "keep")


async def look_again(request: web.Request) -> web.StreamResponse:
    return await _do(request, "look-again")


async def pause(request: web.Request) -> web.StreamResponse:
    form = await form_of(request)
    paused = form.get("do") != "go-on"
    return await _do(request, "pause", paused=paused)


async def stop(request: web.Request) -> web.StreamResponse:
    await prove(request, await form_of(request))
    return await _do(request, "stop")


async def _do(request: web.Request, operation: str, **arguments: Any) -> web.StreamResponse:
    request_id = request.match_info["request_id"]
    await operate(request, operation, request_id=request_id, **arguments)
    raise web.HTTPSeeOther(f"/requests/{request_id}")


def _refuse_unless_asked(details: Json) -> None:
    if details["state"] != "asked":
        raise DecisionRefused(
            f"This request does not wait for an answer any more: {states.stands(details)}.",
            meaning="What stands, stands.",
            do="Look at it again.",
        )


def _camera(details: Json, form: Mapping[str, str]) -> Json:
    for camera in details["plan"]["cameras"]:
        if str(camera["position"]) == form.get("position"):
            return dict(camera)
    raise InputInvalid(
        "There is no such camera.", meaning="Nothing was changed.", do="Go back, and load the page again."
    )


def _verdict(details: Json, form: Mapping[str, str], answer: str) -> Json:
    """What the form says, as the operation "decide" takes it."""
    choices, notes = [], []
    for camera in details["plan"]["cameras"]:
        position = camera["position"]
        if not camera["actual"]:
            if answer == "none" or (answer == "yes" and form.get(f"none-{position}")):
                choices.append({"position": position, "share": False, "none_recorded": True})
            continue
        share = answer == "yes" and bool(form.get(f"share-{position}"))
        sound = share and bool(form.get(f"sound-{position}"))
        choice = {"position": position, "share": share, "sound": sound}
        if share and (copies := copying.chosen(form, position)) is not None:
            choice["copies"] = copies
        choices.append(choice)
        if share:
            notes += _notes(form.get(f"notes-{position}", ""), camera)
    if answer == "no":
        choices = []
    remark = form.get("remark", "").replace("\r\n", "\n").strip()
    return {
        "choices": choices,
        "notes": notes,
        "observations": (remark or None) if answer == "yes" else None,
        "exhibit_prefix": typed_prefix(form.get("exhibit")) if answer == "yes" else None,
    }


def _notes(text: str, camera: Json) -> list[Json]:
    """A line a note: the time of day, and the words."""
    found = []
    for line in text.replace("\r\n", "\n").split("\n"):
        if not line.strip():
            continue
        clock, _, words = line.strip().partition(" ")
        if not words.strip():
            raise InputInvalid(
                f"The note {harmless(line, 60)!r} has no words.", meaning="Nothing was decided.",
                do="Write a time and what you saw, such as: 18:41:05 the van stops here",
            )  # fmt: skip
        at = _moment(clock, camera["actual"]["from"], camera["actual"])
        found.append({"position": camera["position"], "at": at, "text": harmless(words, 500)})
    return found


def _time(form: Mapping[str, str], name: str, otherwise: str, asked: Json) -> str:
    exact = form.get(f"{name}-us", "")
    typed, shown = form.get(name, "").strip(), form.get(f"{name}-shown", "").strip()
    if exact.isdecimal() and len(exact) < 20 and typed == shown:
        return to_rfc3339(int(exact))
    return otherwise if not typed else _moment(typed, asked["from"], asked)


def _moment(clock: str, near: str, asked: Json) -> str:
    """A time of day of the host's zone as the moment within, or nearest to, what is asked for. InputInvalid."""
    found = _CLOCK.fullmatch(clock)
    if found is None or int(found[1]) > 23 or int(found[2]) > 59 or int(found[3] or 0) > 59:
        raise InputInvalid(
            f"The time {harmless(clock, 30)!r} can't be used.", meaning="Nothing was changed.",
            do="Write it as 18:40 or 18:40:30.",
        )  # fmt: skip
    start, end = from_rfc3339(asked["from"]), from_rfc3339(asked["to"])
    day = datetime.fromtimestamp(from_rfc3339(near) / SECOND, UTC).astimezone()
    wanted = day.replace(
        hour=int(found[1]), minute=int(found[2]), second=int(found[3] or 0),
        microsecond=int((found[4] or "0").ljust(6, "0")), tzinfo=None,
    )  # fmt: skip
    moments = [round((wanted + timedelta(days=shift)).astimezone().timestamp() * SECOND) for shift in (-1, 0, 1)]
    return to_rfc3339(min(moments, key=lambda at: max(start - at, at - end, 0)))


async def _upload_time(request: web.Request, size: int) -> int:
    """Microseconds that sending takes, by the last uploads; by a slow line's speed before there were any."""
    async with site_of(request).agent.services.store.transaction() as tx:
        row = await tx.one(
            "SELECT sum(size) AS size, sum(uploaded_at - sealed_at) AS took FROM "
            "(SELECT size, uploaded_at, sealed_at FROM packages WHERE uploaded_at > sealed_at "
            "ORDER BY uploaded_at DESC LIMIT 5)"
        )
    speed = row["size"] / (row["took"] / SECOND) if row and row["took"] else _USUAL_SPEED
    return round(size / max(speed, 1000) * SECOND)
