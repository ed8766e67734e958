"""The owner's daemon: finds cameras, asks the owner, hands over exactly what was approved."""
