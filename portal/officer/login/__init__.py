"""Logging in with the force's account, where its portal wants that beside the officer's key."""
