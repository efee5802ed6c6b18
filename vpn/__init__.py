"""OpenVPN: servers, profiles, and the proof of a cut."""
