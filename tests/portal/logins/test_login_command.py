"""``handover-officer login``: by the browser and back, kept beside the keys, gone on with, given up."""

import asyncio
import json
import threading
import webbrowser
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from click.testing import CliRunner, Result

from exchange.clock import SystemClock
from exchange.documents.api import Cases
from exchange.errors import PortalAnswerInvalid, PortalRefused, PortalUnreachable
from exchange.signing.logins import LoginIssuer
from portal.force.keys import write_signed
from portal.officer.cli import main
from portal.officer.client import OfficerClient
from portal.officer.connection import LoginNeeded
from portal.officer.login.device import DeviceCode
from portal.officer.login.issuer import IssuerClient, Tokens
from portal.officer.login.loopback import way_back
from portal.officer.login.session import KeptLogin
from portal.officer.state import OfficerState
from portal.officer.tools import Tools
from tests.counterparts.http.openid_provider import CLIENT, OpenIdProvider, log_in_there
from tests.counterparts.portals.portal import Place, PortalProcess
from tests.portal.logins.conftest import ACCOUNT

Typed = Callable[..., Result]


@pytest.fixture(autouse=True)
def _no_blocking() -> None:
    """A command has its loop to itself, and may wait for the disk."""


@pytest.fixture
def portal(place: Place) -> Iterator[PortalProcess]:
    with PortalProcess(place) as process:
        yield process


@pytest.fixture
def state(place: Place, tmp_path: Path) -> OfficerState:
    state = OfficerState(tmp_path / "officer")
    state.folder.mkdir(mode=0o700)
    state.safe.write(state.folder / "officer.key", place.officer.secret())
    return state


@pytest.fixture
def typed(state: OfficerState, monkeypatch: pytest.MonkeyPatch) -> Typed:
    """A command of the officer's; a browser that opens logs in as its officer."""

    def opened(address: str) -> bool:
        threading.Thread(target=lambda: asyncio.run(log_in_there(address, ACCOUNT))).start()
        return True

    monkeypatch.setattr(webbrowser, "open", opened)
    return lambda *words: CliRunner().invoke(main, ["--state", str(state.folder), *words])


@pytest.fixture
def set_up(typed: Typed, portal: PortalProcess, place: Place, tmp_path: Path) -> None:
    write_signed(tmp_path / "credential.json", place.credential)
    (tmp_path / "force.pub").write_text(place.force.key.public.line + "\n")
    done = typed("setup", "--portal", portal.origin, "--force-key", str(tmp_path / "force.pub"),
                 "--credential", str(tmp_path / "credential.json"))  # fmt: skip
    assert done.exit_code == 0, done.output


def tools(state: OfficerState) -> Tools:
    return Tools(state, SystemClock(), None)  # type: ignore[arg-type]


async def cases(client: OfficerClient) -> Cases:
    return await client.cases()


def test_an_officer_logs_in_works_and_logs_out(set_up: None, typed: Typed, state: OfficerState) -> None:
    before = typed("inbox")
    assert before.exit_code == PortalRefused.exit_code
    assert "handover-officer login" in before.output
    told = json.loads(typed("login", "--json").output)
    assert told["logged_in"] is True
    assert (state.folder / "login.json").stat().st_mode & 0o777 == 0o600
    assert typed("inbox").exit_code == 0
    session = state.logins.read()
    assert session is not None
    assert typed("logout").output == "You are logged out.\n"
    assert state.logins.read() is None
    state.logins.keep(session)
    with pytest.raises(LoginNeeded):
        tools(state).run(cases)
    assert "not logged in" in typed("logout").output or typed("logout").exit_code == 0


def test_a_machine_without_a_browser_shows_a_code_to_be_typed_elsewhere(
    set_up: None, typed: Typed, provider: OpenIdProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[DeviceCode] = []

    async def refuse(issuer: IssuerClient, code: DeviceCode, pause: object) -> Tokens:
        shown.append(code)
        raise PortalRefused("Your force's login said no.", do="Ask who runs it.")

    monkeypatch.setattr("portal.officer.login.entering.take_when_typed", refuse)
    ended = typed("login", "--device")
    assert ended.exit_code == PortalRefused.exit_code
    assert f"{provider.issuer}/device\nand type\n    {shown[0].user_code}\n" in ended.stderr
    assert shown[0].device_code not in ended.output


def test_a_session_that_ends_is_gone_on_with_unless_the_provider_says_no(
    set_up: None, typed: Typed, state: OfficerState, provider: OpenIdProvider
) -> None:
    assert typed("login").exit_code == 0
    first = state.logins.read()
    assert first is not None
    state.logins.keep(first.model_copy(update={"expires": SystemClock().now()}))
    assert tools(state).run(cases).cases == ()
    second = state.logins.read()
    assert second is not None
    assert second.session != first.session
    there = IssuerClient(LoginIssuer(issuer=provider.issuer, client_id=CLIENT, scope="openid"))

    async def shut() -> None:
        await there.revoke(await there.discover(), str(second.refresh_token))

    asyncio.run(shut())
    state.logins.keep(second.model_copy(update={"expires": SystemClock().now(), "session": first.session}))
    with pytest.raises(LoginNeeded):
        tools(state).run(cases)


def test_a_login_is_sealed_with_the_keys(set_up: None, typed: Typed, state: OfficerState, tmp_path: Path) -> None:
    assert typed("login").exit_code == 0
    state.set_passphrase("correct horse battery")
    assert not (state.folder / "login.json").exists()
    assert (state.folder / "login.json.age").exists()
    assert isinstance(state.logins.read(), KeptLogin)


def test_a_session_is_for_its_portal_only(set_up: None, typed: Typed, state: OfficerState) -> None:
    assert typed("login").exit_code == 0
    kept = state.logins.read()
    assert kept is not None
    state.logins.keep(kept.model_copy(update={"portal": "https://another.example"}))
    with pytest.raises(LoginNeeded):
        tools(state).run(cases)


async def test_only_the_answer_to_this_login_is_taken() -> None:
    async with way_back(0) as way, aiohttp.ClientSession() as browser:
        way.state, way.issuer = "s" * 43, "https://login.example"

        async def back(**query: str) -> int:
            async with browser.get(way.redirect, params=query) as answer:
                return answer.status

        assert await back(code="stolen", state="another") == 400
        assert await back(code="stolen") == 400
        assert await back(code="stolen", state=way.state, iss="https://another.example") == 400
        assert await back(code="mine", state=way.state, iss=way.issuer) == 200
        assert await back(code="late", state=way.state) == 400
        assert await way.code() == "mine"
    async with way_back(0) as way, aiohttp.ClientSession() as browser:
        way.state = "s" * 43
        assert await back(error="access_denied", state=way.state) == 200
        with pytest.raises(PortalRefused, match="said no"):
            await way.code()


@pytest.mark.parametrize(
    ("issuer", "error"),
    [
        ("http://login.example.org", PortalAnswerInvalid),
        ("http://127.0.0.1:1", PortalUnreachable),
        ("{issuer}/", PortalAnswerInvalid),
        ("{issuer}/elsewhere", PortalRefused),
    ],
)
async def test_a_provider_that_is_none_is_told(provider: OpenIdProvider, issuer: str, error: type[Exception]) -> None:
    there: Any = LoginIssuer(issuer=issuer.format(issuer=provider.issuer), client_id=CLIENT, scope="openid")
    with pytest.raises(error):
        await IssuerClient(there).discover()
