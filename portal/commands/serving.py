"""``handover-portal serve``. Not for: listening itself (``portal.server``)."""

import asyncio
import gc
import json
import ssl
import sys
from pathlib import Path

import click
import sdnotify
from pydantic import ValidationError

from exchange.durable import durable_file
from exchange.errors import SettingsInvalid
from portal.api import logs
from portal.console import FILE, FOLDER, for_its_user
from portal.server import DEFAULT_LISTEN, Listen, Running, loop_factory, running, stop_signals, tls_context
from portal.settings import PortalFolder, PortalSettings
from portal.storage.names import ALONE

Served = tuple[PortalFolder, PortalSettings]

SWITCH_SECONDS = 0.001
"""After which the event loop, when it never rests, lets a thread with somebody's work at the database go on: a call
has some twenty such moments, and each would take Python's usual 5 ms."""
GARBAGE = 5000, 10, 20
"""When Python looks for cycles that nothing holds: a held poll is some sixty objects, all of which are then looked at.
By its usual numbers (700, 10, 10) that is a tenth of what polls cost, and a pause that grows with their number."""


@click.command()
@click.argument("folder", type=FOLDER)
@click.option("--listen", default=DEFAULT_LISTEN, show_default=True, help="Address and port; port 0 is a free one.")
@click.option("--origin", help="Instead of the origin in portal.yaml.")
@click.option("--tls-cert", type=FILE, help="The certificate and its chain, PEM.")
@click.option("--tls-key", type=FILE, help="Its key, PEM.")
@click.option("--behind-proxy", is_flag=True, help="Allow plain HTTP beyond loopback: a proxy in front has TLS.")
@click.option("--metrics", help="Where Prometheus finds figures, such as 127.0.0.1:9470; nowhere unless given.")
@click.option("--log-format", type=click.Choice([logs.TEXT, logs.JSON]), default=logs.TEXT, show_default=True,
              help="json: an object a line, without who called and where cameras are.")  # fmt: skip
@click.option("--ready-file", type=FILE, help="Write the ready line into this file too.")
@click.option("--verbose", is_flag=True, help="A line a call on standard error; no bodies, tokens or ids in it.")
def serve(
    folder: Path, listen: str, origin: str | None, tls_cert: Path | None, tls_key: Path | None, behind_proxy: bool,
    metrics: str | None, log_format: str, ready_file: Path | None, verbose: bool,
) -> None:  # fmt: skip
    """Serve the portal in FOLDER, of all its forces, until SIGTERM. Prints one line of JSON once it listens."""
    for_its_user(folder)
    served = _load(PortalFolder(folder))
    if origin is not None:
        served = [_elsewhere(served, origin)]
    address = Listen.parse(listen)
    tls = _tls(tls_cert, tls_key)
    if tls is None and not address.is_loopback and not behind_proxy:
        raise SettingsInvalid(
            f"Beyond this machine ({listen}) the portal listens with TLS only.",
            meaning="Anybody on the way could read who is asked for what.",
            do="Give --tls-cert and --tls-key, or --behind-proxy when a proxy in front of it has TLS.",
        )
    logs.set_up(log_format, verbose=verbose)
    shown = Listen.parse(metrics) if metrics is not None else None
    sys.setswitchinterval(SWITCH_SECONDS)
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(_serve(served, address, tls, ready_file, shown))


def _load(folder: PortalFolder) -> list[Served]:
    """Every portal that is served together. SettingsInvalid when two of them could not be told apart."""
    served = [(each, each.load()) for each in folder.served()]
    for what in ("short_name", "origin") if len(served) > 1 else ():
        values = [getattr(settings, what) for _, settings in served]
        if len(set(values)) < len(values) or (what == "origin" and None in values):
            raise SettingsInvalid(
                f"Several forces share the portal in {folder.path}, and not each has its own {what}.",
                meaning="Calls, and rows of a shared database, are told apart by it.",
                do="Correct portal.yaml in the folder of each force.",
            )
    return served


def _elsewhere(served: list[Served], origin: str) -> Served:
    """The one portal, with another origin than its settings say."""
    if len(served) > 1:
        raise SettingsInvalid("Several forces have an origin each.", do="Set them in each force's portal.yaml.")
    folder, settings = served[0]
    try:
        return folder, PortalSettings.model_validate({**settings.model_dump(), "origin": origin})
    except ValidationError:
        raise SettingsInvalid(f"{origin!r} is no origin.", do="Give one like https://share.example.org.") from None


async def _serve(
    served: list[Served], listen: Listen, tls: ssl.SSLContext | None, ready: Path | None, metrics: Listen | None
) -> None:
    (folder, settings), *others = served
    with stop_signals() as reported:
        async with running(folder, settings, listen, tls, metrics=metrics, others=others) as now:
            gc.collect()
            gc.freeze()  # what is loaded by now stays; to look at it again would hold up every call
            gc.set_threshold(*GARBAGE)
            line = {
                "listening": now.address,
                "origin": now.portal.origin,
                "force": settings.force,
                "fingerprint": settings.key.fingerprint,
                **({"metrics": now.metrics} if now.metrics else {}),
                **({"forces": _origins(now)} if others else {}),
            }
            text = json.dumps(line) + "\n"
            if ready is not None:
                await asyncio.to_thread(_write, ready, text)
            await asyncio.to_thread(_say, text)
            systemd = sdnotify.SystemdNotifier()
            systemd.notify("READY=1")
            await reported.wait()
            systemd.notify("STOPPING=1")


def _origins(now: Running) -> dict[str, str]:
    """Where each of several forces is reached, by its short name."""
    return {portal.settings.short_name or ALONE: portal.origin for portal in now.portals}


def _tls(certificate: Path | None, key: Path | None) -> ssl.SSLContext | None:
    if (certificate is None) != (key is None):
        raise SettingsInvalid("A certificate needs its key, and a key its certificate.", do="Give both.")
    return tls_context(certificate, key) if certificate is not None and key is not None else None


def _write(path: Path, text: str) -> None:
    with durable_file(path) as file:
        file.write(text.encode())


def _say(text: str) -> None:
    click.echo(text, nl=False)
