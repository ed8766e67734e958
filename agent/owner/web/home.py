"""The pages that show and change little: home, past requests, cameras, recordings, records, the log, people, settings.

Not for: a request that waits (``review``).
"""

from collections import defaultdict

from aiohttp import web

from agent.cameras.stored import registration_of
from agent.footage.source import Span
from agent.owner.operations.context import Json
from agent.owner.operations.custody_words import custody_line
from agent.owner.operations.deed_words import deed_line
from agent.owner.people.roles import GIVEN, WORDS, Role, allows
from agent.owner.web import states
from agent.owner.web.login import prove
from agent.owner.web.record_pages import gone_back
from agent.owner.web.site import form_of, now, operate, render, session_of, site_of, words_of
from exchange.clock import DAY, HOUR, Window
from exchange.errors import HandoverError, InputInvalid
from exchange.package.drawing import plan

_DAYS = 7


def routes() -> list[web.RouteDef]:
    return [
        web.get("/", show_home),
        web.get("/requests", show_requests),
        web.get("/cameras", show_cameras),
        web.get("/recordings", show_recordings),
        web.get("/copies", show_copies),
        web.post("/copies", work_on_copies),
        web.get("/log", show_log),
        web.get("/people", show_people),
        web.post("/people", change_people),
    ]


async def show_home(request: web.Request) -> web.Response:
    rows = (await operate(request, "requests"))["requests"]
    status = await operate(request, "status")
    waiting = sorted((row for row in rows if row["state"] == "asked"), key=lambda row: row["expires"])
    asked = [row for row in rows if row["request_id"] in status["force_asks"]]
    under_way = [row for row in rows if row["state"] != "asked" and row["state"] in (*states.OPEN, "delivered")]
    return render(
        request, "home.html", waiting=waiting, asked=asked, under_way=under_way, status=status, stands=states.stands,
        troubles=_troubles(status), gone_back=status["records_trouble"], may_say=gone_back.may_say(request),
    )  # fmt: skip


def _troubles(status: Json) -> list[str]:
    """What is wrong, in words."""
    names = ("portal", "disk", "device", "backups", "page", "messages")
    return [trouble for name in names if (trouble := status[f"{name}_trouble"])]


async def show_requests(request: web.Request) -> web.Response:
    rows = (await operate(request, "requests"))["requests"]
    return render(
        request, "requests.html", rows=sorted(rows, key=lambda row: row["received"], reverse=True),
        stands=states.stands,
    )  # fmt: skip


async def show_cameras(request: web.Request) -> web.Response:
    cameras = (await operate(request, "cameras"))["cameras"]
    async with site_of(request).agent.services.store.transaction() as tx:
        registrations = [registration_of(row) for row in await tx.cameras()]
    drawn = plan(registrations, frozenset(), None, words_of(request))
    return render(request, "cameras.html", cameras=cameras, plan=drawn)


async def show_recordings(request: web.Request) -> web.Response:
    """What there is of each camera, an hour a box, of the last days."""
    services = site_of(request).agent.services
    cameras = (await operate(request, "cameras"))["cameras"]
    end = now(request) // HOUR * HOUR + HOUR
    days = [end - end % DAY - back * DAY for back in range(_DAYS)]
    shown: list[tuple[Json, dict[int, int], str | None]] = []
    for camera in cameras:
        try:
            found = await services.footage.coverage(camera["camera_id"], Window(days[-1], end))
            shown.append((camera, _hours(found.spans), None))
        except HandoverError as error:
            shown.append((camera, {}, error.what))
    return render(request, "recordings.html", cameras=shown, days=days, hour=HOUR, now=now(request))


def _hours(spans: tuple[Span, ...]) -> dict[int, int]:
    """By the hour's beginning: how many hundredths of it there are."""
    found: dict[int, int] = defaultdict(int)
    for span in spans:
        start = span.window.start
        while start < span.window.end:
            hour = start - start % HOUR
            until = min(span.window.end, hour + HOUR)
            found[hour] += until - start
            start = until
    return {hour: min(100, round(covered * 100 / HOUR)) for hour, covered in found.items()}


async def show_copies(request: web.Request) -> web.Response:
    return await _copies(request, None)


async def _copies(request: web.Request, wrong: HandoverError | None) -> web.Response:
    shown = await operate(request, "backups")
    may_run = allows(session_of(request).person.role, Role.ADMINISTRATOR)
    may_hold = allows(session_of(request).person.role, Role.APPROVER)
    return render(
        request, "copies.html", status_code=200 if wrong is None else 409, copies=shown, wrong=wrong, may_run=may_run,
        may_hold=may_hold,
    )  # fmt: skip


async def work_on_copies(request: web.Request) -> web.StreamResponse:
    """Bring what is missing, check everything, or hold what is to stay. Deleting is for a terminal."""
    form = await form_of(request)
    try:
        match form.get("do"):
            case "run":
                await operate(request, "backups-run")
            case "check":
                await operate(request, "backups-run", check=True)
            case "hold":
                reason = form.get("reason", "").strip()
                await operate(request, "hold", request_id=form.get("request_id", ""), reason=reason)
            case "hold-as-asked":
                await operate(request, "hold-as-asked", request_id=form.get("request_id", ""))
            case "end-hold":
                await operate(request, "end-hold", request_id=form.get("request_id", ""))
            case _:
                raise InputInvalid("That button is not known.", do="Load the page again.")
    except HandoverError as error:
        return await _copies(request, error)
    raise web.HTTPSeeOther("/copies")


async def show_log(request: web.Request) -> web.Response:
    events = (await operate(request, "custody", most=300))["events"]
    return render(request, "log.html", events=events, line=custody_line)


async def show_people(request: web.Request) -> web.Response:
    return await _people(request)


async def _people(request: web.Request, code: Json | None = None) -> web.Response:
    people = await operate(request, "people")
    may_change = allows(session_of(request).person.role, Role.ADMINISTRATOR)
    deeds = (await operate(request, "deeds"))["deeds"][:50] if may_change else []
    return render(
        request, "people.html", people=people["people"], needed=people["needed"], roles=GIVEN, role_words=WORDS,
        may_change=may_change, deeds=deeds, line=deed_line, code=code,
    )  # fmt: skip


async def change_people(request: web.Request) -> web.StreamResponse:
    """Add, invite or remove a person, which needs a fresh proof: a stolen session makes no friend of its own."""
    form = await form_of(request)
    await prove(request, form)
    person_id, code = form.get("person_id", "").strip().lower(), None
    match form.get("do"):
        case "add":
            await operate(request, "add-person", person_id=person_id, name=form.get("name", ""), role=form.get("role"))
            code = await operate(request, "invite-person", person_id=person_id)
        case "invite":
            code = await operate(request, "invite-person", person_id=person_id)
        case "remove":
            await operate(request, "remove-person", person_id=person_id)
        case _:
            raise InputInvalid("That button is not known.", do="Load the page again.")
    return await _people(request, code)
