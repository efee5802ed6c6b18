"""`vpnbot --version`."""

from importlib.metadata import PackageNotFoundError, version

import typer

from bot.cli.shared import say

DISTRIBUTION = "vpn-access-bot"


def tell_version(wanted: bool) -> None:
    """Prints the version, and ends the command."""
    if not wanted:
        return
    try:
        installed = version(DISTRIBUTION)
    except PackageNotFoundError:
        installed = "(run from its source, not installed)"
    say(f"vpnbot {installed}")
    raise typer.Exit
