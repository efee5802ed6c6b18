"""An OpenVPN server to try profiles on: a real one, or a stand-in."""
