"""A sealed file that is read from any place: what it gives out is authentic, and all of it can be known to be."""

import io
import random
from pathlib import Path

import pytest

from exchange.age.files import CHUNK, SEALED_CHUNK, Encryptor
from exchange.age.keys import Identity, generate_identity
from exchange.age.opened import OpenedFile, is_armored
from exchange.errors import KeyDoesNotOpen, NotFound, SealDamaged

IDENTITY = generate_identity("x25519")
SIZES = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 9 * CHUNK, 9 * CHUNK + 77]


def content(size: int) -> bytes:
    return random.Random(size).randbytes(size)


def sealed(folder: Path, size: int, identity: Identity = IDENTITY) -> Path:
    out = io.BytesIO()
    with Encryptor(out, [identity.recipient]) as encryptor:
        encryptor.write(content(size))
    path = folder / f"{size}.age"
    path.write_bytes(out.getvalue())
    return path


@pytest.mark.parametrize("size", SIZES)
def test_it_reads_as_what_was_sealed_from_front_to_back_and_from_any_place(tmp_path: Path, size: int) -> None:
    whole = content(size)
    with OpenedFile(sealed(tmp_path, size), [IDENTITY]) as opened:
        assert opened.size == size
        assert opened.read() == whole
        for _ in range(30):
            place, count = random.randrange(size + 1), random.randrange(3 * CHUNK)
            opened.seek(place)
            assert opened.read(count) == whole[place : place + count]
            assert opened.tell() == min(size, place + count)
        assert opened.seek(0, io.SEEK_END) == size
        assert opened.read(1) == b""
        opened.read_rest()


@pytest.mark.parametrize("size", SIZES)
def test_what_is_altered_cut_off_or_appended_is_found_by_reading_the_rest(tmp_path: Path, size: int) -> None:
    path = sealed(tmp_path, size)
    whole = path.read_bytes()
    start = len(whole) - size - 16 * max(1, -(-size // CHUNK))
    flipped = [
        whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]
        for at in {start, len(whole) - 1, (start + len(whole)) // 2}
    ]
    shorter = [whole[:at] for at in (start, start + 15, len(whole) - 1, start + SEALED_CHUNK) if at < len(whole)]
    longer = [whole + b"\0", whole + bytes(SEALED_CHUNK), whole + whole[start:]]
    for broken in (*flipped, *shorter, *longer):
        path.write_bytes(broken)
        with pytest.raises(SealDamaged), OpenedFile(path, [IDENTITY]) as opened:
            opened.read_rest()


def test_chunks_that_change_places_are_found_and_nothing_of_them_is_given_out(tmp_path: Path) -> None:
    path = sealed(tmp_path, 4 * CHUNK)
    whole = path.read_bytes()
    start = len(whole) - 4 * SEALED_CHUNK
    chunks = [whole[start + n * SEALED_CHUNK : start + (n + 1) * SEALED_CHUNK] for n in range(4)]
    path.write_bytes(whole[:start] + chunks[0] + chunks[2] + chunks[1] + chunks[3])
    with OpenedFile(path, [IDENTITY]) as opened:
        assert opened.read(CHUNK) == content(4 * CHUNK)[:CHUNK]
        opened.seek(3 * CHUNK)
        assert opened.read(CHUNK) == content(4 * CHUNK)[3 * CHUNK :]
        opened.seek(CHUNK)
        target = bytearray(CHUNK)
        with pytest.raises(SealDamaged):
            opened.readinto(target)
        assert target == bytes(CHUNK)


def test_another_key_opens_nothing_and_a_missing_file_is_named(tmp_path: Path) -> None:
    path = sealed(tmp_path, 10)
    with pytest.raises(KeyDoesNotOpen):
        OpenedFile(path, [generate_identity("x25519")])
    with pytest.raises(NotFound, match=r"none\.age"):
        OpenedFile(tmp_path / "none.age", [IDENTITY])


def test_text_is_told_from_bytes(tmp_path: Path) -> None:
    text = tmp_path / "text.age"
    text.write_text("-----BEGIN AGE ENCRYPTED FILE-----\n")
    assert is_armored(text)
    assert not is_armored(sealed(tmp_path, 10))
