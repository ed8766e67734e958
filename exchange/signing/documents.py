"""Documents signed, and opened again: the signature over the exact bytes first, then the reading, within limits.

Not for: the signature's own format (``exchange.signing.sshsig``), or what a document may say
(``exchange.documents.messages``).
"""

import hashlib
import json
import math
import re
from typing import NoReturn, TypeVar

from pydantic import ValidationError

from exchange.complaints import complaint
from exchange.documents.messages import MAX_DOCUMENT, Document, Part, Signed
from exchange.errors import DocumentInvalid
from exchange.signing.sshsig import PublicKey, SigningKey, allowed_signers

__all__ = [
    "PublicKey",
    "SigningKey",
    "allowed_signers",
    "document_sha256",
    "open_document",
    "parse_strictly",
    "read_unverified",
    "sign_document",
]

MAX_DEPTH = 16
"""Arrays and objects inside one another; our deepest document has six."""
_MAX_INTEGER = 2**63 - 1

D = TypeVar("D", bound=Part)
S = TypeVar("S", bound=Document)

_STRUCTURE = re.compile(r'\\.|["\[\]{}]', re.DOTALL)


def sign_document(document: Document, key: SigningKey) -> Signed:
    """The document's text with a detached SSHSIG over exactly its UTF-8 bytes.

    DocumentInvalid when it is larger than any reader would take.
    """
    text = document.to_text()
    if len(text.encode()) > MAX_DOCUMENT:
        raise _too_large(len(text.encode()), MAX_DOCUMENT)
    return Signed(document=text, signature=key.sign(text.encode(), document.namespace()))


def open_document(signed: Signed, model: type[S], key: PublicKey) -> S:
    """What the document says, after its signature held for exactly these bytes.

    SignatureInvalid before anything is parsed; DocumentInvalid when it is not one of ``model``'s documents.
    """
    key.verify(_bytes(signed), signed.signature, model.namespace())
    return read_unverified(signed, model)


def read_unverified(signed: Signed, model: type[S]) -> S:
    """What the document claims, WITHOUT checking its signature: to find the key it names, before ``open_document``."""
    found = parse_strictly(_bytes(signed), model, nulls=False)
    if "kind" not in found.model_fields_set:
        raise _invalid("it doesn't say its kind")
    return found


def document_sha256(signed: Signed) -> str:
    """Lower-case hex of the document's exact bytes: how other documents name it."""
    return hashlib.sha256(_bytes(signed)).hexdigest()


def parse_strictly(data: bytes, model: type[D], limit: int = MAX_DOCUMENT, *, nulls: bool = True) -> D:
    """JSON from outside to a typed part: size, depth, no key twice, no NaN, no coercion. DocumentInvalid otherwise.

    What two readers could take for different things is refused: see docs/evidence-format.md, "JSON". ``nulls``: whether
    null may stand for a field that is left out, as it may in answers of the interface, and not in what is signed.
    """
    if len(data) > limit:
        raise _too_large(len(data), limit)
    try:
        text = data.decode()
        _check_depth(text)
        json.loads(
            text,
            object_pairs_hook=_no_key_twice if nulls else _no_key_twice_and_no_null,
            parse_constant=_refuse_constant,
            parse_int=_integer,
            parse_float=_number,
        )
        return model.model_validate_json(data, strict=True, by_alias=True, by_name=False)
    except ValidationError as error:
        raise _invalid(complaint(error)) from None
    except ValueError as error:
        raise _invalid(str(error)) from None


def _bytes(signed: Signed) -> bytes:
    try:
        return signed.document.encode()
    except UnicodeEncodeError:  # a lone surrogate, which JSON's escapes can smuggle in
        raise _invalid("it is not text") from None


def _check_depth(text: str) -> None:
    """Before json.loads recurses into it."""
    depth, in_string = 0, False
    for token in _STRUCTURE.finditer(text):
        char = token.group()
        if char == '"':
            in_string = not in_string
        elif not in_string and char in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise ValueError(f"it is nested deeper than {MAX_DEPTH} levels")
        elif not in_string and char in "]}":
            depth -= 1


def _no_key_twice(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("it says the same thing twice, so readers could differ on what it says")
    return found


def _no_key_twice_and_no_null(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if any(value is None for _, value in pairs):
        raise ValueError("null has no place in it: what does not apply is left out")
    return _no_key_twice(pairs)


def _integer(digits: str) -> int:
    if len(digits) > 20 or abs(int(digits)) > _MAX_INTEGER:
        raise ValueError("it has a number that is larger than any reader must know")
    return int(digits)


def _number(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError("it has a number that is larger than any reader must know")
    return number


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _too_large(size: int, limit: int) -> DocumentInvalid:
    return DocumentInvalid(
        f"The document has {size} bytes, and may have {limit}.", do="Ask the sender for a shorter one."
    )


def _invalid(why: str) -> DocumentInvalid:
    return DocumentInvalid(
        f"The document can't be read: {why[:300]}.",
        meaning="It is malformed, or of a version that this program doesn't know.",
        do="Ask the sender for it again, or update Handover.",
    )
