"""The checks of a package's time stamps, and of whether the certificates behind them were revoked.

Not for: what a stamp is (``exchange.signing.timestamps``), or the rest of a package (``exchange.verify.checking``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from exchange.clock import SystemClock
from exchange.custody.log import CustodyEvent
from exchange.documents.evidence import Evidence
from exchange.documents.human_time import time_text
from exchange.errors import SignatureInvalid, TimestampFailed, VerificationFailed
from exchange.package.report import Finding, fails, holds, unchecked
from exchange.package.stamps import STAMPS, check_stamp_logged, check_stamp_time
from exchange.signing.timestamps import Stamp, authority_chain, check_stamp


@dataclass(frozen=True)
class StampTrust:
    """What a reader brings to the check of time stamps."""

    certificates: str | None = None
    """PEM of the authorities that are believed; None: a stamp can hold in itself only."""
    lists: Sequence[bytes] = ()
    """CRLs, in DER or PEM."""
    answers: Sequence[bytes] = ()
    """OCSP responses in DER."""
    ask: bool = False
    """Ask the addresses in the certificates for more of both, over the network."""
    late: Sequence[bytes] = ()
    """Stamps over this manifest that came after the package was sealed."""

    @property
    def revocation(self) -> bool:
        return bool(self.lists or self.answers or self.ask)


NO_TRUST = StampTrust()
"""Nobody is believed, and nothing is looked up."""


@dataclass(frozen=True)
class _Judged:
    """A stamp with what came of it: it held (``stamp``), or not (``error``)."""

    about: str
    response: bytes
    stamp: Stamp | None = None
    error: TimestampFailed | VerificationFailed | None = None
    other: bool = False
    """It holds in itself, and the given certificates do not vouch for its authority."""


def check_stamps(
    stamps: Mapping[str, bytes],
    document: bytes,
    evidence: Evidence,
    events: Sequence[CustodyEvent] | None,
    trust: StampTrust,
) -> list[Finding]:
    """A finding a stamp in the package, or that the custody lines tell of, and one a stamp that came later.

    ``events``: the custody lines, None where they did not hold. With them, each stamp must be the one they tell of.
    """
    judged, found = [], []
    for path in STAMPS:
        stamp = stamps.get(path)
        about = f"timestamp{path.removeprefix('data/evidence.json').removesuffix('.tsr')}"
        try:
            if events is not None:
                check_stamp_logged(path, stamp, events, evidence.evidence_id)
        except VerificationFailed as error:
            found.append(fails(about, error))
            continue
        if stamp is not None:
            judged.append(_judge(about, stamp, document, evidence, trust))
    for number, stamp in enumerate(trust.late, 1):
        about = f"timestamp.late.{number}" if number > 1 else "timestamp.late"
        judged.append(_judge(about, stamp, document, evidence, trust))
    somebody = any(one.stamp is not None and one.stamp.trusted for one in judged)
    for one in judged:
        found.append(_finding(one, somebody))
        if trust.revocation and one.stamp is not None:
            found.append(_revocation(one, trust))
    return found


def _judge(about: str, response: bytes, document: bytes, evidence: Evidence, trust: StampTrust) -> _Judged:
    try:
        stamp = check_stamp(response, document, certificates=trust.certificates)
        check_stamp_time(stamp.at, evidence, SystemClock().now())
        return _Judged(about, response, stamp)
    except (TimestampFailed, VerificationFailed) as error:
        other = (
            isinstance(error, SignatureInvalid) and trust.certificates is not None and _in_itself(response, document)
        )
        return _Judged(about, response, error=error, other=other)


def _in_itself(response: bytes, document: bytes) -> bool:
    try:
        check_stamp(response, document)
    except (TimestampFailed, VerificationFailed):
        return False
    return True


def _finding(one: _Judged, somebody: bool) -> Finding:
    if one.stamp is None:
        if isinstance(one.error, VerificationFailed):
            if one.other and somebody:
                text = "A further time stamp holds in itself only: the given certificates vouch for another authority."
                return unchecked(one.about, text)
            return fails(one.about, one.error)
        return unchecked(one.about, f"The time stamp was not checked. {one.error}")
    late = ", which came after the package was sealed," if one.about.startswith("timestamp.late") else ""
    text = f"A time stamp{late} says that this manifest existed on {time_text(one.stamp.at)}. It holds, "
    if one.stamp.trusted:
        text += "and the given certificates vouch for the authority that made it."
    else:
        text += "but in itself only: no certificates of its authority were given, so anybody may have made it."
    return holds(one.about, text)


def _revocation(one: _Judged, trust: StampTrust) -> Finding:
    """Whether any certificate between the stamp's signer and the trusted one was revoked."""
    from exchange.signing.revocation import RevocationData, State, standing

    assert one.stamp is not None
    about = f"{one.about}.revocation"
    if trust.certificates is None or not one.stamp.trusted:
        text = "Whether its authority's certificate was revoked was not looked up: no given certificate vouches for it."
        return unchecked(about, text)
    try:
        chain = authority_chain(one.response, trust.certificates)
    except (TimestampFailed, VerificationFailed) as error:
        return unchecked(about, f"Whether its authority's certificate was revoked was not looked up: {error.what}")
    results, troubles = [], []
    for certificate, issuer in pairwise(chain):
        data = RevocationData(trust.lists, trust.answers)
        if trust.ask:
            from exchange.verify.fetching import fetch_revocation

            more, wrong = fetch_revocation(certificate, issuer)
            data = RevocationData((*data.lists, *more.lists), (*data.answers, *more.answers))
            troubles += wrong
        results.append(standing(certificate, issuer, data, one.stamp.at))
    if not results:
        return holds(about, "The stamp's own certificate was given as trusted: there is none above it to revoke it.")
    texts = [result.text for result in results]
    if any(result.state is State.BAD for result in results):
        bad = " ".join(result.text for result in results if result.state is State.BAD)
        return fails(about, SignatureInvalid(bad, meaning="The time stamp can't be relied on."))
    if any(result.state is State.UNKNOWN for result in results):
        texts += [f"{trouble[0].upper()}{trouble[1:]}." for trouble in dict.fromkeys(troubles)]
        return unchecked(about, " ".join(texts))
    return holds(about, " ".join(texts))
