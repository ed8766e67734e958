"""What is in a signing SEI, by the ONVIF Media Signing Specification and by Axis Signed Video: tags, lengths, values.

Not for: whether a signature holds (``checking``).
"""

import re
from dataclasses import dataclass, field

from exchange.clock import Instant
from exchange.documents.camera_signatures import SignatureScheme
from exchange.documents.letters import first_unfit
from exchange.media_signing.nal_units import escaped_length
from exchange.media_signing.samples import NotUnderstood

UUIDS = {
    bytes.fromhex("005bc93f2d715e95ada4796f90877a6f"): SignatureScheme.ONVIF,
    bytes.fromhex("5369676e656420566964656f2e2e2e30"): SignatureScheme.AXIS,
}
_ONVIF_CERTIFICATE, _ONVIF_ESCAPED = 0x80, 0x40
_AXIS_ESCAPED, _AXIS_GOLDEN = 0x80, 0x40
"""Bits of the reserved byte behind the UUID."""
_AXIS_ONE_BYTE = frozenset({1, 7})
"""Tags whose length is one byte; all others, and all of ONVIF's, have two."""
_ONVIF_TAGS = {
    1: "group",
    2: "hashes",
    3: "signature",
    4: "algorithm",
    5: "device",
    6: "certificates",
    7: "anything",
}
_AXIS_TAGS = {
    1: "axis_group",
    2: "public_key",
    3: "axis_device",
    4: "hashes",
    5: "axis_signature",
    6: "anything",
    7: "axis_algorithm",
    129: "axis_certificates",
}
_HASHES = {
    bytes.fromhex("0609608648016503040201"): "sha256",
    bytes.fromhex("0609608648016503040202"): "sha384",
    bytes.fromhex("0609608648016503040203"): "sha512",
}
"""By the DER of their object identifiers."""
_EARLIEST, _LATEST = 946_684_800_000_000, 4_102_444_800_000_000
"""2000 and 2100: a camera that tells another time tells none."""
_FROM_1601 = 11_644_473_600_000_000
"""Microseconds from 1601, where ONVIF's times begin, to 1970."""
_MOST_CHAIN = 64 * 1024


@dataclass(frozen=True, slots=True)
class Group:
    """What a signing SEI says of one group of slices: a GOP, or a part of one."""

    counter: int
    slices: int
    part: bool
    """The group ends within a GOP."""
    digest: bytes
    """Over the hashes of all its slices, one after another."""
    linked: bytes
    """The first slice's hash of the group before; all zeros (or ones) where there is none."""
    start: Instant | None
    end: Instant | None
    hashes: tuple[bytes, ...] = ()
    """Of each slice; empty where the camera leaves them out to save room."""

    @property
    def begins_anew(self) -> bool:
        return not any(self.linked) or set(self.linked) == {0xFF}


@dataclass(frozen=True, slots=True)
class SigningData:
    """One signing SEI, read."""

    scheme: SignatureScheme
    escaped: bool
    """The document was signed with its emulation prevention bytes in it."""
    document_end: int
    """Where in the unescaped NAL unit the signature's tag begins; its whole length where it is not signed."""
    signature: bytes | None
    group: Group | None
    digest_name: str | None = None
    """hashlib's name; None where it is not said here."""
    certificates: str | None = None
    """PEM, the camera's own first."""
    public_key: str | None = None
    """PEM."""
    make: str | None = None
    serial: str | None = None
    firmware: str | None = None

    def document(self, escaped: bytes, unescaped: bytes) -> bytes:
        """The bytes that the signature is over: from the NAL unit's header to the signature's tag."""
        if not self.escaped:
            return unescaped[: self.document_end]
        return escaped[: escaped_length(escaped, self.document_end)]


def read_signing_data(scheme: SignatureScheme, unescaped: bytes, start: int, payload: bytes) -> SigningData:
    """``payload``: of the SEI message, from its UUID, which begins at ``start`` of the unescaped NAL unit.

    NotUnderstood for whatever is not as the specification has it.
    """
    if len(payload) < 18:
        raise NotUnderstood("a signing SEI is too short")
    flags = payload[16]
    reader = _Reader(scheme, payload)
    reader.read(17)
    onvif = scheme is SignatureScheme.ONVIF
    if onvif and flags & 0x01:
        raise NotUnderstood("a signing SEI is of a newer form")
    if reader.group is None and not (flags & (_ONVIF_CERTIFICATE if onvif else _AXIS_GOLDEN)):
        raise NotUnderstood("a signing SEI tells of no group of pictures")
    end = len(unescaped) if reader.signature_at is None else start + reader.signature_at
    group = reader.group
    if group is not None:
        group = _with_hashes(group, reader.hashes)
    return SigningData(
        scheme,
        bool(flags & (_ONVIF_ESCAPED if onvif else _AXIS_ESCAPED)),
        end,
        reader.signature,
        group,
        reader.digest_name,
        reader.certificates,
        reader.public_key,
        **reader.device,
    )


def _with_hashes(group: Group, hashes: bytes | None) -> Group:
    if hashes is None:
        return group
    size = len(group.digest)
    if len(hashes) % size:
        raise NotUnderstood("a list of hashes in a signing SEI is cut short")
    each = tuple(hashes[place : place + size] for place in range(0, len(hashes), size))
    return Group(group.counter, group.slices, group.part, group.digest, group.linked, group.start, group.end, each)


@dataclass
class _Reader:
    """Goes through the tags of one payload."""

    scheme: SignatureScheme
    payload: bytes
    signature_at: int | None = None
    signature: bytes | None = None
    group: Group | None = None
    hashes: bytes | None = None
    digest_name: str | None = None
    certificates: str | None = None
    public_key: str | None = None
    device: dict[str, str | None] = field(default_factory=dict)

    def read(self, position: int) -> None:
        onvif = self.scheme is SignatureScheme.ONVIF
        tags = _ONVIF_TAGS if onvif else _AXIS_TAGS
        while position < len(self.payload):
            begin, tag = position, self.payload[position]
            size = 1 if not onvif and tag in _AXIS_ONE_BYTE else 2
            start = position + 1 + size
            position = start + int.from_bytes(self.payload[position + 1 : start])
            value = self.payload[start:position]
            if position > len(self.payload) or not value:
                raise NotUnderstood("a signing SEI is cut short")
            if self.signature_at is not None:
                raise NotUnderstood("something follows the signature in a signing SEI")
            name = tags.get(tag)
            if name is None:
                raise NotUnderstood(f"a signing SEI has a part of an unknown kind ({tag})")
            if name.endswith("signature"):
                self.signature_at = begin
            try:
                getattr(self, f"_read_{name}")(_Value(value))
            except IndexError:
                raise NotUnderstood(f"the part “{name}” of a signing SEI is cut short") from None

    def _read_group(self, value: "_Value") -> None:
        version = value.version(1, 2)
        value.take(3)  # the version of the program that signed
        part = bool(value.number(1))
        start = value.number(8)
        end = value.number(8) if version >= 2 else start
        counter, slices = value.number(4), value.number(2)
        digest, linked = value.halves()
        self._once(self.group)
        self.group = Group(counter, slices, part, digest, linked, _from_1601(start), _from_1601(end))

    def _read_axis_group(self, value: "_Value") -> None:
        if (version := value.number(1)) not in (3, 4):
            raise NotUnderstood("it is signed by an older form of Axis Signed Video, which is not checked here")
        counter, slices = value.number(4), value.number(2)
        value.take(3)
        flags = value.number(1)
        start = value.number(8) if flags & 1 else 0
        end = value.number(8) if flags & 1 and version >= 4 else start
        linked, digest = value.halves()
        self._once(self.group)
        self.group = Group(counter, slices, bool(flags & 2), digest, linked, _plausible(start), _plausible(end))

    def _read_hashes(self, value: "_Value") -> None:
        value.version(1)
        self._once(self.hashes)
        self.hashes = value.rest()

    def _read_signature(self, value: "_Value") -> None:
        value.version(1)
        self.signature = value.take(value.number(2))

    def _read_axis_signature(self, value: "_Value") -> None:
        version = value.version(1, 2)
        value.take(1 if version >= 2 else 2)
        self.signature = value.take(value.number(2))

    def _read_algorithm(self, value: "_Value") -> None:
        self._read_axis_algorithm(value)
        value.take(value.number(1))  # how it is signed; the key says it too

    def _read_axis_algorithm(self, value: "_Value") -> None:
        value.version(1)
        name = _HASHES.get(value.take(value.number(1)))
        if name is None:
            raise NotUnderstood("its hashes are of a kind that is not known here")
        self.digest_name = name

    def _read_device(self, value: "_Value") -> None:
        value.version(1)
        firmware, serial, make = value.text(), value.text(), value.text()
        self.device = {"make": make, "serial": serial, "firmware": firmware}

    def _read_axis_device(self, value: "_Value") -> None:
        value.version(1, 2)
        value.text()  # the hardware's name
        firmware, serial, make = value.text(), value.text(), value.text()
        self.device = {"make": make, "serial": serial, "firmware": firmware}

    def _read_certificates(self, value: "_Value") -> None:
        value.version(1)
        value.take(1)  # whether the owner provisioned the key: it is told by the chain
        self._chain(value.rest())

    def _read_axis_certificates(self, value: "_Value") -> None:
        value.version(1)
        value.take(value.number(1))  # the secure element's own attestation, which is not checked here
        if rest := value.rest():
            self._chain(rest)

    def _read_public_key(self, value: "_Value") -> None:
        if value.version(1, 2) == 1:
            value.take(1)
        self.public_key = value.pem()

    def _read_anything(self, value: "_Value") -> None:
        """The maker's own data, which is signed with the rest."""

    def _chain(self, pem: bytes) -> None:
        self._once(self.certificates)
        self.certificates = _Value(pem).pem()

    @staticmethod
    def _once(before: object) -> None:
        if before is not None:
            raise NotUnderstood("a signing SEI has a part twice")


class _Value:
    """A tag's value, read from its start. IndexError where it ends too early."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._position = 0

    def take(self, count: int) -> bytes:
        if self._position + count > len(self._content):
            raise IndexError
        self._position += count
        return self._content[self._position - count : self._position]

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size))

    def version(self, *known: int) -> int:
        if (version := self.number(1)) not in known:
            raise NotUnderstood("a signing SEI is of a newer form")
        return version

    def rest(self) -> bytes:
        return self.take(len(self._content) - self._position)

    def halves(self) -> tuple[bytes, bytes]:
        """What is left, as two hashes of one size."""
        rest = self.rest()
        if len(rest) not in (64, 96, 128):
            raise NotUnderstood("the hashes in a signing SEI are of an unknown length")
        return rest[: len(rest) // 2], rest[len(rest) // 2 :]

    def text(self) -> str | None:
        """A string with its length before it, as far as it is fit for people; None for an empty one."""
        said = self.take(self.number(1)).rstrip(b"\0").decode("utf-8", "replace")
        fit = "".join(char for char in said if first_unfit(char, lines=False) is None).strip()
        return fit[:200] or None

    def pem(self) -> str:
        content = self.rest().rstrip(b"\0")
        if len(content) > _MOST_CHAIN or re.search(rb"[^\t\n\r -~]", content):
            raise NotUnderstood("a certificate or key in a signing SEI is no PEM")
        return content.decode("ascii")


def _from_1601(ticks: int) -> Instant | None:
    """100-nanosecond intervals since 1601 UTC, as the specification has it."""
    return _plausible(ticks // 10 - _FROM_1601)


def _plausible(moment: int) -> Instant | None:
    return moment if _EARLIEST <= moment < _LATEST else None
