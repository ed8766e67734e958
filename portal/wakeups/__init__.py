"""What replicas of one portal tell each other: that something came for a device, and who receives which upload."""
