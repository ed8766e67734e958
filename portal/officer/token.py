"""An officer's signing key on a card or token (PKCS#11), which signs and never gives the key away.

Not for: age keys, which no token makes; they lie in the safe (``portal.officer.safe``).
"""

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import ValidationError

from exchange.documents.messages import Line, Part
from exchange.durable import durable_file
from exchange.errors import KeyFileUnusable
from exchange.signing.documents import SigningKey

_NAMED_CURVE = bytes((0x13, 12)) + b"edwards25519"
"""The curve's name as PKCS#11 3.0 writes it; some tokens want the object identifier of RFC 8410."""
_OBJECT_IDENTIFIER = bytes((0x06, 3, 0x2B, 0x65, 0x70))


class TokenPlace(Part):
    """``token.yaml``: where the key is. The PIN is asked for, and kept nowhere."""

    module: Line
    """The token maker's PKCS#11 library, a file."""
    token: Line
    """The token's label."""
    key: Line = "handover-officer"
    """The key's label on it."""


def keep_place(folder: Path, place: TokenPlace) -> None:
    with durable_file(folder / "token.yaml") as file:
        file.write(yaml.safe_dump(place.model_dump(mode="json"), sort_keys=False).encode())


def kept_place(folder: Path) -> TokenPlace | None:
    """None where the officer's key lies in a file. KeyFileUnusable."""
    try:
        return TokenPlace.model_validate(yaml.safe_load((folder / "token.yaml").read_bytes()[:65536]))
    except FileNotFoundError:
        return None
    except (OSError, ValidationError, yaml.YAMLError):
        raise KeyFileUnusable(f"{folder / 'token.yaml'} can't be used.", do="Set up again.") from None


def open_key(place: TokenPlace, pin: Callable[[], str], *, make: bool = False) -> SigningKey:
    """The key on the token; ``make``: a new one where there is none. KeyFileUnusable.

    The session stays open for as long as the key is used.
    """
    token = _token(place)
    import pkcs11

    try:
        session = _session(token, pin(), rw=make)
        found = list(session.get_objects({pkcs11.Attribute.LABEL: place.key}))
        if not found and make:
            found = list(_make(session, place.key))
    except pkcs11.PKCS11Error as error:
        raise _refused(error) from None
    by_class = {each[pkcs11.Attribute.CLASS]: each for each in found}
    private, public = (by_class.get(kind) for kind in (pkcs11.ObjectClass.PRIVATE_KEY, pkcs11.ObjectClass.PUBLIC_KEY))
    if private is None or public is None:
        raise KeyFileUnusable(
            f"There is no key {place.key} on the token {place.token}.", do="Make one: handover-officer setup --token …"
        )
    return SigningKey(_TokenKey(private, bytes(public[pkcs11.Attribute.EC_POINT])[-32:]))


class _TokenKey(Ed25519PrivateKey):
    """Signs on the token; everything else about it is public."""

    def __init__(self, private: Any, public: bytes) -> None:
        self._private, self._public = private, Ed25519PublicKey.from_public_bytes(public)
        self._one_at_a_time = threading.Lock()

    def public_key(self) -> Ed25519PublicKey:
        return self._public

    def sign(self, data: Any) -> bytes:
        import pkcs11

        try:
            with self._one_at_a_time:  # a session does one thing at once
                return bytes(self._private.sign(bytes(data), mechanism=pkcs11.Mechanism.EDDSA))
        except pkcs11.PKCS11Error as error:
            raise _refused(error) from None

    def private_bytes(self, *_: Any, **__: Any) -> NoReturn:
        raise KeyFileUnusable("The key lies on a token, which does not give it away.", do="Use it where the token is.")

    def private_bytes_raw(self) -> NoReturn:
        self.private_bytes()

    def __copy__(self) -> "_TokenKey":
        return self

    def __deepcopy__(self, memo: Any) -> "_TokenKey":
        return self


def _token(place: TokenPlace) -> Any:
    try:
        import pkcs11
    except ImportError:
        raise KeyFileUnusable(
            "The Python package python-pkcs11 is missing, which speaks with tokens.", do="Install it."
        ) from None
    if not os.path.isfile(place.module):
        raise KeyFileUnusable(f"There is no library {place.module}.", do="Install the token maker's PKCS#11 library.")
    try:
        return pkcs11.lib(place.module).get_token(token_label=place.token)
    except (pkcs11.PKCS11Error, RuntimeError) as error:
        raise _refused(error) from None


def _session(token: Any, pin: str, *, rw: bool) -> Any:
    import pkcs11

    try:
        return token.open(user_pin=pin, rw=rw)
    except pkcs11.UserAlreadyLoggedIn:  # this program is, by another session of its own
        return token.open(rw=rw)


def _make(session: Any, label: str) -> Any:
    """A pair that stays on the token. Tokens differ in how they are told the curve."""
    import pkcs11

    kept = {"mechanism": pkcs11.Mechanism.EC_EDWARDS_KEY_PAIR_GEN, "store": True, "label": label}
    for curve in (_NAMED_CURVE, _OBJECT_IDENTIFIER):
        wanted = {pkcs11.Attribute.EC_PARAMS: curve}
        parameters = session.create_domain_parameters(pkcs11.KeyType.EC_EDWARDS, wanted, local=True)
        try:
            return parameters.generate_keypair(**kept)
        except pkcs11.PKCS11Error as error:
            refused = error
    raise _refused(refused)


def _refused(error: Exception) -> KeyFileUnusable:
    return KeyFileUnusable(
        f"The token does not do it ({type(error).__name__}).",
        meaning="It is not there, the PIN is another, or it knows no Ed25519 keys.",
        do="Put it in, and type the PIN again; after a few wrong ones a token locks itself.",
    )
