"""Requests that may have been handed over before the records were put back to an earlier state: found out, and settled.

Not for: noticing that they went back (``agent.requests.restored_records``).
"""
