"""What the demo proved, in words: the officer's checks, and the clock burned into the first and last frame.

Not for: checking anything that ``handover-verify`` checks.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import cv2
from burned_clock import read_clock
from rich.console import Console

from exchange.clock import SECOND, from_rfc3339, to_rfc3339


@dataclass(frozen=True)
class Looked:
    """One frame: what the manifest says of its time, what its burned-in clock shows (microseconds), its picture."""

    which: str
    stated: int
    burned: int | None
    picture: Path


def look_at_frames(bag: Path) -> list[Looked]:
    """Decode the first and the last frame of the masters, read their clocks, and leave them as PNG beside the bag."""
    evidence = json.loads((bag / "data" / "evidence.json").read_text())
    first, last = evidence["masters"][0], evidence["masters"][-1]
    return [
        _look(bag, first["path"], "first", from_rfc3339(first["first_frame"])),
        _look(bag, last["path"], "last", from_rfc3339(last["last_frame"])),
    ]


def _look(bag: Path, path: str, which: str, stated: int) -> Looked:
    with av.open(str(bag / path)) as opened:
        found = None
        for frame in opened.decode(video=0):
            found = frame
            if which == "first":
                break
        assert found is not None
        image = found.to_ndarray(format="bgr24")
    picture = bag.parent / f"{which}-frame.png"
    cv2.imwrite(str(picture), image)
    shown = read_clock(image)
    return Looked(which, stated, None if shown is None else shown * 1000, picture)


def show_proof(out: Console, package: dict[str, Any], frames: list[Looked], asked: tuple[int, int]) -> None:
    out.print("\n[bold cyan]What was proved[/]")
    for finding in package["report"]["findings"]:
        out.print(f"  {finding['verdict']:>8}  {finding['text']}", markup=False)
    out.print("\n[bold cyan]The clock in the pictures[/]")
    out.print(f"  asked for      {to_rfc3339(asked[0])} to {to_rfc3339(asked[1])}")
    for frame in frames:
        if frame.burned is None:
            raise SystemExit(f"The {frame.which} frame's burned-in clock can't be read.")
        late = (frame.stated - frame.burned) / SECOND
        out.print(
            f"  {frame.which:>5} frame    {to_rfc3339(frame.burned)} burned in; {to_rfc3339(frame.stated)} by the"
        )
        out.print(f"                 recorder's clock, {late:.3f} s after it was drawn (encoder and network)")
        if not -1 < late < 5:
            raise SystemExit("The recorder's clock and the picture's are further apart than can be.")
    if frames[0].stated > asked[0] or frames[1].stated < asked[1] - SECOND:
        raise SystemExit("What was delivered does not cover what was asked for.")
