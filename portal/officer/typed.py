"""What an officer typed, where a document can't be made of it.

Not for: values that have a flag of their own to be named by (``portal.officer.commands.asking``).
"""

from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import ValidationError

from exchange.complaints import complaint
from exchange.errors import InputInvalid


@contextmanager
def as_typed(what: str) -> Iterator[None]:
    """InputInvalid, which says of which value of ``what`` ("This can't be told") it is, for a model that refuses it."""
    try:
        yield
    except ValidationError as error:
        raise InputInvalid(f"{what}: {complaint(error)}.", do="Correct it, and type it again.") from None
