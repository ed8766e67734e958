"""What an officer may not do alone: a supervisor's signature, and what auditors see."""
