"""What templates are filled with. docs/templates.md describes each field."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePath
from typing import Any

from bot import limits
from bot.access.names import NAME_LENGTH, clean
from bot.texts.fill import utc
from storage.records import Grant, Server


@dataclass(frozen=True, slots=True)
class Fields:
    """One grant, as a template sees it; times are aware and in UTC."""

    name: str
    common_name: str
    server: str
    host: str
    port: int
    protocol: str
    friendly_name: str
    file_name: str
    not_before: datetime
    until: datetime

    @property
    def archive_name(self) -> str:
        """Where the profile goes out in an archive."""
        return f"{PurePath(self.file_name).stem}.zip"

    def as_json(
        self, *, directives: tuple[str, ...] = (), inline: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """For `bot.handover.renderer`; `directives` and `inline` are a profile's alone."""
        return {
            "words": {
                "name": self.name,
                "common_name": self.common_name,
                "server": self.server,
                "host": self.host,
                "port": self.port,
                "protocol": self.protocol,
                "friendly_name": self.friendly_name,
                "file_name": self.file_name,
                "not_before_text": utc(self.not_before),
                "until_text": utc(self.until),
            },
            "times": {
                "not_before": self.not_before.isoformat(),
                "until": self.until.isoformat(),
            },
            "lists": {"directives": list(directives)} if inline is not None else {},
            "blocks": {"inline": dict(inline)} if inline is not None else {},
        }


def fields_of(grant: Grant, server: Server, name: str) -> Fields:
    """Of a grant of our own, whose owner goes by `name`."""
    return Fields(
        # Names are cleaned when they are stored; a line break here would be a line in a profile.
        name=clean(name, NAME_LENGTH),
        common_name=grant.common_name,
        server=server.name,
        host=server.remote_host,
        port=server.remote_port,
        protocol=server.protocol,
        friendly_name=friendly_name(grant),
        # Unique, like the common name.
        file_name=file_name_of(grant),
        not_before=grant.not_before,
        until=grant.not_after,
    )


def file_name_of(grant: Grant) -> str:
    """What the profile of a grant of our own is called.

    Telegram shortens a longer name at its end, where names differ: so it is shortened before that.
    """
    name, _, code = grant.common_name.rpartition("-")
    stem = f"{grant.server}-{name}"[: limits.FILE_STEM - len(code) - 1].rstrip("-")
    return f"{stem}-{code}.ovpn"


def friendly_name(grant: Grant) -> str:
    """What a client's list shows; unique, so that two profiles never look the same."""
    return f"{grant.server} ({grant.common_name})"
