"""The owner's yes or no: signed, final, and bound to the request's bytes and to the plan that was shown.

This is the only door. Nothing is cut, sealed or sent without an ``Approval``, and only ``load_approval`` makes one,
from a decision whose signature holds. Not for: how the owner is asked (``agent/owner``).
"""

import json
import uuid
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator, Field

from agent.requests.copies.usual import in_order, usual_copies
from agent.requests.intake import verified_request
from agent.requests.plan import Plan, PlannedCamera, plan_sha256, read_plan
from agent.requests.restored.doubts import refuse_in_doubt
from agent.requests.restored_records import refuse_while_unclear
from agent.requests.review.agreement import first_yes, keep_first_yes
from agent.requests.states import UNDER_WAY, State, change_state
from agent.requests.step import Move
from agent.services import Services
from agent.store.database import RequestRow, Transaction
from exchange.clock import Instant, to_rfc3339
from exchange.custody.log import CustodyKind
from exchange.documents.copies import ChosenCopy, check_chosen
from exchange.documents.evidence import Observation, observations_sha256
from exchange.documents.exhibits import ExhibitPrefix
from exchange.documents.messages import (
    Agreement,
    DecidedBy,
    DecidedCamera,
    Decision,
    Line,
    Outcome,
    Part,
    Request,
    Signed,
    Status,
    Text,
    one_line,
)
from exchange.documents.noted import NotedRequest
from exchange.errors import DecisionRefused, FootageChanged, NotFound, SignatureInvalid
from exchange.signing.documents import document_sha256, open_document, sign_document


class Choice(Part):
    """What the owner chose for one asked camera and window: hand it over or not, with its sound or not."""

    position: int
    share: bool
    sound: bool = False
    none_recorded: bool = False
    """The owner says that there is no such footage, and wants the officer to know. Not said, it reads as declined."""
    copies: Annotated[tuple[ChosenCopy, ...], Field(max_length=8), AfterValidator(check_chosen)] | None = None
    """The working copies to go beside it; None: those that are usual (``agent.requests.copies.usual``)."""


class Note(Part):
    """The owner's words on a moment of one camera's footage. They go into its package, sealed."""

    position: int
    at: Instant
    text: Annotated[str, Field(min_length=1, max_length=500), AfterValidator(one_line)]


class Verdict(Part):
    """The owner's word on a request. ``plan_sha256`` names the plan that was before them; no choice means no."""

    plan_sha256: Line
    choices: Annotated[tuple[Choice, ...], Field(max_length=64)] = ()
    observations: Text | None = None
    notes: Annotated[tuple[Note, ...], Field(max_length=50)] = ()
    exhibit_prefix: ExhibitPrefix | None = None


@dataclass(frozen=True)
class ApprovedCut:
    """One camera of an approval, with the plan's exact stretches."""

    evidence_id: str
    camera: PlannedCamera
    sound: bool
    observed: tuple[Observation, ...] = ()
    copies: tuple[ChosenCopy, ...] = ()


class Approval:
    """The owner's signed yes. Made by ``load_approval`` alone; its holder may hand over ``cuts`` and nothing else."""

    __slots__ = ("cuts", "decided", "decision", "request", "signed_decision", "signed_request")

    def __init__(
        self,
        key: object,
        request: Request | NotedRequest,
        signed_request: Signed,
        decision: Decision,
        signed_decision: Signed,
        cuts: tuple[ApprovedCut, ...],
    ) -> None:
        if key is not _DOOR:
            raise AssertionError("an Approval comes from load_approval only")
        self.request = request
        self.signed_request = signed_request
        self.decision = decision
        self.signed_decision = signed_decision
        self.decided: Instant = decision.decided
        self.cuts = cuts

    def cut(self, evidence_id: str) -> ApprovedCut:
        """The approved cut of this evidence id; DecisionRefused when the owner approved no such thing."""
        for cut in self.cuts:
            if cut.evidence_id == evidence_id:
                return cut
        raise DecisionRefused(f"The owner approved no {evidence_id}.", meaning="It is not sent.")


_OUTCOMES = {
    Status.APPROVED: (State.APPROVED, CustodyKind.APPROVED),
    Status.PARTLY_APPROVED: (State.APPROVED, CustodyKind.APPROVED),
    Status.DECLINED: (State.DECLINED, CustodyKind.DECLINED),
    Status.UNAVAILABLE: (State.UNAVAILABLE, CustodyKind.UNAVAILABLE),
}
"""What a decision makes of a request, and what the custody log calls it."""
_DOOR = object()


async def decide(services: Services, request_id: str, verdict: Verdict, by: DecidedBy) -> Decision | None:
    """Record the owner's answer, once. DecisionRefused when it was answered before, ran out, or the plan changed.

    None where two people must agree and this is the first: their yes is kept, and nothing is decided. One person's no
    is a no.
    """
    async with services.store.transaction() as tx:
        row = await tx.request(request_id)
        if row is None:
            raise NotFound(f"There is no request {request_id}.", do="List them with: handover requests")
        await refuse_while_unclear(tx)
        now = services.clock.now()
        refuse_unless_asked(row, now)
        shown = await tx.one("SELECT plan, sha256 FROM plans WHERE request_id = ?", [request_id])
        if shown is None or shown["sha256"] != verdict.plan_sha256:
            raise DecisionRefused(
                "What would be sent has changed since it was shown.",
                meaning="Nothing was decided.",
                do="Look at it again with: handover review",
            )
        plan = read_plan(shown["plan"])
        decision, observed = _decision(services, row, plan, verdict, by, now)
        if services.settings.decide.people > 1 and decision.status in _SENT:
            agreed = await _agreed(services, tx, plan.request_id, verdict, by)
            if agreed is None:
                return None
            decision = decision.model_copy(update={"people_needed": 2, "agreed": agreed})
        signed = sign_document(decision, services.keys.device)
        to, kind = _OUTCOMES[decision.status]
        if not await change_state(tx, row, to, now):
            raise DecisionRefused("It was decided a moment ago by somebody else.", meaning="Theirs stands.")
        await tx.insert(
            "decisions",
            request_id=request_id,
            document=signed.document,
            signature=signed.signature,
            decided_at=now,
            observed=json.dumps(
                {key: [note.model_dump(mode="json") for note in mine] for key, mine in observed.items()}
            ),
        )
        await tx.execute("DELETE FROM agreements WHERE request_id = ?", [request_id])
        if to is State.APPROVED:
            await _record_preserved(services, tx, plan)
        await services.custody.record(
            tx, kind, by.name, request_id, details={"plan_sha256": verdict.plan_sha256, "method": by.method}
        )
        await services.custody.checkpoint(tx)
    return decision


_SENT = (Status.APPROVED, Status.PARTLY_APPROVED)


async def _agreed(
    services: Services, tx: Transaction, request_id: str, verdict: Verdict, by: DecidedBy
) -> tuple[Agreement, ...] | None:
    """Both people's yes; None when this is the first, or another one than the first, which then waits anew."""
    now, text = services.clock.now(), verdict.model_dump_json()
    details: dict[str, str | int | bool] = {"plan_sha256": verdict.plan_sha256, "method": by.method}
    await services.custody.record(tx, CustodyKind.AGREED, by.name, request_id, details=details)
    first = await first_yes(tx, request_id)
    if by.person is None:
        raise DecisionRefused(
            "Two people must agree here, and nobody knows who this is.",
            meaning="Nothing was decided.",
            do="Add the people with: handover people add",
        )
    if first is None or first.verdict != text or first.by.person == by.person:
        await keep_first_yes(tx, request_id, text, by, now)
        return None
    return (first.agreement, Agreement(by=by, at=now))


async def _record_preserved(services: Services, tx: Transaction, plan: Plan) -> None:
    """How the footage was kept until the yes. Only now: a line before it would tell that there is something to keep."""
    setting = services.settings.requests.preserve.value
    details: dict[str, str | int | bool] = {"held_bytes": plan.held_bytes, "setting": setting}
    await services.custody.record(tx, CustodyKind.PRESERVED, "agent", plan.request_id, details=details)


def refuse_unless_asked(row: RequestRow, now: int) -> None:
    """DecisionRefused when a request doesn't wait for the owner's answer, or no longer."""
    if row.state in (State.RECEIVED, State.VERIFIED, State.PRESERVED):
        raise DecisionRefused(
            "The request is not ready to be decided.",
            meaning="What would be sent is still being looked up.",
            do="Try again in a minute; handover status tells how far it is.",
        )
    if row.state != State.ASKED:
        raise DecisionRefused(f"It can't be decided any more: it is {row.state}.", meaning="What stands, stands.")
    if row.expires_at <= now:
        raise DecisionRefused("It has expired.", meaning="Nothing was sent and nobody was told anything.")


def _decision(
    services: Services, row: RequestRow, plan: Plan, verdict: Verdict, by: DecidedBy, now: int
) -> tuple[Decision, dict[str, tuple[Observation, ...]]]:
    """The decision, and by evidence id the notes that it names by their hash."""
    choices = {choice.position: choice for choice in verdict.choices}
    if len(choices) != len(verdict.choices):
        raise DecisionRefused("A camera was answered twice.", meaning="Nothing was decided.")
    if unknown := choices.keys() - {camera.position for camera in plan.cameras}:
        raise DecisionRefused(f"The plan has no position {min(unknown)}.", meaning="Nothing was decided.")
    notes = {camera.position: _observed(camera, verdict.notes) for camera in plan.cameras}
    cameras = tuple(
        _with_copies(services, row, camera, choices.get(camera.position), decided)
        for camera in plan.cameras
        for decided in [_decided(camera, choices.get(camera.position), notes[camera.position])]
    )
    outcomes = {camera.outcome for camera in cameras}
    if Outcome.APPROVED not in outcomes:
        none = outcomes == {Outcome.UNAVAILABLE}
        answer = Decision(
            request_id=plan.request_id,
            request_sha256=row.sha256,
            status=Status.UNAVAILABLE if none else Status.DECLINED,
            decided=now,
            decided_by=by if none else None,
        )
        return answer, {}
    answer = Decision(
        request_id=plan.request_id,
        request_sha256=row.sha256,
        status=Status.APPROVED if outcomes == {Outcome.APPROVED} else Status.PARTLY_APPROVED,
        decided=now,
        decided_by=by,
        plan_sha256=verdict.plan_sha256,
        cameras=cameras,
        observations=verdict.observations,
        exhibit_prefix=verdict.exhibit_prefix,
    )
    approved = zip(plan.cameras, cameras, strict=True)
    return answer, {
        decided.evidence_id: notes[camera.position] for camera, decided in approved if decided.evidence_id is not None
    }


def _observed(camera: PlannedCamera, notes: tuple[Note, ...]) -> tuple[Observation, ...]:
    mine = sorted((note for note in notes if note.position == camera.position), key=lambda note: note.at)
    for note in mine:
        if camera.actual is None or not camera.actual.start <= note.at < camera.actual.end:
            raise DecisionRefused(
                f"A note is of {to_rfc3339(note.at)}, which would not be sent of {camera.label}.",
                meaning="Nothing was decided.",
                do="Remove the note, or choose a part that holds its moment.",
            )
    return tuple(Observation(at=note.at, text=note.text) for note in mine)


def _decided(camera: PlannedCamera, choice: Choice | None, observed: tuple[Observation, ...]) -> DecidedCamera:
    """A camera without footage is declined like any other, unless the owner says that there was none."""
    if choice is not None and choice.none_recorded and (choice.share or camera.available):
        raise DecisionRefused(
            f"{camera.label} has footage of this time.",
            meaning="Nothing was decided.",
            do="Hand it over or decline; 'there is none' is for a camera that has none.",
        )
    if choice is None or not choice.share or camera.actual is None:
        none = choice is not None and choice.none_recorded
        return DecidedCamera(
            camera_id=camera.camera_id,
            requested=camera.requested,
            outcome=Outcome.UNAVAILABLE if none else Outcome.DECLINED,
        )
    if choice.sound and not camera.sound_asked:
        raise DecisionRefused("The officer did not ask for sound.", meaning="Nothing was decided.")
    return DecidedCamera(
        camera_id=camera.camera_id,
        requested=camera.requested,
        outcome=Outcome.APPROVED,
        approved=camera.actual,
        sound=bool(choice.sound and camera.sound_codec),
        gaps=camera.gaps,
        evidence_id=str(uuid.uuid4()),
        narrowed=camera.narrowed,
        observed_sha256=observations_sha256(observed),
    )


def _with_copies(
    services: Services, row: RequestRow, camera: PlannedCamera, choice: Choice | None, decided: DecidedCamera
) -> DecidedCamera:
    """The working copies are part of what is approved: the owner's own choice, or what is usual."""
    if decided.outcome is not Outcome.APPROVED or choice is None:
        return decided
    copies = choice.copies
    if copies is None:
        copies = usual_copies(camera, verified_request(row), services.settings.copies, sound=decided.sound)
    return decided.model_copy(update={"copies": in_order(copies) or None})


def void(services: Services, row: RequestRow, why: FootageChanged) -> Move:
    """APPROVED -> PRESERVED: what was approved can't be had any more, so it is planned and asked anew.

    The old decision goes, and the rows of what was cut by it (their files when the request closes); that there was one
    stays in the custody log.
    """

    async def write(tx: Transaction) -> None:
        for table in ("decisions", "packages", "plans"):
            await tx.execute(f"DELETE FROM {table} WHERE request_id = ?", [row.request_id])  # noqa: S608 names above
        await services.custody.record(tx, CustodyKind.APPROVAL_VOID, "agent", row.request_id, reason=why.what)

    return Move(State.PRESERVED, write)


async def load_approval(services: Services, request_id: str) -> Approval:
    """The owner's yes, checked anew: the signature, the request's bytes, the plan's hash. DecisionRefused otherwise."""
    async with services.store.transaction() as tx:
        await refuse_while_unclear(tx)
        await refuse_in_doubt(tx, request_id)
        row = await tx.request(request_id)
        decided = await tx.one("SELECT * FROM decisions WHERE request_id = ?", [request_id])
        shown = await tx.one("SELECT plan FROM plans WHERE request_id = ?", [request_id])
    if row is None or decided is None or shown is None or row.state not in UNDER_WAY:
        raise DecisionRefused(f"Nobody approved {request_id}.", meaning="Nothing of it is cut or sent.")
    signed = Signed(document=decided["document"], signature=decided["signature"])
    signed_request = Signed(document=row.document, signature=row.signature)
    try:
        decision = open_document(signed, Decision, services.keys.device.public)
    except SignatureInvalid as error:
        raise DecisionRefused("The stored decision was altered.", meaning="Nothing is cut or sent.") from error
    if (
        decision.status not in (Status.APPROVED, Status.PARTLY_APPROVED)
        or decision.request_id != request_id
        or decision.request_sha256 != document_sha256(signed_request)
        or plan_sha256(shown["plan"]) != decision.plan_sha256
    ):
        raise DecisionRefused(f"What was decided on {request_id} is not this.", meaning="Nothing is cut or sent.")
    plan = read_plan(shown["plan"])
    return Approval(
        _DOOR,
        verified_request(row),
        signed_request,
        decision,
        signed,
        tuple(_cuts(decision, plan, _notes_of(decided["observed"]))),
    )


def _notes_of(text: str) -> dict[str, tuple[Observation, ...]]:
    stored = json.loads(text)
    return {
        key: tuple(Observation.model_validate_json(json.dumps(note)) for note in mine) for key, mine in stored.items()
    }


def _cuts(decision: Decision, plan: Plan, notes: dict[str, tuple[Observation, ...]]) -> list[ApprovedCut]:
    cuts = []
    for camera, decided in zip(plan.cameras, decision.cameras, strict=True):
        if decided.outcome is not Outcome.APPROVED:
            continue
        same = (camera.camera_id, camera.requested, camera.actual) == (
            decided.camera_id,
            decided.requested,
            decided.approved,
        )
        if not same or decided.evidence_id is None:
            raise DecisionRefused("The decision and the plan name different footage.", meaning="Nothing is sent.")
        observed = notes.get(decided.evidence_id, ())
        if observations_sha256(observed) != decided.observed_sha256:
            raise DecisionRefused("The notes are not those that were decided on.", meaning="Nothing is sent.")
        cuts.append(ApprovedCut(decided.evidence_id, camera, decided.sound, observed, decided.copies or ()))
    return cuts


async def stored_decision(tx: Transaction, request_id: str) -> Signed | None:
    """The decision's signed bytes, for telling the portal."""
    row = await tx.one("SELECT document, signature FROM decisions WHERE request_id = ?", [request_id])
    return None if row is None else Signed(document=row["document"], signature=row["signature"])
