"""What a person gets beside the key: the profile's wording, instructions, files, or one archive."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from shlex import quote

from bot import limits
from bot.errors import BadTemplate
from bot.handover import bundle, profile
from bot.handover.fields import Fields
from bot.handover.folder import FILES, INSTRUCTIONS, Contents, look
from bot.handover.rendering import Job, Rendered, refusal, render_all
from bot.texts import instructions
from bot.texts.fill import Html, escaped
from bot.texts.instructions import BUILT_IN, label_of
from vpn.configuration.profile import ProfileParts, ProfileSettings

log = logging.getLogger(__name__)

# Names differ in length, so a text that is tried for nobody has to leave room in a message.
_LONGEST_TEXT = 3500


@dataclass(frozen=True, slots=True)
class Topic:
    """Instructions that can be asked for by a button."""

    id: str
    label: str


@dataclass(frozen=True, slots=True)
class Sample:
    """A server with the values of somebody who does not exist, to try templates with."""

    fields: Fields
    built_in: ProfileParts
    settings: ProfileSettings


class Handover:
    """The operator's own words where there are any, else ours.

    Args:
        folder: of templates and files; None where the operator has none.
        archives: whether a profile is delivered in an archive.
    """

    def __init__(self, folder: Path | None, *, archives: bool = False) -> None:
        self.folder = None if folder is None else folder.absolute()
        self.archives = archives

    async def profile(
        self, fields: Fields, built_in: ProfileParts, settings: ProfileSettings
    ) -> str:
        """The text of the .ovpn file.

        Raises:
            BadTemplate: the operator's template cannot be used for this one.
        """
        if self.folder is None or not self._contents().has_profile:
            return built_in.text
        own = profile.prepare(fields, built_in, settings)
        (rendered,) = await render_all(self.folder, [own.job])
        return profile.finish(self.folder, own, rendered)

    def topics(self) -> tuple[Topic, ...]:
        """The instructions that there are, ours first. Raises BadTemplate."""
        own = self._contents().instructions
        every = (*BUILT_IN, *sorted(own.keys() - BUILT_IN))
        # An empty file takes its button away.
        return tuple(
            Topic(topic, label_of(topic)) for topic in every if own.get(topic, "") is not None
        )

    async def instructions(self, fields: Fields, topic: str) -> Html | None:
        """One text for the chat; None where there is none of this name (any more).

        Raises:
            BadTemplate: the operator's own cannot be rendered, or is no message.
        """
        own = self._contents().instructions
        file = own.get(topic)
        if self.folder is not None and file is not None:
            (rendered,) = await render_all(self.folder, [Job(file, fields.as_json())])
            _require_message(self.folder, file, rendered, limits.TEXT)
            return escaped(rendered.text.strip())
        if topic in own or topic not in BUILT_IN:
            return None
        return instructions.shown(
            BUILT_IN[topic],
            file=fields.file_name,
            server=fields.server,
            archive=fields.archive_name if self.archives else None,
        )

    def extra_files(self) -> tuple[str, ...]:
        """The names of the files that go along. Raises BadTemplate."""
        return tuple(self._contents().files)

    async def extra_file(self, name: str) -> bytes | None:
        """One of them; None where it is not there any more. Raises BadTemplate."""
        path = self._contents().files.get(name)
        return None if path is None else await asyncio.to_thread(_read, path)

    async def archive(self, fields: Fields, text: str) -> bytes:
        """The profile with all that belongs to it, as ZIP. Raises BadTemplate."""
        members = [
            (fields.file_name, text.encode()),
            *bundle.parts_of(text),
            *await self._written(fields),
        ]
        for name, path in self._contents().files.items():
            members.append((f"{FILES}/{name}", await asyncio.to_thread(_read, path)))
        folder = PurePath(fields.archive_name).stem
        return await asyncio.to_thread(bundle.zipped, folder, members, when=fields.not_before)

    async def try_out(self, samples: Sequence[Sample], *, texts: bool = True) -> Contents:
        """Makes everything once for each of the servers, for nobody; gives what there is.

        Args:
            texts: whether the instructions are tried, too; no profile depends on them.

        Raises:
            BadTemplate: the first that cannot be used.
        """
        contents = self._contents()
        if self.folder is None:
            return contents
        own = [
            profile.prepare(sample.fields, sample.built_in, sample.settings)
            for sample in samples
            if contents.has_profile
        ]
        jobs = [
            Job(file, sample.fields.as_json())
            for sample in samples
            for file in contents.instructions.values()
            if file is not None and texts
        ]
        rendered = await render_all(self.folder, [*(each.job for each in own), *jobs])
        for each, text in zip(own, rendered, strict=False):
            profile.finish(self.folder, each, text)
        for job, text in zip(jobs, rendered[len(own) :], strict=True):
            _require_message(self.folder, job.file, text, _LONGEST_TEXT)
        return contents

    async def _written(self, fields: Fields) -> list[bundle.Member]:
        """All instructions as text files; one that cannot be made keeps no profile from going."""
        own = self._contents().instructions
        made: dict[str, str] = {}
        for topic, file in own.items():
            if self.folder is None or file is None:
                continue
            try:
                (rendered,) = await render_all(self.folder, [Job(file, fields.as_json())])
            except BadTemplate as error:
                log.warning("An archive goes without one of its instructions: %s", error)
            else:
                made[topic] = rendered.text
        texts = {
            topic: instructions.written(text, file=fields.file_name, server=fields.server)
            for topic, text in BUILT_IN.items()
            if topic not in own
        } | made
        return [(f"{INSTRUCTIONS}/{topic}.txt", text.encode()) for topic, text in texts.items()]

    def _contents(self) -> Contents:
        return Contents() if self.folder is None else look(self.folder)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadTemplate(f"{quote(str(path))} can't be read ({error.strerror}).") from None


def _require_message(folder: Path, file: str, rendered: Rendered, room: int) -> None:
    """Raises BadTemplate where Telegram would not take it."""
    text = rendered.text.strip()
    if not text:
        raise refusal(folder, file, "it gives no text")
    if len(text.encode("utf-16-le")) // 2 > room:
        raise refusal(folder, file, f"it gives more than {room} characters")
