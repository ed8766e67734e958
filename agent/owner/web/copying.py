"""The part of a request's page about working copies: what is suggested, and what the form says.

Not for: which copies there are (``exchange.documents.copies``), or making them.
"""

import re
from collections.abc import Mapping

from pydantic import ValidationError

from agent.owner.operations.context import Json
from exchange.documents.copies import CHOSEN_KINDS, LEAST_BYTES, MOST_BYTES, ChosenCopy, CopyKind, Enhancement
from exchange.errors import InputInvalid

NAMES = {
    CopyKind.PLAYABLE: "A copy that every player takes",
    CopyKind.AVI: "A copy for old players (AVI)",
    CopyKind.ENHANCED: "A copy made brighter and clearer",
    CopyKind.TIGHT: "A copy of exactly the time asked for",
    CopyKind.SMALLER: "A smaller copy",
    CopyKind.QUALITY: "A report of how good the pictures are",
}
"""What the page calls them; the catalogues have them too."""
_CAPTIONED = (CopyKind.AVI, CopyKind.ENHANCED, CopyKind.TIGHT)
_STEPS = ("contrast", "denoise", "gamma")


def offered(camera: Json) -> list[Json]:
    """What the page has of one camera's copies: a line a kind, with whether it is suggested, and asked for."""
    usual = {copy["kind"]: copy for copy in camera["copies"]["usual"]}
    return [
        {
            "kind": kind.value,
            "name": NAMES[kind],
            "suggested": kind.value in usual,
            "wanted": kind.value in camera["copies"]["wanted"],
        }
        for kind in CHOSEN_KINDS
        if kind is not CopyKind.PLAYABLE or not camera["copies"]["plays"]
    ]


def chosen(form: Mapping[str, str], position: int) -> list[Json] | None:
    """The copies that the form says, as the operation "decide" takes them; None where it says nothing of copies."""
    if not form.get(f"copies-{position}"):
        return None
    found = []
    caption = bool(form.get(f"caption-{position}"))
    for kind in CHOSEN_KINDS:
        if not form.get(f"copy-{position}-{kind}"):
            continue
        copy: Json = {"kind": kind.value}
        if kind in _CAPTIONED and not caption:
            copy["caption"] = False
        if kind is CopyKind.AVI and form.get(f"pictures-{position}") == "mjpeg":
            copy["pictures"] = "mjpeg"
        if kind is CopyKind.SMALLER:
            copy["most_bytes"] = _bytes(form.get(f"most-{position}", ""))
        if kind is CopyKind.ENHANCED:
            wanted = enhancement_of({name: form.get(f"{name}-{position}", "") for name in _STEPS})
            if wanted is not None:
                copy["enhancement"] = wanted.model_dump(mode="json", exclude_none=True)
        found.append(ChosenCopy.model_validate(copy).model_dump(mode="json", exclude_none=True))
    return found


def _bytes(text: str) -> int:
    """Megabytes as a person types them."""
    found = re.fullmatch(r"\s*(\d{1,6})(?:[.,](\d{1,3}))?\s*(?:MB)?\s*", text)
    size = 0 if found is None else round(float(f"{found[1]}.{found[2] or 0}") * 1_000_000)
    if not LEAST_BYTES <= size <= MOST_BYTES:
        raise InputInvalid(
            "The size of the smaller copy can't be used.", meaning="Nothing was decided.",
            do="Go back, and write how many MB it may have, such as 25.",
        )  # fmt: skip
    return size


def enhancement_of(fields: Mapping[str, str]) -> Enhancement | None:
    """``contrast``, ``denoise`` and ``gamma`` as they were typed; what is empty is measured. None: all of it is."""
    typed = {name: fields.get(name, "").strip().replace(",", ".") for name in _STEPS}
    try:
        given = {name: float(text) for name, text in typed.items() if text}
        return Enhancement.model_validate(given) if given else None
    except (ValueError, ValidationError):
        raise InputInvalid(
            "These values can't be used.", meaning="Nothing was decided.",
            do="Contrast is 0 to 8, denoise 0 to 40, gamma 0.2 to 3; empty is measured.",
        ) from None  # fmt: skip
