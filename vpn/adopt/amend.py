"""Which lines an adopted server's configuration lacks, and the configuration with them."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

from vpn.configuration.adopted import Adoption
from vpn.configuration.directives import parse_directives, quoted, split_words
from vpn.configuration.server import COMMON_NAME, ConfFacts
from vpn.layout import Layout, UnixSocket

_MARK = "# vpnbot:"
# Nothing of ours goes into a folder like /etc; what has no better place goes to the last.
_TOP_LEVEL = 2
_LAST_RESORT = PurePosixPath("/var/lib")


@dataclass(frozen=True, slots=True)
class OwnPlaces:
    """What `apply` makes for a configuration, absolute.

    Named after it, because several servers may have theirs in one folder.

    Attributes:
        live: the bot's own folder, with `crl` and `ccd` in it.
        socket: not in `live`: OpenVPN makes it as root.
    """

    live: PurePosixPath
    socket: PurePosixPath

    @property
    def crl(self) -> PurePosixPath:
        return self.live / "crl.pem"

    @property
    def ccd(self) -> PurePosixPath:
        return self.live / "ccd"


def own_places(conf: str) -> tuple[OwnPlaces, ...]:
    """Where they can be, the best first: beside the configuration, or in the next folder above.

    Args:
        conf: relative to /, as in `Layout`.
    """
    path = PurePosixPath("/") / conf
    above = [folder for folder in path.parent.parents if len(folder.parts) > _TOP_LEVEL]
    homes = [
        (path.parent, path.stem),
        *((folder, _joined(path, folder)) for folder in above),
        (_LAST_RESORT, f"vpnbot-{_joined(path, PurePosixPath('/'))}"),
    ]
    return tuple(
        OwnPlaces(folder / f"{name}-live", folder / f"{name}.sock") for folder, name in homes
    )


def _joined(path: PurePosixPath, folder: PurePosixPath) -> str:
    return "-".join(path.relative_to(folder).with_suffix("").parts)


@dataclass(frozen=True, slots=True)
class AccountRights:
    """What was tried as the bot's account; for OpenVPN's the permission bits were looked at.

    Attributes:
        places: where the bot's own folder can be so that both accounts reach it.
        crl_writable: the bot may put a CRL in place, which takes its folder: a CRL is renamed.
        ccd_writable: the bot may add and remove clients' files.
        folder_writable: the bot's account, not being root, may write the configuration's folder.
        management_passable: the bot reaches the management socket; True without one.
        open_conf, open_password: shell lines for root, without which the bot can read neither
            whether the locks are still there, nor the management interface's password.
        shut_out: what keeps OpenVPN's account from a folder beside the configuration, with the
            mend; None where nothing does.
    """

    places: OwnPlaces
    crl_writable: bool
    ccd_writable: bool
    folder_writable: bool
    management_passable: bool
    open_conf: tuple[str, ...]
    open_password: tuple[str, ...]
    shut_out: str | None


@dataclass(frozen=True, slots=True)
class Amendment:
    """Lines that are to stand in the configuration.

    Attributes:
        directive: what they are about.
        replaces: directives that they take the place of; those lines become comments.
        why: one plain sentence, or two.
    """

    directive: str
    replaces: tuple[str, ...]
    lines: tuple[str, ...]
    why: str


def amendments(adoption: Adoption, rights: AccountRights, account: str) -> tuple[Amendment, ...]:
    """What is missing for cuts that can be proved; nothing that works is changed.

    Where a client can have no file that OpenVPN finds, `ccd-exclusive` would shut everybody out:
    there no second lock is added, see `no_second_lock`.
    """
    layout = adoption.server.layout
    places = rights.places
    missing = []
    if layout.crl is None or not rights.crl_writable:
        missing.append(
            Amendment(
                "crl-verify",
                ("crl-verify",),
                (f"crl-verify {quoted(str(places.crl))}",),
                _why_crl(adoption, account),
            )
        )
    if no_second_lock(adoption.facts) is not None:
        pass
    elif layout.ccd is None or not rights.ccd_writable:
        missing.append(
            Amendment(
                "client-config-dir",
                ("client-config-dir", "ccd-exclusive"),
                (f"client-config-dir {quoted(str(places.ccd))}", "ccd-exclusive"),
                _why_ccd(adoption, account),
            )
        )
    elif not layout.exclusive:
        missing.append(
            Amendment(
                "ccd-exclusive",
                (),
                ("ccd-exclusive",),
                "Without the second lock a cut is proved only after the handshake's window. Every"
                " client needs a file of its own then.",
            )
        )
    if not adoption.facts.has("management") or not rights.management_passable:
        missing.append(
            Amendment(
                "management",
                ("management", "management-client-user", "management-client-group"),
                (
                    f"management {quoted(str(places.socket))} unix",
                    f"management-client-user {account}",
                ),
                _why_management(layout, account),
            )
        )
    return tuple(missing)


def _why_management(layout: Layout, account: str) -> str:
    if isinstance(layout.management, UnixSocket):
        return (
            f"The bot's account {account} may not pass the folder of the management socket"
            f" /{layout.management.path}, so sessions are neither seen nor ended. A program of"
            " yours that uses it has to use the new one, as that account."
        )
    return "Without a management interface sessions are neither seen nor ended."


def no_second_lock(facts: ConfFacts) -> str | None:
    """Why a file with a certificate's name says nothing about its holder; None where it does."""
    if facts.has("username-as-common-name"):
        return (
            "username-as-common-name: OpenVPN calls a client by the user name that is typed in, and"
            " not by its certificate"
        )
    if facts.name_fields != (COMMON_NAME,):
        fields = " and ".join(facts.name_fields)
        return (
            f"x509-username-field: OpenVPN calls a client by {fields} of its certificate, and not"
            " by its common name"
        )
    if not facts.needs_certificate:
        return "verify-client-cert: a client without a certificate has no name at all"
    return None


def _why_crl(adoption: Adoption, account: str) -> str:
    layout = adoption.server.layout
    if layout.crl is not None:
        return (
            f"The bot's account {account} may not write to the folder of /{layout.crl}, so it"
            " can't put a CRL in place there."
        )
    if adoption.facts.has("crl-verify"):
        return (
            "The crl-verify line names a folder of serial numbers or a block, where the bot's CRL"
            " can't be put in place."
        )
    return "Without a CRL revoked certificates get in."


def _why_ccd(adoption: Adoption, account: str) -> str:
    layout = adoption.server.layout
    if layout.ccd is None:
        return "Without the second lock a cut is proved only after the handshake's window."
    return (
        f"The bot's account {account} may not write to /{layout.ccd}, so it can neither give"
        " fixed addresses nor take a client's file away."
    )


def amended(text: str, changes: Iterable[Amendment], stamp: str) -> str:
    """The configuration with the changes at its end; what they replace stays as comments.

    Args:
        stamp: the date, for whoever reads the file.
    """
    wanted = tuple(changes)
    replaced = {name for change in wanted for name in change.replaces}
    kept = without(text, replaced)
    if kept and not kept.endswith("\n"):
        kept += "\n"
    lines = [f"{_MARK} added by `vpnbot server adopt --apply`, {stamp}"]
    lines += [line for change in wanted for line in change.lines]
    return kept + "\n" + "\n".join(lines) + "\n"


def without(text: str, names: Collection[str]) -> str:
    """The text with those directives as comments, their inline blocks as a whole."""
    lines = text.split("\n")
    for directive in parse_directives(text):
        if directive.name not in names:
            continue
        first = directive.line_number - 1
        last = first if directive.inline is None else _block_end(lines, first, directive.name)
        for number in range(first, last + 1):
            lines[number] = f"{_MARK} {lines[number]}"
    return "\n".join(lines)


def _block_end(lines: list[str], first: int, name: str) -> int:
    for number in range(first + 1, len(lines)):
        if split_words(lines[number])[:1] == [f"</{name}>"]:
            return number
    return len(lines) - 1
