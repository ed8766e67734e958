"""What an officer sees: tables and sentences for a person. Scripts get JSON from the documents themselves.

Not for: deciding anything.
"""

from zoneinfo import ZoneInfo

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from exchange.clock import to_rfc3339
from exchange.documents.api import Case, FootageChance, FoundCamera, SearchResult
from exchange.documents.feedback import Rating
from exchange.documents.letters import quoted, quoted_lines
from exchange.documents.messages import Receipt, Status
from exchange.documents.offer import Offer
from exchange.package.report import Verdict
from portal.officer.feedback import OwnersReply
from portal.officer.opening import Answer, Opened
from portal.officer.times import show_time

MARKS = {Verdict.HOLDS: "[green]holds[/]", Verdict.FAILS: "[red]FAILS[/]", Verdict.UNCHECKED: "[yellow]unsure[/]"}
STATUS_WORDS = {
    Status.APPROVED: "approved",
    Status.PARTLY_APPROVED: "approved in part",
    Status.DECLINED: "declined",
    Status.UNAVAILABLE: "the owner says that there is no such footage",
    Status.WITHDRAWN: "the owner took their yes back, or left the portal",
    Status.EXPIRED: "expired without an answer",
}


def offer(console: Console, offered: Offer, zone: ZoneInfo | None) -> None:
    """An owner's notice, with what a request for it needs."""
    lines = [
        f"{quoted(offered.incident)}, {quoted(offered.place)}, told {show_time(offered.issued, zone)}",
        f"  By {quoted(offered.owner.name)}, {quoted(offered.owner.contact)}: {quoted(offered.seen)}",
    ]
    for each in offered.offered:
        window = f"{show_time(each.window.start, zone)} to {show_time(each.window.end, zone)}"
        lines.append(f"  {quoted(each.camera.label)} ({each.camera.camera_id}): {window}")
    lines.append(f"  To ask for it: handover-officer request --offer {offered.offer_id} --device {offered.device} …")
    console.print("\n".join(lines), markup=False, highlight=False)


def search_table(console: Console, result: SearchResult) -> None:
    if not result.cameras:
        console.print("No registered camera is there.")
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("away", "camera", "looks at it", "footage", "sound", "owner"):
        table.add_column(heading, overflow="fold")
    for camera in result.cameras:
        looks = {True: "yes", False: "no", None: "not said"}[camera.looks_at_place]
        table.add_row(
            f"{camera.distance_m:.0f} m",
            escape(camera.label),
            looks,
            _chance(camera),
            "yes" if camera.sound else "no",
            camera.owner_kind,
        )
    console.print(table)


def search_result(console: Console, result: SearchResult) -> None:
    search_table(console, result)
    for camera in result.cameras:  # a line each, never folded, so that it can be copied
        what = f"--device {camera.device} --camera {camera.camera_id}"
        console.print(f"Ask for {escape(camera.label)} with: {what}", soft_wrap=True, highlight=False)
    if result.truncated:
        console.print("There are more; search a smaller place.")


def _chance(camera: FoundCamera) -> str:
    """Whether there may be footage, and what that rests on."""
    since = "" if camera.recordings_since is None else f", kept since {to_rfc3339(camera.recordings_since)[:10]}"
    heard = "" if camera.last_seen is None else f", last heard {to_rfc3339(camera.last_seen)[:16]}Z"
    if camera.footage is FootageChance.NO:
        return f"no{since}"
    return f"{camera.footage}{since}{heard if camera.footage is FootageChance.UNSURE else ''}"


def case_line(console: Console, case: Case, zone: ZoneInfo | None, rating: Rating | None = None) -> None:
    word = case_word(case)
    issued = show_time(case.issued, zone)
    rated = "" if rating is None else f"  rated {rating.stars} of 5"
    console.print(
        f"{case.request_id}  {escape(case.crime_reference)}  sent {issued}  [bold]{word}[/]{rated}", soft_wrap=True
    )


def owners_reply(console: Console, each: OwnersReply, zone: ZoneInfo | None) -> None:
    """What an owner said, as theirs."""
    document = each.document
    when = show_time(document.issued, zone)
    if isinstance(document, Rating):
        words = f": {quoted(document.text, 4000)}" if document.text else ""
        line = f"  {when}  The owner says how it went, {document.stars} of 5{words}"
    else:
        asked = quoted(each.question.text) if each.question is not None else f"question {document.question_id}"
        line = f"  {when}  The owner answers {asked}: {quoted(document.text, 4000)}"
    console.print(line, markup=False, highlight=False, soft_wrap=True)


def case_word(case: Case) -> str:
    """One word or two on how a request stands."""
    if case.status is not None:
        return STATUS_WORDS[case.status]
    return "refused by the owner's agent" if case.refusal is not None else "no answer yet"


def answer(console: Console, found: Answer, zone: ZoneInfo | None) -> None:
    """The owner's answer in sentences."""
    console.print(
        f"Request {found.request.request_id} ({escape(found.request.crime_reference)}): {case_word(found.case)}"
    )
    if found.refusal is not None:
        console.print(f"The agent says: {escape(found.refusal.explanation)}")
    if found.decision is None:
        return
    for camera in found.decision.cameras:
        line = f"  {camera.camera_id}: {camera.outcome}"
        if camera.approved is not None:
            window = camera.approved
            line += f", {show_time(window.start, zone)} to {show_time(window.end, zone)}"
            line += ", with sound" if camera.sound else ", without sound"
        console.print(line)
        if camera.copies:
            console.print(f"    working copies beside it: {', '.join(copy.kind for copy in camera.copies)}")
        for gap in camera.gaps:
            console.print(
                f"    no footage {show_time(gap.start, zone)} to {show_time(gap.end, zone)}: {escape(gap.reason)}"
            )
    if found.decision.observations:
        console.print("The owner says:")
        console.print(escape(quoted_lines(found.decision.observations, 40)))


def opened(console: Console, found: Opened) -> None:
    """The result of every check of a package, and of all of them together."""
    console.print(f"\nPackage {found.delivery.evidence_id}: {found.sealed}", soft_wrap=True)
    for finding in found.report.findings:
        console.print(f"{MARKS[finding.verdict]}  {escape(finding.text)}", soft_wrap=True)
    console.print(f"[bold]{escape(found.report.summary())}[/]", soft_wrap=True)
    if found.report.bag is not None:
        console.print(f"What it held lies in {found.report.bag}", soft_wrap=True)
    if found.page is not None:
        console.print(f"Read this first, in a browser: {found.page}", soft_wrap=True, highlight=False)
    elif found.report.bag is not None:
        console.print(
            "Its page for people is not the one that the owner's device signed: don't open it.", soft_wrap=True
        )


def receipted(console: Console, receipt: Receipt) -> None:
    how = "verified" if receipt.verified else "NOT verified"
    console.print(
        f"Receipt sent for {receipt.evidence_id}: received, {how}; SHA-256 {receipt.ciphertext_sha256}.", soft_wrap=True
    )
