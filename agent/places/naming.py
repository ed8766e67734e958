"""The names that files may have at a place: plain relative ones, such as every place and file system can keep.

Not for: which file gets which name (``agent.deliveries``, ``agent.records``).
"""

import re

from exchange.errors import InputInvalid

LONGEST = 200
"""Bytes of one part of a name: a part that is still being written has a longer one, and 255 is the most everywhere."""
DEEPEST = 8
_PLAIN = re.compile(r"[A-Za-z0-9_(\[][A-Za-z0-9 _.,@+=()\[\]-]*")
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?")
"""What Windows takes for a device; a stick is often read there."""


def checked_name(name: str) -> str:
    """``name`` itself. InputInvalid when some place could not keep it, or it would lead out of the place."""
    parts = name.split("/")
    for part in parts:
        if (
            _PLAIN.fullmatch(part) is None
            or len(part) > LONGEST
            or part[-1] in ". "
            or _RESERVED.fullmatch(part) is not None
        ):
            raise InputInvalid(
                f"A file can't be called {name[:80]!r} everywhere.",
                meaning="Nothing was written.",
                do="Use letters, digits, dots and dashes only, and no name that begins or ends with a dot.",
            )
    if len(parts) > DEEPEST:
        raise InputInvalid(f"{name[:80]!r} lies too deep.", do=f"Use at most {DEEPEST} folders.")
    return name


def unfinished(name: str, sha256: str) -> str:
    """What a file is called at a place until it is whole: hidden, and the same again after a break."""
    folder, slash, last = name.rpartition("/")
    return f"{folder}{slash}.{last}.{sha256[:16]}.partial"


def is_unfinished(name: str) -> bool:
    last = name.rpartition("/")[2]
    return last.startswith(".") and last.endswith(".partial")
