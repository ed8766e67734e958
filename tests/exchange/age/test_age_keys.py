"""Keys as text and as files: what is taken, what is refused, and that a secret never shows."""

import io
import traceback
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exchange.age import bech32
from exchange.age.files import (
    Decryptor,
    Encryptor,
    Kind,
    Passphrase,
    generate_identity,
    parse_identity,
    parse_recipient,
    read_identities,
)
from exchange.errors import HandoverError, KeyDoesNotOpen, KeyFileUnusable, SealDamaged

# From C2SP age, "Native recipient types".
SPECIFIED = {
    "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX": (
        "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj"
    ),
}
KINDS: list[Kind] = ["x25519", "hybrid"]
OPENER = parse_identity(next(iter(SPECIFIED)))


def key_file(tmp_path: Path, content: str | bytes, mode: int = 0o600) -> Path:
    path = tmp_path / "case.key"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    path.chmod(mode)
    return path


@pytest.mark.parametrize(("identity", "recipient"), SPECIFIED.items())
def test_the_specifications_own_identity_has_the_specifications_recipient(identity: str, recipient: str) -> None:
    assert str(parse_identity(identity).recipient) == recipient
    assert str(parse_identity(identity)) == identity


@pytest.mark.parametrize("kind", KINDS)
def test_a_secret_shows_in_no_repr_no_error_and_no_traceback(tmp_path: Path, kind: Kind) -> None:
    identity = generate_identity(kind)
    secret = str(identity)
    assert secret not in repr(identity) + repr([identity]) + f"{identity!r}"
    assert "hunter2" not in repr(Passphrase("hunter2"))
    mistyped = secret[:-1] + ("Q" if secret[-1] != "Q" else "P")
    for text in (mistyped, secret[:-4], secret.swapcase().capitalize(), f"{secret} "):
        with pytest.raises(ValueError) as refused:
            parse_identity(text)
        assert secret[20:40] not in "".join(traceback.format_exception(refused.value)).upper()
    with pytest.raises(KeyFileUnusable, match="line 1") as unusable:
        read_identities(key_file(tmp_path, mistyped))
    assert secret[20:40] not in str(unusable.value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "age1",
        "age1qqqqqqqq",
        "AGE1ZVKYG2LQZRAA2LNJVQEJ32NKUU0UES2S82HZRYE869XEEXVN73EQUNUJWJ",
        "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwk",
        "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq",
        next(iter(SPECIFIED)),
        bech32.encode("age", bytes(31)),
        bech32.encode("age", bytes(32)),
        bech32.encode("age1pq", b"\xff" * 1216),
        bech32.encode("age1pq", bytes(1216)),
        "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwJ",
    ],
)
def test_a_text_that_is_no_usable_recipient_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_recipient(text)


def test_an_identity_file_may_hold_several_of_both_kinds_with_comments_between(tmp_path: Path) -> None:
    identities = [generate_identity("x25519"), generate_identity("hybrid")]
    path = key_file(tmp_path, f"# created: today\n# Ünïcode\n\n{identities[0]}\r\n  {identities[1]}  \n")
    assert read_identities(path) == identities


@pytest.mark.parametrize("content", [b"", b"# nothing here\n", b"\xff\xfe\x00", b"age1zvk", b"x" * ((1 << 20) + 1)])
def test_a_file_that_holds_no_identity_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(KeyFileUnusable, match=r"case\.key"):
        read_identities(key_file(tmp_path, content))


def test_a_key_file_that_others_can_read_or_that_is_missing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KeyFileUnusable, match="read by others"):
        read_identities(key_file(tmp_path, str(generate_identity("x25519")), mode=0o640))
    with pytest.raises(KeyFileUnusable, match="No such file"):
        read_identities(tmp_path / "none")


@given(st.binary(max_size=100), st.sampled_from(["age", "age1pq", "a1b", "x"]))
def test_bech32_gives_back_what_it_was_given(data: bytes, prefix: str) -> None:
    text = bech32.encode(prefix, data)
    assert bech32.decode(text) == bech32.decode(text.upper()) == (prefix, data)


@given(st.binary(min_size=1, max_size=60), st.data())
def test_bech32_finds_any_single_mistyped_character(data: bytes, draw: st.DataObject) -> None:
    text = bech32.encode("age", data)
    place = draw.draw(st.integers(0, len(text) - 1))
    other = draw.draw(st.sampled_from("qpzry9x8gf2tvdw0s3jn54khce6mua7lbi1 É"))
    if other != text[place]:
        with pytest.raises(ValueError):
            bech32.decode(text[:place] + other + text[place + 1 :])


@given(st.text(max_size=90))
def test_no_text_breaks_the_parsers_of_keys(text: str) -> None:
    for parse in (parse_recipient, parse_identity):
        with pytest.raises(ValueError):
            parse(text)


# -- any bytes as a file -----------------------------------------------------------------------------------------

_BASE64 = st.text("ABCDabcd0123+/=", max_size=70).map(str.encode)
_LINES = st.one_of(
    st.sampled_from(
        [
            b"age-encryption.org/v1",
            b"age-encryption.org/v2",
            b"-> X25519 TEiF0ypqr+bpvcqXNyCVJpL7OuwPdVwPL7KQEbFDOCc",
            b"EmECAEcKN+n/Vs9SbWiV+Hu0r+E8R77DdWYyd83nw7U",
            b"-> scrypt rF0/NwblUHHTpgQgRpe5CQ 10",
            b"-> mlkem768x25519 " + b"A" * 1494,
            b"--- Vn+54jqiiUCE+WZcEVY3f1sqHjlu/z1LCQ/T7Xm7qI0",
            b"-----BEGIN AGE ENCRYPTED FILE-----",
            b"-----END AGE ENCRYPTED FILE-----",
            b"YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IFgyNTUxOSBURWlGMHlwcXIrYnB2Y3FY",
            b"",
        ]
    ),
    st.builds(lambda *parts: b" ".join((b"->", *parts)), _BASE64, _BASE64),
    st.builds(lambda text: b"--- " + text, _BASE64),
    _BASE64,
    st.binary(max_size=80),
)


@settings(max_examples=400, deadline=None)
@given(st.one_of(st.binary(max_size=400), st.lists(_LINES, max_size=12).map(b"\n".join)))
def test_any_bytes_at_all_end_in_one_of_our_errors(content: bytes) -> None:
    for prefix in (b"", b"age-encryption.org/v1\n"):
        with pytest.raises(HandoverError):
            Decryptor(io.BytesIO(prefix + content), [OPENER, Passphrase("x")]).read()


def sealed_for_opener(data: bytes) -> bytes:
    out = io.BytesIO()
    with Encryptor(out, [OPENER.recipient]) as encryptor:
        encryptor.write(data)
    return out.getvalue()


SEALED = sealed_for_opener(b"x" * 1000)


@settings(max_examples=300, deadline=None)
@given(st.integers(0, len(SEALED)), st.integers(0, 60), st.binary(max_size=60))
def test_a_splice_anywhere_never_opens_as_something_else(place: int, removed: int, inserted: bytes) -> None:
    altered = SEALED[:place] + inserted + SEALED[place + removed :]
    if altered != SEALED:
        with pytest.raises((SealDamaged, KeyDoesNotOpen)):
            Decryptor(io.BytesIO(altered), [OPENER]).read()


@pytest.mark.parametrize(
    "content",
    [
        b"age-encryption.org/v1\n-> " + b"x" * 20_000,
        b"age-encryption.org/v1\n" + b"-> x\n\n" * 100_000,
        b"age-encryption.org/v1\n-> x\n" + (b"A" * 64 + b"\n") * 10_000,
        b"-----BEGIN AGE ENCRYPTED FILE-----\n" + b"A" * 100_000,
        b" " * 10_000 + b"-----BEGIN AGE ENCRYPTED FILE-----\n",
    ],
)
def test_a_header_without_end_is_given_up_early(content: bytes) -> None:
    source = io.BytesIO(content)
    with pytest.raises(SealDamaged):
        Decryptor(source, [OPENER])
    assert source.tell() <= 512 * 1024
