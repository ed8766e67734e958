"""Officers, a unit and the teams of a case, with real keys. Not for: tests themselves."""

import hashlib
import uuid
from dataclasses import dataclass, field
from typing import Any

from exchange.age.files import Identity, generate_identity
from exchange.clock import DAY, Window
from exchange.documents.messages import Role, Signed
from exchange.documents.teams import CaseTeam, Unit
from exchange.signing.credentials import issue_credential
from exchange.signing.documents import SigningKey, document_sha256, sign_document

WRAPPED = hashlib.sha256(b"sealed").hexdigest()


@dataclass
class Member:
    """An officer with both of their keys, and what the force says of them."""

    credential: Signed
    key: SigningKey
    identity: Identity


@dataclass
class Unitary:
    """A force's unit at work on one case."""

    force: SigningKey
    name: str
    now: int
    crime_reference: str = "EX/26/004711"
    case: Identity = field(default_factory=lambda: generate_identity("hybrid"))
    recovery: Identity = field(default_factory=lambda: generate_identity("hybrid"))

    def member(
        self,
        collar: str,
        *,
        key: SigningKey | None = None,
        identity: Identity | None = None,
        roles: tuple[Role, ...] | None = None,
        by: SigningKey | None = None,
        days: int = 90,
        unit: str = "CID",
        recipient: str | None = "",
    ) -> Member:
        """``by``: another force than ours; ``recipient``: None for no own key."""
        key, identity = key or SigningKey.generate(), identity or generate_identity("hybrid")
        credential = issue_credential(
            by or self.force, force=self.name, credential_id=str(uuid.uuid4()), name=f"Officer {collar}",
            rank="Constable", collar_number=collar, unit=unit, contact=f"{collar}@example.police.uk",
            public_key=key.public, valid=Window(self.now - DAY, self.now + days * DAY), roles=roles,
            recipient=str(identity.recipient) if recipient == "" else recipient,
        )  # fmt: skip
        return Member(credential, key, identity)

    def unit(self, *, by: SigningKey | None = None, **changed: Any) -> Signed:
        fields = {
            "force": self.name,
            "unit_id": "cid",
            "name": "CID",
            "recipient": str(self.recovery.recipient),
            "valid_from": self.now - DAY,
            "valid_to": self.now + 90 * DAY,
        }
        return sign_document(Unit(**{**fields, **changed}), by or self.force)

    def team(self, *members: Member, by: Member | None = None, after: Signed | None = None, **changed: Any) -> Signed:
        """A version of the team, the first or that which follows ``after``, signed by the first member or ``by``."""
        signer = by or members[0]
        before = None if after is None else CaseTeam.model_validate_json(after.document)
        fields = {
            "case_id": "case-1",
            "force": self.name,
            "crime_reference": self.crime_reference,
            "credential": signer.credential,
            "recipient": str(self.case.recipient),
            "members": tuple(member.credential for member in members),
            "recovery": self.unit(),
            "wrapped_sha256": WRAPPED,
            "version": 1 if before is None else before.version + 1,
            "previous_sha256": None if after is None else document_sha256(after),
            "issued": self.now,
        }
        return sign_document(CaseTeam(**{**fields, **changed}), signer.key)
