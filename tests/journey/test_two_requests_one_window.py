"""Two officers who ask for the same minutes are two requests: what one's end takes away, the other keeps."""

from pathlib import Path

import pytest

from agent.requests.review.pictures import stills
from tests.journey.home import besieged


@pytest.mark.parametrize("order", ["ab", "ba"])
@pytest.mark.parametrize("preserve", ["yes", "no"])
@pytest.mark.parametrize("yes_to", [0, 1], ids=["yes to the first", "yes to the second"])
async def test_a_no_to_one_leaves_the_other_s_footage_where_a_yes_finds_it(
    tmp_path: Path, yes_to: int, preserve: str, order: str
) -> None:
    async with besieged(tmp_path, extra=f"requests: {{preserve: {preserve}}}") as at:
        # Their ids in falling order and in rising order: the names of what keeps their footage are found sorted.
        ids = [f"{digit}1f0a3c2-5a1e-4c55-9d3f-0123456789ab" for digit in order]
        asked = [await at.asked(at.request(request_id=each)) for each in ids]
        declined, wanted = asked[1 - yes_to], asked[yes_to]
        await at.say(declined, yes=False)
        await at.walk()
        assert await at.state(declined) == "closed"
        assert len(await stills(at.agent.services, wanted)) == 2
        await at.say(wanted, yes=True)
        await at.walk()
        assert await at.state(wanted) == "delivered"


async def test_what_only_another_request_kept_is_kept_for_this_one_too(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        first = await at.asked()
        for segment in at.segments:
            segment.unlink()  # by hand, or by a recorder that was told to keep less
        second = await at.asked()
        await at.say(first, yes=False)
        await at.walk()
        await at.say(second, yes=True)
        await at.walk()
        assert await at.state(second) == "delivered"
