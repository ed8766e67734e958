"""A portal's answers as agents and officers read them: within a limit, and its problems (RFC 9457) as text to show.

Not for: making calls (``agent.portal``, ``portal.officer.client``), or what an answer's document means (``api``).
"""

from __future__ import annotations

import email.utils
import json
import re
from datetime import UTC
from typing import TYPE_CHECKING, Any

from exchange.clock import SECOND
from exchange.documents import api
from exchange.documents.letters import harmless
from exchange.errors import PortalAnswerInvalid

if TYPE_CHECKING:
    from collections.abc import Mapping

    import aiohttp

LONGEST_WAIT = 600
"""Seconds that a portal can have a caller wait at most, whatever it says."""


async def read_bounded(answer: aiohttp.ClientResponse, most: int = api.MAX_BODY) -> bytes:
    """The whole body; PortalAnswerInvalid as soon as it passes the limit: what is not read is never held."""
    content = bytearray()
    async for block in answer.content.iter_chunked(65536):
        content += block
        if len(content) > most:
            answer.close()
            raise not_understood(f"an answer of more than {most} bytes")
    return bytes(content)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds after which the portal wants to be asked again (RFC 9110, Retry-After: seconds or a date); None where it
    does not say, or nothing usable. Never more than ``LONGEST_WAIT``."""
    said = headers.get("Retry-After", "").strip()[:40]
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?", said):
        return min(float(said), LONGEST_WAIT)
    wanted, now = http_date(said), http_date(headers.get("Date", ""))
    if wanted is None or now is None:
        return None
    return min(max(0, wanted - now) / SECOND, LONGEST_WAIT)


def http_date(said: str) -> int | None:
    """A date in any of HTTP's three forms (RFC 9110, 5.6.7) in microseconds; None where it is none."""
    try:
        moment = email.utils.parsedate_to_datetime(said[:40])
        if moment.tzinfo is None and "," not in said:  # the form of C's asctime, which names no zone
            moment = moment.replace(tzinfo=UTC)
        return round(moment.timestamp()) * SECOND if moment.tzinfo else None
    except (ValueError, TypeError, OverflowError):
        return None


def is_page(headers: Mapping[str, str], content: bytes) -> bool:
    """Whether an answer is a page for people to read, which a portal never gives to a program."""
    if not content.strip():
        return False
    kind = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return kind in ("text/html", "application/xhtml+xml") or content.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<"


def problem(content: bytes) -> tuple[str, str]:
    """Title and detail of what the portal says is wrong, made safe to show; empty where it says nothing usable."""
    try:
        found: Any = json.loads(content[:8192])
        title, detail = (harmless(str(found.get(name) or ""), 500) for name in ("title", "detail"))
    except (ValueError, AttributeError, RecursionError):
        return "", ""
    return title, detail


def not_understood(what: str) -> PortalAnswerInvalid:
    return PortalAnswerInvalid(
        f"The portal sent {what}.",
        meaning="It was thrown away; nothing was decided or sent because of it.",
        do="If it stays so, tell the force that runs the portal.",
    )
