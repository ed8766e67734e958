"""Calls about people without an agent, by subject."""
