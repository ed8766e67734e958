"""Packages whose zip and bag are sound, and in which a signature or a key is another than it must be."""

import base64
import hashlib

from exchange.clock import DAY, Window
from exchange.package import contents
from exchange.signing.documents import SigningKey
from scripts.vector_making import documents
from scripts.vector_making.keys import DEVICE, NOW, OTHER_DEVICE, OTHER_FORCE
from scripts.vector_making.package import Case
from scripts.vector_making.vector import DOCUMENT, FORCE_KEY, MISMATCH, SIGNATURE, Vector, changed

REQUEST, DECISION, EVIDENCE, SIG = contents.REQUEST, contents.DECISION, contents.EVIDENCE, contents.SIGNATURE
_SMALL_ORDER = bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")


def vectors() -> list[Vector]:
    case = Case()
    manifest = case.evidence_bytes
    strange = manifest.replace(b'"site"', b'"more": 1, "site"', 1)
    word = case.request_bytes.replace(b"Burglary", b"Robbery")
    other_force = Case(request=documents.request(credential=documents.credential(OTHER_FORCE)))
    old = Window(NOW - 60 * DAY, NOW - 30 * DAY)
    expired = Case(request=documents.request(credential=documents.credential(valid=old)))
    point = "ssh-ed25519 " + base64.b64encode(DEVICE.public.blob[:-32] + _SMALL_ORDER).decode() + "\n"
    page = contents.README
    return [
        changed(
            "request-word-changed",
            "A word of the request was changed after the officer signed it.",
            {REQUEST: word},
            {"request.signature": SIGNATURE, "links.request": MISMATCH, "custody.links": MISMATCH},
        ),
        changed(
            "request-by-another",
            "The request is signed by a key that the credential does not name.",
            {REQUEST + SIG: DEVICE.sign(case.request_bytes, "request.v1@handover").encode()},
            {"request.signature": SIGNATURE},
        ),
        Vector(
            "credential-of-another-force",
            "The officer's credential is signed by a key that is not the force's.",
            other_force.zip(),
            {"request.signature": SIGNATURE},
        ),
        Vector(
            "credential-expired",
            "The credential was no longer valid when the request was issued.",
            expired.zip(),
            {"request.signature": SIGNATURE},
        ),
        Vector(
            "another-force",
            "All of it is made under another force's key than the one that is given.",
            Case(force=OTHER_FORCE, request=other_force.request).zip(),
            {"request.signature": SIGNATURE, "force-key": MISMATCH},
        ),
        changed(
            "decision-by-another",
            "The decision is signed by another device.",
            {DECISION + SIG: OTHER_DEVICE.sign(case.decision_bytes, "decision.v1@handover").encode()},
            {"decision.signature": SIGNATURE},
        ),
        changed(
            "manifest-in-other-namespace",
            "The manifest's signature was made for another kind of document.",
            {EVIDENCE + SIG: DEVICE.sign(manifest, "decision.v1@handover").encode()},
            {"evidence.signature": SIGNATURE},
        ),
        changed(
            "manifest-unreadable-and-by-another",
            "The manifest has an unknown field, and is signed by another device: the signature is checked first.",
            {EVIDENCE: strange, EVIDENCE + SIG: OTHER_DEVICE.sign(strange, "evidence.v1@handover").encode()},
            {"evidence.signature": SIGNATURE},
        ),
        changed(
            "manifest-over-sha256",
            "The manifest's signature is over SHA-256 instead of SHA-512.",
            {EVIDENCE + SIG: over_sha256(DEVICE, manifest, "evidence.v1@handover")},
            {"evidence.signature": SIGNATURE},
        ),
        changed(
            "signature-with-more",
            "A byte follows the manifest's signature, within its base64.",
            {EVIDENCE + SIG: lengthened(DEVICE.sign(manifest, "evidence.v1@handover"))},
            {"evidence.signature": SIGNATURE},
        ),
        changed(
            "page-changed",
            "The page for people was changed.",
            {page: case.payload()[page].replace(b"Nobody", b"Somebody")},
            {"readme.signature": SIGNATURE},
        ),
        changed(
            "small-order-key",
            "The device's key is a point for which anybody can make signatures.",
            {contents.DEVICE_KEY: point.encode()},
            {contents.DEVICE_KEY: DOCUMENT},
        ),
        changed(
            "key-with-comment",
            "A comment follows the force's key.",
            {contents.FORCE_KEY: case.payload()[contents.FORCE_KEY].replace(b"\n", b" the real one\n")},
            {contents.FORCE_KEY: DOCUMENT},
        ),
        Vector(
            "another-device",
            "A device that was not asked signed everything of the owner's.",
            Case(device=OTHER_DEVICE, evidence=documents.evidence(device=OTHER_DEVICE.public.fingerprint)).zip(),
            {"device-key": MISMATCH, "links.device": MISMATCH},
        ),
        Vector(
            "not-the-known-device",
            "The verifier knows another key of the owner's device.",
            Case().zip(),
            {
                "device-key": MISMATCH,
                "decision.signature": SIGNATURE,
                "evidence.signature": SIGNATURE,
                "readme.signature": SIGNATURE,
                "custody": SIGNATURE,
            },
            given={**FORCE_KEY, "device_key": "keys/other-device.pub"},
        ),
    ]


def over_sha256(key: SigningKey, data: bytes, namespace: str) -> bytes:
    """An SSHSIG whose hash is SHA-256: ssh-keygen takes it, and the format does not."""

    def string(value: bytes) -> bytes:
        return len(value).to_bytes(4, "big") + value

    body = string(namespace.encode()) + string(b"") + string(b"sha256")
    raw = key.sign_raw(b"SSHSIG" + body + string(hashlib.sha256(data).digest()))
    public, signature = string(key.public.blob), string(string(b"ssh-ed25519") + string(raw))
    return armored(b"SSHSIG" + (1).to_bytes(4, "big") + public + body + signature)


def lengthened(signature: str) -> bytes:
    return armored(base64.b64decode("".join(signature.splitlines()[1:-1])) + b"\0")


def armored(blob: bytes) -> bytes:
    text = base64.b64encode(blob).decode()
    lines = [text[at : at + 70] for at in range(0, len(text), 70)]
    return "\n".join(["-----BEGIN SSH SIGNATURE-----", *lines, "-----END SSH SIGNATURE-----", ""]).encode()
