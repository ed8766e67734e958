"""People without an agent: who registered by hand, what they are asked by a link, and what they answer."""
