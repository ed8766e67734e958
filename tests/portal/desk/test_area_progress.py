"""What was asked of many owners at once, in one view with how each of them answered."""

import pytest

from portal.officer.casework.standing import case_id
from portal.officer.crime import batches
from tests.portal.conftest import NOON, Town
from tests.portal.desk.desks import Desk, owners
from tests.portal.desk.test_batches import TEXT, asked, asking

CASE = f"/cases/{case_id(str(TEXT['crime_reference']))}"


@pytest.fixture(autouse=True)
def _no_blocking() -> None:
    """Signing and keeping are called in a thread by the page; here they may block."""


async def test_an_area_is_a_view_of_its_case_with_the_owners_own_names_of_cameras(desk: Desk, town: Town) -> None:
    first, _ = await owners(town, 2)
    made = []
    for _ in range(2):
        batch = await batches.prepare(desk.state, desk.site.client, await asking(desk), NOON)
        await batches.send(desk.state, desk.site.client, batches.load(desk.state, batch.batch_id))
        made.append(batch.batch_id)
    earlier = (await asked(first))[0]
    signed = desk.state.kept(earlier.request_id, "request")
    assert signed is not None
    await first.decide(signed, first.no(signed))
    whole = (await desk.get(CASE)).text
    assert "4 asked" in whole
    assert whole.count("Market Street, ") == 2
    views = [(await desk.get(f"{CASE}?area={each}")).text for each in made]
    assert all("2 asked" in each and "(2 owners)" in each and "Shop 1, front door" in each for each in views)
    assert sum("1 declined" in each for each in views) == 1
    assert (await desk.get(f"{CASE}/part?area={made[0]}")).text.count('class="card"') == 2
