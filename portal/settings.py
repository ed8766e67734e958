"""The portal's folder: its settings (``portal.yaml``), and where everything else in it lies.

Not for: the force's private key, which has no business on the machine that runs the portal.
"""

import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from pydantic import AfterValidator, Field, ValidationError, field_validator, model_validator

from exchange.complaints import complaint
from exchange.documents.keeping.holds import Retention, RetentionClass
from exchange.documents.messages import Line, Part, PublicKeyLine, Text
from exchange.durable import durable_file
from exchange.errors import SettingsInvalid
from exchange.refused import in_words
from exchange.signing.documents import PublicKey
from exchange.signing.logins import is_safe_url
from portal.keystore import KeyStore
from portal.limits import Limits as Limits
from portal.yaml_text import parse_settings

MAX_SETTINGS = 64 * 1024
FORCES = "forces"
"""The folder with those of several forces."""
_HERE = ("127.0.0.1", "::1", "localhost")


def _origin(text: str) -> str:
    parts = urlsplit(text)
    path = parts.path.rstrip("/")
    if parts.scheme not in ("http", "https") or not parts.hostname or not _PATH.fullmatch(path):
        raise ValueError("an origin is wanted, such as https://share.example.police.uk, with a plain path at most")
    if parts.query or parts.fragment or parts.username is not None:
        raise ValueError("an origin has no user, query or fragment")
    return f"{parts.scheme}://{parts.netloc.lower()}{path}"


_PATH = re.compile(r"(/[a-z0-9][a-z0-9-]*){0,4}")
Origin = Annotated[Line, AfterValidator(_origin)]


def _zone(name: str) -> str:
    try:
        return ZoneInfo(name).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"there is no time zone {name!r}") from None


def _database(text: str) -> str:
    if not text.startswith(("postgresql://", "postgres://")):
        raise ValueError("an address is wanted, such as postgresql://handover@db.example.org/handover")
    if "password" in text.lower() or ":" in text.partition("//")[2].partition("/")[0].rpartition("@")[0]:
        raise ValueError("it may hold no password: name a file with it in database_password_file")
    return text


def _issuer(url: str) -> str:
    parts = urlsplit(url)
    if not is_safe_url(url):
        raise ValueError("an issuer's https address is wanted")
    if parts.query or parts.fragment or parts.username is not None:
        raise ValueError("an issuer has no user, query or fragment")
    return url


def _network(text: str) -> str:
    return str(ipaddress.ip_network(text, strict=False))


Country = Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
HourOfDay = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
Network = Annotated[Line, AfterValidator(_network)]
ShortName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,30}$")]
"""Of a force, in folders, in the database and on the command line."""
DatabaseAddress = Annotated[Line, AfterValidator(_database)]


KEPT = Retention(
    classes=(
        RetentionClass(
            name="public-protection",
            kinds=("murder", "manslaughter", "homicide", "rape", "terrorism", "kidnap", "kidnapping", "trafficking",
                   "child abuse", "child sexual"),
            record_days=36_525,
        ),
        RetentionClass(
            name="serious",
            kinds=("sexual", "robbery", "wounding", "grievous bodily harm", "gbh", "stabbing", "shooting", "firearm",
                   "arson", "death", "blackmail", "stalking", "aggravated"),
            record_days=3_653,
        ),
        RetentionClass(name="standard", record_days=2_192),
    ),
    otherwise="standard",
)  # fmt: skip
"""A beginning after the review groups for police information of England and Wales; a force sets its own."""


class MailSettings(Part):
    """The mail server that takes the portal's messages."""

    host: Line
    port: Annotated[int, Field(ge=1, le=65535)] = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    """``none``: for a server on this very machine only."""
    user: Line | None = None
    password_file: Path | None = None
    """Of mode 0600; without it, systemd's credential ``mail-password``."""
    sender: Line
    """The address that messages come from."""

    @model_validator(mode="after")
    def _is_not_in_the_clear(self) -> Self:
        if self.security == "none" and self.host not in _HERE:
            raise ValueError("to another machine, mail goes by starttls or tls")
        return self


class NotifyTexts(Part):
    """Text messages by GOV.UK Notify, or by whoever speaks its interface."""

    kind: Literal["notify"]
    country: Country = "GB"
    """Whose mobile phones are written to."""
    url: Origin = "https://api.notifications.service.gov.uk"
    template: Line
    """Of a text that is ``((text))`` and nothing else: the id that the provider shows."""
    key_file: Path | None = None
    """With the API key, of mode 0600; without it, systemd's credential ``texts-key``."""
    stop_file: Path | None = None
    """With the bearer token that the provider shows when it passes on what people text back, of mode 0600."""

    @field_validator("url")
    @classmethod
    def _is_not_in_the_clear(cls, url: str) -> str:
        if not url.startswith("https://") and urlsplit(url).hostname not in _HERE:
            raise ValueError("texts go to another machine by https only")
        return url


class FolderTexts(Part):
    """Text messages as files in a folder, for a gateway that sends them."""

    kind: Literal["folder"]
    country: Country = "GB"
    folder: Path
    stop_file: Path | None = None


class QuietHours(Part):
    """Of the day, in the zone in which times are shown: a text that nobody waits for is sent after them."""

    start: HourOfDay = Field(default="21:00", alias="from")
    end: HourOfDay = Field(default="08:00", alias="to")


class PeopleSettings(Part):
    """For people without an agent, who register on the portal's page; without it, the portal has no such page."""

    mail: MailSettings
    responsible: Text
    """Who answers for what is kept of people, and how they are reached: stands in the privacy notice."""
    zone: Annotated[Line, AfterValidator(_zone)] = "Europe/London"
    """In which times are shown to them."""
    link_script: Path | None = None
    """The folder that scripts/bundle wrote; without it, nobody can send files by a link."""
    texts: Annotated[NotifyTexts | FolderTexts, Field(discriminator="kind")] | None = None
    """Without it, nobody is written to by text."""
    quiet: QuietHours = QuietHours()


class LoginSettings(Part):
    """The force's own accounts (OpenID Connect), with which officers log in beside their key."""

    issuer: Annotated[str, Field(max_length=500), AfterValidator(_issuer)]
    client_id: Line
    """Of the officers' program, as the provider knows it: a public client, without a secret."""
    scope: Line = "openid email offline_access"
    claim: Line = "email"
    """Of the ID token: what names the officer."""
    credential: Literal["contact", "collar_number", "credential_id", "name"] = "contact"
    """What of the credential it must be."""
    required: bool = True
    """Whether an officer's key alone is not enough."""
    codes: bool = False
    """Whether a login by a code, typed on another device, counts where the provider's ID token then names no key."""
    minutes: Annotated[int, Field(ge=5, le=24 * 60)] = 60
    """After which the officer's program asks the provider again, without a person."""
    longest_hours: Annotated[int, Field(ge=1, le=24 * 31)] = 12
    """After which a person logs in anew."""


class BucketSettings(Part):
    """An S3-compatible bucket that keeps uploads, instead of the folder; with a ``prefix`` it may hold others too."""

    endpoint: Origin
    """Where the storage answers, such as https://s3.eu-west-2.amazonaws.com; http on this very machine only."""
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")]
    region: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}$")] = "us-east-1"
    prefix: Annotated[str, Field(pattern=r"^([A-Za-z0-9_-]{1,60}(/[A-Za-z0-9_-]{1,60}){0,7})?$")] = ""
    login_file: Path | None = None
    """Of mode 0600: access key, secret key, perhaps a session token; without it, systemd's ``bucket-login``."""
    checksums: bool = True
    """Whether each object and part has its SHA-256 in a header (``x-amz-checksum-sha256``) that storage checks."""

    @model_validator(mode="after")
    def _is_not_in_the_clear(self) -> Self:
        if self.endpoint.startswith("http:") and urlsplit(self.endpoint).hostname not in _HERE:
            raise ValueError("to another machine, a bucket is reached by https")
        return self


class PortalSettings(Part):
    """What ``portal.yaml`` sets."""

    force: Line
    force_key: PublicKeyLine
    """The public half only: it checks officers' credentials, and can make none."""
    origin: Origin | None = None
    """What agents and officers reach the portal by; without it, the address that ``serve`` listens on. It may end in a
    path, by which several forces on one host are told apart."""
    short_name: ShortName | None = None
    """The force's, where several are on this portal; see ``PortalFolder.of_force``."""
    database: DatabaseAddress | None = None
    """PostgreSQL's address; without it, the file ``portal.db`` in the folder."""
    database_password_file: Path | None = None
    """Of mode 0600; without it, systemd's credential ``database-password``, or what libpq knows (PGPASSFILE)."""
    bucket: BucketSettings | None = None
    """Where uploads are kept; without it, in the folder ``uploads``."""
    trusted_proxies: tuple[Network, ...] = ()
    """Addresses or networks of the proxies in front, whose ``X-Forwarded-For`` is believed."""
    limits: Limits = Limits()
    retention: Retention = KEPT
    """How long what is kept of which crimes, where no hold stands."""
    people: PeopleSettings | None = None
    login: LoginSettings | None = None

    @property
    def key(self) -> PublicKey:
        return PublicKey.parse(self.force_key)


@dataclass(frozen=True, slots=True)
class PortalFolder:
    """Where a portal lives: a folder that only its user may read."""

    path: Path

    def of_force(self, short_name: str) -> "PortalFolder":
        """The folder of one of several forces: a portal's like any other, inside this one."""
        return PortalFolder(self.path / FORCES / short_name)

    def served(self) -> list["PortalFolder"]:
        """The portals that are served together: this folder's own, if it has one or nothing else, and its forces'."""
        found = [PortalFolder(path.parent) for path in sorted((self.path / FORCES).glob("*/portal.yaml"))]
        return [self, *found] if self.settings_file.exists() or not found else found

    @property
    def settings_file(self) -> Path:
        return self.path / "portal.yaml"

    @property
    def database(self) -> Path:
        return self.path / "portal.db"

    def where(self, settings: PortalSettings) -> Path | str:
        """The database: a file, or PostgreSQL's address."""
        return self.database if settings.database is None else settings.database

    @property
    def uploads(self) -> Path:
        return self.path / "uploads"

    @property
    def keys(self) -> KeyStore:
        """Of what is personal in the database; every replica sees the same."""
        return KeyStore(self.path / "keys")

    @property
    def lock(self) -> Path:
        return self.path / "portal.lock"

    def load(self) -> PortalSettings:
        """SettingsInvalid when there is no portal here, or its settings can't be used."""
        try:
            with self.settings_file.open("rb") as file:
                content = file.read(MAX_SETTINGS + 1)
        except PermissionError as error:
            raise in_words(error) or error from None
        except OSError as error:
            raise self._none_here(error.strerror) from None
        try:
            if len(content) > MAX_SETTINGS:
                raise ValueError(f"it is larger than {MAX_SETTINGS} bytes")
            return PortalSettings.model_validate(parse_settings(content))
        except ValidationError as error:
            raise self._unusable(complaint(error)) from None
        except ValueError as error:
            raise self._unusable(str(error)) from None

    def save(self, settings: PortalSettings) -> None:
        """Make the folder (mode 0700) and write the settings durably. SettingsInvalid when a portal is there."""
        if self.settings_file.exists():
            raise SettingsInvalid(
                f"There is a portal in {self.path} already.",
                meaning="Making it anew would forget its devices and requests.",
                do="Choose another folder, or edit its portal.yaml.",
            )
        for folder in (self.path.parent.parent, self.path.parent) if self.path.parent.name == FORCES else ():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.uploads.mkdir(mode=0o700, exist_ok=True)
        self.keys.begin()
        text = yaml.safe_dump(settings.model_dump(mode="json", exclude_none=True), sort_keys=False)
        with durable_file(self.settings_file) as file:
            file.write(text.encode())

    def require_outside(self, into: Path) -> None:
        """SettingsInvalid where a copy of the portal would lie in the portal's own folder."""
        whole = self.path.parent.parent if self.path.parent.name == FORCES else self.path
        if into.resolve().is_relative_to(whole.resolve()):
            raise SettingsInvalid(
                f"{into} lies in the portal's own folder.",
                meaning="What takes the portal would take the copy too.",
                do="Name a folder elsewhere, best on another disk.",
            )

    def _none_here(self, why: str | None) -> SettingsInvalid:
        beside = sorted(path.parent.name for path in self.path.parent.glob("*/portal.yaml"))
        if self.path.parent.name == FORCES and beside:
            return SettingsInvalid(
                f"This portal has no force {self.path.name}; it has {', '.join(beside)}.", do="Say which: --force NAME"
            )
        names = [folder.path.name for folder in self.served() if folder != self]
        if names:
            return SettingsInvalid(
                f"Several forces share the portal in {self.path}: {', '.join(names)}.", do="Say which: --force NAME"
            )
        return SettingsInvalid(
            f"There is no portal in {self.path} ({why}).",
            do=f"Make one: handover-portal init {self.path} --force NAME --force-key FORCE.pub",
        )

    def _unusable(self, why: str) -> SettingsInvalid:
        return SettingsInvalid(
            f"{self.settings_file} can't be used: {why}.", do="Correct it; docs/protocol.md names every setting."
        )
