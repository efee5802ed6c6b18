"""Exactly the clients' keys in clear are removed, and nothing that a link or a mistake leads to."""

import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pki.easyrsa import purge_client_keys, read_pki
from pki.errors import NotRemovable
from tests.easyrsa import NEEDS_EASYRSA, EasyRsa
from tests.pki.easyrsa_pkis import EasyRsa2, copied
from tests.pki.tools import openssl

NOW = datetime.now(UTC)


def found(folder: Path) -> tuple[Path, ...]:
    return read_pki(folder, now=NOW).client_keys


def files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if not path.is_dir()}


@pytest.fixture
def keys(easyrsa2: EasyRsa2, tmp_path: Path) -> Path:
    return copied(easyrsa2.folder, tmp_path)


def refused(folder: Path, paths: tuple[Path, ...], said: str) -> None:
    before = files(folder)
    with pytest.raises(NotRemovable, match=said) as caught:
        purge_client_keys(folder, paths)
    assert "\n" not in str(caught.value)
    assert files(folder) == before


def test_of_easyrsa2(keys: Path) -> None:
    before = files(keys)
    paths = found(keys)
    assert len(paths) == 9
    purge_client_keys(keys, paths)
    assert before - files(keys) == set(paths)
    assert (keys / "server.key").exists()
    assert (keys / "ca.key").exists()
    assert found(keys) == ()


@NEEDS_EASYRSA
def test_of_easyrsa3_in_every_folder(rsa_pki: EasyRsa, tmp_path: Path) -> None:
    copy = copied(rsa_pki.pki, tmp_path)
    before = files(copy)
    paths = found(copy)
    purge_client_keys(copy, paths)
    assert before - files(copy) == set(paths)
    assert {path.name for path in (copy / "private").iterdir()} == {
        "ca.key",
        "emil.key",
        "server.key",
    }
    assert not (copy / "anna.creds").exists()


def test_no_power_cut_brings_a_key_back_and_no_handle_stays_open(
    keys: Path, synced: list[tuple[Path, bytes]]
) -> None:
    inner = keys / "inline/private"
    inner.mkdir(parents=True)
    shutil.copy(keys / "anna.key", inner)
    open_before = len([*Path("/proc/self/fd").iterdir()])
    purge_client_keys(keys, (keys / "anna.key", inner / "anna.key"))
    assert [path for path, _ in synced] == [keys, inner]
    assert len([*Path("/proc/self/fd").iterdir()]) == open_before


def test_nothing_to_remove(keys: Path) -> None:
    before = files(keys)
    purge_client_keys(keys, ())
    assert files(keys) == before


def test_by_a_link_to_the_folder(keys: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(keys)
    purge_client_keys(link, found(link))
    assert found(keys) == ()


def test_the_same_file_twice(keys: Path) -> None:
    purge_client_keys(keys, (keys / "anna.key", keys / "anna.key"))
    assert not (keys / "anna.key").exists()


def test_a_link_to_a_key(keys: Path, tmp_path: Path) -> None:
    (keys / "anna.key").rename(tmp_path / "anna.key")
    (keys / "anna.key").symlink_to(tmp_path / "anna.key")
    refused(keys, found(keys), r"anna\.key is a link, or no file; remove it by hand")
    assert (tmp_path / "anna.key").exists()


@NEEDS_EASYRSA
def test_a_link_to_a_folder_of_keys(rsa_pki: EasyRsa, tmp_path: Path) -> None:
    copy = copied(rsa_pki.pki, tmp_path)
    (copy / "private").rename(tmp_path / "private")
    (copy / "private").symlink_to(tmp_path / "private")
    refused(copy, found(copy), r"private is a link; remove what it holds by hand")


def test_a_second_name(keys: Path, tmp_path: Path) -> None:
    (tmp_path / "same.key").hardlink_to(keys / "anna.key")
    refused(keys, found(keys), r"anna\.key has a second name")


@pytest.mark.parametrize("path", ["other/anna.key", "keys/../other/anna.key", "keys2/anna.key"])
def test_outside_of_the_folder(keys: Path, tmp_path: Path, path: str) -> None:
    for name in ("other", "keys2"):
        shutil.copytree(keys, tmp_path / name)
    refused(keys, (keys / "anna.key", tmp_path / path), "isn't in")


@pytest.mark.parametrize("name", ["ca.key", "server.crt", "index.txt"])
def test_what_is_no_clients_key(keys: Path, name: str) -> None:
    refused(keys, (keys / "anna.key", keys / name), r"is the CA's key|holds no key in clear")


def test_a_key_that_has_a_passphrase_by_now(keys: Path) -> None:
    paths = found(keys)
    key = keys / "anna.key"
    secret = ("-aes256", "-passout", "pass:secret")
    openssl("pkey", "-in", key, *secret, "-out", keys / "new")
    (keys / "new").replace(key)
    refused(keys, paths, r"anna\.key holds no key in clear any more")


def test_one_that_is_gone_by_now(keys: Path) -> None:
    paths = found(keys)
    (keys / "held.key").unlink()
    refused(keys, paths, r"held\.key can't be reached \(No such file")


def test_a_folder_that_is_gone_by_now(keys: Path) -> None:
    refused(keys, (keys / "inline" / "anna.inline",), r"inline can't be reached \(No such file")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
@pytest.mark.parametrize(
    ("mode", "said"),
    [(0o644, "anna.key couldn't be removed (Permission denied)"), (0o600, "can't be reached")],
)
def test_what_the_system_refuses(keys: Path, open_folder: Path, mode: int, said: str) -> None:
    copy = copied(keys, open_folder)
    (copy / "anna.key").chmod(mode)
    answer = subprocess.run(
        [sys.executable, "-B", "-c", PURGE_AS_NOBODY, copy],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
        timeout=60,
    )
    assert said in answer.stdout, answer
    assert (copy / "anna.key").exists()


PURGE_AS_NOBODY = """
import os, sys
from pathlib import Path
from pki.easyrsa import purge_client_keys
from pki.errors import NotRemovable

folder = Path(sys.argv[1])
os.setuid(65534)
try:
    purge_client_keys(folder, (folder / "anna.key",))
except NotRemovable as error:
    print(error)
"""
