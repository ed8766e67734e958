"""The officer's own folder: key, credential, the force's public key, case keys, known devices, requests.

Not for: the portal, which never sees what is secret here; the folder has mode 0700.
"""

import hashlib
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import ValidationError

from exchange.age.files import Identity, Kind, generate_identity, read_identities
from exchange.age.keys import identities_in
from exchange.custody.merkle import EMPTY_ROOT
from exchange.custody.restored import SignedRestored
from exchange.custody.uses import Checked
from exchange.documents.messages import Credential, Document, Id, Line, Part, PublicKeyLine, Signed
from exchange.durable import durable_file
from exchange.errors import InputInvalid, KeyFileUnusable, NotFound, SettingsInvalid
from exchange.signing.credentials import open_credential
from exchange.signing.documents import PublicKey, SigningKey, parse_strictly, read_unverified
from portal.force.keys import read_signed, write_public, write_signed
from portal.officer import token
from portal.officer.login.session import Logins
from portal.officer.safe import Ask, Safe, ask_at_terminal
from portal.settings import Origin

D = TypeVar("D", bound=Document)
MAX_MAP = 16 * 1024 * 1024
MOST_HEADS = 100
"""Of the portal's log of use, kept to hold a log against that was put back to an earlier state."""


class Setup(Part):
    """``officer.yaml``."""

    portal: Origin
    force: Line
    force_key: PublicKeyLine
    tell_opened: bool | None = None
    """Whether owners are told that their packages were opened; None: the officer was not asked yet."""


class _IdCheck(Part):
    value: Id


@dataclass(frozen=True, slots=True)
class OfficerState:
    """Where an officer's things lie. ``ask``: for the passphrase of their keys, where they have one; ``ask_pin``: for
    the PIN of their token."""

    folder: Path
    ask: Ask = ask_at_terminal
    ask_pin: Ask = ask_at_terminal
    safe: Safe = field(init=False, repr=False, compare=False)
    _on_token: list[SigningKey] = field(init=False, repr=False, compare=False, default_factory=list)
    """The key on the token, once it was opened."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "safe", Safe(self.folder, self.ask))

    # -- who the officer is ------------------------------------------------------------------------------------------

    def make_key(self) -> SigningKey:
        """The officer's key: the one that is here or on the token that was set up, or a new one."""
        self._make(self.folder)
        path = self.folder / "officer.key"
        if token.kept_place(self.folder) is None and not self.safe.exists(path):
            key = SigningKey.generate()
            self.safe.write(path, key.secret())
            write_public(self.folder / "officer.pub", key.public, "officer")
        return self.key()

    def use_token(self, place: token.TokenPlace) -> SigningKey:
        """From now on the officer's key is the one on the token, made there if there is none. SettingsInvalid where
        there is one in a file: the force vouched for that."""
        self._make(self.folder)
        if self.safe.exists(self.folder / "officer.key"):
            raise SettingsInvalid(
                "There is an officer's key in a file here already.",
                do="Use another folder: handover-officer --state FOLDER setup --token …",
            )
        key = token.open_key(place, lambda: self.ask_pin(f"PIN of the token {place.token}"), make=True)
        token.keep_place(self.folder, place)
        write_public(self.folder / "officer.pub", key.public, "officer")
        self._on_token.append(key)
        return key

    def key(self) -> SigningKey:
        """KeyFileUnusable when there is none."""
        place = token.kept_place(self.folder)
        if place is not None:
            if not self._on_token:
                self._on_token.append(token.open_key(place, lambda: self.ask_pin(f"PIN of the token {place.token}")))
            return self._on_token[0]
        path = self.folder / "officer.key"
        if not self.safe.exists(path):
            raise KeyFileUnusable(f"There is no officer's key in {self.folder}.", do="Make one: handover-officer setup")
        content = self.safe.read(path)
        return SigningKey.load(path) if content is None else SigningKey.parse(content, path)

    def make_identity(self) -> Identity:
        """The officer's own age key, under which keys of cases are handed to them: the one that is here, or a new one.

        Its public half lies beside it, for the force to put it into the credential.
        """
        self._make(self.folder)
        path = self.folder / "officer.identity"
        if not self.safe.exists(path):
            made = generate_identity("hybrid")
            self.safe.write(path, f"# public key: {made.recipient}\n{made}\n".encode())
        identity = self.identity()
        with durable_file(self.recipient_file, mode=0o644) as file:
            file.write(f"{identity.recipient}\n".encode())
        return identity

    @property
    def recipient_file(self) -> Path:
        return self.folder / "officer.recipient"

    def identity(self) -> Identity:
        """KeyFileUnusable when there is none."""
        return self._identities(self.folder / "officer.identity")[0]

    def _identities(self, path: Path) -> list[Identity]:
        content = self.safe.read(path)
        return read_identities(path) if content is None else identities_in(content, path)

    def set_passphrase(self, passphrase: str) -> None:
        """Lock every key that is here, and that will be. InputInvalid when it is too short."""
        cases = sorted((self.folder / "cases").glob("*/case.key"))
        own = [self.folder / name for name in ("officer.key", "officer.identity", "login.json")]
        self.safe.set_passphrase(passphrase, [*own, *cases])

    @property
    def logins(self) -> Logins:
        """The officer's login with the force's account, where the portal wants one."""
        return Logins(self.folder, self.safe)

    def keep_unit(self, unit: Signed) -> None:
        """The unit whose recovery key opens the officer's cases too."""
        write_signed(self.folder / "unit.json", unit)

    def kept_unit(self) -> Signed | None:
        path = self.folder / "unit.json"
        return read_signed(path) if path.exists() else None

    def save_setup(self, setup: Setup, credential: Signed) -> None:
        """Keep where the portal is and what the force says of the officer. SettingsInvalid for another force's key."""
        before = self.folder / "officer.yaml"
        if before.exists() and self.setup().force_key != setup.force_key:
            raise SettingsInvalid(
                "Another force's key is set up here.", do="Use another folder: handover-officer --state FOLDER setup"
            )
        if before.exists():
            setup = setup.model_copy(update={"tell_opened": self.setup().tell_opened})
        write_signed(self.folder / "credential.json", credential)
        self._write_setup(setup)

    def save_choice(self, *, tell_opened: bool) -> None:
        """What the officer wants from now on."""
        self._write_setup(self.setup().model_copy(update={"tell_opened": tell_opened}))

    def _write_setup(self, setup: Setup) -> None:
        plain = setup.model_dump(mode="json", exclude_none=True)
        with durable_file(self.folder / "officer.yaml") as file:
            file.write(yaml.safe_dump(plain, sort_keys=False, allow_unicode=True).encode())

    def setup(self) -> Setup:
        """SettingsInvalid when the officer is not set up."""
        try:
            content = (self.folder / "officer.yaml").read_bytes()[:65536]
            return Setup.model_validate(yaml.safe_load(content))
        except OSError:
            raise SettingsInvalid(
                f"The officer isn't set up in {self.folder}.",
                do="handover-officer setup --portal URL --force-key FORCE.pub --credential CREDENTIAL.json",
            ) from None
        except (ValidationError, yaml.YAMLError):
            raise SettingsInvalid(f"{self.folder / 'officer.yaml'} can't be used.", do="Set up again.") from None

    def credential(self, at: int) -> tuple[Signed, Credential]:
        """As the force signed it, and what it says. CredentialInvalid when it isn't valid at ``at`` (microseconds)."""
        signed = read_signed(self.folder / "credential.json")
        return signed, open_credential(signed, PublicKey.parse(self.setup().force_key), at)

    # -- case keys ---------------------------------------------------------------------------------------------------

    def case_key(self, crime_reference: str, kind: Kind | None = None) -> Identity:
        """The identity that opens what is sealed for the case, made the first time (``kind``: hybrid unless given).

        InputInvalid when the case has one of another kind.
        """
        if not self.knows_case(crime_reference):
            self._write_case_keys(crime_reference, [generate_identity(kind or "hybrid")])
        identity = self.case_keys(crime_reference)[0]
        if kind is not None and identity.kind != kind:
            raise InputInvalid(
                f"The case {crime_reference} has a key of the kind {identity.kind} already.",
                do=f"Leave --case-key out, or say {identity.kind}.",
            )
        return identity

    def case_keys(self, crime_reference: str) -> list[Identity]:
        """All keys that the case has had as far as they are here, the newest first. KeyFileUnusable."""
        return self._identities(self.case_key_file(crime_reference))

    def knows_case(self, crime_reference: str) -> bool:
        """Whether a key of the case is here."""
        return self.safe.exists(self.case_key_file(crime_reference))

    def has_case_key(self, crime_reference: str, recipient: str) -> bool:
        """Whether what is sealed for ``recipient`` can be opened here."""
        known = self.knows_case(crime_reference)
        return known and any(str(key.recipient) == recipient for key in self.case_keys(crime_reference))

    def save_case_keys(self, crime_reference: str, identities: Sequence[Identity]) -> None:
        """Keep these, the newest first, and behind them whatever else is here: no key is ever thrown away."""
        before = self.case_keys(crime_reference) if self.knows_case(crime_reference) else []
        self._write_case_keys(crime_reference, [*identities, *(key for key in before if key not in identities)])

    def _write_case_keys(self, crime_reference: str, identities: Sequence[Identity]) -> None:
        self._make(self.case_folder(crime_reference))
        lines = "".join(f"# public key: {each.recipient}\n{each}\n" for each in identities)
        content = f"# case: {crime_reference}\n{lines}".encode()
        self.safe.write(self.case_key_file(crime_reference), content)

    def case_key_file(self, crime_reference: str) -> Path:
        """An age identity file, which ``age -d -i`` takes too."""
        return self.case_folder(crime_reference) / "case.key"

    def make_case_folder(self, crime_reference: str, name: str) -> Path:
        """A folder in the case's own."""
        folder = self.case_folder(crime_reference) / name
        self._make(folder)
        return folder

    def case_folder(self, crime_reference: str) -> Path:
        readable = re.sub(r"[^A-Za-z0-9]+", "-", crime_reference).strip("-")[:60]
        digest = hashlib.sha256(crime_reference.encode()).hexdigest()[:8]
        return self.folder / "cases" / f"{readable}-{digest}"

    # -- requests ----------------------------------------------------------------------------------------------------

    def keep(self, request_id: str, name: str, signed: Signed) -> None:
        """Keep a document of a request, such as ``request`` or ``decision``."""
        folder = self.request_folder(request_id)
        self._make(folder)
        write_signed(folder / f"{name}.json", signed)

    def kept(self, request_id: str, name: str) -> Signed | None:
        path = self.request_folder(request_id) / f"{name}.json"
        return read_signed(path) if path.exists() else None

    def kept_names(self, request_id: str) -> list[str]:
        """Of every document of a request that is kept, as ``kept`` takes them."""
        return sorted(path.name.removesuffix(".json") for path in self.request_folder(request_id).glob("*.json"))

    def note_sent(self, request_id: str, name: str) -> None:
        """The portal took this document, which was kept before."""
        with durable_file(self._sent(request_id, name)) as file:
            file.write(b"")

    def was_sent(self, request_id: str, name: str) -> bool:
        """Whether that was noted; of what earlier versions sent it was not."""
        return self._sent(request_id, name).exists()

    def _sent(self, request_id: str, name: str) -> Path:
        return self.request_folder(request_id) / f"{name}.sent"

    def request(self, request_id: str, model: type[D]) -> D:
        """The officer's own request. NotFound when it was sent from elsewhere."""
        signed = self.kept(request_id, "request")
        if signed is None:
            raise NotFound(
                f"The request {request_id} wasn't sent from here.",
                meaning="Without it, what comes back can't be checked against what was asked.",
                do="Use the machine, or the --state folder, that it was sent from.",
            )
        return read_unverified(signed, model)  # our own, signed before it was kept

    def request_folder(self, request_id: str) -> Path:
        """InputInvalid when it is no id."""
        try:
            _IdCheck(value=request_id)
        except ValidationError:
            raise InputInvalid("This is no request's id.", do="handover-officer inbox names them.") from None
        return self.folder / "requests" / request_id

    # -- the log of use ----------------------------------------------------------------------------------------------

    def log_head(self) -> tuple[int, bytes]:
        """How long the portal's log of use was when it was last looked at, and its root; 0 and nothing before."""
        kept = self._read_map("log-head.json")
        return (int(kept["size"]), bytes.fromhex(kept["root"])) if kept else (0, EMPTY_ROOT)

    def log_seen(self) -> int:
        """When it was looked at last, in microseconds UTC; 0 where that was not kept."""
        return int(self._read_map("log-head.json").get("seen", "0"))

    def log_head_until(self, size: int) -> tuple[int, bytes]:
        """The longest that was seen here and had at most so many lines; 0 and nothing when none was."""
        heads = {int(each): root for each, root in self._read_map("log-heads.json").items() if int(each) <= size}
        return (max(heads), bytes.fromhex(heads[max(heads)])) if heads else (0, EMPTY_ROOT)

    def log_sizes(self) -> list[int]:
        """Of every head that is kept."""
        return [int(size) for size in self._read_map("log-heads.json")]

    def log_checked(self) -> Checked:
        """How far an auditor's program read and checked it here."""
        kept = self._read_map("log-checked.json")
        return Checked.model_validate_json(kept["checked"]) if kept else Checked()

    def save_log_checked(self, checked: Checked) -> None:
        self._save_map("log-checked.json", {"checked": checked.model_dump_json()})

    def save_log_head(self, size: int, root: str, now: int, kept: int | None = None) -> None:
        """``kept``: of a log that was put back to an earlier state, the lines from which it goes on."""
        if kept is not None and self.log_checked().size > kept:
            self.save_log_checked(Checked())
        heads = self._read_map("log-heads.json")
        heads = {each: heads[each] for each in heads if kept is None or int(each) <= kept} | {str(size): root}
        sizes = sorted(map(int, heads))
        if len(sizes) > MOST_HEADS:  # of those long ago every second one goes
            sizes = sizes[: MOST_HEADS // 2 : 2] + sizes[MOST_HEADS // 2 :]
        self._save_map("log-heads.json", {str(each): heads[str(each)] for each in sizes})
        self._save_map("log-head.json", {"size": str(size), "root": root, "seen": str(now)})

    def restorations(self) -> dict[str, SignedRestored]:
        """Every statement that was ever shown here, by its SHA-256."""
        kept = self._read_map("log-restored.json")
        return {named: SignedRestored.model_validate_json(text) for named, text in kept.items()}

    def keep_restorations(self, shown: Mapping[str, SignedRestored]) -> None:
        kept = self._read_map("log-restored.json")
        if shown.keys() - kept.keys():
            self._save_map(
                "log-restored.json", {**kept, **{name: each.model_dump_json() for name, each in shown.items()}}
            )

    # -- known devices -----------------------------------------------------------------------------------------------

    def known_devices(self) -> dict[str, str]:
        """The device's fingerprint by camera, as ``portal.officer.trust`` names cameras."""
        return self._read_map("devices.json")

    def save_devices(self, cameras: Mapping[str, str]) -> None:
        self._save_map("devices.json", cameras)

    def sightings(self) -> dict[str, str]:
        """What searches found: the camera's name by device and camera id."""
        return self._read_map("sightings.json")

    def save_sightings(self, cameras: Mapping[str, str]) -> None:
        self._save_map("sightings.json", cameras)

    def _read_map(self, name: str) -> dict[str, str]:
        path = self.folder / name
        if not path.exists():
            return {}
        with path.open("rb") as file:
            return dict(parse_strictly(file.read(MAX_MAP + 1), _Map, MAX_MAP).entries)

    def _save_map(self, name: str, entries: Mapping[str, str]) -> None:
        with durable_file(self.folder / name) as file:
            file.write(_Map(entries=dict(entries)).model_dump_json(indent=2).encode() + b"\n")

    def _make(self, folder: Path) -> None:
        """With every folder above it, mode 0700."""
        if folder != self.folder:
            self._make(folder.parent)
        folder.mkdir(mode=0o700, parents=folder == self.folder, exist_ok=True)
        if folder == self.folder and os.stat(folder).st_mode & 0o077:
            folder.chmod(0o700)


class _Map(Part):
    entries: dict[str, str]
