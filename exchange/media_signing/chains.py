"""Whether the certificate that came with signed pictures leads to a root that the owner, or the force, trusts.

By ``openssl verify``, which judges the chain as it was when the pictures were recorded. Revocation is not looked up.
Not for: the signatures themselves (``checking``).
"""

import tempfile
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding

from exchange.clock import SECOND, Instant
from exchange.documents.camera_signatures import CameraSignature, ChainVerdict
from exchange.errors import TimestampFailed
from exchange.media_signing.keys import chain_of
from exchange.media_signing.samples import NotUnderstood
from exchange.signing import openssl

NOT_GIVEN = "no certificate of a maker was given to hold it against"
_ERROR = "error "


def with_chain(signature: CameraSignature, certificates: str | None, roots: str | None, at: Instant) -> CameraSignature:
    """The signature with what its chain comes to. ``certificates``: PEM, the camera's own first; ``roots``: PEM."""
    verdict, why = _judged(signature, certificates, roots, at)
    return signature.model_copy(update={"chain": verdict, "chain_why": why})


def _judged(
    signature: CameraSignature, certificates: str | None, roots: str | None, at: Instant
) -> tuple[ChainVerdict, str]:
    if certificates is None or signature.certificate is None or signature.certificate.sha256 is None:
        return ChainVerdict.UNCHECKED, "the stream brings no certificate of the key that signed"
    if roots is None:
        return ChainVerdict.UNCHECKED, NOT_GIVEN
    try:
        own, *others = chain_of(certificates)
    except NotUnderstood as why:
        return ChainVerdict.UNCHECKED, str(why)
    with tempfile.TemporaryDirectory(prefix="handover-chain-") as place:
        folder = Path(place)
        (folder / "roots").write_text(roots)
        (folder / "own").write_bytes(own.public_bytes(Encoding.PEM))
        (folder / "others").write_bytes(b"".join(one.public_bytes(Encoding.PEM) for one in others))
        untrusted = ["-untrusted", str(folder / "others")] if others else []
        try:
            answer = openssl.run(
                "verify", "-no-CApath", "-no-CAstore", "-CAfile", str(folder / "roots"), *untrusted,
                "-attime", str(at // SECOND), str(folder / "own"),
            )  # fmt: skip
        except TimestampFailed as error:
            return ChainVerdict.UNCHECKED, error.what
    if answer.returncode == 0:
        return ChainVerdict.HOLDS, "it leads to a certificate that was given as a maker's"
    reply = answer.stderr.decode("utf-8", "replace")
    reason = next((line for line in reply.splitlines() if line.startswith(_ERROR)), None)
    if reason is None:
        return ChainVerdict.UNCHECKED, f"OpenSSL can't check it: {openssl.short(reply)}"
    return ChainVerdict.FAILS, f"OpenSSL says “{openssl.short(reason.partition(': ')[2] or reason)}”"
