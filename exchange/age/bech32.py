"""Bech32 (BIP 173) without its limit on length: how age writes keys as text.

Not for: Bech32m, or addresses of any kind.
"""

from functools import reduce
from operator import xor

_ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_VALUES = {character: value for value, character in enumerate(_ALPHABET)}
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_CHECKSUM_LENGTH = 6


def _generated(top: int) -> int:
    """What the five bits that are shifted out add to the checksum."""
    return reduce(xor, (generator for bit, generator in enumerate(_GENERATOR) if top >> bit & 1), 0)


_GENERATED = tuple(_generated(top) for top in range(32))


def encode(prefix: str, data: bytes) -> str:
    """``prefix`` (its human-readable part, in lower case) and ``data`` as one checked lower-case string."""
    values = _regroup(data, 8, 5, pad=True)
    remainder = _polymod([*_expand(prefix), *values, *[0] * _CHECKSUM_LENGTH]) ^ 1
    checksum = [remainder >> 5 * (5 - place) & 31 for place in range(_CHECKSUM_LENGTH)]
    return prefix + "1" + "".join(_ALPHABET[value] for value in (*values, *checksum))


def decode(text: str) -> tuple[str, bytes]:
    """The prefix (in lower case) and the data of a Bech32 string, all in one case.

    Raises ValueError, which never quotes the text (it may be a secret), when any of BIP 173's rules is broken.
    """
    if text.lower() != text and text.upper() != text:
        raise ValueError("a Bech32 text mixes upper and lower case")
    prefix, separator, tail = text.lower().rpartition("1")
    if not separator or not prefix or not all("!" <= character <= "~" for character in prefix):
        raise ValueError("not a Bech32 text: it has no prefix")
    if len(tail) < _CHECKSUM_LENGTH or not all(character in _VALUES for character in tail):
        raise ValueError("a Bech32 text is cut short or has a character that cannot occur in it")
    values = [_VALUES[character] for character in tail]
    if _polymod([*_expand(prefix), *values]) != 1:
        raise ValueError("the checksum of a Bech32 text does not fit: it was mistyped or cut short")
    return prefix, bytes(_regroup(values[:-_CHECKSUM_LENGTH], 5, 8, pad=False))


def _expand(prefix: str) -> list[int]:
    return [*(ord(character) >> 5 for character in prefix), 0, *(ord(character) & 31 for character in prefix)]


def _polymod(values: list[int]) -> int:
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value ^ _GENERATED[top]
    return check


def _regroup(values: bytes | list[int], width: int, target: int, *, pad: bool) -> list[int]:
    """The same bits in groups of ``target`` instead of ``width``; leftover bits must be zero padding."""
    pending = bits = 0
    groups = []
    for value in values:
        pending = pending << width | value
        bits += width
        while bits >= target:
            bits -= target
            groups.append(pending >> bits)
            pending &= (1 << bits) - 1
    if pad and bits:
        groups.append(pending << target - bits)
    elif not pad and (bits >= width or pending):
        raise ValueError("a Bech32 text has leftover bits")
    return groups
