"""Our age v1 against the public test vectors, and files exchanged with the age command, pyrage and age-encryption."""

import base64
import hashlib
import io
import json
import subprocess
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

import pyrage
import pytest

from exchange.age.files import (
    CHUNK,
    Decryptor,
    Encryptor,
    Identity,
    Kind,
    Opener,
    Passphrase,
    decrypt_file,
    encrypt_file,
    generate_identity,
    parse_identity,
    parse_recipient,
    sealed_size,
)
from exchange.age.opened import OpenedFile
from exchange.errors import KeyDoesNotOpen, NotFound, SealDamaged
from tests.counterparts.processes.npm import npm_package

KINDS: list[Kind] = ["x25519", "hybrid"]
SIZES = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 8 * CHUNK, 8 * CHUNK + 1, 16 * CHUNK, 1_500_000]
Reading = Callable[[bytes, list[Opener], bool], Iterator[bytes | memoryview]]
FAILURES = {"armor": "armor failure", "header": "header failure", "mac": "HMAC failure", "payload": "payload failure"}


def plaintext(size: int) -> bytes:
    return hashlib.shake_128(b"footage").digest(size)


def seal(data: bytes, *identities: Identity, step: int | None = None) -> bytes:
    out = io.BytesIO()
    with Encryptor(out, [identity.recipient for identity in identities]) as encryptor:
        for start in range(0, len(data), step or max(1, len(data))):
            encryptor.write(data[start : start + (step or len(data))])
    return out.getvalue()


def unseal(sealed: bytes, *identities: Opener) -> bytes:
    return Decryptor(io.BytesIO(sealed), identities).read()


# -- the public vectors ------------------------------------------------------------------------------------------


def vectors(folder: Path) -> dict[str, bytes]:
    script = """
        import * as vectors from "cctv-age";
        const base64 = Object.entries(vectors).map(([name, data]) => [name, Buffer.from(data).toString("base64")]);
        console.log(JSON.stringify(Object.fromEntries(base64)));
    """
    command = ["node", "--input-type=module", "-e", script]
    answer = subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=60).stdout
    return {name: base64.b64decode(text) for name, text in json.loads(answer).items()}


def front_to_back(sealed: bytes, openers: list[Opener], armored: bool) -> Iterator[bytes | memoryview]:
    yield from Decryptor(io.BytesIO(sealed), openers, armored=armored)


def from_any_place(file: Path, sealed: bytes, openers: list[Opener], armored: bool) -> Iterator[bytes | memoryview]:
    if armored:
        yield from front_to_back(sealed, openers, armored)
        return
    file.write_bytes(sealed)
    with OpenedFile(file, openers) as opened:
        while piece := opened.read(CHUNK):
            yield piece
        opened.read_rest()


def run_vector(vector: bytes, read: Reading) -> tuple[str, str, bool]:
    """How the file had to end, how it ended here, and whether exactly the right plaintext was given out."""
    head, _, sealed = vector.partition(b"\n\n")
    facts: dict[str, list[str]] = defaultdict(list)
    for line in head.decode().splitlines():
        key, _, value = line.partition(": ")
        facts[key].append(value)
    if facts["compressed"] == ["zlib"]:
        sealed = zlib.decompress(sealed)
    openers = [*map(parse_identity, facts["identity"]), *map(Passphrase, facts["passphrase"])]
    given_out = hashlib.sha256()
    try:
        for piece in read(sealed, openers, facts["armored"] == ["yes"]):
            given_out.update(piece)
        outcome = "success"
    except KeyDoesNotOpen:
        outcome = "no match"
    except SealDamaged as damage:
        outcome = FAILURES[damage.part]
    if read is not front_to_back and outcome != "success":
        facts["payload"] = []  # a file whose length can't be right is refused before anything is given out
    return facts["expect"][0], outcome, facts["payload"] in ([], [given_out.hexdigest()])


def test_every_public_vector_ends_as_it_says_it_must_and_gives_out_only_what_it_may(tmp_path: Path) -> None:
    everything = vectors(npm_package("cctv-age", "0.2.0"))
    assert len(everything) == 143
    for read in (front_to_back, partial(from_any_place, tmp_path / "sealed")):
        results = {name: run_vector(vector, read) for name, vector in everything.items()}
        assert {name: result for name, result in results.items() if result[0] != result[1] or not result[2]} == {}


# -- other programs ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
def test_the_age_command_opens_what_we_seal_and_we_open_what_it_seals(tmp_path: Path, size: int) -> None:
    identity, data = generate_identity("x25519"), plaintext(size)
    (tmp_path / "key").write_text(f"{identity}\n")
    opened = subprocess.run(
        ["age", "-d", "-i", tmp_path / "key"], input=seal(data, identity), check=True, capture_output=True, timeout=20
    )
    assert opened.stdout == data
    for armor in ([], ["--armor"]):
        command = ["age", "-r", str(identity.recipient), *armor]
        sealed = subprocess.run(command, input=data, check=True, capture_output=True, timeout=20)
        assert unseal(sealed.stdout, identity) == data


def test_age_keygen_and_we_agree_on_the_recipient_of_an_identity(tmp_path: Path) -> None:
    subprocess.run(["age-keygen", "-o", tmp_path / "key"], check=True, capture_output=True, timeout=20)
    text = (tmp_path / "key").read_text().splitlines()[-1]
    shown = subprocess.run(["age-keygen", "-y", tmp_path / "key"], check=True, capture_output=True, timeout=20)
    assert str(parse_identity(text).recipient) == shown.stdout.decode().strip()


@pytest.mark.parametrize("size", SIZES)
def test_pyrage_opens_what_we_seal_and_we_open_what_it_seals(size: int) -> None:
    identity, data = generate_identity("x25519"), plaintext(size)
    theirs = pyrage.x25519.Identity.from_str(str(identity))
    assert pyrage.decrypt(seal(data, identity), [theirs]) == data
    recipient = pyrage.x25519.Recipient.from_str(str(identity.recipient))
    assert unseal(pyrage.encrypt(data, [recipient]), identity) == data


@pytest.mark.slow
def test_a_file_sealed_with_a_passphrase_opens_with_it_by_other_authors_and_has_no_other_recipient() -> None:
    out = io.BytesIO()
    with Encryptor(out, [Passphrase("correct horse")]) as encryptor:
        encryptor.write(b"by us")
    assert pyrage.passphrase.decrypt(out.getvalue(), "correct horse") == b"by us"
    with pytest.raises(pyrage.DecryptError):
        pyrage.passphrase.decrypt(out.getvalue(), "wrong")
    assert "correct" not in repr(Passphrase("correct horse"))
    others = [Passphrase("another"), generate_identity("x25519").recipient]
    for other in others:
        with pytest.raises(ValueError, match="cannot seal"):
            Encryptor(io.BytesIO(), [Passphrase("correct horse"), other])


def test_a_file_that_somebody_sealed_with_a_passphrase_opens() -> None:
    sealed = pyrage.passphrase.encrypt(b"by hand", "correct horse")
    assert unseal(sealed, Passphrase("correct horse")) == b"by hand"


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_age_encryption_opens_what_we_seal_and_we_open_what_it_seals(tmp_path: Path, kind: Kind) -> None:
    identities = [generate_identity(kind), generate_identity(kind)]
    (tmp_path / "recipients.json").write_text(json.dumps([str(identity.recipient) for identity in identities]))
    (tmp_path / "identity").write_text(str(identities[1]))
    for size in SIZES:
        (tmp_path / f"{size}.plain").write_bytes(plaintext(size))
        (tmp_path / f"{size}.ours").write_bytes(seal(plaintext(size), *identities))
    script = """
        import * as age from "age-encryption";
        import { readFileSync, writeFileSync } from "node:fs";
        const [folder, ...sizes] = process.argv.slice(1);
        const recipients = JSON.parse(readFileSync(`${folder}/recipients.json`, "utf8"));
        const identity = readFileSync(`${folder}/identity`, "utf8");
        if (await age.identityToRecipient(identity) !== recipients[1]) throw new Error("another recipient");
        for (const size of sizes) {
            const decrypter = new age.Decrypter(), encrypter = new age.Encrypter();
            decrypter.addIdentity(identity);
            recipients.forEach((recipient) => encrypter.addRecipient(recipient));
            const plain = readFileSync(`${folder}/${size}.plain`);
            const opened = await decrypter.decrypt(readFileSync(`${folder}/${size}.ours`));
            if (!plain.equals(Buffer.from(opened))) throw new Error(`${size} bytes came out wrong`);
            writeFileSync(`${folder}/${size}.theirs`, await encrypter.encrypt(plain));
        }
    """
    command = ["node", "--input-type=module", "-e", script, "--", tmp_path, *map(str, SIZES)]
    subprocess.run(command, cwd=npm_package("age-encryption", "0.3.1"), check=True, timeout=60)
    for size in SIZES:
        assert unseal((tmp_path / f"{size}.theirs").read_bytes(), identities[0]) == plaintext(size)


# -- streams -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", SIZES)
def test_what_is_sealed_for_two_opens_for_each_and_has_the_size_foretold(kind: Kind, size: int) -> None:
    case, archive = generate_identity(kind), generate_identity(kind)
    sealed = seal(plaintext(size), case, archive)
    assert unseal(sealed, case) == unseal(sealed, archive) == plaintext(size)
    assert len(sealed) == sealed_size(size, [case.recipient, archive.recipient])


@pytest.mark.parametrize("step", [1000, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 7])
def test_the_cuts_between_writes_and_reads_do_not_matter(step: int) -> None:
    identity, data = generate_identity("x25519"), plaintext(1_000_000)
    decryptor = Decryptor(io.BytesIO(seal(data, identity, step=step)), [identity])
    pieces = []
    while piece := decryptor.read(step):
        pieces.append(piece)
    assert [len(piece) for piece in pieces[:-1]] == [step] * (len(pieces) - 1)
    assert b"".join(pieces) == data


def test_reading_some_and_then_iterating_loses_nothing() -> None:
    identity, data = generate_identity("x25519"), plaintext(1_000_000)
    decryptor = Decryptor(io.BytesIO(seal(data, identity)), [identity])
    assert decryptor.read(10) + b"".join(map(bytes, decryptor)) == data


class Dribble(io.RawIOBase):
    """A raw file that gives and takes a few bytes a call, as pipes and sockets may."""

    def __init__(self, content: bytes = b"") -> None:
        self.content = bytearray(content)

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        piece = bytes(self.content[:777])[: size if size >= 0 else None]
        del self.content[: len(piece)]
        return piece

    def write(self, data: object) -> int:
        piece = bytes(cast(memoryview, data))[:777]
        self.content += piece
        return len(piece)


def test_files_that_take_and_give_less_than_asked_are_written_and_read_whole() -> None:
    identity, data = generate_identity("x25519"), plaintext(100_000)
    out = Dribble()
    with Encryptor(out, [identity.recipient]) as encryptor:
        encryptor.write(data)
    source = Dribble(bytes(out.content))
    assert Decryptor(cast(BinaryIO, source), [identity]).read() == data
    assert not source.closed


@pytest.mark.parametrize("size", [10, CHUNK, 3 * CHUNK])
def test_a_file_whose_making_was_broken_off_never_opens_as_whole(size: int) -> None:
    identity, out = generate_identity("x25519"), io.BytesIO()
    encryptor = Encryptor(out, [identity.recipient])

    def break_off() -> None:
        with encryptor:
            encryptor.write(plaintext(size))
            raise OSError("the camera's file cannot be read")

    with pytest.raises(OSError, match="cannot be read"):
        break_off()
    encryptor.close()
    with pytest.raises(SealDamaged) as damage:
        unseal(out.getvalue(), identity)
    assert damage.value.part == "payload"


def test_a_finished_file_takes_no_more() -> None:
    encryptor = Encryptor(io.BytesIO(), [generate_identity("x25519").recipient])
    encryptor.close()
    encryptor.close()
    with pytest.raises(ValueError, match="finished"):
        encryptor.write(b"late")


def test_the_two_kinds_are_never_mixed_in_one_file() -> None:
    recipients = [generate_identity(kind).recipient for kind in KINDS]
    with pytest.raises(ValueError, match="post-quantum"):
        Encryptor(io.BytesIO(), recipients)
    with pytest.raises(ValueError, match="nobody"):
        Encryptor(io.BytesIO(), [])


@pytest.mark.parametrize("kind", KINDS)
def test_somebody_elses_identity_of_either_kind_does_not_open(kind: Kind) -> None:
    sealed = seal(b"secret", generate_identity(kind))
    others: Sequence[Opener] = [*map(generate_identity, KINDS), Passphrase("guess")]
    for openers in (others, []):
        with pytest.raises(KeyDoesNotOpen):
            unseal(sealed, *openers)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_flipped_bit_anywhere_in_a_sealed_file_is_found(kind: Kind) -> None:
    identity = generate_identity(kind)
    sealed = seal(plaintext(2 * CHUNK + 100), identity)
    header = sealed.index(b"\n--- ") + 50
    places = [*range(header + 40), *range(header, len(sealed), 9973), *range(len(sealed) - 20, len(sealed))]
    for place in places:
        altered = bytearray(sealed)
        altered[place] ^= 1 << place % 8
        with pytest.raises((SealDamaged, KeyDoesNotOpen)):
            unseal(bytes(altered), identity)


def test_a_file_cut_short_anywhere_is_found() -> None:
    identity = generate_identity("x25519")
    sealed = seal(plaintext(2 * CHUNK), identity)
    for length in [*range(250), *range(250, len(sealed), 997), len(sealed) - 1]:
        with pytest.raises(SealDamaged):
            unseal(sealed[:length], identity)


def test_chunks_that_change_places_are_found() -> None:
    identity = generate_identity("x25519")
    sealed = seal(plaintext(3 * CHUNK), identity)
    start = len(sealed) - 3 * (CHUNK + 16)
    first, second, third = (sealed[start + n * (CHUNK + 16) : start + (n + 1) * (CHUNK + 16)] for n in range(3))
    with pytest.raises(SealDamaged):
        unseal(sealed[:start] + second + first + third, identity)


# -- files -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_sealed_and_opened_is_the_same_and_only_its_owner_reads_it(tmp_path: Path, kind: Kind) -> None:
    identity = generate_identity(kind)
    (tmp_path / "plain").write_bytes(plaintext(700_000))
    encrypt_file(tmp_path / "plain", tmp_path / "sealed.age", [identity.recipient])
    decrypt_file(tmp_path / "sealed.age", tmp_path / "opened", [identity])
    assert (tmp_path / "opened").read_bytes() == plaintext(700_000)
    assert (tmp_path / "opened").stat().st_mode & 0o777 == 0o600
    assert {path.name for path in tmp_path.iterdir()} == {"plain", "sealed.age", "opened"}


def test_a_failed_opening_leaves_no_file_and_an_older_one_as_it_was(tmp_path: Path) -> None:
    identity = generate_identity("x25519")
    sealed = bytearray(seal(plaintext(3 * CHUNK), identity))
    sealed[-1] ^= 1
    (tmp_path / "sealed").write_bytes(sealed)
    (tmp_path / "older").write_bytes(b"kept")
    for name, identities in (("new", [identity]), ("older", [identity]), ("new", [generate_identity("x25519")])):
        with pytest.raises((SealDamaged, KeyDoesNotOpen)):
            decrypt_file(tmp_path / "sealed", tmp_path / name, identities)
    assert {path.name for path in tmp_path.iterdir()} == {"sealed", "older"}
    assert (tmp_path / "older").read_bytes() == b"kept"


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"missing\.age"):
        decrypt_file(tmp_path / "missing.age", tmp_path / "out", [generate_identity("x25519")])
    with pytest.raises(NotFound, match="missing"):
        encrypt_file(tmp_path / "missing", tmp_path / "out", [generate_identity("x25519").recipient])
    assert list(tmp_path.iterdir()) == []


def test_recipients_are_parsed_back_from_their_text() -> None:
    for kind in KINDS:
        recipient = generate_identity(kind).recipient
        assert parse_recipient(str(recipient)) == recipient
        assert recipient.kind == kind
