"""An officer who logs in with the force's account: a session and the key together, and neither alone."""

import asyncio
import base64
import hmac
import json
import secrets
from dataclasses import replace
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from exchange.clock import HOUR, MINUTE, SECOND
from exchange.documents import api
from exchange.signing.documents import SigningKey
from exchange.signing.logins import SESSION_HEADER, WANTED_HEADER, LoginIssuer, LoginProof, LoginSession, login_nonce
from portal import sweep
from portal.logins import issuer as issuers
from portal.officer.login.issuer import Attempt, IssuerClient, Tokens
from portal.officer.login.loopback import way_back
from tests.counterparts.http.openid_provider import ANOTHER, CLIENT, OpenIdProvider, log_in_there, openid_provider
from tests.counterparts.portals.portal import DETAILS, add_officer, in_process
from tests.portal.conftest import BOTH, Town
from tests.portal.logins.conftest import ACCOUNT
from tests.portal.wire import Answer, Officer

SECRET = secrets.token_urlsafe(32)
SCOPE = "openid email offline_access"
on_both = pytest.mark.parametrize("engine", BOTH, indirect=True)
"""Tests of what is kept of a login; what is only checked of one, no database changes."""


async def log_in(
    provider: OpenIdProvider, officer: Officer, account: str = ACCOUNT, client: str = CLIENT, secret: str = SECRET
) -> Tokens:
    """As the officer's program does, with a person at the browser."""
    there = IssuerClient(LoginIssuer(issuer=provider.issuer, client_id=client, scope=SCOPE))
    endpoints = await there.discover()
    async with way_back(0) as way:
        attempt = Attempt(way.redirect, login_nonce(officer.key.public.fingerprint, secret))
        way.state, way.issuer = attempt.state, provider.issuer
        assert "You are logged in" in await log_in_there(there.address(endpoints, attempt), account)
        return await there.take_code(endpoints, attempt, await way.code())


async def prove(officer: Officer, id_token: str, secret: str | None = SECRET, before: str | None = None) -> Answer:
    headers = {} if before is None else {SESSION_HEADER: before}
    return await officer.call("POST", api.SESSION, LoginProof(id_token=id_token, secret=secret), headers=headers)


async def session_of(provider: OpenIdProvider, officer: Officer) -> LoginSession:
    answer = await prove(officer, (await log_in(provider, officer)).id_token)
    assert answer.status == 200, answer.content
    return LoginSession.model_validate_json(answer.content)


async def asks(officer: Officer, session: str | None) -> Answer:
    headers = {} if session is None else {SESSION_HEADER: session}
    return await officer.call("GET", api.OFFICER_REQUESTS, headers=headers)


async def another_officer(town: Town) -> Officer:
    key, place = SigningKey.generate(), town.place
    details = replace(DETAILS, name="Bea Lind", collar_number="4712", contact="bea.lind@example.police.uk")
    made = (place.folder, place.settings, place.force, key, town.clock.now(), details)
    return replace(town.officer, key=key, credential=await asyncio.to_thread(add_officer, *made))


async def test_what_login_is_wanted_is_said_to_everybody(town: Town, provider: OpenIdProvider) -> None:
    answer = await town.officer.call("GET", api.LOGIN, token=None)
    assert answer.json == {
        "accounts": {"issuer": provider.issuer, "client_id": CLIENT, "scope": SCOPE}, "required": True,
    }  # fmt: skip


@on_both
async def test_neither_a_key_without_a_session_nor_a_session_without_its_key_does_anything(
    town: Town, provider: OpenIdProvider
) -> None:
    officer, other = town.officer, await another_officer(town)
    without = await asks(officer, None)
    assert (without.status, without.headers[WANTED_HEADER]) == (401, "wanted")
    session = (await session_of(provider, officer)).session
    assert (await asks(officer, session)).status == 200
    assert (await asks(officer, session[::-1])).status == 401
    assert (await asks(other, session)).status == 401
    headers = {SESSION_HEADER: session}
    keyless = await officer.call("GET", api.OFFICER_REQUESTS, headers=headers, token=None)
    assert (keyless.status, WANTED_HEADER in keyless.headers) == (401, False)
    assert (await officer.call("DELETE", api.SESSION, headers=headers)).status == 204
    assert (await asks(officer, session)).status == 401


async def test_agents_and_everybody_else_need_no_login(town: Town) -> None:
    agent = await town.agent().join(town.place)
    assert (await agent.inbox()).items == ()


@on_both
async def test_a_login_is_of_use_once_with_its_key_at_this_portal_for_its_person(
    town: Town, provider: OpenIdProvider
) -> None:
    officer, other = town.officer, await another_officer(town)
    token = (await log_in(provider, officer)).id_token
    assert (await prove(other, token)).status == 401
    assert (await prove(officer, token, secrets.token_urlsafe(32))).status == 401
    assert (await prove(officer, token, None)).status == 401
    assert (await prove(officer, token)).status == 200
    again = await prove(officer, token)
    assert (again.status, again.title) == (401, "The login was used before.")
    elsewhere = await log_in(provider, officer, client=ANOTHER)
    assert (await prove(officer, elsewhere.id_token)).title == "The login was not accepted."
    anothers = await log_in(provider, officer, account="bea.lind@example.police.uk")
    assert (await prove(officer, anothers.id_token)).status == 403
    unsure = await log_in(provider, officer, account="unverified@example.police.uk")
    assert (await prove(officer, unsure.id_token)).status == 403


@on_both
async def test_a_session_ends_and_is_gone_on_with_until_a_person_must_log_in(
    town: Town, provider: OpenIdProvider
) -> None:
    officer, clock, settings = town.officer, town.clock, town.place.settings.login
    assert settings is not None
    tokens = await log_in(provider, officer)
    first = LoginSession.model_validate_json((await prove(officer, tokens.id_token)).content)
    assert first.expires == clock.now() + settings.minutes * MINUTE
    there = IssuerClient(LoginIssuer(issuer=provider.issuer, client_id=CLIENT, scope=SCOPE))
    assert tokens.refresh_token is not None
    renewed = await there.refresh(await there.discover(), tokens.refresh_token)
    other = await another_officer(town)
    assert (await prove(other, renewed.id_token, None, first.session)).status == 401
    clock.forward(settings.minutes * MINUTE)
    assert (await asks(officer, first.session)).status == 401
    clock.forward(-2 * SECOND)
    answer = await prove(officer, renewed.id_token, None, first.session)
    assert answer.status == 200, answer.content
    second = LoginSession.model_validate_json(answer.content)
    assert second.ends == first.ends
    assert [(await asks(officer, each.session)).status for each in (first, second)] == [401, 200]
    last = await there.refresh(await there.discover(), str(renewed.refresh_token))
    clock.forward(settings.longest_hours * HOUR)
    assert (await prove(officer, last.id_token, None, second.session)).status == 401
    await sweep.sweep(town.running.portal.db, town.running.portal.uploads, town.place.settings, clock.now())
    clock.forward(-settings.longest_hours * HOUR)
    assert (await asks(officer, second.session)).status == 401


@pytest.mark.parametrize(
    ("seconds", "status"),
    [(0, 200), (-50, 200), (-120, 401), (3600 + 30, 200), (3600 + 120, 401)],
    ids=["right", "a-little-slow", "slow", "over-within-leeway", "over"],
)
async def test_clocks_may_differ_by_a_minute(town: Town, provider: OpenIdProvider, seconds: int, status: int) -> None:
    token = (await log_in(provider, town.officer)).id_token
    issued = jwt.decode(token, options={"verify_signature": False})["iat"]
    town.clock.time = (issued + seconds) * SECOND
    assert (await prove(town.officer, token)).status == status


async def test_a_provider_that_is_gone_keeps_nobody_out_who_is_in(town: Town) -> None:
    with openid_provider() as another:
        login = town.place.settings.login
        assert login is not None
        settings = town.place.settings.model_copy(update={"login": login.model_copy(update={"issuer": another.issuer})})
        running = in_process(replace(town.place, folder=_beside(town), settings=settings), town.clock)
        async with running as now:
            officer = replace(town.officer, origin=now.portal.origin)
            first, second = [await log_in(another, officer, secret=SECRET) for _ in range(2)]
            another.end()
            refused = await prove(officer, first.id_token)
            assert (refused.status, "Retry-After" in refused.headers) == (503, True)
            assert second.id_token != first.id_token


def _beside(town: Town) -> Any:
    """Another folder, with the same officer."""
    import shutil

    from portal.settings import PortalFolder

    folder = PortalFolder(town.place.folder.path.parent / "beside")
    shutil.copytree(town.place.folder.path, folder.path)
    return folder


async def test_keys_that_are_known_go_on_while_the_provider_is_gone(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def gone(*_: object) -> list[dict[str, Any]]:
        raise TimeoutError

    key = rsa.generate_private_key(65537, 2048)
    known = _known(town, key)
    monkeypatch.setattr(known, "_fetch", gone)
    town.clock.forward(2 * HOUR)
    assert (await prove(town.officer, _signed(town, key))).status == 200


def _known(town: Town, key: rsa.RSAPrivateKey) -> issuers.Issuer:
    """The portal's issuer, whose one key is this."""
    found = town.running.portal.logins
    assert found is not None
    public = jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    found._keys, found._fetched = [{**public, "kid": "k"}], town.clock.monotonic()
    return found


def _claims(town: Town, **changed: Any) -> dict[str, Any]:
    login, now = town.place.settings.login, town.clock.now() // SECOND
    assert login is not None
    nonce = login_nonce(town.officer.key.public.fingerprint, SECRET)
    claims = {"iss": login.issuer, "aud": CLIENT, "sub": "s", "iat": now, "exp": now + 600, "email": ACCOUNT,
              "nonce": nonce}  # fmt: skip
    return {name: value for name, value in {**claims, **changed}.items() if value is not None}


def _signed(
    town: Town, key: Any, algorithm: str = "RS256", header: dict[str, Any] | None = None, **changed: Any
) -> str:
    return jwt.encode(_claims(town, **changed), key, algorithm, {"kid": "k", **(header or {})})


def _by_shared_secret(claims: dict[str, Any], public: bytes) -> str:
    """Signed with what everybody knows, as if it were a secret: no library does that any more."""
    parts = [base64.urlsafe_b64encode(json.dumps(each).encode()).rstrip(b"=")
             for each in ({"alg": "HS256", "kid": "k"}, claims)]  # fmt: skip
    signed = b".".join(parts)
    mac = hmac.digest(public, signed, "sha256")
    return (signed + b"." + base64.urlsafe_b64encode(mac).rstrip(b"=")).decode()


async def test_only_what_the_providers_key_signed_and_says_all_that_it_must_is_taken(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, other = (rsa.generate_private_key(65537, 2048) for _ in range(2))
    known = _known(town, ours)

    async def same() -> list[dict[str, Any]]:
        return known._keys

    monkeypatch.setattr(known, "_fetch", same)
    public = ours.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    now = town.clock.now() // SECOND
    forged = [
        jwt.encode(_claims(town), None, "none"),
        _by_shared_secret(_claims(town), public),
        _signed(town, other),
        _signed(town, ours, header={"kid": "unknown"}),
        _signed(town, ours, header={"crit": ["x"], "x": 1}),
        _signed(town, ours, "RS512"),
        _signed(town, ours, iss="https://another.example"),
        _signed(town, ours, aud="another"),
        _signed(town, ours, aud=[CLIENT, "another"]),
        _signed(town, ours, aud=[CLIENT, "another"], azp="another"),
        _signed(town, ours, azp="another"),
        _signed(town, ours, exp=None),
        _signed(town, ours, iat=None),
        _signed(town, ours, sub=None),
        _signed(town, ours, nbf=now + 600),
        _signed(town, ours, exp=now - 61),
        _signed(town, ours, exp=1 << 60),
        _signed(town, ours, nonce="another"),
        _signed(town, ours, nonce=None),
    ]
    assert [(await prove(town.officer, token)).status for token in forged[1:]] == [401] * (len(forged) - 1)
    assert (await prove_raw(town.officer, forged[0])).status == 422
    assert (await prove(town.officer, _signed(town, ours, email=None))).status == 403
    assert (await prove(town.officer, _signed(town, ours, aud=[CLIENT, "another"], azp=CLIENT))).status == 200


async def prove_raw(officer: Officer, id_token: str) -> Answer:
    return await officer.call("POST", api.SESSION, f'{{"id_token": "{id_token}", "secret": "{SECRET}"}}')


async def test_where_a_login_is_not_required_the_key_is_enough(town: Town) -> None:
    login = town.place.settings.login
    assert login is not None
    settings = town.place.settings.model_copy(update={"login": login.model_copy(update={"required": False})})
    async with in_process(replace(town.place, folder=_beside(town), settings=settings), town.clock) as now:
        officer = replace(town.officer, origin=now.portal.origin)
        assert (await asks(officer, None)).status == 200
        assert (await officer.call("GET", api.LOGIN, token=None)).json["required"] is False


async def test_a_portal_without_logins_knows_none(town: Town) -> None:
    settings = town.place.settings.model_copy(update={"login": None})
    async with in_process(replace(town.place, folder=_beside(town), settings=settings), town.clock) as now:
        officer = replace(town.officer, origin=now.portal.origin)
        assert (await officer.call("GET", api.LOGIN, token=None)).json == {"required": False}
        assert (await prove(officer, "a.b.c")).status == 404
