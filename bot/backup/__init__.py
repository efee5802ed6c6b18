"""Backups, and going on from one."""
