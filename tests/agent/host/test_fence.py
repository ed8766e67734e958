"""The recorder says whether it is really kept off the internet."""

import logging
import subprocess
import sys

import pytest

from agent.host import internet_fence as fence

_TOLD = "from agent.host.internet_fence import is_enforced; print(is_enforced())"


def inside(setup: str) -> str:
    """What is found in a network namespace of its own, set up so."""
    script = f"{setup}; exec {sys.executable} -c '{_TOLD}'"
    command = ["unshare", "--map-root-user", "--net", "sh", "-ec", script]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout.strip()


def test_where_a_packet_could_leave_nothing_is_enforced() -> None:
    way = "ip link set lo up; ip addr add 198.51.100.2/24 dev lo; ip route add default dev lo"
    assert inside(way) == "False"


def test_where_no_way_leads_out_nothing_is_said() -> None:
    assert inside("true") == "None"


@pytest.mark.parametrize(("enforced", "warns"), [(True, False), (None, False), (False, True)])
def test_a_service_that_is_not_kept_in_warns_and_one_that_is_does_not(
    enforced: bool | None, warns: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("INVOCATION_ID", "x")
    monkeypatch.setattr(fence, "is_enforced", lambda: enforced)
    caplog.set_level(logging.WARNING)
    fence.warn_if_open()
    assert ("does not enforce" in caplog.text) is warns


def test_a_person_who_runs_the_recorder_at_a_terminal_sends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("INVOCATION_ID", raising=False)
    monkeypatch.setattr(fence, "is_enforced", lambda: pytest.fail("a packet was tried"))
    fence.warn_if_open()
