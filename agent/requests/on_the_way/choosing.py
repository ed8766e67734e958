"""The owner chooses which way a request's packages go: before the yes, after it, or when the first way didn't work.

What is chosen changes how it goes, never what: the approval stays. Not for: going (``agent.requests.deliver``).
"""

import asyncio

from agent.deliveries.gone import announced
from agent.deliveries.laying_out import files_of, forget
from agent.deliveries.media import medium_of
from agent.deliveries.portal import PortalDelivery
from agent.deliveries.secrets_of import RequestSecrets
from agent.deliveries.way import Chosen, Means, SealedFor, Way, usual_way
from agent.host.mount import mount_of
from agent.places.disk import file_system_of, mounted_at
from agent.places.named import NamedPlaces
from agent.places.presigned import read_addresses
from agent.requests.intake import verified_request
from agent.requests.restored.doubts import refuse_in_doubt
from agent.requests.states import State, change_state
from agent.services import Services
from agent.store.database import RequestRow, Transaction
from exchange.custody.log import CustodyKind
from exchange.documents.api import MAX_BODY
from exchange.documents.noted import NotedRequest, Offered
from exchange.errors import DecisionRefused, InputInvalid, NotFound, NotPermitted, PlaceRefused
from exchange.signing.documents import parse_strictly

_MAY_CHOOSE = (State.ASKED, State.APPROVED, State.CLIPPED, State.SEALED, State.DELIVERED)


async def way_of(tx: Transaction, row: RequestRow) -> Way:
    """How a request's packages go: as the owner chose, or the usual way."""
    chosen = await tx.one("SELECT chosen FROM chosen_ways WHERE request_id = ?", [row.request_id])
    if chosen is not None:
        return parse_strictly(str(chosen["chosen"]).encode(), Chosen, MAX_BODY).way
    return usual_way(noted_of(row))


def noted_of(row: RequestRow) -> NotedRequest | None:
    """The request that the owner wrote down; None for a portal's."""
    if row.origin != "noted":
        return None
    request = verified_request(row)
    assert isinstance(request, NotedRequest)
    return request


async def choose(
    services: Services, request_id: str, way: Way, by: str, addresses: str | None = None, *, may_loosen: bool
) -> None:
    """Keep the owner's choice. ``addresses``: what the force gave. DecisionRefused when it has gone already;
    NotPermitted when it is sealed less tightly than by now, and whoever chooses may not do that alone.

    Whoever calls breaks the request's step off before, so that nothing goes the old way meanwhile.
    """
    async with services.store.transaction() as tx:
        row = await _row(tx, request_id)
        await _refuse_if_gone(services, tx, row)
        _refuse_looser(may_loosen, await way_of(tx, row), way)
    _refuse_seal(row, way)
    kept = RequestSecrets(services.settings.keys)
    if way.signed_addresses:
        if addresses is None:
            raise InputInvalid("The addresses that the force gave are missing.", do="Give them with --addresses.")
        read_addresses(addresses)
    way = await asyncio.to_thread(_checked_place, services, way)
    await _refuse_what_does_not_fit(services, row, way)
    if way.signed_addresses and addresses is not None:
        await asyncio.to_thread(kept.forget, request_id, passphrase=False)
        await asyncio.to_thread(kept.keep_addresses, request_id, addresses)
    async with services.store.transaction() as tx:
        row = await _row(tx, request_id)
        await _refuse_if_gone(services, tx, row)
        _refuse_looser(may_loosen, await way_of(tx, row), way)
        now = services.clock.now()
        chosen = Chosen(way=way, by=by, at=now)
        await tx.execute("DELETE FROM chosen_ways WHERE request_id = ?", [request_id])
        await tx.insert("chosen_ways", request_id=request_id, chosen=chosen.model_dump_json())
        await forget(tx, request_id)
        if row.state != State.ASKED:  # before the yes, no line tells that there is something to hand over
            details: dict[str, str | int | bool] = {
                "means": way.means.value, "sealed_for": way.sealed_for.value, "form": way.form.value,
            }  # fmt: skip
            await services.custody.record(tx, CustodyKind.WAY_CHOSEN, by, request_id, details=details)
        if row.state == State.DELIVERED:
            for package in await tx.packages(request_id):
                await tx.update("packages", {"evidence_id": package.evidence_id}, delivered_at=None)
            if not await change_state(tx, row, State.SEALED, now):
                raise DecisionRefused("It has just gone a step further.", do="Try it again.")
        else:
            await tx.execute("UPDATE requests SET retry_at = retry_at = 0 WHERE request_id = ?", [request_id])
        packages = await tx.packages(request_id)
    if way.means is not Means.PORTAL:
        for package in packages:
            if not announced(package):
                await PortalDelivery(services).forget_upload(package)


async def _row(tx: Transaction, request_id: str) -> RequestRow:
    row = await tx.request(request_id)
    if row is None:
        raise NotFound(f"There is no request {request_id}.", do="List them with: handover requests")
    return row


async def _refuse_if_gone(services: Services, tx: Transaction, row: RequestRow) -> None:
    """What the portal has, or a receipt was written of, has gone; files that lie ready have not."""
    if row.state not in _MAY_CHOOSE:
        raise DecisionRefused(
            "There is nothing of this request to hand over now.", meaning="Nothing was changed.",
            do="handover show tells how it stands.",
        )  # fmt: skip
    await refuse_in_doubt(tx, row.request_id)
    packages = await tx.packages(row.request_id)
    now = await way_of(tx, row)
    sent = any(package.delivered_at is not None for package in packages)
    if any(package.receipt is not None for package in packages) or (sent and now.means is Means.PORTAL):
        raise DecisionRefused(
            "It was handed over already.", meaning="Nothing is sent twice.",
            do="If the police can't open it, ask the officer to ask anew.",
        )  # fmt: skip
    if any(announced(package) for package in packages):
        raise DecisionRefused(
            "It was announced to the portal, whose answer did not come: the police may have it.",
            meaning="Nothing was changed, and nothing is sent twice.",
            do="Let it go on, and it is asked again. If the portal stays away, call the officer.",
        )  # fmt: skip


def _refuse_looser(may_loosen: bool, now: Way, way: Way) -> None:
    """Where two people must agree, how tightly it is sealed is a part of what they agreed to."""
    if not may_loosen and way.looser_than(now):
        raise NotPermitted(
            "One person alone may not seal it less tightly: two people must agree here.",
            meaning="Nothing was changed.",
            do="Let an administrator choose that, or keep it sealed as it is.",
        )


def _refuse_seal(row: RequestRow, way: Way) -> None:
    """Nobody but the portal's own courier gets what a portal's officer asked for unsealed."""
    noted = noted_of(row)
    if noted is None:
        if way.sealed_for is not SealedFor.KEY or way.form is not Offered.PACKAGE:
            raise InputInvalid(
                "The officer named this case's key: it is sealed for that, whichever way it goes.",
                meaning="Nothing was changed.", do="Leave --passphrase, --plain and --recordings away.",
            )  # fmt: skip
        return
    if way.means is Means.PORTAL:
        raise InputInvalid(
            "This request came by no portal, and no portal takes it.", meaning="Nothing was changed.",
            do="Choose medium, sftp, s3 or folder.",
        )  # fmt: skip
    if way.sealed_for is SealedFor.KEY and noted.recipient is None:
        raise InputInvalid(
            "The force gave no key to seal it for.", meaning="Nothing was changed.",
            do="Seal it with a passphrase (--passphrase), or have it unsealed (--plain).",
        )  # fmt: skip


def _checked_place(services: Services, way: Way) -> Way:
    """The way, bound to what is mounted there now. InputInvalid when nothing is there. Blocks."""
    if way.place is not None:
        named = NamedPlaces(services.settings.places).of(way.place)
        if named.setting.kind != way.means.value:
            raise InputInvalid(f"{way.place} is a place of another kind ({named.setting.kind}).", do="Take another.")
    folder = way.path
    if folder is None:
        return way.model_copy(update={"mount": "", "file_system": ""})
    if way.means is Means.MEDIUM:
        medium = medium_of(folder)
        if medium is None:
            raise InputInvalid(
                f"{folder} is on this machine's own disks: no medium is mounted there.", meaning="Nothing was changed.",
                do="Plug the medium in, and see where it is: handover media. If it isn't listed there, name the very "
                "folder that it is mounted at. For a folder or a share, take --by folder.",
            )  # fmt: skip
        return way.model_copy(update={"mount": str(medium), "file_system": file_system_of(folder)})
    if not folder.is_dir():
        raise InputInvalid(f"There is no folder {folder}.", do="Make it, or name another.")
    mount = mount_of(folder)
    return way.model_copy(update={"mount": mount, "file_system": file_system_of(folder) if mount else ""})


async def _refuse_what_does_not_fit(services: Services, row: RequestRow, way: Way) -> None:
    """FAT32 keeps no file of 4 GiB: told before, where the size is known."""
    folder = way.path
    if folder is None:
        return
    mounted = await asyncio.to_thread(mounted_at, folder)
    most = None if mounted is None else mounted.most
    async with services.store.transaction() as tx:
        packages = await tx.packages(row.request_id)
    largest = max((package.size or 0 for package in packages), default=0)
    if most is not None and largest > most and (way.most_bytes is None or way.most_bytes > most):
        raise PlaceRefused(
            f"{folder} is formatted as FAT32, which keeps no file of more than 4 GiB; a package has {largest:,} bytes.",
            meaning="Nothing was changed.",
            do='Take a medium that is formatted as exFAT, or have it cut into pieces: --most "4 GB"',
        )


async def passphrase_of(services: Services, request_id: str) -> str:
    """What the owner tells the police another way than the files. NotFound where it is not sealed with one."""
    async with services.store.transaction() as tx:
        row = await _row(tx, request_id)
        way = await way_of(tx, row)
    if way.sealed_for is not SealedFor.PASSPHRASE or row.state not in _MAY_CHOOSE:
        raise NotFound(
            "This request has no passphrase.",
            meaning="It is not sealed with one, or the police have confirmed that they have it.",
        )
    return await asyncio.to_thread(RequestSecrets(services.settings.keys).passphrase, request_id)


async def handed_over(services: Services, request_id: str) -> list[tuple[str, str]]:
    """Name and SHA-256 of the files that went another way than the portal's."""
    return [(file.name, file.sha256) for file in await files_of(services, request_id) if file.evidence_id]
