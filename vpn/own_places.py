"""Where `server adopt --apply` puts what is the bot's own."""

from dataclasses import dataclass
from pathlib import PurePosixPath

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
    found = [
        (path.parent, path.stem),
        *((folder, _joined(path, folder)) for folder in above),
        (_LAST_RESORT, f"vpnbot-{_joined(path, PurePosixPath('/'))}"),
    ]
    return tuple(
        OwnPlaces(folder / f"{name}-live", folder / f"{name}.sock") for folder, name in found
    )


def _joined(path: PurePosixPath, folder: PurePosixPath) -> str:
    return "-".join(path.relative_to(folder).with_suffix("").parts)
