"""Finds and reads a jurisdiction's wording: a file of the owner's own, or the one that comes with Handover.

Not for: what such a file may say (``agent.records.wording.model``).
"""

from functools import lru_cache
from importlib.resources import files
from pathlib import Path

import yaml
from pydantic import ValidationError

from agent.records.wording.model import Wording
from exchange.complaints import wrong
from exchange.errors import SettingsInvalid

LARGEST = 256 * 1024
"""Bytes of a file."""
LANGUAGES = ("en", "de")


def wording_of(jurisdiction: str, language: str, folder: Path) -> Wording:
    """The wording of a jurisdiction in a language, or, where there is none in it, in the first that it has.

    ``folder``: where the owner's own files lie, which go before ours. Blocks; SettingsInvalid.
    """
    for wanted in (language, *LANGUAGES):
        name = f"{jurisdiction}.{wanted}.yaml"
        own = folder / name
        try:
            text = own.read_bytes() if own.is_file() else None
        except OSError as error:
            raise _unusable(own, f"it can't be read ({error.strerror})") from error
        if text is not None:
            return _read(text, own, jurisdiction, wanted)
        shipped = files("agent.records.wording") / name
        if shipped.is_file():
            return _shipped(name, jurisdiction, wanted)
    raise SettingsInvalid(
        f"There is no wording for the jurisdiction {jurisdiction!r}.",
        meaning="No record can be written in its words.",
        do=f"Set records.jurisdiction to uk or eu, or put {jurisdiction}.en.yaml into {folder}.",
    )


@lru_cache(maxsize=8)
def _shipped(name: str, jurisdiction: str, language: str) -> Wording:
    place = files("agent.records.wording") / name
    return _read(place.read_bytes(), Path(str(place)), jurisdiction, language)


def _read(data: bytes, path: Path, jurisdiction: str, language: str) -> Wording:
    if len(data) > LARGEST:
        raise _unusable(path, f"it is larger than {LARGEST // 1024} kB")
    try:
        found = Wording.model_validate(yaml.safe_load(data.decode()))
    except UnicodeDecodeError as error:
        raise _unusable(path, "it is not text in UTF-8") from error
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" (line {mark.line + 1})" if mark is not None else ""
        raise _unusable(path, f"it is no YAML{where}") from error
    except ValidationError as error:
        complaints = [
            f"{'.'.join(str(step) for step in each['loc']) or 'the file'}: {wrong(each)}"
            for each in error.errors(include_url=False, include_input=False)[:10]
        ]
        raise _unusable(path, "; ".join(complaints)) from error
    if (found.jurisdiction, found.language) != (jurisdiction, language):
        raise _unusable(path, f"it says that it is of {found.jurisdiction} in {found.language}")
    return found


def _unusable(path: Path, why: str) -> SettingsInvalid:
    return SettingsInvalid(
        f"The wording in {path} can't be used: {why}.",
        meaning="Nothing was written with it.",
        do="Correct the file, or take it away: the wording that comes with Handover is used then.",
    )
