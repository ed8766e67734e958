"""A SOAP answer as the library takes it: unpacked, and written anew from what our own reader read of it.

Not for: whether it answers what was asked (``transport``). What devices write may be of another SOAP, encoding or
status than the library insists on; what they say is the same.
"""

import zlib
from xml.sax.saxutils import escape, quoteattr

from exchange.bounded_xml import Element

SOAP = "http://www.w3.org/2003/05/soap-envelope"
ENVELOPES = frozenset({SOAP, "http://schemas.xmlsoap.org/soap/envelope/"})
_WINDOWS = {"gzip": zlib.MAX_WBITS | 16, "x-gzip": zlib.MAX_WBITS | 16, "deflate": zlib.MAX_WBITS}
_UNKNOWN = frozenset({"compress", "br", "zstd"})


class TooLarge(ValueError):
    """It is larger than it may be once it is unpacked."""


def unpacked(content: bytes, packed: str, most: int) -> bytes:
    """``packed``: the Content-Encoding. ValueError for one that isn't known, or isn't what it is called."""
    if packed in _UNKNOWN:
        raise ValueError(packed)
    window = _WINDOWS.get(packed)
    if window is None or not content:
        return content
    if packed == "deflate" and content[0] & 15 != 8:
        window = -zlib.MAX_WBITS  # without zlib's head, as many have it
    try:
        reader = zlib.decompressobj(window)
        found = reader.decompress(content, most + 1)
    except zlib.error as error:
        raise ValueError(packed) from error
    if len(found) > most:
        raise TooLarge
    if not reader.eof:
        raise ValueError(packed)
    return found


def written_anew(root: Element) -> bytes:
    """The envelope in SOAP 1.2 and UTF-8, without types of attributes' own: no namespace of an attribute is kept."""
    parts: list[str] = []
    _write(root, "", parts)
    return "".join(parts).encode()


def _write(element: Element, outer: str, parts: list[str]) -> None:
    namespace = SOAP if element.namespace in ENVELOPES else element.namespace
    attributes = "".join(f" {name}={quoteattr(value)}" for name, value in _usable(element))
    own = "" if namespace == outer else f" xmlns={quoteattr(namespace)}"
    parts.append(f"<{element.name}{own}{attributes}>{escape(element.text if element.text.strip() else '')}")
    for child in element.children:
        _write(child, namespace, parts)
    parts.append(f"</{element.name}>")


def _usable(element: Element) -> list[tuple[str, str]]:
    """All but ``xsi:type`` and ``xsi:nil``, whose reader is told so by the schema, and by an empty element."""
    return [(name, value) for name, value in element.attributes.items() if name not in ("type", "nil", "xmlns")]
