"""Sealed packages that do not open, or not wholly. Their zip is sound: nobody gets to see it."""

import io

from exchange.age.header import Stanza, encode_base64, read_header, write_header
from scripts.vector_making import keys
from scripts.vector_making.good import plain_case
from scripts.vector_making.sealing import Sealed
from scripts.vector_making.vector import FORCE_KEY, NO_KEY, SEAL, Vector

GIVEN = {**FORCE_KEY, "identity": "keys/case-x25519.key"}
TAG = 16


def vectors(sealed: Sealed) -> list[Vector]:
    sound = sealed.get("good/sealed-x25519.zip.age", "x25519", plain_case().zip())
    header_end = sound.index(b"\n--- ") + 49
    mac = sound.index(b"\n--- ") + 5
    other_mac = sound[:mac] + (b"A" if sound[mac : mac + 1] != b"A" else b"B") + sound[mac + 1 :]
    stanza = sound.index(b"-> X25519", 30)
    first_only = sound[:stanza] + sound[sound.index(b"--- ") :]
    spoilt = [
        ("version", "The first line names a version of age that is not known.", sound.replace(b"org/v1", b"org/v2", 1)),
        ("mac", "The header's MAC is another.", other_mac),
        ("stanza-taken-out", "A recipient's stanza was taken out of the header.", first_only),
        ("header-cut", "The file ends within its header.", sound[:100]),
        (
            "payload-flipped",
            "One bit of the payload is flipped.",
            sound[: header_end + 500] + bytes([sound[header_end + 500] ^ 1]) + sound[header_end + 501 :],
        ),
        ("payload-cut", "The last byte is missing.", sound[:-1]),
        ("payload-longer", "A byte follows the last chunk.", sound + b"\0"),
        ("no-payload", "Nothing follows the header.", sound[:header_end]),
        (
            "passphrase-beside-others",
            "A stanza for a passphrase lies beside the recipients', under a MAC that holds.",
            _with(sound, Stanza((b"scrypt", encode_base64(bytes(16)), b"16"), bytes(32))),
        ),
        (
            "header-too-long",
            "The header has more than 256 KiB, under a MAC that holds: a stanza that nobody knows fills it.",
            _with(sound, Stanza((b"filler",), bytes(200_000))),
        ),
    ]
    failing = [
        Vector(f"seal-{name}", what, content, {"seal": SEAL}, given=GIVEN, suffix=".zip.age")
        for name, what, content in spoilt
    ]
    other = {**FORCE_KEY, "identity": "keys/other-case.key"}
    unopened = [
        ("wrong-identity", "The identity is that of another case.", other),
        ("no-identity", "No identity is given.", dict(FORCE_KEY)),
    ]
    return failing + [
        Vector(name, what, sound, not_checked=["seal"], given=given, suffix=".zip.age", exit_code=NO_KEY)
        for name, what, given in unopened
    ]


def _with(sound: bytes, more: Stanza) -> bytes:
    """The sealed file with one more stanza, as its writer would have made it."""
    source = io.BytesIO(sound)
    stanzas = read_header(source.readline).stanzas
    file_key = keys.CASE_X25519.unwrap(stanzas)
    assert file_key is not None
    return write_header([*stanzas, more], file_key) + source.read()
