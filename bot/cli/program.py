"""The command line: `vpnbot`. Here is what every command has in common; each does one thing."""

import io
import os
import re
import sys
from typing import Annotated, Any, NoReturn

import typer
from typer.main import get_group

from bot.access.refusals import Refused
from bot.cli.groups_help import CommandGroup
from bot.cli.later import Later
from bot.cli.version import tell_version
from bot.errors import VpnbotError
from bot.process import logs
from bot.process.privileges import keep_memory_private
from bot.shown import one_line
from pki.errors import PkiError
from storage.errors import StorageError, passing_trouble
from vpn.errors import VpnError

# Of all that Typer's parser raises about what was typed; it has no public name.
_USAGE: type[Exception] = typer.BadParameter.__bases__[0]

# Of pydantic's and Typer's messages; each stands at the end of a line.
_OUR_WORDS = tuple(
    (re.compile(theirs), ours)
    for theirs, ours in (
        (r"Input should be a valid integer, .*", "write a whole number."),
        (r"Input should be greater than or equal to (-?\d+)$", r"write \1 or more."),
        (r"Input should be less than or equal to (-?\d+)$", r"write \1 at most."),
        (r"Value error, '.*' is[ ]not one of (.+)$", r"write one of \1"),
        (r"^Error: Invalid value: ", "Error: "),
        (r"\{(\S+)\}", r"\1"),
    )
)
# Of Ctrl-C, as shells have it.
_LEFT = 130

app = typer.Typer(
    name="vpnbot",
    cls=CommandGroup,
    help="Gives staff OpenVPN access on demand, by Telegram, and takes it away with proof.",
    no_args_is_help=True,
    add_completion=False,
    # A traceback is for developers; what an operator has to know is one line.
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback()
def before_every_command(
    _: Annotated[
        bool,
        typer.Option("--version", callback=tell_version, is_eager=True, help="Tells the version."),
    ] = False,
) -> None:
    """Where options stand that belong to no command."""


# With what `vpnbot --help` says of each, so that it imports none of them.
COMMANDS = (
    Later(
        "init",
        "bot.cli.init:init",
        "Sets everything up in this folder: settings, data folder, CA, and a server.",
    ),
    Later(
        "revoke",
        "bot.cli.revoke:revoke",
        "Ends somebody's access on every server, and prints the receipt.",
    ),
    Later(
        "who",
        "bot.cli.who:who_",
        "Whose an address is now, or who had it then, as far as the database goes back.",
    ),
    Later("run", "bot.cli.run:run", "Runs the bot until it is told to stop."),
    Later(
        "doctor", "bot.cli.doctor:doctor", "Checks everything; exit status 0 only if all is well."
    ),
    Later(
        "demo",
        "bot.cli.demo:demo",
        "Tries the whole product on this machine, in a browser or in the terminal.",
    ),
    Later(
        "backup",
        "bot.cli.backup:backup",
        "Writes all that is needed to go on, CA included, into one encrypted file.",
    ),
    Later(
        "restore",
        "bot.cli.backup:restore",
        "Puts a backup back, where there is no data folder yet or an empty one.",
    ),
    Later("ca", "bot.cli.ca:app", "The certificate authority."),
    Later(
        "server",
        "bot.cli.server:app",
        "The OpenVPN servers.",
        {"list": "bot.cli.server_list:list_", "status": "bot.cli.server_status:status"},
    ),
    Later("user", "bot.cli.user:app", "The allowlist.", {"list": "bot.cli.user_list:list_"}),
    Later("group", "bot.cli.group:app", "Groups: who gets which servers, addresses and routes."),
    Later("grant", "bot.cli.grant:app", "Who has access.", {"list": "bot.cli.grant_list:list_"}),
    Later(
        "request",
        "bot.cli.request:app",
        "Requests, decided without Telegram.",
        {"list": "bot.cli.request_list:list_"},
    ),
    Later("audit", "bot.cli.audit:app", "The audit trail."),
)


def run_command() -> None:
    """Ends the process, see `bot.cli.main`."""
    # What this process writes is for its own account, unless a file's mode says otherwise.
    os.umask(0o077)
    keep_memory_private()
    logs.set_up_terminal()
    logs.guard_crashes()
    try:
        sys.exit(_run())
    except _USAGE as error:
        tell_usage(error)
    except typer.Abort:
        fail("Aborted.")
    except Refused as refused:
        # Slow to import: every sentence of the chat comes with it.
        from bot.texts.refusals import in_terminal  # noqa: PLC0415

        fail(in_terminal(refused))
    except (VpnbotError, PkiError, VpnError, StorageError) as error:
        fail(str(error))
    except KeyboardInterrupt:
        fail("Interrupted.")
    except BrokenPipeError:
        # The reader of our output has gone, for example `head`.
        sys.stderr.close()
        sys.exit(1)
    except UnicodeEncodeError as error:
        # The system hands over what is no text as lone surrogates, see PEP 383. What it was may be
        # a secret.
        if error.reason != "surrogates not allowed":
            raise
        fail("What was typed, or a file's name, isn't text in UTF-8; use another one.")
    except OverflowError:
        # From a number that was typed: of a request, of rows, of days. Ours fit into a database.
        fail("A number is too large; check what was typed.")
    except Exception as error:
        trouble = passing_trouble(error)
        if trouble is None:
            raise
        fail(trouble)


def _run() -> Any:
    """Its exit status.

    Raises:
        KeyboardInterrupt: they left, which Typer's own main tells without a word.
    """
    # Called as `app()`, Typer would put its own hook for crashes in the place of ours; and in its
    # standalone mode it would print what was typed as it is.
    typed = get_group(app)
    for command in COMMANDS:
        typed.add_command(command)
    status = typed(standalone_mode=False)
    if status == _LEFT:
        raise KeyboardInterrupt
    return status


def tell_usage(error: Any) -> NoReturn:
    """What was typed wrong, with the exit status for that."""
    text = io.StringIO()
    error.show(file=text)
    for line in text.getvalue().splitlines():
        print(one_line(in_our_words(line)), file=sys.stderr)
    sys.exit(error.exit_code)


def in_our_words(line: str) -> str:
    """What Typer says of a mistake, without the words of the library that checks it."""
    for theirs, ours in _OUR_WORDS:
        line = theirs.sub(ours, line)
    return line


def fail(line: str) -> NoReturn:
    """One line on standard error, and exit status 1."""
    print(one_line(" ".join(logs.redact(line).split())), file=sys.stderr)
    sys.exit(1)
