"""The command line: `vpnbot`. Here is what every command has in common; each does one thing."""

import io
import os
import sys
from typing import Annotated, Any, NoReturn

import typer
from typer.main import get_command

from bot.access.refusals import Refused
from bot.cli import (
    audit,
    backup,
    ca,
    demo,
    doctor,
    grant,
    import_easyrsa,
    init,
    request,
    revoke,
    run,
    server,
    user,
)
from bot.cli.version import tell_version
from bot.errors import VpnbotError
from bot.process import logs
from bot.process.privileges import keep_memory_private
from bot.shown import one_line
from bot.texts.refusals import in_terminal
from pki.errors import PkiError
from storage.errors import StorageError, passing_trouble
from vpn.errors import VpnError

# Of all that Typer's parser raises about what was typed; it has no public name.
_USAGE: type[Exception] = typer.BadParameter.__bases__[0]

app = typer.Typer(
    name="vpnbot",
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


app.command("init")(init.init)
ca.app.command("import-easyrsa")(import_easyrsa.import_easyrsa)
app.add_typer(ca.app, name="ca")
app.add_typer(server.app, name="server")
app.add_typer(user.app, name="user")
app.add_typer(grant.app, name="grant")
app.command("revoke")(revoke.revoke)
app.add_typer(request.app, name="request")
app.add_typer(audit.app, name="audit")
app.command("run")(run.run)
app.command("doctor")(doctor.doctor)
app.command("demo")(demo.demo)
app.command("backup")(backup.backup)
app.command("restore")(backup.restore)


def main() -> None:
    """Exit status: 0 done, 1 it could not be done, 2 wrong usage."""
    # What this process writes is for its own account, unless a file's mode says otherwise.
    os.umask(0o077)
    keep_memory_private()
    logs.set_up_terminal()
    logs.guard_crashes()
    try:
        # Called as `app()`, Typer would put its own hook for crashes in the place of ours; and in
        # its standalone mode it would print what was typed as it is.
        sys.exit(get_command(app)(standalone_mode=False))
    except _USAGE as error:
        tell_usage(error)
    except typer.Abort:
        fail("Aborted.")
    except Refused as refused:
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
        fail("What was typed, or a file's name, is no text in UTF-8; use another one.")
    except Exception as error:
        trouble = passing_trouble(error)
        if trouble is None:
            raise
        fail(trouble)


def tell_usage(error: Any) -> NoReturn:
    """What was typed wrong, with the exit status for that."""
    text = io.StringIO()
    error.show(file=text)
    for line in text.getvalue().splitlines():
        print(one_line(line), file=sys.stderr)
    sys.exit(error.exit_code)


def fail(line: str) -> NoReturn:
    """One line on standard error, and exit status 1."""
    print(one_line(" ".join(logs.redact(line).split())), file=sys.stderr)
    sys.exit(1)
