"""The other end of ``agent.workers.process``: takes one job from standard input, limits itself, runs it, answers, ends.

Not for: anything heavy at import. What a job needs it imports itself, after the limits hold.
"""

import ctypes
import importlib
import json
import os
import resource
import signal
import sys
from typing import Any

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Run the job on standard input. Ends the process; exit code 0 only after a result was written."""
    replies = os.fdopen(os.dup(1), "wb", buffering=0)
    # Whatever a library prints goes to standard error, which is only ever logged, not among the replies.
    os.dup2(2, 1)
    order = json.loads(sys.stdin.buffer.read())
    _die_with(order["parent"])
    _limit(order["limits"])

    def answer(reply: dict[str, Any]) -> None:
        data = memoryview(json.dumps(reply, separators=(",", ":")).encode() + b"\n")
        while data:
            data = data[replies.write(data) :]

    try:
        module, _, name = order["function"].partition(":")
        function = getattr(importlib.import_module(module), name)
        answer({"result": function(order["job"], lambda progress: answer({"progress": progress}))})
    except BaseException as error:
        answer(_failure(error))
        sys.stderr.flush()
        os._exit(1)
    sys.stderr.flush()
    # Threads that a library left behind must not hold a finished worker up.
    os._exit(0)


def _die_with(parent: int) -> None:
    """No worker outlives the daemon (prctl(2), PR_SET_PDEATHSIG): not even when that is killed."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def _limit(limits: dict[str, Any]) -> None:
    os.nice(limits["nice"])
    for what, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_CPU, limits["cpu"]),
        (resource.RLIMIT_NOFILE, limits["open_files"]),
        (resource.RLIMIT_DATA, limits["memory"]),
    ):
        _, hard = resource.getrlimit(what)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        # At the hard limit of processor time the kernel sends SIGKILL, which says nothing; at the soft one, SIGXCPU.
        room = 1 if what == resource.RLIMIT_CPU and hard == resource.RLIM_INFINITY else 0
        resource.setrlimit(what, (most, most + room))


def _failure(error: BaseException) -> dict[str, Any]:
    # Loaded only if the job loaded it; a job that did not cannot have raised one of these.
    tree = sys.modules.get("exchange.errors")
    if tree is not None and isinstance(error, tree.HandoverError):
        reported = {"kind": type(error).__name__, "what": error.what, "meaning": error.meaning, "do": error.do}
        if isinstance(reason := getattr(error, "reason", None), str):
            reported["reason"] = reason
        return {"error": reported}
    sys.excepthook(type(error), error, error.__traceback__)
    return {"crash": type(error).__name__}


if __name__ == "__main__":
    main()
