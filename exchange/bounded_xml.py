"""Reads small XML into a plain tree, within limits: no DTD, no entities, no depth, no bulk.

Not for: schemas, or documents of ours. What a camera answers is read with it in worker processes only; what a bucket
answers, where it is spoken to.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

_INVALID_TOKEN = 4  # XML_ERROR_INVALID_TOKEN (expat.h)


class XmlRefused(ValueError):
    """The bytes are not XML, or more than a device may say. The message is free of what it said."""


@dataclass(slots=True)
class Element:
    """One element: names without prefix, its own text joined, its children in order."""

    name: str
    namespace: str = ""
    attributes: dict[str, str] = field(default_factory=dict)
    text: str = ""
    children: list["Element"] = field(default_factory=list)

    def all(self, name: str, namespace: str | None = None) -> Iterator["Element"]:
        """Every descendant of this local name (and namespace, if given), in document order."""
        for child in self.children:
            if child.name == name and namespace in (None, child.namespace):
                yield child
            yield from child.all(name, namespace)

    def at(self, *names: str) -> "Element | None":
        """The first child of the first name, the first child of that of the second name, and so on."""
        here: Element | None = self
        for name in names:
            here = next((child for child in here.children if child.name == name), None) if here else None
        return here

    def text_at(self, *names: str) -> str | None:
        """The stripped text at ``names``; None when it is absent or empty."""
        found = self.at(*names)
        return (found.text.strip() or None) if found else None


def read_xml(data: bytes, *, most_bytes: int, most_elements: int = 20_000, deepest: int = 48) -> Element:
    """Parse ``data``; raises XmlRefused when it is malformed, has a DTD, or passes a limit."""
    if len(data) > most_bytes:
        raise XmlRefused(f"it is larger than {most_bytes} bytes")
    try:
        return _Reader(most_elements, deepest).read(data)
    except expat.ExpatError as error:
        if error.code != _INVALID_TOKEN:
            raise XmlRefused(f"it is not XML ({expat.ErrorString(error.code)})") from None
    except XmlRefused:
        raise
    except (LookupError, ValueError):
        pass  # an encoding that expat itself cannot read, such as GB2312
    try:
        return _Reader(most_elements, deepest).read(_as_utf8(data), encoding="utf-8")
    except expat.ExpatError as error:
        raise XmlRefused(f"it is not XML ({expat.ErrorString(error.code)})") from None


def _as_utf8(data: bytes) -> bytes:
    """Devices put names in their own code page into what they call UTF-8; the rest of the answer is good."""
    declared = re.match(rb"<\?xml[^>]{0,100}encoding=[\"']([A-Za-z0-9._-]{1,40})", data)
    try:
        return data.decode(declared[1].decode() if declared else "utf-8", "replace").encode()
    except (LookupError, UnicodeError):
        raise XmlRefused("its encoding is not one that is known") from None


class _Reader:
    def __init__(self, most_elements: int, deepest: int) -> None:
        self.left, self.deepest = most_elements, deepest
        self.top = Element("")
        self.path = [self.top]
        self.texts: list[list[str]] = [[]]

    def read(self, data: bytes, encoding: str | None = None) -> Element:
        parser = expat.ParserCreate(encoding, namespace_separator=" ")
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = lambda text: self.texts[-1].append(text)
        parser.StartDoctypeDeclHandler = self._doctype
        parser.Parse(data, True)
        return self.top.children[0]

    def _start(self, full_name: str, attributes: dict[str, str]) -> None:
        self.left -= 1
        if self.left < 0 or len(self.path) > self.deepest or len(attributes) > 64:
            raise XmlRefused("it has more elements, or deeper ones, than a camera's answer needs")
        namespace, _, name = full_name.rpartition(" ")
        element = Element(name, namespace, {key.rpartition(" ")[2]: value for key, value in attributes.items()})
        self.path[-1].children.append(element)
        self.path.append(element)
        self.texts.append([])

    def _end(self, _name: str) -> None:
        self.path.pop().text = "".join(self.texts.pop())

    def _doctype(self, *_: object) -> None:
        raise XmlRefused("it has a document type declaration")
