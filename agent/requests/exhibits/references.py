"""What each package is called in court: by the owner's pattern, with the force's or the owner's initials and a number.

A number is given once in the life of the owner's records, in the transaction that fixes the manifest: a crash before it
gives it to nobody, one after it finds it given. Not for: the pattern's own rules (``agent.settings.exhibits``).
"""

import json
import sqlite3

from agent.requests.decision import Approval
from agent.services import Services
from agent.settings.exhibits import DEFAULT_EXHIBIT, ExhibitSettings
from agent.store.database import Transaction
from exchange.documents.messages import Request
from exchange.documents.noted import NotedRequest
from exchange.errors import ClipFailed

_TRIES = 1000
_HIGHEST = "highest-exhibit"
"""The note of the store that holds the highest number of the references that were deleted with their records."""
_PLAIN = "{prefix}/{number}"
"""How a prefix that somebody named is written where the owner's pattern has no room for one."""


async def exhibit_reference(services: Services, tx: Transaction, approval: Approval, evidence_id: str) -> str:
    """The package's exhibit reference: given now, or before. In the transaction that signs it, or not at all."""
    given = await tx.one("SELECT reference FROM exhibits WHERE evidence_id = ?", [evidence_id])
    if given is not None:
        return str(given["reference"])
    settings = services.settings.exhibits
    prefix = approval.decision.exhibit_prefix or approval.request.exhibit_prefix
    number = await _next_number(tx, settings)
    for following in range(number, number + _TRIES):
        reference = written(settings, prefix, following, evidence_id)
        counted = following if "{number" in _pattern(settings, prefix) else None
        try:
            await tx.insert(
                "exhibits", evidence_id=evidence_id, reference=reference, number=counted, at=services.clock.now()
            )
        except sqlite3.IntegrityError:  # AB1 and 2, AB and 12: the same letters, by another way
            continue
        return reference
    raise ClipFailed(
        "No exhibit reference is free.", do="Write {number} into exhibits.reference in handover.yaml, and restart it."
    )


def given_reference(signed_manifest: str | None) -> str | None:
    """What a package is called, from its row's signed manifest; None while there is none."""
    if signed_manifest is None:
        return None
    return str(json.loads(json.loads(signed_manifest)["document"])["exhibit_reference"])


async def next_reference(services: Services, tx: Transaction, request: Request | NotedRequest) -> str:
    """What the next package would be called, for the owner to see; its id is not known yet."""
    settings = services.settings.exhibits
    return written(settings, request.exhibit_prefix, await _next_number(tx, settings), "…")


def written(settings: ExhibitSettings, prefix: str | None, number: int, evidence_id: str) -> str:
    """The reference by the owner's pattern. ``prefix``: what was named for this request; the owner's own without it."""
    known = {"prefix": prefix or settings.prefix or "", "number": number, "id": evidence_id[:8].upper()}
    return _pattern(settings, prefix).format(**known)


def _pattern(settings: ExhibitSettings, prefix: str | None) -> str:
    if "{prefix}" in settings.reference:
        return settings.reference
    if prefix or (settings.prefix and settings.reference == DEFAULT_EXHIBIT):
        return _PLAIN
    return settings.reference


async def forget_references(tx: Transaction, request_id: str) -> None:
    """Delete what a request's packages are called. Their numbers stay given: nobody gets one of them again."""
    await tx.set_note(_HIGHEST, str(await _last_number(tx)))
    await tx.execute(
        "DELETE FROM exhibits WHERE evidence_id IN (SELECT evidence_id FROM packages WHERE request_id = ?)",
        [request_id],
    )


async def _next_number(tx: Transaction, settings: ExhibitSettings) -> int:
    return max(settings.first_number, await _last_number(tx) + 1)


async def _last_number(tx: Transaction) -> int:
    """The highest that was ever given; 0 where none was."""
    row = await tx.one("SELECT max(number) AS last FROM exhibits")
    last = 0 if row is None or row["last"] is None else int(row["last"])
    return max(last, int(await tx.note(_HIGHEST) or 0))
