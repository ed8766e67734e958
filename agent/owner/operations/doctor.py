"""What is wrong, and what to do about it: one look at everything that a running agent needs.

Not for: mending any of it. Cameras are asked only if the owner wants that, as it takes a while.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from agent.cameras.footage_sources import TestSources
from agent.host import checkup
from agent.host.checkup import Finding, State
from agent.owner.notify.outbox import undelivered
from agent.owner.notify.recipients import Recipients
from agent.owner.operations.context import Actor, Json, Nothing, Owned
from agent.owner.operations.own_copies.backups import SHEET
from agent.owner.operations.own_copies.recovery import sheet_number
from agent.owner.operations.status import status
from agent.owner.people import register
from agent.owner.people.page_address import is_open
from agent.owner.people.roles import Role, allows
from agent.records.backups import health
from agent.settings.model import Settings
from agent.sources.registry import RECORDER, setting_of
from exchange.clock import HOUR, SECOND, from_rfc3339
from exchange.counted import counted
from exchange.documents.messages import Part

_OLD = 2 * HOUR


class Examine(Part):
    cameras: bool = False
    """Ask every camera's source as well: a minute or two for each."""


async def examine(agent: Owned, asked: Examine, actor: Actor) -> Json:
    """Findings in the order in which they are best mended."""
    services, now = agent.services, await status(agent, Nothing(), actor)
    found = await asyncio.to_thread(_host, services.settings, await _folders(agent))
    found += list(_clock(now["host_clock"]))
    found += [_portal(now, services.clock.now())]
    found += list(_cameras(now["cameras"]))
    found += await _people(agent)
    found += await _messages(agent)
    found.append(_page(now, services.settings))
    if now["device_trouble"]:
        found.append(Finding("keys", State.BAD, now["device_trouble"], "See docs/losing-things.md."))
    found += await _copies(agent)
    if now["records_trouble"]:
        found.append(Finding("records", State.BAD, now["records_trouble"], 'handover restored "what happened"'))
    if asked.cameras:
        found += await _sources(agent)
    found += await _workers(agent)
    order = [State.BAD, State.NOTE, State.GOOD]
    return {"findings": [asdict(each) for each in sorted(found, key=lambda each: order.index(each.state))]}


async def _folders(agent: Owned) -> list[Path]:
    """Folders that the daemon must see: of settings, and of cameras' sources."""
    async with agent.services.store.transaction() as tx:
        settings = [setting_of(row) for row in await tx.cameras()]
    paths = [Path(str(each.options["path"])) for each in settings if each.options.get("path")]
    return [agent.services.settings.data, agent.services.settings.recordings.directory, *paths]


def _host(settings: Settings, folders: list[Path]) -> list[Finding]:
    secrets = [settings.keys, settings.device_key, settings.archive_key, settings.database, settings.recipients]
    secrets += [settings.keys / "cameras.json", settings.keys / "sources.json", settings.keys / "page.pem"]
    found = list(checkup.disks(settings.data, settings.recordings.directory, settings.recordings.keep_free))
    found += checkup.modes(secrets, settings.data)
    return [*found, *checkup.unit(folders)]


def _clock(clock: Json) -> Iterator[Finding]:
    if clock["synchronised"]:
        yield Finding("clock", State.GOOD, f"This machine's clock follows {clock['source']}.")
    elif clock["synchronised"] is None:
        text = "Whether this machine's clock follows a time server is not known."
        yield Finding("clock", State.NOTE, text, "Install chrony: sudo apt-get install chrony")
    else:
        text = "This machine's clock follows no time server: all times may be wrong."
        yield Finding("clock", State.BAD, text, "sudo timedatectl set-ntp true, or install chrony.")


def _portal(now: Json, at: int) -> Finding:
    if now["force"] is None:
        text = "No portal was joined: requests are those that you write down yourself."
        return Finding("portal", State.NOTE, text, "To join one: handover setup")
    if now["portal_trouble"]:
        return Finding("portal", State.BAD, now["portal_trouble"], "The daemon tries again by itself.")
    contact = now["last_contact"]
    if contact is None or at - from_rfc3339(contact) > _OLD:
        text = f"The portal of {now['force']['name']} did not answer for hours."
        return Finding("portal", State.BAD, text, "Check the internet connection; see: journalctl -u handover")
    return Finding("portal", State.GOOD, f"The portal of {now['force']['name']} answers.")


def _cameras(cameras: list[Json]) -> Iterator[Finding]:
    if not cameras:
        yield Finding("cameras", State.NOTE, "No camera was added yet.", "Find them with: handover cameras discover")
    for camera in cameras:
        words = f"{camera['label']} ({camera['camera_id']}): {camera['recording']}"
        if camera["health"]:
            text = f"{camera['label']} {camera['health']}."
            yield Finding("health", State.BAD, text, "Look at it, and at its picture.")
        if camera["source"] != RECORDER or camera["recording"].startswith("recording"):
            yield Finding("cameras", State.GOOD, f"{words}.")
        elif camera["recording"] == "no recorder runs":
            yield Finding("cameras", State.BAD, f"{words}.", "sudo systemctl start handover-recorder")
        else:
            do = f"handover cameras check {camera['camera_id']}"
            yield Finding("cameras", State.BAD, f"{words}.", do)


async def _sources(agent: Owned) -> list[Finding]:
    tested = (await agent.inventory.footage_sources.test(TestSources()))["cameras"]
    found = []
    for each in tested:
        wrong = "; ".join(str(line) for line in each.get("problems", each.get("wrong", [])))[:500]
        state = State.GOOD if each["ok"] else State.BAD
        text = f"The source of {each['camera_id']} {'gives footage' if each['ok'] else 'does not work'}."
        found.append(
            Finding("sources", state, f"{text} {wrong}".strip(), "" if each["ok"] else "handover sources test")
        )
    return found


async def _people(agent: Owned) -> list[Finding]:
    async with agent.services.store.transaction() as tx:
        people = await register.people(tx)
    needed = agent.services.settings.decide.people
    deciding = [each for each in people if allows(each.role, Role.APPROVER)]
    if needed > 1 and len(deciding) < needed:
        text = f"Two people must say yes, and {len(deciding)} {'is' if len(deciding) == 1 else 'are'} written down."
        return [Finding("people", State.BAD, text, "handover people add")]
    unproven = [each.name for each in people if not (each.os_user or each.has_password or each.passkeys)]
    return [Finding("people", State.NOTE, f"{name} can't come in yet.", "handover people invite") for name in unproven]


async def _messages(agent: Owned) -> list[Finding]:
    recipients = await asyncio.to_thread(Recipients(agent.services.settings.recipients).all)
    failed = await undelivered(agent.services)
    if not recipients:
        text = "Nobody is told when a request comes: you would have to look."
        return [Finding("messages", State.NOTE, text, "handover notify add")]
    if failed:
        return [Finding("messages", State.BAD, str(failed[0]["failure"]), "handover notify test")]
    told = counted(len(recipients), "recipient is", "recipients are")
    return [Finding("messages", State.GOOD, f"{told} told when a request comes.")]


async def _copies(agent: Owned) -> list[Finding]:
    """The owner's own copies: the sheet that opens them, a second place, and whether they are good."""
    services, found = agent.services, []
    async with services.store.transaction() as tx:
        sheet = await tx.note(SHEET)
    number = sheet_number(services.keys.archive)
    if sheet is None:
        text = "The recovery sheet was never made: without it your copies can't be opened when this machine is gone."
        found.append(Finding("sheet", State.NOTE, text, "sudo handover recovery-sheet sheet.html, and print it"))
    elif sheet.rpartition(" ")[2] != number:
        text = f"The recovery sheet is of other keys than those that are used now (sheet {number})."
        found.append(Finding("sheet", State.BAD, text, "Print a new one: sudo handover recovery-sheet sheet.html"))
    if (trouble := await health.trouble(services)) is not None:
        found.append(Finding("copies", State.BAD, trouble, "handover backups"))
    elif not services.settings.backups.places:
        text = "Your copies are kept on this disk only: if it is lost, so are they."
        found.append(Finding("copies", State.NOTE, text, "Name a second place below backups in handover.yaml."))
    else:
        found.append(Finding("copies", State.GOOD, "Your copies are kept at a second place too."))
    return found


def _page(now: Json, settings: Settings) -> Finding:
    if now["page_trouble"]:
        return Finding("page", State.BAD, now["page_trouble"], "Set another page.port in handover.yaml, and restart.")
    if not settings.page.enabled:
        return Finding("page", State.NOTE, "The owner's page is switched off.", "page.enabled: true in handover.yaml")
    where = "your network" if is_open(settings.page) else "this machine only"
    return Finding("page", State.GOOD, f"The owner's page is served, to {where}.")


async def _workers(agent: Owned) -> list[Finding]:
    """Whether a worker can be started, which everything with media needs."""
    from agent.workers.process import PICTURE
    from exchange.errors import HandoverError

    started = agent.services.clock.monotonic()
    try:
        await agent.services.run_job("agent.workers.examine:job", {}, limits=PICTURE)
    except HandoverError as error:
        return [Finding("workers", State.BAD, error.what, "Is there enough memory? See: journalctl -u handover")]
    took = (agent.services.clock.monotonic() - started) / SECOND
    if took > 20:
        text = f"It takes {took:.0f} s to start work on a recording: this machine is very busy."
        return [Finding("workers", State.NOTE, text, "See what else runs on it with: top")]
    return [Finding("workers", State.GOOD, "Recordings can be worked on.")]


def as_text(findings: list[dict[str, Any]]) -> str:
    """For a file."""
    lines = [f"{each['state']:4}  {each['about']}: {each['text']} {each['do']}".rstrip() for each in findings]
    return "\n".join(lines) + "\n"
