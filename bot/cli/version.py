"""`vpnbot --version`."""

from importlib.metadata import PackageNotFoundError, version

import typer

from bot.shown import one_line

DISTRIBUTION = "vpn-access-bot"


def tell_version(wanted: bool) -> None:
    """Prints the version, and ends the command."""
    if not wanted:
        return
    try:
        installed = version(DISTRIBUTION)
    except PackageNotFoundError:
        installed = "(run from its source, not installed)"
    print(one_line(f"vpnbot {installed}"))
    raise typer.Exit
