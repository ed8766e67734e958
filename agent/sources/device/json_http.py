"""What sources share whose recorders answer JSON over HTTP and tell UTC: their JSON, their clock by Date, addresses.

Not for: HTTP itself (``agent.devices.http``), or recorders that speak local time (``device_time``).
"""

import ipaddress
import json
from http.cookies import CookieError, SimpleCookie
from typing import TypeVar
from urllib.parse import urlsplit

from pydantic import TypeAdapter, ValidationError

from agent.devices.clock import ClockCheck
from agent.devices.device_time import DeviceTime
from agent.devices.http import Answer, Http
from agent.sources.device.orders import Json, Order, Report
from exchange.complaints import complaint

Read = TypeVar("Read")

_WHOLE_SECONDS = 2_000_000
"""Microseconds of uncertainty that one comparison by whole seconds leaves, with time for the way."""


def parsed(http: Http, answer: Answer, wanted: TypeAdapter[Read]) -> Read:
    """An answer's JSON as what it must be. CameraAnswerInvalid when it is not."""
    try:
        return wanted.validate_python(json.loads(answer.content))
    except (ValueError, RecursionError) as error:
        how = "its answer is not JSON"
        if isinstance(error, ValidationError):
            how = f"its answer is not as expected ({complaint(error)[:160]})"
        raise http.nonsense(how) from None


def error_text(answer: Answer) -> str:
    """The beginning of an error's text, fit to be shown."""
    text = answer.content[:400].decode("utf-8", "replace")
    return "".join(letter if letter.isprintable() else " " for letter in text).strip()[:150] or "nothing"


def cookies_of(answer: Answer) -> str:
    """A session's cookies, as the header that brings them back; "" where there are none, or they can't be read."""
    try:
        cookies = SimpleCookie(answer.headers.get("set-cookie", ""))
    except CookieError:
        return ""
    return "; ".join(f"{name}={each.value}" for name, each in cookies.items())


def with_port(address: str, port: int) -> str:
    """The address, with the port that such a recorder usually has where the owner typed none."""
    scheme, mark, rest = address.partition("://")
    if not mark:
        scheme, rest = "http", address
    host, slash, path = rest.partition("/")
    try:
        typed = urlsplit(f"//{host}").port
    except ValueError:
        return address
    return f"{scheme}://{host}{'' if typed is not None else f':{port}'}{slash}{path}"


def is_own_host(host: str) -> bool:
    """Whether what is sent there never leaves this machine."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def time_of(order: Order, check: ClockCheck | None, zone: str = "UTC") -> DeviceTime:
    """How the recorder's times relate to ours. An offset that its own uncertainty covers is none: clocks are compared
    by whole seconds, and better times would be made worse by it. A range of offsets is no such thing."""
    time = order.time(check, zone=zone)
    if abs(time.offset_us) <= time.uncertainty_us <= _WHOLE_SECONDS:
        return DeviceTime(0, time.uncertainty_us, time.zone)
    return time


def date_compared(order: Order, http: Http, answer: Answer, target: str) -> ClockCheck | None:
    """The clock by an answer's Date header, and, where it is to be narrow, by those of some more; ``target`` is what
    the recorder has least to do with."""
    first = answer.date()
    if first is None:
        return None
    return order.compared(first, lambda: http.ask(target, statuses=(200, 301, 302, 400, 404)).date())


class Tally:
    """Progress over several downloads of one fetch: bytes only grow."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._before = 0
        self._now = 0

    def __call__(self, reported: Json) -> None:
        self._now = int(reported["bytes"])
        self._report({"bytes": self._before + self._now, "total": None})

    def next(self) -> None:
        """Another download begins."""
        self._before, self._now = self._before + self._now, 0

    @property
    def bytes(self) -> int:
        return self._before + self._now
