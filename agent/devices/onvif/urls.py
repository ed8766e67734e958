"""Where a camera's services and streams are for us, when what it calls itself is wrong from where we stand.

Not for: deciding where the device service is (the owner or discovery said that, and it was reached there).
"""

from ipaddress import ip_address
from urllib.parse import quote, urlsplit, urlunsplit

from agent.devices.address import CameraAddress, Credentials

_MOST = 1024


class Reached:
    """The address at which the camera was reached; ``notes`` are added to when something is rewritten."""

    def __init__(self, address: CameraAddress, notes: list[str]) -> None:
        self.address, self.notes = address, notes

    def service(self, xaddr: object) -> str | None:
        """A service's address on the host that was reached. No other host is ever asked, whatever a camera says."""
        parts = _parts(xaddr)
        if parts is None or parts.scheme not in ("http", "https"):
            return None
        base = urlsplit(self.address.url)
        same = parts.hostname == base.hostname and parts.scheme == base.scheme
        if not same and parts.hostname != base.hostname:
            self.notes.append(
                f"It names {parts.hostname} as its address; it was reached at {base.hostname}, and asked there."
            )
        netloc = _netloc(base.hostname or "", parts.port or base.port) if same else base.netloc
        return urlunsplit((base.scheme, netloc, parts.path or "/", parts.query, ""))

    def stream(self, uri: object, credentials: Credentials | None) -> str | None:
        """A stream's address on the host that was reached, without user info; None when it is not an RTSP address."""
        parts = _parts(uri)
        if parts is None or parts.scheme not in ("rtsp", "rtsps"):
            return None
        if parts.hostname != self.address.host:
            self.notes.append(
                f"It names {parts.hostname} in its streams' addresses; it was reached at {self.address.host}, "
                "and they were changed to that."
            )
        if parts.username is not None or parts.password is not None:
            self.notes.append("It puts a user name in its streams' addresses; it was left out.")
        netloc = _netloc(self.address.host, parts.port)
        whole = urlunsplit((parts.scheme, netloc, parts.path, parts.query, ""))
        whole = "".join(letter if "!" <= letter <= "~" else quote(letter) for letter in whole)
        return _without_password(whole, netloc, credentials, self.notes) if len(whole) <= _MOST else None


def _without_password(uri: str, netloc: str, credentials: Credentials | None, notes: list[str]) -> str:
    """Some put the password into the path or query; in what is stored and shown, ``{password}`` stands there."""
    head, _, tail = uri.partition(netloc)
    for secret in {credentials.password, quote(credentials.password, safe="")} if credentials else ():
        if len(secret) >= 4 and secret in tail:
            notes.append("It puts the password itself in its streams' addresses; {password} is kept in its place.")
            tail = tail.replace(secret, "{password}")
    return f"{head}{netloc}{tail}"


class _Parts:
    """What ``urlsplit`` gives, with its port read, which may fail."""

    def __init__(self, text: str) -> None:
        split = urlsplit(text)
        self.scheme, self.hostname, self.port = split.scheme.lower(), split.hostname or "", split.port
        self.path, self.query = split.path, split.query
        self.username, self.password = split.username, split.password


def _parts(text: object) -> _Parts | None:
    if not isinstance(text, str) or len(text) > _MOST:
        return None
    try:
        parts = _Parts(text.strip())
    except ValueError:
        return None
    return parts if parts.hostname else None


def _netloc(host: str, port: int | None) -> str:
    try:
        bare = f"[{host}]" if ip_address(host).version == 6 else host
    except ValueError:
        bare = host
    return f"{bare}:{port}" if port else bare
