"""The servers while they run: who may connect, who is cut, and what each has to be told."""
