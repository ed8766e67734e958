"""The other ends that the demo hands over to: a medium, OpenSSH's server, a bucket by moto, a folder.

Not for: the portal, which is a part of the story itself (``demo_story.py``).
"""

import asyncio
import json
import os
import shutil
import socket
import sys
from getpass import getuser
from pathlib import Path
from typing import Any

from demo_stage import BIN, DemoFailed, Stage, out

WAYS = ("portal", "medium", "sftp", "s3", "folder")
_SFTP_SERVERS = ("/usr/lib/openssh/sftp-server", "/usr/libexec/openssh/sftp-server", "/usr/lib/ssh/sftp-server")
_REGION = "eu-west-2"


class OtherEnd:
    """One way: what is set up, what the owner types, and what lies there then."""

    def __init__(self, stage: Stage, by: str) -> None:
        self._stage = stage
        self._by = by
        self.there = stage.folder / "there"
        """The medium, the server's folder, or the folder; the bucket is asked instead."""
        self.there.mkdir()
        self._endpoint = ""

    @property
    def daemon(self) -> tuple[str, ...]:
        """What the daemon is started by: of a medium, within a view of the file system that has one plugged in."""
        if self._by != "medium":
            return ()
        plugged = f'mount -t tmpfs -o size=200m medium "{self.there}" && exec "$@"'
        return ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", plugged, "sh")

    async def choose(self, request_id: str) -> None:
        """What the owner does before the yes."""
        handover = self._stage.handover
        if self._by == "sftp":
            await self._start_sshd()
            await handover(
                "places", "add-sftp", "force", "--host", "127.0.0.1", "--port", str(self._port), "--user", getuser(),
                "--folder", str(self.there), "--fingerprint", await self._fingerprint(), "--key-file",
                str(self._ssh / "login"), "--title", "the force's server",
            )  # fmt: skip
        elif self._by == "s3":
            secret = await self._start_bucket()
            await handover(
                "places", "add-s3", "force", "--endpoint", self._endpoint, "--bucket", "evidence", "--region", _REGION,
                "--access-key", "demo", "--secret-file", str(secret), "--title", "the force's bucket",
            )  # fmt: skip
        target = "force" if self._by in ("sftp", "s3") else str(self.there)
        await handover("deliver", request_id, "--by", self._by, "--to", target)

    async def sealed(self) -> Path:
        """The package as it arrived, brought to where the officer is."""
        if self._by == "s3":
            return await asyncio.to_thread(self._from_bucket)
        folder = self.there
        if self._by == "medium":
            (daemon,) = [process for name, process in self._stage.processes if name == "daemon"]
            folder = Path(f"/proc/{daemon.pid}/root{self.there}")
        names = sorted(path.name for path in folder.iterdir())
        out.print(f"  What lies there: {', '.join(names)}", markup=False)
        (found,) = folder.glob("*.zip.age")
        target = self._stage.folder / found.name
        shutil.copy(found, target)
        return target

    # -- OpenSSH's server --

    @property
    def _ssh(self) -> Path:
        return self._stage.folder / "sshd"

    async def _start_sshd(self) -> None:
        sshd = await asyncio.to_thread(self._lay_out_sshd)
        for name in ("host", "login"):
            await _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "demo", "-f", str(self._ssh / name))
        (self._ssh / "allowed").write_text((self._ssh / "login.pub").read_text())
        await self._stage.start("sshd", sshd, "-D", "-e", "-f", str(self._ssh / "config"))
        await self._stage.until("the force's server", 20, lambda: _answers(self._port))

    def _lay_out_sshd(self) -> str:
        """Its settings, on a free port; the program."""
        sshd = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
        sftp = next((path for path in _SFTP_SERVERS if Path(path).exists()), None)
        if sshd is None or sftp is None:
            raise DemoFailed("OpenSSH's server is not there. On Debian: sudo apt install openssh-server")
        self._ssh.mkdir()
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = free.getsockname()[1]
        (self._ssh / "config").write_text(
            f"ListenAddress 127.0.0.1:{self._port}\nHostKey {self._ssh}/host\nPidFile none\nUsePAM no\n"
            f"AuthorizedKeysFile {self._ssh}/allowed\nStrictModes no\nPasswordAuthentication no\n"
            f"PermitRootLogin prohibit-password\nSubsystem sftp {sftp}\n"
        )
        return sshd

    async def _fingerprint(self) -> str:
        told = (await _run("ssh-keygen", "-l", "-f", str(self._ssh / "host.pub"))).split()[1]
        out.print(f"  The force tells its server's fingerprint by telephone: {told}")
        return told

    # -- a bucket --

    async def _start_bucket(self) -> Path:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self._endpoint = f"http://127.0.0.1:{port}"
        moto = (sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port))
        await self._stage.start("bucket", *moto)
        await self._stage.until("the storage", 60, lambda: _answers(port))
        await asyncio.to_thread(self._client)
        secret = self._stage.folder / "secret"
        secret.write_text("demo-secret")
        return secret

    def _client(self) -> Any:
        """Amazon's own client, with the bucket made."""
        import botocore.session

        login = {"aws_access_key_id": "demo", "aws_secret_access_key": "demo-secret"}
        client = botocore.session.get_session().create_client("s3", _REGION, endpoint_url=self._endpoint, **login)
        made = {"LocationConstraint": _REGION}
        if not client.list_buckets()["Buckets"]:
            client.create_bucket(Bucket="evidence", CreateBucketConfiguration=made)
        return client

    def _from_bucket(self) -> Path:
        client = self._client()
        keys = [each["Key"] for each in client.list_objects_v2(Bucket="evidence")["Contents"]]
        out.print(f"  What lies there: {', '.join(keys)}", markup=False)
        (key,) = [key for key in keys if key.endswith(".zip.age")]
        target = self._stage.folder / key
        target.write_bytes(client.get_object(Bucket="evidence", Key=key)["Body"].read())
        return target


async def open_at_the_officers(stage: Stage, sealed: Path) -> dict[str, Any]:
    """With the case's key and the force's public one, by ``handover-verify``; no portal is asked."""
    (key,) = (stage.officer / "cases").glob("*/case.key")
    into = stage.folder / "opened-packages"
    words = ("-i", str(key), "--force-key", str(stage.force / "force.pub"), "--into", str(into), "--deep")
    stage.say_command("handover-verify", str(sealed), *words)
    report = json.loads(await _run(str(BIN / "handover-verify"), str(sealed), *words, "--json"))
    if not report["ok"]:
        raise DemoFailed(f"The package does not verify: {report}")
    opened = next(path.parent for path in into.rglob("bagit.txt"))
    return {"report": report, "opened": str(opened)}


async def _answers(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


async def _run(*command: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, stdin=asyncio.subprocess.DEVNULL
    )
    said, complaints = await process.communicate()
    if process.returncode:
        raise DemoFailed(f"'{command[0]}' ended with {process.returncode}:\n{complaints.decode()}{said.decode()}")
    return said.decode()
