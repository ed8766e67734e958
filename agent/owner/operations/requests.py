"""What an owner can do with a request: see it, look at what would be sent, decide, have its footage kept.

Not for: how it is asked or shown (``agent.owner.terminal``, ``agent.cli``), or what a decision sets going.
"""

import base64
from dataclasses import asdict
from typing import Annotated

from pydantic import Field

from agent.owner.operations.context import Actor, Json, Nothing, Owned, RequestNamed
from agent.owner.operations.whose import answers_for, find, refuse_cameras
from agent.requests import decision, restored_records
from agent.requests.copies.usual import plays_as_it_is, usual_copies
from agent.requests.exhibits.references import given_reference, next_reference
from agent.requests.feedback.conversation import complaints
from agent.requests.intake import verified_request
from agent.requests.noted.noting import NOT_SAID
from agent.requests.on_the_way import stop
from agent.requests.plan import PlannedCamera, look_again, read_plan
from agent.requests.preserve import keep
from agent.requests.restored import doubts
from agent.requests.review.agreement import MAX_FIRST_YES, FirstYes, first_yes
from agent.requests.review.enhancing import enhanced_preview
from agent.requests.review.narrowing import narrow, refuse_if_changed
from agent.requests.review.offering import answered_offer
from agent.requests.review.pictures import stills
from agent.requests.states import SENT_BEFORE, State
from agent.requests.supervised import supervisor_of
from agent.requests.team import open_to
from agent.services import Services
from agent.store.database import RequestRow
from exchange.clock import Instant, to_rfc3339
from exchange.documents.copies import Enhancement, WantedCopies
from exchange.documents.exhibits import ExhibitPrefix
from exchange.documents.messages import Credential, DecidedBy, Decision, Id, Line, Part, Request, Stretch, Text
from exchange.documents.noted import IDENTIFIED_WORDS, NotedOfficer, NotedRequest
from exchange.errors import DecisionRefused
from exchange.signing.documents import PublicKey, parse_strictly


class Decide(Part):
    request_id: Id
    plan_sha256: Line
    choices: tuple[decision.Choice, ...] = ()
    observations: Text | None = None
    notes: Annotated[tuple[decision.Note, ...], Field(max_length=50)] = ()
    exhibit_prefix: ExhibitPrefix | None = None
    name: Line | None = None
    """How the person who decides wants to be named; their user name otherwise."""


class Pause(Part):
    """``paused`` False: go on."""

    request_id: Id
    paused: bool = True


class Narrow(Part):
    """Shorten one camera's window; without ``window`` it is given back whole."""

    request_id: Id
    plan_sha256: Line
    position: int
    window: Stretch | None = None


class PreviewCopy(Part):
    """Without ``at``: the middle of the window; what ``enhancement`` leaves out is measured."""

    request_id: Id
    position: int = 0
    at: Instant | None = None
    enhancement: Enhancement | None = None


class Agree(Part):
    """The second person's yes to what the first one said yes to."""

    request_id: Id
    plan_sha256: Line
    name: Line | None = None


async def list_requests(agent: Owned, _: Nothing, actor: Actor) -> Json:
    async with agent.services.store.transaction() as tx:
        rows = await tx.requests()
        given = {row["request_id"]: row["document"] for row in await tx.all("SELECT * FROM decisions")}
    return {"requests": [summary(agent, row) | {"outcome": _outcome(row, given.get(row.request_id))} for row in rows]}


async def show(agent: Owned, named: RequestNamed, actor: Actor) -> Json:
    """All that the owner needs to decide: who asks, for what, what exactly would be sent."""
    services = agent.services
    async with services.store.transaction() as tx:
        row = await find(tx, named.request_id)
        shown = await tx.one("SELECT plan, sha256 FROM plans WHERE request_id = ?", [row.request_id])
        packages = await tx.packages(row.request_id)
        unplayable = {each.package.evidence_id for each in await complaints(tx, row.request_id)}
        decided = await decision.stored_decision(tx, row.request_id)
        answers = await answers_for(tx, row.request_id, actor)
        force = await tx.force()
        unclear = await restored_records.trouble(tx)
        waiting = await first_yes(tx, row.request_id)
        paused = await stop.is_paused(tx, row.request_id)
        in_doubt = await doubts.is_in_doubt(tx, row.request_id)
        offered = None if row.officer is None else await answered_offer(tx, verified_request(row))
        called = await next_reference(services, tx, verified_request(row)) if row.state == State.ASKED else None
    details: Json = summary(agent, row)
    details["outcome"] = _outcome(row, None if decided is None else decided.document)
    details["unclear"] = (
        None if unclear is None else {"what": unclear.what, "meaning": unclear.meaning, "do": unclear.do}
    )
    details["force"] = None if force is None else force.name
    details["in_doubt"] = in_doubt
    details["officer"] = None if row.officer is None else _officer(row)
    if row.officer is not None:
        request = verified_request(row)
        hidden = {"credential", "recipient", "team", "authorisation"}
        details["request"] = request.model_dump(mode="json", exclude=hidden)
        details["supervisor"] = _supervisor(request)
        details["open_to"] = open_to(request)
        if isinstance(request, NotedRequest):
            details["force"] = request.force
    if shown is not None and row.state not in (State.CLOSED, *SENT_BEFORE):
        plan = read_plan(shown["plan"]).model_dump(mode="json")
        for camera, planned in zip(plan["cameras"], read_plan(shown["plan"]).cameras, strict=True):
            camera["copies"] = None if row.officer is None else _copies(services, verified_request(row), planned)
            camera["stretches_at"] = [[s["first_us"], s["end_us"]] for s in camera["stretches"]]
            camera["gop_us"] = max((s["gops"]["longest_us"] for s in camera.pop("stretches")), default=0)
            if camera["source"]:  # as it is now: the owner may have had it kept since
                camera["source"]["kept"] = await services.footage.kept_bytes(row.request_id, camera["camera_id"]) > 0
        details["plan"], details["plan_sha256"] = plan, shown["sha256"]
        details["host_clock"] = asdict(await services.host_clock())
    details["answers_for_all"] = answers
    details["kept_bytes"] = await services.footage.kept_bytes(row.request_id)
    details["paused"], details["answers_offer"], details["exhibit"] = paused, offered, called
    details["people_needed"] = services.settings.decide.people
    details["first_yes"] = None if waiting is None else _first_yes(waiting)
    details["decision"] = None if decided is None else decided.document
    details["packages"] = [
        {
            "evidence_id": package.evidence_id,
            "exhibit": given_reference(package.evidence),
            "path": package.path,
            "size": package.size,
            "ciphertext_sha256": package.ciphertext_sha256,
            "sending": package.sending,
            "edition": package.edition,
            "can_be_played": package.evidence_id not in unplayable,
            "delivered": None if package.delivered_at is None else to_rfc3339(package.delivered_at),
            "receipt": None if package.receipt_at is None else to_rfc3339(package.receipt_at),
        }
        for package in packages
    ]
    return details


def _copies(services: Services, request: Request | NotedRequest, camera: PlannedCamera) -> Json | None:
    """Which working copies are suggested, and wanted by the officer; whether the recording plays as it is."""
    if not camera.available:
        return None
    sound = bool(camera.sound_asked and camera.sound_codec)
    usual = usual_copies(camera, request, services.settings.copies, sound=sound)
    wanted = request.copies or WantedCopies()
    return {
        "usual": [copy.model_dump(mode="json", exclude_none=True) for copy in usual],
        "wanted": [kind.value for kind in wanted.kinds],
        "most_bytes": wanted.most_bytes,
        "plays": plays_as_it_is(camera, sound=sound),
        "caption": services.settings.copies.caption,
    }


async def preview_copy(agent: Owned, asked: PreviewCopy, actor: Actor) -> Json:
    """A picture of what would be sent, as recorded and enhanced beside each other: a JPEG, and what was done."""
    found, jpeg = await enhanced_preview(agent.services, asked.request_id, asked.position, asked.at, asked.enhancement)
    return {**found, "at": to_rfc3339(found["at"]), "jpeg": base64.b64encode(jpeg).decode()}


async def pictures(agent: Owned, named: RequestNamed, actor: Actor) -> Json:
    """The first and last frame of what would be sent, a JPEG each."""
    made = await stills(agent.services, named.request_id)
    return {"pictures": [{"name": name, "jpeg": base64.b64encode(data).decode()} for name, data in made]}


async def decide(agent: Owned, asked: Decide, actor: Actor) -> Json:
    verdict = decision.Verdict(
        plan_sha256=asked.plan_sha256,
        choices=asked.choices,
        observations=asked.observations,
        notes=asked.notes,
        exhibit_prefix=asked.exhibit_prefix,
    )
    return await _decide(agent, asked.request_id, verdict, actor, asked.name)


async def agree(agent: Owned, asked: Agree, actor: Actor) -> Json:
    async with agent.services.store.transaction() as tx:
        await find(tx, asked.request_id)
        waiting = await first_yes(tx, asked.request_id)
    if waiting is None:
        raise DecisionRefused(
            "Nobody has said yes to this yet, or what would be sent has changed since.",
            meaning="Nothing was decided.",
            do=f"Look at it with: handover review {asked.request_id}",
        )
    verdict = parse_strictly(waiting.verdict.encode(), decision.Verdict, MAX_FIRST_YES)
    refuse_if_changed(verdict.plan_sha256, asked.plan_sha256)
    if waiting.by.person == actor.person:
        raise DecisionRefused(
            "You said yes to this already: another person must agree.",
            meaning="Nothing was decided.",
            do="Ask somebody else who may decide.",
        )
    return await _decide(agent, asked.request_id, verdict, actor, asked.name)


async def _decide(agent: Owned, request_id: str, verdict: decision.Verdict, actor: Actor, name: str | None) -> Json:
    await _refuse_cameras_of_others(agent, request_id, verdict, actor)
    by = DecidedBy(name=name or actor.name, method=actor.method, person=actor.person)
    decided = await decision.decide(agent.services, request_id, verdict, by)
    agent.journey.kick()
    return {"status": "waits-for-another" if decided is None else decided.status.value}


async def _refuse_cameras_of_others(agent: Owned, request_id: str, verdict: decision.Verdict, actor: Actor) -> None:
    """Whoever answers for some cameras only can hand over those, and decline or tell of nothing else."""
    if actor.cameras is None:
        return
    async with agent.services.store.transaction() as tx:
        row = await find(tx, request_id)
        asked = verified_request(row).asked if row.officer is not None else ()
    others = sorted({each.camera_id for each in asked} - actor.cameras)
    shared = {
        asked[choice.position].camera_id for choice in verdict.choices if choice.share and choice.position < len(asked)
    }
    if (others and not shared) or not shared <= actor.cameras:
        raise DecisionRefused(
            f"{actor.name} answers for {', '.join(sorted(actor.cameras)) or 'no camera'} only.",
            meaning="Nothing was decided.",
            do="Leave the other cameras to somebody who answers for them.",
        )


async def narrow_window(agent: Owned, wanted: Narrow, actor: Actor) -> Json:
    """Shorten a camera's window; the plan is another one then."""
    async with agent.services.store.transaction() as tx:
        row = await find(tx, wanted.request_id)
    asked = verified_request(row).asked if row.officer is not None else ()
    refuse_cameras(actor, frozenset(each.camera_id for each in asked[wanted.position : wanted.position + 1]))
    sha256 = await narrow(agent.services, wanted.request_id, wanted.plan_sha256, wanted.position, wanted.window)
    return {"plan_sha256": sha256}


def _first_yes(waiting: FirstYes) -> Json:
    verdict = parse_strictly(waiting.verdict.encode(), decision.Verdict, MAX_FIRST_YES)
    return {
        "by": waiting.by.name,
        "person": waiting.by.person,
        "at": to_rfc3339(waiting.at),
        "choices": [choice.model_dump(mode="json") for choice in verdict.choices],
        "observations": verdict.observations,
        "notes": [note.model_dump(mode="json") for note in verdict.notes],
    }


async def pause_sending(agent: Owned, asked: Pause, actor: Actor) -> Json:
    """Pause what is on its way, or let it go on."""
    await stop.pause(agent.services, asked.request_id, paused=asked.paused)
    if asked.paused:
        await agent.journey.break_off(asked.request_id)
    agent.journey.kick()
    return {"paused": asked.paused}


async def stop_sending(agent: Owned, named: RequestNamed, actor: Actor) -> Json:
    """Take the yes back, as long as nothing of it was handed over."""
    await stop.refuse_if_handed_over(agent.services, named.request_id)
    async with agent.services.store.transaction() as tx:
        paused = await stop.is_paused(tx, named.request_id)
    await stop.pause(agent.services, named.request_id, paused=True)
    try:
        await agent.journey.break_off(named.request_id)
        await stop.stop(agent.services, named.request_id, actor.name)
    finally:
        if not paused:  # refused: it goes on, as the owner left it
            async with agent.services.store.transaction() as tx:
                await stop.go_on(tx, named.request_id)
        agent.journey.kick()
    return {}


async def keep_footage(agent: Owned, named: RequestNamed, actor: Actor) -> Json:
    """Keep what a request asks for from being overwritten, on the owner's word (requests.preserve: ask)."""
    async with agent.services.store.transaction() as tx:
        row = await find(tx, named.request_id)
    if row.state not in (State.PRESERVED, State.ASKED):
        raise DecisionRefused(f"This request is {row.state}: there is nothing to keep.")
    return {"held_bytes": await keep(agent.services, row, said_so=True)}


async def look_for_footage_again(agent: Owned, named: RequestNamed, actor: Actor) -> Json:
    """Have the footage looked for once more; nobody is told."""
    await look_again(agent.services, named.request_id)
    agent.journey.kick()
    return {}


def summary(agent: Owned, row: RequestRow) -> Json:
    details: Json = {
        "request_id": row.request_id,
        "state": row.state,
        "since": to_rfc3339(row.state_at),
        "received": to_rfc3339(row.received_at),
        "expires": to_rfc3339(row.expires_at) if row.expires_at else None,
        "doing": agent.services.progress.doing.get(row.request_id),
        "trouble": row.trouble,
        "origin": row.origin,
    }
    if row.officer is not None:
        request = verified_request(row)
        officer = _officer(row)
        details["crime_reference"] = request.crime_reference
        who = f"{officer['rank'] or ''} {officer['name']}".strip()
        details["asked_by"] = f"{who}, {officer['unit'] or officer['force']}"
        known = request.incident.kind != NOT_SAID
        details["incident"] = request.incident.kind if known else f"Request by {details['asked_by']}"
    return details


def _supervisor(request: Request | NotedRequest) -> Json | None:
    """Who of the force signed that it may be asked, and their reason."""
    found = supervisor_of(request)
    if found is None:
        return None
    authorisation, supervisor = found
    return {**supervisor.model_dump(mode="json", include={"name", "rank", "unit"}), "reason": authorisation.reason}


def _outcome(row: RequestRow, decision: str | None) -> str | None:
    """How a closed request ended: the decision's word, or why there is none."""
    if row.state != State.CLOSED:
        return None
    if decision is not None:
        return parse_strictly(decision.encode(), Decision).status.value
    return "refused" if row.refusal is not None or row.officer is None else "unanswered"


def _officer(row: RequestRow) -> Json:
    text = row.officer or ""
    if row.origin == "noted":
        officer = parse_strictly(text.encode(), NotedOfficer)
        return officer.model_dump(mode="json") | {"identified_words": IDENTIFIED_WORDS[officer.identified]}
    credential = parse_strictly(text.encode(), Credential)
    details = credential.model_dump(mode="json", exclude={"kind", "public_key"})
    details["fingerprint"] = PublicKey.parse(credential.public_key).fingerprint
    return details
