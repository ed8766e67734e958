"""A mail is read in a worker, and whatever it is made of, what is shown of it is text, theirs, and bounded."""

from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from agent.records.correspondence.kept import READING
from agent.records.correspondence.mail_job import job
from agent.workers.process import run_job


def read(folder: Path, content: bytes) -> dict[str, Any]:
    path = folder / "mail.eml"
    path.write_bytes(content)
    return job({"path": str(path)}, lambda _: None)


def test_the_words_of_html_are_shown_and_nothing_else_of_it(tmp_path: Path) -> None:
    message = EmailMessage()
    message["Subject"] = "Hi \u202egnp.exe"
    message.set_content(
        "<html><head><style>p{color:red}</style><script>alert(1)</script></head><body>"
        '<p>Look <b>here</b></p><img src="http://evil.example/x.png"><a href="javascript:alert(1)">link</a>'
        "<p>\u202etxet desrever\u202c</p></body></html>",
        subtype="html",
    )
    found = read(tmp_path, message.as_bytes())
    assert found["subject"] == "Hi gnp.exe"
    assert found["text"].split() == ["Look", "here", "link", "txet", "desrever"]


def test_plain_words_go_before_html_and_a_mail_within_is_an_attachment(tmp_path: Path) -> None:
    inner = EmailMessage()
    inner["Subject"] = "inner"
    inner.set_content("inner words")
    message = EmailMessage()
    message.set_content("plain words")
    message.add_alternative("<p>other words</p>", subtype="html")
    message.add_attachment(inner)
    found = read(tmp_path, message.as_bytes())
    assert found["text"] == "plain words"
    assert [part["kind"] for part in found["attached"]] == ["message/rfc822"]


def nested(depth: int) -> bytes:
    content = b"Content-Type: text/plain\r\n\r\ninside\r\n"
    for level in range(depth):
        mark = b"m%d" % level
        content = b'Content-Type: multipart/mixed; boundary="%s"\r\n\r\n--%s\r\n%s\r\n--%s--\r\n' % (
            mark,
            mark,
            content,
            mark,
        )
    return b"Subject: deep\r\n" + content


HOSTILE = {
    "deep": nested(1500),
    "many parts": b'Subject: m\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n' + b"--b\r\n\r\nx\r\n" * 5000,
    "long header": b"Subject: " + b"x" * 2_000_000 + b"\r\n\r\nbody",
    "many headers": b"".join(b"X-%d: y\r\n" % n for n in range(50_000)) + b"\r\nbody",
    "long line": b"Subject: s\r\n\r\n" + b"y" * 3_000_000,
    "bad charset": b"Subject: s\r\nContent-Type: text/plain; charset=nonsense\r\n\r\n\xff\xfe\xe4",
    "bad encodings": b"Subject: =?utf-8?b?!!!?= =?x?q?=ff?=\r\nDate: yesterday\r\nFrom: <<<>>>;;\r\n"
    b"Content-Transfer-Encoding: base64\r\n\r\n!!!",
    "no mail": bytes(range(256)) * 100,
    "unclosed html": b"Subject: s\r\nContent-Type: text/html\r\n\r\n" + b"<div " * 200_000,
    "bad name": b'Subject: s\r\nContent-Type: a/b; name*0*=x; name*1="\xff"\r\nContent-Disposition: attachment; '
    b"filename*=utf-8''..%2f..%2fevil%0a.sh\r\n\r\nx",
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_whatever_a_mail_is_made_of_it_is_read_within_the_workers_bounds(tmp_path: Path, name: str) -> None:
    path = tmp_path / "mail.eml"
    path.write_bytes(HOSTILE[name])
    found = await run_job("agent.records.correspondence.mail_job:job", {"path": str(path)}, limits=READING)
    assert len(found["text"]) <= 60_000
    assert len(found["subject"]) <= 300
    assert len(found["attached"]) <= 50
    assert all("/" not in part["name"] and "\n" not in part["name"] for part in found["attached"])
