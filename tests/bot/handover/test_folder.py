"""The operator's folder: what is used, what is left alone, and what is refused, by its place."""

import os
from pathlib import Path

import pytest

from bot.handover.folder import MOST_BYTES, MOST_FILES, MOST_TOPICS, Contents, look
from tests.bot.handover.kit import PROFILE, put, refused, shut

WINDOWS = "instructions/windows.txt.j2"
PDF = "files/rules.pdf"
EVERYTHING = (PROFILE, WINDOWS, PDF, "_part.j2", "README.md")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "own"
    place.mkdir()
    return place


def filled(folder: Path) -> Path:
    for name in EVERYTHING:
        put(folder, name)
    return folder


# --- what is right --------------------------------------------------------------------------------


def test_an_empty_folder_has_nothing(folder: Path) -> None:
    assert look(folder) == Contents(has_profile=False, instructions={}, files={})


def test_all_that_there_can_be(folder: Path) -> None:
    filled(folder)
    put(folder, "instructions/ios.txt.j2", b"")
    put(folder, "files/VPN & you.txt")
    found = look(folder)
    assert found == Contents(
        has_profile=True,
        instructions={"windows": WINDOWS, "ios": None},
        files={"VPN & you.txt": folder / "files/VPN & you.txt", "rules.pdf": folder / PDF},
    )
    assert list(found.files) == ["VPN & you.txt", "rules.pdf"]


@pytest.mark.parametrize(
    "name", ["README.md", "client.ovpn", "_old/client.ovpn.j2", ".git/x.j2", "LICENSE"]
)
def test_what_is_no_template_is_left_alone(folder: Path, name: str) -> None:
    put(folder, name)
    assert look(folder) == Contents()


@pytest.mark.parametrize("start", [".", "_"])
@pytest.mark.parametrize("name", ["x.j2", "instructions/A b", "files/empty"])
def test_hidden_files_and_parts_are_no_words_of_their_own(
    folder: Path, name: str, start: str
) -> None:
    path = folder / name
    put(folder, str(path.with_name(f"{start}{path.name}")), b"")
    assert look(folder) == Contents()


def test_names_of_the_greatest_length(folder: Path) -> None:
    put(folder, f"instructions/{'x' * 20}.txt.j2")
    put(folder, f"files/{'x' * 100}")
    found = look(folder)
    assert (list(found.instructions), list(found.files)) == (["x" * 20], ["x" * 100])


def test_as_many_as_may_be(folder: Path) -> None:
    for number in range(MOST_TOPICS):
        put(folder, f"instructions/{number}.txt.j2")
    for number in range(MOST_FILES):
        put(folder, f"files/{number}")
    os.truncate(folder / "files/0", MOST_BYTES - MOST_FILES + 1)
    found = look(folder)
    assert (len(found.instructions), len(found.files)) == (20, 5)
    assert sum(path.stat().st_size for path in found.files.values()) == 45_000_000


# --- names, numbers and sizes ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["client.j2", "Client.ovpn.j2", "client.ovpn.j2.j2", "windows.txt.j2"]
)
def test_a_template_that_nothing_would_use(folder: Path, name: str) -> None:
    put(folder, name)
    with refused(folder, name, f"nothing uses it; call it {PROFILE}, or begin its name with _"):
        look(folder)


@pytest.mark.parametrize("name", ["Instructions", "file", "parts", "old"])
def test_a_folder_that_nothing_would_use(folder: Path, name: str) -> None:
    put(folder, f"{name}/windows.txt.j2")
    words = "nothing uses it; call it instructions or files, or begin its name with _"
    with refused(folder, name, words):
        look(folder)


@pytest.mark.parametrize(
    "name",
    [
        *("windows", "windows.txt", "windows.j2", "windows.txt.j2.bak", "windows.TXT.j2"),
        *("Windows.txt.j2", "my router.txt.j2", "my_router.txt.j2", "-a.txt.j2", "a.b.txt.j2"),
        *("телефон.txt.j2", "٣.txt.j2", f"{'x' * 21}.txt.j2", "a:b.txt.j2"),
    ],
)
def test_a_text_under_a_wrong_name(folder: Path, name: str) -> None:
    put(folder, f"instructions/{name}")
    words = "a name has at most 20 of a-z, 0-9 and -, and .txt.j2 at its end"
    with refused(folder, f"instructions/{name}", words):
        look(folder)


@pytest.mark.parametrize(
    "name", ["a\nb.pdf", "a\u202efdp.exe", "x" * 101, os.fsdecode(b"\xff.pdf")]
)
@pytest.mark.parametrize("place", ["", "instructions", "files"])
def test_a_name_that_nobody_can_read(folder: Path, place: str, name: str) -> None:
    put(folder / place, name)
    with refused(folder, place, "a name is too long or can't be printed"):
        look(folder)


def test_an_empty_extra_file(folder: Path) -> None:
    put(folder, PDF, b"")
    with refused(folder, PDF, "it is empty, and Telegram takes no empty file"):
        look(folder)


def test_a_text_too_many(folder: Path) -> None:
    for number in range(MOST_TOPICS + 1):
        put(folder, f"instructions/{number}.txt.j2")
    with refused(folder, "instructions", "there are more than 20 texts"):
        look(folder)


def test_an_extra_file_too_many(folder: Path) -> None:
    for number in range(MOST_FILES + 1):
        put(folder, f"files/{number}")
    with refused(folder, "files", "there are 6 files, and 5 may go along"):
        look(folder)


def test_a_byte_too_many(folder: Path) -> None:
    """All may go into one archive, so it is their sum that counts."""
    put(folder, "files/small", b"x")
    os.truncate(put(folder, "files/large"), MOST_BYTES)
    with refused(folder, "files", "the files have 45000001 bytes, and 45000000 may go along"):
        look(folder)


# --- what is no file, or no folder ----------------------------------------------------------------


@pytest.mark.parametrize("name", [PROFILE, WINDOWS, PDF])
@pytest.mark.parametrize("kind", ["folder", "pipe"])
def test_something_else_where_a_file_belongs(folder: Path, name: str, kind: str) -> None:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    if kind == "folder":
        path.mkdir()
    else:
        os.mkfifo(path)
    with refused(folder, name, "it isn't a file"):
        look(folder)


@pytest.mark.parametrize("name", ["instructions", "files"])
def test_a_file_where_a_folder_belongs(folder: Path, name: str) -> None:
    put(folder, name)
    with refused(folder, name, "it can't be looked into (Not a directory)"):
        look(folder)


def test_no_folder_at_all(folder: Path) -> None:
    with refused(folder / "none", "", "it can't be looked into (No such file or directory)"):
        look(folder / "none")
    file = put(folder, "file")
    with refused(file, "", "it can't be looked into (Not a directory)"):
        look(file)


# --- links ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["instructions", "files", *EVERYTHING])
def test_a_link_out_of_the_folder(folder: Path, tmp_path: Path, name: str) -> None:
    # Its name begins like the folder's.
    elsewhere = filled(tmp_path / "own-elsewhere")
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).symlink_to(elsewhere / name)
    with refused(folder, name, "it is a link that leads out of the folder"):
        look(folder)


def test_links_within_the_folder(folder: Path, tmp_path: Path) -> None:
    put(folder, "_v2/client")
    put(folder, "_v2/files/rules.pdf")
    (folder / PROFILE).symlink_to("_v2/client")
    (folder / "files").symlink_to("_v2/files")
    found = look(folder)
    assert found == Contents(has_profile=True, files={"rules.pdf": folder / PDF})
    (tmp_path / "current").symlink_to(folder)
    assert look(tmp_path / "current").has_profile


@pytest.mark.parametrize("name", [PROFILE, WINDOWS, PDF, "instructions", "files", "README.md"])
@pytest.mark.parametrize(
    ("target", "problem"),
    [("nowhere", "No such file or directory"), ("itself", "Too many levels of symbolic links")],
)
def test_a_link_to_nothing(folder: Path, name: str, target: str, problem: str) -> None:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.symlink_to(path.name if target == "itself" else target)
    with refused(folder, name, f"it can't be read ({problem})"):
        look(folder)


# --- what may not be read -------------------------------------------------------------------------


@pytest.mark.parametrize("name", [PROFILE, WINDOWS, PDF])
def test_a_file_that_may_not_be_read(open_folder: Path, name: str) -> None:
    filled(open_folder)
    with (
        shut(open_folder / name, 0o000),
        refused(open_folder, name, "it can't be read (Permission denied)"),
    ):
        look(open_folder)


@pytest.mark.parametrize("name", ["", "instructions", "files"])
def test_a_folder_that_may_not_be_looked_into(open_folder: Path, name: str) -> None:
    filled(open_folder)
    with (
        shut(open_folder / name, 0o000),
        refused(open_folder, name, "it can't be looked into (Permission denied)"),
    ):
        look(open_folder)


def test_a_folder_that_shows_its_names_only(open_folder: Path) -> None:
    filled(open_folder)
    with (
        shut(open_folder / "files", 0o444),
        refused(open_folder, PDF, "it can't be read (Permission denied)"),
    ):
        look(open_folder)
