"""How the requests of a case stand, from what the portal says and what was done on this machine.

Not for: asking the portal (``portal.officer.desk.watch``), or what is new (``portal.officer.casework.seen``).
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from exchange.documents.api import Case, CaseDelivery
from exchange.documents.messages import Delivery, Request, Status
from exchange.documents.people import PersonAnswer, PersonCase, PersonRequest
from exchange.errors import HandoverError
from portal.officer.casework.opened import OpenedBefore, opened_before
from portal.officer.opening import Answer, read_answer
from portal.officer.people.questions import person_word
from portal.officer.show import case_word
from portal.officer.state import OfficerState


@dataclass(frozen=True, slots=True)
class PackageStanding:
    """A package that was delivered. ``opened``: how its checks ended here, when it was opened last."""

    delivery: Delivery
    receipted: bool
    opened: OpenedBefore | None


@dataclass(frozen=True, slots=True)
class Standing:
    """One request. ``answer`` is None when what the portal says of it does not hold: ``trouble`` then says why."""

    case: Case
    request: Request | None
    answer: Answer | None
    packages: tuple[PackageStanding, ...]
    trouble: str = ""

    @property
    def word(self) -> str:
        return case_word(self.case)

    @property
    def is_answered(self) -> bool:
        return self.case.refusal is not None or self.case.status not in (None, Status.EXPIRED)

    @property
    def is_approved(self) -> bool:
        return self.case.status in (Status.APPROVED, Status.PARTLY_APPROVED)


@dataclass(frozen=True, slots=True)
class PersonStanding:
    """A request to somebody without an agent. ``request`` is None when it does not hold: ``trouble`` then says why."""

    case: PersonCase
    request: PersonRequest | None
    trouble: str = ""

    @property
    def word(self) -> str:
        return person_word(self.case)

    @property
    def has_files(self) -> bool:
        return self.case.answer is PersonAnswer.FILES


@dataclass(frozen=True, slots=True)
class CaseStanding:
    """All requests of one crime reference, newest first; ``people``: those to people without an agent."""

    case_id: str
    crime_reference: str
    requests: tuple[Standing, ...]
    people: tuple[PersonStanding, ...] = ()

    @property
    def packages(self) -> tuple[PackageStanding, ...]:
        return tuple(package for each in self.requests for package in each.packages)

    @property
    def counts(self) -> dict[str, int]:
        """In the order in which things happen."""
        return {
            "asked": len(self.requests),
            "answered": sum(each.is_answered for each in self.requests),
            "declined": sum(each.case.status is Status.DECLINED for each in self.requests),
            "expired": sum(each.case.status is Status.EXPIRED for each in self.requests),
            "delivered": len(self.packages),
            "opened": sum(each.opened is not None for each in self.packages),
            "receipted": sum(each.receipted for each in self.packages),
            "asked without an agent": len(self.people),
            "brought by hand": sum(each.has_files for each in self.people),
        }


def case_id(crime_reference: str) -> str:
    """What a case is called in the page's addresses."""
    return hashlib.sha256(crime_reference.encode()).hexdigest()[:16]


def standing(state: OfficerState, case: Case) -> Standing:
    """Read files; what does not hold becomes ``trouble``, so that one bad answer hides no other."""
    try:
        answer = read_answer(state, case)
    except HandoverError as error:
        return Standing(case, None, None, (), str(error))
    items = {delivery.delivery_id: item for item, delivery in answer.deliveries}
    packages = tuple(_package(state, each, items[each.delivery_id]) for each in answer.newest)
    return Standing(case, answer.request, answer, packages)


def refreshed(state: OfficerState, before: Standing) -> Standing:
    """The same request after something may have been opened here; what the portal said was checked before."""
    if not before.packages:
        return before
    packages = (replace(each, opened=opened_before(state, each.delivery)) for each in before.packages)
    return replace(before, packages=tuple(packages))


def by_case(standings: Iterable[Standing], people: Iterable[PersonStanding] = ()) -> Sequence[CaseStanding]:
    """The case with the newest request first, whomever it went to."""
    found: dict[str, tuple[list[Standing], list[PersonStanding]]] = {}
    every: list[Standing | PersonStanding] = [*standings, *people]
    for each in sorted(every, key=lambda one: -one.case.issued):
        of_case = found.setdefault(each.case.crime_reference, ([], []))
        if isinstance(each, Standing):
            of_case[0].append(each)
        else:
            of_case[1].append(each)
    return [CaseStanding(case_id(name), name, tuple(of[0]), tuple(of[1])) for name, of in found.items()]


def _package(state: OfficerState, delivery: Delivery, item: CaseDelivery) -> PackageStanding:
    return PackageStanding(delivery, item.receipt is not None, opened_before(state, delivery))
