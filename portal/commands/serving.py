"""``handover-portal serve``. Not for: listening itself (``portal.server``)."""

import asyncio
import json
import ssl
from pathlib import Path

import click
import sdnotify
from pydantic import ValidationError

from exchange.durable import durable_file
from exchange.errors import SettingsInvalid
from portal.api import logs
from portal.console import FILE, FOLDER
from portal.server import DEFAULT_LISTEN, Listen, loop_factory, running, stop_signals, tls_context
from portal.settings import PortalFolder, PortalSettings


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
    """Serve the portal in FOLDER until SIGTERM. Prints one line of JSON once it listens."""
    portal = PortalFolder(folder)
    settings = portal.load()
    if origin is not None:
        try:
            settings = PortalSettings.model_validate({**settings.model_dump(), "origin": origin})
        except ValidationError:
            raise SettingsInvalid(f"{origin!r} is no origin.", do="Give one like https://share.example.org.") from None
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
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(_serve(portal, settings, address, tls, ready_file, shown))


async def _serve(
    folder: PortalFolder, settings: PortalSettings, listen: Listen, tls: ssl.SSLContext | None, ready: Path | None,
    metrics: Listen | None,
) -> None:  # fmt: skip
    with stop_signals() as reported:
        async with running(folder, settings, listen, tls, metrics=metrics) as now:
            line = {
                "listening": now.address,
                "origin": now.portal.origin,
                "force": settings.force,
                "fingerprint": settings.key.fingerprint,
                **({"metrics": now.metrics} if now.metrics else {}),
            }
            text = json.dumps(line) + "\n"
            if ready is not None:
                await asyncio.to_thread(_write, ready, text)
            await asyncio.to_thread(_say, text)
            systemd = sdnotify.SystemdNotifier()
            systemd.notify("READY=1")
            await reported.wait()
            systemd.notify("STOPPING=1")


def _tls(certificate: Path | None, key: Path | None) -> ssl.SSLContext | None:
    if (certificate is None) != (key is None):
        raise SettingsInvalid("A certificate needs its key, and a key its certificate.", do="Give both.")
    return tls_context(certificate, key) if certificate is not None and key is not None else None


def _write(path: Path, text: str) -> None:
    with durable_file(path) as file:
        file.write(text.encode())


def _say(text: str) -> None:
    click.echo(text, nl=False)
