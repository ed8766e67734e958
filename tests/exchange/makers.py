"""Police, owners and their documents for tests: real keys, plausible words."""

from dataclasses import dataclass
from typing import Self

from exchange.clock import DAY, HOUR, MINUTE, Window, from_rfc3339
from exchange.documents.messages import Asked, Incident, Receipt, Request, Signed, Stretch
from exchange.signing.credentials import issue_credential
from exchange.signing.documents import PublicKey, SigningKey

NOW = from_rfc3339("2026-03-14T12:00:00Z")
FORCE = "Example Constabulary"
RECIPIENT = "age1" + "q" * 58


@dataclass(frozen=True)
class Police:
    force: SigningKey
    officer: SigningKey
    credential: Signed

    @classmethod
    def generate(cls) -> Self:
        force, officer = SigningKey.generate(), SigningKey.generate()
        return cls(force, officer, vouch(officer, force))

    def vouch(self, officer: SigningKey, *, by: SigningKey) -> Signed:
        return vouch(officer, by)


def vouch(officer: SigningKey, force: SigningKey) -> Signed:
    return issue_credential(
        force,
        force=FORCE,
        credential_id="c-1",
        name="Jo Smith",
        rank="Detective Constable",
        collar_number="1234",
        unit="CID",
        contact="jo.smith@example.police.uk",
        public_key=officer.public,
        valid=Window(NOW - 30 * DAY, NOW + 30 * DAY),
    )


def a_request(
    police: Police, device: PublicKey, window: Window | None = None, *, recipient: str = RECIPIENT
) -> Request:
    window = window or Window(NOW - 3 * HOUR, NOW - 3 * HOUR + 10 * MINUTE)
    return Request(
        request_id="req-1",
        device=device.fingerprint,
        force=FORCE,
        credential=police.credential,
        crime_reference="EX/26/004711",
        incident=Incident(
            kind="Burglary", place="12 High Street", happened=Stretch.of(window), description="A shop was broken into."
        ),
        purpose="Identify who broke in",
        legal_basis="Data Protection Act 2018, Part 3",
        necessity="No other camera looks at the door.",
        asked=(Asked(camera_id="front", window=Stretch.of(window)),),
        recipient=recipient,
        issued=NOW - HOUR,
        expires=NOW + 7 * DAY,
    )


def a_receipt(police: Police) -> Receipt:
    return Receipt(
        receipt_id="rec-1",
        delivery_id="del-1",
        request_id="req-1",
        evidence_id="ev-1",
        ciphertext_sha256="0" * 64,
        size=1,
        verified=True,
        credential=police.credential,
        issued=NOW,
    )
