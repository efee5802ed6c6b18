"""Where `vpnbot` begins, before the most of it is imported."""

from bot.process import garbage


def main() -> None:
    """Exit status: 0 done, 1 it couldn't be done, 2 wrong usage."""
    with garbage.seldom_looked_for():
        # What it imports is most of what a command leaves behind.
        from bot.cli.program import run_command  # noqa: PLC0415

        run_command()
