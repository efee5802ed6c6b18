"""The Bot API, as far as the bot uses it, and the Telegram behind it."""
