"""The systemd units: systemd itself reads them, and finds them tight."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.paths import ROOT

UNITS = sorted((ROOT / "systemd").glob("*.service"))
DAEMON, RECORDER, PORTAL = "handover.service", "handover-recorder.service", "handover-portal.service"


def directives(name: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    text = next(unit for unit in UNITS if unit.name == name).read_text()
    for line in text.splitlines():
        if "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


def words(name: str, key: str) -> list[str]:
    return " ".join(directives(name)[key]).split()


def test_every_service_has_a_unit() -> None:
    assert [unit.name for unit in UNITS] == [PORTAL, RECORDER, DAEMON]


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_finds_no_fault(unit: Path, tmp_path: Path) -> None:
    copy = tmp_path / unit.name
    copy.write_text(re.sub(r"/opt/handover/venv/bin/\S+", "/bin/true", unit.read_text()))
    done = subprocess.run(["systemd-analyze", "verify", copy], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemds_own_measure_of_exposure_is_low(unit: Path) -> None:
    # 0 is nothing, 10 is everything; what is left is the network and the group that shares recordings.
    command = ["systemd-analyze", "security", "--offline=true", "--threshold=20", "--no-pager", str(unit)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout


def test_the_recorder_reaches_private_networks_only_and_no_key() -> None:
    assert words(RECORDER, "IPAddressDeny") == ["any"]
    allowed = words(RECORDER, "IPAddressAllow")
    assert {"localhost", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "link-local"} <= set(allowed)
    assert not {"any", "0.0.0.0/0", "::/0", "multicast"} & set(allowed)
    assert "-/var/lib/handover/keys" in words(RECORDER, "InaccessiblePaths")
    assert words(RECORDER, "ReadWritePaths") == ["-/var/lib/handover/recordings"]
    assert words(RECORDER, "User") != words(DAEMON, "User")


def test_the_daemon_may_read_a_home_that_lets_it_in_and_the_recorder_sees_none() -> None:
    assert directives(DAEMON)["ProtectHome"] == ["read-only"]
    assert directives(RECORDER)["ProtectHome"] == ["yes"]
    assert directives(PORTAL)["ProtectHome"] == ["yes"]


@pytest.mark.parametrize("name", [DAEMON, RECORDER])
def test_each_service_is_watched_restarted_bounded_and_without_devices(name: str) -> None:
    found = directives(name)
    assert found["Type"] == ["notify"]
    assert found["Restart"] == ["on-failure"]
    assert int(found["WatchdogSec"][0]) > 0
    assert found["PrivateDevices"] == ["yes"]
    assert found["DevicePolicy"] == ["closed"]
    assert found["MemoryMax"][0].endswith("M")


def test_what_a_restart_cannot_mend_is_not_tried_again() -> None:
    from exchange.errors import AlreadyRunning, SettingsInvalid

    for name in (DAEMON, RECORDER, PORTAL):
        assert words(name, "RestartPreventExitStatus") == [
            str(SettingsInvalid.exit_code),
            str(AlreadyRunning.exit_code),
        ]
