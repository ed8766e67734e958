"""Where a camera's services and streams are for us, when what it calls itself is wrong from where we stand.

Not for: deciding where the device service is (the owner or discovery said that, and it was reached there).
"""

import re
from ipaddress import ip_address
from urllib.parse import quote, urljoin, urlsplit, urlunsplit

from agent.devices.address import CameraAddress, Credentials

_MOST = 1024
_HOST_AND_PORT = re.compile(r"(?:\d{1,3}(?:\.\d{1,3}){3}|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?|[A-Za-z0-9.-]+:\d{1,5}")


class Reached:
    """The address at which the camera was reached; ``notes`` are added to when something is rewritten."""

    def __init__(self, address: CameraAddress, notes: list[str]) -> None:
        self.address, self.notes = address, notes

    def service(self, xaddr: object) -> str | None:
        """A service's address on the host that was reached. No other host is ever asked, whatever a camera says."""
        base = urlsplit(self.address.url)
        found = [parts for each in _words(xaddr) if (parts := _service_parts(each, base.path)) is not None]
        if not found:
            return None
        parts = min(found, key=lambda each: each.hostname != base.hostname)  # some list IPv4 and IPv6
        same = parts.hostname == base.hostname and parts.scheme == base.scheme
        if not same and parts.hostname and parts.hostname != base.hostname:
            self.notes.append(
                f"It names {parts.hostname} as its address; it was reached at {base.hostname}, and asked there."
            )
        netloc = _netloc(base.hostname or "", parts.port or base.port) if same else base.netloc
        return urlunsplit((base.scheme, netloc, parts.path or "/", parts.query, ""))

    def stream(self, uri: object, credentials: Credentials | None) -> str | None:
        """A stream's address on the host that was reached, without user info; None when it is not an RTSP address."""
        parts = _stream_parts(uri, credentials)
        if parts is None:
            return None
        if parts.hostname and parts.hostname != self.address.host:
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


def _words(text: object) -> list[str]:
    return text.split()[:8] if isinstance(text, str) and len(text) <= 4 * _MOST else []


def _service_parts(text: str, base_path: str) -> _Parts | None:
    """A service's address, also one that is only a path, lacks its scheme, or names a host that can't be one."""
    if "://" not in text:
        first = text.partition("/")[0]
        if _HOST_AND_PORT.fullmatch(first):
            text = f"http://{text}"
        elif text.startswith("/") or (first and first == base_path.strip("/").partition("/")[0]):
            text = f"http:///{text.lstrip('/')}"
        else:
            text = urljoin(f"http://{base_path}", text)
    return _parts(text, ("http", "https"))


def _stream_parts(uri: object, credentials: Credentials | None) -> _Parts | None:
    """A stream's address, in the same ways. Where the login is written into it as it is, whatever letters it has, it
    goes first: what follows an ``@`` or a slash in it would be taken for the address."""
    if not isinstance(uri, str) or len(uri) > _MOST:
        return None
    text = uri.strip()
    if "&amp;" in text:
        text = text.replace("&amp;", "&")  # written for XML twice
    if credentials is not None and credentials.password:
        text = text.replace(f"://{credentials.user}:{credentials.password}@", "://-@", 1)
    if "://" not in text:
        host = _HOST_AND_PORT.fullmatch(text.partition("/")[0])
        if not host and not text.startswith("/"):
            return None
        text = f"rtsp://{text}"
    return _parts(text, ("rtsp", "rtsps"))


def _parts(text: str, schemes: tuple[str, str]) -> _Parts | None:
    """None unless it is of one of the schemes. A host that can't be one is left out: no other is asked than the one
    that was reached."""
    if len(text) > _MOST:
        return None
    try:
        parts = _Parts(text)
    except ValueError:
        try:
            parts = _Parts(re.sub(r"^([A-Za-z]+://)[^/]*", r"\1", text))
        except ValueError:
            return None
    return parts if parts.scheme in schemes and (parts.hostname or parts.path.strip("/")) else None


def _netloc(host: str, port: int | None) -> str:
    try:
        bare = f"[{host}]" if ip_address(host).version == 6 else host
    except ValueError:
        bare = host
    return f"{bare}:{port}" if port else bare
