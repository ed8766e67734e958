"""Vectors with a time stamp, by an authority that is made for them: kept while it stamps the right manifest."""

import hashlib
import subprocess
import tempfile
from pathlib import Path

from exchange.clock import DAY
from exchange.errors import VerificationFailed
from exchange.signing.timestamps import check_stamp, make_query
from scripts.vector_making import documents
from scripts.vector_making.package import Case
from scripts.vector_making.vector import FORCE_KEY, MISMATCH, SIGNATURE, Vector

ROOT, OTHER_ROOT = "keys/tsa.pem", "keys/other-tsa.pem"
_STAMPS = ("stamps/manifest.tsr", "stamps/later.tsr", "stamps/other.tsr", "stamps/young.tsr")
TRUSTED = {**FORCE_KEY, "tsa_certificates": ROOT}
_YOUNG = documents.evidence(issued=documents.NOW + 3650 * DAY)
"""A manifest that calls itself younger than any stamp over it."""

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
        root = before[ROOT].decode()
        for path, stamped in zip(_STAMPS, _documents(), strict=True):
            check_stamp(before[path], stamped, certificates=root)
    except (OSError, VerificationFailed):
        return _make(paths)
    return before


def vectors(stamps: dict[str, bytes]) -> list[Vector]:
    sound, later, other, young = (stamps[path] for path in _STAMPS)
    good = Case(stamp=sound, logged_stamp=sound)
    expect = {"timestamp": MISMATCH}
    return [
        Vector("time-stamp", "A time stamp over the manifest, under the authority's root.", good.zip(), given=TRUSTED),
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
            Case(logged_stamp=sound).zip(),
            expect,
        ),
        Vector(
            "time-stamp-not-logged",
            "A time stamp is there that the custody lines do not tell of.",
            Case(stamp=sound).zip(),
            expect,
        ),
        Vector(
            "time-stamp-later",
            "Another, later stamp over the same manifest lies in its place.",
            Case(stamp=later, logged_stamp=sound).zip(),
            expect,
        ),
        Vector(
            "time-stamp-other-manifest",
            "The time stamp is over another document.",
            Case(stamp=other, logged_stamp=other).zip(),
            {"timestamp": SIGNATURE},
            given=TRUSTED,
        ),
        Vector(
            "time-stamp-too-old",
            "The time stamp is older than the manifest by the manifest's own word.",
            Case(evidence=_YOUNG, stamp=young, logged_stamp=young).zip(),
            expect,
            given=TRUSTED,
        ),
        Vector(
            "time-stamp-no-stamp",
            "What lies in the time stamp's place is none.",
            Case(stamp=b"<html>", logged_stamp=b"<html>").zip(),
            {"timestamp": SIGNATURE},
        ),
    ]


def _documents() -> list[bytes]:
    """What each of _STAMPS is over."""
    manifest = Case().evidence_bytes
    return [manifest, manifest, b"another manifest", Case(evidence=_YOUNG).evidence_bytes]


def _make(paths: tuple[str, ...]) -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as place:
        one, another = Path(place) / "one", Path(place) / "another"
        root, other_root = _authority(one), _authority(another)
        stamps = [_stamp(one, stamped) for stamped in _documents()]
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
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True, timeout=30)
