"""Gets lists and answers of revoked certificates from where the certificates themselves say they are, within bounds.

Only for certificates that somebody trusted vouches for: whoever made the others chose those addresses too.
Not for: what lists and answers mean (``exchange.signing.revocation``).
"""

import urllib.error
import urllib.request
from http.client import HTTPException
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AuthorityInformationAccessOID

from exchange.signing.revocation import MAX_LIST, RevocationData, ocsp_question

_PATIENCE = 15.0
"""Seconds for one address."""
_ADDRESSES = 2
"""Of each kind that are tried for one certificate."""


def fetch_revocation(certificate: x509.Certificate, issuer: x509.Certificate) -> tuple[RevocationData, list[str]]:
    """What the addresses in a certificate give, and what was wrong with those that gave nothing, in words."""
    lists, answers, troubles = [], [], []
    for address in _list_addresses(certificate)[:_ADDRESSES]:
        try:
            lists.append(_get(urllib.request.Request(address)))  # noqa: S310  # http and https only: see _addresses
        except _Failed as error:
            troubles.append(str(error))
    question = ocsp_question(certificate, issuer).public_bytes(Encoding.DER)
    headers = {"Content-Type": "application/ocsp-request", "Accept": "application/ocsp-response"}
    for address in _answer_addresses(certificate)[:_ADDRESSES]:
        try:
            answers.append(_get(urllib.request.Request(address, question, headers)))  # noqa: S310  # as above
        except _Failed as error:
            troubles.append(str(error))
    return RevocationData(lists, answers), troubles


class _Failed(Exception):
    pass


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


def _get(request: urllib.request.Request) -> bytes:
    host = urlsplit(request.full_url).netloc[:100]
    opener = urllib.request.build_opener(_NoRedirect)
    try:
        with opener.open(request, timeout=_PATIENCE) as answer:
            content: bytes = answer.read(MAX_LIST + 1)
    except urllib.error.HTTPError as error:
        raise _Failed(f"{host} answered with status {error.code}") from None
    except (OSError, HTTPException, ValueError):
        raise _Failed(f"{host} does not answer") from None
    if len(content) > MAX_LIST:
        raise _Failed(f"{host} sent more than {MAX_LIST} bytes")
    return content


def _list_addresses(certificate: x509.Certificate) -> list[str]:
    try:
        points = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    except (x509.ExtensionNotFound, ValueError):
        return []
    return _addresses(name for point in points if point.crl_issuer is None for name in point.full_name or ())


def _answer_addresses(certificate: x509.Certificate) -> list[str]:
    try:
        access = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    except (x509.ExtensionNotFound, ValueError):
        return []
    return _addresses(one.access_location for one in access if one.access_method == AuthorityInformationAccessOID.OCSP)


def _addresses(names: "object") -> list[str]:
    urls = [name.value for name in names if isinstance(name, x509.UniformResourceIdentifier)]  # type: ignore[attr-defined]
    return [url for url in urls if url.lower().startswith(("http://", "https://"))]
