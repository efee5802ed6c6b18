"""What the bot does by itself: ends that are due, looks at the servers and at the clock."""
