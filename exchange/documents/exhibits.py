"""What exhibits' references begin with: the initials of a person or a force's letters, in documents and as typed.

Not for: giving a reference to a package (``agent.requests.exhibits.references``).
"""

import re
from typing import Annotated

from pydantic import Field

from exchange.documents.letters import harmless
from exchange.errors import InputInvalid

MOST_PREFIX = 24
_PREFIX = r"^[A-Z0-9]{1,12}([/.-][A-Z0-9]{1,12}){0,3}$"
ExhibitPrefix = Annotated[str, Field(max_length=MOST_PREFIX, pattern=_PREFIX)]
"""Such as a person's initials, ``ABC``; or ``ABC/12`` for parts of that exhibit."""


def typed_prefix(text: str | None) -> str | None:
    """A prefix as a person typed it, in capitals; None for nothing. InputInvalid."""
    typed = (text or "").strip().upper()
    if not typed:
        return None
    if len(typed) > MOST_PREFIX or not re.fullmatch(_PREFIX, typed):
        raise InputInvalid(
            f"An exhibit's name can't begin with {harmless(typed, 40)!r}.",
            meaning="Nothing was decided or sent.",
            do="Write the letters and digits that the police gave, such as ABC or ABC/12.",
        )
    return typed
