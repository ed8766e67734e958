"""What a check of a package found: a finding a line, in plain words, and the exit code that sums them up.

Not for: the checks themselves (``exchange.verify.checking``, ``exchange.package.consistency``).
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from exchange.counted import counted
from exchange.documents.evidence import Evidence
from exchange.documents.messages import Credential, Decision, Request
from exchange.documents.noted import NotedRequest
from exchange.errors import (
    CustodyBroken,
    DocumentInvalid,
    EvidenceMismatch,
    KeyDoesNotOpen,
    PackageDamaged,
    SealDamaged,
    SignatureInvalid,
    VerificationFailed,
)

GRAVITY: tuple[type[VerificationFailed], ...] = (
    SealDamaged,
    KeyDoesNotOpen,
    PackageDamaged,
    SignatureInvalid,
    DocumentInvalid,
    EvidenceMismatch,
    CustodyBroken,
    VerificationFailed,
)
"""The kinds of failure, gravest first: what comes earlier makes what comes later doubtful."""


class Verdict(StrEnum):
    HOLDS = "holds"
    FAILS = "fails"
    UNCHECKED = "not-checked"


@dataclass(frozen=True, slots=True)
class Finding:
    """One check's result. ``about`` is a stable name for programs, ``text`` a sentence for people."""

    about: str
    verdict: Verdict
    text: str
    error: VerificationFailed | None = None
    """Why it fails; or, of what could not be checked, what a program should end with because of that."""


def holds(about: str, text: str) -> Finding:
    return Finding(about, Verdict.HOLDS, text)


def fails(about: str, error: VerificationFailed) -> Finding:
    return Finding(about, Verdict.FAILS, " ".join(part for part in (error.what, error.meaning) if part), error)


def unchecked(about: str, text: str, error: VerificationFailed | None = None) -> Finding:
    return Finding(about, Verdict.UNCHECKED, text, error)


def mismatch(what: str) -> EvidenceMismatch:
    """The parts of a package contradict each other."""
    return EvidenceMismatch(
        what,
        meaning="The parts of the package contradict each other.",
        do="Don't rely on it; ask the owner for it again, and keep this one.",
    )


@dataclass(frozen=True, slots=True)
class Report:
    """All findings on one package, in the order of the checks, and what its documents said (as far as they opened)."""

    package: Path
    findings: Sequence[Finding]
    bag: Path | None = None
    """The opened bag's folder, if it was kept."""
    request: Request | NotedRequest | None = None
    officer: Credential | None = None
    decision: Decision | None = None
    evidence: Evidence | None = None
    ok: bool = field(init=False)
    """Everything was checked, and everything holds."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "ok", all(finding.verdict is Verdict.HOLDS for finding in self.findings))

    @property
    def exit_code(self) -> int:
        """0, or the code of the gravest failure; 60 when nothing failed but something could not be checked."""
        failed = {type(finding.error) for finding in self.findings if finding.error is not None}
        for kind in GRAVITY:
            if any(issubclass(one, kind) for one in failed):
                return kind.exit_code
        return 0 if self.ok else VerificationFailed.exit_code

    def failure(self) -> VerificationFailed | None:
        """The gravest failure, for callers that want an exception."""
        errors = [finding.error for finding in self.findings if finding.error is not None]
        return next((error for kind in GRAVITY for error in errors if isinstance(error, kind)), None)

    def summary(self) -> str:
        """The last line of a report."""
        counts = {verdict: sum(finding.verdict is verdict for finding in self.findings) for verdict in Verdict}
        if self.ok:
            return f"Everything holds ({counted(counts[Verdict.HOLDS], 'check')})."
        failed, left = counts[Verdict.FAILS], counts[Verdict.UNCHECKED]
        rest = f"; {counts[Verdict.HOLDS]} hold" if counts[Verdict.HOLDS] else ""
        if left:
            rest += f", {left} could not be made"
        if not failed:
            return f"Nothing failed, but not everything was checked{rest}."
        return f"{failed} check{'s' if failed > 1 else ''} failed{rest}. Don't rely on this package as it is."

    def to_json(self) -> str:
        """For programs: one object, with a newline at its end."""
        document = {
            "package": str(self.package),
            "ok": self.ok,
            "exit_code": self.exit_code,
            "evidence_id": self.evidence.evidence_id if self.evidence else None,
            "exhibit_reference": self.evidence.exhibit_reference if self.evidence else None,
            "crime_reference": self.evidence.crime_reference if self.evidence else None,
            "bag": str(self.bag) if self.bag else None,
            "findings": [
                {
                    "about": finding.about,
                    "verdict": finding.verdict.value,
                    "text": finding.text,
                    "exit_code": finding.error.exit_code if finding.error else 0,
                }
                for finding in self.findings
            ],
        }
        return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
