"""A case as its officer works on it: how requests stand, what was opened, one line of time, notes, and export."""
