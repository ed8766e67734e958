"""Pages to register by hand, to see, change and delete one's entry, and the privacy notice.

Whatever is asked with an e-mail address is answered the same, known or not. Not for: what is kept
(``portal.people.registered``).
"""

import re
from typing import Any

from aiohttp import web
from pydantic import ValidationError

from exchange.documents.people import PersonKind
from portal.people import registered
from portal.people.addresses import read_address
from portal.people.registered import MOST_CAMERAS, PersonEntry
from portal.problems import ProblemError
from portal.public.site import Handler as Handler
from portal.public.site import form_of, render
from portal.service import Call

DIRECTIONS = {"": "I don't know", "0": "north", "45": "north-east", "90": "east", "135": "south-east",
              "180": "south", "225": "south-west", "270": "west", "315": "north-west"}  # fmt: skip
KINDS = {
    PersonKind.PERSON: "I, for myself",
    PersonKind.HOUSEHOLD: "a household",
    PersonKind.BUSINESS: "a business or other body",
}
_PLACE = re.compile(r"\s*(-?\d{1,2}(?:\.\d{1,10})?)\s*[,; ]\s*(-?\d{1,3}(?:\.\d{1,10})?)\s*")


async def show_form(call: Call) -> web.StreamResponse:
    return _form(call, "register.html", {})


async def take_form(call: Call) -> web.StreamResponse:
    fields = await form_of(call)
    if "more" in fields:
        return _form(call, "register.html", fields, more=True)
    wrong: list[str] = []
    address, entry = _address(call, fields, wrong), _entry(fields, wrong)
    if fields.get("agreed") != "yes":
        wrong.append("Please read the privacy notice, and tick that you have.")
    if address is None or entry is None or wrong:
        return _form(call, "register.html", fields, wrong=wrong)
    _count(call)
    portal = call.portal
    await portal.db.write(
        lambda session: registered.register(session, address, entry, portal.settings.limits, call.now)
    )
    return _sent(call)


async def show_ask_link(call: Call) -> web.StreamResponse:
    return render(call.portal, "my_entry.html", wrong=[], address="")


async def take_ask_link(call: Call) -> web.StreamResponse:
    fields = await form_of(call)
    wrong: list[str] = []
    address = _address(call, fields, wrong)
    if address is None:
        return render(call.portal, "my_entry.html", 422, wrong=wrong, address=fields.get("address", ""))
    _count(call)
    limits = call.portal.settings.limits
    await call.portal.db.write(lambda session: registered.send_link(session, address, limits, call.now))
    return _sent(call)


async def show_privacy(call: Call) -> web.StreamResponse:
    return render(call.portal, "privacy.html")


async def show_entry(call: Call, code: str, link_for: str) -> web.StreamResponse:
    """What is kept, to be confirmed or changed. ProblemError 403."""
    found = await call.portal.db.read(lambda session: registered.known(session, code, call.now))
    if link_for == "confirm":
        return render(call.portal, "confirm.html", code=code, found=found, kinds=KINDS)
    return _form(call, "change.html", _fields(found.entry), code=code, address=found.address)


async def take_confirmation(call: Call) -> web.StreamResponse:
    code = (await form_of(call)).get("code", "")
    await call.portal.db.write(lambda session: registered.confirm(session, code, call.now))
    return render(call.portal, "done.html", what="Your registration is confirmed. Thank you.")


async def take_change(call: Call) -> web.StreamResponse:
    fields = await form_of(call)
    code = fields.get("code", "")
    found = await call.portal.db.read(lambda session: registered.known(session, code, call.now))
    wrong: list[str] = []
    entry = None if "more" in fields else _entry(fields, wrong)
    if entry is None:
        more = "more" in fields
        return _form(call, "change.html", fields, wrong=wrong, more=more, code=code, address=found.address)
    await call.portal.db.write(lambda session: registered.change(session, code, entry, call.now))
    return render(call.portal, "done.html", what="Your entry is changed. This link is used up.")


async def take_deletion(call: Call) -> web.StreamResponse:
    code = (await form_of(call)).get("code", "")
    gone = await call.portal.db.write(lambda session: registered.leave(session, code, call.now))
    if gone:
        await call.portal.uploads.remove(gone)
    await call.portal.db.forget_erased()
    return render(call.portal, "done.html", what="Your entry is deleted, with your address and your cameras.")


def _sent(call: Call) -> web.Response:
    if call.portal.outbox is not None:
        call.portal.outbox.wake()
    return render(call.portal, "sent.html")


def _count(call: Call) -> None:
    try:
        call.portal.registrations.count(call.address, call.portal.clock.monotonic())
    except ProblemError as error:
        title = "There were too many forms from your network."
        raise ProblemError(429, title, "Try again in a minute.", error.headers) from None


# -- forms -----------------------------------------------------------------------------------------------------------


def _form(
    call: Call,
    template: str,
    fields: dict[str, str],
    *,
    wrong: list[str] | None = None,
    more: bool = False,
    **values: Any,
) -> web.Response:
    status = 422 if wrong else 200
    count = min(MOST_CAMERAS, _count_of(fields) + more)
    shared = {"kinds": KINDS, "directions": DIRECTIONS, "most": MOST_CAMERAS, "wrong": wrong or []}
    return render(call.portal, template, status, fields=fields, count=count, **shared, **values)


def _count_of(fields: dict[str, str]) -> int:
    """How many cameras the form shows."""
    text = fields.get("count", "1")
    return min(MOST_CAMERAS, max(1, int(text))) if re.fullmatch(r"\d{1,2}", text) else 1


def _address(call: Call, fields: dict[str, str], wrong: list[str]) -> str | None:
    people = call.portal.settings.people
    assert people is not None
    try:
        return read_address(fields.get("address", ""), people)
    except ValueError:
        text = "E-mail or mobile number: write one such as name@example.org, or a mobile number of this country."
        mail = "E-mail: write an address such as name@example.org."
        wrong.append(mail if people.texts is None else text)
        return None


def _entry(fields: dict[str, str], wrong: list[str]) -> PersonEntry | None:
    cameras = [camera for number in range(1, _count_of(fields) + 1) if (camera := _camera(fields, number, wrong))]
    if not cameras:
        wrong.append("Describe at least one camera.")
    try:
        entry = {"person_kind": fields.get("person_kind", ""), "person_name": fields.get("person_name") or None}
        made = PersonEntry.model_validate({**entry, "cameras": tuple(cameras)} if not wrong else {})
    except ValidationError as error:
        wrong.extend(
            f"{_words(each['loc'])}: please correct this."
            for each in error.errors(include_url=False, include_input=False)
            if each["type"] != "missing" and each["loc"][-1] != "cameras"
        )
        if not wrong:
            wrong.append("Something in the form can't be used.")
        return None
    return made


def _camera(fields: dict[str, str], number: int, wrong: list[str]) -> dict[str, Any] | None:
    """One camera's fields; None where nothing was filled in."""
    label, where = fields.get(f"label{number}", "").strip(), fields.get(f"where{number}", "").strip()
    if not label and not where:
        return None
    place = _PLACE.fullmatch(where)
    if place is None:
        wrong.append(f"Camera {number}, where it is: write latitude and longitude, such as 51.50142, -0.14189.")
        return None
    days = fields.get(f"days{number}", "").strip()
    direction = fields.get(f"direction{number}", "")
    return {
        "label": label,
        "doorbell": fields.get(f"doorbell{number}") == "yes",
        "place": {
            "latitude": float(place[1]),
            "longitude": float(place[2]),
            "description": fields.get(f"description{number}", "").strip() or None,
        },
        "direction": float(direction) if direction in DIRECTIONS and direction else None,
        "retention_days": int(days) if re.fullmatch(r"\d{1,4}", days) else 0,
    }


def _fields(entry: PersonEntry) -> dict[str, str]:
    """The form's fields of what is kept."""
    fields = {"person_kind": entry.person_kind.value, "person_name": entry.person_name or ""}
    fields["count"] = str(len(entry.cameras))
    for number, camera in enumerate(entry.cameras, 1):
        fields[f"label{number}"] = camera.label
        fields[f"where{number}"] = f"{camera.place.latitude}, {camera.place.longitude}"
        fields[f"description{number}"] = camera.place.description or ""
        fields[f"doorbell{number}"] = "yes" if camera.doorbell else ""
        fields[f"direction{number}"] = "" if camera.direction is None else f"{camera.direction:g}"
        fields[f"days{number}"] = str(camera.retention_days or "")
    return fields


def _words(where: tuple[int | str, ...]) -> str:
    names = {"label": "its name", "latitude": "where it is", "longitude": "where it is", "description": "its address",
             "retention_days": "days", "person_kind": "Who registers", "person_name": "Your name"}  # fmt: skip
    named = names.get(str(where[-1]), str(where[-1]))
    return f"Camera {int(where[1]) + 1}, {named}" if where[0] == "cameras" and len(where) > 1 else named
