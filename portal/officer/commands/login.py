"""``handover-officer login`` and ``logout``: the force's account, where its portal wants one beside the key."""

import contextlib
import webbrowser

import click

from exchange.clock import to_rfc3339
from exchange.counted import counted
from exchange.errors import HandoverError
from portal.console import json_option, one_line
from portal.officer.client import OfficerClient
from portal.officer.login.device import DeviceCode
from portal.officer.login.entering import by_browser, by_code, log_in
from portal.officer.login.issuer import IssuerClient, Tokens
from portal.officer.login.loopback import way_back
from portal.officer.tools import Tools


@click.command()
@click.option("--no-browser", is_flag=True, help="Print the address to open, and open no browser.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, show_default=True,
              help="Of this machine, at which the browser comes back; 0 is a free one.")  # fmt: skip
@click.option("--device", is_flag=True, help="Without a browser here: print a code that you type on another device.")
@json_option
@click.pass_obj
def login(tools: Tools, no_browser: bool, port: int, device: bool, as_json: bool) -> None:
    """Log in with your force's account, in your browser, for some hours."""

    def open_it(address: str) -> None:
        if no_browser or not webbrowser.open(address):
            click.echo(f"Open this in a browser on this machine:\n{address}", err=True)

    async def way(issuer: IssuerClient, nonce: str) -> Tokens:
        if device:
            return await by_code(issuer, nonce, _show_code)
        async with way_back(port) as back:
            return await by_browser(issuer, nonce, back, open_it)

    kept = tools.run(lambda client: log_in(tools.state, client, way))
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


def _show_code(code: DeviceCode) -> None:
    minutes = max(1, code.expires_in // 60)
    click.echo(
        f"On a device of yours that has a browser, open\n    {code.verification_uri}\nand type\n    {code.user_code}\n"
        f"within {counted(minutes, 'minute')}. Type no code there that somebody else gave you.",
        err=True,
    )
