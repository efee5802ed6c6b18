"""Telegram’s look-alike with a page of chats, and a network lab."""
