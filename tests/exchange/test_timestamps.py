"""Time stamps: what OpenSSL's authority made holds, and whatever is another in it, or about it, does not."""

import hashlib
import subprocess
import time
from pathlib import Path

import pytest

from exchange.clock import SECOND
from exchange.errors import InputInvalid, SignatureInvalid, TimestampFailed
from exchange.signing import openssl, timestamps
from exchange.signing.timestamps import MAX_STAMP, check_stamp, make_query, read_certificates
from tests.counterparts.http.timestamp_authority import TimestampAuthority

DOCUMENT = b'{"kind": "evidence.v1"}'


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> TimestampAuthority:
    return TimestampAuthority(tmp_path_factory.mktemp("authority") / "one")


@pytest.fixture(scope="module")
def query() -> bytes:
    return make_query(hashlib.sha256(DOCUMENT).hexdigest())


@pytest.fixture(scope="module")
def stamp(authority: TimestampAuthority, query: bytes) -> bytes:
    return authority.answer(query)


def test_a_query_asks_for_the_certificates_and_no_two_are_the_same(query: bytes, tmp_path: Path) -> None:
    (tmp_path / "query").write_bytes(query)
    said = subprocess.run(
        ["openssl", "ts", "-query", "-in", tmp_path / "query", "-text"], capture_output=True, check=True, timeout=20
    ).stdout.decode()
    assert "Hash Algorithm: sha256" in said
    assert "Certificate required: yes" in said
    assert "Nonce: 0x" in said
    assert make_query(hashlib.sha256(DOCUMENT).hexdigest()) != query


def test_a_stamp_holds_under_its_authoritys_root_and_tells_its_time(
    authority: TimestampAuthority, query: bytes, stamp: bytes
) -> None:
    found = check_stamp(stamp, DOCUMENT, certificates=read_certificates(authority.certificates), query=query)
    assert found.trusted
    assert abs(found.at - time.time_ns() // 1000) < 600 * SECOND


def test_without_certificates_a_stamp_holds_in_itself_and_is_not_called_trusted(stamp: bytes) -> None:
    assert not check_stamp(stamp, DOCUMENT).trusted


def refused(words: str, stamp: bytes, document: bytes = DOCUMENT, **more: object) -> None:
    with pytest.raises(SignatureInvalid) as raised:
        check_stamp(stamp, document, **more)  # type: ignore[arg-type]
    assert words in raised.value.what


def test_a_stamp_of_other_bytes_is_refused(stamp: bytes) -> None:
    refused("message imprint mismatch", stamp, DOCUMENT + b" ")


def test_a_stamp_of_another_authority_is_refused(stamp: bytes, tmp_path: Path) -> None:
    other = TimestampAuthority(tmp_path / "other")
    refused("certificate verify error", stamp, certificates=read_certificates(other.certificates))


def test_an_answer_to_another_query_is_refused_by_its_nonce(stamp: bytes) -> None:
    refused("nonce mismatch", stamp, query=make_query(hashlib.sha256(DOCUMENT).hexdigest()))


@pytest.mark.parametrize("algorithm", ["sha1", "sha512"])
def test_a_stamp_over_another_hash_than_sha256_is_refused(authority: TimestampAuthority, algorithm: str) -> None:
    settings = authority._folder / "openssl.cnf"
    before = settings.read_text()
    settings.write_text(before.replace("digests = sha256", f"digests = {algorithm}"))
    try:
        asked = timestamps._openssl(
            "ts", "-query", f"-{algorithm}", "-digest", hashlib.new(algorithm, DOCUMENT).hexdigest(), "-cert"
        )
        refused("not about a SHA-256", authority.answer(asked.stdout))
    finally:
        settings.write_text(before)


@pytest.mark.parametrize(
    "answer", [b"", b"<html>Welcome</html>", b"\x30\x80" * 1000, b"\x30\x03\x30\x01\x00", b"\x00" * MAX_STAMP]
)
def test_nonsense_is_refused(answer: bytes) -> None:
    refused("does not hold", answer)


def test_a_stamp_without_end_is_refused_unread(stamp: bytes) -> None:
    refused("more than", stamp + b"\x00" * MAX_STAMP)


def test_a_rejection_is_refused(authority: TimestampAuthority) -> None:
    asked = timestamps._openssl("ts", "-query", "-sha512", "-digest", "ab" * 64, "-cert").stdout
    refused("does not hold", authority.answer(asked))


def test_certificates_are_judged_as_of_the_stamps_own_time(
    stamp: bytes, authority: TimestampAuthority, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, ...]] = []
    openssl = timestamps._openssl

    def noted(*arguments: str) -> subprocess.CompletedProcess[bytes]:
        asked.append(arguments)
        return openssl(*arguments)

    monkeypatch.setattr(timestamps, "_openssl", noted)
    found = check_stamp(stamp, DOCUMENT, certificates=read_certificates(authority.certificates))
    (verified,) = [arguments for arguments in asked if "-verify" in arguments]
    assert verified[verified.index("-attime") + 1] == str(found.at // SECOND)


def test_no_openssl_is_told_apart_from_a_stamp_that_fails(stamp: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    openssl.program.cache_clear()
    with pytest.raises(TimestampFailed, match="openssl was not found"):
        check_stamp(stamp, DOCUMENT)


@pytest.mark.parametrize(
    ("content", "words"), [(None, "No such file"), (b"", "no certificates"), (b"\xff", "no certificates")]
)
def test_a_file_without_certificates_is_refused_with_what_is_wanted(
    tmp_path: Path, content: bytes | None, words: str
) -> None:
    file = tmp_path / "tsa.pem"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(InputInvalid) as raised:
        read_certificates(file)
    assert words in raised.value.what
    assert "PEM" in raised.value.do
