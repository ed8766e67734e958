"""A log of twenty thousand lines: read a piece at a time, shown once it is checked, gone on with after a break."""

import asyncio
import json
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import pytest
from sqlalchemy import insert
from sqlalchemy.orm import Session

from exchange.clock import SECOND, to_rfc3339
from exchange.custody.log import NO_LINE_BEFORE, line_leaf, line_sha256
from exchange.custody.merkle import MerkleFrontier, MerkleTree, node_hash
from exchange.custody.uses import Use, Uses, UsesReader
from exchange.documents.messages import Role
from exchange.errors import CustodyBroken, PortalUnreachable
from portal.officer.client import OfficerClient
from portal.officer.supervised import reading
from portal.officer.supervised.reading import read_log, sign_log
from portal.storage.use_tables import UseLine, UseNode
from tests.portal.conftest import NOON, Town
from tests.portal.supervision.machines import Machine
from tests.portal.supervision.supervisors import known

MANY = 20_000
CUT = 12_000
"""Where the portal goes away in the middle."""


@pytest.fixture
async def auditor(town: Town, tmp_path: Path) -> Machine:
    return Machine(town, tmp_path / "auditor", await known(town, Role.AUDITOR, name="Kim Patel", collar_number="9"))


def made(count: int) -> list[str]:
    """Lines as a portal writes them, without the portal's work."""
    lines, last = [], NO_LINE_BEFORE
    for seq in range(count):
        who = {"officer": f"SHA256:{'A' * 43}", "name": "A B", "collar_number": "1"}
        what = {"seq": seq, "at": to_rfc3339(NOON + seq * SECOND), "deed": "searched", **who}
        said = {**what, "crime_reference": f"C-{seq % 1000}", "previous": last}
        lines.append(json.dumps(said, separators=(",", ":")))
        last = line_sha256(lines[-1])
    return lines


def keep(session: Session, lines: Sequence[str]) -> None:
    session.execute(insert(UseLine), [{"seq": seq, "line": line} for seq, line in enumerate(lines)])
    level, row = 0, [line_leaf(line) for line in lines]
    while row:
        nodes = [{"level": level, "position": at, "hash": found.hex()} for at, found in enumerate(row)]
        session.execute(insert(UseNode), nodes)
        pairs = zip(islice(row, 0, None, 2), islice(row, 1, None, 2), strict=False)
        level, row = level + 1, [node_hash(*pair) for pair in pairs]


async def test_a_long_log_is_checked_a_piece_at_a_time_and_after_a_break_only_the_rest(
    town: Town, auditor: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = await asyncio.to_thread(made, MANY)
    await town.running.portal.db.write(lambda session: keep(session, lines))
    asked: list[int] = []
    away: list[int] = []
    pieces: list[int] = []
    news: list[tuple[int, int]] = []
    uses = OfficerClient.uses

    async def away_in_the_middle(self: OfficerClient, after: int) -> Uses:
        if after == CUT and len(away) < 3:
            away.append(after)
            raise PortalUnreachable("It does not answer.")
        asked.append(after)
        return await uses(self, after)

    monkeypatch.setattr(OfficerClient, "uses", away_in_the_middle)
    monkeypatch.setattr(reading, "_PAUSES", (0.0, 0.0))
    state, now = auditor.state, town.clock.now()
    async with auditor.client() as client:
        with pytest.raises(PortalUnreachable):
            await read_log(state, client, now, lambda found: pieces.append(len(found)))
        assert (await asyncio.to_thread(state.log_checked)).size == CUT
        assert await sign_log(state, client, now, lambda *about: news.append(about)) == MANY
    assert max(pieces) <= 500
    assert news[-1] == (MANY - CUT, MANY - CUT)
    assert len(asked) == MANY // 500, "no line was fetched twice"
    told = await auditor.run("audit", "log", "--after", str(MANY - 1500), "--crime", "C-999")
    assert (told["lines"], [use["seq"] for use in told["uses"]]) == (MANY, [MANY - 1001, MANY - 1])
    assert asked[-3:] == [MANY - 1500, MANY - 1000, MANY - 500]
    assert len((state.folder / "log-checked.json").read_bytes()) < 4096


@pytest.mark.parametrize("first", [None, 0, 5, 6, 7, 8])
async def test_what_leads_to_the_lines_that_were_checked_must_be_theirs(first: int | None) -> None:
    lines = made(12)
    before = UsesReader()
    before.take(lines[:7])
    reader = UsesReader(before.checked, first, wanted=(7, 12))
    begun = reader.position
    found = reader.take(lines[reader.position :])
    assert [use.seq for use in found] == list(range(min(7 if first is None else first, 7), 12))
    tree, whole = MerkleTree(map(line_leaf, lines)), UsesReader()
    whole.take(lines)
    assert reader.roots == {7: tree.root(7), 12: tree.root()}
    assert reader.checked == whole.checked
    others = [line.replace("A B", "B A") for line in lines]
    with pytest.raises(CustodyBroken):
        UsesReader(before.checked, first).take(others[begun:])


def test_a_frontier_has_the_root_of_the_whole_tree_at_every_size() -> None:
    tree, frontier = MerkleTree(), MerkleFrontier()
    for number in range(40):
        assert MerkleFrontier(number, frontier.peaks).root() == frontier.root() == tree.root()
        leaf = line_leaf(str(number))
        tree.append(leaf)
        frontier.append(leaf)
    with pytest.raises(ValueError, match="complete subtrees"):
        MerkleFrontier(3, frontier.peaks[:1])


async def test_lines_that_are_changed_after_they_were_checked_are_found(town: Town, auditor: Machine) -> None:
    lines = made(5)
    await town.running.portal.db.write(lambda session: keep(session, lines))
    shown: list[Use] = []
    async with auditor.client() as client:
        await read_log(auditor.state, client, town.clock.now(), shown.extend, first=-2)
        assert [use.seq for use in shown] == [3, 4]
        checked = await asyncio.to_thread(auditor.state.log_checked)
        wrong = checked.model_copy(update={"last": NO_LINE_BEFORE})
        await asyncio.to_thread(auditor.state.save_log_checked, wrong)
        with pytest.raises(CustodyBroken, match="is not the one that was checked"):
            await read_log(auditor.state, client, town.clock.now(), shown.extend, first=-2)
        assert (await asyncio.to_thread(auditor.state.log_checked)).size == 0
        assert (await read_log(auditor.state, client, town.clock.now()))[0] == 5
