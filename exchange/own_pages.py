"""A page that a program serves to its user's own browser: what other sites may not do with it, and what goes with it.

Not for: by which name it is called and who may come in (``agent.owner.web.gate``, ``portal.officer.desk.gate``); pages
for everybody (``portal.public``).
"""

from collections.abc import Mapping

from aiohttp import web

from exchange.errors import DocumentInvalid, HandoverError, InputInvalid, NotFound, NotPermitted, PortalUnreachable


def headers_of(*, media: str = "'self'", opener: str = "same-origin") -> dict[str, str]:
    """What goes with every answer. ``media``: where films come from, in words of a content policy; ``opener``: which
    windows that the page opened may know it (Cross-Origin-Opener-Policy)."""
    return {
        "Content-Security-Policy": (
            f"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; media-src {media}; "
            "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
        ),
        "Cross-Origin-Opener-Policy": opener,
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
        "Referrer-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Cache-Control": "no-store",
    }


def put_on(response: web.StreamResponse, headers: Mapping[str, str]) -> None:
    """Where the answer itself says nothing else; before it begins."""
    for name, value in headers.items():
        response.headers.setdefault(name, value)
    response.headers["Server"] = "Handover"


def refuse_other_sites(request: web.Request, origin: str) -> None:
    """A page of another site may lead here, and neither read nor send anything. ``origin``: the page's own.
    HTTPForbidden."""
    fetched = request.headers.get("Sec-Fetch-Site")
    if request.headers.get("Sec-Fetch-Dest") in ("iframe", "frame", "embed", "object"):
        raise web.HTTPForbidden(reason="This page is not shown within another.")
    if request.method in ("GET", "HEAD"):
        leads_here = request.headers.get("Sec-Fetch-Mode") == "navigate"
        if fetched in ("cross-site", "same-site") and not leads_here:
            raise web.HTTPForbidden(reason="Another site may not read this page.")
        return
    if request.headers.get("Origin") != origin or fetched not in (None, "same-origin"):
        raise web.HTTPForbidden(reason="That came from another site.")


def navigates(request: web.Request) -> bool:
    """Whether a person waits for a page; a script otherwise, which can read JSON."""
    return request.headers.get("Sec-Fetch-Mode", "navigate") == "navigate"


def status_of(error: HandoverError) -> int:
    """HTTP's number for an error that a person is told."""
    if isinstance(error, NotPermitted):
        return 403
    if isinstance(error, NotFound):
        return 404
    if isinstance(error, PortalUnreachable):
        return 502
    return 400 if isinstance(error, DocumentInvalid | InputInvalid) else 409
