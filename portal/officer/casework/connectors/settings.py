"""``connectors.yaml`` in the officer's folder: which evidence systems cases are exported to.

Not for: what each does (its own module beside this one).
"""

from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import Field, ValidationError

from exchange.documents.messages import Line, Part
from exchange.errors import InputInvalid, SettingsInvalid
from portal.officer.casework.connectors.connector import Connector
from portal.officer.casework.connectors.folder import FolderConnector
from portal.officer.casework.connectors.sftp import SftpConnector
from portal.officer.state import OfficerState

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


class ConnectorsFile(Part):
    connectors: Annotated[
        tuple[Annotated[FolderSettings | SftpSettings, Field(discriminator="kind")], ...], Field(max_length=32)
    ] = ()


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
