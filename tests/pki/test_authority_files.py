import os
import re
import secrets
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from threading import Barrier

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, pkcs12

from pki.authority import CLOCK_LAG, Authority
from pki.authority_files import (
    AUTHORITY_LIFETIME,
    CERTIFICATE_FILE,
    KEY_FILE,
    check_folder,
    create_authority,
    load_authority,
    load_certificate,
)
from pki.crl import read_crl
from pki.errors import (
    AuthorityExists,
    AuthorityMissing,
    DamagedAuthority,
    UnsafePermissions,
    WrongPassphrase,
)
from pki.serial import SERIAL_BITS
from tests.pki.tools import CA_NAME, CHEAP, NOW, PASSPHRASE, client, openssl, saved


def create(folder: Path, passphrase: str = PASSPHRASE, rounds: int = CHEAP) -> Authority:
    return create_authority(
        folder,
        common_name=CA_NAME,
        passphrase=passphrase,
        now=NOW,
        random_bytes=secrets.token_bytes,
        rounds=rounds,
    )


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def put(folder: Path, name: str, content: bytes) -> None:
    """Replaces a file and leaves its mode."""
    (folder / name).write_bytes(content)


class TestCreate:
    def test_the_certificate(self, made_folder: Path) -> None:
        certificate = load_certificate(made_folder)
        assert certificate.subject.rfc4514_string() == f"CN={CA_NAME}"
        assert certificate.issuer == certificate.subject
        assert certificate.not_valid_before_utc == NOW - CLOCK_LAG
        assert certificate.not_valid_after_utc == NOW + AUTHORITY_LIFETIME
        assert certificate.serial_number.bit_length() == SERIAL_BITS
        key = certificate.public_key()
        assert isinstance(key, ec.EllipticCurvePublicKey)
        assert isinstance(key.curve, ec.SECP256R1)

    def test_what_is_returned_is_what_is_kept(self, tmp_path: Path) -> None:
        made = create(tmp_path / "new" / "ca")
        loaded = load_authority(tmp_path / "new" / "ca", PASSPHRASE)
        assert made.certificate == loaded.certificate
        crl = made.sign_crl(number=1, revocations=[], now=NOW)
        assert read_crl(crl, loaded.certificate).number == 1

    @pytest.mark.parametrize(("umask", "empty_folder_there"), [(0o000, True), (0o777, False)])
    def test_nobody_else_can_read_it(
        self, tmp_path: Path, umask: int, empty_folder_there: bool
    ) -> None:
        folder = tmp_path / "ca"
        if empty_folder_there:
            folder.mkdir(mode=0o755)
        before = os.umask(umask)
        try:
            create(folder)
        finally:
            os.umask(before)
        assert {path.name: mode(path) for path in [folder, *folder.iterdir()]} == {
            "ca": 0o700,
            "ca.crt": 0o600,
            "ca.p12": 0o600,
        }
        check_folder(folder)
        assert left_in(tmp_path) == ["ca"]

    def test_a_ca_is_never_overwritten(self, ca_folder: Path) -> None:
        before = contents(ca_folder)
        with pytest.raises(AuthorityExists, match="move it away first"):
            create(ca_folder)
        assert contents(ca_folder) == before

    def test_a_file_in_the_way(self, tmp_path: Path) -> None:
        saved(tmp_path, "ca", "something")
        with pytest.raises(AuthorityExists):
            create(tmp_path / "ca")
        assert left_in(tmp_path) == ["ca"]

    @pytest.mark.parametrize("passphrase", ["", "zero\0byte", "\udcff"])
    def test_an_unusable_passphrase(self, tmp_path: Path, passphrase: str) -> None:
        with pytest.raises(WrongPassphrase):
            create(tmp_path / "ca", passphrase)
        assert left_in(tmp_path) == []

    def test_of_two_at_once_one_wins(self, tmp_path: Path) -> None:
        start = Barrier(2)

        def attempt(_: int) -> x509.Certificate | None:
            start.wait(timeout=60)
            try:
                return create(tmp_path / "ca").certificate
            except AuthorityExists:
                return None

        with ThreadPoolExecutor(2) as pool:
            made = [certificate for certificate in pool.map(attempt, range(2)) if certificate]
        assert made == [load_authority(tmp_path / "ca", PASSPHRASE).certificate]
        assert left_in(tmp_path) == ["ca"]

    def test_a_full_disk_leaves_no_half_ca(self, made_folder: Path, tmp_path: Path) -> None:
        """The system stops the second file, after the first was written whole."""
        sizes = [(made_folder / name).stat().st_size for name in (CERTIFICATE_FILE, KEY_FILE)]
        assert sizes[0] < 800 < sizes[1]
        script = saved(tmp_path, "create.py", CREATE_WITH_SMALL_FILES)
        data = tmp_path / "data"
        data.mkdir()
        answer = subprocess.run(
            [sys.executable, "-B", script, data / "ca"],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert "File too large" in answer.stderr
        assert left_in(data) == []


CREATE_WITH_SMALL_FILES = """
import pathlib, resource, secrets, signal, sys
from datetime import datetime, UTC
from pki.authority_files import create_authority

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (800, hard))
try:
    create_authority(
        pathlib.Path(sys.argv[1]), common_name="CA", passphrase="x",
        now=datetime(2026, 3, 2, tzinfo=UTC), random_bytes=secrets.token_bytes,
    )
finally:
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
"""


class TestOpenssl:
    def test_the_key_is_well_kept(self, tmp_path: Path) -> None:
        """One way to guess must not be cheaper than another: key, certificate and MAC."""
        create_authority(
            tmp_path / "ca",
            common_name=CA_NAME,
            passphrase=PASSPHRASE,
            now=NOW,
            random_bytes=secrets.token_bytes,
        )
        info = self.read(tmp_path / "ca", PASSPHRASE, "-info", "-noout")
        assert info.returncode == 0
        lines = info.stderr.splitlines()
        (mac,) = (line for line in lines if line.startswith("MAC:"))
        assert mac.startswith("MAC: sha256, Iteration ")
        assert int(mac.rsplit(" ", 1)[1]) >= 600_000
        bags = [line for line in lines if "PBES2" in line]
        assert [bag.split(":")[0] for bag in bags] == ["PKCS7 Encrypted data", "Shrouded Keybag"]
        for bag in bags:
            assert "PBES2, PBKDF2, AES-256-CBC" in bag
            assert "PRF hmacWithSHA256" in bag
            rounds = re.search(r"Iteration (\d+)", bag)
            assert rounds is not None
            assert int(rounds[1]) >= 600_000

    def test_another_program_can_open_it(self, made_folder: Path, tmp_path: Path) -> None:
        """The day when nothing of ours runs any more, the CA is not lost."""
        opened = saved(tmp_path, "key.pem", self.read(made_folder, PASSPHRASE, "-nodes").stdout)
        public = openssl("pkey", "-in", opened, "-pubout").stdout
        assert public == openssl("x509", "-in", made_folder / "ca.crt", "-noout", "-pubkey").stdout

    def test_another_passphrase_does_not_fit_the_mac(self, made_folder: Path) -> None:
        answer = self.read(made_folder, PASSPHRASE + "x", "-noout")
        assert "Mac verify error" in answer.stderr

    @staticmethod
    def read(folder: Path, passphrase: str, *options: str) -> subprocess.CompletedProcess[str]:
        return openssl(
            "pkcs12", "-in", folder / KEY_FILE, "-passin", f"pass:{passphrase}", *options
        )


class TestLoad:
    def test_it_signs(self, made_folder: Path, tmp_path: Path) -> None:
        issued = client(load_authority(made_folder, PASSPHRASE))
        leaf = saved(tmp_path, "leaf.crt", issued.certificate_pem)
        moment = str(int((NOW + timedelta(days=1)).timestamp()))
        answer = openssl("verify", "-CAfile", made_folder / "ca.crt", "-attime", moment, leaf)
        assert answer.stdout.strip() == f"{leaf}: OK"

    def test_another_passphrase(self, made_folder: Path) -> None:
        with pytest.raises(WrongPassphrase, match=r"doesn't open .*ca\.p12") as caught:
            load_authority(made_folder, "another one")
        assert "another one" not in str(caught.value)

    @pytest.mark.parametrize("passphrase", ["", "zero\0byte", "\udcff"])
    def test_an_unusable_passphrase(self, made_folder: Path, passphrase: str) -> None:
        with pytest.raises(WrongPassphrase, match=r"^The passphrase "):
            load_authority(made_folder, passphrase)

    def test_no_folder(self, tmp_path: Path) -> None:
        for act in (check_folder, load_certificate, lambda path: load_authority(path, PASSPHRASE)):
            with pytest.raises(AuthorityMissing, match="run `vpnbot ca init`"):
                act(tmp_path / "ca")

    def test_an_empty_folder(self, tmp_path: Path) -> None:
        tmp_path.chmod(0o700)
        with pytest.raises(AuthorityMissing):
            load_certificate(tmp_path)

    def test_the_certificate_needs_no_passphrase(self, made_folder: Path) -> None:
        pem = (made_folder / CERTIFICATE_FILE).read_bytes()
        assert load_certificate(made_folder) == x509.load_pem_x509_certificate(pem)


class TestUnsafe:
    @pytest.mark.parametrize(
        ("name", "bits", "mend"),
        [
            (".", 0o750, "chmod 700"),
            (".", 0o701, "chmod 700"),
            (CERTIFICATE_FILE, 0o644, "chmod 600"),
            (CERTIFICATE_FILE, 0o620, "chmod 600"),
            (KEY_FILE, 0o640, "chmod 600"),
            (KEY_FILE, 0o602, "chmod 600"),
        ],
    )
    def test_open_to_others(self, ca_folder: Path, name: str, bits: int, mend: str) -> None:
        (ca_folder / name).chmod(bits)
        for act in (check_folder, load_certificate):
            with pytest.raises(UnsafePermissions, match=mend) as caught:
                act(ca_folder)
            assert str(caught.value).endswith(str(ca_folder / name))

    @pytest.mark.parametrize("name", [".", CERTIFICATE_FILE, KEY_FILE])
    def test_someone_elses(self, ca_folder: Path, name: str) -> None:
        if os.geteuid() != 0:
            pytest.skip("only root can give files away")
        os.chown(ca_folder / name, 65534, -1)
        with pytest.raises(UnsafePermissions, match="belongs to account number 65534"):
            load_authority(ca_folder, PASSPHRASE)

    def test_a_link_to_a_folder(self, ca_folder: Path, tmp_path: Path) -> None:
        (tmp_path / "link").symlink_to(ca_folder)
        with pytest.raises(UnsafePermissions, match="no link"):
            check_folder(tmp_path / "link")

    @pytest.mark.parametrize("dangling", [False, True])
    def test_a_link_to_a_file(self, ca_folder: Path, tmp_path: Path, dangling: bool) -> None:
        (ca_folder / KEY_FILE).rename(tmp_path / ("gone" if dangling else KEY_FILE))
        (ca_folder / KEY_FILE).symlink_to(tmp_path / KEY_FILE)
        with pytest.raises(UnsafePermissions, match="no link"):
            load_authority(ca_folder, PASSPHRASE)

    def test_stricter_is_fine(self, ca_folder: Path) -> None:
        ca_folder.chmod(0o500)
        (ca_folder / KEY_FILE).chmod(0o400)
        check_folder(ca_folder)


class TestDamaged:
    def damaged(self, folder: Path, match: str) -> None:
        with pytest.raises(DamagedAuthority, match=match):
            load_authority(folder, PASSPHRASE)

    @pytest.mark.parametrize("name", [CERTIFICATE_FILE, KEY_FILE])
    def test_one_file_is_missing(self, ca_folder: Path, name: str) -> None:
        (ca_folder / name).unlink()
        self.damaged(ca_folder, f"{name} is missing; restore it from a backup")

    @pytest.mark.parametrize("share", [0, 0.01, 0.5, 0.99])
    def test_truncated_key(self, ca_folder: Path, share: float) -> None:
        content = (ca_folder / KEY_FILE).read_bytes()
        put(ca_folder, KEY_FILE, content[: int(len(content) * share)])
        self.damaged(ca_folder, "holds no CA's key")

    def test_a_changed_byte_is_not_told_from_a_wrong_passphrase(self, ca_folder: Path) -> None:
        """The MAC fails in both cases, so the message names both."""
        content = bytearray((ca_folder / KEY_FILE).read_bytes())
        content[len(content) // 2] ^= 1
        put(ca_folder, KEY_FILE, bytes(content))
        with pytest.raises(WrongPassphrase, match="the file is damaged"):
            load_authority(ca_folder, PASSPHRASE)

    @pytest.mark.parametrize("share", [0, 0.5, 0.9])
    def test_truncated_certificate(self, ca_folder: Path, share: float) -> None:
        content = (ca_folder / CERTIFICATE_FILE).read_bytes()
        put(ca_folder, CERTIFICATE_FILE, content[: int(len(content) * share)])
        self.damaged(ca_folder, "isn't a CA's certificate")

    def test_a_clients_certificate(self, ca_folder: Path, authority: Authority) -> None:
        put(ca_folder, CERTIFICATE_FILE, client(authority).certificate_pem.encode())
        self.damaged(ca_folder, "isn't a CA's certificate")

    def test_a_certificate_that_says_nothing_of_cas(self, ca_folder: Path) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = without_extensions(key.public_key()).sign(key, hashes.SHA256())
        put(ca_folder, CERTIFICATE_FILE, certificate.public_bytes(Encoding.PEM))
        self.damaged(ca_folder, "isn't a CA's certificate")

    def test_another_cas_certificate(self, ca_folder: Path, stranger: Authority) -> None:
        put(ca_folder, CERTIFICATE_FILE, stranger.certificate_pem.encode())
        self.damaged(ca_folder, "don't belong together")

    def test_a_key_that_does_not_match_the_copy_beside_it(
        self, ca_folder: Path, stranger: Authority
    ) -> None:
        put(ca_folder, KEY_FILE, p12(stranger._key, None, load_certificate(ca_folder)))
        self.damaged(ca_folder, "holds no CA's key")

    def test_a_key_without_certificate(self, ca_folder: Path, authority: Authority) -> None:
        put(ca_folder, KEY_FILE, p12(authority._key, None))
        self.damaged(ca_folder, "holds no CA's key")

    def test_a_key_that_signs_nothing_here(self, ca_folder: Path) -> None:
        key = ed25519.Ed25519PrivateKey.generate()
        certificate = without_extensions(key.public_key()).sign(key, None)
        put(ca_folder, KEY_FILE, p12(key, certificate))
        self.damaged(ca_folder, "holds no CA's key")


def p12(
    key: pkcs12.PKCS12PrivateKeyTypes,
    certificate: x509.Certificate | None,
    *others: x509.Certificate,
) -> bytes:
    secret = BestAvailableEncryption(PASSPHRASE.encode())
    return pkcs12.serialize_key_and_certificates(None, key, certificate, others, secret)


def without_extensions(
    public_key: ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey,
) -> x509.CertificateBuilder:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, CA_NAME)])
    builder = x509.CertificateBuilder(name, name, public_key, 1)
    return builder.not_valid_before(NOW).not_valid_after(NOW + AUTHORITY_LIFETIME)


def left_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}
