"""What was told the owner of a package from this machine, and what they answered, in the order of time.

Read from the documents that are kept beside the request; what colleagues told from other machines is not among them.
Not for: telling (``portal.officer.feedback``, ``portal.officer.opening``).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from exchange.documents.feedback import (
    FROM_OFFICER,
    FROM_OWNER,
    REASON_WORDS,
    RESULT_WORDS,
    CannotPlay,
    CaseOutcome,
    KeepAsked,
    OfficersFeedback,
    OwnersAnswer,
    PackageOpened,
    Question,
    Rating,
)
from exchange.documents.messages import Delivery, Document, Receipt, Signed
from exchange.errors import HandoverError
from exchange.signing.documents import read_unverified
from portal.officer.opening import Answer
from portal.officer.state import OfficerState

_KINDS: Mapping[str, type[Document]] = {"receipt": Receipt} | {
    str(model.about()): model for model in (*FROM_OFFICER, *FROM_OWNER)
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One word of either side, at ``at`` (microseconds UTC). ``taken``: the portal is known to have it."""

    at: int
    words: str
    text: str | None = None
    asked: str | None = None
    """The question that is answered, where it was put from here."""
    by_owner: bool = False
    taken: bool = True


@dataclass(frozen=True, slots=True)
class Correspondence:
    """About one package. ``unreadable``: names of files that could not be read."""

    entries: tuple[Entry, ...]
    unreadable: tuple[str, ...] = ()


def correspondence(state: OfficerState, answer: Answer | None, delivery: Delivery) -> Correspondence:
    """All that is kept here of this package, and what its owner said of the request as a whole. Reads files."""
    found, unreadable = _read(state, delivery.request_id)
    receipts = [item.receipt for item, _ in answer.deliveries] if answer is not None else []
    documents = [document for _, document in found.values()]
    questions = {each.feedback_id: each for each in documents if isinstance(each, Question)}
    answered = {each.question_id for each in documents if isinstance(each, OwnersAnswer)}
    entries: list[Entry] = []
    for name, (signed, document) in found.items():
        if isinstance(document, Receipt | OfficersFeedback):
            if document.evidence_id == delivery.evidence_id and not _is_draft(name, document):
                known = isinstance(document, PackageOpened) or name.rpartition(".")[0] in answered
                taken = known or signed in receipts or state.was_sent(delivery.request_id, name)
                entries.append(_by_officer(document, taken))
        elif isinstance(document, OwnersAnswer):
            question = questions.get(document.question_id)
            if question is None or question.evidence_id == delivery.evidence_id:
                entries.append(_answer(document, question))
        elif isinstance(document, Rating):
            words = f"The owner’s rating of the whole request: {document.stars} of 5."
            entries.append(Entry(document.issued, words, document.text, by_owner=True))
    return Correspondence(tuple(sorted(entries, key=lambda each: (each.at, each.by_owner))), unreadable)


def _read(state: OfficerState, request_id: str) -> tuple[dict[str, tuple[Signed, Document]], tuple[str, ...]]:
    """By the names under which they are kept; and the files that can't be read."""
    found: dict[str, tuple[Signed, Document]] = {}
    unreadable: list[str] = []
    for name in state.kept_names(request_id):
        model = _KINDS.get(name.rpartition(".")[2])
        if model is None:
            continue
        try:
            signed = state.kept(request_id, name)
            if signed is not None:
                found[name] = signed, read_unverified(signed, model)  # checked, or our own, before it was kept
        except HandoverError:
            unreadable.append(f"{name}.json")
    return found, tuple(unreadable)


def _is_draft(name: str, document: Document) -> bool:
    """That a package was opened is kept by the delivery's id once the portal has it."""
    return isinstance(document, PackageOpened) and name.startswith(f"{document.feedback_id}.")


def _by_officer(document: Receipt | OfficersFeedback, taken: bool) -> Entry:
    words, text = _WORDS[type(document)](document)
    return Entry(document.issued, words, text, taken=taken)


def _answer(document: OwnersAnswer, question: Question | None) -> Entry:
    """Never before what it answers, whatever the owner's clock says."""
    if question is None:
        words = "The owner answers a question that was not put from here:"
        return Entry(document.issued, words, document.text, by_owner=True)
    at = max(document.issued, question.issued)
    return Entry(at, "The owner answers", document.text, question.text, by_owner=True)


def _opened(document: PackageOpened) -> tuple[str, None]:
    how = "every check holds" if document.verified else "not every check holds"
    return f"Told that it was opened: {how}.", None


def _receipt(document: Receipt) -> tuple[str, str | None]:
    how = "verified" if document.verified else "not verified"
    return f"Receipt: received, {how}.", document.remarks


def _keep(document: KeepAsked) -> tuple[str, str | None]:
    asked, no_longer = "Asked to keep their own copy.", "Told that their own copy need not be kept any more."
    return asked if document.keep else no_longer, document.text


_WORDS: Mapping[type[Document], Callable[..., tuple[str, str | None]]] = {
    Receipt: _receipt,
    PackageOpened: _opened,
    CannotPlay: lambda document: (f"Told that it can’t be played: {REASON_WORDS[document.reason]}.", document.text),
    Question: lambda document: ("Asked:", document.text),
    CaseOutcome: lambda document: (f"Told what became of it: {RESULT_WORDS[document.result]}.", document.text),
    KeepAsked: _keep,
}
