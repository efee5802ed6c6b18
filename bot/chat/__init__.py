"""Telegram: what comes in, what goes out, and what a tap means."""
