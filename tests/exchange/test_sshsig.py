"""SSHSIG against OpenSSH's own ssh-keygen, both ways, and every way in which a signature may be wrong."""

import base64
import os
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from exchange.clock import from_rfc3339
from exchange.errors import DocumentInvalid, KeyFileUnusable, SignatureInvalid
from exchange.signing.sshsig import PublicKey, SigningKey, allowed_signers, canonical_base64

NAMESPACE = "request.v1@handover"
DATA = "Ünïcode and a newline\n".encode()


def ssh_keygen(*arguments: str | Path, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["ssh-keygen", *arguments], input=stdin, capture_output=True, timeout=20)


@pytest.fixture
def key() -> SigningKey:
    return SigningKey.generate()


def verify_with_openssh(folder: Path, signers: str, armored: str, data: bytes, *options: str) -> bool:
    (folder / "signers").write_text(signers)
    (folder / "sig").write_text(armored)
    answer = ssh_keygen(
        *("-Y", "verify", "-f", folder / "signers", "-I", "officer", "-n", NAMESPACE, "-s", folder / "sig", *options),
        stdin=data,
    )
    return answer.returncode == 0


@pytest.mark.parametrize("data", [b"", DATA, bytes(range(256)) * 500])
def test_openssh_accepts_our_signature_and_not_over_other_bytes(tmp_path: Path, key: SigningKey, data: bytes) -> None:
    signers, armored = allowed_signers("officer", key.public, (NAMESPACE,)), key.sign(data, NAMESPACE)
    assert verify_with_openssh(tmp_path, signers, armored, data)
    assert not verify_with_openssh(tmp_path, signers, armored, data + b"x")


def test_openssh_holds_our_allowed_signers_line_to_its_namespaces_and_times(tmp_path: Path, key: SigningKey) -> None:
    start, end = from_rfc3339("2026-01-01T00:00:00Z"), from_rfc3339("2026-02-01T00:00:00Z")
    signers = allowed_signers("officer", key.public, (NAMESPACE, "receipt.v1@handover"), start, end)
    armored = key.sign(DATA, NAMESPACE)
    assert verify_with_openssh(tmp_path, signers, armored, DATA, "-O", "verify-time=20260115120000Z")
    assert not verify_with_openssh(tmp_path, signers, armored, DATA, "-O", "verify-time=20251231235959Z")
    assert not verify_with_openssh(tmp_path, signers, armored, DATA, "-O", "verify-time=20260201000001Z")
    other = allowed_signers("officer", key.public, ("receipt.v1@handover",))
    assert not verify_with_openssh(tmp_path, other, armored, DATA)


@pytest.mark.parametrize("principal", ["a b", "*", 'x"', "", "a,b", "two\nlines"])
def test_an_allowed_signers_line_takes_no_principal_that_would_mean_something_else(
    key: SigningKey, principal: str
) -> None:
    with pytest.raises(ValueError):
        allowed_signers(principal, key.public, (NAMESPACE,))


def test_we_accept_what_openssh_signs_with_a_key_it_made(tmp_path: Path) -> None:
    path = tmp_path / "id"
    assert ssh_keygen("-t", "ed25519", "-N", "", "-C", "a comment", "-f", path).returncode == 0
    public = PublicKey.parse((tmp_path / "id.pub").read_text())
    assert SigningKey.load(path).public == public
    armored = ssh_keygen("-Y", "sign", "-f", path, "-n", NAMESPACE, stdin=DATA).stdout.decode()
    public.verify(DATA, armored, NAMESPACE)
    assert SigningKey.load(path).sign(DATA, NAMESPACE) == armored  # Ed25519 is deterministic, and so is the armor


def test_a_saved_key_is_one_that_openssh_reads_and_names_alike(tmp_path: Path, key: SigningKey) -> None:
    key.save(tmp_path / "id")
    assert stat.S_IMODE((tmp_path / "id").stat().st_mode) == 0o600
    assert ssh_keygen("-y", "-f", tmp_path / "id").stdout.decode().split() == key.public.line.split()
    assert key.public.fingerprint in ssh_keygen("-l", "-f", tmp_path / "id").stdout.decode()
    assert os.listdir(tmp_path) == ["id"]


def test_saving_never_takes_the_place_of_another_key(tmp_path: Path, key: SigningKey) -> None:
    key.save(tmp_path / "id")
    with pytest.raises(FileExistsError):
        SigningKey.generate().save(tmp_path / "id")
    assert SigningKey.load(tmp_path / "id").public == key.public
    assert os.listdir(tmp_path) == ["id"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_key_file_that_others_can_read_is_refused_with_what_to_do(tmp_path: Path, key: SigningKey, mode: int) -> None:
    key.save(tmp_path / "id")
    (tmp_path / "id").chmod(mode)
    with pytest.raises(KeyFileUnusable, match="chmod 600"):
        SigningKey.load(tmp_path / "id")


def test_a_key_file_that_is_no_such_key_is_refused_without_quoting_it(tmp_path: Path) -> None:
    ssh_keygen("-t", "ed25519", "-N", "secret phrase", "-f", tmp_path / "locked")
    ssh_keygen("-t", "ecdsa", "-N", "", "-f", tmp_path / "ecdsa")
    (tmp_path / "text").write_text("hunter2")
    (tmp_path / "text").chmod(0o600)
    for name, why in (
        ("locked", "passphrase"),
        ("ecdsa", "not an Ed25519"),
        ("text", "not an OpenSSH"),
        ("none", "No such"),
    ):
        with pytest.raises(KeyFileUnusable, match=why) as caught:
            SigningKey.load(tmp_path / name)
        assert "hunter2" not in str(caught.value)


def test_a_signature_holds_for_its_own_bytes_key_and_namespace_only(key: SigningKey) -> None:
    armored = key.sign(DATA, NAMESPACE)
    key.public.verify(DATA, armored, NAMESPACE)
    with pytest.raises(SignatureInvalid, match="exactly these bytes"):
        key.public.verify(DATA + b" ", armored, NAMESPACE)
    with pytest.raises(SignatureInvalid, match="another key"):
        SigningKey.generate().public.verify(DATA, armored, NAMESPACE)
    with pytest.raises(SignatureInvalid, match="another kind"):
        key.public.verify(DATA, armored, "receipt.v1@handover")


def armor(blob: bytes) -> str:
    text = base64.b64encode(blob).decode()
    body = "\n".join(text[at : at + 70] for at in range(0, len(text), 70))
    return f"-----BEGIN SSH SIGNATURE-----\n{body}\n-----END SSH SIGNATURE-----\n"


def string(value: bytes) -> bytes:
    return len(value).to_bytes(4, "big") + value


def built(
    key: SigningKey,
    *,
    magic: bytes = b"SSHSIG",
    version: int = 1,
    reserved: bytes = b"",
    algorithm: bytes = b"sha512",
    kind: bytes = b"ssh-ed25519",
    inside: bytes = b"",
    after: bytes = b"",
) -> str:
    """A signature that is truly made over what it says, with one thing not as it must be."""
    import hashlib

    digest = hashlib.new(algorithm.decode(), DATA).digest()
    signed = b"SSHSIG" + b"".join(map(string, (NAMESPACE.encode(), reserved, algorithm, digest)))
    return armor(
        magic
        + version.to_bytes(4, "big")
        + b"".join(map(string, (key.public.blob, NAMESPACE.encode(), reserved, algorithm)))
        + string(string(kind) + string(key.sign_raw(signed)) + inside)
        + after
    )


def test_the_builder_of_wrong_signatures_makes_a_right_one_when_asked_for_nothing_wrong(key: SigningKey) -> None:
    assert built(key) == key.sign(DATA, NAMESPACE)


@pytest.mark.parametrize(
    "wrong",
    [
        {"magic": b"SSHSIQ"},
        {"version": 2},
        {"reserved": b"x"},
        {"algorithm": b"sha256"},
        {"kind": b"ssh-ed25510"},
        {"inside": b"\0"},
        {"after": b"\0"},
    ],
    ids=str,
)
def test_a_signature_with_one_field_not_as_it_must_be_is_refused(key: SigningKey, wrong: dict[str, bytes]) -> None:
    with pytest.raises(SignatureInvalid):
        key.public.verify(DATA, built(key, **wrong), NAMESPACE)  # type: ignore[arg-type]


def test_a_signature_cut_short_anywhere_is_refused(key: SigningKey) -> None:
    blob = base64.b64decode("".join(key.sign(DATA, NAMESPACE).splitlines()[1:-1]))
    for length in range(len(blob)):
        with pytest.raises(SignatureInvalid):
            key.public.verify(DATA, armor(blob[:length]), NAMESPACE)


def test_a_signature_with_any_bit_flipped_is_refused(key: SigningKey) -> None:
    blob = base64.b64decode("".join(key.sign(DATA, NAMESPACE).splitlines()[1:-1]))
    for at in range(len(blob) * 8):
        flipped = bytearray(blob)
        flipped[at // 8] ^= 1 << at % 8
        with pytest.raises(SignatureInvalid):
            key.public.verify(DATA, armor(bytes(flipped)), NAMESPACE)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: (
            text.replace("=\n-----END", "\n-----END")
            if "=\n-----END" in text
            else text.replace("\n-----END", "=\n-----END")
        ),
        lambda text: text.replace("-----BEGIN", "\n-----BEGIN"),
        lambda text: text + "\n",
        lambda text: text + text,
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("\n-----END", "\n\n-----END"),
        lambda text: text[:60] + " " + text[60:],
        lambda text: "",
        lambda text: "é" + text,
    ],
)
def test_an_armor_that_is_not_the_canonical_one_is_refused(key: SigningKey, spoil: Callable[[str], str]) -> None:
    with pytest.raises(SignatureInvalid):
        key.public.verify(DATA, spoil(key.sign(DATA, NAMESPACE)), NAMESPACE)


def test_base64_with_stray_bits_in_its_last_character_is_refused(key: SigningKey) -> None:
    namespace = next(name for name in ("n", "nn", "nnn") if "=" in key.sign(DATA, name))
    armored = key.sign(DATA, namespace)
    at = armored.index("=") - 1
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    spoiled = armored[:at] + alphabet[alphabet.index(armored[at]) + 1] + armored[at + 1 :]
    assert base64.b64decode("".join(spoiled.splitlines()[1:-1])) == base64.b64decode(
        "".join(armored.splitlines()[1:-1])
    )
    key.public.verify(DATA, armored, namespace)
    with pytest.raises(SignatureInvalid, match="base64"):
        key.public.verify(DATA, spoiled, namespace)


@pytest.mark.parametrize(
    "line", ["", "ssh-ed25519", "ssh-ed25519 AAAA", "ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAI", "ssh-ed25519 é"]
)
def test_a_line_that_is_no_ed25519_key_is_refused(line: str) -> None:
    with pytest.raises(DocumentInvalid):
        PublicKey.parse(line)


@pytest.mark.parametrize("change", ["\n\n", "\r\n", "\x00"], ids=repr)
def test_a_key_that_is_more_than_one_line_is_refused(key: SigningKey, change: str) -> None:
    with pytest.raises(DocumentInvalid):
        PublicKey.parse(key.public.line + change)
    with pytest.raises(DocumentInvalid):
        PublicKey.parse(key.public.line.replace(" ", "\n"))


def test_a_public_key_survives_its_line_and_loses_its_comment(key: SigningKey) -> None:
    assert PublicKey.parse(f"{key.public.line} somebody@somewhere with words\n") == key.public
    assert PublicKey.parse(key.public.line).line == key.public.line


@pytest.mark.parametrize(
    "encoded",
    [
        "0100000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ],
)
def test_a_key_for_which_anybody_can_sign_is_refused(encoded: str) -> None:
    with pytest.raises(DocumentInvalid):
        PublicKey(bytes.fromhex(encoded))


def test_a_fingerprint_in_words_is_twelve_words_that_change_with_the_key(key: SigningKey) -> None:
    assert len(key.public.words.split()) == 12
    assert key.public.words == PublicKey.parse(key.public.line).words != SigningKey.generate().public.words


def test_a_signing_key_shows_nothing_of_itself_when_printed(key: SigningKey) -> None:
    assert "private" not in repr(key).lower().replace("signingkey", "")


@pytest.mark.parametrize(
    ("text", "bytes_"),
    [
        ("", b""),
        ("QQ==", b"A"),
        ("QR==", None),
        ("QQ", None),
        ("QQ==\n", None),
        ("Q Q==", None),
        ("_w==", None),
        ("é", None),
    ],
)
def test_base64_is_taken_in_one_writing_alone(text: str, bytes_: bytes | None) -> None:
    assert canonical_base64(text) == bytes_
