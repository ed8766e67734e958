"""RFC 3161 time stamps: asked for, read and checked by OpenSSL's own ``openssl ts``, in a process of its own.

Not for: talking to an authority (``agent.portal.timestamp_authority``), or how a stamp fits its package
(``exchange.package.consistency``).
"""

import calendar
import contextlib
import os
import re
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from exchange.clock import SECOND, Instant
from exchange.errors import InputInvalid, SignatureInvalid
from exchange.signing.openssl import run as _openssl
from exchange.signing.openssl import short

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

MAX_STAMP = 64 * 1024
"""Bytes of a TimeStampResp: an honest one, with its certificates, has some 6,000."""

_MAX_CERTIFICATES = 256 * 1024
_LONGEST_CHAIN = 8
_TIME = re.compile(r"^Time stamp: (\w{3} +\d+ \d\d:\d\d:\d\d)(?:\.\d+)? (\d{4}) GMT$", re.MULTILINE)
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----")
_SHA256 = re.compile(r"^Hash Algorithm: sha256$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a stamp that held says."""

    at: Instant
    """genTime (RFC 3161 section 2.4.2), a fraction of a second cut off."""
    trusted: bool
    """The given certificates vouch for its authority; else it holds in itself only, and anybody can have made it."""


def make_query(sha256: str) -> bytes:
    """A TimeStampReq in DER (RFC 3161 section 2.4.1) over a hash in hex, with a nonce, and asking for certificates.

    TimestampFailed where there is no OpenSSL.
    """
    return _openssl("ts", "-query", "-sha256", "-digest", sha256, "-cert").stdout


def check_stamp(
    response: bytes, document: bytes, *, certificates: str | None = None, query: bytes | None = None
) -> Stamp:
    """What a TimeStampResp says of ``document``, after its status, imprint (SHA-256), signature and purpose held.

    ``certificates``: PEM of the authorities to trust, as they were when the stamp was made. ``query``: what the
    response must answer, with its nonce. SignatureInvalid when something does not hold, TimestampFailed where there is
    no OpenSSL to ask.
    """
    if len(response) > MAX_STAMP:
        raise _invalid(f"it has more than {MAX_STAMP} bytes")
    with tempfile.TemporaryDirectory(prefix="handover-stamp-") as place:
        folder = Path(place)
        for name, content in (("response", response), ("document", document), ("query", query or b"")):
            (folder / name).write_bytes(content)
        made = _what_it_says(folder)
        trust = ["-CAfile", str(folder / "trusted")]
        if certificates is None:
            # No chain is asked for: that its own certificate signed it is all that can be told.
            trust.append("-partial_chain")
            certificates = _embedded(folder)
        (folder / "trusted").write_text(certificates)
        # First against the query, which holds the nonce; then against the document itself.
        against = [["-queryfile", str(folder / "query")]] if query else []
        for what in (*against, ["-data", str(folder / "document")]):
            _held("ts", "-verify", *what, "-in", str(folder / "response"), *trust, "-attime", str(made // SECOND))
    return Stamp(made, "-partial_chain" not in trust)


def _what_it_says(folder: Path) -> Instant:
    """When the token was made. Only the token is read: what stands around it is signed by nobody."""
    _held("ts", "-reply", "-in", str(folder / "response"), "-token_out", "-out", str(folder / "token"))
    text = _held("ts", "-reply", "-token_in", "-in", str(folder / "token"), "-text")
    reply = _TIME.search(text)
    if reply is None:
        raise _invalid("it names no time")
    if _SHA256.search(text) is None:
        raise _invalid("it is not about a SHA-256")
    try:
        return calendar.timegm(time.strptime(f"{reply[1]} {reply[2]}", "%b %d %H:%M:%S %Y")) * SECOND
    except ValueError:
        raise _invalid("its time is none") from None


def _embedded(folder: Path) -> str:
    found = _held("pkcs7", "-inform", "DER", "-in", str(folder / "token"), "-print_certs")
    if "BEGIN CERTIFICATE" not in found:
        raise _invalid("it brings no certificate to check it with")
    return found


def authority_chain(response: bytes, certificates: str) -> "list[Certificate]":
    """The certificates from the one that signed a TimeStampResp up to one of ``certificates`` (PEM), that one included.

    For a response that held under them. SignatureInvalid where no such chain is found, TimestampFailed as above.
    """
    from cryptography.x509 import load_pem_x509_certificates

    with tempfile.TemporaryDirectory(prefix="handover-stamp-") as place:
        folder = Path(place)
        (folder / "response").write_bytes(response)
        _held("ts", "-reply", "-in", str(folder / "response"), "-token_out", "-out", str(folder / "token"))
        brought = _readable(_embedded(folder))
        signer = str(folder / "signer")
        # Who signed it; whether anybody vouches for them was asked before.
        _held("cms", "-verify", "-noverify", "-inform", "DER", "-in", str(folder / "token"), "-signer", signer,
              "-out", os.devnull)  # fmt: skip
        chain = _readable((folder / "signer").read_text())[:1]
    if not chain:
        raise _invalid("the certificate of its authority can't be read")
    trusted = load_pem_x509_certificates(certificates.encode())
    while chain[-1] not in trusted:
        above = next((one for one in (*trusted, *brought) if _issued(one, chain[-1]) and one not in chain), None)
        if above is None or len(chain) >= _LONGEST_CHAIN:
            raise _invalid("the given certificates do not vouch for its authority")
        chain.append(above)
    return chain


def _readable(pem: str) -> "list[Certificate]":
    """Those that can be read: beside the one that signed, anybody can put any, as nothing signs which there are."""
    from cryptography.x509 import InvalidVersion, load_pem_x509_certificate

    found = []
    for each in _CERTIFICATE.findall(pem):
        with contextlib.suppress(ValueError, InvalidVersion):
            found.append(load_pem_x509_certificate(each.encode()))
    return found


def _issued(above: "Certificate", below: "Certificate") -> bool:
    try:
        below.verify_directly_issued_by(above)
    except Exception:  # another name, another key, a kind of key that it can't be of
        return False
    return True


def read_certificates(path: Path) -> str:
    """The certificates in a PEM file. InputInvalid when there are none."""
    from cryptography.x509 import load_pem_x509_certificates

    try:
        with path.open("rb") as file:
            content = file.read(_MAX_CERTIFICATES + 1)
        if len(content) > _MAX_CERTIFICATES:
            raise ValueError
        load_pem_x509_certificates(content)
        return content.decode("ascii")
    except OSError as error:
        why = error.strerror or "it can't be read"
    except ValueError:
        why = "it holds no certificates in PEM"
    raise InputInvalid(
        f"{path} can't be used: {why}.",
        meaning="Without the certificates of an authority, what it signed can't be told from what anybody signed.",
        do="Give a PEM file with its root certificate, as the authority, or the maker, publishes it.",
    )


def read_all_certificates(paths: Sequence[Path]) -> str | None:
    """The certificates in PEM files, one after another; None where no file is named. InputInvalid as above."""
    return "\n".join(map(read_certificates, paths)) if paths else None


def _held(*arguments: str) -> str:
    """What OpenSSL prints. SignatureInvalid with its reason when it ends with anything but 0."""
    answer = _openssl(*arguments)
    if answer.returncode != 0:
        raise _invalid(_reason(answer.stderr.decode("utf-8", "replace")))
    return answer.stdout.decode("utf-8", "replace")


def _reason(reply: str) -> str:
    """OpenSSL's last error line, ``thread:error:code:library:function:reason:file:line:data``, in short."""
    lines = [line.split(":", 8) for line in reply.splitlines() if ":error:" in line]
    if not lines or len(lines[-1]) < 9:
        return "OpenSSL can't read it"
    parts = [lines[-1][5], lines[-1][8].removeprefix("Verify error:")]
    return f"OpenSSL says “{short(', '.join(part for part in parts if part))}”"


def _invalid(why: str) -> SignatureInvalid:
    return SignatureInvalid(
        f"The time stamp does not hold: {why}.",
        meaning="It does not show that an authority saw the manifest at the time it names.",
        do="Don't rely on its time; ask the owner for the package again, and keep this one.",
    )
