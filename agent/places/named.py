"""The places that the owner set up, each by a name: a file of mode 0600 under ``keys/``, as it holds logins.

Not for: what is put there. A name is used by deliveries and backups alike.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, field_validator

from agent.host.mount import mount_of
from agent.places.accounts import SftpAccount
from agent.places.folder import FolderPlace
from agent.places.pace import GoOn, Pace, unhindered
from agent.places.place import Place
from agent.places.ssh_keys import fingerprint
from exchange.buckets.address import Bucket
from exchange.clock import Clock
from exchange.documents.messages import Id, Line, Part
from exchange.durable import durable_file
from exchange.errors import InputInvalid, NotFound

MOST = 50
_Secret = Annotated[str, Field(min_length=1, max_length=10_000)]


class FolderSetting(Part):
    kind: Literal["folder"] = "folder"
    folder: Annotated[str, Field(min_length=1, max_length=1000, pattern=r"^/[^\x00]*$")]
    mount: Annotated[str, Field(max_length=1000)] = ""
    """The mount point it was on when it was added: nothing is written when nothing is mounted there. "" for none."""

    @property
    def address(self) -> str:
        return self.folder


class SftpSetting(Part):
    kind: Literal["sftp"] = "sftp"
    host: Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[A-Za-z0-9.:_-]+$")]
    port: Annotated[int, Field(ge=1, le=65535)] = 22
    user: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\s@]+$")]
    folder: Annotated[str, Field(max_length=1000, pattern=r"^[^\x00\r\n]*$")] = ""
    host_key: Annotated[str, Field(max_length=2000)]
    """The server's public key, which the owner confirmed."""
    private_key: _Secret | None = None
    password: _Secret | None = None

    @field_validator("host_key")
    @classmethod
    def _is_a_key(cls, value: str) -> str:
        fingerprint(value)
        return value

    @property
    def account(self) -> SftpAccount:
        return SftpAccount(self.host, self.port, self.user, self.folder, self.host_key, self.private_key, self.password)

    @property
    def address(self) -> str:
        return self.account.address


class S3Setting(Part):
    kind: Literal["s3"] = "s3"
    endpoint: Annotated[
        str, Field(max_length=500, pattern=r"^(https://[^\s@?#]+|http://(127\.0\.0\.1|localhost)[^\s@?#]*)$")
    ]
    """Plain http:// is taken of this machine only."""
    bucket: Annotated[str, Field(min_length=3, max_length=63, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]+$")]
    prefix: Annotated[str, Field(max_length=500, pattern=r"^[A-Za-z0-9._/ -]*$")] = ""
    region: Annotated[str, Field(max_length=50, pattern=r"^[a-z0-9-]+$")] = "us-east-1"
    access_key: Annotated[str, Field(min_length=1, max_length=200)]
    secret_key: _Secret

    @property
    def bucket_address(self) -> Bucket:
        return Bucket(self.endpoint, self.bucket, self.prefix, self.region, self.access_key, self.secret_key)

    @property
    def address(self) -> str:
        return self.bucket_address.address


Setting = Annotated[FolderSetting | SftpSetting | S3Setting, Field(discriminator="kind")]


class NamedPlace(Part):
    """``title`` is what people call it, such as 'the shop's second disk'."""

    name: Id
    title: Line
    setting: Setting

    def shown(self) -> dict[str, str]:
        """What may be shown: no secret is in it."""
        rows = {"name": self.name, "title": self.title, "kind": self.setting.kind, "address": self.setting.address}
        if isinstance(self.setting, SftpSetting):
            rows["fingerprint"] = fingerprint(self.setting.host_key)
        return rows

    def open(self, *, pace: Pace = unhindered, clock: Clock | None = None, go_on: GoOn = lambda: None) -> Place:
        """The place itself. Blocks: what speaks to it is loaded with the first place of its kind, 5 MB each.

        ``pace`` is of what goes over the line; ``go_on`` is asked where the place is a folder.
        """
        setting = self.setting
        if isinstance(setting, FolderSetting):
            mount = Path(setting.mount) if setting.mount else None
            return FolderPlace(Path(setting.folder), mount=mount, go_on=go_on)
        if isinstance(setting, SftpSetting):
            from agent.places.sftp import SftpPlace

            return SftpPlace(setting.account, pace=pace)
        from agent.places.s3 import S3Place

        return S3Place(setting.bucket_address, pace=pace, clock=clock)


def folder_setting(folder: Path) -> FolderSetting:
    """For a folder that is there now, bound to what is mounted there. InputInvalid. Blocks."""
    if not folder.is_absolute() or not folder.is_dir():
        raise InputInvalid(f"There is no folder {folder}.", do="Plug in or mount what it is on, and name it in full.")
    return FolderSetting(folder=str(folder), mount=mount_of(folder))


_ALL = TypeAdapter(tuple[NamedPlace, ...])


class NamedPlaces:
    """Every method reads the file, and blocks."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def all(self) -> tuple[NamedPlace, ...]:
        try:
            return _ALL.validate_json(self._file.read_bytes())
        except FileNotFoundError:
            return ()

    def of(self, name: str) -> NamedPlace:
        """NotFound."""
        for each in self.all():
            if each.name == name:
                return each
        raise NotFound(f"There is no place {name}.", do="List them with: handover places list")

    def add(self, new: NamedPlace) -> None:
        """InputInvalid when there is one of this name, or too many."""
        known = self.all()
        if any(each.name == new.name for each in known):
            raise InputInvalid(f"There is a place {new.name} already.", do="Remove it first, or take another name.")
        if len(known) >= MOST:
            raise InputInvalid(f"There are {MOST} places already.", do="Remove one first.")
        self._keep((*known, new))

    def remove(self, name: str, used_by: Callable[[str], str | None] = lambda name: None) -> None:
        """``used_by`` tells what still needs it, in words."""
        self.of(name)
        if (user := used_by(name)) is not None:
            raise InputInvalid(f"{name} is needed by {user}.", do="Change that first.")
        self._keep(tuple(each for each in self.all() if each.name != name))

    def _keep(self, places: tuple[NamedPlace, ...]) -> None:
        plain = [each.model_dump(mode="json") for each in places]
        with durable_file(self._file) as file:
            file.write(json.dumps(plain, ensure_ascii=False).encode())
