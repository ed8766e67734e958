"""Finds the groups of slices that signing SEIs tell of among the slices that are there, and whether they follow on.

Not for: signatures (``checking``): a group that is found is only as good as the signature over the SEI that names it.
"""

import hashlib
from dataclasses import dataclass, field

from exchange.media_signing.signing_data import Group
from exchange.media_signing.stream import Item

_LEADING = 2
"""Signing SEIs at the start of a copy that may tell of groups before it: a signature takes its time to be made."""
_COUNTERS = 1 << 32
_MOST_STARTS = 64
"""Places that are tried for a group that does not lie where the one before it ended."""


@dataclass(frozen=True)
class FoundGroup:
    """``items``: by their numbers, those that are as the camera hashed them. ``missing``: how many it hashed more."""

    items: range | tuple[int, ...]
    missing: int = 0
    failed: bool = False
    """It lies there, and is not what was hashed."""


@dataclass
class Found:
    """``groups``: one for each SEI, None where none of it is in the copy (or the SEI tells of none)."""

    groups: list[FoundGroup | None]
    unmatched: int = 0
    """SEIs that tell of groups which should lie in the copy, and don't."""
    broken_links: int = 0
    held: int = field(init=False)

    def __post_init__(self) -> None:
        self.held = sum(group is not None and not group.failed for group in self.groups)


def find_groups(items: list[Item], before: list[int], groups: list[Group | None], digest: str) -> Found:
    """``before``: how many items lie before each SEI: a group ends before the SEI that tells of it."""
    found: list[FoundGroup | None] = []
    cursor, previous, unmatched, broken = 0, None, 0, 0
    any_found, leading = False, list[int]()
    seen: set[tuple[int, bytes]] = set()
    for number, group in enumerate(groups):
        found.append(None)
        if group is None or (key := (group.counter, group.digest)) in seen:
            continue  # a certificate's SEI, or one that is sent twice to be safe
        seen.add(key)
        if not any(group.digest):
            continue  # over nothing: what a camera says before its first picture
        place = _place(items, cursor, before[number], group, digest)
        found[number] = FoundGroup(place) if place is not None else _by_list(items, cursor, before[number], group)
        match = found[number]
        if match is None or match.failed:
            if not any_found and match is None and len(leading) < _LEADING:
                leading.append(group.counter)
                continue
            unmatched += match is None
            previous = None
            if match is not None:
                cursor = max(cursor, match.items[-1] + 1) if match.items else cursor
            continue
        first = next((place for place in match.items if items[place].sei is None), match.items[0])
        if not any_found and first and (group.counter - 1) % _COUNTERS in leading:
            unmatched += 1  # it tells of the group before this one, which lies in the copy, and differs
        broken += _is_broken(items, first, previous, group, any_found)
        any_found, previous, cursor = True, first, match.items[-1] + 1
    return Found(found, unmatched, broken)


def _is_broken(items: list[Item], first: int, previous: int | None, group: Group, any_found: bool) -> bool:
    """Whether a group names another one before it than the one that lies there."""
    if previous is not None:
        return group.linked != items[previous].digest
    if any_found or first == 0:
        return False  # what lay before was lost, which is counted; or it lies before the copy
    # The first group that is found: what opens the GOP before it in the copy must be what it names, or it was changed.
    opened = next((place for place in range(first - 1, -1, -1) if items[place].opens), None)
    parts = {items[place].digest for place in range(opened, first)} if opened is not None else set()
    return not group.begins_anew and opened is not None and group.linked not in parts


def _place(items: list[Item], cursor: int, end: int, group: Group, digest: str) -> range | None:
    """Where the group lies: where the one before it ended, or, if that was lost, where a later GOP opens."""
    starts = [cursor]
    for place in range(cursor + 1, end):
        if len(starts) > _MOST_STARTS:
            break
        if items[place].opens:
            starts.append(place)
    for start in starts:
        for behind in _ends(items, start, end, group):
            if _digest(items, start, behind, digest) == group.digest:
                return range(start, behind)
    return None


def _ends(items: list[Item], start: int, end: int, group: Group) -> list[int]:
    """Where a group that begins at ``start`` may end: by its count, or, where it closes its GOP, where that ends.

    A camera whose list of hashes was full counts none.
    """
    ends = [start + group.slices] if 0 < group.slices <= end - start else []
    if not group.part and start < end:
        closes = next((place for place in range(start + 1, end) if items[place].opens), end)
        ends += [closes] if closes not in ends else []
    return ends


def _digest(items: list[Item], start: int, end: int, name: str) -> bytes:
    made = hashlib.new(name)
    for place in range(start, end):
        made.update(items[place].digest)
    return made.digest()


def _by_list(items: list[Item], cursor: int, end: int, group: Group) -> FoundGroup | None:
    """The group by its list of hashes, where it is there: which slices are in it, and whether others lie among them.

    None where no slice of it is in the copy.
    """
    wanted = {digest: number for number, digest in enumerate(group.hashes)}
    matched: list[int] = []
    last = -1
    for place in range(cursor, end):
        if matched and items[place].opens:
            break
        number = wanted.get(items[place].digest, -1)
        if number > last:
            matched.append(place)
            last = number
    if not matched:
        return None
    foreign = (matched[-1] - matched[0] + 1) - len(matched)
    # What follows the last that matches, up to the next GOP, is the next part's, unless the group closes its GOP.
    if not group.part:
        behind = next((place for place in range(matched[-1] + 1, end) if items[place].opens), end)
        foreign += behind - matched[-1] - 1
    missing = len(group.hashes) - len(matched)
    return FoundGroup(tuple(matched), missing=max(0, missing - foreign), failed=foreign > 0)
