"""Why a server did not answer, as whoever waits for it can read it.

Not for: its certificate (``exchange.certificates``), or what an answer says.
"""

import errno

import aiohttp


def why_unanswered(error: BaseException) -> str:
    """A few words, without names of classes, which say nothing to who reads it."""
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "no machine of this name is known"
    if isinstance(error, aiohttp.ClientSSLError):
        return "what answers there does not speak TLS (https) as it should"
    if isinstance(error, TimeoutError):
        return "it took too long"
    if isinstance(error, aiohttp.ClientConnectorError) and error.os_error.errno == errno.ECONNREFUSED:
        return "nothing listens there"
    if isinstance(error, aiohttp.ClientConnectorError):
        return error.strerror or "no connection could be made"
    return "the connection broke"
