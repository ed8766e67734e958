"""A package put together by somebody who has every key and checks nothing: the sound ones, and the spoilt ones too."""

import hashlib
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from exchange.clock import SECOND
from exchange.custody.log import CustodyKind, ProvenLines, line_leaf, next_line, prove_lines
from exchange.documents.evidence import Evidence
from exchange.documents.messages import Decision, Document, Request
from exchange.documents.noted import NotedRequest
from exchange.package import bag, contents
from exchange.package.stamps import STAMPS
from exchange.package.writing import PackageEntry, write_package
from exchange.signing.documents import SigningKey
from scripts.vector_making import documents
from scripts.vector_making.documents import recording, replaced
from scripts.vector_making.keys import DEVICE, FORCE, NOW, OFFICER


def page(evidence: Evidence) -> bytes:
    """In the place of the real page, which is long and changes its words: what a check needs of it."""
    hashes = "".join(f"<li>{one.sha256}</li>" for one in evidence.masters)
    return (
        '<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>Test vector</title>\n'
        "<p>A test vector of the evidence format. Nobody was filmed, and nothing happened.</p>\n"
        f"<p>{evidence.evidence_id}</p><ul>{hashes}</ul></html>\n"
    ).encode()


@dataclass(frozen=True)
class Event:
    """One line of a custody log that is to be; ``theirs``: it belongs to the package's request."""

    kind: CustodyKind
    details: Mapping[str, str | int | bool] = field(default_factory=dict)
    theirs: bool = True
    actor: str = ""
    """The owner for an approval and the agent for all else, unless it is said."""


@dataclass
class Case:
    """Everything that a package is made of, to be spoilt in one place before it is built."""

    request: Request | NotedRequest = field(default_factory=documents.request)
    decision: Decision = field(default_factory=documents.decision)
    evidence: Evidence = field(default_factory=documents.evidence)
    recordings: dict[str, bytes] = field(default_factory=lambda: {"data/master/front.mp4": recording("front.mp4")})
    device: SigningKey = DEVICE
    officer: SigningKey = OFFICER
    force: SigningKey = FORCE
    stamps: tuple[bytes, ...] = ()
    logged_stamps: tuple[bytes, ...] = ()
    """The stamps that the custody lines tell of."""
    edits: dict[str, Callable[[str], str]] = field(default_factory=dict)
    """Of a document's text, by its path, before it is signed: what no model would write."""
    unlinked: frozenset[str] = frozenset()
    """Fields that stay as they are, and are not made to name the documents' right hashes."""
    events: Callable[["Case"], list[Event]] | None = None
    changes: dict[str, bytes | None] = field(default_factory=dict)
    """Of the payload, when all is signed: another content, or None for a file that is left out."""
    info: dict[str, str] = field(default_factory=dict)
    """Labels of bag-info.txt that say something else than the manifest."""

    # -- the documents -------------------------------------------------------------------------------------------

    def text(self, path: str, document: Document) -> bytes:
        return self.edits.get(path, str)(document.to_text()).encode("utf-8", "surrogatepass")

    @property
    def request_bytes(self) -> bytes:
        return self.text(contents.REQUEST, self.request)

    @property
    def decision_bytes(self) -> bytes:
        return self.text(contents.DECISION, self._linked(self.decision, request_sha256=sha256(self.request_bytes)))

    @property
    def evidence_bytes(self) -> bytes:
        links = {"request_sha256": sha256(self.request_bytes), "decision_sha256": sha256(self.decision_bytes)}
        return self.text(contents.EVIDENCE, self._linked(self.evidence, **links))

    def _linked(self, document: Any, **links: str) -> Any:
        kind = document.kind.partition(".")[0]
        return replaced(document, **{key: to for key, to in links.items() if f"{kind}.{key}" not in self.unlinked})

    # -- custody -------------------------------------------------------------------------------------------------

    def log(self) -> list[str]:
        """All lines of the device's log."""
        lines: list[str] = []
        for seq, event in enumerate((self.events or usual_events)(self)):
            lines.append(
                next_line(
                    lines[-1] if lines else None,
                    seq=seq,
                    at=NOW - 60 * SECOND + seq * SECOND,
                    monotonic_us=7_000_000_000 + seq * SECOND,
                    actor=event.actor or ("Sam Taylor" if event.kind is CustodyKind.APPROVED else "agent"),
                    event=event.kind,
                    request_id=self.request.request_id if event.theirs else None,
                    details=dict(event.details),
                )
            )
        return lines

    def proven(self) -> ProvenLines:
        lines, events = self.log(), (self.events or usual_events)(self)
        rows = [(seq, line) for seq, (line, event) in enumerate(zip(lines, events, strict=True)) if event.theirs]
        return prove_lines(rows, map(line_leaf, lines), self.device)

    # -- the files -----------------------------------------------------------------------------------------------

    def payload(self) -> dict[str, bytes]:
        """Every file under data/, by its path, in the order in which they are written."""
        noted = isinstance(self.request, NotedRequest)
        asker = self.device if noted else self.officer
        custody = self.proven()
        shown = page(self.evidence)
        files: dict[str, bytes] = {
            contents.README: shown,
            contents.README + contents.SIGNATURE: self.device.sign(shown, contents.README_NAMESPACE).encode(),
            contents.CUSTODY: custody.jsonl,
            contents.CHECKPOINT: custody.checkpoint.encode(),
            contents.DEVICE_KEY: f"{self.device.public.line}\n".encode(),
        }
        if not noted:
            files[contents.FORCE_KEY] = f"{self.force.public.line}\n".encode()
        for path, content, key, kind in (
            (contents.EVIDENCE, self.evidence_bytes, self.device, self.evidence.kind),
            (contents.REQUEST, self.request_bytes, asker, self.request.kind),
            (contents.DECISION, self.decision_bytes, self.device, self.decision.kind),
        ):
            files[path] = content
            files[path + contents.SIGNATURE] = key.sign(content, f"{kind}@handover").encode()
        files |= dict(zip(STAMPS, self.stamps, strict=False))
        files |= self.recordings
        for path, changed in self.changes.items():
            if changed is None:
                files.pop(path)
            else:
                files[path] = changed
        return files

    def tag_files(self, payload: Mapping[str, bytes] | None = None) -> dict[str, bytes]:
        """The bag's own files, by name."""
        payload = self.payload() if payload is None else payload
        info = {**contents.bag_info(self.evidence), **self.info}
        tags = {
            bag.BAGIT: bag.DECLARATION,
            bag.INFO: bag.write_info(info, sum(map(len, payload.values())), len(payload)),
            bag.MANIFEST: bag.write_manifest((path, sha256(content)) for path, content in payload.items()),
        }
        tags[bag.TAG_MANIFEST] = bag.write_manifest((path, sha256(content)) for path, content in tags.items())
        return tags

    def zip(self, *, name: str = "") -> bytes:
        """The package's zip, by the agent's own writer."""
        out = io.BytesIO()
        entries = [PackageEntry(path, content) for path, content in self.payload().items()]
        write_package(
            out, name or self.evidence.evidence_id, entries, {**contents.bag_info(self.evidence), **self.info}
        )
        return out.getvalue()

    def members(self) -> dict[str, bytes]:
        """Every file of the zip, by its whole name, in order: for zips that the agent's writer would not write."""
        payload = self.payload()
        tags = self.tag_files(payload)
        ordered = {bag.BAGIT: tags[bag.BAGIT], bag.INFO: tags[bag.INFO], **payload, **tags}
        return {f"{self.evidence.evidence_id}/{path}": content for path, content in ordered.items()}


def usual_events(case: Case) -> list[Event]:
    """What happens from the agent's start to the signing of the manifest, with lines of other requests between."""
    received = CustodyKind.NOTED if isinstance(case.request, NotedRequest) else CustodyKind.REQUEST_RECEIVED
    signed = {"evidence_id": case.evidence.evidence_id, "evidence_sha256": sha256(case.evidence_bytes)}
    events = [
        Event(CustodyKind.AGENT_STARTED, theirs=False),
        Event(received, {"sha256": sha256(case.request_bytes)}),
        Event(CustodyKind.CLOCK_STEPPED, {"by_us": 1200}, theirs=False),
        Event(CustodyKind.APPROVED, {"plan_sha256": case.decision.plan_sha256 or "", "method": "at a terminal"}),
        Event(CustodyKind.CLIPPED, {"cuts": 1}),
        Event(CustodyKind.SIGNED, signed),
    ]
    for path, stamp in zip(STAMPS, case.logged_stamps, strict=False):
        details = {"evidence_id": case.evidence.evidence_id, "file": path, "sha256": sha256(stamp)}
        events.append(Event(CustodyKind.TIMESTAMPED, details))
    return [*events, Event(CustodyKind.REGISTERED, theirs=False)]


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
