"""Makes the test vectors and the worked example in docs/, always the same: fixed keys, clock and recordings."""
