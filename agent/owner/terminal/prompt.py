"""A request at a terminal: who asks, for what crime, why, what exactly would be sent; and how the agent is.

Not for: the question itself (``question``). Works in 80 columns, without colour, and through a pipe.
"""

from datetime import UTC, datetime
from typing import Any

from rich.console import Console, Group
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from exchange.clock import SECOND, from_rfc3339
from exchange.counted import counted
from exchange.documents.human_time import change_text, duration_text, host_clock_text, offset_text, range_text
from exchange.documents.letters import quoted, quoted_lines

Json = dict[str, Any]

FAR_APART = 4 * SECOND
"""Microseconds between key frames above which the owner is told what that costs."""


STATES = {
    "received": "being looked at",
    "verified": "being looked at",
    "preserved": "being looked at",
    "asked": "waiting for you",
    "approved": "approved, being cut",
    "clipped": "approved, being sealed",
    "sealed": "approved, on its way to the portal",
    "delivered": "delivered, the force's receipt is awaited",
    "refused": "refused by the agent, you need do nothing",
    "declined": "declined",
    "unavailable": "you said that there is no such footage",
    "expired": "expired",
    "withdrawn": "withdrawn",
    "closed": "closed",
    "reopened": "the force can't play what you sent; waiting for you",
    "again": "being made ready to be sent again",
}
"""How a request stands, for a person."""

OUTCOMES = {
    "approved": "closed: handed over",
    "partly-approved": "closed: handed over in part",
    "declined": "closed: declined",
    "unavailable": "closed: there was no such footage",
    "refused": "closed: refused by the agent",
    "unanswered": "closed: ended without an answer",
    "withdrawn": "closed: stopped by you",
}
"""How a closed request ended."""


def local(rfc3339: str, *, precise: bool = False) -> str:
    """A stored time as a person here reads it, with its offset: ``Sun 22 Nov 2026, 01:09:38 +00:00``."""
    moment = _moment(rfc3339)
    return f"{moment:%a %d %b %Y}, {_clock(moment, precise)} {_offset(moment)}"


def stretch(start: str, end: str, *, precise: bool = False) -> str:
    """From when to when, with the day and the offset from UTC once, unless they change in between."""
    first, last = _moment(start), _moment(end)
    if first.date() != last.date() or first.utcoffset() != last.utcoffset():
        return f"{local(start, precise=precise)} to {local(end, precise=precise)}"
    times = f"{_clock(first, precise)} to {_clock(last, precise)}"
    return f"{first:%a %d %b %Y}, {times} {_offset(first)}"


def _moment(rfc3339: str) -> datetime:
    return datetime.fromtimestamp(from_rfc3339(rfc3339) / SECOND, UTC).astimezone()


def _clock(moment: datetime, precise: bool) -> str:
    return f"{moment:%H:%M:%S}" + (f".{moment.microsecond // 1000:03d}" if precise else "")


def _offset(moment: datetime) -> str:
    offset = f"{moment:%z}"
    return f"{offset[:3]}:{offset[3:5]}"


def size(count: int) -> str:
    """Bytes as a person reads them, in powers of 1000 as disks are sold."""
    amount = float(count)
    for unit in ("bytes", "kB", "MB", "GB"):
        if amount < 1000 or unit == "GB":
            return f"{amount:.0f} {unit}" if unit == "bytes" else f"{amount:.1f} {unit}"
        amount /= 1000
    raise AssertionError


def duration(microseconds: int) -> str:
    """``75_300_000`` as ``1 min 15.3 s``."""
    seconds = microseconds / SECOND
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min {seconds} s" if hours else f"{minutes} min {seconds} s"


def host_clock(details: Json) -> str:
    """Whether this machine's own clock can be trusted, to follow "its clock"."""
    return host_clock_text(details["synchronised"], details["source"], details["offset_us"], details["uncertainty_us"])


def show_request(console: Console, details: Json) -> None:
    """All of a request on the screen, in the order that matters to a person deciding."""
    request, officer = details.get("request"), details.get("officer")
    if request is None or officer is None:
        words = f"Request {details['request_id']}: {STATES[details['state']]}. {details.get('trouble') or ''}"
        console.print(Text(words.strip()))
        return
    who = Text()
    who.append(quoted(f"{officer['rank'] or ''} {officer['name']}".strip()), style="bold")
    number, unit = officer["collar_number"], officer["unit"]
    who.append(f", collar number {quoted(number)}" if number else "")
    who.append(f", {quoted(unit)}" if unit else "")
    who.append(f", {quoted(details['force'])}\n")
    who.append(f"Reach them: {quoted(officer['contact'])}\n" if officer["contact"] else "")
    if details["origin"] == "noted":
        note = f" ({quoted(officer['identified_note'])})" if officer["identified_note"] else ""
        who.append(f"Identity: no signature; it was written down here, and {officer['identified_words']}{note}.")
    else:
        who.append("Identity: signed by this officer, vouched for by the force key that you confirmed.")
    who.append(f"\n{open_to_words(details['open_to'])}" if details.get("open_to") else "")
    incident = request["incident"]
    whole = f"handover show {details['request_id']} --json"
    why = pairs(
        ("Crime", f"{quoted(incident['kind'])} (reference {quoted(request['crime_reference'])})"),
        ("Where", quoted(incident["place"])),
        ("When", stretch(incident["happened"]["from"], incident["happened"]["to"])),
        ("What happened", quoted_lines(incident["description"], rest=whole)),
        ("Purpose", quoted_lines(request["purpose"], rest=whole)),
        ("Legal basis", quoted_lines(request["legal_basis"], rest=whole)),
        ("Why this footage", quoted_lines(request["necessity"], rest=whole)),
        *((("Called in court", details["exhibit"]),) if details.get("exhibit") else ()),
        *((("Owners asked", f"{many}, you among them"),) if (many := request.get("owners_asked") or 1) > 1 else ()),
        *((("Authorised", _supervisor(details["supervisor"], whole)),) if details.get("supervisor") else ()),
        ("Answer until", local(request["expires"])),
    )
    console.print(Panel(who, title="Who asks, in their words", title_align="left"))
    console.print(Panel(why, title="For what, in the officer's words", title_align="left"))
    plan = details.get("plan") or {}
    cameras = plan.get("cameras", [])
    if void := plan.get("void"):
        words = (
            f"You said yes to this before. By {local(void)} the recording was no longer what you had been shown, "
            "so nothing of it left and your yes is void. This is what there is now: please decide again."
        )
        console.print(Panel(Text(words), title="Asked again", title_align="left"))
    for camera in cameras:
        console.print(Panel(_camera(camera), title=_camera_title(camera), title_align="left"))
    host = details.get("host_clock")
    if cameras and host is not None and not host["synchronised"]:
        words = f"This machine's clock {host_clock(host)}. All times above may be wrong; what is sent says so too."
        console.print(Panel(Text(words), title="Please note", title_align="left"))
    if details.get("people_needed", 1) > 1 and cameras:
        console.print(Panel(Text(_people(details)), title="Two people must agree", title_align="left"))
    if sum(camera.get("actual") is not None for camera in cameras) > 1:
        console.print(Text(f"Together: {size(sum(map(_bytes, cameras)))}"))


def open_to_words(open_to: Json) -> str:
    """Who can open what is sent, beside the officer who asks."""
    recovery = f"the recovery key of the unit {quoted(open_to['recovery'], 120)}"
    names = [quoted(f"{each['rank']} {each['name']}", 120) for each in open_to["officers"]]
    if not names:
        return f"Also open to {recovery}."
    people = "1 officer" if len(names) == 1 else f"{len(names)} officers"
    return f"Also open to {people} of the case's team: {', '.join(names)}; and to {recovery}."


def _supervisor(supervisor: Json, whole: str) -> str:
    """Who of the force signed that it may be asked, and why."""
    who = ", ".join(filter(None, (f"{supervisor['rank']} {supervisor['name']}".strip(), supervisor["unit"])))
    return f"by {quoted(who, 200)}, a supervisor, who says why:\n{quoted_lines(supervisor['reason'], rest=whole)}"


def _people(details: Json) -> str:
    first = details.get("first_yes")
    if first is None:
        return "Nobody has said yes yet. Nothing is sent before two people have."
    return (
        f"{first['by']} said yes on {local(first['at'])}. It is sent once another person agrees with: "
        f"handover agree {details['request_id']}"
    )


def _camera_title(camera: Json) -> str:
    return escape(f"{camera['position'] + 1}. {camera['label']} ({camera['camera_id']})")


def _camera(camera: Json) -> Group:
    requested, actual = camera["requested"], camera.get("actual")
    rows = [("Asked for", stretch(requested["from"], requested["to"]))]
    if shorter := camera.get("narrowed"):
        rows.append(("Shortened to", stretch(shorter["from"], shorter["to"])))
    if actual is None:
        rows.append(("Found", "no footage of this time"))
    else:
        last = camera["last_frame"]
        length = duration(from_rfc3339(actual["to"]) - from_rfc3339(actual["from"]))
        rows += [
            ("Would be sent", stretch(actual["from"], last, precise=True)),
            ("Length", f"{length}, {counted(camera['frames'], 'frame')}"),
            ("Picture", camera["picture"]),
            ("Size", size(_bytes(camera))),
            ("Sound", _sound(camera)),
            *_copies(camera.get("copies")),
        ]
        early = from_rfc3339(requested["from"]) - from_rfc3339(actual["from"])
        if early > 0 and not camera.get("narrowed"):
            why = "a copy can only start at a key frame"
            rows.append(("Please note", f"it starts {duration(early)} earlier than asked: {why}"))
        if camera.get("gop_us", 0) > FAR_APART:
            rows.append(("Please note", _far_apart(camera)))
    rows += [("Missing", f"{stretch(gap['from'], gap['to'], precise=True)}: {gap['reason']}") for gap in camera["gaps"]]
    rows += [("Unreadable", name) for name in camera["unreadable"]]
    rows += [("Please note", note) for note in camera.get("notes", ())]
    rows.append(("Its clock", _camera_clock(camera.get("clock"))))
    if camera.get("source"):
        rows += _source(camera["source"])
    return Group(pairs(*rows))


def _copies(copies: Json | None) -> list[tuple[str, str]]:
    """The working copies that go beside it unless the owner chooses others, and those that the officer asks for."""
    if copies is None:
        return []
    usual = ", ".join(copy["kind"] for copy in copies["usual"])
    rows = [("Copies", f"{usual} beside it" if usual else "none beside it")]
    if copies["wanted"]:
        rows.append(("", f"the officer says that these would help: {', '.join(copies['wanted'])}"))
    return rows


def _camera_clock(clock: Json | None) -> str:
    """How far the camera's clock, or its recorder's, was off when this was recorded, as far as it is known."""
    if clock is None:
        return "never compared with this machine's: a time shown in the pictures may be wrong by any amount"
    check, other, lies = clock["check"], clock["other"], clock["range"]
    if lies is not None and other is not None:
        first, last = sorted((check["at"], other["at"]), key=from_rfc3339)
        where = range_text(lies["from_us"], lies["to_us"], "this machine's")
        did = change_text(lies["from_us"], lies["to_us"])
        return f"{did} between {local(first)} and {local(last)}: it may have been {where} then"
    return f"{clock_offset(check['offset_us'], check['uncertainty_us'])}; compared {local(check['at'])}"


def clock_offset(offset_us: int, uncertainty_us: int) -> str:
    """How far a clock is off this machine's."""
    within = f"give or take {duration_text(uncertainty_us)}"
    if abs(offset_us) <= uncertainty_us:
        return f"the same time as this machine's, {within}"
    return f"{offset_text(offset_us)} this machine's, {within}"


def _far_apart(camera: Json) -> str:
    """What a camera's rare key frames cost: how much more is sent than asked for."""
    length = from_rfc3339(camera["actual"]["to"]) - from_rfc3339(camera["actual"]["from"])
    apart = camera["gop_us"]
    share = size(_bytes(camera) * apart // max(length, apart))
    return (
        f"its key frames are up to {duration(apart)} apart, so that up to {share} more than asked is sent; "
        "where the camera has a 'smart' codec (H.264+, H.265+, Zipstream), switch it off"
    )


def _source(source: Json) -> list[tuple[str, str]]:
    """Where it was fetched from, and what becomes of it there while the owner thinks about it."""
    rows = [("Fetched from", " ".join(filter(None, (source["make"], source["model"]))) or source["title"])]
    if source["kept"]:
        rows.append(("Kept", "sealed on this machine until you decided, then deleted; nothing was sent"))
    elif source["overwritten"]:
        rows.append(("Not kept", f"the recorder overwrites it about {local(source['overwritten'])}; to keep it until"))
        rows.append(("", "you decided: handover keep REQUEST"))
    else:
        rows.append(("Not kept", "when the recorder overwrites it is not known; to keep it: handover keep REQUEST"))
    files = source["files"]
    notes = [*source["notes"], *(note for file in files for note in file["notes"])]
    if any(file["torn"] for file in files):
        notes.append("the end of a recording was lost; what came is used")
    return rows + [("Please note", note) for note in dict.fromkeys(notes)][:10]


def _bytes(camera: Json) -> int:
    return int(camera["video_bytes"] + camera["sound_bytes"]) if camera.get("actual") else 0


def _sound(camera: Json) -> str:
    if not camera.get("sound_codec"):
        return "there is none in this footage"
    asked = "the officer asks for it" if camera["sound_asked"] else "the officer does not ask for it; it stays out"
    return f"recorded ({camera['sound_codec']}); {asked}"


def pairs(*rows: tuple[str, str]) -> Table:
    """Names and values beside each other."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(name, Text(str(value)))
    return table


def show_row(console: Console, row: Json) -> None:
    """One request of the list, in lines that fit 80 columns."""
    stands = OUTCOMES.get(row.get("outcome") or "", STATES[row["state"]])
    reference = row.get("crime_reference")
    console.print(Text(f"{quoted(reference, 60) if reference else 'unreadable'}  {stands}", style="bold"))
    if row.get("asked_by"):
        console.print(Text(f"  {quoted(row['incident'], 120)}; asked by {quoted(row['asked_by'], 120)}"))
    if row["state"] == "asked":
        console.print(Text(f"  Answer until {local(row['expires'])}, with:"))
        console.print(Text(f"  handover review {row['request_id']}"))  # a line of its own, to be copied
    else:
        console.print(Text(f"  {row['request_id']}, since {local(row['since'])}"))
    for word in ("doing", "trouble"):
        if row[word]:
            console.print(Text(f"  {row[word][:1].upper()}{row[word][1:]}"))


def show_progress(console: Console, details: Json) -> None:
    """How far a request is, and what became of it."""
    rows = [("State", f"{STATES[details['state']]}, since {local(details['since'])}")]
    rows += [(word.capitalize(), details[word]) for word in ("doing", "trouble") if details.get(word)]
    for package in details.get("packages", []):
        delivered = f"delivered {local(package['delivered'])}" if package["delivered"] else "not delivered yet"
        delivered += ", sent again" if package.get("sending", 1) > 1 else ""
        receipt = f"receipt {local(package['receipt'])}" if package["receipt"] else "no receipt yet"
        called = f"{package['exhibit']} ({package['evidence_id']})" if package["exhibit"] else package["evidence_id"]
        rows.append(("Package", f"{called}: {delivered}, {receipt}"))
    console.print(pairs(*rows))


def show_status(console: Console, details: Json) -> None:
    """The agent at a glance: what waits for the owner comes last, where the eye is."""
    force = details["force"]
    rows = [("Portal", f"{force['name']}, {force['portal']}" if force else "none yet; join one with: handover setup")]
    if details["last_contact"] and force:
        rows.append(("Last contact", local(details["last_contact"])))
    if details["portal_trouble"]:
        rows.append(("Trouble", details["portal_trouble"]))
    if details["disk_trouble"]:
        rows.append(("Trouble", details["disk_trouble"]))
    if details["records_trouble"]:
        rows.append(("Trouble", details["records_trouble"]))
    names = ("device_trouble", "backups_trouble", "page_trouble", "messages_trouble")
    rows += [("Trouble", details[name]) for name in names if details.get(name)]
    if details.get("backups_doing"):
        rows.append(("Your copies", details["backups_doing"]))
    if still := details["still_found"]:
        rows.append(
            ("Please note", f"officers can still find {', '.join(still)}: the portal wasn't told yet of its end")
        )
    rows.append(("This clock", host_clock(details["host_clock"])))
    rows += [("Camera", f"{each['label']} ({each['camera_id']}): {each['recording']}") for each in details["cameras"]]
    for each in details["cameras"]:
        rows += [("Please look", f"{each['label']} {each[of]}") for of in ("health", "footage_trouble") if each.get(of)]
    if not details["cameras"]:
        rows.append(("Cameras", "none yet; find them with: handover cameras discover"))
    under_way = {state: count for state, count in details["requests"].items() if state not in ("asked", "closed")}
    rows += [("Requests", f"{count} {STATES[state]}") for state, count in under_way.items()]
    rows += [("Now", words) for words in details["doing"].values()]
    if details["held_bytes"]:
        rows.append(("Kept", f"{size(details['held_bytes'])} of recordings, for requests that are open"))
    waiting, asked = details["waiting_for_you"], details["force_asks"]
    rows += [("For you", f"handover review {request_id}") for request_id in waiting]
    rows += [
        ("For you", f"handover show {request_id} (the force has a question, or can't play it)") for request_id in asked
    ]
    if (subjects := details.get("subject_requests")) and subjects["open"]:
        until = f"somebody who was filmed must have an answer by {local(subjects['next_due'])}"
        rows.append(("OVERDUE" if subjects["overdue"] else "For you", f"{until}: handover subject-request list"))
    elif not waiting and not asked:
        rows.append(("For you", "nothing waits"))
    console.print(pairs(*rows))
