"""The portal over TLS, with a certificate of a small authority made on the spot."""

import datetime
import ssl
from pathlib import Path

import aiohttp
import pytest
import trustme

from agent import app
from agent.portal.client import PortalClient
from agent.settings.model import settings_from_text
from exchange.documents import api
from exchange.errors import PortalUnreachable, SettingsInvalid
from exchange.signing.documents import SigningKey
from portal.officer.client import OfficerClient
from portal.server import Listen, running, tls_context
from tests.counterparts.portals.portal import Place
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


HOURS = datetime.timedelta(hours=5)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("expired", "has run out, by this machine's clock"),
        ("not yet", "is not valid yet, by this machine's clock"),
        ("other name", "is for another name"),
        ("unknown", "is by an authority that this machine does not know"),
    ],
)
async def test_agent_and_officer_are_told_what_is_wrong_with_the_portal_s_certificate(
    place: Place, clock: SetClock, authority: trustme.CA, tmp_path: Path, wrong: str, told: str
) -> None:
    now = datetime.datetime.now(datetime.UTC)
    certificate = authority.issue_cert(
        "192.0.2.9" if wrong == "other name" else "127.0.0.1",
        not_before=now + HOURS if wrong == "not yet" else now - 2 * HOURS,
        not_after=now - HOURS if wrong == "expired" else now + 2 * HOURS,
    )
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    chain.write_bytes(b"".join(blob.bytes() for blob in certificate.cert_chain_pems))
    certificate.private_key_pem.write_to_path(str(key))
    trusting = ssl.create_default_context()
    (trustme.CA() if wrong == "unknown" else authority).configure_trust(trusting)
    async with (
        running(place.folder, place.settings, Listen("127.0.0.1", 0), tls_context(chain, key), clock) as portal,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trusting)) as session,
    ):
        agent = PortalClient(session, portal.address, SigningKey.generate())
        officer = OfficerClient(portal.address, SigningKey.generate(), clock, session)
        for call in (agent.force, officer.cases):
            with pytest.raises(PortalUnreachable) as refused:
                await call()
            assert told in refused.value.what
            assert portal.address in refused.value.what
            assert refused.value.do


def test_a_certificate_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    (tmp_path / "bad.pem").write_text("nonsense")
    with pytest.raises(SettingsInvalid, match=r"bad\.pem"):
        tls_context(tmp_path / "bad.pem", tmp_path / "missing.pem")


async def test_an_owners_agent_trusts_the_authority_that_its_settings_name(
    place: Place, clock: SetClock, authority: trustme.CA, files: tuple[Path, Path], tmp_path: Path
) -> None:
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    async with running(place.folder, place.settings, Listen("127.0.0.1", 0), tls_context(*files), clock) as portal:
        for ca_file, trusted in ((tmp_path / "authority.pem", True), (None, False)):
            named = f", ca_file: {ca_file}" if ca_file else ""
            text = f"""
data: {tmp_path / "agent"}
portal: {{url: "{portal.portal.origin}"{named}}}
owner: {{kind: household, name: Robin Example, contact: 01632 960001}}
"""
            async with app.build(settings_from_text(text, tmp_path / "handover.yaml")) as agent:
                client = await agent.open_portal(portal.portal.origin)
                if trusted:
                    assert (await client.force()).force == place.settings.force
                else:
                    with pytest.raises(PortalUnreachable, match="certificate"):
                        await client.force()


async def test_an_authority_that_is_no_certificate_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    (tmp_path / "authority.pem").write_text("not a certificate")
    text = f"""
data: {tmp_path / "agent"}
portal: {{url: "https://127.0.0.1:9", ca_file: {tmp_path / "authority.pem"}}}
owner: {{kind: household, name: Robin Example, contact: 01632 960001}}
"""
    with pytest.raises(SettingsInvalid, match="ca_file"):
        async with app.build(settings_from_text(text, tmp_path / "handover.yaml")):
            pass
