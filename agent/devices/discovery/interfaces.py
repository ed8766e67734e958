"""Which IPv4 addresses this machine has, on which interfaces: what discovery asks from.

Not for: changing or watching them.
"""

import array
import fcntl
import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass

# netdevice(7), linux/if.h, linux/sockios.h
_SIOCGIFCONF = 0x8912
_SIOCGIFFLAGS = 0x8913
_IFF_UP = 0x1
_IFF_LOOPBACK = 0x8
_IFF_MULTICAST = 0x1000
_NAME = 16
# struct ifreq: the name, then a union whose largest member, struct ifmap, is 24 bytes, or 16 with 32-bit pointers.
_REQUEST = _NAME + (24 if struct.calcsize("P") == 8 else 16)
_MOST = 256


@dataclass(frozen=True, slots=True)
class Interface:
    """One IPv4 address of one interface that is up."""

    name: str
    address: str
    loopback: bool
    multicast: bool


def interfaces() -> list[Interface]:
    """Every IPv4 address of every interface that is up."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        room = array.array("B", bytes(_REQUEST * _MOST))
        start, _ = room.buffer_info()
        used, _ = struct.unpack("iP", fcntl.ioctl(probe, _SIOCGIFCONF, struct.pack("iP", len(room), start)))
        found = []
        for at in range(0, used, _REQUEST):
            entry = room[at : at + _REQUEST].tobytes()
            name = entry[:_NAME].split(b"\0", 1)[0]
            asked = fcntl.ioctl(probe, _SIOCGIFFLAGS, name.ljust(_REQUEST, b"\0"))
            (flags,) = struct.unpack_from("H", asked, _NAME)
            if flags & _IFF_UP:
                # struct sockaddr_in: family, port, address.
                address = socket.inet_ntoa(entry[_NAME + 4 : _NAME + 8])
                found.append(
                    Interface(name.decode(), address, bool(flags & _IFF_LOOPBACK), bool(flags & _IFF_MULTICAST))
                )
        return found


def chosen(wanted: Sequence[str] | None) -> tuple[list[Interface], list[str]]:
    """The interfaces named (by name or address), and the names that fit none.

    None means all that can multicast, but loopback, which is asked only when it is named.
    """
    up = interfaces()
    if wanted is None:
        return [one for one in up if one.multicast and not one.loopback], []
    missing = [name for name in wanted if not any(name in (one.name, one.address) for one in up)]
    return [one for one in up if one.name in wanted or one.address in wanted], missing
