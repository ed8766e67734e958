"""What the portal says when it says no: RFC 9457 problems that tell a person what to do.

Not for: errors of commands (``exchange.errors``).
"""

from typing import Final


class ProblemError(Exception):
    """An answer other than success. ``title`` says what, ``detail`` what to do, both without secrets."""

    def __init__(self, status: int, title: str, detail: str = "", headers: dict[str, str] | None = None) -> None:
        super().__init__(title)
        self.status: Final = status
        self.title: Final = title
        self.detail: Final = detail
        self.headers: Final = headers or {}


def invalid(title: str, detail: str) -> ProblemError:
    """422: read and understood, and not acceptable as it stands."""
    return ProblemError(422, title, detail)


def forbidden(title: str, detail: str) -> ProblemError:
    """403: the caller is known, and may not do this."""
    return ProblemError(403, title, detail)


def conflict(title: str, detail: str) -> ProblemError:
    """409: it contradicts what was settled before."""
    return ProblemError(409, title, detail)


def unknown(what: str) -> ProblemError:
    """404, the same words for what never was and for what is somebody else's."""
    return ProblemError(404, f"There is no such {what}.", "Check its id; what belongs to somebody else isn't shown.")


def unauthenticated() -> ProblemError:
    """401 in one wording for every cause, so that it tells a stranger nothing."""
    return ProblemError(
        401,
        "The token was not accepted.",
        "It is missing, malformed, expired, used before, made for another portal or by a key that isn't known here. "
        "Make a new one for every call, and compare your clock with this answer's Date.",
        {"WWW-Authenticate": "Bearer"},
    )


def too_many(what: str, detail: str, retry_after: int) -> ProblemError:
    """429; ``retry_after`` in seconds."""
    return ProblemError(429, what, detail, {"Retry-After": str(retry_after)})
