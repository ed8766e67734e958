"""Vectors with a time stamp, by an authority that is made for them: kept while it stamps the right manifest."""

import hashlib
import os
import subprocess
import tempfile
from pathlib import Path

from exchange.clock import DAY
from exchange.errors import VerificationFailed
from exchange.signing.timestamps import check_stamp, make_query
from scripts.vector_making import documents
from scripts.vector_making.package import Case
from scripts.vector_making.vector import FORCE_KEY, MISMATCH, SIGNATURE, Vector

ROOT, OTHER_ROOT, BOTH_ROOTS = "keys/tsa.pem", "keys/other-tsa.pem", "keys/both-tsas.pem"
_STAMPS = (
    "stamps/manifest.tsr",
    "stamps/second-authority.tsr",
    "stamps/later.tsr",
    "stamps/other.tsr",
    "stamps/young.tsr",
)
TRUSTED = {**FORCE_KEY, "tsa_certificates": ROOT}
_YOUNG = documents.evidence(issued=documents.NOW + DAY)
"""A manifest that calls itself younger than the stamp over it."""

_AT = "2025-03-14 12:05:00"
"""UTC; five minutes after the vectors' other documents."""

_SETTINGS = """
[ req ]
distinguished_name = name
[ name ]
[ root ]
basicConstraints = critical, CA:true
[ signer ]
basicConstraints = critical, CA:false
extendedKeyUsage = critical, timeStamping
[ authority ]
serial = {folder}/serial
signer_digest = sha256
default_policy = 1.3.6.1.4.1.32473.1
digests = sha256
tsa_name = yes
ess_cert_id_alg = sha256
"""


def files(folder: Path) -> dict[str, bytes]:
    """The authorities' certificates and the stamps, by path: those in ``folder`` while they hold, or new ones."""
    paths = (ROOT, OTHER_ROOT, *_STAMPS)
    try:
        before = {path: (folder / path).read_bytes() for path in paths}
        roots = before[ROOT].decode() + before[OTHER_ROOT].decode()
        for path, stamped in zip(_STAMPS, _documents(), strict=True):
            check_stamp(before[path], stamped, certificates=roots)
    except (OSError, VerificationFailed):
        before = _make(paths)
    return {**before, BOTH_ROOTS: before[ROOT] + before[OTHER_ROOT]}


def vectors(stamps: dict[str, bytes]) -> list[Vector]:
    sound, second, later, other, young = (stamps[path] for path in _STAMPS)
    good = Case(stamps=(sound,), logged_stamps=(sound,))
    expect = {"timestamp": MISMATCH}
    return [
        Vector("time-stamp", "A time stamp over the manifest, under the authority's root.", good.zip(), given=TRUSTED),
        Vector(
            "two-time-stamps",
            "Time stamps of two authorities; both roots are given.",
            Case(stamps=(sound, second), logged_stamps=(sound, second)).zip(),
            given={**FORCE_KEY, "tsa_certificates": BOTH_ROOTS},
        ),
        Vector(
            "two-time-stamps-one-known",
            "Time stamps of two authorities; the root of the first is given.",
            Case(stamps=(sound, second), logged_stamps=(sound, second)).zip(),
            not_checked=["timestamp.2"],
            given=TRUSTED,
        ),
        Vector(
            "second-time-stamp-missing",
            "The custody lines tell of two time stamps, and the second is not there.",
            Case(stamps=(sound,), logged_stamps=(sound, second)).zip(),
            {"timestamp.2": MISMATCH},
        ),
        Vector(
            "time-stamps-exchanged",
            "Two time stamps lie in one another's place.",
            Case(stamps=(second, sound), logged_stamps=(sound, second)).zip(),
            {"timestamp": MISMATCH, "timestamp.2": MISMATCH},
        ),
        Vector("time-stamp-of-unknown-authority", "The same; no root of the authority is given.", good.zip()),
        Vector(
            "time-stamp-other-authority",
            "The given root is another authority's.",
            good.zip(),
            {"timestamp": SIGNATURE},
            given={**FORCE_KEY, "tsa_certificates": OTHER_ROOT},
        ),
        Vector(
            "time-stamp-missing",
            "The custody lines tell of a time stamp, and it is not there.",
            Case(logged_stamps=(sound,)).zip(),
            expect,
        ),
        Vector(
            "time-stamp-not-logged",
            "A time stamp is there that the custody lines do not tell of.",
            Case(stamps=(sound,)).zip(),
            expect,
        ),
        Vector(
            "time-stamp-later",
            "Another, later stamp over the same manifest lies in its place.",
            Case(stamps=(later,), logged_stamps=(sound,)).zip(),
            expect,
        ),
        Vector(
            "time-stamp-other-manifest",
            "The time stamp is over another document.",
            Case(stamps=(other,), logged_stamps=(other,)).zip(),
            {"timestamp": SIGNATURE},
            given=TRUSTED,
        ),
        Vector(
            "time-stamp-too-old",
            "The time stamp is older than the manifest by the manifest's own word.",
            Case(evidence=_YOUNG, stamps=(young,), logged_stamps=(young,)).zip(),
            expect,
            given=TRUSTED,
        ),
        Vector(
            "time-stamp-no-stamp",
            "What lies in the time stamp's place is none.",
            Case(stamps=(b"<html>",), logged_stamps=(b"<html>",)).zip(),
            {"timestamp": SIGNATURE},
        ),
    ]


def _documents() -> list[bytes]:
    """What each of _STAMPS is over."""
    manifest = Case().evidence_bytes
    return [manifest, manifest, manifest, b"another manifest", Case(evidence=_YOUNG).evidence_bytes]


def _make(paths: tuple[str, ...]) -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as place:
        one, another = Path(place) / "one", Path(place) / "another"
        root, other_root = _authority(one), _authority(another)
        by = [one, another, one, one, one]
        stamps = [_stamp(authority, stamped) for authority, stamped in zip(by, _documents(), strict=True)]
    return dict(zip(paths, [root, other_root, *stamps], strict=True))


def _authority(folder: Path) -> bytes:
    """Makes a root and a signer that last forty years; the root's certificate."""
    folder.mkdir()
    (folder / "openssl.cnf").write_text(_SETTINGS.format(folder=folder))
    (folder / "serial").write_text("01\n")
    new = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-config", "openssl.cnf", "-days", "14600")
    _openssl(
        folder,
        "req",
        "-x509",
        *new,
        "-extensions",
        "root",
        "-subj",
        "/CN=Test vectors root",
        "-keyout",
        "root.key",
        "-out",
        "root.pem",
    )
    _openssl(
        folder,
        "req",
        "-x509",
        *new,
        "-extensions",
        "signer",
        "-subj",
        "/CN=Test vectors signer",
        "-CA",
        "root.pem",
        "-CAkey",
        "root.key",
        "-keyout",
        "signer.key",
        "-out",
        "signer.pem",
    )
    return (folder / "root.pem").read_bytes()


def _stamp(folder: Path, stamped: bytes) -> bytes:
    (folder / "query").write_bytes(make_query(hashlib.sha256(stamped).hexdigest()))
    _openssl(
        folder,
        "ts",
        "-reply",
        "-section",
        "authority",
        "-config",
        "openssl.cnf",
        "-queryfile",
        "query",
        "-signer",
        "signer.pem",
        "-inkey",
        "signer.key",
        "-out",
        "response",
    )
    return (folder / "response").read_bytes()


def _openssl(folder: Path, *arguments: str) -> None:
    """At the vectors' own time, which Debian's faketime makes: a stamp may not be ahead of its reader's clock."""
    command = ["faketime", "-f", _AT, "openssl", *arguments]
    subprocess.run(command, cwd=folder, env={**os.environ, "TZ": "UTC"}, check=True, capture_output=True, timeout=30)
