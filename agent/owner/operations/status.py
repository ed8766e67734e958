"""How the agent is: what waits for its owner, what is being done, what is wrong.

Not for: any one subject's details (the modules beside this one).
"""

import asyncio
from dataclasses import asdict

from agent.membership import registration
from agent.owner.notify.outbox import undelivered
from agent.owner.operations.context import Actor, Json, Nothing, Owned
from agent.recordings.disk import recordings_mount, trouble_of_disks
from agent.records.backups import health
from agent.records.subjects.kept import subject_requests
from agent.requests import restored_records
from agent.requests.feedback.conversation import waiting_for_owner
from agent.requests.states import State
from agent.settings.model import settings_sha256
from agent.store.keys import changed_keys
from exchange import VERSION
from exchange.clock import to_rfc3339
from exchange.errors import HandoverError


async def status(agent: Owned, _: Nothing, actor: Actor) -> Json:
    services = agent.services
    async with services.store.transaction() as tx:
        force = await tx.force()
        rows = await tx.requests()
        contact = await tx.note("portal-contact")
        trouble = await tx.note("portal-trouble")
        cameras = await tx.cameras()
        details = await registration.cameras_at_portal(tx)
        records_trouble = await restored_records.trouble(tx)
        asked = await waiting_for_owner(tx)
        asked_by_subjects = [each for each in await subject_requests(tx) if each.answered_at is None]
        keys_trouble = await changed_keys(tx, services.keys)
    return {
        "version": VERSION,
        "settings_sha256": settings_sha256(services.settings),
        "device": services.keys.device.public.fingerprint,
        "force": None if force is None else {"name": force.name, "portal": force.portal},
        "last_contact": contact,
        "portal_trouble": trouble or None,
        "disk_trouble": None if (trouble_of_disk := await _disk_trouble(agent)) is None else trouble_of_disk.what,
        "messages_trouble": failed[0]["failure"] if (failed := await undelivered(services)) else None,
        "backups_trouble": await health.trouble(services),
        "backups_doing": agent.backups.doing,
        "page_trouble": services.progress.troubles.get("page"),
        "records_trouble": None if records_trouble is None else str(records_trouble),
        "device_trouble": None if keys_trouble is None else str(keys_trouble),
        "still_found": sorted(details - {row.camera_id for row in cameras}) if force is not None else [],
        "host_clock": asdict(await services.host_clock()),
        "cameras": await agent.inventory.summaries(cameras),
        "requests": {state: sum(row.state == state for row in rows) for state in sorted({r.state for r in rows})},
        "doing": dict(services.progress.doing),
        "force_asks": asked,
        "waiting_for_you": [row.request_id for row in rows if row.state == State.ASKED],
        "subject_requests": {
            "open": len(asked_by_subjects),
            "overdue": sum(each.due_at < services.clock.now() for each in asked_by_subjects),
            "next_due": to_rfc3339(asked_by_subjects[0].due_at) if asked_by_subjects else None,
        },
        "held_bytes": await services.footage.held_bytes(),
    }


async def _disk_trouble(agent: Owned) -> HandoverError | None:
    mount, settings = await recordings_mount(agent.services.settings, agent.services.store), agent.services.settings
    return await asyncio.to_thread(trouble_of_disks, mount, settings.data, settings.recordings.directory)
