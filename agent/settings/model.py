"""``handover.yaml``: what the owner sets, read and checked in one go, with errors that name the line.

Not for: cameras (they live in the agent's store), secrets (files under ``keys/``), or anything that a program changes.
"""

import hashlib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError, model_validator

from agent.settings.authorities import Authorities
from agent.settings.authorities import TimestampSettings as TimestampSettings
from agent.settings.backups import BackupSettings
from agent.settings.copies import CopySettings as CopySettings
from agent.settings.errors import problems_of
from agent.settings.exhibits import ExhibitSettings
from agent.settings.page import PageSettings
from agent.settings.section import Section
from agent.settings.sending import SendingSettings
from agent.settings.supervised import SupervisedSettings
from agent.settings.units import Duration, Size, between
from agent.settings.values import (
    SOCKET,
    AbsolutePath,
    DataPath,
    Host,
    HttpsUrl,
    HttpUrl,
    Interfaces,
    Jurisdiction,
    PreserveWord,
    QuietWord,
    User,
    is_plain,
)
from agent.settings.values import LogLevel as LogLevel
from agent.settings.values import Preserve as Preserve
from agent.settings.values import Trim as Trim
from agent.settings.yaml_file import Problem, YamlFile, parse, read_text
from exchange.clock import DAY, HOUR, MINUTE, SECOND
from exchange.documents.messages import Line, OwnerKind
from exchange.errors import SettingsInvalid

DEFAULT_PATH = Path("/etc/handover/handover.yaml")
DEFAULT_DATA = Path("/var/lib/handover")


class RecordingSettings(Section):
    directory: AbsolutePath = DEFAULT_DATA / "recordings"
    """Where recorded segments are written. Unless set: recordings/ under data."""
    days: int = Field(14, ge=1, le=3650)
    """Days that recordings are kept before they are overwritten. Held recordings stay longer."""
    bytes: Size | None = None
    """The most that recordings may take, such as 200 GB. null: as much as keep_free leaves."""
    keep_free: Size = 5 * 1000**3
    """The least that stays free on the recordings' disk; the oldest recordings go first."""
    segment: Annotated[Duration, between("10s", "10m")] = MINUTE
    """About how long one recorded file is; from 10s to 10m."""


class PortalSettings(Section):
    url: HttpsUrl | None = None
    """Where your force's or town's portal is; null for none: you write requests down yourself then."""
    proxy: HttpUrl | None = None
    """The HTTP proxy that leads to the portal, if your network needs one."""
    ca_file: AbsolutePath | None = None
    """The certificate authority to trust for the portal (PEM), instead of the system's."""
    tell_hours: bool = False
    """Whether officers may know of which hours your cameras have recordings: it spares you requests in vain, and tells
    them when nothing was recorded."""


class OwnerSettings(Section):
    kind: OwnerKind
    """household or business."""
    name: Line
    """Who owns the cameras, as officers read it."""
    contact: Line
    """How officers reach you: a telephone number or an e-mail address."""


class DiscoverySettings(Section):
    enabled: bool = True
    """Whether to look for cameras on the network from time to time. They are never added without you."""
    interfaces: Interfaces = "all"
    """The network interfaces to look on, such as [eth0, wlan0], or all."""
    hosts: tuple[Host, ...] = Field((), max_length=1024)
    """Addresses to ask one by one as well: cameras that multicast does not reach."""
    every: Annotated[Duration, between("5m", "30d")] = DAY
    """How often to look; from 5m to 30d."""


class RequestSettings(Section):
    longest_window: Annotated[Duration, between("1m", "7d")] = 2 * HOUR
    """The longest window an officer may ask for; longer ones are refused for you. From 1m to 7d."""
    preserve: PreserveWord = Preserve.YES
    """Keep a requested window from being overwritten while you decide: yes, no, or ask you first. Nothing is sent."""
    preserve_limit: Size = 50 * 1000**3
    """The most that windows kept in this way may take together."""
    trim: Trim = Trim.BEFORE
    """Where a copy starts: at the last key frame before the window, or at the first inside it."""
    remind_after: tuple[Annotated[Duration, between("1m", "30d")], ...] = Field((HOUR, 12 * HOUR), max_length=10)
    """When to remind you of a request that waits; an empty list for never."""
    keep_packages_days: int = Field(365, ge=0, le=36500)
    """Days that the encrypted copy of what you handed over is kept, from its receipt on."""
    supervised: SupervisedSettings = SupervisedSettings()
    """Beyond what a supervisor of the force must have signed too; without that, a request is refused for you."""


class PollSettings(Section):
    every: Annotated[Duration, between("1s", "1d")] = 30 * SECOND
    """How often to ask the portal for requests; from 1s to 1d."""
    jitter: Annotated[Duration, between("0s", "1h")] = 5 * SECOND
    """At most so much is added at random, so that not all owners ask at once."""
    heartbeat: Annotated[Duration, between("1m", "1d")] = 15 * MINUTE
    """How often to tell the portal that this agent is alive; from 1m to 1d."""


class DecideSettings(Section):
    allow_users: tuple[User, ...] = Field((), max_length=64)
    """Users of this machine who may review and decide, beside root and the daemon's own user."""
    people: int = Field(1, ge=1, le=2)
    """How many people must say yes before anything is sent: 1 or 2. One person's no is enough for a no."""


class NotifySettings(Section):
    quiet: QuietWord | None = None
    """Hours in which only urgent messages are sent, such as 22:00-07:00; null for none."""
    urgent: Annotated[Duration, between("0s", "30d")] = 3 * HOUR
    """A request that ends within this time is urgent, and is told in quiet hours too."""
    escalate_after: Annotated[Duration, between("5m", "30d")] = 6 * HOUR
    """How long a request waits before the next rank of people is told of it."""


class RecordsSettings(Section):
    jurisdiction: Jurisdiction = "uk"
    """Whose law your records, statements and notices are worded by: uk, eu, or the name of files of your own."""
    wording: AbsolutePath = Path("/etc/handover/wording")
    """Where files of your own with such wording may lie, such as uk.en.yaml; they go before Handover's."""
    language: Literal["en", "de"] = "en"
    """The language of what the commands write, where the jurisdiction has it: en or de. The page takes the reader's."""
    keep_years: int | None = Field(None, ge=1, le=50)
    """Years that the record of a request is kept after it is over; null: as long as the jurisdiction's wording says."""
    purpose: Line | None = None
    """What your cameras are for, as your notice and your sign say; null: in the words of the jurisdiction."""
    privacy_contact: Line | None = None
    """Who answers questions about the recordings, such as a data protection officer; null: owner.contact."""


class LogSettings(Section):
    level: LogLevel = LogLevel.INFO
    """debug, info, warning or error."""


class Settings(Section):
    """All of ``handover.yaml``. Durations are microseconds, sizes bytes, paths absolute."""

    data: DataPath = DEFAULT_DATA
    """Where Handover keeps its database, keys, packages and proof."""
    portal: PortalSettings = PortalSettings()
    """The portal that requests come from."""
    owner: OwnerSettings
    """Who owns the cameras."""
    recordings: RecordingSettings = RecordingSettings()
    """What the built-in recorder keeps, and for how long."""
    discovery: DiscoverySettings = DiscoverySettings()
    """How cameras are found."""
    requests: RequestSettings = RequestSettings()
    """What happens when an officer asks."""
    exhibits: ExhibitSettings = ExhibitSettings()
    """What packages are called in court."""
    copies: CopySettings = CopySettings()
    """Which working copies go beside what you hand over, unless you choose others when you say yes."""
    poll: PollSettings = PollSettings()
    """How often the agent talks to the portal."""
    decide: DecideSettings = DecideSettings()
    """Who may say yes or no."""
    page: PageSettings = PageSettings()
    """The owner's page in a browser."""
    notify: NotifySettings = NotifySettings()
    """When people are told of requests and troubles; whom, is set with handover notify."""
    records: RecordsSettings = RecordsSettings()
    """What your records of requests say, and how long they are kept."""
    backups: BackupSettings = BackupSettings()
    """Your own copies of what you handed over: where else they are kept, how they are checked, when they go."""
    sending: SendingSettings = SendingSettings()
    """How uploads use your line: to the portal, by SFTP, to a bucket. A request can be excepted (--now)."""
    timestamp_authorities: Authorities = ()
    """Who countersigns the time of what you hand over (RFC 3161): a list of url and certificates; [] for none."""
    signing_roots: AbsolutePath | None = None
    """Certificates of your cameras' makers (PEM), for cameras that sign their pictures; null for none."""
    log: LogSettings = LogSettings()
    """What is written to the log."""

    @model_validator(mode="before")
    @classmethod
    def _recordings_live_under_data(cls, value: object) -> object:
        if not isinstance(value, dict) or not isinstance(value.get("data"), str | Path):
            return value
        recordings = value.get("recordings", {})
        directory = Path(value["data"]) / "recordings"
        if not isinstance(recordings, dict) or "directory" in recordings or not is_plain(directory):
            return value
        return {**value, "recordings": {**recordings, "directory": directory}}

    # Everything below lies under ``data``; scripts/install sets the modes named here.

    @property
    def database(self) -> Path:
        """0600: requests, decisions, deliveries, cameras."""
        return self.data / "agent.db"

    @property
    def keys(self) -> Path:
        """0700: every secret of the daemon."""
        return self.data / "keys"

    @property
    def device_key(self) -> Path:
        """The Ed25519 key that signs for this agent."""
        return self.keys / "device.key"

    @property
    def archive_key(self) -> Path:
        """The age identity that opens the owner's own copies."""
        return self.keys / "archive.key"

    @property
    def recipients(self) -> Path:
        """0600: who is told of requests, and how; it holds passwords and tokens."""
        return self.keys / "notify.json"

    @property
    def places(self) -> Path:
        """0600: places that files can be put, with the logins for them."""
        return self.keys / "places.json"

    @property
    def run_directory(self) -> Path:
        """What lives only as long as the daemon runs."""
        return self.socket.parent

    @property
    def socket(self) -> Path:
        """Where ``handover review`` and the other commands reach the daemon."""
        return self.data / SOCKET

    @property
    def lock(self) -> Path:
        """Held by the one daemon that may use this state."""
        return self.run_directory / "agent.lock"

    @property
    def recorder_directory(self) -> Path:
        """Shared with the recorder's user: the daemon writes, the recorder reads."""
        return self.data / "recorder"

    @property
    def recorder_config(self) -> Path:
        """0640: which cameras to record, and how to log in to them."""
        return self.recorder_directory / "cameras.json"

    @property
    def preserved_dir(self) -> Path:
        """0700: windows fetched from recorders, sealed for the archive key until their request is closed."""
        return self.data / "preserved"

    @property
    def sources_dir(self) -> Path:
        """0700: indexes of footage sources; they are made anew when they are gone."""
        return self.data / "sources"

    @property
    def packages_dir(self) -> Path:
        """Sealed packages: what was sent, byte for byte."""
        return self.data / "packages"

    @property
    def brought_dir(self) -> Path:
        """0700: recordings that the owner brought by hand, a folder a camera."""
        return self.data / "brought"

    @property
    def outgoing_dir(self) -> Path:
        """0700: files for a force that has no portal, until they were handed over."""
        return self.data / "outgoing"

    @property
    def working_copies_dir(self) -> Path:
        """0700: working copies that the owner had made for themselves, for a week."""
        return self.data / "working-copies"

    def package(self, evidence_id: str, edition: int = 1) -> Path:
        """Where the sealed package of this evidence id lies; a later edition of it lies beside the first."""
        return self.packages_dir / f"{evidence_id}{'' if edition == 1 else f'-{edition}'}.zip.age"

    @property
    def records_dir(self) -> Path:
        """0700: mails and files that the owner put to their records of requests."""
        return self.data / "records"

    @property
    def receipts_dir(self) -> Path:
        """The force's signed receipts."""
        return self.data / "receipts"

    @property
    def stamps_dir(self) -> Path:
        """0700: time stamps that came after their package was sealed, a folder a package."""
        return self.data / "stamps"

    @property
    def feedback_dir(self) -> Path:
        """0700: what the force and the owner said of packages, as it was signed."""
        return self.data / "feedback"

    @property
    def backups_dir(self) -> Path:
        """0700: the owner's own copies by date and kind of incident, and what is on its way to second places."""
        return self.data / "backups"

    @property
    def filed_dir(self) -> Path:
        """Hard links to sealed packages, with their papers beside them."""
        return self.backups_dir / "filed"

    @property
    def work_dir(self) -> Path:
        """0700: clips and packages in the making; emptied of leftovers at start."""
        return self.data / "work"


def settings_sha256(settings: Settings) -> str:
    """What tells whether two readings of the settings say the same; lower-case hex."""
    return hashlib.sha256(settings.model_dump_json().encode()).hexdigest()


def load_settings(path: Path) -> Settings:
    """The settings in ``path``. ``SettingsInvalid`` names every mistake at once: file, line, column, found, wanted."""
    return settings_from_text(read_text(path), path)


def settings_from_text(text: str, path: Path) -> Settings:
    """As ``load_settings``, from text already read; ``path`` is only named in errors."""
    file = parse(text)
    problems = file.problems
    if file.read_to_the_end:
        try:
            settings = Settings.model_validate(_without_null_sections(file))
            if not problems:
                return settings
        except ValidationError as error:
            problems = problems + problems_of(error, file, Settings)
    raise _invalid(path, problems)


def _without_null_sections(file: YamlFile) -> object:
    """A section whose every key is commented out reads as null in YAML; it means the defaults."""
    if file.root is None:
        return {}
    if not isinstance(file.root, dict):
        return file.root
    sections = {name for name, field in Settings.model_fields.items() if isinstance(field.default, Section)}
    return {key: value for key, value in file.root.items() if value is not None or key not in sections}


def _invalid(path: Path, problems: list[Problem]) -> SettingsInvalid:
    lines = [
        f"{path}:{problem.place.line}:{problem.place.column}: {problem.key + ': ' if problem.key else ''}{problem.text}"
        for problem in sorted(problems, key=lambda problem: problem.place)
    ]
    count = "One setting is" if len(lines) == 1 else f"{len(lines)} settings are"
    return SettingsInvalid(
        "\n".join(lines) + "\n",
        meaning=f"{count} not usable, so nothing was started or changed.",
        do="Correct the file and try again; config/handover.example.yaml explains every setting.",
    )
