"""Rules and use cases: who may ask, decide and revoke, and for how long."""
