"""People without an agent: how an officer asks them, and opens what they sent."""
