"""Working copies: which kinds there are, what an officer says would help, and what the owner chose of them.

A working copy is made from the masters of a package, and is no evidence in itself. Not for: what became of it, which
the manifest says (``exchange.documents.footage_facts``), or making one.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from exchange.documents.part import Part


class CopyKind(StrEnum):
    """What a working copy is for."""

    PLAYABLE = "playable"
    """MP4 with H.264 and AAC, for players that can't take the master."""
    AVI = "avi"
    """AVI with MPEG-4 part 2 or Motion JPEG, and PCM sound, for old players; its frame rate is constant."""
    ENHANCED = "enhanced"
    """Contrast, noise and brightness changed, to see more."""
    TIGHT = "tight"
    """Exactly the stretch that was asked for, to the frame."""
    SMALLER = "smaller"
    """Files of a given size at most."""
    QUALITY = "quality"
    """A report: sharpness, exposure, obstruction, frame rate, movement over time."""
    CONTACT_SHEET = "contact-sheet"
    """Some pictures on one page. It is part of every package, and is not chosen."""


CHOSEN_KINDS = tuple(kind for kind in CopyKind if kind is not CopyKind.CONTACT_SHEET)
"""Those that an owner chooses, and an officer may say would help."""
LEAST_BYTES = 100_000
MOST_BYTES = 10**13

Bytes = Annotated[int, Field(ge=LEAST_BYTES, le=MOST_BYTES)]


class AviPictures(StrEnum):
    """How an AVI's pictures are coded."""

    MPEG4 = "mpeg4"
    MJPEG = "mjpeg"


class Enhancement(Part):
    """How a picture is changed. What is None is measured, and written into the manifest."""

    contrast: Annotated[float, Field(ge=0, le=8, allow_inf_nan=False)] | None = None
    """Clip limit of CLAHE (contrast-limited adaptive histogram equalisation) over 8 by 8 tiles; 0: not at all."""
    denoise: Annotated[float, Field(ge=0, le=40, allow_inf_nan=False)] | None = None
    """Grey levels of noise that are averaged away over time where nothing moves; 0: not at all."""
    gamma: Annotated[float, Field(ge=0.2, le=3, allow_inf_nan=False)] | None = None
    """Exponent over the brightness: below 1 brighter, above 1 darker, 1: not at all."""


class ChosenCopy(Part):
    """One working copy that the owner wants to go beside the masters of one camera."""

    kind: CopyKind
    most_bytes: Bytes | None = None
    """Of "smaller": how large a file may be."""
    pictures: AviPictures | None = None
    """Of "avi"; None is MPEG-4 part 2."""
    enhancement: Enhancement | None = None
    """Of "enhanced"; None is all by measurement."""
    caption: bool | None = None
    """Whether a line beneath each picture says that it is a working copy, and the picture's UTC. None: as is usual for
    its kind."""

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        if self.kind not in CHOSEN_KINDS:
            raise ValueError(f"a {self.kind} is not chosen")
        if (self.most_bytes is not None) != (self.kind is CopyKind.SMALLER):
            raise ValueError("a smaller copy, and no other, has a largest size")
        if self.pictures is not None and self.kind is not CopyKind.AVI:
            raise ValueError("only an AVI has a choice of how its pictures are coded")
        if self.enhancement is not None and self.kind is not CopyKind.ENHANCED:
            raise ValueError("only an enhanced copy has an enhancement")
        if self.caption is not None and self.kind is CopyKind.QUALITY:
            raise ValueError("a report has no line beneath its pictures")
        return self


def check_chosen(copies: Sequence[ChosenCopy]) -> Sequence[ChosenCopy]:
    """ValueError when a kind is there twice, whose files would have the same names."""
    kinds = [copy.kind for copy in copies]
    if len(set(kinds)) != len(kinds):
        raise ValueError("a kind of working copy is there twice")
    return copies


class WantedCopies(Part):
    """Which working copies an officer says would help. The owner sees it, and decides."""

    kinds: Annotated[tuple[CopyKind, ...], Field(max_length=len(CHOSEN_KINDS))] = ()
    most_bytes: Bytes | None = None
    """The largest file that the force takes."""

    @model_validator(mode="after")
    def _are_kinds_that_are_chosen(self) -> Self:
        if len(set(self.kinds)) != len(self.kinds) or not set(self.kinds) <= set(CHOSEN_KINDS):
            raise ValueError("each kind of working copy that can be chosen may be named once")
        if CopyKind.SMALLER in self.kinds and self.most_bytes is None:
            raise ValueError("a smaller copy needs a largest size")
        return self
