"""What is kept how long, what is held, and what is deleted when its time is over."""
