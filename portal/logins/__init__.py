"""Officers who log in with their force's account (OpenID Connect), beside the key that signs."""
