"""What is new since the officer last looked: answers, packages, and what owners said.

Not for: telling it by another way than the page. Silence of an owner is never news.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from exchange.documents.feedback import Rating
from exchange.documents.messages import Part
from exchange.durable import durable_file
from exchange.errors import DocumentInvalid
from exchange.signing.documents import parse_strictly
from portal.officer.casework.standing import PersonStanding, Standing
from portal.officer.feedback import OwnersReply
from portal.officer.state import OfficerState

MOST_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class News:
    """``fact`` is its stable name, kept once it was seen; ``text`` says it."""

    request_id: str
    crime_reference: str
    fact: str
    text: str


class _Seen(Part):
    facts: Annotated[dict[str, tuple[str, ...]], Field(max_length=1_000_000)]
    """By request."""


def all_news(
    standings: Sequence[Standing], replies: Iterable[OwnersReply], people: Iterable[PersonStanding] = ()
) -> list[News]:
    """Every fact that could be news, seen or not, in the order of the requests."""
    said: dict[str, list[OwnersReply]] = {}
    for each in replies:
        said.setdefault(each.request_id, []).append(each)
    found = [news for one in standings for news in _of_request(one, said.get(one.case.request_id, []))]
    return [*found, *(_of_person(one) for one in people if one.case.answer is not None)]


def unseen(state: OfficerState, news: Iterable[News]) -> list[News]:
    """Those that the officer did not look at yet."""
    seen = _read(state)
    return [each for each in news if each.fact not in seen.get(each.request_id, ())]


def mark_seen(state: OfficerState, news: Iterable[News]) -> None:
    """The officer looked at these."""
    seen = {name: set(facts) for name, facts in _read(state).items()}
    before = sum(map(len, seen.values()))
    for each in news:
        seen.setdefault(each.request_id, set()).add(each.fact)
    if sum(map(len, seen.values())) == before:
        return
    kept = _Seen(facts={name: tuple(sorted(facts)) for name, facts in seen.items()})
    with durable_file(state.folder / "seen.json") as file:
        file.write(kept.model_dump_json().encode() + b"\n")


def _of_request(one: Standing, replies: Sequence[OwnersReply]) -> list[News]:
    case = one.case
    facts = []
    if one.trouble:
        facts.append(("trouble", "What the portal says of it does not hold."))
    if case.refusal is not None or case.status is not None:
        facts.append((f"answer:{case.status or 'refused'}", f"{one.word[0].upper()}{one.word[1:]}."))
    facts += [(f"package:{each.delivery.delivery_id}", "A package came.") for each in one.packages]
    for reply in replies:
        words = "The owner rated it." if isinstance(reply.document, Rating) else "The owner answered a question."
        facts.append((f"said:{reply.document.feedback_id}", words))
    return [News(case.request_id, case.crime_reference, fact, text) for fact, text in facts]


def _of_person(one: PersonStanding) -> News:
    case = one.case
    text = f"Somebody without an agent: {one.word}."
    return News(case.request_id, case.crime_reference, f"answer:{case.answer}", text)


def _read(state: OfficerState) -> dict[str, tuple[str, ...]]:
    path = state.folder / "seen.json"
    if not path.exists():
        return {}
    try:
        with path.open("rb") as file:
            return dict(parse_strictly(file.read(MOST_BYTES + 1), _Seen, MOST_BYTES).facts)
    except DocumentInvalid:  # everything is then new once more, which harms nobody
        return {}
