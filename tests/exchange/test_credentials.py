"""Officers: the force's key vouches for theirs, for a time, and only that key signs their requests."""

import pickle

import pytest

from exchange.clock import DAY
from exchange.documents.messages import Receipt, Request
from exchange.errors import DocumentInvalid, SignatureInvalid
from exchange.signing.credentials import CredentialFault, CredentialInvalid, open_by_officer, open_credential
from exchange.signing.documents import SigningKey, sign_document
from tests.exchange.makers import NOW, Police, a_receipt, a_request


@pytest.fixture
def police() -> Police:
    return Police.generate()


def test_a_credential_opens_under_the_force_key_while_it_is_valid(police: Police) -> None:
    credential = open_credential(police.credential, police.force.public, NOW)
    assert credential.public_key == police.officer.public.line
    assert open_credential(police.credential, police.force.public, credential.valid_from) == credential
    assert open_credential(police.credential, police.force.public, credential.valid_to - 1) == credential


@pytest.mark.parametrize(("days", "reason"), [(-400, CredentialFault.NOT_YET_VALID), (400, CredentialFault.EXPIRED)])
def test_a_credential_outside_its_time_is_refused_with_the_reason(
    police: Police, days: int, reason: CredentialFault
) -> None:
    with pytest.raises(CredentialInvalid) as caught:
        open_credential(police.credential, police.force.public, NOW + days * DAY)
    assert caught.value.reason is reason
    assert pickle.loads(pickle.dumps(caught.value)).reason is reason


def test_the_moment_a_credential_ends_it_is_no_longer_valid(police: Police) -> None:
    end = open_credential(police.credential, police.force.public, NOW).valid_to
    with pytest.raises(CredentialInvalid):
        open_credential(police.credential, police.force.public, end)


def test_another_force_cannot_vouch_for_an_officer(police: Police) -> None:
    with pytest.raises(CredentialInvalid) as caught:
        open_credential(police.credential, SigningKey.generate().public, NOW)
    assert caught.value.reason is CredentialFault.UNPINNED_FORCE


def test_an_officer_cannot_vouch_for_themselves(police: Police) -> None:
    with pytest.raises(CredentialInvalid):
        open_credential(police.vouch(police.officer, by=police.officer), police.force.public, NOW)


def test_a_request_opens_with_the_officer_who_signed_it(police: Police) -> None:
    request = a_request(police, SigningKey.generate().public)
    opened, credential = open_by_officer(sign_document(request, police.officer), Request, police.force.public, NOW)
    assert opened == request
    assert credential.collar_number == "1234"


def test_a_receipt_opens_the_same_way(police: Police) -> None:
    receipt = a_receipt(police)
    opened, _ = open_by_officer(sign_document(receipt, police.officer), Receipt, police.force.public, NOW)
    assert opened == receipt


def test_a_request_signed_by_another_key_than_the_credentials_is_refused(police: Police) -> None:
    request = a_request(police, SigningKey.generate().public)
    for forger in (SigningKey.generate(), police.force):
        with pytest.raises(SignatureInvalid, match="another key"):
            open_by_officer(sign_document(request, forger), Request, police.force.public, NOW)


def test_a_request_is_no_receipt(police: Police) -> None:
    request = sign_document(a_request(police, SigningKey.generate().public), police.officer)
    with pytest.raises(DocumentInvalid):
        open_by_officer(request, Receipt, police.force.public, NOW)
