"""What any daemon needs: accounts, locks, logs, clocks, its folder and its settings' file."""
