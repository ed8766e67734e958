"""What the camera's own signatures come to: as the manifest says, or, with ``--deep``, as they are checked again.

Not for: how such a signature is checked (``exchange.media_signing``).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from exchange.documents.camera_signatures import CameraSignature, ChainVerdict, SignatureVerdict
from exchange.documents.evidence import Evidence
from exchange.documents.footage_facts import Master
from exchange.errors import SignatureInvalid
from exchange.package.report import Finding, fails, holds, mismatch, unchecked
from exchange.package.signature_words import certificate_sentences, signature_sentences, verdict_sentences


@dataclass(frozen=True)
class CameraTrust:
    """What a reader brings: certificates of makers, and of a camera whose stream does not bring its own (both PEM)."""

    roots: str | None = None
    certificates: str | None = None


NO_CAMERAS = CameraTrust()
_GOOD = (SignatureVerdict.AUTHENTIC, SignatureVerdict.INCOMPLETE)


def check_camera_signatures(evidence: Evidence, folder: Path, trust: CameraTrust, *, deep: bool) -> Iterator[Finding]:
    """A finding a scheme and master. ``deep``: the masters lie in ``folder`` and are read."""
    for master in evidence.masters:
        if deep:
            yield from _again(master, folder / master.path, trust)
        else:
            for signature in master.camera_signatures or ():
                yield holds(_about(master, signature), _as_told(signature))


def _about(master: Master, signature: CameraSignature) -> str:
    return f"camera-signature.{signature.scheme.value}.{master.path}"


def _as_told(signature: CameraSignature) -> str:
    words = " ".join(signature_sentences(signature))
    return f"The manifest says of the camera’s own signature (--deep checks it again): {words}"


def _again(master: Master, path: Path, trust: CameraTrust) -> Iterator[Finding]:
    from exchange.media_signing.chains import with_chain
    from exchange.media_signing.checking import check_media_signing
    from exchange.media_signing.samples import NotUnderstood

    told = {signature.scheme: signature for signature in master.camera_signatures or ()}
    try:
        checked = check_media_signing(path, certificates=trust.certificates)
    except (NotUnderstood, OSError) as why:
        if told:
            text = f"The camera’s own signature in {master.path} was not checked: {why}."
            yield unchecked(f"camera-signature.{master.path}", text)
        return
    for signature, certificates in checked.signatures:
        judged = with_chain(signature, certificates, trust.roots, master.first_frame)
        yield _compared(_about(master, judged), judged, told.pop(judged.scheme, None))
    for signature in told.values():
        error = mismatch(f"The manifest tells of a camera’s signature in {master.path}, and there is none.")
        yield fails(_about(master, signature), error)


def _shows(found: CameraSignature, told: CameraSignature) -> bool:
    return (
        found.verdict in _GOOD
        and found.pictures.covered >= told.pictures.covered
        and found.certificate == told.certificate
    )


def _compared(about: str, found: CameraSignature, told: CameraSignature | None) -> Finding:
    """What was found, unless the manifest says more than that."""
    if told is not None and told.verdict in _GOOD and not _shows(found, told):
        return fails(about, mismatch("The manifest says more of the camera’s own signature than the recording shows."))
    words = " ".join(signature_sentences(found))
    if found.verdict is SignatureVerdict.NOT_AUTHENTIC:
        return fails(about, SignatureInvalid(" ".join(verdict_sentences(found))))
    if found.chain is ChainVerdict.FAILS:
        return fails(about, SignatureInvalid(" ".join(certificate_sentences(found))))
    return holds(about, words) if found.verdict is SignatureVerdict.AUTHENTIC else unchecked(about, words)
