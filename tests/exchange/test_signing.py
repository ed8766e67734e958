"""Documents: signed as they stand, opened only whole, small, flat and plain."""

import json
import subprocess
from pathlib import Path

import pytest

from exchange.documents.messages import MAX_DOCUMENT, Signed, Withdrawal
from exchange.errors import DocumentInvalid, SignatureInvalid
from exchange.signing.documents import (
    PublicKey,
    SigningKey,
    allowed_signers,
    document_sha256,
    open_document,
    read_unverified,
    sign_document,
)


@pytest.fixture
def key() -> SigningKey:
    return SigningKey.generate()


@pytest.fixture
def withdrawal(key: SigningKey) -> Withdrawal:
    return Withdrawal(device=key.public.fingerprint, issued=1_790_000_000_123_456)


def signed_text(key: SigningKey, text: str) -> Signed:
    return Signed(document=text, signature=key.sign(text.encode(), Withdrawal.namespace()))


def test_a_signed_document_opens_to_what_was_signed(key: SigningKey, withdrawal: Withdrawal) -> None:
    signed = sign_document(withdrawal, key)
    assert open_document(signed, Withdrawal, key.public) == withdrawal
    assert open_document(Signed.model_validate_json(signed.model_dump_json()), Withdrawal, key.public) == withdrawal


def test_openssh_verifies_a_signed_document_written_to_files(
    tmp_path: Path, key: SigningKey, withdrawal: Withdrawal
) -> None:
    signed = sign_document(withdrawal, key)
    (tmp_path / "doc.sig").write_text(signed.signature)
    (tmp_path / "signers").write_text(allowed_signers("agent", key.public, (Withdrawal.namespace(),)))
    command = ["ssh-keygen", "-Y", "verify", "-f", tmp_path / "signers", "-I", "agent", "-s", tmp_path / "doc.sig"]
    subprocess.run([*command, "-n", "withdrawal.v1@handover"], input=signed.document.encode(), check=True, timeout=20)
    digest = subprocess.run(["sha256sum"], input=signed.document.encode(), capture_output=True, check=True).stdout
    assert digest.split()[0].decode() == document_sha256(signed)


def test_a_document_is_signed_as_it_stands_so_other_white_space_breaks_it(
    key: SigningKey, withdrawal: Withdrawal
) -> None:
    signed = sign_document(withdrawal, key)
    compact = json.dumps(json.loads(signed.document))
    assert read_unverified(signed, Withdrawal) == read_unverified(
        Signed(document=compact, signature=signed.signature), Withdrawal
    )
    with pytest.raises(SignatureInvalid):
        open_document(Signed(document=compact, signature=signed.signature), Withdrawal, key.public)


def test_a_signature_is_checked_before_anything_is_parsed(key: SigningKey) -> None:
    nonsense = Signed(document="[" * 100_000, signature=key.sign(b"other", Withdrawal.namespace()))
    with pytest.raises(SignatureInvalid):
        open_document(nonsense, Withdrawal, key.public)


def test_a_document_of_another_kind_is_refused_even_by_the_right_key(key: SigningKey, withdrawal: Withdrawal) -> None:
    text = withdrawal.to_text()
    other = Signed(document=text, signature=key.sign(text.encode(), "registration.v1@handover"))
    with pytest.raises(SignatureInvalid):
        open_document(other, Withdrawal, key.public)
    with pytest.raises(DocumentInvalid):
        open_document(signed_text(key, text.replace("withdrawal.v1", "registration.v1")), Withdrawal, key.public)


GOOD = '"kind": "withdrawal.v1", "device": "SHA256:%s", "issued": "2026-01-01T00:00:00Z"' % ("A" * 43)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "EOF|Expecting"),
        ("nonsense", "Expecting"),
        ("[]", "no table of names and values"),
        ("{" + GOOD + "} x", "Extra data"),
        ("{" + GOOD + ', "more": 1}', "more: it is not known here"),
        ("{" + GOOD + ', "issued": "2026-01-02T00:00:00Z"}', "same thing twice"),
        ("{" + GOOD + ', "\\u0069ssued": "2026-01-02T00:00:00Z"}', "same thing twice"),
        ("{" + GOOD.replace('"2026-01-01T00:00:00Z"', '"2026-01-01T00:00:00"') + "}", "issued"),
        ("{" + GOOD.replace('"2026-01-01T00:00:00Z"', "NaN") + "}", "NaN"),
        ("{" + GOOD.replace('"2026-01-01T00:00:00Z"', "true") + "}", "issued: "),
        ("{" + GOOD + ', "more": ' + "9" * 5000 + "}", "."),
        ("{" + GOOD + ', "more": ' + "[" * 50_000 + "]" * 50_000 + "}", "nested deeper"),
        ("[" * 250_000, "nested deeper"),
        ('"\\' * 100_000, "."),
        ("\ufeff{" + GOOD + "}", "."),
    ],
    ids=range(15),
)
def test_a_document_that_is_not_plain_json_of_its_kind_is_refused_in_words(
    key: SigningKey, text: str, why: str
) -> None:
    with pytest.raises(DocumentInvalid, match=why):
        open_document(signed_text(key, text), Withdrawal, key.public)


def test_brackets_inside_a_string_are_no_nesting(key: SigningKey) -> None:
    with pytest.raises(DocumentInvalid, match="more"):
        open_document(signed_text(key, "{" + GOOD + ', "more": "\\"' + "[" * 100 + '"}'), Withdrawal, key.public)


def test_a_complaint_names_the_field_and_never_its_value(key: SigningKey) -> None:
    text = "{" + GOOD.replace("SHA256:", "hunter2 ") + "}"
    with pytest.raises(DocumentInvalid, match="device") as caught:
        open_document(signed_text(key, text), Withdrawal, key.public)
    assert "hunter2" not in str(caught.value)


def test_a_document_past_the_limit_in_bytes_is_refused_even_if_its_characters_are_within_it(key: SigningKey) -> None:
    text = "é" * (MAX_DOCUMENT - 10)
    with pytest.raises(DocumentInvalid, match="bytes"):
        open_document(signed_text(key, text), Withdrawal, key.public)


def test_a_document_that_is_no_unicode_is_refused(key: SigningKey) -> None:
    with pytest.raises(DocumentInvalid):
        read_unverified(Signed.model_construct(document="\ud800", signature=""), Withdrawal)


def test_a_key_that_a_document_carries_is_read_before_the_document_is_believed(
    key: SigningKey, withdrawal: Withdrawal
) -> None:
    signed = sign_document(withdrawal, key)
    assert read_unverified(signed, Withdrawal).device == key.public.fingerprint
    with pytest.raises(SignatureInvalid):
        open_document(signed, Withdrawal, PublicKey.parse(SigningKey.generate().public.line))
