"""Logging in with a code that is typed on another device: as often as the provider wants, and bound to the key."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from aiohttp import web

from exchange.documents import api
from exchange.errors import InputInvalid, PortalAnswerInvalid, PortalRefused
from exchange.signing.logins import SESSION_HEADER, LoginIssuer, LoginProof, LoginSession
from portal.officer.client import OfficerClient
from portal.officer.login.device import DeviceCode
from portal.officer.login.entering import by_code, log_in
from portal.officer.login.issuer import IssuerClient
from portal.officer.login.session import KeptLogin
from tests.counterparts.http.openid_provider import CLIENT, OpenIdProvider, log_in_there
from tests.portal.conftest import Town
from tests.portal.logins.conftest import ACCOUNT
from tests.portal.supervision.machines import Machine

SCOPE = "openid email offline_access"
NONCE = "n" * 64
PENDING, SLOW_DOWN = "authorization_pending", "slow_down"


def issuer_of(origin: str) -> IssuerClient:
    return IssuerClient(LoginIssuer(issuer=origin, client_id=CLIENT, scope=SCOPE))


def elsewhere(code: DeviceCode) -> str:
    """Where somebody with another device goes, the code typed."""
    return f"{code.verification_uri}?{urlencode({'user_code': code.user_code})}"


class Person:
    """Somebody with another device, who acts while the program waits for the second time."""

    def __init__(self, account: str = ACCOUNT, refuses: bool = False) -> None:
        self.account, self.refuses = account, refuses
        self.code: DeviceCode | None = None
        self.waits: list[float] = []

    def show(self, code: DeviceCode) -> None:
        self.code = code

    async def pause(self, seconds: float) -> None:
        self.waits.append(seconds)
        if len(self.waits) == 2:
            assert self.code is not None
            await log_in_there(elsewhere(self.code), self.account, self.refuses)


@pytest.fixture
def login_settings(request: pytest.FixtureRequest) -> dict[str, object]:
    """The force wants logins by code, unless a test says otherwise."""
    return getattr(request, "param", {"codes": True})


@pytest.fixture
def machine(town: Town, tmp_path: Path) -> Machine:
    return Machine(town, tmp_path, town.officer)


async def typed(machine: Machine, person: Person) -> KeptLogin | None:
    async with OfficerClient(machine.who.origin, machine.who.key, machine.who.clock) as client:
        return await log_in(machine.state, client, lambda *about: by_code(*about, person.show, person.pause))


async def test_a_code_is_typed_elsewhere_and_the_login_is_gone_on_with(
    town: Town, provider: OpenIdProvider, machine: Machine
) -> None:
    person = Person()
    kept = await typed(machine, person)
    assert kept is not None
    assert person.waits == [5, 5]
    issuer = issuer_of(provider.issuer)
    renewed = await issuer.refresh(await issuer.discover(), str(kept.refresh_token))
    async with OfficerClient(town.origin, machine.who.key, town.clock) as client:
        given = await client.begin_session(LoginProof(id_token=renewed.id_token), kept.session)
    assert given.ends == kept.ends
    answer = await town.officer.call("GET", api.OFFICER_REQUESTS, headers={SESSION_HEADER: given.session})
    assert answer.status == 200


@pytest.mark.parametrize("account", ["bea.lind@example.police.uk", "unverified@example.police.uk"])
async def test_who_types_the_code_must_be_who_has_the_key(machine: Machine, account: str) -> None:
    with pytest.raises(PortalRefused, match="account"):
        await typed(machine, Person(account))
    assert await asyncio.to_thread(machine.state.logins.read) is None


async def test_such_a_login_counts_once(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    proofs: list[LoginProof] = []
    begin = OfficerClient.begin_session

    async def heard(self: OfficerClient, proof: LoginProof, before: str | None = None) -> LoginSession:
        proofs.append(proof)
        return await begin(self, proof, before)

    monkeypatch.setattr(OfficerClient, "begin_session", heard)
    assert await typed(machine, Person()) is not None
    async with OfficerClient(machine.who.origin, machine.who.key, machine.who.clock) as client:
        with pytest.raises(PortalRefused, match="used before"):
            await client.begin_session(proofs[0])


@pytest.mark.parametrize("login_settings", [{}], indirect=True)
async def test_a_force_that_wants_every_login_bound_to_the_key_takes_none_that_is_not(machine: Machine) -> None:
    with pytest.raises(PortalRefused, match="with a browser only"):
        await typed(machine, Person())


async def test_who_says_no_on_the_other_device_ends_it(provider: OpenIdProvider) -> None:
    person = Person(refuses=True)
    with pytest.raises(PortalRefused, match="said no"):
        await by_code(issuer_of(provider.issuer), NONCE, person.show, person.pause)
    assert person.waits == [5, 5]


# -- what the provider above never says ------------------------------------------------------------------------------


class Answers:
    """A provider that gives these answers to questions for tokens, one after the other."""

    def __init__(self, *answers: str, **code: Any) -> None:
        self.answers = list(answers)
        self.code: dict[str, Any] | None = code
        self.origin = ""

    async def discovery(self, _: web.Request) -> web.Response:
        found = {f"{name}_endpoint": f"{self.origin}/{name}" for name in ("authorization", "token")}
        if self.code is not None:
            found["device_authorization_endpoint"] = f"{self.origin}/device"
        return web.json_response({"issuer": self.origin, **found})

    async def device(self, request: web.Request) -> web.Response:
        assert (await request.post())["nonce"] == NONCE
        usual = {"device_code": "d", "user_code": "ABCD-EFGH", "verification_uri": f"{self.origin}/device"}
        return web.json_response({**usual, "expires_in": 60, **(self.code or {})})

    async def token(self, _: web.Request) -> web.Response:
        answer = self.answers.pop(0)
        if answer == "broken":
            raise web.HTTPServiceUnavailable
        if "." in answer:
            return web.json_response({"id_token": answer})
        return web.json_response({"error": answer}, status=400)


@asynccontextmanager
async def answering(answers: Answers) -> AsyncIterator[IssuerClient]:
    app = web.Application()
    app.router.add_get("/.well-known/openid-configuration", answers.discovery)
    app.router.add_post("/device", answers.device)
    app.router.add_post("/token", answers.token)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        answers.origin = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield issuer_of(answers.origin)
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(
    ("answers", "code", "waits"),
    [
        ([PENDING, SLOW_DOWN, PENDING, SLOW_DOWN, "expired_token"], {}, [5, 5, 10, 10, 15]),
        (["broken", PENDING, "expired_token"], {"interval": 2}, [2, 4, 4]),
        ([PENDING] * 3, {"interval": 20}, [20, 20, 20]),
        ([], {"interval": 30, "expires_in": 20}, []),
    ],
    ids=["slower", "gone-for-a-moment", "time-is-over", "never-in-time"],
)
async def test_the_provider_is_asked_as_seldom_as_it_wants_until_the_code_has_ended(
    answers: list[str], code: dict[str, Any], waits: list[float]
) -> None:
    found: list[float] = []

    async def pause(seconds: float) -> None:
        found.append(seconds)

    async with answering(Answers(*answers, **code)) as issuer:
        with pytest.raises(PortalRefused, match="in time"):
            await by_code(issuer, NONCE, lambda _: None, pause)
    assert found == waits


@pytest.mark.parametrize(
    "code",
    [
        {"verification_uri": "http://login.example.org/device"},
        {"user_code": "AB\x1b[2JCD"},
        {"user_code": ""},
        {"expires_in": 0},
        {"interval": "often"},
    ],
)
async def test_codes_that_are_none_are_shown_to_nobody(code: dict[str, Any]) -> None:
    shown: list[DeviceCode] = []
    async with answering(Answers(**code)) as issuer:
        with pytest.raises(PortalAnswerInvalid):
            await by_code(issuer, NONCE, shown.append, asyncio.sleep)
    assert shown == []


async def test_a_provider_without_codes_is_told() -> None:
    answers = Answers()
    answers.code = None
    async with answering(answers) as issuer:
        with pytest.raises(InputInvalid, match="no codes"):
            await by_code(issuer, NONCE, lambda _: None, asyncio.sleep)
