"""The force's own key: made and used on a machine that is not the portal's, to say who is an officer.

Not for: anything that runs in the portal; it knows the key's public half only.
"""

import uuid
from dataclasses import dataclass
from pathlib import Path

import yaml
from pydantic import ValidationError

from exchange.age.files import generate_identity, parse_recipient
from exchange.clock import DAY, Window
from exchange.documents.messages import MAX_DOCUMENT, Line, Part, Role, Signed
from exchange.documents.teams import Unit
from exchange.durable import durable_file
from exchange.errors import DocumentInvalid, InputInvalid, NotFound, NotPermitted, SettingsInvalid
from exchange.signing.credentials import issue_credential
from exchange.signing.documents import PublicKey, SigningKey, parse_strictly, sign_document

MAX_KEY_LINE = 1000
MAX_RECIPIENT = 4000


class _ForceFile(Part):
    force: Line


@dataclass(frozen=True, slots=True)
class Force:
    """A folder with the force's key: ``force.key`` (0600), ``force.pub`` and ``force.yaml`` (its name)."""

    name: str
    key: SigningKey

    @classmethod
    def create(cls, folder: Path, name: str) -> "Force":
        """SettingsInvalid when there is a key already: a new one would make every credential worthless."""
        if (folder / "force.key").exists():
            raise SettingsInvalid(f"There is a force key in {folder} already.", do="Choose another folder.")
        try:
            content = yaml.safe_dump(_ForceFile(force=name).model_dump(), allow_unicode=True).encode()
        except ValidationError:
            raise SettingsInvalid(
                "The force's name can't be used.",
                meaning="Nothing was made.",
                do="Give one line of 1 to 200 characters, as owners are to read it: --name 'Example Constabulary'.",
            ) from None
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        key = SigningKey.generate()
        key.save(folder / "force.key")
        write_public(folder / "force.pub", key.public, name)
        with durable_file(folder / "force.yaml") as file:
            file.write(content)
        return cls(name, key)

    @classmethod
    def load(cls, folder: Path) -> "Force":
        """The force's key in a folder. Raises NotFound, KeyFileUnusable or SettingsInvalid."""
        try:
            found = _ForceFile.model_validate(yaml.safe_load((folder / "force.yaml").read_bytes()[:4096]))
        except OSError:
            raise NotFound(
                f"There is no force key in {folder}.", do=f"Make one: handover-portal force new {folder} --name NAME"
            ) from None
        except (ValueError, yaml.YAMLError):
            raise SettingsInvalid(f"{folder / 'force.yaml'} can't be used.", do="Restore it: force: NAME") from None
        return cls(found.force, SigningKey.load(folder / "force.key"))

    def credential(self, officer: PublicKey, details: "OfficerDetails", valid: Window) -> Signed:
        """The force's word that the key is this officer's. SettingsInvalid when a detail can't be printed."""
        try:
            return issue_credential(
                self.key,
                force=self.name,
                credential_id=str(uuid.uuid4()),
                name=details.name,
                rank=details.rank,
                collar_number=details.collar_number,
                unit=details.unit,
                contact=details.contact,
                public_key=officer,
                valid=valid,
                roles=details.roles,
                recipient=details.recipient,
            )
        except ValidationError as error:
            where = error.errors()[0]["loc"]
            field = where[0] if where else "details"
            name = str(field).replace("_", " ")
            raise SettingsInvalid(
                f"The officer's {name} can't be used.", do="Give it in one line of at least a letter."
            ) from None

    def unit(self, name: str, recipient: str, valid: Window) -> Signed:
        """The force's word that the unit's recovery key is this. SettingsInvalid for a name or key that can't be."""
        try:
            unit = Unit(
                force=self.name,
                unit_id=str(uuid.uuid4()),
                name=name,
                recipient=recipient,
                valid_from=valid.start,
                valid_to=valid.end,
            )
        except ValidationError:
            raise SettingsInvalid(
                "The unit's name or recovery key can't be used.",
                do="Write the name in one line; the key must be of the kind age1pq1….",
            ) from None
        return sign_document(unit, self.key)


@dataclass(frozen=True, slots=True)
class OfficerDetails:
    """What a credential tells owners of an officer."""

    name: str
    rank: str
    collar_number: str
    unit: str
    contact: str
    roles: tuple[Role, ...] | None = None
    recipient: str | None = None


def validity(now: int, days: int) -> Window:
    """From a little ago, for clocks that are slow, for so many days."""
    return Window(now - DAY // 24, now + days * DAY)


def read_public(path: Path) -> PublicKey:
    """A ``.pub`` file. NotFound or DocumentInvalid."""
    try:
        with path.open() as file:
            text = file.read(MAX_KEY_LINE).strip()
    except PermissionError:
        raise NotPermitted(f"This user may not read {path}.", do="Put it where it may be read, or use sudo.") from None
    except (OSError, UnicodeDecodeError):
        raise NotFound(f"There is no public key in {path}.", do="Give the path of a .pub file.") from None
    if "PRIVATE KEY" in text:
        raise InputInvalid(
            f"{path} is a private key, where its public half is wanted.",
            meaning="Nothing was taken from it. It belongs on no other machine than its own.",
            do="Give the file of the same name that ends in .pub.",
        )
    try:
        return PublicKey.parse(text)
    except DocumentInvalid:
        raise DocumentInvalid(
            f"{path} holds no OpenSSH Ed25519 public key.",
            do="Give a .pub file, such as force.pub or officer.pub: one line, which begins with ssh-ed25519.",
        ) from None


def read_recipient(text: str) -> str:
    """An age recipient as it stands, or the one in the file that is named. NotFound, InputInvalid."""
    named = "The age recipient"
    if not text.startswith("age1"):
        named = f"The age recipient in {text}"
        try:
            with Path(text).open() as file:
                text = file.read(MAX_RECIPIENT).strip()
        except (OSError, UnicodeDecodeError):
            raise NotFound(f"There is no age recipient in {text}.", do="Give age1…, or a file with it.") from None
    try:
        return str(parse_recipient(text))
    except ValueError as error:
        raise InputInvalid(
            f"{named} can't be used: {error}.", do="Give the officer's officer.recipient, or copy it anew."
        ) from None


def make_recovery_key(path: Path, name: str) -> str:
    """A unit's recovery key in a new file; its recipient. SettingsInvalid rather than overwrite one."""
    if path.exists():
        raise SettingsInvalid(f"There is a file {path} already.", do="Choose another name.")
    identity = generate_identity("hybrid")
    with durable_file(path) as file:
        file.write(f"# recovery key of {name}\n# public key: {identity.recipient}\n{identity}\n".encode())
    return str(identity.recipient)


def write_public(path: Path, key: PublicKey, comment: str) -> None:
    with durable_file(path, mode=0o644) as file:
        file.write(f"{key.line} {comment}\n".encode())


def read_signed(path: Path) -> Signed:
    """A signed document in a file, both strings in one JSON object. NotFound or DocumentInvalid."""
    try:
        with path.open("rb") as file:
            content = file.read(4 * MAX_DOCUMENT + 1)
    except PermissionError:
        raise NotPermitted(f"This user may not read {path}.", do="Put it where it may be read, or use sudo.") from None
    except OSError:
        raise NotFound(f"There is no file {path}.", do="Check its name.") from None
    return parse_strictly(content, Signed, 4 * MAX_DOCUMENT)


def write_signed(path: Path, signed: Signed) -> None:
    with durable_file(path) as file:
        file.write(signed.model_dump_json(indent=2).encode() + b"\n")
