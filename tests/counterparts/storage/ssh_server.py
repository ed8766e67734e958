"""OpenSSH's own sshd with its SFTP server on a loopback port, as the user who runs the tests, with keys of its own.

Not for: logins by password (sshd asks the system for those, and nobody's password is the tests').
"""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from getpass import getuser
from pathlib import Path

SFTP_SERVER = "/usr/lib/openssh/sftp-server"


@dataclass
class SshServer:
    """``root`` is what clients are given to write to."""

    folder: Path
    port: int
    root: Path
    command: str = SFTP_SERVER
    process: subprocess.Popen[bytes] | None = None
    user: str = getuser()

    @property
    def host_key(self) -> str:
        return " ".join((self.folder / "host_key.pub").read_text().split()[:2])

    @property
    def fingerprint(self) -> str:
        """As ssh-keygen prints it."""
        told = subprocess.run(
            ["ssh-keygen", "-l", "-f", self.folder / "host_key.pub"], check=True, capture_output=True, text=True
        )
        return told.stdout.split()[1]

    @property
    def private_key(self) -> str:
        return (self.folder / "login").read_text()

    def new_host_key(self) -> None:
        _keygen(self.folder / "host_key")

    def start(self) -> None:
        config = self.folder / "sshd_config"
        config.write_text(f"""
ListenAddress 127.0.0.1:{self.port}
HostKey {self.folder}/host_key
PidFile none
AuthorizedKeysFile {self.folder}/authorized_keys
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
Subsystem sftp {self.command}
LogLevel ERROR
""")
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # where root's sshd puts its unprivileged part
        log = (self.folder / "sshd.log").open("ab")
        sshd = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
        assert sshd, "Debian's openssh-server is missing"
        self.process = subprocess.Popen([sshd, "-D", "-e", "-f", config], stderr=log, stdin=subprocess.DEVNULL)
        log.close()
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            assert self.process.poll() is None, (self.folder / "sshd.log").read_text()
            time.sleep(0.05)
        raise AssertionError("sshd does not answer")

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait()
            self.process = None

    def break_off(self) -> None:
        """End all connections at once, as a line that is cut does."""
        assert self.process is not None
        listener = self.process.pid
        for child in Path(f"/proc/{listener}/task/{listener}/children").read_text().split():
            os.kill(int(child), signal.SIGKILL)

    def log_in(self, public_key: str) -> None:
        """Let the holder of this key in."""
        with (self.folder / "authorized_keys").open("a") as file:
            file.write(public_key + "\n")


def _keygen(path: Path) -> None:
    path.unlink(missing_ok=True)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", path], check=True)


@contextmanager
def ssh_server(folder: Path, *, command: str = SFTP_SERVER) -> Iterator[SshServer]:
    """``command`` is what serves SFTP; ``{root}`` in it is the folder to write to."""
    folder.mkdir(parents=True, exist_ok=True)
    root = folder / "root"
    root.mkdir(exist_ok=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = SshServer(folder, port, root, command.replace("{root}", str(root)))
    _keygen(folder / "host_key")
    _keygen(folder / "login")
    server.log_in((folder / "login.pub").read_text().strip())
    server.start()
    try:
        yield server
    finally:
        server.stop()
