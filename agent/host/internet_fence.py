"""Whether systemd's ``IPAddressDeny`` really keeps this process off the internet, which takes a kernel that can do it.

Not for: keeping it off (the recorder's unit does). Asked once, at the start of a service.
"""

import errno
import logging
import os
import socket

log = logging.getLogger(__name__)

_NOBODY = ("192.0.2.1", 9)
"""An address of documentation (RFC 5737), which no network has; the port that throws away (RFC 863)."""


def is_enforced() -> bool | None:
    """Whether a packet to a public address is refused here; None where nothing leads there anyway.

    One empty datagram is tried, which may make one hop (IP_TTL) and is for nobody.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 1)
        try:
            out.sendto(b"", _NOBODY)
        except PermissionError:
            return True
        except OSError as error:
            return None if error.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN) else False
    return False


def warn_if_open() -> None:
    """As a service of systemd: say so when this process may open connections to the internet after all."""
    if "INVOCATION_ID" in os.environ and is_enforced() is False:
        log.warning(
            "This system does not enforce the unit's IPAddressDeny: the recorder could reach the internet. It never"
            " does by itself, but a camera that took it over could. Block it in your router, or use a kernel with"
            " cgroup BPF, as Debian's and Raspberry Pi OS's are."
        )
