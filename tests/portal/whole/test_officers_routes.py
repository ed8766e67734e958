"""Every call of officers, made by whoever may not: another officer, one without the role, a key that is shut out."""

from collections.abc import Iterable
from dataclasses import replace

import pytest

from exchange.clock import DAY
from exchange.documents import api
from exchange.documents.messages import Role
from exchange.signing.documents import SigningKey
from portal.api.route import Who
from portal.api.routes import ROUTES
from portal.force import officers
from tests.portal.conftest import Town
from tests.portal.people.visits import Visitor
from tests.portal.supervision.supervisors import known
from tests.portal.whole.busy_town import NOWHERE, BusyTown, busy_town
from tests.portal.wire import Officer

OWN = 200
"""It answers of the caller's own things, of which there are none here."""
EXPECTED: dict[tuple[str, str], tuple[int, int]] = {
    ("GET", api.SEARCH): (OWN, 403),
    ("POST", api.OFFICER_REQUESTS): (422, 422),
    ("GET", api.OFFICER_REQUESTS): (OWN, OWN),
    ("GET", api.OFFICER_REQUEST): (404, 404),
    ("GET", api.OFFICER_OFFERS): (OWN, OWN),
    ("GET", api.CONTENT): (404, 404),
    ("PUT", api.RECEIPT): (404, 404),
    ("PUT", api.OFFICER_SAYS): (404, 404),
    ("GET", api.OFFICER_FEEDBACK): (OWN, OWN),
    ("GET", api.TEAMS): (OWN, OWN),
    ("GET", api.TEAM): (404, 404),
    ("GET", api.TEAM_VERSION): (404, 404),
    ("PUT", api.TEAM_VERSION): (422, 422),
    ("GET", api.OFFICER_DOCUMENT): (404, 404),
    ("POST", api.USES): (404, 404),
    ("GET", api.USES): (403, OWN),
    ("GET", api.USES_HEAD): (OWN, OWN),
    ("POST", api.USES_HEAD): (403, 409),
    ("GET", api.USES_RESTORED): (OWN, OWN),
    ("POST", api.USES_RESTORED): (403, 409),
    ("GET", api.PEOPLE_NEARBY): (OWN, 403),
    ("POST", api.PERSON_REQUESTS): (422, 422),
    ("GET", api.PERSON_REQUESTS): (OWN, OWN),
    ("GET", api.PERSON_REQUEST): (404, 404),
    ("GET", api.PERSON_FILE): (404, 404),
    ("GET", api.PERSON_DOCUMENT): (404, 404),
    ("POST", api.PERSON_WORD): (404, 404),
    ("POST", api.APPEALS): (422, 422),
    ("GET", api.APPEALS): (OWN, OWN),
    ("GET", api.APPEAL): (404, 404),
    ("PUT", api.APPEAL_CLOSED): (404, 404),
    ("GET", api.CONTRIBUTIONS): (404, 404),
    ("PUT", api.CONTRIBUTION_MARK): (404, 404),
    ("GET", api.CONTRIBUTION_FILE): (404, 404),
    ("POST", api.SESSION): (404, 404),
    ("DELETE", api.SESSION): (204, 204),
    ("POST", api.SUPERVISION): (415, 415),
    ("POST", api.AUTHORISATIONS): (415, 415),
    ("GET", api.AUTHORISATIONS): (OWN, OWN),
    ("PUT", api.AUTHORISATION): (415, 415),
    ("GET", api.QUOTAS): (OWN, OWN),
    ("GET", api.HOLDS): (OWN, OWN),
    ("PUT", api.HOLD): (415, 415),
    ("PUT", api.HOLD_LIFTED): (415, 415),
    ("GET", api.RETENTION): (OWN, OWN),
    ("GET", api.ROOM): (OWN, OWN),
    ("GET", api.USES_ABOUT): (403, OWN),
}
"""What another officer of the force is answered, and an auditor. 415: nothing is sent there, as it is about nothing of
hers. A new call belongs in here."""
HERS = (b"r-1", b"p-1", b"case-1", b"EX/26/004711", b"red van")
"""What stands in nobody else's answer."""
TOLD_TO_AUDITORS = {("GET", api.USES), ("GET", api.USES_ABOUT)}


def test_every_call_of_officers_is_in_the_table() -> None:
    assert set(EXPECTED) == {(route.method, route.path) for route in ROUTES if route.who is Who.OFFICER}


@pytest.fixture
async def busy(town: Town, visitor: Visitor) -> BusyTown:
    return await busy_town(town, visitor)


async def answers(busy: BusyTown, who: Officer, about: dict[str, object]) -> dict[tuple[str, str], tuple[int, bytes]]:
    found = {}
    for method, template in EXPECTED:
        body = busy.body(method, template, who)
        answer = await who.call(method, busy.path(template, about), body, query=busy.query(template))
        found[method, template] = (answer.status, answer.content)
    return found


async def test_what_is_anothers_is_as_what_is_not_there(busy: BusyTown) -> None:
    for column, who in enumerate((busy.other, busy.auditor)):
        told = await answers(busy, who, busy.ids)
        assert {call: status for call, (status, _) in told.items()} == {
            call: statuses[column] for call, statuses in EXPECTED.items()
        }
        for call, (status, content) in told.items():
            if not (call in TOLD_TO_AUDITORS and status == OWN):
                assert [word for word in HERS if word in content] == [], call
        missing = await answers(busy, who, NOWHERE)
        differ = [call for call, found in told.items() if found != missing[call] and found[0] == 404]
        assert differ == [], "whether it is there can't be told from the answer"
    case = await busy.officer.case()
    assert [delivery.receipt for delivery in case.deliveries] == [None]


async def test_whoever_is_shut_out_is_told_nothing_by_any_call(busy: BusyTown) -> None:
    town = busy.town
    stranger = replace(busy.officer, key=SigningKey.generate())
    device = replace(busy.officer, key=busy.agent.key)
    revoked = await known(town, Role.OFFICER, collar_number="13")
    expired = await known(town, Role.OFFICER, collar_number="14")
    portal = town.running.portal
    for each in (revoked, expired):
        assert (await each.call("GET", api.OFFICER_REQUESTS)).status == 200
    await portal.db.write(lambda session: officers.revoke(session, "13", town.clock.now()))
    assert await refused(busy, (stranger, device, revoked)) == []
    town.clock.forward(31 * DAY)
    assert await refused(busy, (expired,)) == []


async def refused(busy: BusyTown, who: Iterable[Officer]) -> list[object]:
    """The calls that answered anything but 401 with the one text that there is."""
    texts: set[bytes] = set()
    wrong: list[object] = []
    for each in who:
        for call, (status, content) in (await answers(busy, each, busy.ids)).items():
            texts.add(content)
            if status != 401:
                wrong.append((each.key.public.fingerprint, call, status))
    for method, template in EXPECTED:
        nobody = await busy.officer.call(method, busy.path(template, busy.ids), token=None)
        texts.add(nobody.content)
        if nobody.status != 401:
            wrong.append(("nobody", method, template, nobody.status))
    assert len(texts) == 1
    return wrong
