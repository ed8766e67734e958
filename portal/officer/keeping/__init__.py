"""What of a case is held, what passed its time, and what is given to those who have a right to see it."""
