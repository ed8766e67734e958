"""Whatever fits the description of the interface, and what nearly does, is answered as the description says: never by
a fault. Schemathesis makes it up from the portal's own OpenAPI document, the same in every run; and documents that are
well signed, with one field gone wrong, are made of true ones."""

import asyncio
import contextlib
import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis.generation import GenerationMode

from exchange.documents import api
from exchange.documents.feedback import Question
from exchange.documents.messages import Signed
from exchange.documents.people import LINK_HEADER
from portal.api.openapi import document
from portal.api.route import Route, Who
from portal.api.routes import ROUTES
from tests.portal.conftest import Town
from tests.portal.people.visits import Visitor, question
from tests.portal.whole.busy_town import SEALED, BusyTown, busy_town
from tests.portal.wire import Answer, Wire

EXAMPLES = 4
"""Of each call, each way: such as fit, and such as don't."""
CALLS = {(route.method, route.path): route for route in ROUTES}
BYTES = "application/offset+octet-stream"
ODD: tuple[Any, ...] = (
    None, 0, -1, 2**63 - 1, 2**70, 1e308, True, "", "\0", "\ud800", "\u202e", "x" * 5000, [], [[]], {}, {"a": 1},
    "9999-12-31T23:59:59.999999Z", "0001-01-01T00:00:00Z", "SHA256:" + "A" * 43,
)  # fmt: skip

schemathesis.openapi.media_type(BYTES, st.binary(max_size=100))


@schemathesis.serializer(BYTES)
def _as_it_is(_context: Any, value: Any) -> Any:
    return value


@pytest.fixture
async def busy(town: Town, visitor: Visitor) -> BusyTown:
    return await busy_town(town, visitor)


async def test_no_call_fails_by_what_it_is_sent(busy: BusyTown) -> None:
    loop, faults = asyncio.get_running_loop(), list[str]()
    tried = dict.fromkeys(CALLS, 0)
    described: Any = schemathesis.openapi.from_dict(document(ROUTES))
    operations = [found.ok() for found in described.get_all_operations()]
    assert {(each.method.upper(), each.path) for each in operations} == set(CALLS)

    def try_one(case: Any) -> None:
        tried[case.method.upper(), case.path] += 1
        try:
            answer = asyncio.run_coroutine_threadsafe(send(busy, case), loop).result()
        except AssertionError as error:  # it does not fit the document
            faults.append(str(error)[:1000])
            return
        if answer.status >= 500:
            faults.append(f"{case.method} {case.path}: {answer.status} {answer.content!r}")

    def try_all() -> None:
        bounds = settings(
            max_examples=EXAMPLES, database=None, deadline=None, phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        for operation in operations:
            for mode in GenerationMode:
                with contextlib.suppress(Unsatisfiable):  # nothing can be wrong with what takes nothing
                    seed(1)(bounds(given(operation.as_strategy(generation_mode=mode))(try_one)))()

    await asyncio.to_thread(try_all)
    assert faults == []
    assert min(tried.values()) >= 1
    assert sum(tried.values()) > 5 * len(CALLS)
    assert (await busy.officer.case()).request_id == "r-1"


async def send(busy: BusyTown, case: Any) -> Answer:
    """By whom the call is for; the answer is held against the document."""
    route: Route = CALLS[case.method.upper(), case.path]
    given_parts = case.as_transport_kwargs(base_url=busy.town.origin)
    path = given_parts["url"].removeprefix(busy.town.origin)
    headers = {name: str(value) for name, value in given_parts["headers"].items() if fits_a_header(name, str(value))}
    query = {name: str(value) for name, value in given_parts.get("params", {}).items()}
    if case.path == api.INBOX:
        query["wait"] = "0"
    data = given_parts.get("data")
    if "json" in given_parts:
        data = json.dumps(given_parts["json"])
        headers.setdefault("Content-Type", "application/json")
    if data is not None:
        data = io.BytesIO(data if isinstance(data, bytes) else data.encode())
    token = None if route.who in (Who.ANYONE, Who.LINK) else ""
    return await caller_of(busy, route).call(route.method, path, query=query, headers=headers, data=data, token=token)


def fits_a_header(name: str, value: str) -> bool:
    """What aiohttp's client agrees to send."""
    ours = ("authorization", LINK_HEADER.lower(), "content-length", "transfer-encoding", "accept-encoding")
    return name.lower() not in ours and value.isascii() and value.isprintable() and len(value) < 1000


def caller_of(busy: BusyTown, route: Route) -> Wire:
    return busy.agent if route.who in (Who.DEVICE, Who.UPLOADER) else busy.officer


async def test_no_document_that_is_well_signed_makes_a_call_fail(busy: BusyTown) -> None:
    faults, tried = list[str](), 0
    for method, path, who, true in true_documents(busy):
        for text in spoiled(true.document):
            namespace = f"{json.loads(true.document)['kind']}@handover"
            signature = who.key.sign(text.encode(errors="surrogatepass"), namespace)
            tried += 1
            body = json.dumps({"document": text, "signature": signature})
            try:
                answer = await who.call(method, path, body)
            except AssertionError as error:
                faults.append(f"{error}"[:1000])
                continue
            if not 400 <= answer.status < 500 and answer.status not in (200, 201, 204):
                faults.append(f"{method} {path} {text[:300]}: {answer.status}")
    assert faults == []
    assert tried > 100


def true_documents(busy: BusyTown) -> Iterator[tuple[str, str, Wire, Signed]]:
    officer, agent = busy.officer, busy.agent
    request = officer.request(agent.name, "r-5")
    yield "POST", api.OFFICER_REQUESTS, officer, request
    yield "PUT", busy.path(api.RECEIPT, busy.ids), officer, officer.receipt(SEALED)
    said = officer.feedback(agent.name, SEALED, Question, feedback_id="f-1")
    yield "PUT", busy.path(api.OFFICER_SAYS, busy.ids), officer, said
    yield "POST", api.PERSON_REQUESTS, officer, question(officer, busy.person, "p-5")
    yield "PUT", api.DECISION.format(request_id="r-1"), agent, agent.decision(busy.asked)
    yield "PUT", api.REGISTRATION, agent, agent.registration(revision=2)


def spoiled(text: str) -> Iterator[str]:
    """The document with each of its fields made odd, in two ways each, and left out."""
    for number, way in enumerate(list(ways(json.loads(text)))):
        for value in (*(ODD[(number * 2 + step) % len(ODD)] for step in range(2)), ...):
            whole = json.loads(text)
            inner = whole
            for step in way[:-1]:
                inner = inner[step]
            if value is ...:
                del inner[way[-1]]
            else:
                inner[way[-1]] = value
            yield json.dumps(whole, indent=2) + "\n"


def ways(value: Any, so_far: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """How each field is reached; not into the credential, which is another's document."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, each in inner:
        yield (*so_far, name)
        if name != "credential":
            yield from ways(each, (*so_far, name))
