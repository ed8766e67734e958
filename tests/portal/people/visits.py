"""Somebody without an agent, with a browser that runs no script, and an officer who asks. Not for: tests themselves."""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

from exchange.clock import DAY, HOUR, MINUTE, Window, to_rfc3339
from exchange.documents import api
from exchange.documents.messages import Asked, Incident, Signed, Stretch
from exchange.documents.people import LINK_HEADER, MessageState, PeopleNearby, PersonCase, PersonRequest
from exchange.documents.people.appeals import Appeal
from tests.portal.conftest import Town
from tests.portal.people.letters import FORM, HERE, Letters, code_of
from tests.portal.wire import RECIPIENT, Answer, Officer, Wire


@dataclass(frozen=True)
class Shown:
    status: int
    text: str
    headers: Any


@dataclass
class Visitor:
    town: Town
    letters: Letters
    letters_read: int = field(default=0)

    async def get(self, path: str) -> Shown:
        async with self.town.session.get(self.town.origin + path, allow_redirects=False) as answer:
            return Shown(answer.status, await answer.text(), answer.headers)

    async def post(self, path: str, fields: dict[str, str]) -> Shown:
        async with self.town.session.post(self.town.origin + path, data=fields, allow_redirects=False) as answer:
            return Shown(answer.status, await answer.text(), answer.headers)

    async def next_code(self) -> str:
        """The code of the next letter's link."""
        self.letters_read += 1
        return code_of(await self.letters.link(self.letters_read))

    async def register(self, **changed: str) -> str:
        """Registered and confirmed: the person's id, as an officer finds it."""
        assert (await self.post("/register", {**FORM, **changed})).status == 200
        assert (await self.post("/link/confirm", {"code": await self.next_code()})).status == 200
        return (await nearby(self.town.officer)).cameras[0].person

    async def asked(self, person: str, **changed: Any) -> tuple[str, str]:
        """The request's id, and the code of the link."""
        made = await self.town.officer.call("POST", api.PERSON_REQUESTS, question(self.town.officer, person, **changed))
        assert made.status == 201, made.content
        request_id, code = str(made.json["request_id"]), await self.next_code()
        for _ in range(1000):  # the letter came; that it went is noted a moment later
            if (await case(self.town.officer, request_id)).message is MessageState.SENT:
                break
            await asyncio.sleep(0.02)
        return request_id, code

    async def upload(self, code: str, content: bytes) -> Answer:
        """A finished upload by the link."""
        wire = Wire(self.town.session, self.town.origin, self.town.clock)
        tus = {"Tus-Resumable": "1.0.0", LINK_HEADER: code}
        made = await wire.call("POST", api.UPLOADS, token=None, headers=tus | {"Upload-Length": str(len(content))})
        if made.status != 201:
            return made
        more = {"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
        path = made.headers["Location"].removeprefix(self.town.origin)
        sent = await wire.call("PATCH", path, token=None, headers=tus | more, data=content)
        assert sent.status == 204, sent.content
        return made

    async def answer(self, code: str, *uploads: str, name: str = "c2VhbGVk", note: str | None = None) -> Answer:
        wire = Wire(self.town.session, self.town.origin, self.town.clock)
        files = [{"upload": upload, "sealed_name": name} for upload in uploads]
        body = json.dumps({"files": files} | ({} if note is None else {"sealed_note": note}))
        return await wire.call("PUT", api.LINK_ANSWER, body, token=None, headers={LINK_HEADER: code})


async def nearby(officer: Officer, **query: Any) -> PeopleNearby:
    now = officer.clock.now()
    times = {"from": to_rfc3339(now - 2 * HOUR), "to": to_rfc3339(now - HOUR)}
    place = {"lat": HERE[0], "lon": HERE[1], "radius_m": 200, "crime_reference": "EX/26/004711"}
    answer = await officer.call("GET", api.PEOPLE_NEARBY, query={**place, **times, **query})
    assert answer.status == 200, answer.content
    return PeopleNearby.model_validate_json(answer.content)


async def case(officer: Officer, request_id: str) -> PersonCase:
    answer = await officer.call("GET", api.PERSON_REQUEST.format(request_id=request_id))
    assert answer.status == 200, answer.content
    return PersonCase.model_validate_json(answer.content)


def question(officer: Officer, person: str, request_id: str = "p-1", **changed: Any) -> Signed:
    now = officer.clock.now()
    window = Stretch.of(Window(now - 3 * HOUR, now - 3 * HOUR + 10 * MINUTE))
    fields = {
        "request_id": request_id,
        "person": person,
        "force": officer.force,
        "credential": officer.credential,
        "crime_reference": "EX/26/004711",
        "incident": Incident(
            kind="Burglary", place="12 High Street", happened=window, description="A door was forced."
        ),
        "purpose": "Identify who did it",
        "legal_basis": "Data Protection Act 2018, Part 3",
        "necessity": "No other camera looks at the door.",
        "asked": (Asked(camera_id="camera-1", window=window),),
        "recipient": RECIPIENT,
        "issued": now,
        "expires": now + 7 * DAY,
    }
    return officer.sign(PersonRequest(**{**fields, **changed}))


def an_appeal(officer: Officer, **changed: Any) -> Signed:
    now = officer.clock.now()
    fields = {
        "appeal_id": "abcdefgh23",
        "force": officer.force,
        "credential": officer.credential,
        "crime_reference": "EX/26/004711",
        "title": "Did you see a red van?",
        "area": "Between Market Street and the canal",
        "description": "A shop was broken into.",
        "happened": Stretch.of(Window(now - 3 * HOUR, now - 2 * HOUR)),
        "recipient": RECIPIENT,
        "issued": now,
        "expires": now + 7 * DAY,
    }
    return officer.sign(Appeal(**{**fields, **changed}))
