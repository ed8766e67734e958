"""A recorder's HTTP: logged in, bounded, resumed, and told apart when it fails."""

import hashlib
import http.server
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme
from pydantic import TypeAdapter

from agent.devices.address import Credentials
from agent.devices.download import Destination
from agent.devices.http import Http
from agent.sources.device.json_http import parsed
from exchange.clock import SystemClock
from exchange.errors import (
    CameraAnswerInvalid,
    CameraRefused,
    CameraUnreachable,
    CertificateChanged,
    InputInvalid,
    NoFootage,
)

CONTENT = bytes(range(256)) * 4096
LOGIN = Credentials("viewer", "right horse")
Behave = Callable[[Any], None]


@contextmanager
def served(behave: Behave, tls: trustme.LeafCert | None = None) -> Iterator[int]:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            behave(self)

        def log_message(self, *_: object) -> None: ...

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls is not None:
        import ssl

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.configure_cert(context)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        server.handle_error = lambda *_: None  # type: ignore[method-assign]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def send(handler: Any, content: bytes, status: int = 200, **headers: str) -> None:
    handler.send_response(status)
    for name, value in {"Content-Length": str(len(content)), **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(content)


_OPEN: list[Http] = []


def client(port: int | str, login: Credentials | None = None, **more: Any) -> Http:
    address = port if isinstance(port, str) else f"127.0.0.1:{port}"
    _OPEN.append(Http(address, login, more.pop("timeout", 1.0), SystemClock().now, **more))
    return _OPEN[-1]


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    while _OPEN:
        _OPEN.pop().close()


def download(http_: Http, into: Path, **more: Any) -> Path:
    to = Destination(into, "file.mp4", more.pop("most_bytes", 1 << 24), more.pop("report", lambda _: None))
    return http_.download("/file", to, **more)


def test_a_download_is_whole_under_its_name_and_tells_how_far_it_is(tmp_path: Path) -> None:
    told: list[dict[str, Any]] = []
    with served(lambda handler: send(handler, CONTENT)) as port:
        path = download(client(port), tmp_path, report=told.append)
    assert path.read_bytes() == CONTENT
    assert told[-1] == {"bytes": len(CONTENT), "total": len(CONTENT)}
    assert sorted(each.name for each in tmp_path.iterdir()) == ["file.mp4"]


def test_a_download_that_broke_off_goes_on_where_it_stopped(tmp_path: Path) -> None:
    asked: list[str | None] = []

    def behave(handler: Any) -> None:
        wanted = handler.headers.get("Range")
        asked.append(wanted)
        if wanted is None:
            handler.send_response(200)
            handler.send_header("Content-Length", str(len(CONTENT)))
            handler.end_headers()
            handler.wfile.write(CONTENT[:500_000])
            handler.close_connection = True
            return
        start = int(wanted.removeprefix("bytes=").removesuffix("-"))
        span = f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}"
        send(handler, CONTENT[start:], 206, Content_Range=span)

    with served(behave) as port:
        with pytest.raises(CameraUnreachable):
            download(client(port), tmp_path)
        assert not (tmp_path / "file.mp4").exists()
        path = download(client(port), tmp_path)
    assert path.read_bytes() == CONTENT
    assert asked == [None, "bytes=500000-"]


def test_a_part_of_another_file_is_not_gone_on_with(tmp_path: Path) -> None:
    contents = [CONTENT, CONTENT[::-1]]

    def behave(handler: Any) -> None:
        content = contents[0]
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(content)))
        handler.send_header("ETag", str(hash(content)))
        handler.end_headers()
        handler.wfile.write(content[: len(content) // len(contents)])
        handler.close_connection = True
        contents.pop(0)

    with served(behave) as port:
        with pytest.raises(CameraUnreachable):
            download(client(port), tmp_path)
        assert download(client(port), tmp_path).read_bytes() == CONTENT[::-1]


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
def test_digest_opens_and_the_password_is_never_sent_readable(tmp_path: Path, algorithm: str) -> None:
    seen: list[str] = []

    def behave(handler: Any) -> None:
        told = handler.headers.get("Authorization", "")
        seen.append(told)
        challenge = f'Digest realm="x", nonce="n1", qop="auth", algorithm={algorithm}'
        send(handler, CONTENT) if "response=" in told else send(handler, b"", 401, WWW_Authenticate=challenge)

    with served(behave) as port:
        assert client(port, LOGIN).ask("/a").content == CONTENT
    assert len(seen) == 2
    assert "horse" not in "".join(seen)


def test_a_wrong_password_is_tried_once(tmp_path: Path) -> None:
    count = []

    def behave(handler: Any) -> None:
        count.append(1)
        send(handler, b"no", 401, WWW_Authenticate='Digest realm="x", nonce="n1", qop="auth"')

    with served(behave) as port, pytest.raises(CameraRefused, match="user name or password"):
        client(port, LOGIN).ask("/a")
    assert len(count) == 2


def test_basic_is_refused_without_tls_unless_allowed() -> None:
    def behave(handler: Any) -> None:
        told = handler.headers.get("Authorization", "")
        send(handler, b"in") if told else send(handler, b"", 401, WWW_Authenticate='Basic realm="x"')

    with served(behave) as port:
        with pytest.raises(CameraRefused, match="anyone on the network"):
            client(port, LOGIN).ask("/a")
        assert client(port, LOGIN, basic=True).ask("/a").content == b"in"


def test_silence_is_unreachable_after_the_timeout() -> None:
    quiet = threading.Event()
    with served(lambda _handler: quiet.wait(5) and None) as port:
        with pytest.raises(CameraUnreachable, match="stopped answering"):
            client(port, timeout=0.2).ask("/a")
        quiet.set()


def test_nobody_there_is_unreachable(unused_tcp_port: int) -> None:
    with pytest.raises(CameraUnreachable):
        client(unused_tcp_port).ask("/a")


def test_too_much_is_refused(tmp_path: Path) -> None:
    with served(lambda handler: send(handler, CONTENT)) as port:
        with pytest.raises(CameraAnswerInvalid):
            client(port).ask("/a", most=1000)
        with pytest.raises(CameraAnswerInvalid):
            download(client(port), tmp_path, most_bytes=1000)
    assert not (tmp_path / "file.mp4").exists()


def test_what_is_gone_from_the_recorder_is_no_footage(tmp_path: Path) -> None:
    with served(lambda handler: send(handler, b"", 404)) as port, pytest.raises(NoFootage):
        download(client(port), tmp_path)


def test_redirects_are_not_followed() -> None:
    footage_sources = {"Location": "http://192.0.2.1/"}
    with (
        served(lambda handler: send(handler, b"", 302, **footage_sources)) as port,
        pytest.raises(CameraAnswerInvalid, match="302"),
    ):
        client(port).ask("/a")


def test_a_certificate_must_be_the_pinned_one() -> None:
    from hashlib import sha256
    from ssl import PEM_cert_to_DER_cert

    leaf = trustme.CA().issue_cert("127.0.0.1")
    pin = sha256(PEM_cert_to_DER_cert(leaf.cert_chain_pems[0].bytes().decode())).hexdigest()
    with served(lambda handler: send(handler, b"in"), leaf) as port:
        address = f"https://127.0.0.1:{port}"
        with pytest.raises(CertificateChanged, match=pin):
            client(address).ask("/a")
        with pytest.raises(CertificateChanged, match="another certificate"):
            client(address, pin="0" * 64).ask("/a")
        assert client(address, pin=pin).ask("/a").content == b"in"


def test_the_date_header_is_a_clock() -> None:
    with served(lambda handler: send(handler, b"in")) as port:
        check = client(port).ask("/a").date()
    assert check is not None
    assert abs(check.offset_us) <= 2_000_000


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"{", "its answer is not JSON"),
        (b'[{"hidden": "x"}]', "its answer is not as expected (0.hidden: it is no whole number)"),
        (b'[{"a\\nb": "x"}]', "its answer is not as expected (0.a?b: it is no whole number)"),
    ],
)
def test_an_answer_that_is_not_as_expected_is_told_in_words_without_what_it_holds(content: bytes, told: str) -> None:
    with served(lambda handler: send(handler, content)) as port:
        asked = client(port)
        with pytest.raises(CameraAnswerInvalid) as raised:
            parsed(asked, asked.ask("/a"), TypeAdapter(list[dict[str, int]]))
    assert raised.value.what.endswith(f"can't be used: {told}.")


@pytest.mark.parametrize("address", ["ftp://x", "http://u:p@x", "http://", "x:99999"])
def test_what_is_no_address_is_told(address: str) -> None:
    with pytest.raises(InputInvalid):
        Http(address, None, 1.0, SystemClock().now)


@pytest.fixture
def unused_tcp_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def keeper(challenge: str, expected: Callable[[dict[str, str], str], str], uses: int = 9) -> Behave:
    """Lets in who answers ``challenge`` as ``expected`` has it, so many times by one nonce; the header is bytes."""
    issued = [0, uses]

    def behave(handler: Any) -> None:
        header = handler.headers.get("Authorization", "")
        answer = {name: quoted or bare for name, quoted, bare in re.findall(r'(\w+)=(?:"([^"]*)"|([^\s,]+))', header)}
        good = answer.get("nonce") == f"n{issued[0]}" and answer.get("response") == expected(answer, handler.path)
        if good and issued[1] < uses:
            issued[1] += 1
            return send(handler, b"in")
        issued[:] = [issued[0] + 1, 0]
        return send(handler, b"", 401, WWW_Authenticate=challenge.format(f"n{issued[0]}").encode().decode("latin-1"))

    return behave


def md5(*parts: str) -> str:
    return hashlib.md5(":".join(parts).encode(), usedforsecurity=False).hexdigest()


def plain(user: str, realm: str, password: str) -> Callable[[dict[str, str], str], str]:
    return lambda answer, path: md5(md5(user, realm, password), answer["nonce"], md5("GET", path))


def whole(answer: dict[str, str], path: str) -> str:
    secret, what = md5("viewer", "r", "right horse"), md5("GET", path, md5(""))
    return md5(secret, answer["nonce"], answer["nc"], answer["cnonce"], "auth-int", what)


ABROAD = Credentials("J\u00fcrgen \u7ba1", "p\u00e4ss")
OURS = plain(LOGIN.user, "r", LOGIN.password)
KEEPERS = {
    "a nonce for one use, and no word of it": (keeper('Digest realm="r", nonce="{}"', OURS, 1), LOGIN),
    "no algorithm in its place": (keeper('Digest realm="r", nonce="{}", algorithm=""', OURS), LOGIN),
    "other separators": (keeper('Digest realm="r"; nonce="{}"', OURS), LOGIN),
    "a realm that is no ASCII": (
        keeper('Digest realm="K\u00fcche", nonce="{}"', plain(LOGIN.user, "K\u00fcche", LOGIN.password)),
        LOGIN,
    ),
    "a user that is no Latin-1": (
        keeper('Digest realm="r", nonce="{}"', plain(ABROAD.user, "r", ABROAD.password)),
        ABROAD,
    ),
    "the body hashed too": (keeper('Digest realm="r", nonce="{}", qop="auth-int"', whole), LOGIN),
}


@pytest.mark.parametrize("how", KEEPERS)
def test_digest_is_answered_as_recorders_ask_for_it(how: str) -> None:
    behave, login = KEEPERS[how]
    with served(behave) as port:
        asked = client(port, login)
        assert [asked.ask(f"/{number}").content for number in range(3)] == [b"in"] * 3


@pytest.mark.parametrize("line", ["Copyright Acme Werke", "Server : Acme"])
def test_a_header_with_lines_that_are_none_is_read(line: str) -> None:
    def behave(handler: Any) -> None:
        handler.wfile.write(f"HTTP/1.1 200 OK\r\n{line}\r\nContent-Length : 5\r\n\r\nwhole".encode())

    with served(behave) as port:
        asked = client(port)
        assert [asked.ask("/a").content for _ in range(2)] == [b"whole"] * 2


def test_a_header_of_lines_that_are_none_has_an_end() -> None:
    def behave(handler: Any) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n" + b"nothing\r\n" * 101 + b"Content-Length: 5\r\n\r\nwhole")
        handler.close_connection = True

    with served(behave) as port, pytest.raises(CameraAnswerInvalid, match="does not speak HTTP"):
        client(port).ask("/a")


@pytest.mark.parametrize("headers", [{"Content_Type": "text/html"}, {"Content_Encoding": "gzip"}])
def test_a_page_is_no_recording(tmp_path: Path, headers: dict[str, str]) -> None:
    with served(lambda handler: send(handler, b" <html>Please log in</html>", **headers)) as port:
        with pytest.raises(CameraAnswerInvalid, match="in place of a recording"):
            download(client(port), tmp_path)
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("range_of", ["bytes {}-{}/*", "bytes 0-{1}/{2}", ""])
def test_a_part_that_is_another_than_was_asked_for_is_asked_for_whole_at_once(tmp_path: Path, range_of: str) -> None:
    asked: list[str] = []

    def behave(handler: Any) -> None:
        begin = handler.headers.get("Range", "")
        asked.append(begin)
        if len(asked) == 1:
            handler.send_response(200)
            handler.send_header("Content-Length", str(len(CONTENT)))
            handler.end_headers()
            handler.wfile.write(CONTENT[: len(CONTENT) // 2])
            handler.close_connection = True
        elif begin:
            said = range_of.format(begin[6:-1], len(CONTENT) - 1, len(CONTENT))
            send(handler, CONTENT[int(begin[6:-1]) :], 206, **({"Content_Range": said} if said else {}))
        else:
            send(handler, CONTENT)

    with served(behave) as port:
        with pytest.raises(CameraUnreachable):
            download(client(port), tmp_path)
        assert download(client(port), tmp_path).read_bytes() == CONTENT
    assert asked == ["", f"bytes={len(CONTENT) // 2}-", ""]
