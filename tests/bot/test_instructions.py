"""How a profile gets into a device: each text fits a message and a file, and names the profile."""

import re
import shlex

import pytest

from bot.texts.fill import fill
from bot.texts.instructions import BUILT_IN, label_of, shown, written
from demo.api.markup import FormattedText, parse_html, utf16_length

FILE = "berlin-anna-petrova-k3m9.ovpn"
CONNECTION = "berlin-anna-petrova-k3m9"
ARCHIVE = "berlin-anna-petrova-k3m9.zip"
SERVER = "berlin"
# What a name may look like when somebody means harm.
EVIL = "<b>&\"'</b><code>x</code>&lt;b&gt;{file}{0}"
TOPICS = pytest.mark.parametrize("topic", BUILT_IN)
WAYS = pytest.mark.parametrize("archive", [None, ARCHIVE], ids=["bare", "archive"])


def in_chat(
    topic: str, *, file: str = FILE, server: str = SERVER, archive: str | None = None
) -> FormattedText:
    """As the look-alike of Telegram reads it; markup that it does not know raises."""
    return parse_html(shown(BUILT_IN[topic], file=file, server=server, archive=archive))


def in_code(topic: str, archive: str | None = None) -> list[str]:
    found = in_chat(topic, archive=archive)
    # All of our own texts are in the basic plane, where a unit is a character.
    assert utf16_length(found.text) == len(found.text)
    return [
        found.text[entity["offset"] : entity["offset"] + entity["length"]]
        for entity in found.entities
        if entity["type"] == "code"
    ]


def bare(topic: str) -> str:
    """The sentence on how to get a profile that came as it is."""
    return parse_html(fill(BUILT_IN[topic].fetch, file=FILE)).text


@TOPICS
@WAYS
def test_each_fits_one_message(topic: str, archive: str | None) -> None:
    """Bot API, sendMessage; with the longest names that there can be."""
    server = "x" * 32
    stem = f"{server}-{'x' * 64}"
    found = in_chat(topic, file=f"{stem}.ovpn", server=server, archive=archive and f"{stem}.zip")
    assert 200 < utf16_length(found.text) <= 4096
    assert "{" not in found.text


@TOPICS
@WAYS
def test_each_says_which_server_and_which_file(topic: str, archive: str | None) -> None:
    found = in_chat(topic, archive=archive)
    assert found.text.startswith("berlin on ")
    assert found.entities[0]["type"] == "bold"
    assert in_code(topic, archive)[0] == (archive or FILE)
    assert (ARCHIVE in found.text) == (archive is not None)


@TOPICS
def test_an_archive_is_unpacked_first(topic: str) -> None:
    unpacked = f"Save {ARCHIVE} from this chat and unpack it: {FILE} is in it."
    as_it_is = in_chat(topic).text
    assert as_it_is.count(bare(topic)) == 1
    assert in_chat(topic, archive=ARCHIVE).text == as_it_is.replace(bare(topic), unpacked)


@TOPICS
def test_each_ends_with_what_becomes_of_the_file(topic: str) -> None:
    """Whoever finds it lying about has the access."""
    last = in_chat(topic).text.split("\n\n")[-1]
    assert re.search(r"delete the (saved )?file|You need not keep the file", last)


@TOPICS
@pytest.mark.parametrize("server", [SERVER, EVIL, "</b>", "&amp;", "O'Brien & Sons <x@y.example>"])
def test_a_text_file_has_the_same_words_and_no_markup(topic: str, server: str) -> None:
    """It lies beside the profile."""
    text = written(BUILT_IN[topic], file=FILE, server=server)
    beside = f"Find {FILE}: it is in the same archive as this text."
    assert text == in_chat(topic, server=server).text.replace(bare(topic), beside) + "\n"
    assert text.count(beside) == 1
    assert text.startswith(f"{server} on ")
    assert not re.search(r"[<>]|&\w+;", text.removeprefix(server))


@TOPICS
def test_a_name_does_not_become_markup(topic: str) -> None:
    usual, evil = in_chat(topic), in_chat(topic, server=EVIL)
    assert evil.text.startswith(f"{EVIL} on ")
    assert [one["type"] for one in evil.entities] == [one["type"] for one in usual.entities]


@pytest.mark.parametrize(
    ("topic", "links"),
    [
        ("windows", ["https://openvpn.net/client/", "https://openvpn.net/community/"]),
        ("macos", ["https://openvpn.net/client/", "https://tunnelblick.net/"]),
        ("ios", []),
        ("android", []),
        ("linux", []),
    ],
)
def test_programs_come_from_their_makers(topic: str, links: list[str]) -> None:
    assert re.findall(r"\bhttps?://[^\s)]+", in_chat(topic).text) == links


def test_commands_can_be_typed_as_they_stand() -> None:
    commands = [shlex.split(code) for code in in_code("linux") if code != FILE]
    assert commands == [
        ["sudo", "apt", "install", "network-manager-openvpn-gnome"],
        ["nmcli", "connection", "import", "type", "openvpn", "file", FILE],
        ["nmcli", "connection", "up", CONNECTION],
        ["sudo", "apt", "install", "openvpn"],
        ["sudo", "openvpn", "--config", FILE],
    ]


@pytest.mark.parametrize("topic", [topic for topic in BUILT_IN if topic != "linux"])
def test_without_a_terminal_there_is_nothing_to_type(topic: str) -> None:
    assert set(in_code(topic)) == {FILE}
    assert set(in_code(topic, ARCHIVE)) == {ARCHIVE, FILE}


@pytest.mark.parametrize(
    ("topic", "label"),
    [
        ("windows", "Windows"),
        ("ios", "iPhone, iPad"),
        ("smart-tv", "Smart tv"),
        ("x", "X"),
        ("2-go", "2 go"),
    ],
)
def test_the_word_on_its_button(topic: str, label: str) -> None:
    assert label_of(topic) == label


def test_names_of_topics_fit_a_folder_and_a_button() -> None:
    assert all(re.fullmatch(r"[a-z]{1,20}", topic) for topic in BUILT_IN)
    labels = [text.label for text in BUILT_IN.values()]
    assert len(set(labels)) == len(labels)
