"""Police, owners and their documents for tests: real keys, the words of the vectors' documents."""

from dataclasses import dataclass
from typing import Self

from exchange.clock import DAY, HOUR, MINUTE, Window, from_rfc3339
from exchange.documents.messages import Asked, Receipt, Request, Signed, Stretch
from exchange.signing.documents import PublicKey, SigningKey
from scripts.vector_making import documents

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
    return documents.credential(force, valid=Window(NOW - 30 * DAY, NOW + 30 * DAY), officer=officer.public)


def a_request(
    police: Police, device: PublicKey, window: Window | None = None, *, recipient: str = RECIPIENT
) -> Request:
    window = window or Window(NOW - 3 * HOUR, NOW - 3 * HOUR + 10 * MINUTE)
    return documents.request(
        device=device.fingerprint,
        credential=police.credential,
        crime_reference="EX/26/004711",
        incident=documents.INCIDENT.model_copy(update={"happened": Stretch.of(window)}),
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
