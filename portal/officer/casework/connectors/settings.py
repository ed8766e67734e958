"""``connectors.yaml`` in the officer's folder: which evidence systems cases are exported to.

Not for: what each does (its own module beside this one).
"""

from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import Field, ValidationError, field_validator

from exchange.documents.messages import Line, Part
from exchange.errors import InputInvalid, SettingsInvalid
from portal.officer.casework.connectors.connector import Connector
from portal.officer.casework.connectors.evidence_api import EvidenceApiConnector, secret_of_file
from portal.officer.casework.connectors.folder import FolderConnector
from portal.officer.casework.connectors.sftp import SftpConnector
from portal.officer.desktop_keyring import kept_secret
from portal.officer.state import OfficerState
from portal.settings import Origin

MOST_BYTES = 64 * 1024


class FolderSettings(Part):
    kind: Literal["folder"]
    name: Line
    folder: Line

    def open(self) -> Connector:
        return FolderConnector(Path(self.folder).expanduser())


class SftpSettings(Part):
    """``login_key``: the file of a private key without a passphrase."""

    kind: Literal["sftp"]
    name: Line
    host: Line
    port: Annotated[int, Field(ge=1, le=65535)] = 22
    user: Line
    folder: Line
    host_key: Annotated[str, Field(pattern=r"^[a-z0-9@.-]+ [A-Za-z0-9+/=]{16,2000}$")]
    login_key: Line

    def open(self) -> Connector:
        login = Path(self.login_key).expanduser()
        return SftpConnector(self.host, self.port, self.user, self.folder, self.host_key, login)


class EvidenceApiSettings(Part):
    """``secret_file``: of mode 0600; without it the desktop's keyring has the secret, as ``connector NAME``."""

    kind: Literal["evidence-api"]
    name: Line
    address: Origin
    force_id: Line
    client_id: Line
    secret_file: Line | None = None

    @field_validator("address")
    @classmethod
    def _is_not_in_the_clear(cls, address: str) -> str:
        if not address.startswith(("https://", "http://127.0.0.1:", "http://localhost:")):
            raise ValueError("to another machine, only https")
        return address

    def open(self) -> Connector:
        path, name = self.secret_file, f"connector {self.name}"
        secret = (lambda: kept_secret(name)) if path is None else lambda: secret_of_file(Path(path).expanduser())
        return EvidenceApiConnector(self.address, self.force_id, self.client_id, secret)


Settings = Annotated[FolderSettings | SftpSettings | EvidenceApiSettings, Field(discriminator="kind")]


class ConnectorsFile(Part):
    connectors: Annotated[tuple[Settings, ...], Field(max_length=32)] = ()


def read_connectors(state: OfficerState) -> dict[str, Connector]:
    """By name, in the order of the file; none where there is no file. SettingsInvalid."""
    path = state.folder / "connectors.yaml"
    try:
        content = path.read_bytes()[: MOST_BYTES + 1] if path.exists() else b"{}"
        found = ConnectorsFile.model_validate(yaml.safe_load(content) or {})
    except (OSError, yaml.YAMLError, UnicodeDecodeError, ValidationError):
        raise SettingsInvalid(f"{path} can't be used.", do="Write it as the officer's guide says.") from None
    return {each.name: each.open() for each in found.connectors}


def connector_named(state: OfficerState, name: str) -> Connector:
    """InputInvalid for one that is not in the settings."""
    found = read_connectors(state)
    if name not in found:
        names = ", ".join(found) or "there is none yet"
        raise InputInvalid(
            f"No connector is called {name!r}.", do=f"{state.folder / 'connectors.yaml'} names them: {names}."
        )
    return found[name]
