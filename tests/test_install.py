"""scripts/install, run for real against a folder that stands for the machine."""

import os
import re
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.settings.model import load_settings
from tests.paths import ROOT

CHECKOUT = ROOT
# The packages that Handover depends on come from the environment that the tests run in; only Handover itself is
# installed, so that these tests need no hundred megabytes each.
ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONHOME")},
    "PIP_NO_DEPS": "1",
    "PYTHONPATH": sysconfig.get_path("purelib"),
}
Install = Callable[..., subprocess.CompletedProcess[str]]


def run(*arguments: object, code: int = 0) -> subprocess.CompletedProcess[str]:
    command = [CHECKOUT / "scripts" / "install", *map(str, arguments)]
    done = subprocess.run(
        command, env=ENVIRONMENT, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=150
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def installed_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("machine")
    told = run("--root", root, "--python", sys.executable).stdout
    assert "handover setup" in told
    return root


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Handover as a wheel, which is quicker to install again than a checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    for name in ("agent", "exchange", "portal", "setup.cfg", "pyproject.toml", "README.md"):
        subprocess.run(["cp", "-r", CHECKOUT / name, source], check=True)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, source]
    subprocess.run(command, check=True, timeout=150)
    return next(folder.glob("*.whl"))


@pytest.fixture
def machine(installed_once: Path, tmp_path: Path) -> Path:
    """A machine with Handover on it, the test's own to change."""
    root = tmp_path / "machine"
    subprocess.run(["cp", "-a", installed_once, root], check=True)
    return root


def tree(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Every file and folder with its mode and bytes, but what Python keeps for itself."""
    return {
        str(path.relative_to(folder)): (path.lstat().st_mode, path.read_bytes() if path.is_file() else b"")
        for path in sorted(folder.rglob("*"))
        if "__pycache__" not in path.parts
    }


def release(root: Path) -> str:
    return os.readlink(root / "opt/handover/venv")


def test_the_command_runs_and_the_checkout_stays_clean(installed_once: Path) -> None:
    command = installed_once / "opt/handover/venv/bin/handover"
    told = subprocess.run([command, "--help"], env=ENVIRONMENT, capture_output=True, text=True, timeout=30).stdout
    assert "Usage" in told
    assert not (CHECKOUT / "build").exists()


def test_every_file_of_the_packages_is_installed(installed_once: Path) -> None:
    (into,) = (installed_once / "opt/handover/venv").resolve().glob("lib/python*/site-packages")
    wings = [path for wing in ("agent", "exchange", "portal") for path in (CHECKOUT / wing).rglob("*")]
    files = [str(path.relative_to(CHECKOUT)) for path in wings if path.is_file() and "__pycache__" not in path.parts]
    assert any(file.endswith(".po") for file in files)
    assert [file for file in files if not (into / file).is_file()] == []


def test_an_installation_has_settings_units_commands_and_folders(installed_once: Path) -> None:
    root = installed_once
    assert load_settings(root / "etc/handover/handover.yaml")
    for unit in ("handover.service", "handover-recorder.service"):
        assert (root / "etc/systemd/system" / unit).read_text() == (CHECKOUT / "systemd" / unit).read_text()
    for name in ("handover", "handover-verify"):
        assert os.readlink(root / "usr/local/bin" / name) == f"/opt/handover/venv/bin/{name}"
        assert (root / "opt/handover/venv/bin" / name).exists()
    modes = {path.name: oct(path.stat().st_mode & 0o7777) for path in (root / "var/lib/handover").iterdir()}
    assert modes == {
        "keys": "0o700",
        "packages": "0o700",
        "receipts": "0o700",
        "records": "0o700",
        "work": "0o700",
        "outgoing": "0o700",
        "brought": "0o700",
        "run": "0o711",
        "recorder": "0o2750",
        "recordings": "0o2770",
    }


def test_installing_again_upgrades_and_keeps_settings_keys_and_recordings(machine: Path, wheel: Path) -> None:
    (machine / "var/lib/handover/keys/device.key").write_text("secret")
    (machine / "var/lib/handover/recordings/a.mp4").write_text("footage")
    settings = machine / "etc/handover/handover.yaml"
    settings.write_text(settings.read_text().replace("days: 14", "days: 3"))
    kept = [tree(machine / "var"), tree(machine / "etc")]
    before = release(machine)
    told = run("--root", machine, "--python", sys.executable, "--wheel", wheel).stdout
    assert "up to date" in told
    assert [tree(machine / "var"), tree(machine / "etc")] == kept
    assert release(machine) != before
    assert os.listdir(machine / "opt/handover/releases") == [Path(release(machine)).name], "the old one is gone"


def broken_wheel(folder: Path) -> Path:
    """A wheel of Handover whose command ends with an error."""
    path = folder / "handover-9.9.9-py3-none-any.whl"
    info = "handover-9.9.9.dist-info"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("agent/__init__.py", "")
        file.writestr("agent/cli/main.py", "def main():\n    raise SystemExit('cannot start')\n")
        file.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: handover\nVersion: 9.9.9\n")
        file.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        file.writestr(f"{info}/entry_points.txt", "[console_scripts]\nhandover = agent.cli.main:main\n")
        file.writestr(f"{info}/RECORD", "")
    return path


def test_an_upgrade_that_does_not_start_leaves_the_one_before_in_place(machine: Path, tmp_path: Path) -> None:
    before = tree(machine)
    told = run("--root", machine, "--python", sys.executable, "--wheel", broken_wheel(tmp_path), code=1).stderr
    assert "nothing was changed" in told
    assert tree(machine) == before


def test_an_upgrade_that_the_settings_do_not_fit_names_the_line_and_changes_nothing(machine: Path, wheel: Path) -> None:
    settings = machine / "etc/handover/handover.yaml"
    settings.write_text("nonsense: 1\n" + settings.read_text())
    before = tree(machine)
    told = run("--root", machine, "--python", sys.executable, "--wheel", wheel, code=1).stderr
    assert f"{settings}:1:1: nonsense: found an unknown key" in told
    assert tree(machine) == before


def test_other_folders_in_the_settings_are_made_and_opened_to_the_services(machine: Path, wheel: Path) -> None:
    settings = machine / "etc/handover/handover.yaml"
    text = settings.read_text()
    settings.write_text(text.replace("directory: /var/lib/handover/recordings", "directory: /mnt/disk/cctv"))
    run("--root", machine, "--python", sys.executable, "--wheel", wheel)
    assert (machine / "mnt/disk/cctv").stat().st_mode & 0o7777 == 0o2770
    units = machine / "etc/systemd/system"
    for service in ("handover", "handover-recorder"):
        drop_in = (units / f"{service}.service.d/paths.conf").read_text()
        assert "/mnt/disk/cctv" in drop_in.partition("ReadWritePaths=")[2].splitlines()[0]
    recorder = (units / "handover-recorder.service.d/paths.conf").read_text()
    assert "/var/lib/handover/keys" in recorder.partition("InaccessiblePaths=")[2]


def test_a_portal_and_an_officers_machine_have_what_they_need_and_no_agent(tmp_path: Path, wheel: Path) -> None:
    told = run("--root", tmp_path, "--python", sys.executable, "--wheel", wheel, "--portal", "--officer").stdout
    assert "handover-portal init /var/lib/handover-portal" in told
    assert "handover-officer setup" in told
    assert "sudo handover setup" not in told
    assert sorted(os.listdir(tmp_path / "usr/local/bin")) == ["handover-officer", "handover-portal", "handover-verify"]
    assert os.listdir(tmp_path / "etc/systemd/system") == ["handover-portal.service"]
    assert (tmp_path / "var/lib/handover-portal").stat().st_mode & 0o7777 == 0o700
    assert "--listen 127.0.0.1" in (tmp_path / "etc/default/handover-portal").read_text()
    assert not (tmp_path / "etc/handover").exists()
    assert not (tmp_path / "var/lib/handover").exists()


def test_what_was_installed_stays_installed_and_what_is_named_comes_beside_it(machine: Path, wheel: Path) -> None:
    run("--root", machine, "--python", sys.executable, "--wheel", wheel, "--officer")
    options = machine / "etc/default/handover-portal"
    run("--root", machine, "--python", sys.executable, "--wheel", wheel, "--portal")
    options.write_text('OPTIONS="--listen 127.0.0.1:9999"\n')
    run("--root", machine, "--python", sys.executable, "--wheel", wheel)
    commands = ["handover", "handover-officer", "handover-portal", "handover-verify"]
    assert sorted(os.listdir(machine / "usr/local/bin")) == commands
    assert len(list((machine / "etc/systemd/system").glob("handover*.service"))) == 3
    assert "9999" in options.read_text()
    run("--root", machine, "--uninstall")
    assert os.listdir(machine / "usr/local/bin") == []
    assert os.listdir(machine / "etc/systemd/system") == []
    assert (machine / "var/lib/handover-portal").is_dir()


def test_uninstalling_takes_the_programs_and_keeps_settings_and_data(machine: Path) -> None:
    (machine / "var/lib/handover/keys/device.key").write_text("secret")
    (machine / "usr/local/bin/other").symlink_to("/opt/other")
    kept = [tree(machine / "var"), tree(machine / "etc/handover")]
    told = run("--root", machine, "--uninstall").stdout
    assert "handover withdraw" in told
    assert [tree(machine / "var"), tree(machine / "etc/handover")] == kept
    assert not (machine / "opt/handover").exists()
    assert os.listdir(machine / "etc/systemd/system") == []
    assert os.listdir(machine / "usr/local/bin") == ["other"]
    assert "programs are gone" in run("--root", machine, "--uninstall").stdout, "a second time is no error"


def test_purging_asks_for_a_second_word(machine: Path) -> None:
    before = tree(machine)
    assert "--yes" in run("--root", machine, "--uninstall", "--purge", code=1).stderr
    assert tree(machine) == before
    run("--root", machine, "--uninstall", "--purge", "--yes")
    assert [path for path in machine.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    "arguments",
    [["--purge"], ["--uninstall", "--portal"], ["--frobnicate"], ["--wheel", "/nowhere.whl"], ["--root", "/nowhere"]],
)
def test_what_it_does_not_understand_changes_nothing(machine: Path, arguments: list[str]) -> None:
    before = tree(machine)
    told = run("--root", machine, *arguments, code=1).stderr
    assert ("There is no /nowhere" in told) == any("/nowhere" in argument for argument in arguments)
    assert tree(machine) == before


def test_an_installed_portal_has_the_same_parts_as_one_in_a_container() -> None:
    """PostgreSQL's driver among them, which pip would have to be told of by hand otherwise."""
    image = re.search(r"/source\[([a-z,]+)\]", (CHECKOUT / "config/Containerfile").read_text())
    script = re.search(r'extra="([a-z,]*portal[a-z,]*)"', (CHECKOUT / "scripts/install").read_text())
    assert image is not None
    assert script is not None
    assert image[1] == script[1] == "portal,postgres,fast"


def test_without_root_it_says_so() -> None:
    as_nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.geteuid() == 0 else []
    with tempfile.TemporaryDirectory(prefix="handover-install-") as folder:
        Path(folder).chmod(0o755)  # pytest's own folders are closed to other users
        subprocess.run(["cp", "-r", CHECKOUT / "scripts", folder], check=True)
        script = Path(folder, "scripts", "install")
        done = subprocess.run([*as_nobody, "bash", script], capture_output=True, text=True, timeout=20)
    assert done.returncode == 1
    assert "Only root may install" in done.stderr
