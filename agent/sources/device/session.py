"""One recorder while a job lasts: opened, its clock read before all else, closed whatever happens.

Not for: what any brand is asked (``hikvision_talk``, ``dahua_talk``). In worker processes only.
"""

from typing import Generic, Protocol, Self, TypeVar

from agent.devices.http import Http
from agent.devices.time_zones import zone_of
from agent.sources.device.orders import Order
from exchange.errors import InputInvalid


class Zoned(Protocol):
    """Options of a recorder that speaks local time. ``zone``: as its owner typed it; empty: as it says itself."""

    @property
    def zone(self) -> str: ...


Options = TypeVar("Options", bound=Zoned)
Asked = TypeVar("Asked", bound=Http)


class DeviceTalk(Generic[Asked, Options]):
    """Close it, or use ``with``. ``notes``: what the owner and the officer should know, a sentence each.

    Making one raises InputInvalid for a zone that is none, and what ``meet`` raises; then it is closed already.
    """

    def __init__(self, order: Order, options: Options, http: Asked) -> None:
        self.order, self.options, self.http = order, options, http
        self.notes: list[str] = []
        try:
            _known(options.zone)
            self.meet()
        except BaseException:
            http.close()
            raise

    def meet(self) -> None:
        """Read its clock, and whatever else is wanted of every job."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()


def _known(zone: str) -> None:
    try:
        zone_of(zone)
    except ValueError as error:
        raise InputInvalid(
            f"{zone!r} is no time zone.", do="Write it as --option zone=Europe/London, or as +01:00."
        ) from error
