"""Reads a small YAML file written by a person into plain values, and remembers where each of them stands.

Not for: what the values mean (``agent.settings.model``), or YAML from anywhere but this machine's owner. Every scalar
stays the text that was typed, so that YAML 1.1's ``yes``, ``1:30`` and ``010`` are never turned into something else.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import yaml

from exchange.errors import SettingsInvalid

MAX_BYTES = 64 * 1024
MAX_DEPTH = 8

Keys = tuple[str | int, ...]
Value = str | None | list["Value"] | dict[str, "Value"]


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where something stands in the file; both count from 1, as editors do."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Problem:
    place: Place
    key: str
    """Dotted, as in ``recordings.days``; empty for the file as a whole."""
    text: str


@dataclass(slots=True)
class YamlFile:
    """What the file holds; ``keys`` and ``values`` say where the key and the value of each dotted path stand."""

    root: Value = None
    keys: dict[Keys, Place] = field(default_factory=dict)
    values: dict[Keys, Place] = field(default_factory=dict)
    scalars: dict[Keys, tuple[int, int]] = field(default_factory=dict)
    """The characters from and to (exclusive) at which a single value is written, for changing it in place."""
    problems: list[Problem] = field(default_factory=list)
    read_to_the_end: bool = False
    """False when a problem made it impossible to read on; ``root`` is then only a part."""


def dotted(path: Keys) -> str:
    """``("discovery", "hosts", 0)`` to ``discovery.hosts[0]``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def read_text(path: Path, what: str = "the settings file") -> str:
    """The file's text. ``SettingsInvalid`` when it can't be read, is larger than ``MAX_BYTES`` or isn't UTF-8."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise SettingsInvalid(
            f"{path}: {what} does not exist.",
            do="Make one with 'handover setup', or name another with --config.",
        ) from None
    except OSError as error:
        raise SettingsInvalid(
            f"{path}: {what} cannot be read: {error.strerror}.",
            do="Check its owner and mode, and which user runs this command.",
        ) from None
    if len(data) > MAX_BYTES:
        raise SettingsInvalid(f"{path}: {what} is larger than {MAX_BYTES // 1024} KiB.", do="Is it the right file?")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - (data.rfind(b"\n", 0, error.start) + 1) + 1
        raise SettingsInvalid(
            f"{path}:{line}:{column}: found the byte 0x{data[error.start]:02x}, wanted text in UTF-8.",
            do="Save the file as UTF-8.",
        ) from None


def parse(text: str) -> YamlFile:
    """One YAML document without tags, anchors and aliases. Never raises for what the text holds: see ``problems``."""
    result = YamlFile()
    try:
        _Builder(yaml.parse(text, Loader=yaml.SafeLoader), result).run()
        result.read_to_the_end = True
    except _TooOdd:
        pass
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(mark.line + 1, mark.column + 1) if mark else Place(1, 1)
        result.problems.append(Problem(place, "", _explain(text, error, place)))
    except yaml.YAMLError as error:  # the reader's: a character that YAML does not allow
        position = getattr(error, "position", 0)
        before = text[:position] if isinstance(position, int) else ""
        place = Place(before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)
        result.problems.append(Problem(place, "", "found a control character, wanted printable text"))
    return result


def _explain(text: str, error: yaml.MarkedYAMLError, place: Place) -> str:
    lines = text.split("\n")
    line = lines[place.line - 1] if place.line <= len(lines) else ""
    if "\t" in line[: len(line) - len(line.lstrip())] or "'\\t'" in (error.problem or ""):
        return "found a tab, wanted spaces: YAML indents with spaces only"
    problem = (error.problem or "this is not YAML").replace("<scalar>", "a value")
    context = f" {error.context}" if error.context else ""
    return f"not YAML: {problem}{context}"


class _TooOdd(Exception):
    """Parsing can't go on; the problem is noted already."""


class _Builder:
    """Turns the parser's events into values; iterates, so that a bomb of aliases or depth is met at its first step."""

    def __init__(self, events: Iterator[yaml.Event], result: YamlFile) -> None:
        self._events = events
        self._result = result

    def run(self) -> None:
        documents = 0
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    self._stop(event, "", "found a second document ('---'), wanted one")
            elif isinstance(event, yaml.NodeEvent):
                self._result.root = self.value(event, ())

    def value(self, event: yaml.Event, path: Keys) -> Value:
        if len(path) > MAX_DEPTH:
            self._stop(event, dotted(path[:2]), f"found values nested deeper than {MAX_DEPTH}")
        self._refuse_machinery(event, path)
        self._result.values[path] = _place(event)
        if isinstance(event, yaml.ScalarEvent):
            if event.start_mark and event.end_mark:
                self._result.scalars[path] = (event.start_mark.index, event.end_mark.index)
            plain = event.style is None
            return None if plain and event.value in ("", "~", "null", "Null", "NULL") else event.value
        if isinstance(event, yaml.SequenceStartEvent):
            items: list[Value] = []
            while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
                items.append(self.value(event, (*path, len(items))))
            return items
        return self._mapping(path)

    def _mapping(self, path: Keys) -> dict[str, Value]:
        entries: dict[str, Value] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            self._refuse_machinery(event, path)
            if not isinstance(event, yaml.ScalarEvent):
                self._stop(event, dotted(path), "found a list or section as a key, wanted a word")
            key = event.value
            here = (*path, key)
            known = self._result.keys.get(here)
            if known is not None:
                text = f"found a second time, wanted once: it stands in line {known.line} already"
                self._result.problems.append(Problem(_place(event), dotted(here), text))
                _Builder(self._events, YamlFile()).value(next(self._events), here)  # read past it, keep the first
                continue
            self._result.keys[here] = _place(event)
            entries[key] = self.value(next(self._events), here)
        return entries

    def _refuse_machinery(self, event: yaml.Event, path: Keys) -> None:
        if isinstance(event, yaml.AliasEvent):
            self._stop(event, dotted(path), "found an alias (*), wanted the value itself")
        if getattr(event, "anchor", None):
            self._stop(event, dotted(path), "found an anchor (&), wanted the value alone")
        if getattr(event, "tag", None):
            self._stop(event, dotted(path), "found a tag (!), wanted the value alone")

    def _stop(self, event: yaml.Event, key: str, text: str) -> NoReturn:
        self._result.problems.append(Problem(_place(event), key, text))
        raise _TooOdd


def _place(event: yaml.Event) -> Place:
    mark = event.start_mark
    return Place(mark.line + 1, mark.column + 1) if mark else Place(1, 1)
