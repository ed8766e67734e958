"""Packages are taken only as approved, fetched to the byte, and receipted once."""

import hashlib
import os
from typing import Any

import pytest

from exchange.clock import DAY, to_rfc3339
from exchange.documents import api
from exchange.documents.api import InboxKind
from exchange.documents.feedback import CannotPlay
from exchange.documents.messages import Signed
from portal import sweep
from portal.settings import Limits
from tests.portal.conftest import BOTH, Town
from tests.portal.wire import Agent

ENGINES = BOTH

FILM = os.urandom(300_000)
CONTENT = api.CONTENT.format(delivery_id="r-1-del")
RECEIPT = api.RECEIPT.format(delivery_id="r-1-del")


@pytest.fixture
async def agent(town: Town) -> Agent:
    return await town.agent().join(town.place)


@pytest.fixture
async def approved(town: Town, agent: Agent) -> Signed:
    request = await town.officer.ask(agent)
    assert (await agent.decide(request)).status == 204
    return request


@pytest.fixture
async def delivered(agent: Agent, approved: Signed) -> Signed:
    assert (await agent.deliver(approved, FILM, await agent.upload(FILM))).status == 204
    return approved


async def test_a_delivery_reaches_its_officer_with_the_owners_signature(town: Town, delivered: Signed) -> None:
    case = await town.officer.case()
    assert [(item.size, item.ciphertext_sha256) for item in case.deliveries] == [
        (len(FILM), hashlib.sha256(FILM).hexdigest())
    ]


async def test_a_delivery_may_be_sent_again_and_stays_one(town: Town, agent: Agent, approved: Signed) -> None:
    url = await agent.upload(FILM)
    assert [(await agent.deliver(approved, FILM, url, issued=1)).status for _ in range(2)] == [204, 204]
    assert (await agent.deliver(approved, FILM, url, issued=2)).status == 409
    assert (await agent.deliver(approved, FILM, await agent.upload(FILM), delivery_id="d-2")).status == 409
    assert len((await town.officer.case()).deliveries) == 1


async def test_nothing_is_delivered_that_was_not_approved(town: Town, agent: Agent) -> None:
    request = await town.officer.ask(agent)
    url = await agent.upload(FILM)
    assert (await agent.deliver(request, FILM, url)).status == 409
    await agent.decide(request, agent.no(request))
    assert (await agent.deliver(request, FILM, url)).status == 409
    assert (await town.officer.case()).deliveries == ()


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"evidence_id": "something-else"}, 409),
        ({"ciphertext_sha256": "0" * 64}, 422),
        ({"size": len(FILM) + 1}, 422),
    ],
    ids=["another-package", "other-bytes", "another-size"],
)
async def test_a_delivery_that_does_not_fit_is_refused(
    agent: Agent, approved: Signed, changed: dict[str, Any], status: int
) -> None:
    assert (await agent.deliver(approved, FILM, await agent.upload(FILM), **changed)).status == status


async def test_an_upload_elsewhere_unfinished_or_of_another_device_is_refused(
    town: Town, agent: Agent, approved: Signed
) -> None:
    unfinished = (
        await agent.call("POST", api.UPLOADS, headers={"Tus-Resumable": "1.0.0", "Upload-Length": str(len(FILM))})
    ).headers["Location"]
    other = await town.agent().join(town.place)
    theirs = await other.upload(FILM)
    urls = (
        unfinished,
        theirs,
        "https://store.example/files/1",
        f"{town.origin}/v1/force",
        f"{town.origin}{api.UPLOADS}/x",
    )
    assert [(await agent.deliver(approved, FILM, url)).status for url in urls] == [409, 422, 422, 422, 422]


async def test_what_was_delivered_cannot_be_ended_by_its_device(agent: Agent, approved: Signed) -> None:
    url = await agent.upload(FILM)
    await agent.deliver(approved, FILM, url)
    answer = await agent.call("DELETE", url.removeprefix(agent.origin), headers={"Tus-Resumable": "1.0.0"})
    assert answer.status == 409


async def test_the_content_comes_whole_or_in_ranges(town: Town, delivered: Signed) -> None:
    whole = await town.officer.call("GET", CONTENT)
    assert whole.content == FILM
    part = await town.officer.call("GET", CONTENT, headers={"Range": "bytes=1000-"})
    assert (part.status, part.content) == (206, FILM[1000:])
    assert part.headers["Content-Range"] == f"bytes 1000-{len(FILM) - 1}/{len(FILM)}"
    same = await town.officer.call("GET", CONTENT, headers={"If-None-Match": whole.headers["ETag"]})
    assert (same.status, same.content) == (304, b"")
    beyond = await town.officer.call("GET", CONTENT, headers={"Range": f"bytes={len(FILM)}-"})
    assert beyond.status == 416


async def test_the_content_is_for_its_officer_only(town: Town, agent: Agent, delivered: Signed) -> None:
    assert (await agent.call("GET", CONTENT)).status == 401
    assert (await town.officer.call("GET", api.CONTENT.format(delivery_id="other"))).status == 404


async def test_a_receipt_reaches_the_owners_agent_as_it_was_signed(town: Town, agent: Agent, delivered: Signed) -> None:
    receipt = town.officer.receipt(FILM)
    assert [(await town.officer.call("PUT", RECEIPT, receipt)).status for _ in range(2)] == [204, 204]
    found = await agent.inbox()
    assert [(item.kind, item.signed) for item in found.items] == [(InboxKind.RECEIPT, receipt)]
    assert (await town.officer.case()).deliveries[0].receipt == receipt


async def test_the_first_receipt_is_final(town: Town, delivered: Signed) -> None:
    await town.officer.call("PUT", RECEIPT, town.officer.receipt(FILM, verified=False))
    assert (await town.officer.call("PUT", RECEIPT, town.officer.receipt(FILM))).status == 409


@pytest.mark.parametrize(
    "changed", [{"ciphertext_sha256": "0" * 64}, {"size": 1}, {"evidence_id": "e"}, {"request_id": "r-2"}], ids=str
)
async def test_a_receipt_for_something_else_is_refused(town: Town, delivered: Signed, changed: dict[str, Any]) -> None:
    assert (await town.officer.call("PUT", RECEIPT, town.officer.receipt(FILM, **changed))).status == 422


async def test_a_receipt_finds_no_owner_who_has_left_and_is_kept_all_the_same(
    town: Town, agent: Agent, delivered: Signed
) -> None:
    await town.officer.call("GET", CONTENT)
    await agent.withdraw()
    assert (await town.officer.call("PUT", RECEIPT, town.officer.receipt(FILM))).status == 204
    assert (await town.officer.case()).deliveries[0].receipt is not None


async def test_the_ciphertext_goes_a_while_after_it_was_verified_and_the_papers_stay(
    town: Town, delivered: Signed
) -> None:
    portal = town.running.portal
    await town.officer.call("PUT", RECEIPT, town.officer.receipt(FILM))
    for days, status, files in ((29, 200, 1), (2, 410, 0)):
        town.clock.forward(days * DAY)
        await sweep.sweep(portal.db, portal.uploads, portal.settings, portal.clock.now())
        assert (await town.officer.call("GET", CONTENT)).status == status
        assert len(list(town.place.folder.uploads.iterdir())) == files
    assert (await town.officer.case()).deliveries[0].receipt is not None


async def test_what_did_not_verify_is_kept(town: Town, delivered: Signed) -> None:
    portal = town.running.portal
    await town.officer.call("PUT", RECEIPT, town.officer.receipt(FILM, verified=False))
    town.clock.forward(60 * DAY)
    await sweep.sweep(portal.db, portal.uploads, portal.settings, portal.clock.now())
    assert (await town.officer.call("GET", CONTENT)).status == 200


@pytest.mark.parametrize("limits", [Limits(open_requests_per_device=200)])
async def test_an_officer_sees_all_requests_however_many_and_at_whatever_time(town: Town, agent: Agent) -> None:
    for number in range(130):
        if number % 50 == 0:
            town.clock.forward(1)
        await town.officer.ask(agent, f"r-{number:03}")
    first = api.Cases.model_validate_json((await town.officer.call("GET", api.OFFICER_REQUESTS)).content)
    assert (len(first.cases), first.more) == (100, True)
    last = first.cases[-1]
    query = {"before": to_rfc3339(last.issued), "after": last.request_id}
    rest = api.Cases.model_validate_json((await town.officer.call("GET", api.OFFICER_REQUESTS, query=query)).content)
    assert (len(rest.cases), rest.more) == (30, False)
    assert len({case.request_id for case in (*first.cases, *rest.cases)}) == 130


async def held(agent: Agent, after: str | None = None) -> api.HeldDeliveries:
    query = {} if after is None else {"after": after}
    answer = await agent.call("GET", api.DELIVERIES.format(request_id="r-1"), query=query)
    assert answer.status == 200
    return api.HeldDeliveries.model_validate_json(answer.content)


async def test_a_device_is_told_what_it_handed_over_and_nobody_else_is(
    town: Town, agent: Agent, delivered: Signed
) -> None:
    (item,) = (await held(agent)).items
    (seen,) = (await town.officer.case()).deliveries
    assert (item.delivery, item.receipt) == (seen.signed, None)
    receipt = town.officer.receipt(FILM)
    assert (await town.officer.call("PUT", RECEIPT, receipt)).status == 204
    (item,) = (await held(agent)).items
    assert item.receipt == receipt
    assert await held(agent, "r-1-del") == api.HeldDeliveries()
    other = await town.agent().join(town.place)
    assert await held(other) == api.HeldDeliveries()
    path = api.DELIVERIES.format(request_id="r-1")
    assert (await town.officer.call("GET", path)).status == 401
    assert (await agent.call("GET", path, query={"after": "another"})).status == 400
    assert (await agent.call("GET", path, query={"before": "r-1-del"})).status == 400


async def test_what_was_handed_over_is_told_in_pages(
    town: Town, agent: Agent, delivered: Signed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("portal.requests.deliveries._MOST_HELD", 2)
    for number in (2, 3):
        town.clock.forward(1_000_000)
        said = town.officer.feedback(agent.name, FILM, CannotPlay, feedback_id=f"f-{number}")
        assert (await town.officer.bring(said)).status == 204
        url = await agent.upload(FILM)
        assert (await agent.deliver(delivered, FILM, url, delivery_id=f"d-{number}")).status == 204
    first = await held(agent)
    assert [len(first.items), first.more] == [2, True]
    rest = await held(agent, "d-2")
    assert (len(rest.items), rest.more) == (1, False)
