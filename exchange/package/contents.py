"""What lies where in an evidence package: one definition for those who seal it and those who check it.

Not for: the bag and zip around it (``exchange.package.writing``), or the manifest's content
(``exchange.documents.evidence``).
"""

from collections.abc import Sequence
from dataclasses import replace

from exchange.clock import to_rfc3339
from exchange.custody.log import ProvenLines, open_lines
from exchange.documents.evidence import Evidence
from exchange.documents.messages import Credential, Decision, Request, Signed
from exchange.documents.noted import NotedOfficer, NotedRequest
from exchange.package.consistency import compare_documents
from exchange.package.readme import render_readme
from exchange.package.report import mismatch
from exchange.package.stamps import STAMPS, check_stamps_logged
from exchange.package.writing import PackageEntry
from exchange.signing.credentials import open_by_officer
from exchange.signing.documents import PublicKey, SigningKey, document_sha256, open_document, read_unverified

README = "data/READ-ME-FIRST.html"
REQUEST = "data/request.json"
DECISION = "data/decision.json"
EVIDENCE = "data/evidence.json"
CUSTODY = "data/custody.jsonl"
CHECKPOINT = "data/custody.checkpoint"
DEVICE_KEY = "data/device.pub"
FORCE_KEY = "data/force.pub"
SIGNATURE = ".sig"
"""Follows the name of what is signed."""
README_NAMESPACE = "read-me-first.v1@handover"

SIGNED = (README, REQUEST, DECISION, EVIDENCE)
FIXED = frozenset({*SIGNED, *(path + SIGNATURE for path in SIGNED), CUSTODY, CHECKPOINT, DEVICE_KEY, FORCE_KEY})
"""Every file of a package but its recordings, which the manifest lists, and its time stamps. One whose request the
owner noted has no force key."""


def bag_name(evidence: Evidence) -> str:
    """The one folder in the zip."""
    return evidence.evidence_id


def bag_info(evidence: Evidence) -> dict[str, str]:
    """bag-info.txt (RFC 8493 section 2.2.2)."""
    return {
        "Bag-Software-Agent": f"Handover {evidence.agent_version}".strip(),
        "Bagging-Date": _date(evidence.issued),
        "External-Identifier": evidence.evidence_id,
        "External-Description": f"Exhibit {evidence.exhibit_reference}, crime {evidence.crime_reference}".strip(),
    }


def _date(instant: int) -> str:
    """``YYYY-MM-DD`` in UTC."""
    return to_rfc3339(instant)[:10]


def bag_entries(
    *,
    evidence: Signed,
    request: Signed,
    decision: Signed,
    custody: ProvenLines,
    recordings: Sequence[PackageEntry],
    device: SigningKey,
    force: PublicKey | None,
    stamps: Sequence[bytes] = (),
) -> list[PackageEntry]:
    """The payload of one package, in the order in which it is written; the same arguments give the same bytes.

    ``recordings`` are the masters and working copies, each at the path that the manifest names; their SHA-256 is
    taken from there. ``stamps`` are RFC 3161 responses over the manifest's bytes. Refuses (SignatureInvalid,
    DocumentInvalid, EvidenceMismatch, CustodyBroken) to make a package that a check of its documents would refuse.
    """
    opened = open_document(evidence, Evidence, device.public)
    decided = open_document(decision, Decision, device.public)
    asked, officer = _open_request(request, device.public, force)
    events, _ = open_lines(custody, device.public)
    stamped = dict(zip(STAMPS, stamps, strict=False))
    check_stamps_logged(stamped, events, opened.evidence_id)
    for finding in compare_documents(asked, document_sha256(request), decided, document_sha256(decision), opened):
        if finding.error is not None:
            raise finding.error
    page = render_readme(
        opened,
        asked,
        officer,
        decided,
        device=device.public,
        force=force,
        bag_name=bag_name(opened),
        stamps=tuple(stamped),
    )
    small = {
        README: page,
        README + SIGNATURE: device.sign(page, README_NAMESPACE).encode(),
        CUSTODY: custody.jsonl,
        CHECKPOINT: custody.checkpoint.encode(),
        DEVICE_KEY: f"{device.public.line}\n".encode(),
    }
    if force is not None:
        small[FORCE_KEY] = f"{force.line}\n".encode()
    for path, signed in ((EVIDENCE, evidence), (REQUEST, request), (DECISION, decision)):
        small[path] = signed.document.encode()
        small[path + SIGNATURE] = signed.signature.encode()
    small |= stamped
    return [*(PackageEntry(path, content) for path, content in small.items()), *_listed(opened, recordings)]


def _open_request(
    signed: Signed, device: PublicKey, force: PublicKey | None
) -> tuple[Request | NotedRequest, Credential | NotedOfficer]:
    """The request and who made it: signed by an officer, or noted by the owner where no force stands behind it."""
    if force is None:
        noted = open_document(signed, NotedRequest, device)
        return noted, noted.officer
    return open_by_officer(signed, Request, force, read_unverified(signed, Request).issued)


def _listed(evidence: Evidence, recordings: Sequence[PackageEntry]) -> list[PackageEntry]:
    """The recordings, each bound to the hash in the manifest. EvidenceMismatch unless they are exactly its files."""
    digests = {file.path: file.sha256 for file in evidence.files}
    if sorted(entry.path for entry in recordings) != sorted(digests):
        raise mismatch("The recordings are not those that the manifest lists.")
    return [replace(entry, sha256=digests[entry.path]) for entry in recordings]
