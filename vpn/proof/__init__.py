"""Cutting and looking: what a server is told, and what it was then seen to do."""
