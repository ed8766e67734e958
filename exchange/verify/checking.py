"""Opens an evidence package and checks all of it, going on after a failure so that every failure is told.

Not for: deciding whether footage is admissible; it says what holds, and leaves the judgement to people.
The command is ``exchange.verify.command``.
"""

import contextlib
import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from exchange.age.keys import Opener
from exchange.custody.log import CustodyEvent, CustodyKind, ProvenLines, open_lines
from exchange.documents.evidence import Evidence
from exchange.documents.letters import quoted
from exchange.documents.messages import MAX_DOCUMENT, Credential, Decision, Document, Request, Signed
from exchange.documents.noted import IDENTIFIED_WORDS, NotedRequest
from exchange.errors import (
    CustodyBroken,
    DocumentInvalid,
    NotFound,
    SignatureInvalid,
    VerificationFailed,
)
from exchange.package import contents as layout
from exchange.package.bag import Bag, damaged
from exchange.package.consistency import compare_custody, compare_documents, compare_files
from exchange.package.report import Finding, Report, fails, holds, mismatch, unchecked
from exchange.package.stamps import STAMPS
from exchange.signing.credentials import open_by_officer
from exchange.signing.documents import PublicKey, document_sha256, open_document, read_unverified
from exchange.verify.opening import may_be_package, open_bag
from exchange.verify.signature_checks import NO_CAMERAS, CameraTrust, check_camera_signatures
from exchange.verify.stamp_checks import NO_TRUST, StampTrust, check_stamps

D = TypeVar("D", bound=Document)

_MAX_CUSTODY = 64 << 20
_MAX_PAGE = 4 << 20
_MAX_STAMP = 64 << 10


def verify_package(
    path: Path,
    *,
    identities: Sequence[Opener] = (),
    force_key: PublicKey | None = None,
    device_key: PublicKey | None = None,
    trust: StampTrust = NO_TRUST,
    cameras: CameraTrust = NO_CAMERAS,
    into: Path | None = None,
    deep: bool = False,
) -> Report:
    """Check a sealed package (``.zip.age``), its zip, or an opened bag's folder.

    ``force_key`` is the force's, learned by another way than this package; without it the report says what could not
    be checked. ``trust``: which time stamps are believed, and what tells of revoked certificates. The bag is left at
    ``into``/<its folder>, or opened in a temporary folder that is removed. ``deep`` reads the masters with PyAV and
    compares their stream hashes. Raises NotFound, InputInvalid (no reading it), DiskFull, HandoverError (opened there
    before); all else is in the report.
    """
    if not path.exists():
        raise NotFound(f"There is no package {path}.", do="Check the name.")
    with contextlib.ExitStack() as stack:
        if into is None and not path.is_dir():
            beside = path.parent if os.access(path.parent, os.W_OK) else None
            room = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="handover-verify-", dir=beside)))
        else:
            room = into or path
        check = _Check(path, force_key, device_key)
        bag, check.findings = open_bag(path, room, identities, kept=into is not None, deep=deep)
        given = path if path.is_dir() and may_be_package(path) else None
        folder = given or (bag.folder if bag else None)
        if folder is not None:
            check.run(folder, bag, deep, trust, cameras)
        kept = folder if into is not None or given is not None else None
        return Report(path, check.findings, kept, check.request, check.officer, check.decision, check.evidence)


class _Check:
    """One package under examination: what was found so far, and what its documents said."""

    def __init__(self, path: Path, force_key: PublicKey | None, device_key: PublicKey | None) -> None:
        self._path = path
        self._given_force = force_key
        self._given_device = device_key
        self._folder = path
        self._bag: Bag | None = None
        self._events: list[CustodyEvent] | None = None
        self.findings: list[Finding] = []
        self.request: Request | NotedRequest | None = None
        self.officer: Credential | None = None
        self.decision: Decision | None = None
        self.evidence: Evidence | None = None

    # -- the documents -------------------------------------------------------------------------------------------

    def run(self, folder: Path, bag: Bag | None, deep: bool, trust: StampTrust, cameras: CameraTrust) -> None:
        """Everything behind the bag's own manifests."""
        self._folder = folder
        self._bag = bag
        device = self._key(layout.DEVICE_KEY)
        signed = {path: self._signed(path) for path in (layout.REQUEST, layout.DECISION, layout.EVIDENCE)}
        if _is_noted(signed[layout.REQUEST]):
            self._open_noted(signed[layout.REQUEST], device)
        else:
            force = self._key(layout.FORCE_KEY)
            self._open_request(signed[layout.REQUEST], self._given_force or force)
            self._pin_force(force)
        device = self._pin_device(device)
        if device is not None:
            self.decision = self._open(signed[layout.DECISION], Decision, device, "the owner's decision")
            self.evidence = self._open(signed[layout.EVIDENCE], Evidence, device, "the manifest")
            self._check_page(device)
            self._check_custody(device)
        request, decision = signed[layout.REQUEST], signed[layout.DECISION]
        if request and decision and self.request and self.decision and self.evidence:
            hashes = document_sha256(request), document_sha256(decision)
            self.findings += compare_documents(self.request, hashes[0], self.decision, hashes[1], self.evidence)
            if self._events is not None and (manifest := signed[layout.EVIDENCE]):
                digest = document_sha256(manifest)
                self.findings += compare_custody(self._events, hashes[0], self.decision, digest, self.evidence)
        if self.evidence:
            if self._bag is not None:
                self._check_label(self.evidence, self._bag)
                known = layout.FIXED | frozenset(STAMPS)
                if isinstance(self.request, NotedRequest):
                    known -= {layout.FORCE_KEY}
                self.findings += compare_files(self.evidence, self._bag.files, known)
            self._check_stamps(self.evidence, trust)
            if deep:
                self._check_streams(self.evidence)
            self.findings += check_camera_signatures(self.evidence, self._folder, cameras, deep=deep)

    def _open_request(self, signed: Signed | None, force: PublicKey | None) -> None:
        if signed is None or force is None:
            return
        try:
            claimed = read_unverified(signed, Request)
            self.request = claimed
            self.request, self.officer = open_by_officer(signed, Request, force, claimed.issued)
        except VerificationFailed as error:
            self.findings.append(fails("request.signature", error))
            return
        officer = self.officer
        self.findings.append(
            holds(
                "request.signature",
                f"The request was signed by {officer.rank} {officer.name} ({officer.collar_number}, {officer.force}), "
                f"for whom the force key {force.fingerprint} vouches.",
            )
        )

    def _open_noted(self, signed: Signed | None, carried: PublicKey | None) -> None:
        """A request that the owner wrote down: their word, and no proof that the police asked."""
        key = self._given_device or carried
        if signed is None or key is None:
            return
        self.request = noted = self._open(signed, NotedRequest, key, "the noted request")
        if noted is None:
            return
        who = quoted(f"{noted.officer.rank or ''} {noted.officer.name}".strip())
        text = (
            f"No officer signed the request: the owner wrote down that {who} of {quoted(noted.officer.force)} asked, "
            f"and that {IDENTIFIED_WORDS[noted.officer.identified]}. Compare it with the force's own record."
        )
        self.findings.append(unchecked("request.signature", text))
        if self._given_force is not None:
            self.findings.append(unchecked("force-key", "No force's key stands behind a request that was noted."))

    def _pin_force(self, carried: PublicKey | None) -> None:
        if carried is None:
            return
        if self._given_force is None:
            text = (
                "Whether the force key is the force's could not be checked, because none was given: compare "
                f"{carried.fingerprint} with what the force publishes, or name the force's key."
            )
            self.findings.append(unchecked("force-key", text))
        elif carried != self._given_force:
            text = f"The package names another force key, {carried.fingerprint}, than the given one, "
            self.findings.append(fails("force-key", mismatch(f"{text}{self._given_force.fingerprint}.")))
        else:
            self.findings.append(holds("force-key", "The force key in the package is the one that was given."))

    def _pin_device(self, carried: PublicKey | None) -> PublicKey | None:
        """The key that the owner's documents are checked with: the one that the officer's request names."""
        if carried is None:
            return self._given_device
        named = self.request.device if self.request else None
        if self._given_device is not None and carried != self._given_device:
            text = f"The package names another device key, {carried.fingerprint}, than the given one, "
            error: VerificationFailed = mismatch(f"{text}{self._given_device.fingerprint}.")
            self.findings.append(fails("device-key", error))
        elif named is not None and carried.fingerprint != named:
            error = mismatch("The device key in the package is not the one that the officer's request names.")
            self.findings.append(fails("device-key", error))
        elif isinstance(self.request, NotedRequest) and self._given_device is None:
            text = f"Whose the device key {carried.fingerprint} is could not be checked: compare it with the owner's."
            self.findings.append(unchecked("device-key", text))
        elif named is not None or self._given_device is not None:
            whose = "is the given one" if named is None else "is the one that the request names"
            self.findings.append(holds("device-key", f"The device key {carried.fingerprint} {whose}."))
        else:
            self.findings.append(unchecked("device-key", "Whose the device key is could not be checked."))
        return self._given_device or carried

    def _open(self, signed: Signed | None, model: type[D], key: PublicKey, name: str) -> D | None:
        """The document, verified if it can be; what it claims where its signature fails, so that the rest is told."""
        if signed is None:
            return None
        about = f"{model.model_fields['kind'].default.partition('.')[0]}.signature"
        try:
            opened = open_document(signed, model, key)
        except SignatureInvalid as error:
            self.findings.append(fails(about, _named(error, name)))
            with contextlib.suppress(DocumentInvalid):
                return read_unverified(signed, model)
            return None
        except DocumentInvalid as error:
            self.findings.append(fails(about, _named(error, name)))
            return None
        self.findings.append(holds(about, f"{name[0].upper()}{name[1:]} was signed by the device."))
        return opened

    def _check_page(self, device: PublicKey) -> None:
        page = self._read(layout.README, _MAX_PAGE)
        signature = self._read(layout.README + layout.SIGNATURE, MAX_DOCUMENT)
        if page is not None and signature is not None:
            self._judge(
                "readme.signature",
                "The page for people was signed by the device.",
                lambda: device.verify(page, signature.decode("utf-8", "replace"), layout.README_NAMESPACE),
                "the page for people",
            )
            if self.evidence is not None:
                self._check_page_is_of(page, self.evidence)

    def _check_page_is_of(self, page: bytes, evidence: Evidence) -> None:
        """The device signs a page for each package: this one must be of no other."""
        names = [evidence.evidence_id, *(master.sha256 for master in evidence.masters)]
        if all(name.encode() in page for name in names):
            self.findings.append(holds("readme", "The page for people is of this package."))
        else:
            self.findings.append(fails("readme", mismatch("The page for people is of another package.")))

    def _check_label(self, evidence: Evidence, bag: Bag) -> None:
        """What is read first, and signed by nobody: bag-info.txt, and the name of the folder in the zip."""
        size = sum(file.size for file in bag.files.values())
        expected = {**layout.bag_info(evidence), "Payload-Oxum": f"{size}.{len(bag.files)}"}
        name = layout.bag_name(evidence)
        if list(bag.info.items()) != list(expected.items()):
            finding = fails("bag-info", mismatch("bag-info.txt says something else than the manifest."))
        elif not self._path.is_dir() and bag.folder.name != name:
            finding = fails("bag-info", mismatch(f"The package's folder is not called {name}, as the manifest is."))
        else:
            finding = holds("bag-info", "bag-info.txt says what the manifest says.")
        self.findings.append(finding)

    # -- custody, and the pictures themselves --------------------------------------------------------------------

    def _check_custody(self, device: PublicKey) -> None:
        lines, note = self._read(layout.CUSTODY, _MAX_CUSTODY), self._read(layout.CHECKPOINT, MAX_DOCUMENT)
        if lines is None or note is None:
            return
        try:
            events, head = open_lines(ProvenLines(lines, _text(note)), device)
            request = self.request.request_id if self.request else None
            if request is not None and any(event.request_id != request for event in events):
                raise _custody("The custody lines are those of another request.")
            words = (CustodyKind.APPROVED, CustodyKind.APPROVAL_VOID)
            if [event.event for event in events if event.event in words][-1:] != [CustodyKind.APPROVED]:
                raise _custody("The custody lines don't hold the owner's approval.")
        except VerificationFailed as error:
            self.findings.append(fails("custody", error))
            return
        self._events = events
        text = f"The {len(events)} custody lines are in the device's log, whose {head.size} lines it signed for."
        self.findings.append(holds("custody", text))

    def _check_stamps(self, evidence: Evidence, trust: StampTrust) -> None:
        """The time stamps over the manifest, where there are any, or where the custody lines tell of one."""
        document = self._read(layout.EVIDENCE, MAX_DOCUMENT)
        stamps = {}
        for path in STAMPS:
            if os.path.lexists(self._folder / path) and (stamp := self._read(path, _MAX_STAMP)) is not None:
                stamps[path] = stamp
        if document is not None:
            self.findings += check_stamps(stamps, document, evidence, self._events, trust)

    def _check_streams(self, evidence: Evidence) -> None:
        try:
            from exchange.package.stream_hashes import hash_streams

            for master in evidence.masters:
                about = f"streams.{master.path}"
                promised = [(track.kind.value, track.packets, track.stream_sha256_after) for track in master.tracks]
                try:
                    found = [(one.kind, one.packets, one.sha256) for one in hash_streams(self._folder / master.path)]
                except VerificationFailed as error:
                    self.findings.append(fails(about, error))
                    continue
                if found != promised:
                    what = f"The tracks of {master.path} are not those that the manifest names."
                    self.findings.append(fails(about, mismatch(what)))
                else:
                    text = f"The tracks of {master.path} are, packet for packet, those of the recorder."
                    self.findings.append(holds(about, text))
        except ImportError:
            self.findings.append(unchecked("streams", "The stream hashes were not compared: PyAV is not installed."))

    # -- reading -------------------------------------------------------------------------------------------------

    def _signed(self, path: str) -> Signed | None:
        document, signature = self._read(path, MAX_DOCUMENT), self._read(path + layout.SIGNATURE, 4096)
        if document is None or signature is None:
            return None
        try:
            return Signed(document=document.decode(), signature=signature.decode())
        except ValueError:
            error = DocumentInvalid(f"{path} or its signature is not text.", do="Ask the owner for the package again.")
            self.findings.append(fails(path, error))
            return None

    def _key(self, path: str) -> PublicKey | None:
        content = self._read(path, 1000)
        if content is None:
            return None
        try:
            text = content.decode("ascii", "replace")
            key = PublicKey.parse(text)
            if text != f"{key.line}\n":
                what = f"{path} holds more than a key, or is not ended as it must be."
                raise DocumentInvalid(what, do="Ask the owner for the package again.")
            return key
        except DocumentInvalid as error:
            self.findings.append(fails(path, error))
            return None

    def _read(self, path: str, limit: int) -> bytes | None:
        """A small file of the bag, or a finding."""
        try:
            descriptor = os.open(self._folder / path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            with os.fdopen(descriptor, "rb") as file:
                content = file.read(limit + 1)
        except OSError:
            self.findings.append(fails(path, damaged(f"{path} is missing")))
            return None
        if len(content) > limit:
            self.findings.append(fails(path, damaged(f"{path} is larger than any honest one")))
            return None
        return content

    def _judge(self, about: str, promise: str, check: Callable[[], None], name: str = "") -> bool:
        try:
            check()
        except VerificationFailed as error:
            self.findings.append(fails(about, _named(error, name) if name else error))
            return False
        self.findings.append(holds(about, promise))
        return True


def _is_noted(signed: Signed | None) -> bool:
    """Whether a request says of itself that the owner wrote it down; checked when it is opened."""
    if signed is None:
        return False
    with contextlib.suppress(DocumentInvalid):
        read_unverified(signed, NotedRequest)
        return True
    return False


def _named(error: VerificationFailed, name: str) -> VerificationFailed:
    """The error with the document's name before it."""
    return type(error)(f"In {name}: {error.what}", meaning=error.meaning, do=error.do)


def _text(note: bytes) -> str:
    try:
        return note.decode()
    except UnicodeDecodeError:
        raise _custody("The custody log's checkpoint is not text.") from None


def _custody(what: str) -> CustodyBroken:
    return CustodyBroken(what, meaning="The record does not show how this package came to be.", do="Ask the owner.")
