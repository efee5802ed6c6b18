"""What goes out: each profile made once, and handed over by a courier."""
