"""A machine with a server on it: what it offers, and the rules about files and programs there."""
