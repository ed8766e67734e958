"""Whose address a call came from when proxies stand in front: only those that are named are believed.

Not for: allowing plain HTTP (``handover-portal serve --behind-proxy``).
"""

import ipaddress
from collections.abc import Iterable

MOST_HOPS = 20
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Proxies:
    def __init__(self, networks: Iterable[str] = ()) -> None:
        self._networks: tuple[Network, ...] = tuple(ipaddress.ip_network(each, strict=False) for each in networks)

    def caller(self, peer: str | None, forwarded: Iterable[str]) -> str | None:
        """The address that the nearest proxy which is not ours saw, or the caller's own.

        ``forwarded``: the headers ``X-Forwarded-For`` in their order; each proxy adds at the end whom it saw. What a
        caller wrote there itself stands before, and is never reached.
        """
        hops = [hop.strip() for line in forwarded for hop in line.split(",")][-MOST_HOPS:]
        address = peer
        while hops and self._is_ours(address):
            said = _address(hops.pop())
            if said is None:
                break
            address = said
        return address

    def _is_ours(self, address: str | None) -> bool:
        if not self._networks or address is None:
            return False
        try:
            ip = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return False
        ip = getattr(ip, "ipv4_mapped", None) or ip
        return any(ip in network for network in self._networks)


def _address(text: str) -> str | None:
    """Also as ``[2001:db8::1]:443`` or ``192.0.2.1:443``, which some proxies write."""
    for form in (text, text.partition("]")[0].removeprefix("["), text.rpartition(":")[0]):
        try:
            return str(ipaddress.ip_address(form))
        except ValueError:
            continue
    return None
