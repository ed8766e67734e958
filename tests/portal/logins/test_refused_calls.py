"""What an officer is told whom the portal doesn't know, or whose portal does not answer."""

import socket
from urllib.parse import urlsplit

import pytest

from exchange.clock import HOUR, SystemClock
from exchange.errors import PortalRefused, PortalUnreachable
from exchange.signing.documents import SigningKey
from portal.officer import connection
from portal.officer.client import OfficerClient
from tests.portal.conftest import Town
from tests.portal.wire import SetClock


async def test_who_was_not_let_in_yet_or_whose_clock_is_wrong_is_told_so(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with OfficerClient(town.origin, SigningKey.generate(), town.clock) as stranger:
        with pytest.raises(PortalRefused, match="does not know your key") as refused:
            await stranger.quotas()
        assert "handover-portal officer add" in refused.value.do
        monkeypatch.setattr(connection, "SystemClock", lambda: SetClock(SystemClock().now() + HOUR))
        with pytest.raises(PortalRefused, match="seconds apart") as refused:
            await stranger.quotas()
        assert "Set the clock" in refused.value.do


@pytest.mark.parametrize(
    ("origin", "why"),
    [
        ("http://127.0.0.1:{closed}", "nothing listens there"),
        ("https://127.0.0.1:{plain}", "does not speak TLS"),
        ("http://nowhere.invalid", "no machine of this name"),
    ],
)
async def test_a_portal_that_does_not_answer_is_told_with_the_reason(town: Town, origin: str, why: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        closed = taken.getsockname()[1]
    wanted = origin.format(closed=closed, plain=urlsplit(town.origin).port)
    async with OfficerClient(wanted, SigningKey.generate(), town.clock) as client:
        with pytest.raises(PortalUnreachable, match=why):
            await client.force()
