"""How long what is kept, and what must not be deleted."""
