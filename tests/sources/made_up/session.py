"""One recorder that nobody makes: a list in JSON, and whole files by their numbers. In worker processes only."""

from typing import Annotated

from pydantic import BaseModel, Field, TypeAdapter

from agent.devices.http import Http
from agent.footage.files.torn import is_torn
from agent.sources.device.json_http import date_compared, is_own_host, parsed, time_of
from agent.sources.device.kind import DeviceOptions
from agent.sources.device.orders import FetchedFile, FetchOrder, FoundSpan, Order, Report
from agent.sources.device.session import HttpSession
from exchange.clock import MINUTE, Window


class Entry(BaseModel):
    number: Annotated[int, Field(ge=0)]
    start: int
    end: int
    growing: bool


class Session(HttpSession[DeviceOptions]):
    def __init__(self, order: Order, options: DeviceOptions) -> None:
        super().__init__(order, options)
        self.http = Http(order.address, order.login, order.timeout, order.now)
        self.http.basic = is_own_host(self.http.host)

    def open(self) -> None:
        answer = self.http.ask("/list")
        self.check = date_compared(self.order, self.http, answer, "/list")
        self.entries = parsed(self.http, answer, TypeAdapter(list[Entry]))

    def spans(self, window: Window) -> list[FoundSpan]:
        return [self._span(each) for each in self.entries]

    def _span(self, entry: Entry) -> FoundSpan:
        start, end = (time_of(self.order, self.check).from_device(at) for at in (entry.start, entry.end))
        return FoundSpan(start=start, end=end, reference=str(entry.number), finished=not entry.growing)

    def find_oldest(self) -> int | None:
        return min((self._span(each).start for each in self.entries), default=None)

    def fetch(self, order: FetchOrder, report: Report) -> list[FetchedFile]:
        name = f"{int(order.reference)}.mp4"
        target = f"/file/{int(order.reference)}"
        path = self.http.download(target, order.destination(name, report))
        unsure = MINUTE // 60 if self.check is None else self.check.uncertainty_us
        return [FetchedFile(name=name, start=order.start, torn=is_torn(path, "mp4"), uncertainty_us=unsure)]
