"""The manual page and the completion of shells, made from the commands themselves.

`python -m bot.cli.manual FOLDER` writes them below FOLDER, where a system looks for them;
`make install` does. Nothing of the program has to run when somebody presses Tab.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from typer.main import get_group

from bot.cli.later import Later
from bot.cli.program import COMMANDS, app
from bot.cli.version import installed

# Where they go, below `/usr/local/share` for example; with the shell that reads them.
PLACES = {
    "man": "man/man1/vpnbot.1",
    "bash": "bash-completion/completions/vpnbot",
    "zsh": "zsh/site-functions/_vpnbot",
}
_HYPHEN = re.compile(r"-")


def commands() -> Iterator[tuple[str, Any]]:
    """All of them, groups too, each with what is typed for it; the program first."""
    yield "vpnbot", get_group(app)
    for later in COMMANDS:
        yield from _below("vpnbot", str(later.name), later.command())


def _below(before: str, name: str, command: Any) -> Iterator[tuple[str, Any]]:
    typed = f"{before} {name}"
    found = command.command() if isinstance(command, Later) else command
    yield typed, found
    for each, other in sorted(getattr(found, "commands", {}).items()):
        yield from _below(typed, each, other)


def manual() -> str:
    """In the macros of man(7)."""
    every = list(commands())
    said = [
        f'.TH VPNBOT 1 "" "vpnbot {installed()}" "VPN Access Bot"',
        ".SH NAME",
        "vpnbot \\- OpenVPN access on demand, by Telegram, taken away with proof",
        ".SH SYNOPSIS",
        ".B vpnbot",
        "[OPTIONS] COMMAND [ARGS]...",
        ".SH DESCRIPTION",
        _text(every[0][1].help or ""),
        ".SH COMMANDS",
    ]
    for typed, command in every[1:]:
        said += [".TP", f".B {_text(typed)} {_arguments(command)}".rstrip()]
        said.append(_text(" ".join((command.help or "").split())))
        for option in command.params:
            if option.param_type_name == "option":
                names = ", ".join([*option.opts, *option.secondary_opts])
                said += [".RS", ".TP", f".B {_text(names)}", _text(option.help or ""), ".RE"]
    said += [
        ".SH EXIT STATUS",
        "0 done; 1 it couldn't be done, with one line on standard error; 2 wrong usage.",
        ".SH FILES",
        ".TP",
        ".I .env",
        "The settings, in the folder where the command is typed.",
    ]
    return "\n".join(line for line in said if line) + "\n"


def completion() -> str:
    """For bash: a table of what may follow what."""
    cases = []
    for typed, command in commands():
        options = [name for one in command.params for name in one.opts if name.startswith("--")]
        words = [*sorted(getattr(command, "commands", {})), *sorted(options), "--help"]
        if typed == "vpnbot":
            words = [*(str(later.name) for later in COMMANDS), *words]
        cases.append(f'    "{typed}") words="{" ".join(words)}" ;;')
    return "\n".join(
        (
            "# Made from the commands of vpnbot, by `make install`.",
            "_vpnbot() {",
            "  local at=vpnbot word words= current=${COMP_WORDS[COMP_CWORD]}",
            '  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do',
            '    case "$at $word" in',
            *(f'    "{typed}") at="{typed}" ;;' for typed, _ in commands() if " " in typed),
            "    esac",
            "  done",
            '  case "$at" in',
            *cases,
            "  esac",
            '  COMPREPLY=($(compgen -W "$words" -- "$current"))',
            "}",
            "complete -o default -F _vpnbot vpnbot",
            "",
        )
    )


def write(folder: Path) -> None:
    """Raises OSError."""
    bash = completion()
    zsh = f"#compdef vpnbot\nautoload -U +X bashcompinit && bashcompinit\n{bash}"
    for kind, text in (("man", manual()), ("bash", bash), ("zsh", zsh)):
        place = folder / PLACES[kind]
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")


def _arguments(command: Any) -> str:
    names = [_name(one) for one in command.params if one.param_type_name == "argument"]
    if getattr(command, "commands", None):
        return "COMMAND"
    return _text(" ".join(names))


def _name(argument: Any) -> str:
    name = argument.metavar or str(argument.name).upper()
    return name if argument.required else f"[{name}]"


def _text(text: str) -> str:
    """As roff prints it as it is: no line is a macro, a hyphen is one."""
    escaped = text.replace("\\", "\\e")
    lines = (line.strip() for line in _HYPHEN.sub(r"\\-", escaped).splitlines())
    return "\n".join("\\&" + line if line[:1] in {".", "'"} else line for line in lines if line)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
