"""SFTP servers that fail: another key, a broken line, a full disk, a login or a folder that is refused."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import asyncssh
import pytest

from agent.places.accounts import SftpAccount
from agent.places.naming import unfinished
from agent.places.sftp import SftpPlace
from agent.places.ssh_keys import fingerprint, new_login_key, server_key
from exchange.errors import InputInvalid, PlaceFull, PlaceRefused, PlaceUnreachable
from tests.agent.places.conftest import account, sample
from tests.counterparts.storage.ssh_server import SFTP_SERVER, SshServer, ssh_server


async def test_the_key_that_a_server_shows_is_the_one_ssh_keygen_tells_of(sshd: SshServer) -> None:
    shown = await server_key("127.0.0.1", sshd.port)
    assert shown == sshd.host_key
    assert fingerprint(shown) == sshd.fingerprint
    with pytest.raises(InputInvalid):
        fingerprint("ssh-ed25519 nonsense")


async def test_a_server_whose_key_changed_gets_nothing_and_no_password(tmp_path: Path) -> None:
    one = sample(tmp_path / "a", 1000)
    with ssh_server(tmp_path / "d") as server:
        before = account(server, str(server.root), private_key=None, password="hush-hush")
        server.stop()
        server.new_host_key()
        server.start()
        with pytest.raises(PlaceRefused, match="does not show the key that you confirmed") as told:
            await SftpPlace(before).put(one.path, "one", one.sha256, lambda _: None)
        assert fingerprint(before.host_key) in told.value.what
        assert "hush-hush" not in str(told.value)
        assert "assword for" not in (server.folder / "sshd.log").read_text()
        assert list(server.root.iterdir()) == []


async def test_a_login_of_our_own_is_made_and_an_unknown_one_is_refused(sshd: SshServer, tmp_path: Path) -> None:
    one = sample(tmp_path / "a", 1000)
    private, public = await asyncio.to_thread(new_login_key, "handover@shop")
    at = replace(account(sshd, f"{sshd.root}/ours"), private_key=private)
    with pytest.raises(PlaceRefused, match="refused the login"):
        await SftpPlace(at).put(one.path, "one", one.sha256, lambda _: None)
    sshd.log_in(public)
    await SftpPlace(at).put(one.path, "one", one.sha256, lambda _: None)
    assert (sshd.root / "ours" / "one").read_bytes() == one.path.read_bytes()


class _WithPassword(asyncssh.SSHServer):
    def begin_auth(self, username: str) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return (username, password) == ("evidence", "correct horse")


@asynccontextmanager
async def password_server(root: Path) -> AsyncIterator[SftpAccount]:
    """asyncssh's own server: sshd asks the system for passwords."""
    key = asyncssh.generate_private_key("ssh-ed25519")

    def files(channel: "asyncssh.SSHServerChannel[bytes]") -> asyncssh.SFTPServer:
        return asyncssh.SFTPServer(channel, chroot=os.fsencode(root))

    server = await asyncssh.create_server(
        _WithPassword, "127.0.0.1", 0, server_host_keys=[key], sftp_factory=files, config=None
    )
    public = " ".join(key.export_public_key().decode().split()[:2])
    async with server:
        yield SftpAccount("127.0.0.1", server.get_port(), "evidence", "/in", public, password="correct horse")


async def test_a_password_opens_an_account_and_a_wrong_one_does_not(tmp_path: Path) -> None:
    one = sample(tmp_path / "a", 1000)
    (tmp_path / "root").mkdir()
    async with password_server(tmp_path / "root") as at:
        await SftpPlace(at).put(one.path, "one", one.sha256, lambda _: None)
        with pytest.raises(PlaceRefused, match="refused the login"):
            await SftpPlace(replace(at, password="wrong")).names()
    assert (tmp_path / "root" / "in" / "one").read_bytes() == one.path.read_bytes()


async def test_an_upload_that_broke_off_goes_on_after_what_is_right_there(sshd: SshServer, tmp_path: Path) -> None:
    one = sample(tmp_path / "a", 6 << 20)
    folder = sshd.root / "broken"
    sent: list[int] = []

    async def breaking(count: int) -> None:
        sent.append(count)
        if sum(sent) > 4 << 20:
            raise PlaceUnreachable("The line broke.")

    with pytest.raises(PlaceUnreachable):
        await SftpPlace(account(sshd, str(folder)), pace=breaking).put(one.path, "one", one.sha256, lambda _: None)
    (part,) = folder.iterdir()
    assert part.name == unfinished("one", one.sha256)
    assert part.stat().st_size == 4 << 20
    with part.open("r+b") as file:  # the last megabyte was damaged there meanwhile
        file.seek(3_500_000)
        file.write(bytes(100))
    again: list[int] = []

    async def counting(count: int) -> None:
        again.append(count)

    await SftpPlace(account(sshd, str(folder)), pace=counting).put(one.path, "one", one.sha256, lambda _: None)
    assert sum(again) == 3 << 20
    assert [path.name for path in folder.iterdir()] == ["one"]
    assert (folder / "one").read_bytes() == one.path.read_bytes()


async def test_a_server_that_goes_away_in_the_middle_is_told_as_unreachable(tmp_path: Path) -> None:
    one = sample(tmp_path / "a", 4 << 20)
    with ssh_server(tmp_path / "d") as server:

        async def killing(count: int) -> None:
            await asyncio.to_thread(server.break_off)

        with pytest.raises(PlaceUnreachable, match="does not answer, or the connection broke"):
            await SftpPlace(account(server, str(server.root)), pace=killing).put(
                one.path, "one", one.sha256, lambda _: None
            )
        assert not (server.root / "one").exists()
    with pytest.raises(PlaceUnreachable):
        await SftpPlace(account(server, str(server.root))).names()


def on_a_disk_of(script: Path, size: str) -> str:
    """What serves SFTP from a disk of its own for each connection."""
    inside = f'mount -t tmpfs -o size={size} tmpfs "$1" && exec {SFTP_SERVER}'
    script.write_text(f"#!/bin/sh\nexec unshare --user --map-root-user --mount sh -c '{inside}' sh \"$1\"\n")
    script.chmod(0o755)
    return f"{script} {{root}}"


async def test_a_disk_that_is_full_there_is_told_as_that(tmp_path: Path) -> None:
    command = on_a_disk_of(tmp_path / "serve", "2m")
    large, small = sample(tmp_path / "a", 3 << 20), sample(tmp_path / "b", 1 << 20)
    with ssh_server(tmp_path / "d", command=command) as server:
        place = SftpPlace(account(server, str(server.root)))
        assert await place.free() == 2 << 20
        await place.put(small.path, "small", small.sha256, lambda _: None)
        with pytest.raises(PlaceFull, match="3,145,728 bytes are needed, 2,097,152 are free"):
            await place.put(large.path, "large", large.sha256, lambda _: None)


async def test_a_disk_that_fills_up_while_it_is_written_to_is_told_as_that(tmp_path: Path) -> None:
    command = on_a_disk_of(tmp_path / "serve", "4m")
    one = sample(tmp_path / "a", 3 << 20)
    with ssh_server(tmp_path / "d", command=command) as server:
        sent: list[int] = []

        async def filling(count: int) -> None:
            """Somebody else takes the room, in the mount namespace of the server."""
            sent.append(count)
            if len(sent) == 2:
                await asyncio.to_thread(fill, server.root)

        with pytest.raises(PlaceFull):
            await SftpPlace(account(server, str(server.root)), pace=filling).put(
                one.path, "one", one.sha256, lambda _: None
            )


def fill(root: Path) -> None:
    """Take all that is left of a disk that only the server's processes see."""
    found = [each for each in Path("/proc").glob("[0-9]*/mountinfo") if _has(each, root)]
    other = Path("/proc", found[0].parent.name, "root", *root.parts[1:], "other")
    with other.open("wb", 0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError:
            return


def _has(mountinfo: Path, root: Path) -> bool:
    try:
        return f" {root} " in mountinfo.read_text()
    except OSError:
        return False


async def test_a_folder_that_may_not_be_written_to_is_told_as_refused(tmp_path: Path) -> None:
    command = "/usr/lib/openssh/sftp-server -R"
    one = sample(tmp_path / "a", 1000)
    with (
        ssh_server(tmp_path / "d", command=command) as server,
        pytest.raises(PlaceRefused, match="may not do that"),
    ):
        await SftpPlace(account(server, str(server.root))).put(one.path, "one", one.sha256, lambda _: None)


async def test_an_account_that_may_write_and_not_read_still_takes_files(tmp_path: Path) -> None:
    """A drop box: what SSH brought is trusted, of the right size."""
    (tmp_path / "root").mkdir()
    one = sample(tmp_path / "a", 100_000)

    class DropBox(asyncssh.SFTPServer):
        def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> object:
            if pflags & asyncssh.FXF_READ:
                raise asyncssh.SFTPPermissionDenied("this is a drop box")
            return super().open(path, pflags, attrs)

    key = asyncssh.generate_private_key("ssh-ed25519")
    server = await asyncssh.create_server(
        _WithPassword,
        "127.0.0.1",
        0,
        server_host_keys=[key],
        config=None,
        sftp_factory=lambda channel: DropBox(channel, chroot=os.fsencode(tmp_path / "root")),
    )
    public = " ".join(key.export_public_key().decode().split()[:2])
    async with server:
        at = SftpAccount("127.0.0.1", server.get_port(), "evidence", "", public, password="correct horse")
        await SftpPlace(at).put(one.path, "one", one.sha256, lambda _: None)
        with pytest.raises(PlaceRefused, match="lets nothing be read"):
            await SftpPlace(at).sha256("one")
    assert (tmp_path / "root" / "one").read_bytes() == one.path.read_bytes()
