"""Whole PKIs, made by the real easy-rsa and by openssl as easy-rsa 2 ran it."""

import os
import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pki.crl import RevocationReason
from pki.easyrsa import EasyRsaPki, EntryStatus, FolderLayout, OldCrl, Purpose, open_key, read_pki
from pki.errors import DamagedPki, PassphraseNeeded, UnfitAuthority, WrongPassphrase
from tests.easyrsa import NEEDS_EASYRSA, EasyRsa
from tests.pki.easyrsa_pkis import OLD_PASSPHRASE, EasyRsa2, as_openssl, copied
from tests.pki.tools import openssl

NOW = datetime.now(UTC)
DAY = timedelta(days=1)


def read(folder: Path, now: datetime = NOW) -> EasyRsaPki:
    return read_pki(folder, now=now)


def crl_of(pki: EasyRsaPki) -> OldCrl:
    assert pki.crl is not None
    return pki.crl


def text_of(path: Path) -> str:
    return openssl("x509", "-in", path, "-noout", "-serial", "-dates").stdout


@pytest.fixture(scope="module")
def rsa(rsa_pki: EasyRsa) -> EasyRsaPki:
    return read(rsa_pki.pki)


@pytest.fixture(scope="module")
def ec(ec_pki: EasyRsa) -> EasyRsaPki:
    return read(ec_pki.pki)


@pytest.fixture(scope="module")
def two(easyrsa2: EasyRsa2) -> EasyRsaPki:
    return read(easyrsa2.folder)


@NEEDS_EASYRSA
class TestRsa:
    def test_the_ca(self, rsa: EasyRsaPki, rsa_pki: EasyRsa) -> None:
        assert rsa.layout is FolderLayout.EASYRSA3
        assert rsa.folder == rsa_pki.pki
        assert rsa.certificate.subject.rfc4514_string() == "CN=Example CA"
        assert rsa.key_path == rsa_pki.pki / "private" / "ca.key"
        assert rsa.key_is_encrypted

    def test_everybody_is_there(self, rsa: EasyRsaPki) -> None:
        assert [(entry.common_name, entry.status, entry.purpose) for entry in rsa.entries] == [
            ("server", EntryStatus.VALID, Purpose.SERVER),
            ("anna", EntryStatus.VALID, Purpose.CLIENT),
            ("bob", EntryStatus.REVOKED, Purpose.CLIENT),
            ("carl", EntryStatus.VALID, Purpose.CLIENT),
            ("dora", EntryStatus.REVOKED, Purpose.CLIENT),
            ("erik", EntryStatus.REVOKED, Purpose.CLIENT),
            ("emil", EntryStatus.VALID, Purpose.CLIENT),
            ("otto", EntryStatus.VALID, Purpose.CLIENT),
            ("carl", EntryStatus.VALID, Purpose.CLIENT),
        ]
        assert [entry.line for entry in rsa.entries] == list(range(1, 10))

    def test_openssl_says_the_same(self, rsa: EasyRsaPki, rsa_pki: EasyRsa) -> None:
        anna = rsa.entries[1]
        text = text_of(rsa_pki.pki / "issued" / "anna.crt")
        assert f"serial={as_openssl(anna.serial)}" in text
        assert anna.not_before is not None
        assert f"notBefore={anna.not_before:%b %e %H:%M:%S %Y} GMT" in text
        assert f"notAfter={anna.not_after:%b %e %H:%M:%S %Y} GMT" in text

    def test_reasons(self, rsa: EasyRsaPki) -> None:
        reasons = {entry.common_name: entry.reason for entry in rsa.entries if entry.revoked_at}
        assert reasons == {
            "bob": RevocationReason.KEY_COMPROMISE,
            "dora": RevocationReason.UNSPECIFIED,
            "erik": RevocationReason.CERTIFICATE_HOLD,
        }
        assert rsa.entries[0].reason is None

    def test_the_crl(self, rsa: EasyRsaPki, rsa_pki: EasyRsa) -> None:
        crl = crl_of(rsa)
        assert crl.path == rsa_pki.pki / "crl.pem"
        assert crl.number is None
        assert crl.next_update is not None
        lifetime = crl.next_update - crl.this_update
        assert abs(lifetime - timedelta(days=180)) < timedelta(minutes=1)
        listed = {entry.revocation for entry in rsa.entries if entry.common_name in {"bob", "erik"}}
        assert set(crl.revocations) == listed

    def test_the_next_crl_lists_all_that_were_revoked(self, rsa: EasyRsaPki) -> None:
        revoked = [entry.revocation for entry in rsa.entries if entry.revocation]
        assert list(rsa.revocations) == revoked
        assert len(revoked) == 3

    def test_who_is_let_in(self, rsa: EasyRsaPki) -> None:
        live = [entry.common_name for entry in rsa.entries if entry.is_live(NOW)]
        assert live == ["server", "anna", "carl", "emil", "otto", "carl"]
        later = [entry.common_name for entry in rsa.entries if entry.is_live(NOW + 2 * DAY)]
        assert later == ["server", "anna", "carl", "emil", "carl"]

    def test_the_key_opens(self, rsa: EasyRsaPki) -> None:
        key = open_key(rsa, OLD_PASSPHRASE)
        assert key.public_key() == rsa.certificate.public_key()

    def test_the_key_needs_its_passphrase(self, rsa: EasyRsaPki) -> None:
        with pytest.raises(PassphraseNeeded, match=r"ca\.key needs its passphrase"):
            open_key(rsa, None)

    @pytest.mark.parametrize("passphrase", ["", "another one", "zero\0"])
    def test_another_passphrase(self, rsa: EasyRsaPki, passphrase: str) -> None:
        with pytest.raises(WrongPassphrase) as caught:
            open_key(rsa, passphrase)
        assert not passphrase or passphrase not in str(caught.value)

    def test_nothing_is_written(self, rsa_pki: EasyRsa, tmp_path: Path) -> None:
        copy = copied(rsa_pki.pki, tmp_path)
        before = snapshot(copy)
        open_key(read(copy), OLD_PASSPHRASE)
        assert snapshot(copy) == before

    def test_it_tells_how_far_it_is(self, rsa_pki: EasyRsa) -> None:
        told: list[tuple[int, int]] = []
        read_pki(rsa_pki.pki, now=NOW, progress=lambda done, total: told.append((done, total)))
        assert told
        assert told[-1][0] == told[-1][1] > 9


def test_a_large_one_tells_now_and_then_how_far_it_is(easyrsa2: EasyRsa2, tmp_path: Path) -> None:
    copy = copied(easyrsa2.folder, tmp_path)
    rows = "".join(
        f"V\t361121143933Z\t\t{serial:04X}\tunknown\t/CN=user-{serial}\n"
        for serial in range(100, 2100)
    )
    with (copy / "index.txt").open("a") as index:
        index.write(rows)
    told: list[tuple[int, int]] = []
    pki = read_pki(copy, now=NOW, progress=lambda done, total: told.append((done, total)))
    assert len(pki.entries) == 2010
    assert 4 <= len(told) <= 10
    assert told == sorted(told)
    assert {total for _, total in told} == {told[-1][0]}


@NEEDS_EASYRSA
class TestEc:
    def test_names_of_many_parts(self, ec: EasyRsaPki) -> None:
        assert [(entry.common_name, entry.purpose) for entry in ec.entries] == [
            ("jürgen", Purpose.CLIENT),
            ("two words", Purpose.CLIENT),
            ("both", Purpose.BOTH),
        ]

    def test_without_the_files_the_index_will_do(self, ec_pki: EasyRsa, tmp_path: Path) -> None:
        copy = copied(ec_pki.pki, tmp_path)
        shutil.rmtree(copy / "issued")
        shutil.rmtree(copy / "certs_by_serial")
        found = read(copy)
        assert [entry.common_name for entry in found.entries] == ["jürgen", "two words", "both"]
        assert {(entry.not_before, entry.purpose) for entry in found.entries} == {(None, None)}

    def test_a_clear_key_opens_whatever_is_said(self, ec: EasyRsaPki) -> None:
        assert not ec.key_is_encrypted
        for passphrase in (None, "", "not needed"):
            key = open_key(ec, passphrase)
            assert key.public_key() == ec.certificate.public_key()

    def test_there_is_no_crl(self, ec: EasyRsaPki) -> None:
        assert ec.crl is None
        assert ec.revocations == ()

    def test_an_empty_index(self, tmp_path: Path) -> None:
        fresh = EasyRsa(tmp_path / "pki")
        fresh.begin()
        assert read(fresh.pki).entries == ()


class TestEasyRsa2:
    def test_the_ca(self, two: EasyRsaPki, easyrsa2: EasyRsa2) -> None:
        assert two.layout is FolderLayout.EASYRSA2
        assert two.key_path == easyrsa2.folder / "ca.key"
        assert not two.key_is_encrypted
        assert open_key(two, None).public_key() == two.certificate.public_key()

    def test_everybody_is_there(self, two: EasyRsaPki) -> None:
        assert [(entry.serial, entry.common_name, entry.status) for entry in two.entries] == [
            (1, "server", EntryStatus.VALID),
            (2, "anna", EntryStatus.VALID),
            (3, "old", EntryStatus.EXPIRED),
            (4, "ancient", EntryStatus.EXPIRED),
            (5, "eternal", EntryStatus.VALID),
            (6, "plain", EntryStatus.REVOKED),
            (7, "held", EntryStatus.REVOKED),
            (8, "stolen", EntryStatus.REVOKED),
            (9, "broken", EntryStatus.REVOKED),
            (10, "gone", EntryStatus.REVOKED),
        ]
        assert [entry.purpose for entry in two.entries] == [Purpose.SERVER] + [Purpose.CLIENT] * 9

    def test_dates_of_two_centuries(self, two: EasyRsaPki) -> None:
        ends = {entry.common_name: entry.not_after for entry in two.entries}
        assert ends["ancient"] == datetime(1998, 12, 31, 23, 59, 59, tzinfo=UTC)
        assert ends["eternal"] == datetime(2061, 1, 1, tzinfo=UTC)
        begun = {entry.common_name: entry.not_before for entry in two.entries}
        assert begun["ancient"] == datetime(1997, 1, 1, tzinfo=UTC)

    def test_every_way_to_write_a_revocation(self, two: EasyRsaPki) -> None:
        reasons = [(entry.common_name, entry.reason) for entry in two.entries if entry.revoked_at]
        assert reasons == [
            ("plain", RevocationReason.UNSPECIFIED),
            ("held", RevocationReason.CERTIFICATE_HOLD),
            ("stolen", RevocationReason.KEY_COMPROMISE),
            ("broken", RevocationReason.CA_COMPROMISE),
            ("gone", RevocationReason.CESSATION_OF_OPERATION),
        ]

    def test_the_crl_and_the_index_agree(self, two: EasyRsaPki) -> None:
        assert set(crl_of(two).revocations) == set(two.revocations)

    def test_nothing_is_odd_but_the_keys(self, two: EasyRsaPki) -> None:
        assert {finding.code.value for finding in two.findings} == {
            "client_keys_in_clear",
            "other_keys_in_clear",
        }


class TestOldCrls:
    """What the CRLs of ten years and many versions look like."""

    @pytest.fixture
    def old(self, tmp_path: Path) -> EasyRsa2:
        made = EasyRsa2(tmp_path / "keys")
        made.issue("anna")
        return made

    def test_of_version_1_and_md5(self, tmp_path: Path) -> None:
        old = EasyRsa2(tmp_path / "keys", digest="md5", bits=1024)
        old.issue("anna")
        old.issue("bob")
        old.revoke("anna")
        old.sign_crl()
        crl = crl_of(read(old.folder))
        assert [entry.serial for entry in crl.revocations] == [1]
        text = openssl("crl", "-in", crl.path, "-noout", "-text").stdout
        assert "Version 1 (0x0)" in text
        assert "md5With" in text

    def test_with_a_number(self, tmp_path: Path) -> None:
        old = EasyRsa2(tmp_path / "keys", more="[numbered]\nauthorityKeyIdentifier=keyid:always")
        configuration = tmp_path / "keys.cnf"
        setting = f"[CA_default]\ncrlnumber = {old.folder}/crlnumber\ncrl_extensions = numbered"
        configuration.write_text(configuration.read_text().replace("[CA_default]", setting))
        (old.folder / "crlnumber").write_text("2A\n")
        old.sign_crl()
        assert crl_of(read(old.folder)).number == 42

    def test_what_it_takes_back_stays_taken_back(self, old: EasyRsa2) -> None:
        """OpenSSL lets in whoever has this reason. The index cannot say so by easy-rsa."""
        old.revoke("anna", "-crl_reason", "removeFromCRL")
        old.sign_crl()
        index = old.folder / "index.txt"
        with pytest.raises(DamagedPki, match=r"line 1: it has a reason"):
            read(old.folder)
        row = index.read_text().split("\t")
        index.write_text("\t".join(["V", row[1], "", *row[3:]]))
        assert crl_of(read(old.folder)).revocations == ()

    def test_of_another_ca(self, old: EasyRsa2, easyrsa2: EasyRsa2) -> None:
        shutil.copy(easyrsa2.folder / "crl.pem", old.folder)
        refused(old.folder, r"crl\.pem wasn't signed by the CA beside it; run `easyrsa gen-crl`")

    def test_of_a_ca_with_another_name(self, old: EasyRsa2, tmp_path: Path) -> None:
        other = EasyRsa2(tmp_path / "other", subject="/CN=Other")
        other.sign_crl()
        shutil.copy(other.folder / "crl.pem", old.folder)
        refused(old.folder, r"crl\.pem wasn't signed by the CA beside it")

    @pytest.mark.parametrize("content", [b"", b"hello", b"-----BEGIN X509 CRL-----\n"])
    def test_damaged(self, old: EasyRsa2, content: bytes) -> None:
        (old.folder / "crl.pem").write_bytes(content)
        refused(old.folder, r"crl\.pem isn't a whole CRL; run `easyrsa gen-crl`")

    def test_truncated(self, old: EasyRsa2) -> None:
        old.sign_crl()
        crl = old.folder / "crl.pem"
        crl.write_bytes(crl.read_bytes()[:200])
        refused(old.folder, r"crl\.pem isn't a whole CRL")


class TestOldKeys:
    """Private keys in the forms that OpenSSL has had."""

    @pytest.fixture
    def old(self, easyrsa2: EasyRsa2, tmp_path: Path) -> Path:
        return copied(easyrsa2.folder, tmp_path)

    @staticmethod
    def convert(folder: Path, *options: str) -> None:
        key = folder / "ca.key"
        made = openssl("pkey", "-in", key, "-out", folder / "new.key", *options)
        assert made.returncode == 0, made.stderr
        (folder / "new.key").replace(key)

    @pytest.mark.parametrize("cipher", ["-des3", "-aes128", "-aes256"])
    def test_traditional_with_a_passphrase(self, old: Path, cipher: str) -> None:
        self.convert(old, "-traditional", cipher, "-passout", f"pass:{OLD_PASSPHRASE}")
        assert "Proc-Type: 4,ENCRYPTED" in (old / "ca.key").read_text()
        pki = read(old)
        assert pki.key_is_encrypted
        assert open_key(pki, OLD_PASSPHRASE)
        with pytest.raises(WrongPassphrase):
            open_key(pki, "another one")

    def test_traditional_in_clear(self, old: Path) -> None:
        self.convert(old, "-traditional")
        assert "BEGIN RSA PRIVATE KEY" in (old / "ca.key").read_text()
        pki = read(old)
        assert not pki.key_is_encrypted
        assert open_key(pki, None)

    def test_parameters_before_an_ec_key(self, tmp_path: Path) -> None:
        folder = tmp_path / "keys"
        EasyRsa2(folder)
        key = folder / "ca.key"
        openssl("ecparam", "-name", "prime256v1", "-genkey", "-out", key)
        assert "EC PARAMETERS" in key.read_text()
        openssl("req", "-x509", "-key", key, "-subj", "/CN=x", "-out", folder / "ca.crt")
        pki = read(folder)
        assert not pki.key_is_encrypted
        assert open_key(pki, None).public_key() == pki.certificate.public_key()

    def test_another_cas(self, old: Path, tmp_path: Path) -> None:
        other = EasyRsa2(tmp_path / "other")
        shutil.copy(other.folder / "ca.key", old)
        with pytest.raises(UnfitAuthority, match="don't belong together"):
            open_key(read(old), None)

    @pytest.mark.parametrize("algorithm", ["ed25519", "DSA"])
    def test_of_a_kind_that_signs_nothing_here(self, old: Path, algorithm: str) -> None:
        key = old / "ca.key"
        if algorithm == "DSA":
            openssl("dsaparam", "-genkey", "-noout", "-out", key, "1024")
        else:
            openssl("genpkey", "-algorithm", algorithm, "-out", key)
        with pytest.raises(UnfitAuthority, match="private key is neither RSA nor EC"):
            open_key(read(old), None)

    def test_damaged(self, old: Path) -> None:
        key = old / "ca.key"
        head, *body = key.read_text().splitlines(keepends=True)
        key.write_text(head + "".join(body).replace("A", "B", 1))
        with pytest.raises(DamagedPki, match=r"ca\.key can't be read as a private key"):
            open_key(read(old), None)

    def test_gone_meanwhile(self, old: Path) -> None:
        pki = read(old)
        pki.key_path.unlink()
        with pytest.raises(DamagedPki, match=r"ca\.key can't be read \(No such file"):
            open_key(pki, None)


class TestLinks:
    def test_to_the_folder(self, easyrsa2: EasyRsa2, tmp_path: Path) -> None:
        (tmp_path / "link").symlink_to(easyrsa2.folder)
        pki = read(tmp_path / "link")
        assert pki.folder == tmp_path / "link"
        assert len(pki.entries) == 10

    @NEEDS_EASYRSA
    def test_in_the_folder(self, rsa_pki: EasyRsa, tmp_path: Path) -> None:
        copy = copied(rsa_pki.pki, tmp_path)
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        for name in ("private", "issued", "index.txt", "ca.crt", "crl.pem"):
            (copy / name).rename(elsewhere / name)
            (copy / name).symlink_to(elsewhere / name)
        (elsewhere / "private" / "ca.key").rename(elsewhere / "key")
        (elsewhere / "private" / "ca.key").symlink_to(elsewhere / "key")
        assert open_key(read(copy), OLD_PASSPHRASE)
        assert read(copy).entries == read(rsa_pki.pki).entries


def refused(folder: Path, said: str, kind: type[DamagedPki | UnfitAuthority] = DamagedPki) -> None:
    with pytest.raises(kind, match=said) as caught:
        read(folder)
    assert "\n" not in str(caught.value)


class TestDamaged:
    @pytest.fixture
    def old(self, easyrsa2: EasyRsa2, tmp_path: Path) -> Path:
        return copied(easyrsa2.folder, tmp_path)

    def test_no_folder(self, tmp_path: Path) -> None:
        refused(tmp_path / "none", r"holds no index\.txt")

    def test_another_folder(self, tmp_path: Path) -> None:
        refused(tmp_path, r"holds no index\.txt, so it is no PKI of easy-rsa; give the folder")

    @pytest.mark.parametrize("inner", ["keys", "easy-rsa/pki"])
    def test_the_folder_above(self, old: Path, tmp_path: Path, inner: str) -> None:
        (tmp_path / "above" / inner).parent.mkdir(parents=True)
        old.rename(tmp_path / "above" / inner)
        refused(tmp_path / "above", f"give {tmp_path / 'above' / inner} instead")

    @pytest.mark.parametrize("name", ["ca.crt", "ca.key"])
    def test_a_file_of_the_ca_is_missing(self, old: Path, name: str) -> None:
        (old / name).unlink()
        refused(old, f"{name} is missing; restore it from a backup")

    def test_the_line_is_named(self, old: Path) -> None:
        index = old / "index.txt"
        lines = index.read_text().splitlines(keepends=True)
        lines[4] = lines[4].replace("V", "Q", 1)
        index.write_text("".join(lines))
        refused(old, rf"^{index}, line 5: it begins with none of V, R and E; mend that line")

    def test_a_truncated_index(self, old: Path) -> None:
        index = old / "index.txt"
        index.write_bytes(index.read_bytes()[:-30])
        refused(old, rf"^{index}, line 10: ")

    @pytest.mark.parametrize("content", ["", "hello", "-----BEGIN CERTIFICATE-----\n"])
    def test_no_certificate(self, old: Path, content: str) -> None:
        (old / "ca.crt").write_text(content)
        refused(old, r"ca\.crt isn't a certificate")

    def test_two_certificates(self, old: Path) -> None:
        authority = old / "ca.crt"
        authority.write_text(authority.read_text() * 2)
        refused(old, r"ca\.crt holds 2 certificates; leave the one")

    def test_a_clients_certificate(self, old: Path) -> None:
        shutil.copy(old / "anna.crt", old / "ca.crt")
        refused(old, r"ca\.crt: The certificate isn't a CA's", UnfitAuthority)

    def test_no_key(self, old: Path) -> None:
        shutil.copy(old / "ca.crt", old / "ca.key")
        refused(old, r"ca\.key holds no private key in PEM")

    def test_a_folder_where_a_file_should_be(self, old: Path) -> None:
        (old / "index.txt").unlink()
        (old / "index.txt").mkdir()
        refused(old, r"holds no index\.txt")

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
    @pytest.mark.parametrize("name", ["index.txt", "ca.key", "anna.crt", "."])
    def test_what_may_not_be_read(self, easyrsa2: EasyRsa2, name: str) -> None:
        """Somebody else's files: read by the account nobody."""
        with tempfile.TemporaryDirectory() as open_to_all:
            Path(open_to_all).chmod(0o755)
            copy = copied(easyrsa2.folder, Path(open_to_all))
            for path in copy.iterdir():
                path.chmod(0o644)
            copy.chmod(0o755)
            (copy / name).chmod(0o600)
            answer = subprocess.run(
                [sys.executable, "-B", "-c", READ_AS_NOBODY, copy],
                capture_output=True,
                text=True,
                check=False,
                cwd=Path(__file__).parents[2],
                timeout=60,
            )
        assert "may not be read by this account; run it as root." in answer.stdout, answer


READ_AS_NOBODY = """
import os, sys
from datetime import datetime, UTC
from pathlib import Path
from pki.easyrsa import read_pki
from pki.errors import DamagedPki

os.setuid(65534)
try:
    read_pki(Path(sys.argv[1]), now=datetime.now(UTC))
except DamagedPki as error:
    print(error)
"""


def snapshot(folder: Path) -> dict[Path, tuple[bytes, int]]:
    return {
        path: (path.read_bytes(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }
