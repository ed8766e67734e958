"""Jobs that a worker process must survive: each misbehaves in one way. Imported by workers, not by the tests."""

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

Report = Callable[[dict[str, Any]], None]
Job = dict[str, Any]


def echo(job: Job, report: Report) -> Job:
    report({"step": 1})
    report({"step": 2})
    return {"job": job}


def surroundings(job: Job, report: Report) -> Job:
    limits = {
        "data": resource.RLIMIT_DATA,
        "cpu": resource.RLIMIT_CPU,
        "files": resource.RLIMIT_NOFILE,
        "core": resource.RLIMIT_CORE,
    }
    return {
        "environment": dict(os.environ),
        "arguments": sys.argv,
        "folder": os.getcwd(),
        "leads_its_session": os.getsid(0) == os.getpid(),
        "niceness": os.nice(0),
        "limits": {name: resource.getrlimit(what)[0] for name, what in limits.items()},
        "modules": [name for name in sys.modules if name != "subprocess"],
    }


def chatter(job: Job, report: Report) -> Job:
    print('{"result": {"done": false}}', flush=True)
    os.write(1, b'{"result": {"done": false}}\n')
    return {"done": True}


def refuse(job: Job, report: Report) -> Job:
    from exchange.errors import CameraRefused

    raise CameraRefused("It said no.", meaning="Wrong word.", do="Try again.")


def refuse_request(job: Job, report: Report) -> Job:
    from exchange.errors import RequestRefused

    raise RequestRefused("No.", reason="too-long")


def hang(job: Job, report: Report) -> Job:
    time.sleep(3600)
    return {}


def spin(job: Job, report: Report) -> Job:
    while True:
        pass


def hoard(job: Job, report: Report) -> Job:
    return {"size": len(bytearray(1 << 30))}


def flood(job: Job, report: Report) -> Job:
    while True:
        report({"x": "y" * 1000})


def _replies() -> int:
    """The descriptor on which the worker answers: the one pipe beyond the standard three that is open for writing."""
    import fcntl
    import stat

    for fd in range(3, 64):
        try:
            if stat.S_ISFIFO(os.fstat(fd).st_mode) and fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_WRONLY:
                return fd
        except OSError:
            continue
    raise AssertionError


def garble(job: Job, report: Report) -> Job:
    os.write(_replies(), b"\xff\x00 not JSON\n")
    return {}


def nest(job: Job, report: Report) -> Job:
    os.write(_replies(), b"[" * 30000 + b"\n")
    return {}


def mumble(job: Job, report: Report) -> Job:
    os.write(_replies(), b"[1]\n")
    return {}


def cut_short(job: Job, report: Report) -> Job:
    os.write(_replies(), b'{"result": {')
    os._exit(0)


def die(job: Job, report: Report) -> Job:
    os.kill(os.getpid(), signal.SIGSEGV)
    return {}


def leave(job: Job, report: Report) -> Job:
    os._exit(0)


def stumble(job: Job, report: Report) -> Job:
    return {"x": job["missing"]}


def unanswerable(job: Job, report: Report) -> Job:
    return {"x": object()}


def blurt(job: Job, report: Report) -> Job:
    password = job["camera"]["password"]
    print("Authorization: Basic deadbeef", file=sys.stderr)
    raise RuntimeError(f"cannot open rtsp://admin:hunter2@10.0.0.1/ with {password}")


def family(job: Job, report: Report) -> Job:
    child = subprocess.Popen(["/bin/sleep", "3600"])
    report({"worker": os.getpid(), "child": child.pid})
    time.sleep(3600)
    return {}


def wait(job: Job, report: Report) -> Job:
    report({"worker": os.getpid()})
    time.sleep(3600)
    return {}
