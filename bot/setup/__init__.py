"""What a sysadmin sets up or takes over: the first day, servers, the books of easy-rsa."""
