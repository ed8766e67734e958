"""The page shows who can open what is asked for, beside the officer who asks."""

from pathlib import Path

from tests.agent.owner.web.test_gate import visited
from tests.journey.teams.test_what_agents_check import staffed


async def test_the_page_shows_whom_it_is_open_to(tmp_path: Path) -> None:
    async with visited(tmp_path) as (at, site, me):
        unit, asks = staffed(at)
        request_id = await at.asked(at.request(team=unit.team(asks, unit.member("2"), unit.member("3"))))
        me.cookie = await site.session()
        status, page, _ = await me.get(f"/requests/{request_id}")
        assert status == 200
        assert "Also open to" in page
        for name in ("Constable Officer 2, CID", "Constable Officer 3, CID", "the recovery key of the unit CID"):
            assert name in page
        assert "Constable Officer 4711, CID" not in page  # who asks stands above
        alone = await at.asked(at.request())
        assert "Also open to" not in (await me.get(f"/requests/{alone}"))[1]
