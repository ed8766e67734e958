"""What a test vector is: a package, what a verifier is given with it, and what it must find."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from scripts.vector_making.package import Case

DAMAGED, SIGNATURE, NO_KEY, SEAL, CUSTODY, DOCUMENT, MISMATCH = 61, 62, 63, 64, 65, 66, 67
UNCHECKED = 60
GRAVITY = (SEAL, NO_KEY, DAMAGED, SIGNATURE, DOCUMENT, MISMATCH, CUSTODY, UNCHECKED)
"""Exit codes, gravest first: of several failures the first one here decides (docs/exit-codes.md)."""

FORCE_KEY = {"force_key": "keys/force.pub"}


@dataclass(frozen=True)
class Vector:
    """``fails``: the name of each finding that fails, with its exit code. ``given``: files by what they are for."""

    name: str
    what: str
    content: bytes
    fails: Mapping[str, int] = field(default_factory=dict)
    not_checked: Sequence[str] = ()
    given: Mapping[str, str | bool] = field(default_factory=lambda: dict(FORCE_KEY))
    suffix: str = ".zip"
    exit_code: int | None = None
    """Where it is another than what follows from the findings."""

    @property
    def good(self) -> bool:
        return not self.fails and not self.not_checked

    @property
    def file(self) -> str:
        return f"{'bad' if self.fails else 'good' if self.good else 'unsure'}/{self.name}{self.suffix}"

    @property
    def ends_with(self) -> int:
        if self.exit_code is not None:
            return self.exit_code
        found = set(self.fails.values())
        return next((code for code in GRAVITY if code in found), UNCHECKED if self.not_checked else 0)

    def row(self, sha256: str) -> dict[str, object]:
        """The vector's entry in index.json."""
        return {
            "name": self.name,
            "file": self.file,
            "sha256": sha256,
            "what": self.what,
            "given": dict(self.given),
            "exit_code": self.ends_with,
            "fails": dict(self.fails),
            "not_checked": list(self.not_checked),
        }


def changed(name: str, what: str, changes: dict[str, bytes | None], fails: dict[str, int]) -> Vector:
    """A package that is sound but for some files, which are others or (None) not there; the bag's are right."""
    return Vector(name, what, Case(changes=changes).zip(), fails)
