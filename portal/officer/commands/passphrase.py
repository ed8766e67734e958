"""``handover-officer passphrase`` and ``case-key``: how an officer's keys are locked, and one taken out.

Not for: the locking itself (``portal.officer.safe``).
"""

import getpass
from pathlib import Path

import click

from exchange.durable import durable_file
from exchange.errors import InputInvalid, NotFound
from portal.console import FILE, Group, json_option, one_line
from portal.officer import desktop_keyring
from portal.officer.safe import Ask, ask_at_terminal, from_file
from portal.officer.tools import Tools


def ask_for(folder: Path, passphrase_file: Path | None) -> Ask:
    """How the passphrase is got: from the file that is named, the desktop's keyring, or a person."""
    if passphrase_file is not None:
        return from_file(passphrase_file)
    return lambda words: desktop_keyring.remembered(folder) or ask_at_terminal(words)


@click.group(cls=Group)
def passphrase() -> None:
    """Lock your keys with a passphrase, which no command line ever holds."""


@passphrase.command("set")
@click.option("--new-file", type=FILE, help="A file with it on its first line; asked for otherwise.")
@json_option
@click.pass_obj
def passphrase_set(tools: Tools, new_file: Path | None, as_json: bool) -> None:
    """Lock every key that is here, and each that will be; or change the passphrase."""
    state = tools.state
    state.key()  # whoever has the passphrase that is, or a key that has none yet
    new = from_file(new_file)("") if new_file is not None else _typed_twice()
    known = desktop_keyring.remembered(state.folder) is not None
    state.set_passphrase(new)
    if known:
        desktop_keyring.remember(state.folder, new)
    if as_json:
        one_line({"locked": True, "in_keyring": known})
        return
    tools.console.print("Your keys are locked. Without the passphrase nobody opens them, you neither: keep a copy.")
    tools.console.print("Copies that were made of the folder before are not locked.")


@passphrase.command("remember")
@json_option
@click.pass_obj
def passphrase_remember(tools: Tools, as_json: bool) -> None:
    """Keep the passphrase in the desktop's keyring, so that your login opens your keys."""
    if not tools.state.safe.is_locked:
        raise NotFound("Your keys have no passphrase.", do="Set one: handover-officer passphrase set")
    typed = tools.state.ask("Passphrase of your keys")
    tools.state.safe.check(typed)
    desktop_keyring.remember(tools.state.folder, typed)
    _say(tools, as_json, "in_keyring", "The desktop's keyring has it.", value=True)


@passphrase.command("forget")
@json_option
@click.pass_obj
def passphrase_forget(tools: Tools, as_json: bool) -> None:
    """Take the passphrase out of the desktop's keyring."""
    desktop_keyring.forget(tools.state.folder)
    _say(tools, as_json, "in_keyring", "You are asked for it from now on.", value=False)


@click.command("case-key")
@click.option("--crime", required=True, help="The case's crime reference.")
@click.option("--out", type=FILE, required=True, help="Where to write it, for handover-verify --identity. Not locked.")
@json_option
@click.pass_obj
def case_key(tools: Tools, crime: str, out: Path, as_json: bool) -> None:
    """Write the keys of a case into a file of their own: for a package that came another way. Delete it after."""
    if not tools.state.knows_case(crime):
        raise NotFound(f"There is no key of the case {crime} here.", do="List them: handover-officer cases")
    if out.exists():
        raise InputInvalid(f"There is a file {out} already.", do="Choose another name.")
    lines = "".join(f"{each}\n" for each in tools.state.case_keys(crime))
    with durable_file(out) as file:
        file.write(lines.encode())
    _say(tools, as_json, "case_key", f"{out}: whoever has it opens the case. Delete it when you are done.", str(out))


def _typed_twice() -> str:
    new = ask_at_terminal("New passphrase")
    if getpass.getpass("The same once more: ") != new:
        raise InputInvalid("The two are not the same.", do="Type the command again.")
    return new


def _say(tools: Tools, as_json: bool, name: str, words: str, value: object) -> None:
    if as_json:
        one_line({name: value})
    else:
        tools.console.print(words, soft_wrap=True)
