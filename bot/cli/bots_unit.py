"""The bot's unit of systemd: where `make install` has left it, and what has to be added to it."""

import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path, PurePosixPath
from shlex import quote

from bot.health.local import BOTS_UNIT, USUAL_HOME
from storage.records import Server
from vpn.configuration.server import HOMES, TEMPORARY
from vpn.layout import LIVE

RELOAD = f"systemctl daemon-reload && systemctl try-restart {BOTS_UNIT.stem}"
_DROP_INS = Path(f"{BOTS_UNIT}.d")
# The unit opens all below it.
_OPEN = PurePosixPath("/srv/openvpn")


def installed_unit() -> Path | None:
    """The file that `make install` made for this very program."""
    path = Path(sys.prefix) / BOTS_UNIT.name
    return path if path.exists() else None


def start_line(unit: Path) -> str:
    """Starts the bot, now and at each boot."""
    place = quote(str(BOTS_UNIT.parent))
    return (
        f"cp {quote(str(unit))} {place}/ && systemctl daemon-reload && "
        f"systemctl enable --now {BOTS_UNIT.stem}"
    )


def fits(home: Path, account: str, secrets: Iterable[Path | None]) -> bool:
    """Whether the unit as it is installed starts this bot: it names account, folder and secrets."""
    names = ("bot-token", "ca-passphrase")
    usual = tuple(USUAL_HOME / "secrets" / name for name in names)
    return (home, account, tuple(secrets)) == (USUAL_HOME, BOTS_UNIT.stem, usual)


def write_access(
    server: str, folders: Iterable[PurePosixPath], drop_ins: Path = _DROP_INS
) -> list[str]:
    """Shell lines by which the unit may write there, as root; none where it may already.

    After them systemd has to read it anew, see `RELOAD`.
    """
    closed = [folder for folder in folders if _OPEN not in folder.parents]
    place, told = drop_ins / f"{server}.conf", ""
    with suppress(OSError, UnicodeDecodeError):
        told = place.read_text(encoding="utf-8")
    if all(_in_unit(f"-{folder}") in told for folder in closed):
        return []
    above = {parent for folder in closed for parent in folder.parents}
    hidden = (("ProtectHome", HOMES), ("PrivateTmp", TEMPORARY))
    shown = [f"{name}=no" for name, places in hidden if above.intersection(places)]
    # With a '-' a folder that is gone one day does not keep the bot from starting.
    paths = " ".join(_in_unit(f"-{folder}") for folder in closed)
    # printf takes a backslash and a percent sign for its own.
    text = paths.replace("\\", "\\\\").replace("%", "%%")
    content = quote("\\n".join(("[Service]", f"ReadWritePaths={text}", *shown, "")))
    return [f"mkdir -p {drop_ins}", f"printf {content} > {place}"]


def access_for(server: Server) -> list[str]:
    """The same for a server of ours on this machine."""
    if server.ssh is not None or server.adopted is not None:
        return []
    return write_access(server.name, [PurePosixPath(server.directory) / LIVE])


def _in_unit(path: str) -> str:
    """As a unit's setting reads it, see systemd.syntax(7) and systemd.unit(5), SPECIFIERS."""
    if quote(path) == path:
        return path.replace("%", "%%")
    inner = path.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{inner}"'
