"""Looks through the files that were brought by hand, as through a folder's.

Not for: taking them from a browser (the owner's page does).
"""

from agent.sources.by_hand.options import Options
from agent.sources.device.orders import Order
from agent.sources.device.session import Identity
from agent.sources.folder import session as folder


class Session(folder.Session):
    def __init__(self, order: Order, options: Options) -> None:
        super().__init__(order, options)
        self._app = options.app

    def identity(self) -> Identity:
        return Identity(make=self._app)
