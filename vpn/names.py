"""Common names as OpenVPN uses them: in its session list, as file names, as words of a command.

Our own names are `[a-z0-9-]` and mean the same everywhere. Those of another CA hold what X.520
lets them hold: spaces, umlauts, colons, quotes. Source: string_mod_remap_name() in OpenVPN 2.6's
ssl_verify.c, platform_gen_path() in platform.c (on Windows it replaces more than here), man_kill()
in manage.c and parse_line(); each tried with OpenVPN 2.6.14.
"""

import re

from vpn.values import CommonName, valid_common_name

# What OpenVPN gives to whoever has no file of their own; nobody gets in by it with ccd-exclusive.
DEFAULT_FILE = "DEFAULT"
LONGEST = 64  # TLS_USERNAME_LEN in OpenVPN's ssl_verify.c, in bytes
# What `status` shows for a client whose certificate has not arrived yet; `kill` means all of them.
UNDEFINED = "UNDEF"
# A byte that is no text, as `vpn.proof.management` reads it: the name itself is not known then.
_NO_TEXT = "\ufffd"

# Longer than LONGEST, and it tells the operator what it is.
_OUT_OF_USE = ".set-aside-by-vpnbot--nobody-of-this-name-may-connect-to-this-server--"

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_QUOTED = re.compile(r'(["\\])')
# `bot.access.names.common_name`: a slug, and a code of letters that cannot be mistaken.
_OWN = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*-[a-km-np-z2-9]{8}", re.ASCII)


def name_in_sessions(common_name: str) -> str:
    """The name that `status` shows and `kill` wants: control characters are underscores there.

    It ends at a zero byte, as any string does in C.
    """
    return _CONTROL.sub("_", common_name.partition("\0")[0])


def ccd_file_name(common_name: str) -> str | None:
    """The name's own file in the client-config-dir; None where it can have none.

    With ccd-exclusive a name that can have none is refused.
    """
    name = look_alike(common_name)
    return None if name in {"", ".", "..", DEFAULT_FILE} else name


def may_be_a_clients(file_name: str) -> bool:
    """Whether OpenVPN could look for this file: no name that it takes is longer."""
    return 0 < _bytes(file_name) <= LONGEST


def out_of_use(file_name: str) -> str:
    """A name for a client's file by which no client can use it: none can have so long a name."""
    return _OUT_OF_USE + file_name


def look_alike(common_name: str) -> str:
    """Equal for names that OpenVPN does not tell apart, in the session list or as files.

    Certificates of such names share a name in the sense of `vpn.findings.Target`.
    """
    return name_in_sessions(common_name).replace("/", "_")


def is_ours(common_name: str) -> bool:
    """Whether it has the form of the names that we make, and of hardly any other."""
    return valid_common_name(common_name) and _OWN.fullmatch(common_name) is not None


def can_be_killed(name: str) -> bool:
    """Whether `kill` can mean this name: a colon makes it an address with a port.

    A longer name than OpenVPN takes is never connected.
    """
    if not 0 < _bytes(name) <= LONGEST or name == UNDEFINED or _NO_TEXT in name:
        return False
    return ":" not in name and _CONTROL.search(name) is None


def kill_command(name: CommonName) -> str:
    """`kill` with this name as its one word.

    Raises:
        ValueError: the name would mean something else in the command.
    """
    if not can_be_killed(name):
        raise ValueError(f"{name!r} can't be said in a kill command")
    if valid_common_name(name):
        return f"kill {name}"
    return 'kill "' + _QUOTED.sub(r"\\\1", name) + '"'


def _bytes(name: str) -> int:
    return len(name.encode("utf-8", "surrogateescape"))
