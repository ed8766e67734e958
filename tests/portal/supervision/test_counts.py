"""What everybody may see: whole months that are over, and never so few owners that one stands out."""

import pytest

from exchange.clock import DAY
from exchange.documents import api
from exchange.documents.api import Counts, MonthCount
from portal.audit import counts as months
from portal.audit.counts import _shown
from portal.settings import Limits
from portal.storage.count_tables import MonthCounts
from portal.sweep import sweep
from tests.portal.conftest import Town

FEW = pytest.mark.parametrize("limits", [Limits(counts_at_least=2)])


async def counts(town: Town) -> Counts:
    portal = town.running.portal
    await sweep(portal.db, portal.uploads, portal.settings, town.clock.now())
    answer = await town.agent().call("GET", api.COUNTS, token=None)
    assert answer.status == 200, answer.content
    return Counts.model_validate_json(answer.content)


@FEW
async def test_a_month_appears_once_nothing_of_it_can_be_answered(town: Town) -> None:
    """Of five owners four answer, two of them with a no."""
    agents = [await town.agent().join(town.place) for _ in range(5)]
    requests = [await town.officer.ask(agent, f"r-{number}") for number, agent in enumerate(agents)]
    for agent, request in zip(agents[:2], requests, strict=False):
        await agent.decide(request)
    for agent, request in zip(agents[2:4], requests[2:], strict=False):
        await agent.decide(request, agent.no(request))
    assert (await counts(town)).months == (), "the month is not over"
    town.clock.forward(10 * DAY)
    assert (await counts(town)).months == (), "the last one may still be answered, late"
    town.clock.forward(5 * DAY)
    expected = MonthCount(month="2026-11", requests=5, owners_asked=5, declined=2)
    assert (await counts(town)).months == (expected,), "one owner did not answer: that is not told"
    page = await town.agent().call("GET", api.COUNTS_PAGE, token=None)
    assert page.headers["Content-Type"].startswith("text/html")
    assert "<td>5</td><td>5</td><td>too few to say</td><td>2</td>" in page.content.decode()
    town.clock.forward(31 * DAY)
    assert [month.month for month in (await counts(town)).months] == ["2026-12", "2026-11"]


@FEW
async def test_very_many_months_are_counted_some_at_a_time(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(months, "MOST_AT_ONCE", 2)
    await town.officer.ask(await town.agent().join(town.place))
    town.clock.forward(100 * DAY)
    assert [month.month for month in (await counts(town)).months] == ["2026-12", "2026-11"]
    assert [month.month for month in (await counts(town)).months] == ["2027-02", "2027-01", "2026-12", "2026-11"]


@pytest.mark.parametrize(
    ("numbers", "shown"),
    [
        ((30, 9, 20, 15), (None, None, None, None)),
        ((30, 30, 15, 0), (30, 30, 15, None)),
        ((30, 30, 30, 15), (30, 30, None, 15)),
        ((60, 40, 30, 12), (60, 40, 30, 12)),
        ((60, 40, 30, 25), (60, 40, 30, None)),
    ],
)
def test_no_number_and_no_difference_speaks_of_few(
    numbers: tuple[int, int, int, int], shown: tuple[int | None, ...]
) -> None:
    requests, owners, answered, declined = numbers
    row = MonthCounts(month="2026-10", requests=requests, owners=owners, answered=answered, declined=declined)
    found = _shown(row, 10)
    assert (found.requests, found.owners_asked, found.answered, found.declined) == shown
