"""The calls of legal holds and retention."""
