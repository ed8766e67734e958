"""Where the owner's page is found, and by which names.

Not for: serving it (the page's own room does).
"""

import socket

from agent.settings.page import PageSettings

_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_ALL = ("0.0.0.0", "::")  # noqa: S104 compared, not bound


def is_open(page: PageSettings) -> bool:
    """Whether others on the network can reach it."""
    return page.address not in _LOOPBACK


def url_of(page: PageSettings) -> str:
    """Where a person on this machine, or in the network, finds it."""
    if not is_open(page):
        return f"http://localhost:{page.port}"
    name = page.names[0] if page.names else page.address
    return f"https://{_own_address() if name in _ALL else name}:{page.port}"


def _own_address() -> str:
    """The address by which the network knows this machine, as far as it tells; no packet is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
            return str(probe.getsockname()[0])
        except OSError:
            return socket.gethostname()


def names_of(page: PageSettings) -> frozenset[str]:
    """What the page may be called by, beside the address that it is reached at."""
    own = socket.gethostname().lower()
    return frozenset({"localhost", "127.0.0.1", "::1", own, f"{own}.local", *map(str.lower, page.names)})


def certified_names(page: PageSettings) -> list[str]:
    """What the page's certificate is made out to."""
    return sorted(names_of(page) | ({page.address, _own_address()} - set(_ALL)))
