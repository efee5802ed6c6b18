"""A command that is imported when it is typed, since each needs other parts of the program."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperOption
from typer.main import get_group

from bot.cli.groups_help import CommandGroup


class Later(TyperCommand):
    """Stands for the command in lists and suggestions; whatever is typed goes to the command.

    Args:
        place: `module:name`, of a function or of a group.
        alone: those of a group's commands that have a place of their own, since they need little of
            what the others do.
    """

    def __init__(
        self, name: str, place: str, help_: str, alone: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(name, help=help_)
        self.place = place
        self.alone = alone or {}

    def command(self) -> Any:
        """The command itself, with its options and its own help."""
        found = _found(self.place)
        around = typer.Typer(add_completion=False, rich_markup_mode=None)
        if not isinstance(found, typer.Typer):
            around.command(self.name)(found)
            return _built(around, self.name)
        around.add_typer(found, name=self.name)
        whole = _built(around, self.name)
        for each in self.alone:
            whole.add_command(self._alone(each).commands[each])
        return whole

    def make_context(self, info_name: Any, args: list[str], *rest: Any, **kwargs: Any) -> Any:
        """Typer's first call to a command that was typed."""
        is_alone = args[:1] and args[0] in self.alone
        command = self._alone(args[0]) if is_alone else self.command()
        untyped = _untyped(command)
        return command.make_context(info_name, args, *rest, default_map=untyped, **kwargs)

    def _alone(self, name: str) -> Any:
        """The group with this one command."""
        group = typer.Typer(name=self.name, help=self.help, cls=CommandGroup)
        # Typer makes no group of a single command unless it is told so.
        group.callback()(lambda: None)
        group.command(name)(_found(self.alone[name]))
        around = typer.Typer(add_completion=False, rich_markup_mode=None)
        around.add_typer(group)
        return _built(around, self.name)


def _found(place: str) -> Any:
    module, _, name = place.partition(":")
    return getattr(import_module(module), name)


def _built(around: typer.Typer, name: str | None) -> Any:
    command: Any = get_group(around).commands[str(name)]
    for each in (command, *getattr(command, "commands", {}).values()):
        for option in each.params:
            if type(option) is TyperOption:
                option.__class__ = _Option
    return command


class _Option(TyperOption):
    """An option whose default needs no reading.

    Typer imports pydantic to read an option, also one that was not typed: a seventh of what a
    listing takes.
    """

    def process_value(self, ctx: Any, value: Any) -> Any:
        if value is None and not (self.required or self.multiple or self.callback):
            return None
        return super().process_value(ctx, value)


def _untyped(command: Any) -> dict[str, Any]:
    """That nobody typed `--help`, of a command and those below it: likewise nothing to read."""
    below = getattr(command, "commands", {})
    return {"help": False} | {name: _untyped(each) for name, each in below.items()}
