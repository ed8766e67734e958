"""An SFTP account of an evidence system: the server's key is the one in the settings, the login is by key.

Nothing of ``~/.ssh`` is read. Not for: an owner's places, which go on where they broke off.
"""

import asyncio
import contextlib
import importlib
import posixpath
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from exchange.errors import HandoverError, PlaceRefused, PlaceUnreachable
from portal.officer.casework.case_folder import CaseFolder
from portal.officer.casework.connectors.connector import Progress, blocks

if TYPE_CHECKING:
    import asyncssh

_CONNECT = 30
"""Seconds for the connection and the login together."""


@dataclass(frozen=True, slots=True)
class SftpConnector:
    """``host_key`` is the server's public key as OpenSSH writes it; ``login_key`` a private key's file."""

    host: str
    port: int
    user: str
    folder: str
    host_key: str
    login_key: Path

    @property
    def title(self) -> str:
        return f"sftp://{self.user}@{self.host}:{self.port}/{self.folder}"

    async def put(self, case: CaseFolder, show: Progress) -> str:
        """See ``portal.officer.casework.connectors.connector``. What broke off is left under a name that begins with a
        dot and ends with ``.partial``."""
        target = posixpath.join(self.folder, case.name)
        partial = posixpath.join(self.folder, f".{case.name}.partial")
        async with self._files() as files:
            if await files.exists(target) or await files.exists(partial):
                raise PlaceRefused(
                    f"{case.name} is at {self.title} already.", meaning="It was left as it is.", do="Export again."
                )
            done = 0
            for each in case.files:
                path = posixpath.join(partial, each.path)
                await files.makedirs(posixpath.dirname(path), exist_ok=True)
                async with files.open(path, "wb", encoding=None) as file:
                    content = blocks(each)
                    while (block := await asyncio.to_thread(next, content, None)) is not None:
                        await file.write(block)
                        done += len(block)
                        show(done)
                if await files.getsize(path) != each.size:
                    raise PlaceRefused(
                        f"{self.title} did not keep what was written to it.",
                        do="Tell who runs it: its disk may be broken.",
                    )
            await files.rename(partial, target)
        return f"{self.title}/{case.name}"

    @contextlib.asynccontextmanager
    async def _files(self) -> "AsyncIterator[asyncssh.SFTPClient]":
        """A connection, and what goes wrong on it as errors of this place."""
        ssh = await asyncio.to_thread(importlib.import_module, "asyncssh")
        try:
            async with (
                asyncio.timeout(_CONNECT) as until,
                await self._connect() as connection,
                connection.start_sftp_client() as files,
            ):
                until.reschedule(None)
                yield files
        except HandoverError:
            raise
        except (ssh.HostKeyNotVerifiable, ssh.KeyExchangeFailed) as error:
            raise PlaceRefused(
                f"{self.host} does not show the key that stands in the settings.",
                meaning="It may have been set up anew; or somebody else answers in its place. Nothing was sent.",
                do="Ask who runs it, by another way, for its key.",
            ) from error
        except ssh.PermissionDenied as error:
            raise PlaceRefused(
                f"{self.host} refused the login of {self.user}.",
                meaning="Nothing was sent.",
                do="Have who runs it add your login key.",
            ) from error
        except (ssh.SFTPConnectionLost, ssh.SFTPNoConnection) as error:
            raise self._gone() from error
        except ssh.SFTPError as error:
            raise PlaceRefused(
                f"{self.title} said no: {error.reason[:200]}.",
                meaning="The case does not lie there under its name.",
                do="Ask who runs it for the right to write there, or for room.",
            ) from error
        except (OSError, ssh.Error) as error:  # TimeoutError is an OSError
            raise self._gone() from error

    def _gone(self) -> PlaceUnreachable:
        return PlaceUnreachable(
            f"{self.title} does not answer, or the connection broke.",
            meaning="The case does not lie there under its name.",
            do="Check the address and the line; then export again.",
        )

    async def _connect(self) -> "asyncssh.SSHClientConnection":
        import asyncssh

        key = asyncssh.import_public_key(self.host_key)
        algorithm = key.get_algorithm()
        kinds = ["rsa-sha2-512", "rsa-sha2-256"] if algorithm == "ssh-rsa" else [algorithm]
        login = await asyncio.to_thread(asyncssh.read_private_key, str(self.login_key))
        return await asyncssh.connect(
            self.host,
            self.port,
            username=self.user,
            client_keys=[login],
            known_hosts=([key], [], []),
            server_host_key_algs=kinds,
            agent_path=None,
            config=None,
            gss_host=None,
        )
