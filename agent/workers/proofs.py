"""Jobs that hash passwords and check passkeys: argon2-cffi and webauthn are loaded here, and nowhere else.

Not for: whose password it is, or what a proof allows (``agent.owner.people.proofs``). Nothing here is logged.
"""

import base64
from collections.abc import Callable
from typing import Any

Json = dict[str, Any]
Report = Callable[[Json], None]
_NAME = "Handover"


def hash_password(job: Json, report: Report) -> Json:
    """``{"password", "cost"}`` to ``{"hash"}``, by Argon2id. ``cost``: rounds, memory in KiB and lanes."""
    from argon2 import PasswordHasher

    return {"hash": PasswordHasher(**job["cost"]).hash(job["password"])}


def check_password(job: Json, report: Report) -> Json:
    """``{"hash", "password", "cost"}`` to ``{"holds"}``; without a hash as much work is done, for nothing."""
    from argon2 import PasswordHasher
    from argon2.exceptions import InvalidHashError, VerificationError

    hasher = PasswordHasher(**job["cost"])
    if job["hash"] is None:
        hasher.hash(job["password"])
        return {"holds": False}
    try:
        return {"holds": hasher.verify(job["hash"], job["password"])}
    except (VerificationError, InvalidHashError):
        return {"holds": False}


def registration_options(job: Json, report: Report) -> Json:
    import webauthn
    from webauthn.helpers.structs import (
        AuthenticatorSelectionCriteria,
        ResidentKeyRequirement,
        UserVerificationRequirement,
    )

    options = webauthn.generate_registration_options(
        rp_id=job["host"],
        rp_name=_NAME,
        user_id=job["person_id"].encode(),
        user_name=job["person_id"],
        user_display_name=job["name"],
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.PREFERRED,
            user_verification=UserVerificationRequirement.REQUIRED,
        ),
    )
    return {"options": webauthn.options_to_json(options)}


def authentication_options(job: Json, report: Report) -> Json:
    import webauthn
    from webauthn.helpers.structs import PublicKeyCredentialDescriptor, UserVerificationRequirement

    allowed = [PublicKeyCredentialDescriptor(id=base64.b64decode(each)) for each in job["allowed"]]
    options = webauthn.generate_authentication_options(
        rp_id=job["host"],
        allow_credentials=allowed or None,
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return {"options": webauthn.options_to_json(options)}


def check_registration(job: Json, report: Report) -> Json:
    import webauthn
    from webauthn.helpers import base64url_to_bytes
    from webauthn.helpers.exceptions import WebAuthnException

    try:
        made = webauthn.verify_registration_response(
            credential=job["answer"],
            expected_challenge=base64url_to_bytes(job["challenge"]),
            expected_rp_id=job["host"],
            expected_origin=job["origin"],
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError):
        return {"holds": False}
    return {
        "holds": True,
        "credential_id": base64.b64encode(made.credential_id).decode(),
        "public_key": base64.b64encode(made.credential_public_key).decode(),
        "sign_count": made.sign_count,
    }


def check_authentication(job: Json, report: Report) -> Json:
    import webauthn
    from webauthn.helpers import base64url_to_bytes
    from webauthn.helpers.exceptions import WebAuthnException

    try:
        checked = webauthn.verify_authentication_response(
            credential=job["answer"],
            expected_challenge=base64url_to_bytes(job["challenge"]),
            expected_rp_id=job["host"],
            expected_origin=job["origin"],
            credential_public_key=base64.b64decode(job["public_key"]),
            credential_current_sign_count=job["sign_count"],
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError):
        return {"holds": False}
    return {"holds": True, "sign_count": checked.new_sign_count}
