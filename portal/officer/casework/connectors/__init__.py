"""Ways to give a case to an evidence system: an interface, and one module for each kind of place."""
