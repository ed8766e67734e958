"""An agent and an officer as the portal meets them: raw calls with real keys, each answer held against the OpenAPI
document.

Long because an agent and an officer each say all that can be said.
"""

import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import jsonschema

from exchange.age.files import generate_identity
from exchange.clock import DAY, HOUR, MINUTE, SECOND, Window, from_rfc3339
from exchange.documents import api
from exchange.documents.feedback import (
    CannotPlay,
    CannotPlayReason,
    CaseOutcome,
    CaseResult,
    Check,
    CheckResult,
    KeepAsked,
    OfficersFeedback,
    OwnersAnswer,
    PackageOpened,
    Question,
    Rating,
)
from exchange.documents.messages import (
    Asked,
    CameraRegistration,
    DecidedBy,
    DecidedCamera,
    Decision,
    Delivery,
    Document,
    Enrolment,
    Incident,
    Outcome,
    Owner,
    OwnerKind,
    Place,
    Receipt,
    Registration,
    Request,
    Signed,
    Status,
    Stretch,
    Withdrawal,
)
from exchange.signing.documents import SigningKey, document_sha256, sign_document
from exchange.signing.tokens import mint
from portal.api.openapi import document as openapi_document
from portal.api.routes import ROUTES
from tests.counterparts.portals.portal import Place as PortalPlace

OWNER = "Hermione Taylor-Ferreira"
CONTACT = "01632 960777"
RECIPIENT = str(generate_identity("x25519").recipient)


class SetClock:
    """A clock that stands until it is moved; monotonic time goes with it."""

    def __init__(self, now: int) -> None:
        self.time = now

    def now(self) -> int:
        return self.time

    def monotonic(self) -> int:
        return self.time

    def forward(self, microseconds: int) -> None:
        self.time += microseconds


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Any
    content: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.content)

    @property
    def title(self) -> str:
        return str(self.json["title"])


@dataclass
class Wire:
    """Somebody with a key who calls the portal."""

    session: aiohttp.ClientSession
    origin: str
    clock: Any
    key: SigningKey = field(default_factory=SigningKey.generate)

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
        data: Any = None,
        token: str | None = "",
    ) -> Answer:
        """A call with a fresh token ("" ), the given one, or none (None). Its answer fits the OpenAPI document."""
        sent = dict(headers or {})
        if token is not None:
            sent["Authorization"] = f"Bearer {token or mint(self.key, self.origin, self.clock)}"
        if body is not None:
            sent["Content-Type"] = "application/json"
            data = body if isinstance(body, bytes | str) else body.model_dump_json()
        values = {name: str(value) for name, value in (query or {}).items()}
        async with self.session.request(method, self.origin + path, params=values, headers=sent, data=data) as answer:
            found = Answer(answer.status, answer.headers, await answer.read())
        check_against_openapi(method, path, found)
        return found

    def sign(self, document: Document) -> Signed:
        return sign_document(document, self.key)


class Agent(Wire):
    """An owner's agent."""

    @property
    def name(self) -> str:
        return self.key.public.fingerprint

    async def enrol(self, place: PortalPlace, **changed: Any) -> Answer:
        fields = {
            "device_key": self.key.public.line,
            "portal": self.origin,
            "force_key": place.force.key.public.fingerprint,
            "issued": self.clock.now(),
        }
        return await self.call("POST", api.DEVICES, self.sign(Enrolment(**{**fields, **changed})), token=None)

    def registration(self, *cameras: CameraRegistration, revision: int = 1) -> Signed:
        owner = Owner(kind=OwnerKind.BUSINESS, name=OWNER, contact=CONTACT)
        return self.sign(
            Registration(device=self.name, revision=revision, owner=owner, cameras=cameras, issued=self.clock.now())
        )

    async def join(self, place: PortalPlace, *cameras: CameraRegistration) -> "Agent":
        """Enrolled, with cameras (one at the front door unless given)."""
        assert (await self.enrol(place)).status == 201
        answer = await self.call("PUT", api.REGISTRATION, self.registration(*(cameras or (camera(),))))
        assert answer.status == 204, answer.content
        return self

    async def inbox(self, after: int = 0, wait: int = 0, kinds: str | None = None) -> api.Inbox:
        """``kinds``: what the agent says that it takes; None: it says nothing, as the first agents did."""
        headers = {} if kinds is None else {api.KINDS_HEADER: kinds}
        answer = await self.call("GET", api.INBOX, query={"after": after, "wait": wait}, headers=headers)
        assert answer.status == 200, answer.content
        return api.Inbox.model_validate_json(answer.content)

    def withdrawal(self, **changed: Any) -> Signed:
        return self.sign(Withdrawal(**{"device": self.name, "issued": self.clock.now(), **changed}))

    async def withdraw(self) -> Answer:
        return await self.call("DELETE", api.REGISTRATION, self.withdrawal())

    def decision(self, request: Signed, **changed: Any) -> Signed:
        """Approves all that is asked, unless fields are changed."""
        asked = Request.model_validate_json(request.document)
        cameras = tuple(
            DecidedCamera(
                camera_id=item.camera_id,
                requested=item.window,
                outcome=Outcome.APPROVED,
                approved=item.window,
                evidence_id=f"{asked.request_id}-ev-{number}",
            )
            for number, item in enumerate(asked.asked, 1)
        )
        fields = {
            "request_id": asked.request_id,
            "request_sha256": document_sha256(request),
            "status": Status.APPROVED,
            "decided": self.clock.now(),
            "decided_by": DecidedBy(name="H. Taylor", method="operating system user pi (uid 1000) at a terminal"),
            "cameras": cameras,
        }
        return self.sign(Decision(**{**fields, **changed}))

    def no(self, request: Signed) -> Signed:
        return self.decision(request, status=Status.DECLINED, cameras=(), decided_by=None)

    async def decide(self, request: Signed, decision: Signed | None = None) -> Answer:
        request_id = json.loads(request.document)["request_id"]
        path = api.DECISION.format(request_id=request_id)
        return await self.call("PUT", path, decision or self.decision(request))

    async def upload(self, content: bytes) -> str:
        """A finished upload's URL."""
        headers = {"Tus-Resumable": "1.0.0", "Upload-Length": str(len(content))}
        made = await self.call("POST", api.UPLOADS, headers=headers)
        assert made.status == 201, made.content
        url = made.headers["Location"]
        sent = await self.patch(url, 0, content)
        assert sent.status == 204, sent.content
        return str(url)

    async def patch(self, url: str, offset: int, data: Any, **headers: str) -> Answer:
        told = {
            "Tus-Resumable": "1.0.0",
            "Upload-Offset": str(offset),
            "Content-Type": "application/offset+octet-stream",
            **headers,
        }
        return await self.call("PATCH", url.removeprefix(self.origin), headers=told, data=data)

    async def head(self, url: str) -> Answer:
        return await self.call("HEAD", url.removeprefix(self.origin), headers={"Tus-Resumable": "1.0.0"})

    async def deliver(self, request: Signed, content: bytes, url: str, **changed: Any) -> Answer:
        request_id = json.loads(request.document)["request_id"]
        fields = {
            "delivery_id": f"{request_id}-del",
            "request_id": request_id,
            "evidence_id": f"{request_id}-ev-1",
            "ciphertext_sha256": hashlib.sha256(content).hexdigest(),
            "size": len(content),
            "issued": self.clock.now(),
        }
        delivery = Delivery(**{**fields, **changed})
        path = api.DELIVERY.format(request_id=request_id, delivery_id=delivery.delivery_id)
        return await self.call("PUT", path, api.SignedDelivery(signed=self.sign(delivery), upload=url))

    def answer(self, question: Signed, **changed: Any) -> Signed:
        asked = Question.model_validate_json(question.document)
        fields = {
            "feedback_id": "a-1",
            "request_id": asked.request_id,
            "device": self.name,
            "issued": self.clock.now(),
            "question_id": asked.feedback_id,
            "question_sha256": document_sha256(question),
            "text": "It was dark; the lamp is broken.",
        }
        return self.sign(OwnersAnswer(**{**fields, **changed}))

    def rating(self, request: Signed, **changed: Any) -> Signed:
        fields = {
            "feedback_id": "s-1",
            "request_id": json.loads(request.document)["request_id"],
            "request_sha256": document_sha256(request),
            "device": self.name,
            "issued": self.clock.now(),
            "stars": 4,
        }
        return self.sign(Rating(**{**fields, **changed}))

    async def bring(self, signed: Signed) -> Answer:
        """An answer or rating, to the address that it names."""
        return await self.call("PUT", _address(api.FEEDBACK, signed), signed)


def _address(path: str, signed: Signed) -> str:
    named = json.loads(signed.document)
    return path.format(request_id=named["request_id"], feedback_id=named["feedback_id"])


@dataclass
class Officer(Wire):
    """An officer with a credential."""

    credential: Signed | None = None
    force: str = ""

    def request(self, device: str, request_id: str = "r-1", **changed: Any) -> Signed:
        now = self.clock.now()
        window = Window(now - 3 * HOUR, now - 3 * HOUR + 10 * MINUTE)
        fields = {
            "request_id": request_id,
            "device": device,
            "force": self.force,
            "credential": self.credential,
            "crime_reference": "EX/26/004711",
            "incident": Incident(
                kind="Burglary", place="12 High Street", happened=Stretch.of(window), description="A door was forced."
            ),
            "purpose": "Identify who did it",
            "legal_basis": "Data Protection Act 2018, Part 3",
            "necessity": "No other camera looks at the door.",
            "asked": (Asked(camera_id="front", window=Stretch.of(window)),),
            "recipient": RECIPIENT,
            "issued": now,
            "expires": now + 7 * DAY,
        }
        return self.sign(Request(**{**fields, **changed}))

    async def ask(self, agent: Agent, request_id: str = "r-1", **changed: Any) -> Signed:
        """A request that the portal took."""
        signed = self.request(agent.name, request_id, **changed)
        answer = await self.send(signed)
        assert answer.status == 201, answer.content
        return signed

    async def send(self, signed: Signed) -> Answer:
        return await self.call("POST", api.OFFICER_REQUESTS, signed)

    async def case(self, request_id: str = "r-1") -> api.Case:
        answer = await self.call("GET", api.OFFICER_REQUEST.format(request_id=request_id))
        assert answer.status == 200, answer.content
        return api.Case.model_validate_json(answer.content)

    async def search(self, **query: Any) -> api.SearchResult:
        now = self.clock.now()
        times = {"from": now - 2 * HOUR, "to": now - HOUR}
        query = {"crime_reference": "C-1", **query}
        answer = await self.call("GET", api.SEARCH, query={**{k: _rfc(v) for k, v in times.items()}, **query})
        assert answer.status == 200, answer.content
        return api.SearchResult.model_validate_json(answer.content)

    def receipt(self, content: bytes, request_id: str = "r-1", **changed: Any) -> Signed:
        fields = {
            "receipt_id": "rec-1",
            "delivery_id": f"{request_id}-del",
            "request_id": request_id,
            "evidence_id": f"{request_id}-ev-1",
            "ciphertext_sha256": hashlib.sha256(content).hexdigest(),
            "size": len(content),
            "verified": True,
            "credential": self.credential,
            "issued": self.clock.now(),
        }
        return self.sign(Receipt(**{**fields, **changed}))

    def feedback(self, device: str, content: bytes, model: type[OfficersFeedback], **changed: Any) -> Signed:
        """Of the first package of ``r-1``."""
        fields = {
            "feedback_id": f"f-{model.about()}",
            "request_id": "r-1",
            "device": device,
            "evidence_id": "r-1-ev-1",
            "ciphertext_sha256": hashlib.sha256(content).hexdigest(),
            "credential": self.credential,
            "issued": self.clock.now(),
        }
        return self.sign(model(**{**fields, **SPOKEN[model], **changed}))

    async def bring(self, signed: Signed) -> Answer:
        return await self.call("PUT", _address(api.OFFICER_SAYS, signed), signed)

    async def owners_words(self, **query: Any) -> api.OwnersFeedback:
        answer = await self.call("GET", api.OFFICER_FEEDBACK, query=query)
        assert answer.status == 200, answer.content
        return api.OwnersFeedback.model_validate_json(answer.content)


SPOKEN: dict[type[OfficersFeedback], dict[str, Any]] = {
    PackageOpened: {
        "verified": True,
        "checks": (Check(check="seal", result=CheckResult.HOLDS),),
        "program": "handover-officer 1.0",
    },
    CannotPlay: {"reason": CannotPlayReason.NO_PLAYER, "text": "Our player shows nothing."},
    Question: {"text": "Why is it so dark?"},
    CaseOutcome: {"result": CaseResult.HELPED_IDENTIFY},
    KeepAsked: {"keep": True, "text": "The trial is in March."},
}


def camera(
    camera_id: str = "front", *, at: tuple[float, float] = (53.7632, -2.7031), **changed: Any
) -> CameraRegistration:
    fields = {
        "camera_id": camera_id,
        "label": "Front door",
        "place": Place(latitude=at[0], longitude=at[1], description="above the door"),
        "direction": 90.0,
        "field_of_view": 80.0,
        "range_m": 60.0,
        "sound": True,
        "retention_days": 14,
        "recordings_since": from_rfc3339("2026-11-14T12:00:00Z"),
    }
    return CameraRegistration(**{**fields, **changed})


def _rfc(instant: int) -> str:
    from exchange.clock import to_rfc3339

    return to_rfc3339(instant // SECOND * SECOND)


def check_against_openapi(method: str, path: str, answer: Answer) -> None:
    """The status is one that the document names for this call, and the body is as its schema says."""
    document = openapi_document(ROUTES)
    patterns = ((template, re.sub(r"\{\w+\}", "[^/]+", template)) for template in document["paths"])
    template = next((template for template, pattern in patterns if re.fullmatch(pattern, path)), None)
    operation = document["paths"].get(template, {}).get(method.lower())
    if operation is None:
        assert answer.status in (404, 405), f"{method} {path} isn't in the document, and answers {answer.status}"
        return
    assert str(answer.status) in operation["responses"], (
        f"{method} {template} answers {answer.status}: {answer.content!r}"
    )
    described = operation["responses"][str(answer.status)].get("content", {})
    kind = answer.headers.get("Content-Type", "").partition(";")[0]
    if method == "HEAD" or not answer.content:
        return
    assert kind in described, f"{method} {template} answers {kind}"
    if schema := described[kind].get("schema"):
        jsonschema.Draft202012Validator({**schema, "components": document["components"]}).validate(answer.json)
