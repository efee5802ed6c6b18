"""Questions at the terminal."""

import sys
from collections.abc import Callable
from typing import TypeVar

from bot.access.refusals import Refused
from bot.cli.shared import say
from bot.cli.typed import typed
from bot.errors import BadSettings, NotDone, VpnbotError
from bot.office import Office
from bot.texts.refusals import in_terminal
from pki.errors import PkiError
from pki.passphrase import check_new_passphrase
from vpn.errors import VpnError

_Answer = TypeVar("_Answer")


class Asker:
    """Asks whoever sits at the terminal, or says which flag is missing where nobody does."""

    def __init__(self, *, unattended: bool) -> None:
        self.silent = unattended or not sys.stdin.isatty()

    def ask(
        self,
        flag: str,
        question: str,
        check: Callable[[str], _Answer],
        *,
        given: str | None = None,
        default: str = "",
        hidden: bool = False,
    ) -> _Answer:
        """Asks until `check` takes the answer, which it does by giving a value.

        Args:
            given: what the flag says already; it is checked, and nothing is asked.

        Raises:
            BadSettings: nothing can be asked.
            NotDone: they left.
        """
        if given is not None:
            return check(given)
        if self.silent:
            raise BadSettings(f"{flag} is missing, and nothing was done; add it.")
        shown = f"{question} [{default}]: " if default else f"{question}: "
        while True:
            answer = _read(shown, hidden=hidden).strip() or default
            try:
                return check(answer)
            except Refused as refused:
                say(f"  {in_terminal(refused)}")
            except (VpnbotError, PkiError, VpnError) as error:
                say(f"  {error}")

    def agrees(self, question: str) -> bool:
        """Yes or no, and no where nothing can be asked."""
        return not self.silent and _read(f"{question} [y/N]: ").strip().lower() in ("y", "yes")

    def tell(self, text: str) -> None:
        """A line for somebody who is being asked."""
        if not self.silent:
            say(text)


def _read(question: str, *, hidden: bool = False) -> str:
    try:
        return typed(question, hidden=hidden)
    except KeyboardInterrupt:
        raise NotDone("Nothing was done.") from None


def require_yes(question: str, *, yes: bool) -> None:
    """Asks whoever sits at a terminal before something ends; a script is taken at its word.

    Raises:
        NotDone: they didn't say yes.
    """
    if not (yes or not sys.stdin.isatty() or Asker(unattended=False).agrees(question)):
        raise NotDone("Nothing was done.")


def new_passphrase(office: Office) -> str:
    """From the settings, or typed twice.

    Raises:
        BadSettings: neither is possible, or the two differ.
        WrongPassphrase: it is too short.
    """
    found = office.settings.passphrase()
    if found is not None:
        check_new_passphrase(found)
        return found
    if not sys.stdin.isatty():
        raise BadSettings(
            "VPNBOT_CA_PASSPHRASE_FILE isn't set: name a file that holds the CA's passphrase."
        )
    first = typed("A new passphrase for the CA: ", hidden=True)
    check_new_passphrase(first)
    if first != typed("Once more: ", hidden=True):
        raise BadSettings("The two passphrases differ; nothing was made. Try again.")
    return first
