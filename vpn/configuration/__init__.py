"""What OpenVPN reads: a server's configuration, ours or an operator's, and a client's profile."""
