"""What is secret stays at home: passwords, keys and tokens are in no log, no row, no body, no package, no argument."""

import asyncio
import base64
import json
import logging
from pathlib import Path

import pytest

from exchange.verify.checking import verify_package
from tests.journey.home import CAMERA, besieged

PASSWORD = "swordfish-9f3b1c"


async def test_no_secret_leaves_its_file(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[str] = []
    start = asyncio.create_subprocess_exec

    async def noted(*arguments, **how):  # type: ignore[no-untyped-def]
        started.append(json.dumps([str(each) for each in arguments]) + json.dumps(how.get("env") or {}))
        return await start(*arguments, **how)

    monkeypatch.setattr(asyncio, "create_subprocess_exec", noted)
    caplog.set_level(logging.DEBUG)
    async with besieged(tmp_path, workers=True) as at:
        (at.settings.keys / "cameras.json").write_text(json.dumps({CAMERA: {"user": "admin", "password": PASSWORD}}))
        await at.agent.inventory.tell_recorder()
        request_id = await at.asked()
        await at.say(request_id, yes=True)
        await at.walk()
        assert await at.state(request_id) == "delivered"
        (package,) = await at.packages(request_id)
        opened = tmp_path / "opened"
        sealed = at.settings.package(package.evidence_id)
        report = verify_package(sealed, identities=[at.case], force_key=at.place.force.key.public, into=opened)
        assert report.ok, [finding for finding in report.findings if finding.error]
        tokens = [call.headers.get("Authorization", "").removeprefix("Bearer ") for call in at.portal.calls]
        device = at.settings.device_key.read_text().splitlines()[1:-1]
        secrets = {
            PASSWORD.encode(),
            base64.b64encode(PASSWORD.encode()),
            *(line.encode() for line in device if len(line) > 20 and "AAAAB" not in line),
            *(str(identity).encode() for identity in at.agent.services.keys.archive),
            *(token.encode() for token in tokens if token),
        }
        assert len(secrets) > 6
        assert len(started) >= 3
        places = {
            "a log": caplog.text.encode(),
            "an argument": "\n".join(started).encode(),
            **{f"the body of {call}": call.body for call in at.portal.calls},
            **{f"the address of {call}": f"{call.path} {call.query}".encode() for call in at.portal.calls},
            **{str(path): path.read_bytes() for path in opened.rglob("*") if path.is_file()},
            **{str(path): path.read_bytes() for path in (tmp_path / "agent").glob("agent.db*")},
            **{f"upload {name}": bytes(upload.content) for name, upload in at.portal.uploads.items()},
        }
        found = [place for place, content in places.items() for secret in secrets if secret in content]
        assert found == []
        assert at.settings.keys.stat().st_mode & 0o077 == 0
        assert not [
            path for path in at.settings.keys.iterdir() if path.stat().st_mode & 0o077 and path.suffix == ".key"
        ]
