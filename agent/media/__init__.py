"""Work on recorded footage, done in short-lived worker processes: look, copy, show; never re-encode a master."""
