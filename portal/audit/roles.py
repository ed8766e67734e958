"""What an officer's credential lets them do at the portal. Each function is the work of one transaction.

Not for: who calls (``portal.tokens``), or what every officer may do with their own requests.
"""

from sqlalchemy.orm import Session

from exchange.documents.messages import Credential, Role
from portal.problems import forbidden
from portal.storage.models import Officer


def require(session: Session, officer: str, role: Role) -> Credential:
    """The credential of the officer with this fingerprint. ProblemError 403 unless the force gave them the role."""
    known = session.get(Officer, officer)
    assert known is not None, "a caller whose token was taken is known"
    credential = Credential.model_validate_json(known.document)
    if not credential.may(role):
        raise forbidden(
            f"The force did not give {credential.name} the role '{role}'.", "Ask the force for another credential."
        )
    return credential
