"""The agent's event loop is never blocked: a call of the agent that blocks it fails the test."""

from collections.abc import Iterator

import pytest
from blockbuster import blockbuster_ctx


@pytest.fixture(autouse=True)
def _no_blocking() -> Iterator[None]:
    with blockbuster_ctx("agent"):
        yield
