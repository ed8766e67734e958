"""The client of the portal's API: enrol, register, poll, answer, announce deliveries.

Not for: what a request means (``agent/requests``), or moving the bytes of a package (``agent/portal/tus.py``).
"""

import ssl
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar
from urllib.parse import urlsplit

import aiohttp

from agent.portal.token_time import TokenTime
from exchange.certificates import certificate_problem
from exchange.clock import SystemClock, to_rfc3339
from exchange.documents import api
from exchange.documents.answers import is_page, not_understood, problem, read_bounded, retry_after
from exchange.documents.letters import quoted
from exchange.documents.messages import Delivery, Part, Signed
from exchange.errors import DocumentInvalid, HandoverError, PortalRefused, PortalUnreachable
from exchange.signing.documents import SigningKey, open_document, parse_strictly
from exchange.signing.tokens import mint
from exchange.unanswered import why_unanswered

P = TypeVar("P", bound=Part)

KINDS = " ".join(api.InboxKind)
"""The kinds of inbox items that this agent takes (``api.KINDS_HEADER``)."""
_LATER = "The agent tries again by itself."
_GATEWAY = frozenset({408, 499, 502, 504, *range(520, 528), 598, 599})
"""What proxies answer in place of a server that was silent for too long for them."""
_TIMEOUT = aiohttp.ClientTimeout(total=30, sock_connect=15)
_MOST_PAGES = 20
"""Answers that are asked for of one list."""


class NotRecognised(PortalRefused):
    """The portal doesn't take this device's token: it doesn't know the device, or the clocks differ."""

    def __init__(self, what: str, *, meaning: str = "", do: str = "", date: str = "") -> None:
        """``date``: the answer's Date header."""
        super().__init__(what, meaning=meaning, do=do)
        self.date = date


class NoSuchCall(PortalRefused):
    """The portal has no such thing, or not this way to call it."""


class CallCut(PortalUnreachable):
    """A call that was on its way was ended before the portal's answer: by a gateway, or with its connection."""


class AnsweredInBetween(PortalUnreachable):
    """What came is not the portal's: a page to log in at a network, a proxy's, a redirect. It settles nothing."""


class PortalBusy(PortalUnreachable):
    """The portal is there, does nothing now, and says when it wants to be asked again."""

    def __init__(self, what: str, *, meaning: str = "", do: str = "", after: float = 0.0) -> None:
        """``after``: seconds."""
        super().__init__(what, meaning=meaning, do=do)
        self.after = after


@dataclass(frozen=True)
class Held:
    """A delivery that the portal has, checked to be this device's own word; whatever it has as a receipt for it."""

    delivery: Delivery
    signed: Signed
    receipt: Signed | None


class PortalClient:
    """One portal, over one session. Every answer is read within ``api.MAX_BODY``; a redirect is never followed."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        url: str,
        device: SigningKey,
        *,
        audience: str | None = None,
        time: TokenTime | None = None,
    ) -> None:
        """``audience`` is the origin that the portal calls itself, known once its ``ForceInfo`` was read. ``time``: see
        there; clients of one portal share it."""
        self.session = session
        self.url = url.rstrip("/")
        self._device = device
        self._time = time or TokenTime(SystemClock())
        self.audience = audience or home(self.url)

    def token(self, audience: str | None = None) -> str:
        """A fresh token: EdDSA by the device key, for one origin only (the portal, unless said), a minute, once."""
        return mint(self._device, audience or self.audience, self._time)

    def headers(self, audience: str | None = None) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token(audience)}"}

    async def force(self) -> api.ForceInfo:
        return await self._read("GET", api.FORCE, api.ForceInfo)

    async def enrol(self, enrolment: Signed) -> api.Enrolled:
        return await self._read("POST", api.DEVICES, api.Enrolled, enrolment)

    async def register(self, registration: Signed) -> None:
        await self._call("PUT", api.REGISTRATION, registration)

    async def withdraw(self, withdrawal: Signed) -> None:
        await self._call("DELETE", api.REGISTRATION, withdrawal)

    async def inbox(self, after: int, wait: int) -> api.Inbox:
        """What came since ``after``; the portal holds the call up to ``wait`` seconds when there is nothing."""
        query = {"after": str(after), "wait": str(wait)}
        inbox = await self._read("GET", api.INBOX, api.Inbox, query=query, extra_wait=wait)
        cursors = [after, *(item.cursor for item in inbox.items)]
        if inbox.cursor < after or any(later <= earlier for earlier, later in pairwise(cursors)):
            raise not_understood("an inbox that goes backward")
        return inbox

    async def decide(self, request_id: str, decision: Signed) -> None:
        await self._call("PUT", api.DECISION.format(request_id=request_id), decision)

    async def refuse(self, request_id: str, refusal: Signed) -> None:
        await self._call("PUT", api.REFUSAL.format(request_id=request_id), refusal)

    async def deliver(self, request_id: str, delivery_id: str, delivery: api.SignedDelivery) -> None:
        await self._call("PUT", api.DELIVERY.format(request_id=request_id, delivery_id=delivery_id), delivery)

    async def deliveries(self, request_id: str) -> list[Held] | None:
        """What this device handed over of a request, oldest first; None where the portal doesn't know the call.

        PortalAnswerInvalid for anything that this device didn't sign, or that is of another request.
        """
        found: dict[str, Held] = {}
        query: dict[str, str] = {}
        for _ in range(_MOST_PAGES):
            try:
                path = api.DELIVERIES.format(request_id=request_id)
                answer = await self._read("GET", path, api.HeldDeliveries, query=query, is_optional=True)
            except NoSuchCall:
                return None
            for item in answer.items:
                held = self._own(request_id, item)
                if held.delivery.delivery_id in found:
                    raise not_understood("the same delivery twice")
                found[held.delivery.delivery_id] = held
            if not answer.more:
                return list(found.values())
            if not answer.items:
                break
            query = {"after": next(reversed(found))}
        raise not_understood("a list of deliveries without an end")

    def _own(self, request_id: str, item: api.HeldDelivery) -> Held:
        try:
            delivery = open_document(item.delivery, Delivery, self._device.public)
        except HandoverError as error:
            raise not_understood("a delivery that this device did not sign") from error
        if delivery.request_id != request_id:
            raise not_understood("a delivery of another request")
        return Held(delivery, item.delivery, item.receipt)

    async def feedback(self, request_id: str, feedback_id: str, signed: Signed) -> None:
        """Bring an answer or rating. NoSuchCall where the portal carries none."""
        path = api.FEEDBACK.format(request_id=request_id, feedback_id=feedback_id)
        await self._call("PUT", path, signed, is_optional=True)

    async def checkpoint(self, note: str) -> None:
        await self._call("POST", api.CHECKPOINTS, api.Checkpoint(note=note), is_optional=True)

    async def offer(self, offer: Signed) -> None:
        await self._call("POST", api.OFFERS, offer)

    async def take_offer_back(self, offer_id: str) -> None:
        await self._call("DELETE", api.OFFER.format(offer_id=offer_id))

    async def witnessed(self) -> api.Witnessed:
        """What the portal holds of what this device signed; nothing where it doesn't know the call."""
        try:
            return await self._read("GET", api.CHECKPOINTS, api.Witnessed, is_optional=True)
        except NoSuchCall:
            return api.Witnessed()

    async def heartbeat(self, heartbeat: api.Heartbeat) -> None:
        await self._call("POST", api.HEARTBEAT, heartbeat)

    async def recorded_hours(self, signed: Signed) -> None:
        """Tell of which hours of a day there are recordings. NoSuchCall where the portal doesn't want to know."""
        await self._call("PUT", api.RECORDED_HOURS, signed, is_optional=True)

    async def _read(
        self,
        method: str,
        path: str,
        model: type[P],
        body: Part | None = None,
        query: dict[str, str] | None = None,
        extra_wait: int = 0,
        is_optional: bool = False,
    ) -> P:
        data = await self._call(method, path, body, query, extra_wait, is_optional)
        try:
            return parse_strictly(data, model, api.MAX_BODY)
        except DocumentInvalid as error:
            raise not_understood("an answer that is not the protocol's") from error

    async def _call(
        self,
        method: str,
        path: str,
        body: Part | None = None,
        query: dict[str, str] | None = None,
        extra_wait: int = 0,
        is_optional: bool = False,
    ) -> bytes:
        """The answer's body. ``is_optional``: not every portal knows the call, and one that doesn't may say so by any
        page.

        A token that is refused by a portal whose clock shows another time is made once more, by that time: what the
        portal's own leeway is, nobody here knows.
        """
        try:
            return await self._called(method, path, body, query, extra_wait, is_optional)
        except NotRecognised as error:
            if not self._time.follow(error.date):
                raise
            try:
                return await self._called(method, path, body, query, extra_wait, is_optional)
            except NotRecognised:
                self._time.go_back()  # it was not for its time
                raise

    async def _called(
        self,
        method: str,
        path: str,
        body: Part | None,
        query: dict[str, str] | None,
        extra_wait: int,
        is_optional: bool,
    ) -> bytes:
        timeout = aiohttp.ClientTimeout(total=30 + extra_wait, sock_connect=15) if extra_wait else _TIMEOUT
        headers = {"Accept": "application/json"}
        if path == api.INBOX:
            headers[api.KINDS_HEADER] = KINDS
        if path not in (api.FORCE, api.DEVICES):
            headers |= self.headers()
        data = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            data = body.model_dump_json().encode()
        try:
            async with self.session.request(
                method,
                self.url + path,
                params=query,
                data=data,
                headers=headers,
                allow_redirects=False,
                timeout=timeout,
            ) as answer:
                content = await read_bounded(answer)
                return _judge(answer, content, is_optional)
        except ssl.SSLError as error:
            raise _certificate(self.url, error) from error
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise _unreachable(self.url, why_unanswered(error)) from error
        except TimeoutError as error:
            raise _unreachable(self.url, "no answer in time", CallCut) from error
        except (aiohttp.ClientError, OSError) as error:
            raise _unreachable(self.url, why_unanswered(error), CallCut) from error


def home(url: str) -> str:
    """What a portal at this URL calls itself: its origin, with the path where several forces share a host."""
    return origin(url) + urlsplit(url).path.rstrip("/")


def origin(url: str) -> str:
    """``https://host:port`` of a URL, without a default port."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _judge(answer: aiohttp.ClientResponse, content: bytes, is_optional: bool) -> bytes:
    """What the portal said; only its own word is taken for a yes or a no."""
    status = answer.status
    if 300 <= status < 400:
        raise _in_between("a redirect to another place, which is not followed")
    if status in (408, 425, 429) or status >= 500:
        after = retry_after(answer.headers)
        if after is not None:
            raise PortalBusy(f"The portal can't answer now (status {status}).", meaning=_LATER, after=after)
        unable = CallCut if status in _GATEWAY else PortalUnreachable
        raise unable(f"The portal can't answer now (status {status}).", meaning=_LATER)
    if is_page(answer.headers, content) and not (is_optional and status in (404, 405)):
        raise _in_between(f"a page for people to read (status {status})")
    if 200 <= status < 300:
        return content
    title, detail = problem(content)
    reason = f": {quoted(detail or title)}" if detail or title else ""
    what = f"The portal refused (status {status}{reason})."
    if status == 401:
        raise NotRecognised(what, date=answer.headers.get("Date", ""))
    raise NoSuchCall(what) if status in (404, 405) else PortalRefused(what)


def _in_between(what: str) -> AnsweredInBetween:
    return AnsweredInBetween(
        f"In the portal's place came {what}.",
        meaning=f"Something on the way answered: a network that wants a log-in, a filter, a proxy. {_LATER}",
        do="Open a web page from this network; if it works, check the portal's address.",
    )


def _certificate(url: str, error: ssl.SSLError) -> PortalUnreachable:
    """Which of the four things that can be wrong with a certificate it is."""
    authority = (
        "Check the address. If the force has an authority of its own, put its certificate into a file and set "
        "portal.ca_file to it."
    )
    words = certificate_problem(error, f"the portal at {origin(url)}", to_rfc3339(SystemClock().now()), authority)
    if words is None:
        return _unreachable(url, "no TLS connection can be made")
    return PortalUnreachable(words[0], meaning=_LATER, do=words[1])


def _unreachable(url: str, why: str, kind: type[PortalUnreachable] = PortalUnreachable) -> PortalUnreachable:
    return kind(
        f"The portal at {origin(url)} does not answer ({why}).",
        meaning=_LATER,
        do="Check the internet connection and the portal's address.",
    )
