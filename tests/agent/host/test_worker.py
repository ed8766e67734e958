"""Worker processes: what a job may do to the daemon, which is to answer, and nothing else."""

import asyncio
import json
import logging
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from agent.workers import process as worker
from agent.workers.process import MIB, Limits, run_job, scrub, secrets_in
from exchange.errors import CameraRefused, RequestRefused, WorkerFailed
from tests.paths import ROOT

COUNTERPARTS = ROOT / "tests" / "counterparts" / "processes"
SMALL = Limits(memory=64 * MIB, cpu=5, wall=20, output=64 * 1024)


@pytest.fixture(autouse=True)
def misbehaving_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let workers import ``worker_jobs``, which the product neither has nor may call."""
    start = f"import sys; sys.path.append({str(COUNTERPARTS)!r}); from agent.workers.entry import main; main()"
    monkeypatch.setattr(worker, "_COMMAND", (sys.executable, "-I", "-c", start))
    monkeypatch.setattr(worker, "_PREFIXES", ("worker_jobs:",))


@pytest.fixture
def no_worker_is_left() -> Iterator[None]:
    others = set(psutil.Process().children())  # a server that other tests of this process still use
    yield
    assert set(psutil.Process().children()) <= others


async def test_a_job_gets_its_input_reports_progress_and_its_result_comes_back() -> None:
    seen: list[object] = []
    result = await run_job("worker_jobs:echo", {"päth": [1, None, "x"]}, limits=SMALL, progress=seen.append)
    assert result["job"] == {"päth": [1, None, "x"]}
    assert seen == [{"step": 1}, {"step": 2}]


async def test_a_worker_stands_apart_with_a_clean_environment_and_its_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_OF_THE_DAEMON", "x")
    monkeypatch.setenv("PYTHONPATH", "/tmp")
    limits = Limits(memory=64 * MIB, cpu=7, wall=20, open_files=33, nice=3)
    around = await run_job("worker_jobs:surroundings", {"password": "hunter2"}, limits=limits)
    assert "SECRET_OF_THE_DAEMON" not in around["environment"]
    assert "hunter2" not in json.dumps([around["environment"], around["arguments"]])
    assert around["folder"] == "/"
    assert around["leads_its_session"] is True
    assert around["niceness"] == os.nice(0) + 3
    assert around["limits"] == {"data": 64 * MIB, "cpu": 7, "files": 33, "core": 0}


async def test_a_worker_starts_without_any_heavy_library() -> None:
    around = await run_job("worker_jobs:surroundings", {}, limits=SMALL)
    heavy = {
        "asyncio",
        "pydantic",
        "aiohttp",
        "zeep",
        "lxml",
        "numpy",
        "cv2",
        "av",
        "exchange",
        "agent.workers.process",
    }
    assert heavy & set(around["modules"]) == set()


async def test_what_a_job_prints_is_not_taken_for_an_answer() -> None:
    assert await run_job("worker_jobs:chatter", {}, limits=SMALL) == {"done": True}


async def test_an_error_for_a_person_comes_back_as_the_same_error() -> None:
    with pytest.raises(CameraRefused) as refused:
        await run_job("worker_jobs:refuse", {}, limits=SMALL)
    assert (refused.value.what, refused.value.meaning, refused.value.do) == ("It said no.", "Wrong word.", "Try again.")
    with pytest.raises(RequestRefused) as request:
        await run_job("worker_jobs:refuse_request", {}, limits=SMALL)
    assert request.value.reason == "too-long"


@pytest.mark.usefixtures("no_worker_is_left")
@pytest.mark.parametrize(
    ("function", "limits", "told"),
    [
        ("hang", Limits(wall=0.6), "longer than 0.6 s"),
        ("spin", Limits(cpu=1, wall=20), "processor time"),
        ("hoard", SMALL, "more memory"),
        ("flood", SMALL, "more than 65536 bytes"),
        ("garble", SMALL, "not JSON"),
        ("nest", SMALL, "not JSON"),
        ("mumble", SMALL, "not an object"),
        ("cut_short", SMALL, "cut short"),
        ("die", SMALL, "SIGSEGV"),
        ("leave", SMALL, "without an answer"),
        ("stumble", SMALL, "KeyError"),
        ("not_there", SMALL, "AttributeError"),
        ("unanswerable", SMALL, "TypeError"),
    ],
)
async def test_a_worker_that_misbehaves_fails_alone(function: str, limits: Limits, told: str) -> None:
    with pytest.raises(WorkerFailed, match=told):
        await run_job(f"worker_jobs:{function}", {}, limits=limits)


@pytest.mark.usefixtures("no_worker_is_left")
async def test_a_worker_that_wrote_more_than_is_read_ahead_is_ended_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where this process is slow to read, asyncio stops reading, and would never see that the worker has ended."""

    async def slow(conversation: worker._Conversation) -> None:
        transport = conversation.process._transport.get_pipe_transport(1)  # type: ignore[attr-defined]
        while transport.is_reading():  # noqa: ASYNC110  no event tells it
            await asyncio.sleep(0.01)
        raise worker._Nonsense("it was not listened to")

    monkeypatch.setattr(worker._Conversation, "_replies", slow)
    with pytest.raises(WorkerFailed, match="not listened to"):
        await asyncio.wait_for(run_job("worker_jobs:flood", {}, limits=SMALL), 30)


async def test_only_functions_of_the_product_are_called(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    for function in ("os:system", "subprocess:run", "agent.workers.entry", "agentx.worker:run"):
        with pytest.raises(ValueError, match="not a job"):
            await run_job(function, {}, limits=SMALL)


async def test_the_real_command_line_runs_a_function_of_the_product(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    with pytest.raises(WorkerFailed, match="AttributeError"):
        await run_job("exchange.errors:no_such_function", {}, limits=SMALL)


async def test_secrets_reach_neither_the_error_nor_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), pytest.raises(WorkerFailed) as failed:
        await run_job("worker_jobs:blurt", {"camera": {"password": "correct horse"}}, limits=SMALL)
    assert "RuntimeError" in caplog.text
    for secret in ("correct horse", "admin:hunter2", "deadbeef"):
        assert secret not in caplog.text
        assert secret not in str(failed.value)


def test_scrubbing_removes_known_secrets_user_info_headers_and_soap_passwords() -> None:
    secrets = secrets_in({"a": [{"api_token": "t0k"}], "password": "pw", "name": "Yard"})
    assert secrets == {"t0k", "pw"}
    text = (
        't0k pw rtsp://me:pw@10.0.0.1/s\nAuthorization: Digest username="me"\n<wsse:Password Type="x">z</wsse:Password>'
    )
    assert scrub(text, secrets) == (
        '*** *** rtsp://***@10.0.0.1/s\nAuthorization: ***\n<wsse:Password Type="x">***</wsse:Password>'
    )


async def test_cancelling_ends_the_worker_and_all_that_it_started(tmp_path: Path) -> None:
    started: asyncio.Future[dict[str, int]] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(run_job("worker_jobs:family", {}, limits=SMALL, progress=started.set_result))
    pids = await asyncio.wait_for(started, 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not psutil.pid_exists(pids["worker"])
    await _gone(pids["child"])


async def test_no_worker_outlives_a_daemon_that_was_killed(tmp_path: Path) -> None:
    script = tmp_path / "daemon.py"
    script.write_text(
        "import asyncio, sys\n"
        "from agent.workers import process as worker\n"
        f"worker._COMMAND = {worker._COMMAND!r}\nworker._PREFIXES = {worker._PREFIXES!r}\n"
        "tell = lambda pids: print(pids['worker'], flush=True)\n"
        "asyncio.run(worker.run_job('worker_jobs:wait', {}, limits=worker.Limits(), progress=tell))\n"
    )
    daemon = await asyncio.create_subprocess_exec(sys.executable, str(script), stdout=asyncio.subprocess.PIPE)
    assert daemon.stdout is not None
    pid = int(await asyncio.wait_for(daemon.stdout.readline(), 10))
    assert psutil.pid_exists(pid)
    daemon.send_signal(signal.SIGKILL)
    await daemon.wait()
    await _gone(pid)


async def _gone(pid: int) -> None:
    """Wait for the end of a process that is not our child: its pidfd becomes readable then (pidfd_open(2))."""
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    ended = asyncio.Event()
    asyncio.get_running_loop().add_reader(process, ended.set)
    try:
        await asyncio.wait_for(ended.wait(), 10)
    finally:
        asyncio.get_running_loop().remove_reader(process)
        os.close(process)
