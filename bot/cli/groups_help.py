"""What `--help` shows of a group: each command with its whole sentence, however narrow it is."""

from typing import Any

from typer.core import TyperGroup

# Click cuts sentences at what is left of the line; no sentence is as long as this.
_WHOLE = 1000


class CommandGroup(TyperGroup):
    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Click's, but for the length."""
        rows = [
            (name, command.get_short_help_str(_WHOLE))
            for name in self.list_commands(ctx)
            if (command := self.get_command(ctx, name)) is not None and not command.hidden
        ]
        with formatter.section("Commands"):
            formatter.write_dl(rows)
