"""The keys of a case as they lie at the portal: an age identity file, sealed for exactly those who may open the case.

Not for: who that is (``exchange.signing.teams``).
"""

import base64
import binascii
import hashlib
import io
from collections.abc import Sequence

from exchange.age.files import Decryptor, Encryptor, Identity, Opener, parse_identity, parse_recipient
from exchange.documents.teams import MAX_WRAPPED
from exchange.errors import EvidenceMismatch
from exchange.signing.teams import Team
from portal.officer.opening import mixed_up

MOST_KEYS = 1000
"""Keys that one case has had."""


def seal_keys(identities: Sequence[Identity], recipients: Sequence[str]) -> bytes:
    """The keys, the newest first, for these recipients."""
    out = io.BytesIO()
    with Encryptor(out, [parse_recipient(recipient) for recipient in recipients]) as encryptor:
        encryptor.write("".join(f"{identity}\n" for identity in identities).encode())
    return out.getvalue()


def open_keys(wrapped: str, team: Team, openers: Sequence[Opener]) -> tuple[Identity, ...]:
    """The case's keys, the newest first, as ``team`` was given them.

    KeyDoesNotOpen when none of ``openers`` is one of the team's; EvidenceMismatch, SealDamaged when they are not what
    the team's version names.
    """
    try:
        sealed = base64.b64decode(wrapped, validate=True)
    except binascii.Error:
        raise _others() from None
    if len(sealed) > MAX_WRAPPED or hashlib.sha256(sealed).hexdigest() != team.document.wrapped_sha256:
        raise _others()
    text = b"".join(bytes(piece) for piece in Decryptor(io.BytesIO(sealed), openers)).decode("ascii", "replace")
    try:
        identities = tuple(parse_identity(line) for line in text.splitlines()[:MOST_KEYS])
    except ValueError:
        raise _others() from None
    if not identities or str(identities[0].recipient) != team.document.recipient:
        raise _others()
    return identities


def _others() -> EvidenceMismatch:
    return mixed_up("The sealed keys of the case are not those that its team was given.")
