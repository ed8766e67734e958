"""Whatever bytes a camera, or somebody in its place, sends: the check ends, with a verdict or with none."""

import struct
import tracemalloc
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from exchange.documents.camera_signatures import SignatureScheme, SignatureVerdict
from exchange.media_signing.checking import check_media_signing
from exchange.media_signing.nal_units import escaped_length, messages, unescaped
from exchange.media_signing.samples import NotUnderstood, read_track
from exchange.media_signing.signing_data import read_signing_data
from tests.counterparts.files.signing_camera import Maker, SigningCamera, coded, escape, wrapped

STARTS = [b"\x1a\x45\xdf\xa3", b"\0\0\0\x10ftypisom\0\0\0\0", b""]
FEW = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    folder = tmp_path_factory.mktemp("hostile")
    key, made = ec.generate_private_key(ec.SECP256R1()), []
    chain = Maker.make().chain(key, "0042-AF")
    for axis, suffix in ((False, ".mp4"), (True, ".mkv")):
        camera = SigningCamera(codec="h264", key=key, chain=chain, axis=axis)
        units = camera.signed(coded(folder, "h264", gops=3, gop=3))
        made.append(wrapped(folder, units, "h264", f"signed-{axis}", suffix).read_bytes())
    return made


def ends(path: Path, content: bytes) -> set[SignatureVerdict]:
    path.write_bytes(content)
    try:
        return {signature.verdict for signature, _ in check_media_signing(path).signatures}
    except NotUnderstood:
        return set()


@FEW
@given(which=st.integers(0, 1), place=st.floats(0, 0.999), bits=st.integers(1, 255), cut=st.booleans())
@example(which=0, place=0.0, bits=255, cut=True)
def test_a_spoilt_or_shortened_file_ends_in_a_verdict_or_is_not_understood(
    files: list[bytes], tmp_path_factory: pytest.TempPathFactory, which: int, place: float, bits: int, cut: bool
) -> None:
    content = bytearray(files[which])
    at = int(place * len(content))
    content[at] ^= bits
    ends(tmp_path_factory.mktemp("one") / "x", bytes(content[: at + 1] if cut else content))


def box(kind: bytes, *inside: bytes) -> bytes:
    content = b"".join(inside)
    return struct.pack(">I4s", 8 + len(content), kind) + content


def telling_of(count: int, usual: int, *rows: tuple[int, int, int]) -> bytes:
    """An MP4 of less than a kilobyte that says that it has so many pictures, all of one size."""
    entry = box(b"avc1", bytes(78), box(b"avcC", b"\x01\x42\0\x1e\xff\xe0\0"))
    table = box(
        b"stbl",
        box(b"stsd", struct.pack(">II", 0, 1), entry),
        box(b"stsz", struct.pack(">III", 0, usual, count)),
        box(b"stsc", struct.pack(">II", 0, len(rows)), *(struct.pack(">III", *row) for row in rows)),
        box(b"stco", struct.pack(">III", 0, 1, 0)),
    )
    handler = box(b"hdlr", bytes(8) + b"vide" + bytes(12))
    trak = box(b"trak", box(b"mdia", handler, box(b"minf", table)))
    return box(b"ftyp", b"isom" + bytes(8)) + box(b"moov", trak)


@pytest.mark.parametrize("count", [2**32 - 1, 2_000_001])
def test_a_small_file_that_tells_of_billions_of_pictures_takes_no_memory_for_them(tmp_path: Path, count: int) -> None:
    path = tmp_path / "x"
    path.write_bytes(telling_of(1, 1, (1, 1, 1)))
    assert list(read_track(path).samples) == [(0, 1)]
    path.write_bytes(telling_of(count, 1, (1, count, 1)))
    tracemalloc.start()
    try:
        with pytest.raises(NotUnderstood, match="more pictures than any honest file"):
            read_track(path)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


@FEW
@given(
    content=st.binary(max_size=400), start=st.sampled_from([b"\x1a\x45\xdf\xa3", b"\0\0\0\x10ftypisom\0\0\0\0", b""])
)
def test_bytes_that_are_no_recording_are_not_understood(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, start: bytes
) -> None:
    path = tmp_path_factory.mktemp("one") / "x"
    path.write_bytes(start + content)
    with pytest.raises(NotUnderstood):
        check_media_signing(path)


@FEW
@given(payload=st.binary(min_size=0, max_size=300), scheme=st.sampled_from(SignatureScheme), flags=st.integers(0, 255))
def test_a_signing_sei_of_any_bytes_is_read_or_not_understood(
    payload: bytes, scheme: SignatureScheme, flags: int
) -> None:
    whole = bytes(16) + bytes([flags]) + payload
    try:
        data = read_signing_data(scheme, b"\x06\x05\x00" + whole, 3, whole)
    except NotUnderstood:
        return
    assert data.group is not None or flags & 0xC0


@FEW
@given(content=st.lists(st.sampled_from([0, 0, 0, 1, 2, 3, 4, 255]), max_size=60).map(bytes))
def test_emulation_prevention_is_taken_out_as_it_was_put_in(content: bytes) -> None:
    made = escape(content)
    assert unescaped(made) == content
    for length in range(len(content) + 1):
        assert escape(content[:length]) == made[: escaped_length(made, length)]


@FEW
@given(content=st.binary(max_size=80), hevc=st.booleans())
def test_sei_messages_of_any_bytes_lie_within_their_unit(content: bytes, hevc: bool) -> None:
    try:
        found = list(messages(content, hevc=hevc))
    except NotUnderstood:
        return
    assert all(content[start : start + len(payload)] == payload for _, start, payload in found)
