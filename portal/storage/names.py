"""What forces are called in a database. Not for: how their rows are kept apart (``portal.storage.separation``)."""

ALONE = "main"
"""The force of a portal that has no short name for it: alone, or the first of several."""
