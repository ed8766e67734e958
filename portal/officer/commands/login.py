"""``handover-officer login`` and ``logout``: the force's account, where its portal wants one beside the key."""

import contextlib
import secrets
import webbrowser

import click

from exchange.clock import to_rfc3339
from exchange.errors import HandoverError
from exchange.signing.logins import LoginIssuer, LoginProof, login_nonce
from portal.console import json_option, one_line
from portal.officer.client import OfficerClient
from portal.officer.login.issuer import Attempt, IssuerClient, Tokens
from portal.officer.login.loopback import way_back
from portal.officer.login.session import KeptLogin
from portal.officer.tools import Tools


@click.command()
@click.option("--no-browser", is_flag=True, help="Print the address to open, and open no browser.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, show_default=True,
              help="Of this machine, at which the browser comes back; 0 is a free one.")  # fmt: skip
@json_option
@click.pass_obj
def login(tools: Tools, no_browser: bool, port: int, as_json: bool) -> None:
    """Log in with your force's account, in your browser, for some hours."""

    async def work(client: OfficerClient) -> KeptLogin | None:
        wanted = await client.login_wanted()
        if wanted.accounts is None:
            return None
        secret = secrets.token_urlsafe(32)
        nonce = login_nonce(tools.state.key().public.fingerprint, secret)
        tokens = await _in_the_browser(wanted.accounts, nonce, port, tools, opens=not no_browser)
        given = await client.begin_session(LoginProof(id_token=tokens.id_token, secret=secret))
        kept = KeptLogin(
            portal=client.origin,
            accounts=wanted.accounts,
            session=given.session,
            expires=given.expires,
            ends=given.ends,
            refresh_token=tokens.refresh_token,
        )
        tools.state.logins.keep(kept)
        return kept

    kept = tools.run(work)
    until = None if kept is None else to_rfc3339(kept.ends if kept.refresh_token is not None else kept.expires)
    if as_json:
        one_line({"logged_in": kept is not None, "until": until})
    elif until is None:
        tools.console.print("This portal wants no login: your key is enough.")
    else:
        tools.console.print(f"You are logged in, until {until[:16]}Z at the latest.")


@click.command()
@json_option
@click.pass_obj
def logout(tools: Tools, as_json: bool) -> None:
    """End your login, here, at the portal and at your force's provider."""
    kept = tools.state.logins.read()
    if kept is not None:

        async def work(client: OfficerClient) -> None:
            issuer = IssuerClient(kept.accounts)
            with contextlib.suppress(HandoverError):  # the portal's word is what counts
                if kept.refresh_token is not None:
                    await issuer.revoke(await issuer.discover(), kept.refresh_token)
            await client.end_session(kept.session)

        try:
            tools.run(work)
        finally:
            tools.state.logins.forget()
    if as_json:
        one_line({"was_logged_in": kept is not None})
        return
    tools.console.print("You are logged out." if kept is not None else "You were not logged in.")


async def _in_the_browser(accounts: LoginIssuer, nonce: str, port: int, tools: Tools, *, opens: bool) -> Tokens:
    client = IssuerClient(accounts)
    endpoints = await client.discover()
    async with way_back(port) as way:
        attempt = Attempt(way.redirect, nonce)
        way.state, way.issuer = attempt.state, accounts.issuer
        address = client.address(endpoints, attempt)
        if not opens or not webbrowser.open(address):
            click.echo(f"Open this in a browser on this machine:\n{address}", err=True)
        return await client.take_code(endpoints, attempt, await way.code())
