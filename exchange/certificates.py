"""What is wrong with a server's certificate, and what to do about it: a sentence each.

Not for: deciding whom to trust (the system's authorities do, and the settings).
"""

import ssl

_EXPIRED, _NOT_YET = 10, 9
_OTHER_NAME = frozenset({62, 64})
"""OpenSSL's numbers (x509_vfy.h): another host name, another IP address."""


def certificate_problem(error: BaseException, whose: str, now: str, authority: str) -> tuple[str, str] | None:
    """What happened and what to do; None when it was not the certificate.

    ``whose``: as in "the portal at https://…". ``now``: this machine's time in words. ``authority``: what to do where
    the server's authority is not known here.
    """
    refused = _refusal_in(error)
    if refused is None:
        return None
    code = refused.verify_code
    if code == _EXPIRED:
        return (
            f"The certificate of {whose} has run out, by this machine's clock ({now}).",
            "If that clock is right, whoever runs it must renew the certificate; otherwise set the clock.",
        )
    if code == _NOT_YET:
        return (
            f"The certificate of {whose} is not valid yet, by this machine's clock ({now}).",
            "Set this machine's clock, or let it follow a time server.",
        )
    if code in _OTHER_NAME:
        return (
            f"The certificate of {whose} is for another name.",
            "Check the address for a slip; if it is right, something stands between, or it was set up wrongly.",
        )
    return (f"The certificate of {whose} is by an authority that this machine does not know.", authority)


def _refusal_in(error: BaseException | None) -> ssl.SSLCertVerificationError | None:
    """OpenSSL's own word, which aiohttp wraps in errors of the same class without it."""
    for _ in range(8):
        if error is None:
            return None
        if isinstance(error, ssl.SSLCertVerificationError) and hasattr(error, "verify_code"):
            return error
        error = getattr(error, "certificate_error", None) or error.__cause__ or error.__context__
    return None
