"""What crosses between an owner and the police, and how anyone checks it.

The ground floor: it imports neither the agent nor the portal.
"""
