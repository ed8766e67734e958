"""A second header for a sealed file: the same payload, opened by another recipient, without sealing it anew.

Not for: the file itself, whose bytes stay as they are: the header is kept beside it, and put before its payload by
whoever opens it. It is as strong as its own recipients are, and so is then the payload.
"""

from collections.abc import Sequence
from typing import BinaryIO

from exchange.age.files import Opener, Recipient
from exchange.age.header import read_header, write_header
from exchange.errors import KeyDoesNotOpen


def another_header(source: BinaryIO, identities: Sequence[Opener], recipients: Sequence[Recipient]) -> bytes:
    """The header, some hundred bytes. ``source`` is read from its start, and left where its payload begins.

    KeyDoesNotOpen when none of ``identities`` opens it, SealDamaged when its header is not sound.
    """
    header = read_header(source.readline)
    for identity in identities:
        file_key = identity.unwrap(header.stanzas)
        if file_key is not None:
            header.check(file_key)
            return write_header([recipient.wrap(file_key) for recipient in recipients], file_key)
    raise KeyDoesNotOpen(
        "None of the keys at hand opens this sealed file.",
        meaning="No other header can be made for it.",
        do="Use the archive key that the file was sealed for.",
    )
