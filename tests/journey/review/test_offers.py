"""An owner tells the force, unasked: the footage is held, the notice is signed, an officer's answer is matched."""

import json
from pathlib import Path
from typing import Any

import pytest

from agent.owner.operations.context import Nothing
from agent.owner.operations.offers import OfferNamed
from agent.requests.review.offering import NewOffer, end_old_offers, hold_id, letter
from exchange.clock import DAY, SECOND, Window
from exchange.documents import api
from exchange.documents.messages import Asked, Signed, Stretch
from exchange.documents.offer import Offer
from exchange.errors import InputInvalid, NoFootage, NotFound, PortalRefused
from exchange.signing.documents import PublicKey, open_document, sign_document
from tests.journey.home import ACTOR, CAMERA, Siege, Town, besieged, home, owner_does


def new(at: Town | Siege, **changed: Any) -> NewOffer:
    window = Window(at.window.start + 2 * SECOND, at.window.end - 2 * SECOND)
    fields = {
        "incident": "A bicycle was taken",
        "place": "12 Mill Road",
        "seen": "Somebody in a red coat, about seven.",
        "offered": (Asked(camera_id=CAMERA, window=Stretch.of(window)),),
    }
    return NewOffer.model_validate(fields | changed)


async def test_an_officer_reads_it_asks_and_the_owner_sees_that_it_answers_theirs(tmp_path: Path) -> None:
    async with home(tmp_path) as at:
        made = await owner_does(at.agent, "offer", new(at), ACTOR)
        assert made["sent"]
        assert await at.agent.services.footage.held_bytes() > 0
        (found,) = (await at.officer.offers()).offers
        offer = open_document(found.signed, Offer, PublicKey.parse(found.device_key))
        assert offer.device == at.agent.services.keys.device.public.fingerprint
        assert offer.seen == "Somebody in a red coat, about seven."
        asked = (Asked(camera_id=CAMERA, window=offer.offered[0].window),)
        request_id = await at.asked(at.request(asked=asked, answers_offer=offer.offer_id))
        assert (await at.shown(request_id))["answers_offer"] == offer.offer_id
        assert await at.state(request_id) == "asked"  # it is not answered by itself
        other = await at.asked(at.request(asked=asked))
        assert (await at.shown(other))["answers_offer"] == offer.offer_id  # by its time, without being named
        await owner_does(at.agent, "end-offer", OfferNamed(offer_id=offer.offer_id), ACTOR)
        assert (await at.officer.offers()).offers == ()
        assert (await at.shown(other))["answers_offer"] is None


async def test_what_can_not_be_offered_is_refused_and_holds_nothing(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        before = Window(at.window.start - 3600 * SECOND, at.window.start - 3000 * SECOND)
        future = Window(at.clock.now(), at.clock.now() + SECOND)
        for asked, error, words in (
            (Asked(camera_id=CAMERA, window=Stretch.of(before)), NoFootage, "no recording"),
            (Asked(camera_id=CAMERA, window=Stretch.of(future)), InputInvalid, "still to come"),
            (Asked(camera_id="garage", window=Stretch.of(at.window)), InputInvalid, "no camera"),
        ):
            with pytest.raises(error, match=words):
                await owner_does(at.agent, "offer", new(at, offered=(asked,)), ACTOR)
        assert await at.agent.services.footage.held_bytes() == 0
        with pytest.raises(NotFound):
            await owner_does(at.agent, "end-offer", OfferNamed(offer_id="x"), ACTOR)


async def test_by_mail_nothing_reaches_the_portal_and_it_ends_by_itself(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        calls = len(at.portal.calls)
        made = await owner_does(at.agent, "offer", new(at, send=False), ACTOR)
        assert not made["sent"]
        assert "Somebody in a red coat" in made["letter"]
        assert "01632 960001" in made["letter"]
        assert len(at.portal.calls) == calls
        (listed,) = (await owner_does(at.agent, "offers", Nothing(), ACTOR))["offers"]
        assert letter(Offer.model_validate_json(json.dumps(listed["offer"]))) == made["letter"]
        at.clock.forward(31 * DAY)
        assert await end_old_offers(at.agent.services) == 1
        assert await at.agent.services.footage.held_bytes() == 0
        assert hold_id(made["offer_id"]).startswith("offer-")
        assert "offered" in await at.events()


async def test_the_portal_takes_offers_of_their_own_device_only_and_not_without_end(tmp_path: Path) -> None:
    async with home(tmp_path) as at:
        portal, device = await at.agent.services.portal(), at.agent.services.keys.device
        made = await owner_does(at.agent, "offer", new(at, send=False), ACTOR)
        (listed,) = (await owner_does(at.agent, "offers", Nothing(), ACTOR))["offers"]
        offer = Offer.model_validate_json(json.dumps(listed["offer"]))
        assert offer.offer_id == made["offer_id"]
        signed = sign_document(offer, device)
        await portal.offer(signed)
        await portal.offer(signed)
        for changed in (
            {"seen": "other"},
            {"offer_id": "b", "device": "SHA256:" + "a" * 43},
            {"offer_id": "c", "expires": offer.issued + 100 * DAY},
        ):
            with pytest.raises(PortalRefused):
                await portal.offer(sign_document(offer.model_copy(update=changed), device))
        with pytest.raises(PortalRefused):
            await portal.offer(Signed(document=signed.document.replace("red", "blue"), signature=signed.signature))
        assert len((await at.officer.offers()).offers) == 1
        assert api.OFFERS.startswith("/v1/")
