"""What people get: the operator's own words where there are any, else ours."""

import asyncio
import io
import zipfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest

from bot.errors import BadTemplate
from bot.handover.bundle import parts_of
from bot.handover.folder import Contents
from bot.handover.handover import Handover, Sample, Topic
from bot.texts import instructions
from bot.texts.instructions import BUILT_IN
from tests.bot.handover.kit import (
    BLOCKS,
    FIELDS,
    NEEDED,
    PROFILE,
    SHORTEST,
    built_in,
    put,
    refused,
)
from vpn.configuration.profile import DEPLOYED_PROFILE
from vpn.values import Protocol

OURS = built_in()
TEXT = "instructions/windows.txt.j2"
SAMPLES = [
    Sample(FIELDS, OURS, DEPLOYED_PROFILE),
    Sample(
        replace(FIELDS, server="paris", protocol="tcp"),
        built_in(protocol=Protocol.TCP),
        DEPLOYED_PROFILE,
    ),
]
LABELS = [
    Topic("windows", "Windows"),
    Topic("macos", "macOS"),
    Topic("ios", "iPhone, iPad"),
    Topic("android", "Android"),
    Topic("linux", "Debian, Ubuntu"),
]


def opened(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        # The grant's beginning: nothing of today is in it.
        assert {entry.date_time for entry in archive.infolist()} == {(2026, 3, 2, 9, 31, 26)}
        return {name: archive.read(name) for name in archive.namelist()}


def ours(topic: str) -> bytes:
    """A text of ours as a file."""
    return instructions.written(
        BUILT_IN[topic], file=FIELDS.file_name, server=FIELDS.server
    ).encode()


# --- without words of one's own -------------------------------------------------------------------


@pytest.fixture(params=["no folder", "an empty folder"])
def without(request: pytest.FixtureRequest, tmp_path: Path) -> Handover:
    return Handover(None if request.param == "no folder" else tmp_path)


async def test_all_is_ours(without: Handover) -> None:
    assert await without.profile(FIELDS, OURS, DEPLOYED_PROFILE) == OURS.text
    assert without.topics() == tuple(LABELS)
    assert without.extra_files() == ()
    assert await without.extra_file("rules.pdf") is None
    assert await without.instructions(FIELDS, "smart-tv") is None
    assert await without.try_out(SAMPLES) == Contents()


@pytest.mark.parametrize("topic", BUILT_IN)
async def test_our_instructions(without: Handover, topic: str) -> None:
    found = await without.instructions(FIELDS, topic)
    assert found == instructions.shown(BUILT_IN[topic], file=FIELDS.file_name, server="berlin")
    assert "berlin-anna-k3m9.ovpn" in found


@pytest.mark.parametrize("topic", BUILT_IN)
async def test_our_instructions_for_an_archive(tmp_path: Path, topic: str) -> None:
    found = await Handover(tmp_path, archives=True).instructions(FIELDS, topic)
    assert found == instructions.shown(
        BUILT_IN[topic], file=FIELDS.file_name, server="berlin", archive="berlin-anna-k3m9.zip"
    )
    assert "Save <code>berlin-anna-k3m9.zip</code> from this chat" in found


async def test_an_archive_of_ours(without: Handover) -> None:
    text = OURS.text
    members = opened(await without.archive(FIELDS, text))
    folder = "berlin-anna-k3m9"
    assert members == {
        f"{folder}/berlin-anna-k3m9.ovpn": text.encode(),
        **{f"{folder}/{name}": content for name, content in parts_of(text)},
        **{f"{folder}/instructions/{topic}.txt": ours(topic) for topic in BUILT_IN},
    }
    assert len(members) == 1 + 4 + 5


# --- with ----------------------------------------------------------------------------------------


@pytest.fixture
def own(tmp_path: Path) -> Handover:
    put(tmp_path, TEXT, "\n{{ name }}: open <{{ file_name }}>\n\n")
    put(tmp_path, "instructions/ios.txt.j2", "")
    put(tmp_path, "instructions/smart-tv.txt.j2", "Ask {{ server }}'s desk.\n")
    put(tmp_path, "files/Rules & more.pdf", b"%PDF\xff")
    put(tmp_path, "files/a.txt", b"hello")
    put(tmp_path, "_part", "{{ not_rendered }}")
    return Handover(tmp_path)


async def test_a_profile_of_ones_own(own: Handover) -> None:
    assert await own.profile(FIELDS, OURS, DEPLOYED_PROFILE) == OURS.text
    assert own.folder is not None
    put(own.folder, PROFILE, f"# {{{{ name }}}}\n{SHORTEST}")
    text = await own.profile(FIELDS, OURS, DEPLOYED_PROFILE)
    assert text == f"# Anna Petrova\n{OURS.text}"


def test_own_topics_stand_after_ours(own: Handover) -> None:
    """An empty file takes a button away."""
    assert own.folder is not None
    put(own.folder, "instructions/a-box.txt.j2")
    left = [topic for topic in LABELS if topic.id != "ios"]
    assert own.topics() == (*left, Topic("a-box", "A box"), Topic("smart-tv", "Smart tv"))


@pytest.mark.parametrize(
    ("topic", "text"),
    [
        ("windows", "Anna Petrova: open &lt;berlin-anna-k3m9.ovpn&gt;"),
        ("smart-tv", "Ask berlin&#x27;s desk."),
    ],
)
async def test_own_instructions_are_plain_text(own: Handover, topic: str, text: str) -> None:
    assert await own.instructions(FIELDS, topic) == text


async def test_instructions_that_there_are_not(own: Handover) -> None:
    assert await own.instructions(FIELDS, "ios") is None
    assert await own.instructions(FIELDS, "amiga") is None
    # What was asked for by an old button.
    assert own.folder is not None
    (own.folder / "instructions/smart-tv.txt.j2").unlink()
    assert await own.instructions(FIELDS, "smart-tv") is None


async def test_extra_files(own: Handover) -> None:
    assert own.extra_files() == ("Rules & more.pdf", "a.txt")
    assert await own.extra_file("Rules & more.pdf") == b"%PDF\xff"
    for name in ("b.txt", "../_part", "", "."):
        assert await own.extra_file(name) is None


async def test_an_archive_of_ones_own(own: Handover) -> None:
    text = f"# changed\n{OURS.text}"
    members = opened(await own.archive(FIELDS, text))
    folder = "berlin-anna-k3m9"
    assert members == {
        f"{folder}/berlin-anna-k3m9.ovpn": text.encode(),
        **{f"{folder}/{name}": content for name, content in parts_of(text)},
        **{f"{folder}/instructions/{it}.txt": ours(it) for it in ("macos", "android", "linux")},
        f"{folder}/instructions/windows.txt": b"\nAnna Petrova: open <berlin-anna-k3m9.ovpn>\n\n",
        f"{folder}/instructions/smart-tv.txt": b"Ask berlin's desk.\n",
        f"{folder}/files/Rules & more.pdf": b"%PDF\xff",
        f"{folder}/files/a.txt": b"hello",
    }


async def test_a_change_needs_no_restart(own: Handover) -> None:
    assert own.folder is not None
    put(own.folder, TEXT, "new")
    assert await own.instructions(FIELDS, "windows") == "new"
    put(own.folder, TEXT, "{{ nam }}")
    with refused(own.folder, TEXT, "there is no field 'nam'", line=1):
        await own.instructions(FIELDS, "windows")


async def test_a_text_that_cannot_be_used_keeps_no_archive_from_going(
    own: Handover, caplog: pytest.LogCaptureFixture
) -> None:
    """The others are in it."""
    assert own.folder is not None
    before = opened(await own.archive(FIELDS, OURS.text))
    put(own.folder, TEXT, "{{ nam }}")
    left = opened(await own.archive(FIELDS, OURS.text))
    (gone,) = before.keys() - left.keys()
    assert gone.endswith("instructions/windows.txt")
    (said,) = (record.message for record in caplog.records)
    assert f"without one of its instructions: {own.folder / TEXT}, line 1: there is no" in said


@pytest.mark.parametrize(("text", "problem"), [("x" * 4097, "more than 4096"), (" \n", "no text")])
async def test_a_text_that_is_no_message_is_not_sent(
    own: Handover, text: str, problem: str
) -> None:
    assert own.folder is not None
    put(own.folder, TEXT, "x" * 4096)
    assert await own.instructions(FIELDS, "windows") == "x" * 4096
    put(own.folder, TEXT, text)
    with pytest.raises(BadTemplate, match=problem):
        await own.instructions(FIELDS, "windows")
    with pytest.raises(BadTemplate, match="it gives"):
        await own.try_out(SAMPLES)
    assert await own.try_out(SAMPLES, texts=False)


async def test_a_folder_that_cannot_be_used_stops_everything(own: Handover) -> None:
    assert own.folder is not None
    put(own.folder, "misspelt.j2")
    words = "nothing uses it; call it client.ovpn.j2, or begin its name with _"
    for call in (own.topics, own.extra_files):
        with refused(own.folder, "misspelt.j2", words):
            call()
    for made in (
        own.profile(FIELDS, OURS, DEPLOYED_PROFILE),
        own.instructions(FIELDS, "linux"),
        own.extra_file("a.txt"),
        own.archive(FIELDS, OURS.text),
        own.try_out(SAMPLES),
    ):
        with refused(own.folder, "misspelt.j2", words):
            await made


def test_a_folder_is_the_same_from_everywhere(
    own: Handover, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert own.folder is not None
    monkeypatch.chdir(own.folder.parent)
    relative = Handover(Path(own.folder.name))
    monkeypatch.chdir("/")
    assert relative.folder == own.folder


# --- tried out for nobody -------------------------------------------------------------------------


async def tried(folder: Path, samples: Sequence[Sample] = SAMPLES) -> Contents:
    return await Handover(folder).try_out(samples)


async def test_all_that_can_be_used(own: Handover) -> None:
    assert own.folder is not None
    put(own.folder, PROFILE, SHORTEST)
    found = await own.try_out(SAMPLES)
    assert (found.has_profile, len(found.files)) == (True, 2)
    assert set(found.instructions) == {"windows", "ios", "smart-tv"}


async def test_the_profile_is_tried_for_each_server(tmp_path: Path) -> None:
    put(tmp_path, PROFILE, f"{NEEDED}explicit-exit-notify 1\n{BLOCKS}")
    assert (await tried(tmp_path, SAMPLES[:1])).has_profile
    with refused(tmp_path, PROFILE, "'explicit-exit-notify 1' doesn't fit paris", line=5):
        await tried(tmp_path)


async def test_each_text_is_tried_for_each_server(tmp_path: Path) -> None:
    put(tmp_path, TEXT, "a\n{{ {'udp': 'x'}[protocol] }}")
    await tried(tmp_path, SAMPLES[:1])
    with refused(tmp_path, TEXT, "'dict object' has no attribute 'tcp'", line=2):
        await tried(tmp_path)


async def test_the_first_that_cannot_be_used(tmp_path: Path) -> None:
    put(tmp_path, PROFILE, f"{SHORTEST}askpass\n")
    put(tmp_path, "instructions/b.txt.j2", "")
    put(tmp_path, "instructions/c.txt.j2", " \n")
    put(tmp_path, "instructions/d.txt.j2", " ")
    with refused(tmp_path, PROFILE, "Connect refuses 'askpass'", line=3):
        await tried(tmp_path)
    put(tmp_path, PROFILE, SHORTEST)
    with refused(tmp_path, "instructions/c.txt.j2", "it gives no text"):
        await tried(tmp_path)


@pytest.mark.parametrize(
    "text", ["{# nothing #}", "\n\n \t\n", "{% if protocol == 'tcp' %}x{% endif %}"]
)
async def test_a_text_without_a_word(tmp_path: Path, text: str) -> None:
    put(tmp_path, TEXT, text)
    with refused(tmp_path, TEXT, "it gives no text"):
        await tried(tmp_path)


@pytest.mark.parametrize(
    ("character", "most"), [("x", 3500), ("<", 3500), ("é", 3500), ("🔑", 1750)]
)
async def test_a_text_that_fits_no_message(tmp_path: Path, character: str, most: int) -> None:
    """Telegram counts UTF-16 units, after entities are read."""
    put(tmp_path, TEXT, f"\n{character * most}\n")
    await tried(tmp_path)
    put(tmp_path, TEXT, f"\n{character * most}x\n")
    with refused(tmp_path, TEXT, "it gives more than 3500 characters"):
        await tried(tmp_path)


async def test_an_extra_file_that_vanishes_after_the_look(own: Handover) -> None:
    """A thread that is busy lets the reading wait, so that something can come in between."""
    assert own.folder is not None
    path = own.folder / "files/a.txt"
    with ThreadPoolExecutor(max_workers=1) as threads:
        asyncio.get_running_loop().set_default_executor(threads)
        go_on = Event()
        threads.submit(go_on.wait, 30)
        reading = asyncio.create_task(own.extra_file("a.txt"))
        await asyncio.sleep(0)
        path.unlink()
        go_on.set()
        with pytest.raises(BadTemplate) as caught:
            await reading
    assert str(caught.value) == f"{path} can't be read (No such file or directory)."
