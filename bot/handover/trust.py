"""Who could change the operator's words: they say what people import, and where it connects."""

import stat
from pathlib import Path


def changeable(folder: Path, path: Path) -> Path | None:
    """The file, or a folder on the way to it, that everybody on the machine can change.

    Whoever can change a folder can put another file in place of the one in it. Links are followed.

    Raises:
        OSError: it is not there, or may not be looked at.
    """
    home, real = folder.resolve(), path.resolve()
    ways = [way for way in real.parents if way.is_relative_to(home)]
    return next((way for way in (path, *ways) if way.stat().st_mode & stat.S_IWOTH), None)
