"""What crosses between an owner and the police, and how anyone checks it.

The ground floor: it imports neither the agent nor the portal.
"""

VERSION = "0.1.0"
"""Of all of Handover; the package's own metadata are read from here."""
