"""The bot, or a command, is killed while it works on a server that is on another machine.

Nothing there is a step that this machine could see. So the bot dies by what it says and
hears: at each word on the wire between the two, which is passed on, or is the last that it heard.

By default at some of them. A revocation has some twenty: every fourth lies in each kind of step
there is (a look, a file that goes, a list before and after our word to put it in place, a kill, the
last look); the other stories are made of the same. `CRASH_TESTS=all` takes every word of each.
"""

import shutil
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from demo.lab.network import lab_missing
from demo.testing import PersonChat
from tests.crash.outcome import ccd_names
from tests.crash.stage import Stage, begin
from tests.crash.stories import APPROVE, PAUSE, RENEW, REVOKE, Story
from tests.crash.test_commands import check_deployed
from tests.crash.test_rotation import MOVED, make_second
from tests.elsewhere import ACCOUNT, far_company
from tests.hanging import goes_on
from tests.sshd import NEEDS_SSHD, Sshd
from tests.vpn.operator_kit import beside_ours, static_key
from tests.wire import Wire

pytestmark = pytest.mark.asyncio(loop_scope="module")

_BEYOND = 9999


@asynccontextmanager
async def stage_elsewhere(folder: Path) -> AsyncIterator[tuple[Stage, Wire, Sshd]]:
    """Its only server is on another machine."""
    async with far_company(folder, ("office",)) as far:
        (office,) = far.servers
        yield await begin(far.company, office.vpn), office.wire, far.sshd


@contextmanager
def dying(kill: Callable[[], object], wire: Wire, words: int) -> Iterator[None]:
    """After so many words from now on."""
    left = iter(range(words, -1, -1))

    def hears() -> None:
        if next(left, None) == 0:
            kill()

    wire.on_word = hears
    try:
        yield
    finally:
        wire.on_word = lambda: None


def killed_by_word(story: Story, stage: Stage, wire: Wire, words: int) -> Story:
    """The same with a bot that dies when so many words have been said from its beginning on."""

    async def tell(told: Stage, chat: PersonChat) -> None:
        with dying(stage.kill_now, wire, words):
            await story.tell(told, chat)

    return replace(story, tell=tell)


@NEEDS_SSHD
@pytest.mark.parametrize(
    ("story", "first", "stride"),
    [(APPROVE, 3, 7), (REVOKE, 3, 4), (PAUSE, 5, 11), (RENEW, 6, 17), (MOVED, 9, 14)],
    ids=lambda value: getattr(value, "name", ""),
)
async def test_at_a_word_to_a_server_elsewhere(
    folders: Iterator[Path], story: Story, first: int, stride: int, exhaustive: bool
) -> None:
    async with stage_elsewhere(next(folders)) as (stage, wire, _):
        if story is MOVED:
            make_second(stage)
        deaths = 0
        for words in count(0, 1) if exhaustive else count(first, stride):
            begun = len(stage.steps)
            try:
                steps = await killed_by_word(story, stage, wire, words).round(stage, _BEYOND)
            except Exception as error:
                log = stage.company.log[-4000:]
                error.add_note(f"{words} words:\n{stage.steps[begun:]}\n{log}")
                raise
            goes_on()
            if "killed" not in steps:
                break
            deaths += 1
        # Each has more words than that.
        assert deaths >= (12 if exhaustive else 2)


@NEEDS_SSHD
async def test_a_deploy_at_a_word_to_a_machine_elsewhere(
    folders: Iterator[Path], exhaustive: bool
) -> None:
    """Each time into no folder at all; then the same command again."""
    async with stage_elsewhere(next(folders)) as (stage, wire, sshd):
        company = stage.company
        chat = await stage.hire()
        await company.approved(who=chat)
        await stage.settle()
        (grant,) = company.grants_of(chat)
        await company.stop()
        office = company.folder / "office"
        deploy = (
            *("server", "deploy", "office", "--directory", str(office)),
            *("--ssh", f"root@127.0.0.1:{wire.port}", "--ssh-key", str(sshd.key_file)),
        )
        codes = []
        async with stage.commands() as commands:
            for words in count(0, 1 if exhaustive else 41):
                office.rename(company.folder / f"office-before-{words}")
                with dying(commands.kill_now, wire, words):
                    codes.append((await commands.run(*deploy)).code)
                again = await commands.run(*deploy)
                assert again.code == 0, (words, again)
                check_deployed(stage, office)
                assert ccd_names(office) == {grant["common_name"]}
                goes_on()
                if codes[-1] == 0:
                    break
        assert codes[:-1] == [-signal.SIGKILL] * (len(codes) - 1)
        assert len(codes) > (30 if exhaustive else 2)


@NEEDS_SSHD
@pytest.mark.skipif(lab_missing() is not None, reason=str(lab_missing()))
async def test_an_adoption_at_a_word_to_a_machine_elsewhere(
    folders: Iterator[Path], exhaustive: bool
) -> None:
    """The operator's configuration is whole at any moment, and in the end as without a kill."""
    async with stage_elsewhere(next(folders)) as (stage, wire, sshd):
        company = stage.company
        await company.stop()
        office, kept, oslo = (company.folder / name for name in ("office", "kept", "oslo"))
        kept.mkdir()
        for name in ("ca.crt", "server.crt", "server.key", "live/crl.pem"):
            shutil.copy(office / name, kept)
        (kept / "ta.key").write_text(static_key())
        before = beside_ours(1196)
        (kept / "server.conf").write_text(before)
        adopt = (
            *("server", "adopt", "oslo", "--config", str(oslo / "server.conf"), "--apply"),
            *("--remote", "127.0.0.1:1196/udp", "--account", ACCOUNT),
            *("--ssh", f"root@127.0.0.1:{wire.port}"),
            *("--ssh-key", str(sshd.key_file), "--host-key", sshd.fingerprint),
        )

        def conf() -> str:
            return (oslo / "server.conf").read_text()

        shutil.copytree(kept, oslo)
        codes: list[int] = []
        async with stage.commands() as commands:
            assert (await commands.run(*adopt)).code == 0
            applied = conf()
            for words in count(0, 1 if exhaustive else 61):
                assert (await commands.run("server", "remove", "oslo")).code == 0
                shutil.rmtree(oslo)
                shutil.copytree(kept, oslo)
                with dying(commands.kill_now, wire, words):
                    codes.append((await commands.run(*adopt)).code)
                assert conf() in (before, applied), words
                again = await commands.run(*adopt)
                assert again.code == 0, (words, again)
                assert conf() == applied, words
                goes_on()
                if codes[-1] == 0:
                    break
        assert codes[:-1] == [-signal.SIGKILL] * (len(codes) - 1)
        assert len(codes) > (30 if exhaustive else 2)
