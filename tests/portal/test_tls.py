"""The portal over TLS, with a certificate of a small authority made on the spot."""

import ssl
from pathlib import Path

import aiohttp
import pytest
import trustme

from exchange import api
from exchange.errors import SettingsInvalid
from portal.server import Listen, running, tls_context
from tests.counterparts.portal import Place
from tests.portal.wire import Agent, SetClock


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def files(authority: trustme.CA, tmp_path: Path) -> tuple[Path, Path]:
    certificate = authority.issue_cert("127.0.0.1")
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    chain.write_bytes(b"".join(blob.bytes() for blob in certificate.cert_chain_pems))
    certificate.private_key_pem.write_to_path(str(key))
    return chain, key


async def test_agents_speak_to_the_portal_over_tls(
    place: Place, clock: SetClock, authority: trustme.CA, files: tuple[Path, Path]
) -> None:
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    connector = aiohttp.TCPConnector(ssl=trusting)
    async with (
        running(place.folder, place.settings, Listen("127.0.0.1", 0), tls_context(*files), clock) as portal,
        aiohttp.ClientSession(connector=connector) as session,
    ):
        assert portal.address.startswith("https://127.0.0.1:")
        agent = await Agent(session, portal.portal.origin, clock).join(place)
        answer = await agent.call("GET", api.FORCE, token=None)
        assert "max-age" in answer.headers["Strict-Transport-Security"]
        url = await agent.upload(b"0123")
        assert url.startswith(portal.address)


def test_a_certificate_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    (tmp_path / "bad.pem").write_text("nonsense")
    with pytest.raises(SettingsInvalid, match=r"bad\.pem"):
        tls_context(tmp_path / "bad.pem", tmp_path / "missing.pem")
