"""What the force lets an officer do here, and the record of what they did."""
