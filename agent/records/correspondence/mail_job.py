"""The worker's side of reading a mail: headers, what a person reads of it, what is attached; plain text, bounded.

Nothing that is attached is opened, nothing that it links to is fetched, and of HTML only the words are kept.
Not for: keeping the mail itself, which stays as it came (``kept``).
"""

import re
from collections.abc import Callable, Iterator
from email import policy
from email.message import EmailMessage
from email.parser import BytesHeaderParser, BytesParser
from email.utils import getaddresses, parsedate_to_datetime
from pathlib import Path
from typing import Any

from lxml import etree

from exchange.clock import SECOND
from exchange.documents.letters import harmless

MOST_PARTS = 200
MOST_LINES = 2000
MOST_LETTERS = 60_000
_MOST_LINE = 2000
_DEEPEST = 20
_HEAD = 64 * 1024
_HIDDEN = ("script", "style", "head", "title", "template", "noscript", "svg", "math")
_BREAKS = ("br", "p", "div", "tr", "li", "h1", "h2", "h3", "h4", "blockquote", "table", "hr")


def job(order: dict[str, Any], report: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """What can be read of the mail in the file ``path``. Never raises for what is in it: what can't be read is left."""
    data = Path(order["path"]).read_bytes()
    try:
        message = BytesParser(policy=policy.default).parsebytes(data)
    except RecursionError:  # parts within parts, without end: what is at the top is read
        message = BytesHeaderParser(policy=policy.default).parsebytes(data[:_HEAD])
        message.set_payload("")
    texts, pages, attached = [], [], []
    for part in _parts(message):
        kind = part.get_content_type()
        name = _name(part)
        if kind == "text/plain" and name is None:
            texts.append(_text(part))
        elif kind == "text/html" and name is None:
            pages.append(_words_of(_text(part)))
        elif not kind.startswith("multipart/"):
            attached.append({"name": name or "", "kind": harmless(kind, 100), "bytes": _size(part)})
    body = "\n".join(texts) if any(text.strip() for text in texts) else "\n".join(pages)
    shown, cut = lines_of(body)
    return {
        "subject": _header(message, "subject"),
        "sender": _header(message, "from"),
        "recipients": harmless(", ".join(_addresses(message)), 500),
        "sent": _date(message),
        "text": shown,
        "cut": cut,
        "attached": attached[:50],
    }


def _parts(message: EmailMessage) -> Iterator[EmailMessage]:
    """The parts of a mail, its own only: a mail within it is one attachment. Depth and number are bounded."""
    left = [(message, 0)]
    for _ in range(MOST_PARTS):
        if not left:
            return
        part, depth = left.pop(0)
        if part.get_content_maintype() == "multipart" and part.is_multipart() and depth < _DEEPEST:
            left = [(each, depth + 1) for each in part.iter_parts() if isinstance(each, EmailMessage)] + left
        else:
            yield part


def _text(part: EmailMessage) -> str:
    try:
        data = part.get_payload(decode=True)
    except (ValueError, LookupError, AssertionError):
        return ""
    if not isinstance(data, bytes):
        return ""
    data = data[: 8 * MOST_LETTERS]
    for charset in (part.get_content_charset() or "utf-8", "utf-8"):
        try:
            return data.decode(charset)
        except (LookupError, UnicodeError, ValueError):
            continue
    return data.decode("latin-1")


def _size(part: EmailMessage) -> int:
    """Bytes of an attachment, about: it is not decoded."""
    payload = part.get_payload(decode=False)
    if isinstance(payload, str):
        base64 = str(part.get("content-transfer-encoding", "")).strip().lower() == "base64"
        return len(payload) * 3 // 4 if base64 else len(payload)
    return 0


def _name(part: EmailMessage) -> str | None:
    """What an attachment is called, without any folder. None for what is no attachment."""
    try:
        name = part.get_filename()
        disposition = part.get_content_disposition()
    except (ValueError, LookupError, AttributeError, TypeError, IndexError):
        return "?"
    if name is None:
        return "" if disposition == "attachment" else None
    return harmless(re.split(r"[/\\]", str(name))[-1], 200)


def _header(message: EmailMessage, name: str) -> str:
    try:
        return harmless(str(message.get(name, "")), 300)
    except (ValueError, LookupError, AttributeError, TypeError, IndexError):
        return ""


def _addresses(message: EmailMessage) -> list[str]:
    try:
        found = getaddresses([str(each)[:4000] for each in message.get_all("to", [])[:20]])
    except (ValueError, LookupError, AttributeError, TypeError, IndexError):
        return []
    return [address or name for name, address in found[:20]]


def _date(message: EmailMessage) -> int | None:
    """When its sender says that it was sent, microseconds UTC."""
    try:
        moment = parsedate_to_datetime(str(message.get("date", ""))[:100])
        return round(moment.timestamp()) * SECOND
    except (ValueError, TypeError, IndexError, OverflowError, AttributeError):
        return None


def _words_of(page: str) -> str:
    """What a page would show: neither scripts nor addresses nor pictures. libxml2 reads any markup in one pass."""
    parser = etree.HTMLParser(encoding="utf-8", recover=True, no_network=True, remove_comments=True, remove_pis=True)
    try:
        root = etree.fromstring(page[: 8 * MOST_LETTERS].encode("utf-8", "replace"), parser)
    except (etree.LxmlError, ValueError):
        return ""
    found: list[str] = []
    hidden = 0
    for event, element in etree.iterwalk(root, events=("start", "end")) if root is not None else ():
        starts, tag = event == "start", str(element.tag)
        hidden += (1 if starts else -1) if tag in _HIDDEN else 0
        if tag in _BREAKS:
            found.append("\n")
        text = element.text if starts else element.tail
        if text and not hidden:
            found.append(text)
    return "".join(found)


def lines_of(text: str) -> tuple[str, bool]:
    """A stranger's text as lines that a screen can show, and whether some of it was left out."""
    lines: list[str] = []
    letters, blank = 0, False
    every = text.splitlines()
    for line in every[:MOST_LINES]:
        shown = harmless(line, _MOST_LINE)
        if not shown and blank:
            continue
        blank = not shown
        letters += len(shown)
        if letters > MOST_LETTERS:
            return "\n".join(lines).strip(), True
        lines.append(shown)
    return "\n".join(lines).strip(), len(every) > MOST_LINES
