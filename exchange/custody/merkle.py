"""The Merkle tree of RFC 6962 (section 2.1; proofs as RFC 9162 words them) over SHA-256, kept as it grows.

Not for: what the leaves are (``exchange.custody.log``), or keeping them on disk.
"""

import hashlib
from collections.abc import Iterable, Sequence

HASH_SIZE = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()


def leaf_hash(data: bytes) -> bytes:
    """32 bytes; the prefix keeps a leaf from passing for a node (RFC 6962 section 2.1)."""
    return hashlib.sha256(b"\0" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()


class MerkleTree:
    """An append-only tree: a leaf costs about two hashes, a root or a proof about log2(size).

    Every complete subtree's hash is kept, level by level, packed: 64 bytes a leaf.
    """

    def __init__(self, leaf_hashes: Iterable[bytes] = ()) -> None:
        self._levels: list[bytearray] = [bytearray()]
        for leaf in leaf_hashes:
            self.append(leaf)

    @property
    def size(self) -> int:
        return len(self._levels[0]) // HASH_SIZE

    def append(self, leaf: bytes) -> None:
        """Add one leaf's hash (32 bytes)."""
        if len(leaf) != HASH_SIZE:
            raise ValueError("a leaf hash has 32 bytes")
        level = 0
        while True:
            row = self._levels[level]
            row += leaf
            if len(row) % (2 * HASH_SIZE):
                return
            leaf = node_hash(bytes(row[-2 * HASH_SIZE : -HASH_SIZE]), bytes(row[-HASH_SIZE:]))
            level += 1
            if level == len(self._levels):
                self._levels.append(bytearray())

    def root(self, size: int | None = None) -> bytes:
        """The tree's hash when it had ``size`` leaves (now, unless said)."""
        size = self._known(size)
        return self._range(0, size) if size else EMPTY_ROOT

    def inclusion(self, index: int, size: int | None = None) -> list[bytes]:
        """The audit path of a leaf, its neighbour first (RFC 9162 section 2.1.3.1)."""
        size = self._known(size)
        if not 0 <= index < size:
            raise ValueError(f"no leaf {index} in a tree of {size}")
        path: list[bytes] = []
        start, end = 0, size
        while end - start > 1:
            middle = start + _split(end - start)
            if index < middle:
                path.append(self._range(middle, end))
                end = middle
            else:
                path.append(self._range(start, middle))
                start = middle
        return path[::-1]

    def consistency(self, first: int, size: int | None = None) -> list[bytes]:
        """The proof that the tree of ``first`` leaves is the beginning of this one (RFC 9162 section 2.1.4.1)."""
        size = self._known(size)
        if not 0 < first <= size:
            raise ValueError(f"no proof from {first} to {size} leaves")
        proof: list[bytes] = []
        start, end, whole = 0, size, True
        while first != end:
            middle = start + _split(end - start)
            if first <= middle:
                proof.append(self._range(middle, end))
                end = middle
            else:
                proof.append(self._range(start, middle))
                start, whole = middle, False
        if not whole:
            proof.append(self._range(start, end))
        return proof[::-1]

    def _known(self, size: int | None) -> int:
        if size is None:
            return self.size
        if not 0 <= size <= self.size:
            raise ValueError(f"the tree has {self.size} leaves, not {size}")
        return size

    def _node(self, level: int, position: int) -> bytes:
        """The hash of a complete subtree of ``1 << level`` leaves."""
        at = position * HASH_SIZE
        return bytes(self._levels[level][at : at + HASH_SIZE])

    def _range(self, start: int, end: int) -> bytes:
        """The hash over leaves ``start`` to ``end``; ``start`` is aligned as the tree's splits leave it."""
        count = end - start
        if count & (count - 1) == 0:
            level = count.bit_length() - 1
            return self._node(level, start >> level)
        middle = start + _split(count)
        return node_hash(self._range(start, middle), self._range(middle, end))


class MerkleFrontier:
    """The same tree without its past: enough to append and to know its root, in about log2(size) hashes."""

    def __init__(self, size: int = 0, peaks: Iterable[bytes] = ()) -> None:
        """``peaks``: the hashes of its complete subtrees, the largest first."""
        self._size, self._peaks = size, list(peaks)
        if len(self._peaks) != size.bit_count():
            raise ValueError(f"a tree of {size} leaves has {size.bit_count()} complete subtrees")

    @property
    def size(self) -> int:
        return self._size

    @property
    def peaks(self) -> tuple[bytes, ...]:
        return tuple(self._peaks)

    def append(self, leaf: bytes) -> None:
        """Add one leaf's hash (32 bytes)."""
        position = self._size
        while position & 1:
            leaf = node_hash(self._peaks.pop(), leaf)
            position >>= 1
        self._peaks.append(leaf)
        self._size += 1

    def root(self) -> bytes:
        if not self._peaks:
            return EMPTY_ROOT
        found = self._peaks[-1]
        for peak in reversed(self._peaks[:-1]):
            found = node_hash(peak, found)
        return found


def _split(count: int) -> int:
    """The largest power of two smaller than ``count``."""
    return 1 << (count - 1).bit_length() - 1


def included(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether the leaf's hash is at ``index`` of the tree of ``size`` with ``root`` (RFC 9162 section 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    node, last, found = index, size - 1, leaf
    for step in proof:
        if last == 0:
            return False
        if node & 1 or node == last:
            found = node_hash(step, found)
            while not node & 1 and node:
                node >>= 1
                last >>= 1
        else:
            found = node_hash(found, step)
        node >>= 1
        last >>= 1
    return last == 0 and found == root


def consistent(first: int, first_root: bytes, second: int, second_root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether the tree of ``first`` leaves is the beginning of that of ``second`` (RFC 9162 section 2.1.4.2)."""
    if first == second:
        return not proof and first_root == second_root
    if first == 0:
        return not proof and first_root == EMPTY_ROOT
    if not 0 < first < second or not proof:
        return False
    path = [first_root, *proof] if first & (first - 1) == 0 else list(proof)
    node, last = first - 1, second - 1
    while node & 1:
        node >>= 1
        last >>= 1
    one = two = path[0]
    for step in path[1:]:
        if last == 0:
            return False
        if node & 1 or node == last:
            one, two = node_hash(step, one), node_hash(step, two)
            while not node & 1 and node:
                node >>= 1
                last >>= 1
        else:
            two = node_hash(two, step)
        node >>= 1
        last >>= 1
    return last == 0 and one == first_root and two == second_root
