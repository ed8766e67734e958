"""A report in plain words for a person at a terminal: what does not hold, what holds, and what can't be known.

Not for: programs (``exchange.package.report`` has JSON), or the checks themselves (``exchange.verify.checking``).
"""

import textwrap
from collections.abc import Iterator, Sequence

from exchange.documents.evidence import Evidence
from exchange.documents.human_time import time_text
from exchange.documents.noted import NotedRequest
from exchange.package.limits import limits as package_limits
from exchange.package.report import Finding, Report, Verdict

_FAILS, _HOLDS, _UNKNOWN = "What does not hold", "What holds", "What can't be known"
HEADINGS = (_FAILS, _HOLDS, _UNKNOWN)
_GIVEN, _NEVER = "because of what was given here:", "from any package, however sound:"
_SUBJECTS = {
    "seal": "the package",
    "bag": "the package",
    "bag-info": "the package",
    "files": "the package",
    "readme": "the package",
    "timestamp": "the package",
    "request": "who asked, and of whom",
    "noted-request": "who asked, and of whom",
    "force-key": "who asked, and of whom",
    "device-key": "who asked, and of whom",
    "links": "who asked, and of whom",
    "decision": "what the owner agreed to",
    "windows": "what the owner agreed to",
    "sound": "what the owner agreed to",
    "observed": "what the owner agreed to",
    "copies": "what the owner agreed to",
    "exhibit": "the recording",
    "evidence": "the recording",
    "file": "the recording",
    "streams": "the recording",
    "camera-signature": "the recording",
    "custody": "the record of what was done",
    "edition": "the record of what was done",
}
"""What a finding is about, in words, by the first part of its name."""
_REST = "besides"


def _subject(finding: Finding) -> str:
    return _SUBJECTS.get(finding.about.partition(".")[0], _REST)


def report_lines(report: Report, *, deep: bool, width: int = 100) -> Iterator[str]:
    """The report, line by line, at most ``width`` characters wide; headings stand on lines of their own."""
    if report.evidence is not None:
        yield from _what_it_is(report.evidence, width)
        yield ""
    for heading, verdict in ((_FAILS, Verdict.FAILS), (_HOLDS, Verdict.HOLDS)):
        findings = [finding for finding in report.findings if finding.verdict is verdict]
        if findings:
            yield heading
            for subject in dict.fromkeys([*_SUBJECTS.values(), _REST]):
                texts = [finding.text for finding in findings if _subject(finding) == subject]
                if texts:
                    yield f"  {subject}:"
                    yield from _points(texts, width)
            yield ""
    yield _UNKNOWN
    unchecked = [finding.text for finding in report.findings if finding.verdict is Verdict.UNCHECKED]
    if report.evidence is not None and not deep:
        unchecked.append("Whether the recordings play as they should: they were not opened. With --deep they are.")
    if unchecked:
        yield f"  {_GIVEN}"
        yield from _points(unchecked, width)
    if report.evidence is not None:
        yield f"  {_NEVER}"
        yield from _points(limits(report, report.evidence), width)
    elif not unchecked:
        yield from _points(["Everything else: what fails hides what lies behind it, so that was not looked at."], width)
    yield ""
    yield from textwrap.wrap(conclusion(report), width)


def _what_it_is(evidence: Evidence, width: int) -> Iterator[str]:
    delivered = evidence.windows.delivered
    span = f"{time_text(delivered.start)} to {time_text(delivered.end)}"
    said = f"Exhibit {evidence.exhibit_reference}, crime {evidence.crime_reference}: {evidence.camera.label}, {span}"
    yield from textwrap.wrap(said, width)


def _points(texts: Sequence[str], width: int) -> Iterator[str]:
    for text in texts:
        yield from textwrap.wrap(
            text, width, initial_indent="  - ", subsequent_indent="    ", break_on_hyphens=False, break_long_words=False
        )


def limits(report: Report, evidence: Evidence) -> list[str]:
    """What a reader should know that no check of this package can tell, in sentences."""
    found = package_limits(evidence, report.request) if report.request is not None else []
    if not any(finding.about.startswith("timestamp") for finding in report.findings):
        found.append(
            "When the manifest was made, but by the owner's own clock: no time-stamping authority saw it at the time."
        )
    elif not any(finding.about.endswith(".revocation") for finding in report.findings):
        found.append(
            "Whether a certificate behind a time stamp was revoked: that was not looked up. With --revocation it is, "
            "or with --crl or --ocsp and a file."
        )
    found.append(
        "Whether there is more footage, or more was logged of this request than these custody lines: each proves that "
        "it stands in the owner's log, not that it is the only one."
    )
    found.append("Who the owner's people are: their names are the owner's word.")
    return found


def conclusion(report: Report) -> str:
    """What it all comes to, and what to do: a few sentences."""
    about = {finding.about for finding in report.findings if finding.verdict is Verdict.UNCHECKED}
    failure = report.failure()
    if failure is not None and "seal" in about:
        return f"Nothing in the package was looked at. {failure.do}".strip()
    summary = report.summary()
    if failure is not None and failure.do.startswith("Don't rely on it"):
        summary = summary.removesuffix(" Don't rely on this package as it is.")
    parts = [summary]
    if report.ok and report.officer is not None:
        officer = f"{report.officer.rank} {report.officer.name} of {report.officer.force}"
        parts.append(
            "So these recordings are, byte for byte, what the owner's device packed: of the window that the owner "
            f"approved, for the request that {officer} signed."
        )
    if failure is not None:
        parts.append(failure.do)
    elif "force-key" in about and not isinstance(report.request, NotedRequest):
        parts.append(
            "Without the force's key, a package that somebody made with keys of their own would look like this one: "
            "get the key from the force, and name it with --force-key."
        )
    elif "device-key" in about:
        parts.append(
            "Without the key of the owner's device, a package that somebody made with keys of their own would look "
            "like this one: ask the owner for the key's fingerprint, or name the key with --device-key."
        )
    return " ".join(part for part in parts if part)
