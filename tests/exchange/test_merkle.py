"""RFC 6962's tree: Certificate Transparency's known answers, and every small tree against the definition."""

import hashlib

import pytest

from exchange.custody.merkle import EMPTY_ROOT, MerkleTree, consistent, included, leaf_hash

LEAVES = [
    bytes.fromhex(text)
    for text in (
        *("", "00", "10", "2021", "3031", "40414243", "5051525354555657"),
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
INCLUSION = {
    (0, 1): [],
    (0, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (5, 8): [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 3): ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
    (1, 5): [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}
CONSISTENCY = {
    (1, 1): [],
    (1, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (6, 8): [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 5): [
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
    (6, 7): [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
}


def by_definition(leaves: list[bytes]) -> bytes:
    """MTH exactly as RFC 6962 section 2.1 defines it."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\0" + leaves[0]).digest()
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return hashlib.sha256(b"\1" + by_definition(leaves[:split]) + by_definition(leaves[split:])).digest()


def tree_of(count: int) -> MerkleTree:
    return MerkleTree(leaf_hash(str(index).encode()) for index in range(count))


def test_roots_are_the_known_answers_at_every_size_the_tree_ever_had() -> None:
    tree = MerkleTree(map(leaf_hash, LEAVES))
    assert [tree.root(size).hex() for size in range(9)] == ROOTS
    assert tree.root() == tree.root(8)
    assert MerkleTree().root() == EMPTY_ROOT


@pytest.mark.parametrize(("index", "size"), INCLUSION)
def test_inclusion_proofs_are_the_known_answers(index: int, size: int) -> None:
    proof = MerkleTree(map(leaf_hash, LEAVES)).inclusion(index, size)
    assert [step.hex() for step in proof] == INCLUSION[index, size]
    assert included(leaf_hash(LEAVES[index]), index, size, proof, bytes.fromhex(ROOTS[size]))


@pytest.mark.parametrize(("first", "second"), CONSISTENCY)
def test_consistency_proofs_are_the_known_answers(first: int, second: int) -> None:
    proof = MerkleTree(map(leaf_hash, LEAVES)).consistency(first, second)
    assert [step.hex() for step in proof] == CONSISTENCY[first, second]
    assert consistent(first, bytes.fromhex(ROOTS[first]), second, bytes.fromhex(ROOTS[second]), proof)


def test_every_leaf_of_every_small_tree_is_proven_where_it_is_and_nowhere_else() -> None:
    tree = tree_of(20)
    for size in range(1, 21):
        root = by_definition([str(index).encode() for index in range(size)])
        assert tree.root(size) == root
        for index in range(size):
            leaf, proof = leaf_hash(str(index).encode()), tree.inclusion(index, size)
            assert included(leaf, index, size, proof, root)
            assert not any(included(leaf, other, size, proof, root) for other in range(-1, size + 1) if other != index)
            assert not included(leaf_hash(b"x"), index, size, proof, root)
            assert not included(leaf, index, size, [*proof, root], root)
            assert not proof or not included(leaf, index, size, proof[:-1], root)
            for at in range(len(proof)):
                assert not included(leaf, index, size, [*proof[:at], bytes(32), *proof[at + 1 :]], root)


def test_every_small_tree_is_proven_to_begin_every_later_one_and_no_other() -> None:
    tree = tree_of(20)
    for second in range(1, 21):
        for first in range(1, second + 1):
            one, two, proof = tree.root(first), tree.root(second), tree.consistency(first, second)
            assert consistent(first, one, second, two, proof)
            assert not consistent(first, bytes(32), second, two, proof)
            assert not consistent(first, one, second, bytes(32), proof)
            assert not consistent(first, one, second, two, [*proof, bytes(32)])
            for at in range(len(proof)):
                assert not consistent(first, one, second, two, [*proof[:at], bytes(32), *proof[at + 1 :]])
                assert not consistent(first, one, second, two, proof[:at])
    assert consistent(0, EMPTY_ROOT, 5, tree.root(5), [])
    assert not consistent(6, tree.root(6), 5, tree.root(5), [])


def test_a_tree_that_grew_leaf_by_leaf_is_the_tree_built_at_once() -> None:
    grown = MerkleTree()
    for index in range(100):
        assert grown.root() == tree_of(index).root()
        grown.append(leaf_hash(str(index).encode()))


@pytest.mark.parametrize(("index", "size"), [(-1, 3), (3, 3), (0, 0), (0, 4)])
def test_no_proof_is_made_for_what_is_not_in_the_tree(index: int, size: int) -> None:
    with pytest.raises(ValueError):
        tree_of(3).inclusion(index, size)


@pytest.mark.parametrize(("first", "size"), [(0, 3), (4, 3), (1, 4)])
def test_no_consistency_proof_is_made_between_sizes_the_tree_never_had(first: int, size: int) -> None:
    with pytest.raises(ValueError):
        tree_of(3).consistency(first, size)
    with pytest.raises(ValueError):
        tree_of(3).append(b"short")
