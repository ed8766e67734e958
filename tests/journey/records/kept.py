"""A home whose owner has answered requests in every way, and what their records say of it.

Not for: tests themselves.
"""

import base64
import io
import json
from typing import Any

from pypdf import PdfReader

from agent.devices.clock import ClockCheck
from agent.owner.operations.context import Json
from agent.owner.operations.table import call
from agent.requests.decision import Note
from exchange.clock import HOUR, SECOND, Window
from exchange.documents.api import InboxKind
from exchange.documents.messages import Asked, Stretch
from tests.journey.home import ACTOR, CAMERA, Siege


async def ask(home: Siege, operation: str, /, **arguments: Any) -> Json:
    """An operation, called as the socket calls it."""
    return await call(home.agent, operation, json.dumps(arguments).encode(), ACTOR)


async def file_of(home: Siege, operation: str, /, **arguments: Any) -> bytes:
    """The file that an operation made."""
    reply = await ask(home, operation, **arguments)
    assert reply["missing"] == []
    return base64.b64decode(reply["content"])


def pdf_text(content: bytes) -> str:
    """What can be selected in a PDF, on one line."""
    reader = PdfReader(io.BytesIO(content))
    return " ".join(" ".join(page.extract_text() for page in reader.pages).split())


def embedded_fonts(content: bytes) -> list[bool]:
    """For each font of each page, whether its letters are in the file."""
    found = []
    for page in PdfReader(io.BytesIO(content)).pages:
        for font in page["/Resources"]["/Font"].values():
            (below,) = font.get_object()["/DescendantFonts"]
            descriptor = below.get_object()["/FontDescriptor"]
            found.append(any(name in descriptor for name in ("/FontFile2", "/FontFile3")))
    return found


def form_fields(content: bytes) -> dict[str, str]:
    """The blanks of a PDF, and what they hold."""
    fields = PdfReader(io.BytesIO(content)).get_fields() or {}
    return {str(name): str(field.get("/V", "")) for name, field in fields.items()}


async def put_clock_check(at: Siege, offset_us: int) -> None:
    """A comparison of the camera's clock, of an hour after what was recorded."""
    reference = at.window.end + HOUR
    check = ClockCheck(
        device_time=reference + offset_us,
        reference_time=reference,
        offset_us=offset_us,
        uncertainty_us=20_000,
        method="ONVIF GetSystemDateAndTime",
        at=reference,
    )
    await at.execute("INSERT INTO clock_checks VALUES (?, ?, ?)", CAMERA, check.at, check.model_dump_json())


async def handed_over(at: Siege, *, seen: str | None = None, **changed: object) -> str:
    """A request with sound of which the pictures alone were handed over, and a receipt; closed.

    ``seen``: what the owner wrote of a moment, and as a remark.
    """
    window = Window(at.window.start + 2 * SECOND + SECOND // 3, at.window.end - 2 * SECOND)
    asked = (Asked(camera_id=CAMERA, window=Stretch.of(window), sound=True),)
    request_id = await at.asked(at.request(**({"asked": asked} | changed)))
    notes = () if seen is None else (Note(position=0, at=window.start + SECOND, text=seen),)
    await at.say(request_id, yes=True, sound=False, observations=seen, notes=notes)
    await at.walk()
    (package,) = await at.packages(request_id)
    at.portal.put(at.receipt_for(request_id, package), InboxKind.RECEIPT)
    await at.fetch_and_walk()
    assert await at.state(request_id) == "closed"
    return request_id


async def answered_in_every_way(at: Siege) -> dict[str, str]:
    """Requests by how they ended."""
    ended = {"approved": await handed_over(at)}
    ended["declined"] = await at.asked(at.request(crime_reference="04/2222/26"))
    await at.say(ended["declined"], yes=False)
    await at.walk()
    ended["refused"] = await at.take(at.request(device="SHA256:" + "A" * 43))
    await at.walk()
    ended["unanswered"] = await at.asked(at.request(crime_reference="04/3333/26"))
    at.clock.forward(25 * HOUR)
    assert await at.agent.journey.expire() == 1
    await at.walk()
    ended["open"] = await at.asked(at.request(crime_reference="04/4444/26"))
    return ended
