"""Taking over a server that is there already."""
