"""``handover-officer setup``: the officer's key, the portal, and what the force says of the officer."""

import asyncio
import contextlib
from pathlib import Path

import click
from pydantic import ValidationError

from exchange.documents.messages import Credential, Signed
from exchange.errors import ForceKeyChanged, InputInvalid, PortalAnswerInvalid
from exchange.signing.credentials import open_credential
from exchange.signing.documents import PublicKey, read_unverified
from exchange.signing.teams import open_unit
from portal.console import FILE, json_option, one_line
from portal.force.keys import read_public, read_signed
from portal.officer.client import OfficerClient
from portal.officer.connection import LoginNeeded
from portal.officer.state import Setup
from portal.officer.token import TokenPlace
from portal.officer.tools import Tools


@click.command()
@click.option("--portal", help="The portal's address, such as https://share.example.police.uk.")
@click.option("--force-key", type=FILE, help="The force's public key (force.pub), from the force itself.")
@click.option("--credential", type=FILE, help="What the force signed for this officer's key.")
@click.option("--unit", type=FILE, help="The unit that the force signed: its recovery key opens your new cases too.")
@click.option("--token", "token_label", help="Have your key on a PKCS#11 token with this label; its PIN is asked for.")
@click.option("--token-module", type=FILE, help="The PKCS#11 library of the token's maker.")
@json_option
@click.pass_obj
def setup(
    tools: Tools, portal: str | None, force_key: Path | None, credential: Path | None, unit: Path | None,
    token_label: str | None, token_module: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Make the officer's key; with the force's credential for it, set up the portal too.

    First without options: give officer.pub to the force. Then with all three.
    """
    if (token_label is None) != (token_module is None):
        raise InputInvalid("A token has a label and a library.", do="Give --token and --token-module together.")
    if token_label is not None and token_module is not None:
        tools.state.use_token(TokenPlace(module=str(token_module), token=token_label))
    key = tools.state.make_key()
    tools.state.make_identity()
    public = tools.state.folder / "officer.pub"
    given = (portal, force_key, credential)
    if any(given) and not all(given):
        flags = zip(("--portal", "--force-key", "--credential"), given, strict=True)
        missing = " and ".join(flag for flag, value in flags if not value)
        raise InputInvalid(f"Missing: {missing}.", do="Give --portal, --force-key and --credential together.")
    ready = False
    if portal is not None and force_key is not None and credential is not None:
        if unit is not None:
            _check_can_be_on_a_team(read_unverified(read_signed(credential), Credential))
        _set_up(tools, portal, read_public(force_key), credential)
        ready = True
    if unit is not None:
        tools.state.keep_unit(_checked_unit(tools, unit))
    if as_json:
        recipient = str(tools.state.recipient_file)
        named = {"public_key": str(public), "recipient": recipient, "fingerprint": key.public.fingerprint}
        one_line({**named, "ready": ready})
        return
    tools.console.print(f"Your key: {key.public.fingerprint}  ({public})", soft_wrap=True)
    tools.console.print(
        "Set up."
        if ready
        else f"Give {public} and {tools.state.recipient_file} to the force; it signs a credential for both.",
        soft_wrap=True,
    )


def _checked_unit(tools: Tools, path: Path) -> Signed:
    """TeamInvalid when the force of this setup did not sign it; InputInvalid for who can be on no team."""
    _check_can_be_on_a_team(tools.state.credential(tools.clock.now())[1])
    signed = read_signed(path)
    open_unit(signed, PublicKey.parse(tools.state.setup().force_key), tools.clock.now())
    return signed


def _check_can_be_on_a_team(credential: Credential) -> None:
    """InputInvalid where a case's key could not be sealed for the officer: no case of theirs could have a team."""
    if credential.recipient is None or not credential.recipient.startswith("age1pq1"):
        raise InputInvalid(
            "The credential names no recipient of yours, so no case of yours could belong to a team.",
            meaning="Nothing was set up with --unit.",
            do="Give officer.pub and officer.recipient to the force, which signs a credential for both, and set up "
            "with that one; or leave --unit out.",
        )


def _set_up(tools: Tools, portal: str, force_key: PublicKey, credential: Path) -> None:
    signed = read_signed(credential)
    reply = open_credential(signed, force_key, tools.clock.now())
    if reply.public_key != tools.state.key().public.line:
        raise InputInvalid("The credential is for another key.", do="Have the force sign one for your officer.pub.")
    try:
        found = Setup(portal=portal, force=reply.force, force_key=force_key.line)
    except ValidationError:
        raise InputInvalid(
            f"{portal!r} is no portal's address.", do="Give one like https://share.example.org."
        ) from None

    async def compare() -> None:
        async with OfficerClient(found.portal, tools.state.key(), tools.clock) as client:
            info = await client.force()
            if info.public_key != found.force_key:
                raise ForceKeyChanged(
                    "The portal names another force key than the one that you gave.",
                    meaning=f"It names {PublicKey.parse(info.public_key).fingerprint}.",
                    do="Check the address and the key with the force, by another way.",
                )
            if info.portal != found.portal:
                raise PortalAnswerInvalid(
                    f"The portal calls itself {info.portal}, and not {found.portal}.",
                    do=f"If that is right, set up with --portal {info.portal}.",
                )
            with contextlib.suppress(LoginNeeded):  # which it says only to whom it knows
                await client.cases()

    asyncio.run(compare())
    tools.state.save_setup(found, signed)
