"""The table of what an owner can do: an operation a line, by the name that a command, a page or a script calls.

Not for: who somebody is (``agent.owner.control``), or the operations themselves (beside this one).
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from agent.cameras.footage_sources import AskChannels, SetSource, SetStart, TestSources
from agent.cameras.stored import NewCamera
from agent.owner.notify.recipients import Recipient
from agent.owner.operations import (
    cameras,
    doctor,
    notify,
    offers,
    people,
    portal,
    records,
    requests,
    settings,
    sources,
    status,
    support,
)
from agent.owner.operations.afterwards import feedback, report
from agent.owner.operations.arguments import read_arguments
from agent.owner.operations.context import Actor, CameraNamed, Json, Nothing, Owned, RequestNamed
from agent.owner.operations.handing_over import delivering, noted, places
from agent.owner.operations.own_copies import archive_key, backups, recovery
from agent.owner.operations.record_keeping import correspondence, notice, register, stamps, statement, subjects
from agent.owner.operations.whose import Cameras, refuse_others
from agent.owner.people.register import NewPerson, note_deed
from agent.owner.people.roles import Role, allows
from agent.requests.feedback.noting import NewFeedback
from agent.requests.noted.noting import NewRequest
from agent.requests.review.offering import NewOffer
from exchange.documents.messages import Part
from exchange.errors import NotPermitted

ANYONE, VIEWER, APPROVER, ADMINISTRATOR = Role
ALL, ONE = Cameras


@dataclass(frozen=True)
class Operation:
    """``role``: who may call it. ``noted``: whether it goes into the log of who did what, if it was done.

    ``cameras``: which cameras of the request, or package, that is named they must answer for; None where the operation
    itself looks, or it does not matter.
    """

    arguments: type[Part]
    work: Callable[[Owned, Any, Actor], Awaitable[Json]]
    role: Role
    noted: bool = False
    cameras: Cameras | None = None


OPERATIONS: dict[str, Operation] = {
    "status": Operation(Nothing, status.status, ANYONE),
    "requests": Operation(Nothing, requests.list_requests, ANYONE),
    "show": Operation(RequestNamed, requests.show, VIEWER),
    "pictures": Operation(RequestNamed, requests.pictures, VIEWER),
    "preview-copy": Operation(requests.PreviewCopy, requests.preview_copy, VIEWER),
    "narrow": Operation(requests.Narrow, requests.narrow_window, APPROVER, noted=True, cameras=ONE),
    "decide": Operation(requests.Decide, requests.decide, APPROVER, noted=True),
    "agree": Operation(requests.Agree, requests.agree, APPROVER, noted=True),
    "pause": Operation(requests.Pause, requests.pause_sending, APPROVER, noted=True, cameras=ALL),
    "stop": Operation(RequestNamed, requests.stop_sending, APPROVER, noted=True, cameras=ALL),
    "keep": Operation(RequestNamed, requests.keep_footage, APPROVER, noted=True, cameras=ONE),
    "look-again": Operation(RequestNamed, requests.look_for_footage_again, APPROVER, noted=True, cameras=ONE),
    "note-request": Operation(NewRequest, noted.note_request, APPROVER, noted=True),
    "deliver": Operation(delivering.Deliver, delivering.deliver, APPROVER, noted=True, cameras=ALL),
    "way": Operation(RequestNamed, delivering.way, VIEWER),
    "passphrase": Operation(RequestNamed, delivering.passphrase, APPROVER, noted=True, cameras=ALL),
    "media": Operation(Nothing, delivering.list_media, APPROVER),
    "files": Operation(RequestNamed, delivering.list_files, APPROVER, cameras=ALL),
    "note-receipt": Operation(delivering.ReceiptNoted, delivering.write_receipt, APPROVER, noted=True, cameras=ALL),
    "places": Operation(Nothing, places.list_places, VIEWER),
    "places-server": Operation(places.ServerNamed, places.ask_server, ADMINISTRATOR),
    "places-add": Operation(places.NewPlace, places.add, ADMINISTRATOR, noted=True),
    "places-test": Operation(places.PlaceNamed, places.test, ADMINISTRATOR),
    "places-remove": Operation(places.PlaceNamed, places.remove, ADMINISTRATOR, noted=True),
    "feedback": Operation(RequestNamed, feedback.list_feedback, VIEWER),
    "answer": Operation(feedback.Answer, feedback.answer, APPROVER, noted=True, cameras=ALL),
    "rate": Operation(feedback.Rate, feedback.rate, APPROVER, noted=True, cameras=ALL),
    "send-again": Operation(feedback.SendAgain, feedback.send_again, APPROVER, noted=True, cameras=ALL),
    "leave-it": Operation(RequestNamed, feedback.leave_it, APPROVER, noted=True, cameras=ALL),
    "report": Operation(report.ReportAsked, report.report, VIEWER),
    "note-feedback": Operation(NewFeedback, feedback.note_feedback, APPROVER, noted=True, cameras=ALL),
    "offer": Operation(NewOffer, offers.offer, APPROVER, noted=True),
    "offers": Operation(Nothing, offers.list_offers, VIEWER),
    "end-offer": Operation(offers.OfferNamed, offers.end, APPROVER, noted=True),
    "records": Operation(Nothing, records.list_packages, VIEWER),
    "stamps": Operation(Nothing, stamps.list_stamps, VIEWER),
    "late-stamps": Operation(RequestNamed, stamps.give_late_stamps, VIEWER),
    "register": Operation(register.RegisterAsked, register.show_register, VIEWER),
    "basis": Operation(register.BasisChosen, register.choose_basis, APPROVER, noted=True, cameras=ALL),
    "statement": Operation(statement.StatementAsked, statement.draft_statement, VIEWER, noted=True),
    "correspondence": Operation(correspondence.AboutNamed, correspondence.list_correspondence, VIEWER),
    "correspondence-piece": Operation(correspondence.PieceGiven, correspondence.add_piece, APPROVER),
    "correspondence-add": Operation(correspondence.FileGiven, correspondence.add_file, APPROVER, noted=True),
    "correspondence-note": Operation(correspondence.NoteGiven, correspondence.add_note, APPROVER, noted=True),
    "correspondence-load": Operation(correspondence.ItemPiece, correspondence.load, VIEWER),
    "correspondence-remove": Operation(correspondence.ItemNamed, correspondence.remove, ADMINISTRATOR, noted=True),
    "notice": Operation(notice.NoticeAsked, notice.make_notice, VIEWER),
    "sign": Operation(notice.SignAsked, notice.make_sign, VIEWER),
    "subject-requests": Operation(Nothing, subjects.list_all, VIEWER),
    "subject-show": Operation(subjects.SubjectNamed, subjects.show, VIEWER),
    "subject-record": Operation(subjects.NewSubjectRequest, subjects.record, APPROVER, noted=True),
    "subject-identify": Operation(subjects.SubjectIdentified, subjects.identify, APPROVER, noted=True),
    "subject-extend": Operation(subjects.SubjectExtended, subjects.extend, APPROVER, noted=True),
    "subject-draft": Operation(subjects.AnswerAsked, subjects.draft, APPROVER, noted=True),
    "subject-answered": Operation(subjects.SubjectAnswered, subjects.answered, APPROVER, noted=True),
    "make-copy": Operation(records.MakeCopy, records.make_copy, APPROVER, noted=True, cameras=ALL),
    "made-copies": Operation(records.EvidenceNamed, records.made_copies, APPROVER, cameras=ALL),
    "custody": Operation(records.CustodyAsked, records.list_custody, VIEWER),
    "backups": Operation(Nothing, backups.show, VIEWER),
    "backups-run": Operation(backups.RunBackups, backups.run, ADMINISTRATOR, noted=True),
    "backups-prune": Operation(backups.Prune, backups.prune, ADMINISTRATOR, noted=True),
    "hold": Operation(backups.Hold, backups.hold, APPROVER, noted=True, cameras=ALL),
    "hold-as-asked": Operation(RequestNamed, backups.hold_as_asked, APPROVER, noted=True, cameras=ALL),
    "end-hold": Operation(RequestNamed, backups.end_hold, APPROVER, noted=True, cameras=ALL),
    "restored": Operation(records.Restored, records.explain_restored, ADMINISTRATOR, noted=True),
    "page": Operation(Nothing, people.page, VIEWER),
    "people": Operation(Nothing, people.list_people, VIEWER),
    "add-person": Operation(NewPerson, people.add, ADMINISTRATOR, noted=True),
    "change-person": Operation(people.ChangePerson, people.change, ADMINISTRATOR, noted=True),
    "remove-person": Operation(people.PersonNamed, people.remove, ADMINISTRATOR, noted=True),
    "invite-person": Operation(people.PersonNamed, people.invite, ADMINISTRATOR, noted=True),
    "notify": Operation(Nothing, notify.list_recipients, VIEWER),
    "notify-add": Operation(Recipient, notify.add, ADMINISTRATOR, noted=True),
    "notify-remove": Operation(notify.RecipientNamed, notify.remove, ADMINISTRATOR, noted=True),
    "notify-test": Operation(notify.RecipientNamed, notify.test, ADMINISTRATOR),
    "restart": Operation(Nothing, settings.restart, ADMINISTRATOR, noted=True),
    "doctor": Operation(doctor.Examine, doctor.examine, VIEWER),
    "support": Operation(Nothing, support.support, ADMINISTRATOR),
    "deeds": Operation(Nothing, people.list_deeds, ADMINISTRATOR),
    "cameras": Operation(Nothing, cameras.list_cameras, ANYONE),
    "change-camera": Operation(cameras.ChangeCamera, cameras.change, ADMINISTRATOR, noted=True),
    "snapshot": Operation(CameraNamed, cameras.snapshot, VIEWER),
    "known-to-officers": Operation(Nothing, cameras.known_to_officers, VIEWER),
    "archive-key-put": Operation(archive_key.KeyTyped, archive_key.put, ADMINISTRATOR, noted=True),
    "archive-key-new": Operation(Nothing, archive_key.make, ADMINISTRATOR, noted=True),
    "recovery-sheet": Operation(recovery.Sheet, recovery.sheet, ADMINISTRATOR, noted=True),
    "discover": Operation(cameras.Discover, cameras.discover, ADMINISTRATOR),
    "add-camera": Operation(NewCamera, cameras.add, ADMINISTRATOR, noted=True),
    "check-camera": Operation(CameraNamed, cameras.check, ADMINISTRATOR),
    "remove-camera": Operation(CameraNamed, cameras.remove, ADMINISTRATOR, noted=True),
    "sources": Operation(Nothing, sources.list_sources, VIEWER),
    "source-channels": Operation(AskChannels, sources.channels, ADMINISTRATOR),
    "camera-source": Operation(SetSource, sources.set_source, ADMINISTRATOR, noted=True),
    "source-start": Operation(SetStart, sources.set_start, ADMINISTRATOR, noted=True),
    "test-sources": Operation(TestSources, sources.test, ADMINISTRATOR),
    "introduce": Operation(portal.PortalAt, portal.introduce, ADMINISTRATOR),
    "enrol": Operation(portal.Enrol, portal.enrol, ADMINISTRATOR, noted=True),
    "withdraw": Operation(Nothing, portal.withdraw, ADMINISTRATOR, noted=True),
}
"""By name."""


async def call(agent: Owned, name: str, body: bytes, actor: Actor) -> Json:
    """Do one operation for one person: the only way in, for every door. KeyError when there is no such operation.

    NotPermitted, NotFound, InputInvalid, DocumentInvalid, and what the operation raises.
    """
    operation = OPERATIONS[name]
    if not allows(actor.role, operation.role):
        raise NotPermitted(
            f"{actor.name} may not do this.",
            meaning=f"It needs the role {operation.role}.",
            do="Use sudo, or let an administrator give you the role: handover people change",
        )
    arguments = read_arguments(body, operation.arguments)
    if operation.cameras is not None:
        await refuse_others(agent, arguments, actor, operation.cameras)
    reply = await operation.work(agent, arguments, actor)
    if operation.noted:
        async with agent.services.store.transaction() as tx:
            await note_deed(tx, agent.services.clock.now(), actor.name, name, _about(arguments))
    return reply


def _about(arguments: Part) -> str | None:
    """What an operation was about: never more than an id."""
    for name in ("request_id", "camera_id", "person_id", "recipient_id", "offer_id", "item_id", "subject_id"):
        if isinstance(value := getattr(arguments, name, None), str):
            return value
    return None
