"""Runs topics and prints their rows as a table or as JSON; see ``scripts/bench``.

Not for: measuring (each topic's module), or judging beyond each row's own limit.
"""

import argparse
import importlib
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from scripts.benchmarks.row import Row

TOPICS = tuple(
    sorted(path.stem for path in Path(__file__).parent.glob("*.py") if path.stem not in ("__init__", "__main__", "row"))
)


def main() -> int:
    options = _options()
    good = True
    with tempfile.TemporaryDirectory(prefix="handover-bench-", dir=options.work) as folder:
        if not options.json:
            print(f"{'':44}{'ours':>12}{'theirs':>12}{'':8}{'ratio':>8}{'limit':>8}")
        for topic in options.topics or TOPICS:
            for row in _rows(topic, Path(folder)):
                good = good and row.ok
                print(_as_json(row) if options.json else _as_line(row), flush=True)
    return 0 if good else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench")
    parser.add_argument("topics", nargs="*", metavar="TOPIC", help=", ".join(TOPICS))
    parser.add_argument("--json", action="store_true", help="an object a row")
    parser.add_argument("--work", type=Path, default=Path("/var/tmp"), help="a folder on the disk to measure on")
    options = parser.parse_args()
    if unknown := [topic for topic in options.topics if topic not in TOPICS]:
        parser.error(f"there is no topic {unknown[0]}; there are {', '.join(TOPICS)}")
    return options


def _rows(topic: str, work: Path) -> Iterator[Row]:
    module = importlib.import_module(f"scripts.benchmarks.{topic}")
    rows: Iterator[Row] = module.rows(work)
    return rows


def _as_line(row: Row) -> str:
    theirs = "" if row.theirs is None else f"{row.theirs:.3f}"
    ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
    limit = "" if row.limit is None else f"{row.limit:g}"
    mark = "" if row.ok else "  OVER"
    return f"{row.name:44}{row.ours:>12.3f}{theirs:>12} {row.unit:7}{ratio:>8}{limit:>8}{mark}"


def _as_json(row: Row) -> str:
    return json.dumps(
        {
            "name": row.name,
            "ours": row.ours,
            "theirs": row.theirs,
            "unit": row.unit,
            "ratio": row.ratio,
            "limit": row.limit,
            "ok": row.ok,
        }
    )


if __name__ == "__main__":
    sys.exit(main())
