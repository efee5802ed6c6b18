"""The keys that are kept: opened once, sealed for each server, closed to others."""

import asyncio
import os
import shutil
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.access.permission import THE_BOT
from bot.errors import BadSettings, NotDone
from bot.keyring import Keyring
from bot.office import Office, open_office
from bot.process.data_folder import DataFolder
from bot.settings import Settings
from pki.authority_files import create_authority
from pki.errors import AuthorityMissing, DamagedKey, PkiError, UnsafePermissions, WrongPassphrase
from pki.tls_crypt_v2 import wrap_client_key
from storage.records import ServerName
from tests.tls_crypt_v2 import unwrap

PASSPHRASE = "correct horse battery staple"
BERLIN, PARIS = ServerName("berlin"), ServerName("paris")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> DataFolder:
    """A data folder with a CA and one server's key. A key derivation takes its time."""
    folder = DataFolder(tmp_path_factory.mktemp("made") / "data")
    folder.prepare()
    create_authority(
        folder.ca,
        common_name="Test CA",
        passphrase=PASSPHRASE,
        now=datetime.now(UTC),
        random_bytes=os.urandom,
        rounds=10,
    )
    Keyring(folder, lambda: PASSPHRASE).make_tls_key(BERLIN)
    return folder


@pytest.fixture
def folder(made: DataFolder, tmp_path: Path) -> DataFolder:
    """A copy, to be spoiled."""
    shutil.copytree(made.path, tmp_path / "data")
    return DataFolder(tmp_path / "data")


class Asked:
    """Whoever knows the passphrase, and how often they were asked."""

    def __init__(self, answer: str | None = PASSPHRASE) -> None:
        self.answer = answer
        self.times = 0

    def __call__(self) -> str | None:
        self.times += 1
        return self.answer


async def test_the_passphrase_is_asked_for_once_and_the_ca_read_once(made: DataFolder) -> None:
    asked = Asked()
    keyring = Keyring(made, asked)
    assert asked.times == 0

    first, second = await asyncio.gather(keyring.authority(), keyring.authority())
    key = await keyring.tls_key(BERLIN)

    assert first is second
    assert first.certificate == keyring.certificate
    assert await keyring.tls_key(BERLIN) is key
    assert asked.times == 1


def test_the_certificate_needs_no_passphrase(made: DataFolder) -> None:
    asked = Asked(None)
    subject = Keyring(made, asked).certificate.subject.rfc4514_string()
    assert subject == "CN=Test CA"
    assert asked.times == 0


async def test_where_nobody_knows_the_passphrase_the_setting_is_named(made: DataFolder) -> None:
    keyring = Keyring(made, Asked(None))
    with pytest.raises(BadSettings, match="VPNBOT_CA_PASSPHRASE_FILE isn't set"):
        await keyring.authority()
    with pytest.raises(BadSettings, match="VPNBOT_CA_PASSPHRASE_FILE isn't set"):
        keyring.make_tls_key(PARIS)
    assert not (made.tls_keys / "paris.sealed").exists()


async def test_a_wrong_passphrase_opens_nothing_and_is_not_shown(made: DataFolder) -> None:
    keyring = Keyring(made, Asked("a wrong one"))
    for opened in (keyring.authority(), keyring.tls_key(BERLIN)):
        with pytest.raises(WrongPassphrase) as caught:
            await opened
        assert "a wrong one" not in str(caught.value)


async def test_without_a_ca_the_next_command_is_named(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "data")
    folder.prepare()
    keyring = Keyring(folder, Asked())
    with pytest.raises(AuthorityMissing, match="vpnbot ca init"):
        await keyring.authority()
    with pytest.raises(AuthorityMissing):
        _ = keyring.certificate


async def test_a_ca_that_others_can_read_is_not_used(folder: DataFolder) -> None:
    (folder.ca / "ca.p12").chmod(0o644)
    with pytest.raises(UnsafePermissions):
        await Keyring(folder, Asked()).authority()


async def test_a_servers_key_is_sealed_private_and_works(made: DataFolder) -> None:
    path = made.tls_keys / "berlin.sealed"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert b"BEGIN" not in path.read_bytes()
    assert [found.name for found in made.tls_keys.iterdir()] == ["berlin.sealed"]

    server_key = await Keyring(made, Asked()).tls_key(BERLIN)
    client_key = wrap_client_key(server_key, metadata=b"serial", random_bytes=os.urandom)
    assert unwrap(server_key, client_key).metadata == b"serial"


async def test_a_key_that_is_there_already_stays(folder: DataFolder) -> None:
    before = (folder.tls_keys / "berlin.sealed").read_bytes()
    asked = Asked()
    Keyring(folder, asked).make_tls_key(BERLIN)
    assert (folder.tls_keys / "berlin.sealed").read_bytes() == before
    assert asked.times == 0


@pytest.mark.parametrize("umask", [0o000, 0o777])
def test_a_new_key_is_private_whatever_the_umask(folder: DataFolder, umask: int) -> None:
    before = os.umask(umask)
    try:
        Keyring(folder, Asked()).make_tls_key(PARIS)
    finally:
        os.umask(before)
    assert stat.S_IMODE((folder.tls_keys / "paris.sealed").stat().st_mode) == 0o600


async def test_what_a_crash_left_half_written_is_in_nobodys_way(folder: DataFolder) -> None:
    (folder.tls_keys / ".vpnbot-0123456789abcdef").write_bytes(b"half")
    Keyring(folder, Asked()).make_tls_key(PARIS)
    assert "tls-crypt-v2 server key" in await Keyring(folder, Asked()).tls_key(PARIS)


async def test_one_servers_key_does_not_pass_for_anothers(folder: DataFolder) -> None:
    (folder.tls_keys / "berlin.sealed").rename(folder.tls_keys / "paris.sealed")
    with pytest.raises(PkiError):
        await Keyring(folder, Asked()).tls_key(PARIS)


async def test_a_damaged_key_is_said_so(folder: DataFolder) -> None:
    path = folder.tls_keys / "berlin.sealed"
    path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(DamagedKey):
        await Keyring(folder, Asked()).tls_key(BERLIN)


async def test_a_missing_key_names_the_server_and_what_to_do(folder: DataFolder) -> None:
    with pytest.raises(NotDone) as caught:
        await Keyring(folder, Asked()).tls_key(PARIS)
    line = str(caught.value)
    assert "\n" not in line
    assert "key of paris can't be read (No such file or directory)" in line
    assert "vpnbot server" in line


async def test_a_server_that_was_taken_out_leaves_no_key(folder: DataFolder) -> None:
    keyring = Keyring(folder, Asked())
    await keyring.tls_key(BERLIN)
    keyring.forget_tls_key(BERLIN)
    assert list(folder.tls_keys.iterdir()) == []
    with pytest.raises(NotDone):
        await keyring.tls_key(BERLIN)
    keyring.forget_tls_key(BERLIN)  # twice is once


async def test_a_new_server_in_the_old_ones_place_has_a_key_of_its_own(folder: DataFolder) -> None:
    running = Keyring(folder, Asked())
    old = await running.tls_key(BERLIN)
    command = Keyring(folder, Asked())
    command.forget_tls_key(BERLIN)
    command.make_tls_key(BERLIN)

    new = await running.tls_key(BERLIN)

    assert new != old
    assert new == await command.tls_key(BERLIN)


def test_no_secret_is_in_the_repr_of_a_keyring(made: DataFolder) -> None:
    assert PASSPHRASE not in repr(Keyring(made, Asked()))


async def authority_ends_at(office: Office) -> datetime | None:
    async with office.database.reading() as tx:
        lives = office.case(tx, THE_BOT).lifetime_of(1)
    return None if lives is None else lives.ends


async def test_the_end_of_the_ca_is_known_without_a_passphrase(
    made: DataFolder, tmp_path: Path
) -> None:
    settings = Settings(data_dir=made.path)
    async with open_office(settings) as office:
        end = office.keyring.certificate.not_valid_after_utc
        assert await authority_ends_at(office) == end
    async with open_office(Settings(data_dir=tmp_path / "data")) as office:
        assert await authority_ends_at(office) is None  # there is no CA yet
