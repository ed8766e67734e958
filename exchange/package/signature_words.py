"""What a camera's own signature comes to, in sentences for people: for READ-ME-FIRST and for ``handover-verify``.

Not for: checking it (``exchange.media_signing``).
"""

from exchange.documents.camera_signatures import (
    CameraSignature,
    ChainVerdict,
    SignatureScheme,
    SignatureVerdict,
    SignedPictures,
)

SCHEMES = {SignatureScheme.ONVIF: "ONVIF Media Signing", SignatureScheme.AXIS: "Axis Signed Video"}


def signature_sentences(signature: CameraSignature) -> list[str]:
    """What was signed and holds, what can't be told, and whose camera it shows."""
    return [*verdict_sentences(signature), *certificate_sentences(signature)]


def verdict_sentences(signature: CameraSignature) -> list[str]:
    """What of the pictures is as the camera signed it."""
    scheme, pictures = SCHEMES[signature.scheme], signature.pictures
    counted = f"{pictures.covered:,} of {pictures.total:,} pictures are exactly as it signed them"
    why = [signature.why] if signature.why else []
    match signature.verdict:
        case SignatureVerdict.NOT_VERIFIED:
            begins = f"The camera signed its pictures ({scheme}), but that was not verified, so it may hold or not."
            return [begins, *why]
        case SignatureVerdict.NOT_AUTHENTIC:
            begins = f"The camera’s own signature ({scheme}) does not hold over all of this."
            lost = "A picture that was lost on the way from the camera shows in the same way as one that was changed."
            return [begins, *why, f"{counted}.", lost]
        case SignatureVerdict.INCOMPLETE:
            return [f"The camera itself signed its pictures ({scheme}): {counted}.", *why, *_ends(pictures)]
        case SignatureVerdict.AUTHENTIC:
            begins = f"The camera itself signed its pictures ({scheme}): {counted}, and none between them is missing."
            return [begins, *why, *_ends(pictures)]


def _ends(pictures: SignedPictures) -> list[str]:
    ends = []
    if pictures.before:
        ends.append(f"The first {pictures.before:,} can’t be checked: no signature over them is in the copy.")
    if pictures.after:
        ends.append(f"The last {pictures.after:,} can’t be checked: the signature over them came after the copy’s end.")
    return ends


def certificate_sentences(signature: CameraSignature) -> list[str]:
    """Whose key it was, as far as that is known."""
    certificate = signature.certificate
    if certificate is None:
        return []
    if certificate.sha256 is None:
        return ["No certificate in the recording says whose key it was: anybody can make such a key."]
    named = f"The key is that of the certificate “{certificate.subject or 'without a name'}”"
    named += f", issued by “{certificate.issuer or 'without a name'}”, serial number {certificate.serial}."
    match signature.chain:
        case ChainVerdict.HOLDS:
            return [named, "That certificate holds under those of the maker that were given."]
        case ChainVerdict.FAILS:
            return [named, f"It does not hold under the certificates that were given: {signature.chain_why}."]
        case ChainVerdict.UNCHECKED:
            why = f" ({signature.chain_why})" if signature.chain_why else ""
            return [named, f"Whose it is was not checked{why}: anybody can make a certificate that says so."]
