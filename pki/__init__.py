"""The CA: certificates, revocation lists, keys, and files for one account alone."""
