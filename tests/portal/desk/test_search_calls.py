"""What the map's script asks of the program, asked by hand: bad input, hostile names, a portal that goes away."""

import json
from typing import Any

import pytest

from exchange.clock import DAY
from exchange.errors import PortalUnreachable
from portal.settings import Limits
from tests.portal.conftest import NOON, Town
from tests.portal.desk.desks import MARKET, Desk, owners
from tests.portal.desk.test_batches import TEXT, word
from tests.portal.wire import camera

CIRCLE = {"kind": "circle", "latitude": MARKET[0], "longitude": MARKET[1], "radius_m": 900}
SEARCH = {"crime_reference": "EX/26/004711", "time": "today 10:00 to 11:00", "shape": CIRCLE}


async def call(desk: Desk, path: str, body: Any, status: int = 200) -> dict[str, Any]:
    answer = await desk.post(path, body, As="json", **{"Sec-Fetch-Mode": "cors"})
    assert answer.status == status, answer.text
    found: dict[str, Any] = json.loads(answer.text)
    return found


async def progress(desk: Desk, path: str) -> dict[str, Any]:
    """What the page is told last."""
    told = (await desk.get(f"{path}/events", **{"Sec-Fetch-Mode": "cors"})).text
    found: dict[str, Any] = json.loads(told.rpartition("data: ")[2])
    return found


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ([], "not understood"),
        ("x", "not understood"),
        ({}, "crime reference is missing"),
        (SEARCH | {"crime_reference": 5}, "crime reference is missing"),
        (SEARCH | {"crime_reference": "x" * 201}, "can't be searched"),
        (SEARCH | {"time": "some day"}, "time of the day"),
        (SEARCH | {"time": None}, "not understood"),
        (SEARCH | {"shape": None}, "place can't be used"),
        (SEARCH | {"shape": CIRCLE | {"surplus": 1}}, "place can't be used"),
    ],
)
async def test_a_search_that_can_not_be_made_is_told(desk: Desk, body: Any, said: str) -> None:
    told = await call(desk, "/search", body, 400)
    assert said in told["what"]
    assert told["do"]


async def test_only_what_was_found_can_be_asked_for(desk: Desk, town: Town) -> None:
    await owners(town, 1, recordings_since=NOON - 7 * DAY)
    found = await call(desk, "/search", SEARCH)
    assert [each["footage"] for each in found["cameras"]] == ["likely", "likely"]
    for chosen in ([2], [-1], ["0"], [True], [0.0], "0", None):
        told = await call(desk, "/ask", {"search": found["search"], "chosen": chosen, "text": TEXT}, 400)
        assert "were not found" in told["what"], chosen
    for search in ("other", None, 5, []):
        told = await call(desk, "/ask", {"search": search, "chosen": [0], "text": TEXT}, 404)
        assert "not here any more" in told["what"]
    for text in (None, [], {}, TEXT | {"kind": ""}):
        await call(desk, "/ask", {"search": found["search"], "chosen": [0], "text": text}, 400)
    told = await call(desk, "/ask", {"search": found["search"], "chosen": [], "text": TEXT}, 400)
    assert "No camera" in told["what"]
    assert "Nothing was asked" in (await desk.get("/requests")).text


async def test_the_oldest_search_makes_room(desk: Desk) -> None:
    names = [(await call(desk, "/search", SEARCH))["search"] for _ in range(17)]
    await call(desk, "/summary", {"search": names[0], "chosen": []}, 404)
    assert (await call(desk, "/summary", {"search": names[1], "chosen": []}))["reasons"] == []


async def test_an_owners_words_stay_words(desk: Desk, town: Town) -> None:
    await town.agent().join(town.place, camera(at=MARKET, label="<script>alert('x')</script>"))
    found = await call(desk, "/search", SEARCH)
    to = (await call(desk, "/ask", {"search": found["search"], "chosen": [0], "text": TEXT}))["to"]
    await progress(desk, to)
    shown = (await desk.get(to)).text
    assert "<script>alert" not in shown
    assert "&lt;script&gt;alert" in shown


async def test_a_portal_that_goes_away_leaves_the_rest_for_later(
    desk: Desk, town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    agents = await owners(town, 2, recordings_since=NOON - 7 * DAY)
    found = await call(desk, "/search", SEARCH)

    async def gone(*_: object) -> None:
        raise PortalUnreachable("The portal does not answer.", do="Check the network.")

    with monkeypatch.context() as broken:
        broken.setattr(desk.site.client, "send", gone)
        to = (await call(desk, "/ask", {"search": found["search"], "chosen": [0, 1, 2, 3], "text": TEXT}))["to"]
        told = await progress(desk, to)
    assert (told["sent"], told["ended"]) == ([], True)
    assert "does not answer" in told["trouble"]
    assert "does not answer" in (await desk.get(to)).text
    assert "2 of 2 requests for EX/26/004711 are not sent yet" in (await desk.get("/")).text
    assert (await desk.post(f"{to}/send", {})).status == 303
    assert len((await progress(desk, to))["sent"]) == 2
    assert [len((await agent.inbox()).items) for agent in agents] == [1, 1]
    assert "not sent yet" not in (await desk.get("/")).text
    for act in ("send", "leave"):
        assert (await desk.post(f"/requests/other/{act}", {})).status == 404


async def test_what_nobody_will_take_can_be_left(desk: Desk, town: Town) -> None:
    (agent,) = await owners(town, 1, recordings_since=NOON - 7 * DAY)
    found = await call(desk, "/search", SEARCH)
    await agent.withdraw()
    to = (await call(desk, "/ask", {"search": found["search"], "chosen": [0], "text": TEXT}))["to"]
    assert len((await progress(desk, to))["failed"]) == 1
    assert "0 of 1 request sent." in (await desk.get(to)).text
    assert "1 of 1 request for EX/26/004711 is not sent yet" in (await desk.get("/")).text
    assert (await desk.post(f"{to}/leave", {})).status == 303
    assert "You left the rest" in (await desk.get(to)).text
    assert "not sent yet" not in (await desk.get("/")).text
    assert "and left" in (await desk.get("/requests")).text


async def test_a_device_that_changed_is_asked_only_when_its_owner_confirmed_it(desk: Desk, town: Town) -> None:
    (before,) = await owners(town, 1, recordings_since=NOON - 7 * DAY)
    found = await call(desk, "/search", SEARCH)
    await call(desk, "/ask", {"search": found["search"], "chosen": [0], "text": TEXT})
    await before.withdraw()
    await owners(town, 1, recordings_since=NOON - 7 * DAY)
    found = await call(desk, "/search", SEARCH)
    asked = {"search": found["search"], "chosen": [0], "text": TEXT}
    assert (await call(desk, "/ask", asked, 409))["kind"] == "DeviceKeyChanged"
    assert (await call(desk, "/ask", asked | {"accept_changed": True}))["to"]


async def test_a_supervisors_file_goes_with_the_requests(desk: Desk, town: Town) -> None:
    agents = await owners(town, 11, recordings_since=NOON - 7 * DAY)
    found = await call(desk, "/search", SEARCH)
    everything = {"search": found["search"], "chosen": list(range(22)), "text": TEXT}
    assert len((await call(desk, "/summary", everything))["reasons"]) == 1
    assert (await call(desk, "/ask", everything, 409))["kind"] == "AuthorisationInvalid"
    assert "no supervisor's" in (await call(desk, "/ask", everything | {"authorisation": "{}"}, 400))["what"]
    good = word(town).model_dump_json()
    to = (await call(desk, "/ask", everything | {"authorisation": good}))["to"]
    assert len((await progress(desk, to))["sent"]) == len(agents)


@pytest.mark.parametrize("limits", [Limits(supervised_owners=50, enrolments_per_minute=100)])
async def test_what_a_force_allows_and_most_owners_programs_do_not_is_told_and_may_be_sent(
    desk: Desk, town: Town
) -> None:
    await owners(town, 11, recordings_since=NOON - 7 * DAY)
    found = await call(desk, "/search", SEARCH)
    ten, eleven = ({"search": found["search"], "chosen": list(range(count)), "text": TEXT} for count in (20, 22))
    assert await call(desk, "/summary", ten) == {"reasons": [], "warnings": []}
    told = await call(desk, "/summary", eleven)
    assert (told["reasons"], told["warnings"]) == ([], ["11 owners are asked, and more than 10 are many"])
    assert (await call(desk, "/ask", eleven))["to"]


async def test_what_was_written_and_the_templates_are_there_for_the_form(desk: Desk, town: Town) -> None:
    await owners(town, 1)
    found = await call(desk, "/search", SEARCH)
    await call(desk, "/ask", {"search": found["search"], "chosen": [0], "text": TEXT})
    told = json.loads((await desk.get("/texts")).text)
    assert [each["description"] for each in told["crimes"]] == ["A door was forced."]
    assert "Burglary" in [each["kind"] for each in told["templates"]]
    assert json.loads((await desk.get("/places?q=mill")).text) == {"places": []}
