"""``handover-verify``: checks an evidence package and says in plain words what holds and what doesn't.

Not for: the checks themselves (``exchange.verify.checking``).
"""

import contextlib
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import click

from exchange import VERSION
from exchange.age.keys import Opener, Passphrase, read_identities
from exchange.documents.messages import Credential
from exchange.documents.noted import NotedRequest
from exchange.errors import DocumentInvalid, HandoverError, InputInvalid, KeyFileUnusable
from exchange.package.report import Report
from exchange.signing.documents import PublicKey
from exchange.signing.timestamps import MAX_STAMP, read_all_certificates, read_certificates
from exchange.verify.checking import verify_package
from exchange.verify.signature_checks import CameraTrust
from exchange.verify.stamp_checks import StampTrust
from exchange.verify.words import HEADINGS, report_lines

__all__ = ["Report", "main", "read_force_key", "read_public_key", "verify_package"]

_COLOURS = dict(zip(HEADINGS, ("red", "green", "yellow"), strict=True))
_MAX_KEYS = 64 * 1024
_MAX_LIST = 10 * 1024 * 1024
"""Bytes of a CRL or OCSP response (``exchange.signing.revocation``, which is loaded only where it is needed)."""
_SIGNER = re.compile(
    r'(?P<principals>\S+)\s+(?:(?P<options>\S*(?:"[^"]*"\S*)*)\s+)?(?P<key>ssh-ed25519\s+\S+)(?:\s.*)?'
)

_path = click.Path(path_type=Path)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, prog_name="handover-verify")
@click.argument("package", type=_path)
@click.option("--identity", "-i", "identity", type=_path, multiple=True, help="File with the case's age identity.")
@click.option("--passphrase-file", type=_path, help="File with the package's passphrase; - asks for it.")
@click.option("--force-key", type=_path, help="File with the force's public key, learned from the force itself.")
@click.option("--allowed-signers", type=_path, help="Take the force's key from an ssh-keygen allowed_signers file.")
@click.option("--device-key", type=_path, help="File with the public key of the owner's device, if you know it.")
@click.option(
    "--tsa-certificates", multiple=True, type=_path, help="PEM file with the root of a time-stamping authority."
)
@click.option("--late-stamp", multiple=True, type=_path, help="A time stamp that came after the package was sealed.")
@click.option("--crl", multiple=True, type=_path, help="A list of revoked certificates, for the authorities' own.")
@click.option("--ocsp", multiple=True, type=_path, help="An OCSP response (DER) on an authority's certificate.")
@click.option("--revocation", is_flag=True, help="Ask the authorities, over the network, for lists and responses.")
@click.option("--signing-roots", multiple=True, type=_path, help="PEM file with certificates of a camera's maker.")
@click.option("--camera-certificates", type=_path, help="The camera's own certificates (PEM), if they are missing.")
@click.option("--into", type=_path, help="Folder in which to leave the opened package.")
@click.option("--deep", is_flag=True, help="Read the recordings too, and compare each track with the recorder's.")
@click.option("--case", "case_file", type=_path, help="Write its facts into this new file as CASE (JSON-LD).")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of lines.")
def command(
    package: Path,
    identity: tuple[Path, ...],
    passphrase_file: Path | None,
    force_key: Path | None,
    allowed_signers: Path | None,
    device_key: Path | None,
    tsa_certificates: tuple[Path, ...],
    late_stamp: tuple[Path, ...],
    crl: tuple[Path, ...],
    ocsp: tuple[Path, ...],
    revocation: bool,
    signing_roots: tuple[Path, ...],
    camera_certificates: Path | None,
    into: Path | None,
    deep: bool,
    case_file: Path | None,
    as_json: bool,
) -> int:
    """Check an evidence PACKAGE: a sealed .zip.age, its .zip, or the folder that it unpacks to.

    Ends with 0 when everything was checked and holds; docs/exit-codes.md lists the other codes.
    """
    if force_key and allowed_signers:
        raise click.UsageError("Name --force-key or --allowed-signers, not both.")
    force = read_public_key(force_key) if force_key else None
    trust = StampTrust(
        certificates=read_all_certificates(tsa_certificates),
        lists=[_read_as(path, _MAX_LIST, _is_list, "list of revoked certificates") for path in crl],
        answers=[_read_as(path, _MAX_LIST, _is_der, "OCSP response (DER)") for path in ocsp],
        ask=revocation,
        late=[_read_as(path, MAX_STAMP, _is_der, "time stamp") for path in late_stamp],
    )
    report = verify_package(
        package,
        identities=_openers(identity, passphrase_file),
        force_key=read_force_key(allowed_signers) if allowed_signers else force,
        device_key=read_public_key(device_key) if device_key else None,
        trust=trust,
        cameras=CameraTrust(
            read_all_certificates(signing_roots),
            read_certificates(camera_certificates) if camera_certificates else None,
        ),
        into=into,
        deep=deep,
    )
    if as_json:
        click.echo(report.to_json(), nl=False)
    else:
        _print(report, deep)
    if case_file is not None:
        _write_case(report, case_file)
    return report.exit_code


def main() -> None:
    """The command's entry point; ends the process with the documented exit code."""
    try:
        code = command.main(prog_name="handover-verify", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except click.Abort:
        code = 130
    except HandoverError as error:
        click.echo(str(error), err=True)
        code = error.exit_code
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.flush()
    sys.exit(code)


def read_public_key(path: Path) -> PublicKey:
    """The key in a .pub file. KeyFileUnusable when it holds none."""
    try:
        return PublicKey.parse(_read(path).strip())
    except DocumentInvalid:
        raise _unusable(path, "it holds no OpenSSH Ed25519 public key") from None


def read_force_key(path: Path) -> PublicKey:
    """The one key that an allowed_signers file (ssh-keygen(1)) allows to sign credentials. Else KeyFileUnusable."""
    found: set[PublicKey] = set()
    for line in _read(path).splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _SIGNER.fullmatch(line.strip())
        if match is None:
            continue  # another kind of key, which can't be a force's
        spaces = re.fullmatch(r'namespaces="([^"]*)"', match["options"] or "", re.IGNORECASE)
        if match["options"] and spaces is None:
            raise _unusable(path, "it limits a key by more than namespaces, which is not understood here")
        if spaces is None or Credential.namespace() in spaces[1].split(","):
            try:
                found.add(PublicKey.parse(match["key"]))
            except DocumentInvalid:
                raise _unusable(path, "a key in it is no OpenSSH Ed25519 public key") from None
    if len(found) != 1:
        raise _unusable(path, f"it allows {len(found)} keys to sign {Credential.namespace()}, where one is wanted")
    return found.pop()


def _read_bytes(path: Path, most: int) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(most + 1)
    except OSError as error:
        raise InputInvalid(f"{path} can't be read: {error.strerror}.", do="Check its name and permissions.") from None
    if len(content) > most:
        raise InputInvalid(f"{path} is larger than any honest one.", do="Check its name.")
    return content


def _read_as(path: Path, most: int, is_one: Callable[[bytes], bool], kind: str) -> bytes:
    """InputInvalid where it is none by its first bytes, so that no package is blamed for a wrong name."""
    content = _read_bytes(path, most)
    if not is_one(content):
        raise InputInvalid(f"{path} is no {kind}.", do="Check its name.")
    return content


def _is_der(content: bytes) -> bool:
    return content.startswith(b"\x30")  # a SEQUENCE (X.690), as RFC 3161, 5280 and 6960 have it


def _is_list(content: bytes) -> bool:
    return _is_der(content) or b"-----BEGIN X509 CRL-----" in content


def _write_case(report: Report, target: Path) -> None:
    """What the documents say, as CASE; nothing where a check failed: an evidence system would take it for true."""
    from exchange.package.case_graph import case_graph

    request, officer = report.request, report.officer
    asked_by = request.officer if isinstance(request, NotedRequest) else officer
    if report.failure() is not None or not (request and asked_by and report.decision and report.evidence):
        click.echo(f"{target} was not written: the package does not hold.", err=True)
        return
    try:
        with target.open("xb") as file:
            file.write(case_graph(report.evidence, request, asked_by, report.decision))
    except OSError as error:
        raise InputInvalid(
            f"{target} can't be written: {error.strerror}.", do="Name a file that isn't there."
        ) from None
    click.echo(f"Its facts as CASE: {target}", err=True)


def _openers(identity: tuple[Path, ...], passphrase_file: Path | None) -> list[Opener]:
    """Whatever may open the seal. A passphrase is never an argument: whoever lists processes would read it."""
    found: list[Opener] = [one for file in identity for one in read_identities(file)]
    if passphrase_file is not None:
        asked = str(passphrase_file) == "-"
        if asked:
            lines = [click.prompt("Passphrase", hide_input=True, err=True)]
        else:
            lines = _read(passphrase_file, _passphrase_unusable).splitlines()
        if not lines or not lines[0].strip():
            raise _passphrase_unusable(passphrase_file, "its first line is empty")
        found.append(Passphrase(lines[0].strip()))
    return found


def _print(report: Report, deep: bool) -> None:
    """For a person. Coloured where it is a terminal; the headings say the same without."""
    width = max(40, min(shutil.get_terminal_size((100, 24)).columns, 110))
    for line in report_lines(report, deep=deep, width=width):
        colour = _COLOURS.get(line)
        click.echo(click.style(line, fg=colour, bold=True) if colour else line)
    if report.bag:
        click.echo(f"The opened package lies in {report.bag}")


def _read(path: Path, unusable: Callable[[Path, str], HandoverError] | None = None) -> str:
    unusable = unusable or _unusable
    try:
        with path.open("rb") as file:
            return file.read(_MAX_KEYS).decode()
    except OSError as error:
        raise unusable(path, error.strerror or "it can't be read") from None
    except UnicodeDecodeError:
        raise unusable(path, "it is not text") from None


def _passphrase_unusable(path: Path, why: str) -> KeyFileUnusable:
    return KeyFileUnusable(
        f"The passphrase file {path} can't be read: {why}.",
        meaning="Without the passphrase, the package can't be opened.",
        do="Give a file whose first line is the package's passphrase, or - to be asked for it.",
    )


def _unusable(path: Path, why: str) -> KeyFileUnusable:
    return KeyFileUnusable(
        f"The key file {path} can't be used: {why}.",
        meaning="Without the key, not everything can be checked.",
        do="Give a file with one OpenSSH Ed25519 public key.",
    )
