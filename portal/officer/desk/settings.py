"""``desk.yaml`` in the officer's folder: where addresses and the map's pictures come from.

Not for: the portal and the officer's credential (``portal.officer.state``).
"""

from pathlib import Path
from typing import Annotated

import yaml
from pydantic import Field, ValidationError

from exchange.documents.messages import Line, Part
from exchange.errors import SettingsInvalid
from portal.officer.state import OfficerState

MOST_BYTES = 64 * 1024


class DeskSettings(Part):
    """All of it may be left out; then addresses are not searched, and the map is a plain plan."""

    gazetteer: Line | None = None
    """The force's file of addresses; a relative path starts from the officer's folder."""
    tiles: Annotated[str, Field(max_length=2000)] | None = None
    """A PMTiles file with pictures, or the address of the force's own server with ``{z}``, ``{x}`` and ``{y}``."""
    tiles_by: Line | None = None
    """Who made the map, as their licence wants it said."""


def read_settings(state: OfficerState) -> DeskSettings:
    """SettingsInvalid."""
    path = state.folder / "desk.yaml"
    try:
        content = path.read_bytes()[: MOST_BYTES + 1] if path.exists() else b"{}"
        return DeskSettings.model_validate(yaml.safe_load(content) or {})
    except (OSError, yaml.YAMLError, UnicodeDecodeError, ValidationError):
        raise SettingsInvalid(
            f"{path} can't be used.", do="It may have gazetteer, tiles and tiles_by; see the officer's guide."
        ) from None


def path_of(state: OfficerState, name: str) -> Path:
    """Relative to the officer's folder."""
    return state.folder / Path(name).expanduser()
