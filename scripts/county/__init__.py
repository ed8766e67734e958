"""A county on one machine: PostgreSQL, two replicas of a portal behind nginx, and thousands of simulated owners."""
