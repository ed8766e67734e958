"""Runs a worker's job in the test's own process: starting a hundred workers is what would make these tests slow.

The tests that hold the worker itself, and those with a real camera, do not use it.
"""

import asyncio
import importlib
import json
import logging
from collections.abc import Callable
from typing import Any

from agent.workers.process import Limits


async def run_job(
    function: str,
    job: dict[str, Any],
    *,
    limits: Limits,
    progress: Callable[[dict[str, Any]], None] | None = None,
) -> dict[str, Any]:
    """As ``agent.workers.process.run_job``, in a thread, with what JSON does to job and result."""
    module, _, name = function.partition(":")
    loop = asyncio.get_running_loop()

    def report(told: dict[str, Any]) -> None:
        if progress is not None:
            loop.call_soon_threadsafe(progress, told)

    def work() -> Any:
        return getattr(importlib.import_module(module), name)(json.loads(json.dumps(job)), report)

    try:
        result = await asyncio.to_thread(work)
    finally:
        logging.disable(logging.NOTSET)  # a worker has its logging to itself, and may switch it off
    answer: dict[str, Any] = json.loads(json.dumps(result))
    return answer
