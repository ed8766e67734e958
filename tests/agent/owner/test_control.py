"""The daemon's socket and its life: who may call, what is taken, and how it starts, ends, and refuses."""

import json
import os
import pwd
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.owner import control
from agent.owner.people.register import NewPerson
from agent.owner.people.roles import Role
from exchange.custody.log import CustodyKind
from exchange.errors import DaemonNotRunning
from tests.agent.owner.owner_home import OwnerHome, owner_home, until
from tests.journey.home import ACTOR, besieged, owner_does

NOBODY = pwd.getpwnam("nobody").pw_uid
_AS_NOBODY = f"""
import os, socket, sys
os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})
with socket.socket(socket.AF_UNIX) as call:
    call.connect(sys.argv[1])
    body = sys.argv[3].encode()
    call.sendall(f"POST /{{sys.argv[2]}} HTTP/1.1\\r\\nHost: d\\r\\nConnection: close\\r\\n"
                 f"Content-Length: {{len(body)}}\\r\\n\\r\\n".encode() + body)
    print(b"".join(iter(lambda: call.recv(65536), b"")).decode())
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnerHome]:
    with owner_home(tmp_path_factory.mktemp("h")) as made:
        made.start()
        yield made
        assert made.end() == 0
        assert "Traceback" not in made.log.read_text()


def post(home: OwnerHome, operation: str, body: bytes, length: int | None = None) -> tuple[int, dict[str, str]]:
    """One call as it goes over the socket; the status, and the answer."""
    with socket.socket(socket.AF_UNIX) as call:
        call.settimeout(20)
        call.connect(str(home.settings.socket))
        count = len(body) if length is None else length
        head = f"POST /{operation} HTTP/1.1\r\nHost: d\r\nConnection: close\r\nContent-Length: {count}\r\n\r\n"
        call.sendall(head.encode() + body)
        answer = b"".join(iter(lambda: call.recv(65536), b""))
    head_text, _, told = answer.decode().partition("\r\n\r\n")
    return int(head_text.split()[1]), json.loads(told) if told.startswith("{") else {}


def as_nobody(home: OwnerHome, operation: str, body: str) -> str:
    """The same call by another user, whom the socket's and folders' modes let in as far as a group member."""
    for path, mode in ((home.settings.socket, 0o666), *((folder, 0o755) for folder in _folders(home))):
        path.chmod(mode)
    command = [sys.executable, "-I", "-c", _AS_NOBODY, str(home.settings.socket), operation, body]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=20).stdout


def _folders(home: OwnerHome) -> list[Path]:
    base = Path("/tmp")
    return [folder for folder in home.settings.socket.parents if base in folder.parents]


def test_the_user_at_the_other_end_stands_in_the_decision(home: OwnerHome) -> None:
    request_id = home.asked()
    assert home.run("approve", request_id, "--name", "Robin").returncode == 0
    decision = home.decision(request_id)
    assert decision is not None
    name = pwd.getpwuid(os.getuid()).pw_name
    method = f"operating system user {name} (uid {os.getuid()}) at a terminal of the owner's machine"
    assert decision["decided_by"] == {"name": "Robin", "method": method, "person": f"user-{os.getuid()}"}


def test_a_user_who_was_not_allowed_sees_no_crime_and_decides_nothing(home: OwnerHome) -> None:
    request_id = home.asked()
    told = home.ask("show", request_id=request_id)
    order = {"request_id": request_id, "plan_sha256": told["plan_sha256"], "choices": [{"position": 0, "share": True}]}
    for operation, body in (("decide", order), ("show", {"request_id": request_id}), ("records", {})):
        answer = as_nobody(home, operation, json.dumps(body))
        assert answer.startswith("HTTP/1.1 403"), answer
        assert "nobody may not do this." in answer
        assert "Burglary" not in answer
    assert home.state(request_id) == "asked"
    assert as_nobody(home, "status", "{}").startswith("HTTP/1.1 200")


def test_a_user_who_answers_for_another_camera_is_told_so_at_a_terminal(home: OwnerHome) -> None:
    request_id = home.asked()
    home.ask("add-person", person_id="nora", name="Nora", os_user="nobody", cameras=("garage",))
    try:
        for operation, more in (
            ("pause", {}),
            ("files", {}),
            ("note-receipt", {"taken_by": "x", "how": "x"}),
            ("leave-it", {}),
        ):
            answer = as_nobody(home, operation, json.dumps({"request_id": request_id} | more))
            assert answer.startswith("HTTP/1.1 403"), answer
            assert "Nora answers for garage only, and this is of front-door too." in answer
    finally:
        home.ask("remove-person", person_id="nora")


@pytest.mark.parametrize(
    ("extra", "role"), [("", Role.ANYONE), ("decide: {allow_users: [nobody]}", Role.ADMINISTRATOR)]
)
async def test_a_user_whom_the_settings_name_is_allowed(tmp_path: Path, extra: str, role: Role) -> None:
    async with besieged(tmp_path, extra=extra) as at:
        assert (await control.actor_of(at.agent, NOBODY)).role is role


async def test_a_user_who_is_written_down_is_that_person(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        anna = NewPerson(person_id="anna", name="Anna", os_user="nobody", cameras=("front-door",))
        await owner_does(at.agent, "add-person", anna, ACTOR)
        known = await control.actor_of(at.agent, NOBODY)
        assert (known.name, known.role, known.person) == ("Anna", Role.APPROVER, "anna")
        assert known.cameras == {"front-door"}
        assert "operating system user nobody" in known.method


@pytest.mark.parametrize(
    ("operation", "body", "status", "error"),
    [
        ("status", b"not json", 400, "DocumentInvalid"),
        ("status", b"[]", 400, "InputInvalid"),
        ("status", b'{"more": 1}', 400, "InputInvalid"),
        ("show", b"{}", 400, "InputInvalid"),
        ("show", b'{"request_id": "../../etc"}', 400, "InputInvalid"),
        ("decide", b'{"request_id": "x", "plan_sha256": "\\u001b[2J"}', 400, "InputInvalid"),
        ("show", b'{"request_id": "no-such"}', 409, "NotFound"),
        ("status", b"[" * 200_000, 400, "DocumentInvalid"),
        ("no-such", b"{}", 404, "HandoverError"),
        ("status", b" " * 300_000, 413, "DocumentInvalid"),
    ],
)
def test_a_call_that_makes_no_sense_is_refused_in_words(
    home: OwnerHome, operation: str, body: bytes, status: int, error: str
) -> None:
    answered, told = post(home, operation, body)
    assert (answered, told["error"]) == (status, error)
    assert told["what"]
    assert home.listens()


def test_a_call_that_announces_more_than_it_may_is_refused_before_it_is_read(home: OwnerHome) -> None:
    assert post(home, "status", b"{}", length=1 << 40)[0] == 413


def test_a_second_daemon_refuses_to_start_and_says_why(home: OwnerHome) -> None:
    ended = home.run("run")
    assert ended.returncode == 11
    assert f"(process {home.daemon.pid})".encode() in ended.stderr  # type: ignore[union-attr]
    assert b"Traceback" not in ended.stderr
    assert home.listens()


def test_a_killed_daemon_leaves_a_socket_that_means_nothing_and_is_replaced(home: OwnerHome) -> None:
    assert home.end(signal.SIGKILL) == -signal.SIGKILL
    assert home.settings.socket.exists()
    for command in (["status"], ["requests"], ["review"], ["show", "x"], ["approve", "x"], ["decline", "x"]):
        ended = home.handover(*command)
        assert ended.exit_code == DaemonNotRunning.exit_code == 12, command
        assert "nothing listens on its socket" in ended.output
    assert home.handover("records").exit_code == 0  # works by itself
    home.start()


def test_sigterm_in_the_middle_of_an_upload_ends_the_daemon_cleanly_and_the_upload_goes_on(home: OwnerHome) -> None:
    request_id = home.asked()
    home.portal.process.send_signal(signal.SIGSTOP)  # it takes what the kernel holds, and answers nothing
    try:
        assert home.handover("approve", request_id).exit_code == 0
        until("the package to be on its way", lambda: home.state(request_id) == "sealed")
        assert home.end() == 0
        assert home.last_event() == CustodyKind.AGENT_STOPPED.value
        log = home.log.read_text()
        assert "Traceback" not in log
        assert "never" not in log
        assert not home.settings.socket.exists()
    finally:
        home.portal.process.send_signal(signal.SIGCONT)
    home.start()
    until("the package to be delivered", lambda: home.state(request_id) == "delivered")


def test_settings_that_cannot_be_used_end_every_command_with_10(tmp_path: Path) -> None:
    broken = tmp_path / "handover.yaml"
    broken.write_text("portal: {url: [\n")
    for command in ("run", "record", "status", "requests"):
        ended = subprocess.run(
            [str(Path(sys.executable).with_name("handover")), "--config", str(broken), command],
            capture_output=True,
            timeout=40,
            check=False,
        )
        assert ended.returncode == 10, command
        assert b"Traceback" not in ended.stderr
        assert str(broken).encode() in ended.stderr
