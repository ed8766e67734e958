"""What of a person lies under a key, what is held, and what is to be destroyed."""
