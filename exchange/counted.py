"""How many there are of something, as a person reads it: ``1 camera``, ``12 cameras``.

Not for: sizes and durations with their units (``exchange.documents.human_time``).
"""


def counted(count: float, one: str, more: str | None = None) -> str:
    """``count`` and its noun. ``more``: the noun for every other count than 1, where an s is not enough; both may go on
    with a verb: ``counted(number, "file is", "files are")``. A whole number is written out, another to six digits."""
    number = str(count) if isinstance(count, int) else f"{count:g}"
    return f"{number} {one if count == 1 else more or one + 's'}"
