"""Where a camera's ONVIF device service is, and with what name and password it is asked.

Not for: streams (they are named by the camera), or keeping either (the settings and the store do).
"""

import re
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

DEVICE_SERVICE = "/onvif/device_service"
"""The path that ONVIF Core (5.1.1) requires for the device service."""


def _typeable(text: str) -> str:
    if any(letter < " " or letter == "\x7f" or "\ud800" <= letter <= "\udfff" for letter in text):
        raise ValueError("must not hold control characters or halves of letters")
    return text


UserName = Annotated[str, Field(max_length=128), AfterValidator(_typeable)]
Password = Annotated[str, Field(max_length=256), AfterValidator(_typeable)]
"""The one rule for both, at every door that they come in by: what is typed, what the recorder is told."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user name and a password. Neither is ever part of a URL, a message or a log; the password not of a repr."""

    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class CameraAddress:
    """The device service of one camera. ``pin``: once confirmed, SHA-256 of its TLS certificate in DER, in hex."""

    host: str
    port: int = 80
    path: str = DEVICE_SERVICE
    tls: bool = False
    pin: str | None = None

    @property
    def url(self) -> str:
        """As a URL, without user info."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}{self.path}"

    @classmethod
    def parse(cls, text: str, *, pin: str | None = None) -> "CameraAddress":
        """What an owner types, or a camera announces: "192.0.2.7", "camera:8080",
        "https://192.0.2.7/onvif/device_service".

        Raises ValueError with a sentence for the person; user info in a URL is refused, as it would end up shown.
        """
        text = text.strip()
        if len(text) > 512:
            raise ValueError("a camera's address has at most 512 characters")
        with_scheme = text if "://" in text else f"http://{_bracketed(text)}"
        try:
            parts = urlsplit(with_scheme)
            port = parts.port
        except ValueError:
            raise ValueError(f"{text!r} is not an address: write a host, host:port, or a URL") from None
        if parts.username is not None or parts.password is not None:
            raise ValueError("write the camera's user name and password apart from its address, not in the URL")
        if parts.scheme not in ("http", "https"):
            raise ValueError(f"a camera is asked by http or https, not by {parts.scheme}")
        host = parts.hostname or ""
        if not is_host(host):
            raise ValueError(f"{text!r} names no host: write a host, host:port, or a URL")
        tls = parts.scheme == "https"
        path = parts.path if parts.path not in ("", "/") else DEVICE_SERVICE
        if parts.query:
            path = f"{path}?{parts.query}"
        if not re.fullmatch(r"/[!-~]*", path):
            raise ValueError(f"{text!r} is not an address: its path has letters that a URL cannot have")
        return cls(host, port or (443 if tls else 80), path, tls, _pin(pin))


def _bracketed(text: str) -> str:
    try:
        return f"[{text}]" if ip_address(text).version == 6 else text
    except ValueError:
        return text


def is_host(host: str) -> bool:
    """Whether this is an IP address, or may be a host's name."""
    if ":" in host:
        try:
            ip_address(host)
        except ValueError:
            return False
        return True
    return bool(re.fullmatch(r"(?!-)[A-Za-z0-9_-]{1,63}(\.(?!-)[A-Za-z0-9_-]{1,63})*\.?", host))


def _pin(pin: str | None) -> str | None:
    if pin is None:
        return None
    digits = pin.replace(":", "").strip().lower()
    if not re.fullmatch("[0-9a-f]{64}", digits):
        raise ValueError("a certificate's fingerprint is 64 hexadecimal digits (SHA-256)")
    return digits
