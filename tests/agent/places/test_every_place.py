"""What holds at every place: a file is there whole under its name or not at all, and is what was put there."""

import stat
from pathlib import Path

import pytest

from agent.places.folder import FolderPlace
from agent.places.place import Place, Stored
from agent.places.s3 import S3Place
from agent.places.sftp import SftpPlace
from exchange.errors import InputInvalid, NotFound, PlaceRefused
from tests.agent.places.conftest import PART, account, in_bucket, sample


async def test_what_was_put_there_lies_there_under_its_name(place: Place, tmp_path: Path) -> None:
    small, large = sample(tmp_path / "a", 1000), sample(tmp_path / "b", PART + 12345, seed=2)
    seen: list[int] = []
    await place.put(small.path, "2026/small.zip.age", small.sha256, seen.append)
    await place.put(large.path, "large.zip.age", large.sha256, seen.append)
    assert seen == sorted(seen[: seen.index(small.size) + 1]) + seen[seen.index(small.size) + 1 :]
    assert seen[-1] == large.size
    assert await place.names() == [Stored("2026/small.zip.age", small.size), Stored("large.zip.age", large.size)]
    assert await place.names("2026/") == [Stored("2026/small.zip.age", small.size)]
    assert await place.sha256("2026/small.zip.age") == small.sha256
    assert await place.sha256("large.zip.age") == large.sha256
    assert await place.sha256("none") is None


async def test_what_lies_there_is_brought_back_whole_and_as_it_was_or_not_at_all(place: Place, tmp_path: Path) -> None:
    one, target = sample(tmp_path / "a", 3_000_000), tmp_path / "back"
    await place.put(one.path, "one", one.sha256, lambda _: None)
    with pytest.raises(PlaceRefused, match="not what was put there"):
        await place.get("one", target, "0" * 64, lambda _: None)
    with pytest.raises(NotFound):
        await place.get("none", target, None, lambda _: None)
    assert [path.name for path in tmp_path.glob("*back*")] == []
    seen: list[int] = []
    await place.get("one", target, one.sha256, seen.append)
    assert target.read_bytes() == one.path.read_bytes()
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert seen[-1] == one.size
    assert [path.name for path in tmp_path.glob("*back*")] == ["back"]


async def test_an_empty_file_can_be_put_there(place: Place, tmp_path: Path) -> None:
    empty = sample(tmp_path / "a", 0)
    await place.put(empty.path, "empty", empty.sha256, lambda _: None)
    assert await place.names() == [Stored("empty", 0)]


async def test_putting_the_same_again_changes_nothing_and_another_file_is_refused(place: Place, tmp_path: Path) -> None:
    one, other = sample(tmp_path / "a", 70_000), sample(tmp_path / "b", 70_000, seed=2)
    await place.put(one.path, "one", one.sha256, lambda _: None)
    await place.put(one.path, "one", one.sha256, lambda _: None)
    with pytest.raises(PlaceRefused, match="another file one"):
        await place.put(other.path, "one", other.sha256, lambda _: None)
    assert await place.sha256("one") == one.sha256
    assert await place.names() == [Stored("one", one.size)]


async def test_what_is_removed_is_gone_and_may_be_removed_again(place: Place, tmp_path: Path) -> None:
    one = sample(tmp_path / "a", 1000)
    await place.put(one.path, "2026/11/one", one.sha256, lambda _: None)
    await place.remove("2026/11/one")
    await place.remove("2026/11/one")
    await place.remove("never/there")
    assert await place.names() == []
    assert await place.sha256("2026/11/one") is None


@pytest.mark.parametrize("name", ["../out", "/etc/x", "a//b", ".hidden", "a\nb", "a:b", "con.txt", "x" * 201, ""])
async def test_a_name_that_leads_out_or_cannot_be_kept_everywhere_is_refused(
    place: Place, tmp_path: Path, name: str
) -> None:
    one = sample(tmp_path / "a", 10)
    with pytest.raises(InputInvalid):
        await place.put(one.path, name, one.sha256, lambda _: None)


async def test_a_file_that_is_not_what_it_should_be_never_gets_its_name(place: Place, tmp_path: Path) -> None:
    one = sample(tmp_path / "a", 1000)
    with pytest.raises(PlaceRefused):
        await place.put(one.path, "one", "0" * 64, lambda _: None)
    assert await place.names() == []


async def test_its_title_names_it(place: Place) -> None:
    assert place.title
    assert "PRIVATE" not in place.title


@pytest.mark.parametrize("kind", ["folder", "sftp", "s3"])
async def test_what_is_broken_off_between_blocks_is_kept_and_gone_on_with(
    tmp_path: Path, request: pytest.FixtureRequest, kind: str
) -> None:
    """By whoever sets the pace: hours end, or what is sent is not wanted any more."""
    large, given, most = sample(tmp_path / "a", 2 * PART + 12345), [0], [PART + PART // 2]

    def go_on(count: int = 1 << 20) -> None:
        given[0] += count
        if given[0] > most[0]:
            raise Over

    async def pace(count: int) -> None:
        go_on(count)

    def opened() -> Place:
        if kind == "folder":
            (tmp_path / "there").mkdir(exist_ok=True)
            return FolderPlace(tmp_path / "there", go_on=go_on)
        if kind == "sftp":
            server = request.getfixturevalue("sshd")
            return SftpPlace(account(server, f"{server.root}/{tmp_path.name}"), pace=pace)
        return S3Place(in_bucket(request.getfixturevalue("bucket"), f"in/{tmp_path.name}"), pace=pace, part=PART)

    with pytest.raises(Over):
        await opened().put(large.path, "large", large.sha256, lambda _: None)
    assert await opened().names() == []
    given[0], most[0], seen = 0, 1 << 40, list[int]()
    await opened().put(large.path, "large", large.sha256, seen.append)
    assert await opened().sha256("large") == large.sha256
    if kind != "folder":  # whose blocks are asked for while they are compared, too
        assert given[0] <= large.size - PART


class Over(Exception):
    """Whoever sets the pace says so."""
