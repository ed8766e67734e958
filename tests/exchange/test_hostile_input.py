"""Whatever arrives, the doors answer with their own errors and nothing else."""

import contextlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exchange.custody.checkpoint import open_checkpoint, sign_checkpoint
from exchange.custody.log import ProvenLines, check_chain, open_lines
from exchange.documents.evidence import Evidence
from exchange.documents.messages import Decision, Request, Signed
from exchange.errors import VerificationFailed
from exchange.signing.credentials import open_by_officer
from exchange.signing.documents import PublicKey, SigningKey, read_unverified, sign_document
from exchange.verify.checking import verify_package
from tests.exchange.makers import NOW, Police, a_request
from tests.exchange.packages import Case, zipped

KEY = SigningKey.generate()
POLICE = Police.generate()
REQUEST = sign_document(a_request(POLICE, KEY.public), POLICE.officer)
NOTE = sign_checkpoint(3, bytes(32), KEY)
SIGNATURE = KEY.sign(b"data", "n")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=20,
)
quickly = settings(max_examples=150, deadline=None, database=None, suppress_health_check=list(HealthCheck))


@st.composite
def mutated(draw: st.DrawFn, original: str) -> str:
    """A text with a stretch of it replaced."""
    start = draw(st.integers(0, len(original)))
    end = draw(st.integers(start, min(len(original), start + 20)))
    return original[:start] + draw(st.text(max_size=8)) + original[end:]


@quickly
@given(mutated(REQUEST.document) | st.text() | JSON.map(repr))
def test_no_text_gets_past_the_reading_of_documents_but_as_a_document(text: str) -> None:
    for model in (Request, Decision, Evidence):
        with contextlib.suppress(VerificationFailed):
            read_unverified(Signed.model_construct(document=text, signature=""), model)
    signed = Signed.model_construct(document=text, signature=REQUEST.signature)
    if text != REQUEST.document:
        with pytest.raises(VerificationFailed):
            open_by_officer(signed, Request, POLICE.force.public, NOW)


@quickly
@given(mutated(SIGNATURE))
def test_no_changed_signature_holds(text: str) -> None:
    if text not in (SIGNATURE, SIGNATURE.removesuffix("\n")):
        try:
            KEY.public.verify(b"data", text, "n")
        except VerificationFailed:
            return
        # The armor's lines may be broken elsewhere; the bytes in it may not differ.
        assert text.split() == SIGNATURE.split() or "".join(text.split()) == "".join(SIGNATURE.split())


@quickly
@given(mutated(NOTE) | st.text())
def test_no_changed_checkpoint_opens_to_another_head(note: str) -> None:
    with contextlib.suppress(VerificationFailed):
        head = open_checkpoint(note, KEY.public)
        assert (head.size, head.root) == (3, bytes(32))


@quickly
@given(st.lists(st.text()), st.binary())
def test_no_nonsense_is_taken_for_a_custody_log(lines: list[str], content: bytes) -> None:
    if lines:
        with pytest.raises(VerificationFailed):
            check_chain(lines)
    if content:
        with pytest.raises(VerificationFailed):
            open_lines(ProvenLines(content, NOTE), KEY.public)


@quickly
@given(mutated(KEY.public.line))
def test_no_changed_line_is_taken_for_the_same_key(line: str) -> None:
    with contextlib.suppress(VerificationFailed):
        assert PublicKey.parse(line) != KEY.public or line.split()[:2] == KEY.public.line.split()


def test_no_cut_or_flip_of_a_zip_is_anything_but_a_finding(tmp_path: Path) -> None:
    content = zipped(Case.make(tmp_path), tmp_path).read_bytes()
    for length in range(0, len(content), 997):
        (tmp_path / "cut.zip").write_bytes(content[:length])
        assert verify_package(tmp_path / "cut.zip").exit_code == 61
