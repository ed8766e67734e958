"""Writes what ``handover setup`` learned into ``handover.yaml``; every other character stays as the owner wrote it.

Not for: anything a running daemon changes; its state is in the store.
"""

import json
from collections.abc import Mapping
from pathlib import Path

from agent.settings.model import Settings, settings_from_text
from agent.settings.yaml_file import YamlFile, parse, read_text
from exchange.durable import durable_file
from exchange.errors import SettingsInvalid

Sections = Mapping[str, Mapping[str, str]]


def fill_in(path: Path, sections: Sections) -> Settings:
    """Set ``{"portal": {"url": …}, "owner": {…}}`` in the file, made if there is none; returns what it now says.

    The new text is checked before it is written, durably and with the file's own mode. ``SettingsInvalid`` when the
    file, or what it would become, can't be used: then it is left as it was.
    """
    exists = path.exists()
    text = read_text(path) if exists else ""
    for section, values in sections.items():
        for key, value in values.items():
            text = _with(text, section, key, value, path)
    settings = settings_from_text(text, path)
    _write(path, text.encode(), path.stat().st_mode & 0o777 if exists else 0o644)
    return settings


def put_back(path: Path, text: bytes) -> None:
    """The file reads as it did before, with its own mode. OSError, or DiskFull, where it can't be written."""
    if path.read_bytes() != text:
        _write(path, text, path.stat().st_mode & 0o777)


def _write(path: Path, text: bytes, mode: int) -> None:
    with durable_file(path, mode=mode) as file:
        file.write(text)
    path.chmod(mode)  # whatever the umask of the shell that runs setup: the recorder's user reads this file, too


def _with(text: str, section: str, key: str, value: str, path: Path) -> str:
    file = parse(text)
    if not file.read_to_the_end:
        settings_from_text(text, path)  # raises, and says where
    written = json.dumps(value, ensure_ascii=False)  # a JSON string is a YAML one
    if (section, key) in file.scalars:
        start, end = file.scalars[section, key]
        colon_is_before = " " if start == end else ""
        return text[:start] + colon_is_before + written + text[end:]
    if (section,) not in file.keys:
        ending = "" if not text or text.endswith("\n") else "\n"
        return f"{text}{ending}{section}:\n  {key}: {written}\n"
    if (section,) in file.scalars:
        start, end = file.scalars[section,]
        return f"{text[:start].rstrip(' ')}\n  {key}: {written}{text[end:]}"
    return _before_first_key(text, file, section, f"{key}: {written}", path)


def _before_first_key(text: str, file: YamlFile, section: str, entry: str, path: Path) -> str:
    header = file.keys[section,]
    first = min((place for keys, place in file.keys.items() if len(keys) == 2 and keys[0] == section), default=header)
    if first.line == header.line:
        raise SettingsInvalid(
            f"{path}:{header.line}:{header.column}: {section}: found a section on one line, wanted one key a line.",
            meaning="The file was left as it is.",
            do="Write the section over several lines, or take it out, and run the command again.",
        )
    lines = text.split("\n")
    lines.insert(first.line - 1, " " * (first.column - 1) + entry)
    return "\n".join(lines)
