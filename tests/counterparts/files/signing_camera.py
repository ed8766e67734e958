"""A camera that signs its pictures: ONVIF Media Signing, and Axis Signed Video, after what is published of them.

It knows nothing of Handover's verifier. Pictures are FFmpeg's; SEIs go where the specification has them, before the
first slice of a picture. Not for: cameras as they are on a network (``tests.counterparts.rtsp``).
"""

import hashlib
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

ONVIF = bytes.fromhex("005bc93f2d715e95ada4796f90877a6f")
AXIS = b"Signed Video...0"
START = b"\x00\x00\x00\x01"
SHA256_OID = bytes.fromhex("0609608648016503040201")
START_US = 1_790_000_000_000_000
"""The camera's own time of its first picture, microseconds of UTC."""
FRAME_US = 100_000
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@cache
def coded(folder: Path, codec: Literal["h264", "h265"], *, gops: int = 5, gop: int = 5, slices: int = 1) -> list[bytes]:
    """The NAL units of a small real video, without start codes: a key frame first in each of ``gops`` of ``gop``."""
    path = folder / f"{codec}-{gops}-{gop}-{slices}.{codec}"
    source = f"testsrc=size=96x64:rate=10:duration={gops * gop / 10}"
    h264 = ["-c:v", "libx264", "-preset", "ultrafast", "-bf", "0", "-g", str(gop), "-sc_threshold", "0",
            "-slices", str(slices), "-f", "h264"]  # fmt: skip
    h265 = ["-c:v", "libx265", "-preset", "ultrafast", "-x265-params",
            f"log-level=none:bframes=0:keyint={gop}:min-keyint={gop}:scenecut=0:open-gop=0:slices={slices}",
            "-f", "hevc"]  # fmt: skip
    command = ["ffmpeg", "-nostdin", "-y", "-v", "error", "-f", "lavfi", "-i", source, "-pix_fmt", "yuv420p"]
    subprocess.run([*command, *(h264 if codec == "h264" else h265), str(path)], check=True, timeout=60)
    return list(nal_units(path.read_bytes()))


def nal_units(stream: bytes) -> Iterator[bytes]:
    """Annex B, taken apart."""
    for part in stream.split(b"\x00\x00\x01")[1:]:
        yield part.rstrip(b"\x00")


def wrapped(folder: Path, units: list[bytes], codec: str, name: str, suffix: str = ".mp4", *, rate: int = 10) -> Path:
    """The units in a file, copied there by FFmpeg."""
    raw, target = folder / f"{name}.{codec}", folder / f"{name}{suffix}"
    raw.write_bytes(b"".join(START + unit for unit in units))
    tag = ["-tag:v", "hvc1"] if codec == "h265" and suffix == ".mp4" else []
    subprocess.run(
        ["ffmpeg", "-nostdin", "-v", "error", "-y", "-r", str(rate), "-f", "hevc" if codec == "h265" else codec,
         "-i", str(raw), "-c", "copy", *tag, str(target)],
        check=True, timeout=60,
    )  # fmt: skip
    return target


@dataclass
class Maker:
    """A maker of cameras: a root that its customers trust, an authority below it."""

    root: x509.Certificate
    above: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @classmethod
    def make(cls, name: str = "Example Optics") -> "Maker":
        top, middle = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        root = certificate(f"{name} root", top.public_key(), f"{name} root", top, authority=True)
        return cls(
            root, certificate(f"{name} devices", middle.public_key(), f"{name} root", top, authority=True), middle
        )

    @property
    def roots(self) -> str:
        return self.root.public_bytes(Encoding.PEM).decode()

    def chain(self, key: Key, serial: str) -> bytes:
        """PEM of a camera's certificate and the authority's."""
        own = certificate(serial, key.public_key(), _common_name(self.above), self.key, authority=False)
        return own.public_bytes(Encoding.PEM) + self.above.public_bytes(Encoding.PEM)


def _common_name(of: x509.Certificate) -> str:
    return str(of.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)


def certificate(
    name: str, key: object, issuer: str, issuer_key: ec.EllipticCurvePrivateKey, *, authority: bool
) -> x509.Certificate:
    now = datetime.fromtimestamp(START_US / 1_000_000, UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key)  # type: ignore[arg-type]
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=365))
        .not_valid_after(now + timedelta(days=365))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .sign(issuer_key, hashes.SHA256())
    )


@dataclass
class SigningCamera:
    """Signs a stream of NAL units. What differs from the plain way is said when it is made."""

    codec: Literal["h264", "h265"]
    key: Key
    chain: bytes
    axis: bool = False
    escaped: bool = False
    """Emulation prevention is done before the hashing."""
    lists: bool = True
    """The SEIs hold a list of hashes."""
    every: int = 1
    """Only each so-manieth GOP's SEI bears a signature; the others are signed for by it."""
    most: int = 0
    """A group ends after so many slices, within its GOP."""
    late: int = 0
    """Pictures by which an SEI comes after its group."""
    once: bool = False
    """The certificate comes once, at the very start, in an SEI of its own."""
    twice: bool = False
    """Each SEI is sent twice."""
    pss: bool = False
    items: list[bytes] = field(default_factory=list)
    counter: int = 0
    anchor: bytes = b""
    linked: bytes = bytes(32)
    pending_link: bytes = bytes(32)
    begun: int = 0
    gops: int = 0

    def signed(self, units: list[bytes]) -> list[bytes]:
        """The stream as the camera sends it."""
        sent: list[bytes] = []
        waiting: list[tuple[int, bytes]] = []
        picture = -1
        if self.once:
            sent.append(self.sei(None))
        parameters: list[bytes] = []
        for unit in units:
            kind = self.kind(unit)
            if kind == "other":
                parameters.append(unit)
                continue
            first = self.first(unit)
            picture += first
            opens = kind == "key" and first
            full = self.most and len(self.items) >= self.most
            if self.items and (opens or full):
                self.gops += opens
                waiting.append((picture + self.late, self.sei((opens, picture))))
            due = [sei for at, sei in waiting if at <= picture] if first else []
            if first:
                waiting = [(at, sei) for at, sei in waiting if at > picture]
            sent += parameters
            parameters = []
            for sei in due:
                sent += [sei, sei] if self.twice else [sei]
                if sei in self._hashed_as:
                    self.items.append(self.hash(self._hashed_as[sei]))
            own = self.hash(unit)
            if opens:
                self.anchor = own
                hashed = own
            else:
                hashed = self.hash(self.anchor + own)
            if not self.items or opens:
                self.begun = picture
                self.linked, self.pending_link = self.pending_link, hashed
            self.items.append(hashed)
            sent.append(unit)
        return sent

    def end(self) -> bytes:
        """The SEI over what is left, as at the end of a stream."""
        self.gops = -(-self.gops // self.every) * self.every
        return self.sei((True, self.begun + len(self.items)))

    # -- units --

    def kind(self, unit: bytes) -> str:
        if self.codec == "h264":
            return {5: "key", 1: "slice"}.get(unit[0] & 31, "other")
        number = unit[0] >> 1 & 63
        return "key" if 16 <= number <= 21 else "slice" if number < 2 else "other"

    def first(self, unit: bytes) -> bool:
        return bool(unit[1 if self.codec == "h264" else 2] & 0x80)

    @staticmethod
    def hash(content: bytes) -> bytes:
        return hashlib.sha256(content).digest()

    # -- the SEI --

    def sei(self, group: tuple[bool, int] | None) -> bytes:
        """The next SEI: over the group that ends here (whether a GOP ends too, and at which picture), or of the
        certificate alone."""
        signs = group is None or not group[0] or self.gops % self.every == 0
        tags = b""
        if group is None or not self.once:
            tags += self.certificate_tags()
        if group is not None:
            tags += self.group_tags(*group)
        flags = (0x80 if self.escaped else 0) | 0x30 if self.axis else 0x40 * self.escaped
        flags |= (0x40 if self.axis else 0x80) if group is None else 0
        room = self.room()
        size = 17 + len(tags) + (room + (7 if self.axis else 6) if signs else 0)
        head = (
            (b"\x06" if self.codec == "h264" else b"\x4e\x01") + b"\x05" + b"\xff" * (size // 255) + bytes([size % 255])
        )
        plain = head + (AXIS if self.axis else ONVIF) + bytes([flags]) + tags
        document = escape(plain) if self.escaped else plain
        if signs:
            plain += self.signature_tag(self.hash(document), room)
        whole = escape(plain + b"\x80")
        if not signs:
            self._hashed_as[whole] = whole if self.escaped else plain + b"\x80"
        if group is not None:
            self.items = []
            self.counter += 1
        return whole

    _hashed_as: dict[bytes, bytes] = field(default_factory=dict)

    def group_tags(self, closes: bool, end: int) -> bytes:
        digest = self.hash(b"".join(self.items))
        start, last = (START_US + picture * FRAME_US for picture in (self.begun, end))
        count = len(self.items).to_bytes(2, "big")
        counter = (self.counter + 1).to_bytes(4, "big")
        if self.axis:
            flags = bytes([1 | (not closes) << 1])
            times = start.to_bytes(8, "big") + last.to_bytes(8, "big")
            value = b"\x04" + counter + count + b"\x02\x00\x01" + flags + times + self.linked + digest
            tags = b"\x01" + bytes([len(value)]) + value
            return tags + (self.tag(4, b"\x01" + b"".join(self.items)) if self.lists else b"")
        times = b"".join((10 * (moment + 11_644_473_600_000_000)).to_bytes(8, "big") for moment in (start, last))
        value = b"\x02\x01\x00\x00" + bytes([not closes]) + times + counter + count + digest + self.linked
        return self.tag(1, value) + (self.tag(2, b"\x01" + b"".join(self.items)) if self.lists else b"")

    def certificate_tags(self) -> bytes:
        algorithm = bytes([len(SHA256_OID)]) + SHA256_OID
        if self.axis:
            public = self.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
            names = b"".join(
                bytes([len(text)]) + text for text in (b"X", b"11.2", b"ACCC8E000001", b"Example Optics", b"")
            )
            value = b"\x01" + algorithm
            return (
                self.tag(2, b"\x02" + public)
                + self.tag(3, b"\x02" + names)
                + b"\x07" + bytes([len(value)]) + value
                + self.tag(129, b"\x01\x00" + self.chain)
            )  # fmt: skip
        names = b"".join(bytes([len(text)]) + text for text in (b"5.7.12", b"0042-AF", b"Example Optics"))
        return (
            self.tag(4, b"\x01" + algorithm + b"\x00\x00\x00")
            + self.tag(5, b"\x01" + names)
            + self.tag(6, b"\x01\x00" + self.chain)
        )

    def room(self) -> int:
        """Bytes that any signature of this key fits in."""
        return 72 if isinstance(self.key, ec.EllipticCurvePrivateKey) else self.key.key_size // 8

    def signature_tag(self, digest: bytes, room: int) -> bytes:
        algorithm = Prehashed(hashes.SHA256())
        if isinstance(self.key, ec.EllipticCurvePrivateKey):
            made = self.key.sign(digest, ec.ECDSA(algorithm))
        elif self.pss:
            made = self.key.sign(digest, padding.PSS(padding.MGF1(hashes.SHA256()), 32), algorithm)
        else:
            made = self.key.sign(digest, padding.PKCS1v15(), algorithm)
        value = len(made).to_bytes(2, "big") + made.ljust(room, b"\x01")
        return self.tag(5, b"\x02\x00" + value) if self.axis else self.tag(3, b"\x01" + value)

    @staticmethod
    def tag(number: int, value: bytes) -> bytes:
        return bytes([number]) + len(value).to_bytes(2, "big") + value


def escape(content: bytes) -> bytes:
    """Emulation prevention (H.264 section 7.4.1): a 03 before any byte below 04 that follows two zeros."""
    made, zeros = bytearray(), 0
    for byte in content:
        if zeros >= 2 and byte <= 3:
            made.append(3)
            zeros = 0
        zeros = zeros + 1 if byte == 0 else 0
        made.append(byte)
    return bytes(made)
