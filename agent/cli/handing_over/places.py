"""``handover places``: disks, SFTP accounts and buckets where packages and backups can be put.

Not for: putting anything there. A password or secret key is read from a file or typed unseen, and never shown.
"""

from pathlib import Path
from typing import Any

import click

from agent.cli.caller import ask_agent
from agent.cli.requests import as_json, print_json
from agent.cli.typed import read_secret
from agent.owner.terminal import prompt
from exchange.errors import InputInvalid

Json = dict[str, Any]


@click.group()
def places() -> None:
    """Disks, SFTP accounts and buckets where packages and backups can be put."""


@places.command("list")
@as_json
@click.pass_obj
def list_places(config: Path, plain: bool) -> None:
    """List the places that are set up."""
    reply = ask_agent(config, lambda call: call("places"))
    if plain:
        return print_json(reply)
    for each in reply["places"]:
        shown = f", host key {each['fingerprint']}" if "fingerprint" in each else ""
        click.echo(f"{each['name']}: {each['title']} ({each['kind']}, {each['address']}{shown})")
    if not reply["places"]:
        click.echo("No place is set up yet. Add one with: handover places add-folder, add-sftp or add-s3")
    return None


@places.command("add-folder")
@click.argument("name")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--title", help="What you call it; its name otherwise.")
@click.pass_obj
def add_folder(config: Path, name: str, folder: Path, title: str | None) -> None:
    """Add a folder of a disk or share that is mounted now. Nothing goes there while it is not."""
    _add(config, name, title, {"kind": "folder", "folder": str(folder.resolve())})


@places.command("add-sftp")
@click.argument("name")
@click.option("--host", required=True, help="The server.")
@click.option("--port", type=int, default=22, show_default=True, help="Its port.")
@click.option("--user", required=True, help="Whom to log in as.")
@click.option("--folder", default="", help="Where to put files there; where the login leads, without it.")
@click.option("--title", help="What you call it; its name otherwise.")
@click.option("--fingerprint", help="The server's fingerprint (SHA256:…), as its owner told you: no question then.")
@click.option("--password-file", type=click.Path(path_type=Path), help="A file with the password.")
@click.option("--password", "by_password", is_flag=True, help="Log in by a password, which you are asked for.")
@click.option("--key-file", type=click.Path(path_type=Path), help="A private key to log in with, without a passphrase.")
@click.pass_obj
def add_sftp(config: Path, /, name: str, title: str | None, **given: Any) -> None:
    """Add an SFTP account. You confirm the server's fingerprint; another key is refused from then on.

    Without a password or key file, a key is made for this account, and you are shown what its owner must allow.
    """
    host, port = given["host"], given["port"]
    server = ask_agent(config, lambda call: call("places-server", host=host, port=port), needs_daemon=True)
    _confirm(host, server["fingerprint"], given["fingerprint"])
    setting: Json = {
        "kind": "sftp", "host": host, "port": port, "user": given["user"], "folder": given["folder"],
        "host_key": server["host_key"],
    }  # fmt: skip
    if given["password_file"] is not None or given["by_password"]:
        setting["password"] = read_secret(given["password_file"], "Password (not shown)")
    elif given["key_file"] is not None:
        setting["private_key"] = _key_of(given["key_file"])
    else:
        setting["private_key"] = server["private_key"]
        click.echo("Have this line added to the account's authorized keys:")
        click.echo(server["public_key"])
        click.confirm("Is that done?", abort=True)
    _add(config, name, title, setting)


def _confirm(host: str, shown: str, known: str | None) -> None:
    if known is not None:
        if known.strip() != shown:
            raise InputInvalid(
                f"{host} shows {shown}, and not the fingerprint that you were told.",
                meaning="Somebody else may answer in its place. Nothing was sent.",
                do="Ask its owner again, by another way.",
            )
        return
    click.echo(f"{host} shows the fingerprint {shown}")
    click.confirm("Is it the one that its owner told you, by another way?", abort=True)


def _key_of(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise InputInvalid(f"{path} can't be read.", do="Name an OpenSSH private key.") from error


@places.command("add-s3")
@click.argument("name")
@click.option("--endpoint", required=True, help="Where the storage answers, such as https://s3.eu-west-2.amazonaws.com")
@click.option("--bucket", required=True, help="The bucket.")
@click.option("--prefix", default="", help="What names begin with there, such as a folder.")
@click.option("--region", default="us-east-1", show_default=True, help="The bucket's region.")
@click.option("--access-key", required=True, help="The access key's id, which is no secret.")
@click.option("--secret-file", type=click.Path(path_type=Path), help="A file with the secret key; asked for otherwise.")
@click.option("--title", help="What you call it; its name otherwise.")
@click.pass_obj
def add_s3(config: Path, /, name: str, title: str | None, secret_file: Path | None, **given: Any) -> None:
    """Add a bucket of S3 or of storage that speaks like it."""
    secret = read_secret(secret_file, "Secret key (not shown)")
    _add(config, name, title, {"kind": "s3", **given, "secret_key": secret})


def _add(config: Path, name: str, title: str | None, setting: Json) -> None:
    new = {"name": name, "title": title or name, "setting": setting}
    reply = ask_agent(config, lambda call: call("places-add", **new), needs_daemon=True)
    click.echo(f"A file was put at {reply['address']}, read again and removed. The place is called {name}.")


@places.command("test")
@click.argument("name")
@click.pass_obj
def test_place(config: Path, name: str) -> None:
    """Put a small file there, read it again, remove it."""
    reply = ask_agent(config, lambda call: call("places-test", name=name), needs_daemon=True)
    room = "" if reply["free"] is None else f" {prompt.size(reply['free'])} are free."
    click.echo(f"It works.{room}")


@places.command("remove")
@click.argument("name")
@click.pass_obj
def remove_place(config: Path, name: str) -> None:
    """Forget a place and its login. What lies there stays there."""
    ask_agent(config, lambda call: call("places-remove", name=name))
    click.echo("Removed.")
