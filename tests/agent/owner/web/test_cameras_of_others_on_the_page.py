"""Whoever answers for some cameras only, on the page: no button for what is others', and no form that does it."""

from pathlib import Path

from agent.owner.operations.context import RequestNamed
from agent.owner.people.roles import Role
from tests.agent.owner.web.pages import PASSWORD
from tests.agent.owner.web.test_gate import visited
from tests.journey.home import ACTOR, CAMERA, owner_does
from tests.journey.review.test_noted import noted

REFUSED = f"Cleo answers for garage only, and this is of {CAMERA} too."


async def test_the_page_shows_no_button_for_it_and_refuses_the_form(tmp_path: Path) -> None:
    async with visited(tmp_path) as (at, site, me):
        request_id = await noted(at)
        await at.say(request_id, yes=True)
        await at.walk()
        (form, *_) = (await owner_does(at.agent, "files", RequestNamed(request_id=request_id), ACTOR))["files"]
        at_page, file = f"/requests/{request_id}", f"/requests/{request_id}/files/{form['name']}"
        await site.person("cleo", "Cleo", Role.APPROVER, cameras=("garage",))
        for who, there in (("robin", True), ("cleo", False)):
            me.cookie = await site.session(who)
            status, page, _ = await me.get(at_page)
            assert status == 200
            assert (file in page, f"{at_page}/receipt" in page) == (there, there), who
            assert (await me.get(file))[0] == (200 if there else 403), who
        refused = {
            "pause": {"do": "pause"},
            "receipt": {"taken_by": "PC Marsh", "how": "at the door", "password": PASSWORD},
            "say/now": {"what": "leave-it", "password": PASSWORD},
        }
        for path, fields in refused.items():
            status, page, _ = await me.post(f"{at_page}/{path}", fields)
            assert status == 403, path
            assert REFUSED in page
        assert await at.state(request_id) == "delivered"
