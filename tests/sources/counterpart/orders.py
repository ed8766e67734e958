"""Orders for a source's jobs, as the daemon would write them, for tests that call the jobs themselves."""

from pathlib import Path
from typing import Any

from exchange.clock import SystemClock, Window
from tests.sources.counterpart.pieces import ShiftedClock
from tests.sources.counterpart.under_test import GOOD

Json = dict[str, Any]


def look_order(brand: str, where: str, clock: ShiftedClock, window: Window, state: Path, **options: Any) -> Json:
    state.mkdir(parents=True, exist_ok=True)
    return {
        "brand": brand,
        "camera_id": "gate",
        "address": where,
        "credentials": {"user": GOOD.user, "password": GOOD.password},
        "options": options,
        "skew_us": clock.now() - SystemClock().now(),
        "state": str(state),
        "timeout": 5.0,
        "start": window.start,
        "end": window.end,
    }


def fetch_order(look: Json, span: Json, into: Path, most_bytes: int = 1 << 30) -> Json:
    into.mkdir(parents=True, exist_ok=True)
    return look | {
        "reference": span["reference"],
        "start": span["start"],
        "end": span["end"],
        "into": str(into),
        "most_bytes": most_bytes,
    }
