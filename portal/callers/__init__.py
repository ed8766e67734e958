"""Owners' devices as they call: known, taken once and noted as seen without a write for each call."""
