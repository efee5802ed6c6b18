"""`vpnbot --version`."""

from importlib.metadata import PackageNotFoundError, version

import typer

from bot.shown import one_line

DISTRIBUTION = "vpn-access-bot"


def tell_version(wanted: bool) -> None:
    """Prints the version, and ends the command."""
    if not wanted:
        return
    print(one_line(f"vpnbot {installed()}"))
    raise typer.Exit


def installed() -> str:
    """The version, or what is there instead of one."""
    try:
        return version(DISTRIBUTION)
    except PackageNotFoundError:
        return "(run from its source, not installed)"
