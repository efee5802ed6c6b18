"""A command that is imported when it is typed, since each needs other parts of the program."""

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand
from typer.main import get_group


class Later(TyperCommand):
    """Stands for the command in lists and suggestions; whatever is typed goes to the command.

    Args:
        place: `module:name`, of a function or of a group.
    """

    def __init__(self, name: str, place: str, help_: str) -> None:
        super().__init__(name, help=help_)
        self.place = place

    def command(self) -> Any:
        """The command itself, with its options and its own help."""
        module, _, name = self.place.partition(":")
        found = getattr(import_module(module), name)
        around = typer.Typer(add_completion=False, rich_markup_mode=None)
        if isinstance(found, typer.Typer):
            around.add_typer(found, name=self.name)
        else:
            around.command(self.name)(found)
        return get_group(around).commands[str(self.name)]

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        """Typer's first call to a command that was typed."""
        return self.command().make_context(*args, **kwargs)
