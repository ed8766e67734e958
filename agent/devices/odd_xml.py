"""XML as devices' firmware writes it, against XML's rules: read all the same, within the same limits.

Not for: files of anybody else. What is well formed is read as it is; only what is refused is mended and read once more.
"""

import re
from itertools import islice

from exchange.bounded_xml import Element, XmlRefused, read_xml

_BEGINS = re.compile(r"<([A-Za-z_][\w.:-]*)")
_ENTITY = re.compile(r"&(?!(?:amp|lt|gt|quot|apos);|#\d{1,7};|#x[0-9A-Fa-f]{1,6};)")
_NUMBERED = re.compile(r"&#(?:x([0-9A-Fa-f]{1,6})|(\d{1,7}));")
_NEVER = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_PREFIX = re.compile(r"[<\s/]([A-Za-z_][\w.-]*):[A-Za-z_]")
_DECLARED = re.compile(r"\bxmlns:([A-Za-z_][\w.-]*)\s*=")
_NAMESPACES = {
    "tt": "http://www.onvif.org/ver10/schema",
    "tds": "http://www.onvif.org/ver10/device/wsdl",
    "trt": "http://www.onvif.org/ver10/media/wsdl",
    "tr2": "http://www.onvif.org/ver20/media/wsdl",
    "tse": "http://www.onvif.org/ver10/search/wsdl",
    "trp": "http://www.onvif.org/ver10/replay/wsdl",
    **dict.fromkeys(("s", "soap", "env", "SOAP-ENV"), "http://www.w3.org/2003/05/soap-envelope"),
}
"""What ONVIF's own documents call them, for those who use these names without saying what they are."""
_MOST_TRIED = 100
"""Beginnings of elements that may be the outermost one: each is looked for to the text's end."""


def read_odd_xml(data: bytes, *, most_bytes: int, most_elements: int, deepest: int) -> Element:
    """See ``read_xml``, and what it raises: for what is well formed, or is once it was mended."""
    try:
        return read_xml(data, most_bytes=most_bytes, most_elements=most_elements, deepest=deepest)
    except XmlRefused as why:
        if len(data) > most_bytes or b"<!DOCTYPE" in data or b"<!ENTITY" in data:
            raise
        mended = _mended(data)
        if mended is None:
            raise
        try:
            return read_xml(mended, most_bytes=2 * most_bytes, most_elements=most_elements, deepest=deepest)
        except XmlRefused:
            raise why from None


def _mended(data: bytes) -> bytes | None:
    """The XML in it: without what stands around it, with characters, references and prefixes as they may be."""
    text = _NEVER.sub("", _text(data))
    begin = text.find("<")
    if begin < 0:
        return None
    root = _root(text, begin)
    if root is None:
        return None
    text = text[root[0] : root[1]]
    text = _ENTITY.sub("&amp;", _NUMBERED.sub(_character, text))
    missing = set(_PREFIX.findall(text)) - set(_DECLARED.findall(text)) - {"xml", "xmlns"}
    if missing:
        told = "".join(f' xmlns:{each}="{_NAMESPACES.get(each, "urn:undeclared")}"' for each in sorted(missing)[:50])
        text = _BEGINS.sub(lambda found: found[0] + told, text, count=1)
    return text.encode()


def _text(data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace")
    if data[:4].count(0) == 2:
        return data.decode("utf-16-le" if data[1] == 0 else "utf-16-be", "replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        declared = re.search(rb"<\?xml[^>]{0,100}encoding=[\"']([A-Za-z0-9._-]{1,40})", data[:400])
    try:
        return data.decode(declared[1].decode() if declared else "utf-8", "replace")
    except LookupError:
        return data.decode("utf-8", "replace")


def _root(text: str, begin: int) -> tuple[int, int] | None:
    """Where the outermost element begins and ends: behind MIME's lines, declarations and comments, and up to the last
    end of that name."""
    for found in islice(_BEGINS.finditer(text, begin), _MOST_TRIED):
        end = text.rfind(f"</{found[1]}")
        close = text.find(">", end) if end > found.start() else -1
        if close > 0:
            return found.start(), close + 1
    return None


def _character(found: re.Match[str]) -> str:
    """A reference to a character that XML has, or nothing."""
    number = int(found[1], 16) if found[1] else int(found[2])
    return found[0] if number <= 0x10FFFF and not _NEVER.match(chr(number)) else ""
