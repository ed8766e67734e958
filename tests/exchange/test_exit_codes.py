"""docs/exit-codes.md is a promise to scripts; the classes keep it."""

import inspect
import re

from exchange import errors
from exchange.package.report import GRAVITY
from tests.paths import ROOT

PAGE = (ROOT / "docs/exit-codes.md").read_text()
KINDS = [kind for kind in vars(errors).values() if inspect.isclass(kind) and issubclass(kind, errors.HandoverError)]


def told(kind: type[errors.HandoverError]) -> str:
    """The first paragraph of its docstring, on one line."""
    return " ".join((inspect.getdoc(kind) or "").split("\n\n")[0].split()).replace("``", "`")


def test_the_table_of_exit_codes_is_that_of_the_errors() -> None:
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \| (.*) \|$", PAGE, re.MULTILINE)
    assert rows == [
        (str(kind.exit_code), kind.__name__, told(kind)) for kind in sorted(KINDS, key=lambda k: k.exit_code)
    ]


def test_no_two_errors_share_an_exit_code_and_none_takes_one_that_shells_use() -> None:
    codes = [kind.exit_code for kind in KINDS]
    assert len(set(codes)) == len(codes)
    assert all(code == 1 or 10 <= code < 126 for code in codes)


def test_the_order_of_gravity_is_the_documented_one_and_names_every_failure_of_a_check() -> None:
    assert re.findall(r"^\d+\. `(\w+)`$", PAGE, re.MULTILINE) == [kind.__name__ for kind in GRAVITY]
    assert set(GRAVITY) == {kind for kind in KINDS if issubclass(kind, errors.VerificationFailed)}
