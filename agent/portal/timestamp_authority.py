"""The client of a time-stamping authority: RFC 3161 over HTTP (section 3.4), one question, one bounded answer.

Not for: what is stamped, or whether the answer holds (``agent/requests/stamping/stamp.py``).
"""

import ssl

import aiohttp

from agent.portal.client import origin
from exchange.errors import TimestampFailed
from exchange.signing.timestamps import MAX_STAMP
from exchange.unanswered import why_unanswered

_TIMEOUT = aiohttp.ClientTimeout(total=20, sock_connect=10)
_REPLY = "application/timestamp-reply"


async def ask_authority(url: str, query: bytes, proxy: str | None = None) -> bytes:
    """The authority's answer as it came, at most ``MAX_STAMP`` bytes; a redirect is never followed. TimestampFailed.

    The session lives for this question: the portal's trusts the portal's certificate authority, and knows its tokens.
    """
    headers = {"Content-Type": "application/timestamp-query", "Accept": _REPLY}
    try:
        async with (
            aiohttp.ClientSession(
                cookie_jar=aiohttp.DummyCookieJar(), timeout=_TIMEOUT, proxy=proxy, auto_decompress=False
            ) as session,
            session.post(url, data=query, headers=headers, allow_redirects=False) as answer,
        ):
            if answer.status != 200:
                raise _failed(url, f"answered with status {answer.status}")
            if answer.content_type != _REPLY:
                raise _failed(url, f"sent something else than {_REPLY}")
            content = bytearray()
            async for block in answer.content.iter_chunked(16384):
                content += block
                if len(content) > MAX_STAMP:
                    raise _failed(url, f"sent more than {MAX_STAMP} bytes")
            return bytes(content)
    except ssl.SSLError as error:
        raise _failed(url, "has a certificate that is not trusted") from error
    except TimeoutError as error:
        raise _failed(url, "does not answer in time") from error
    except (aiohttp.ClientError, OSError) as error:
        raise _failed(url, f"does not answer: {why_unanswered(error)}") from error


def _failed(url: str, what: str) -> TimestampFailed:
    return TimestampFailed(
        f"The time-stamping authority at {origin(url)} {what}.",
        meaning="The agent tries again some times; then the package goes without a time stamp.",
        do="Check timestamp_authority in the settings.",
    )
