"""What is odd about a PKI: each case is made as it comes about, and told with its names."""

import shutil
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from pki.authority import Authority
from pki.crl import RevocationReason
from pki.easyrsa import EasyRsaPki, PkiFinding, PkiFindingCode, Purpose, read_pki
from tests.easyrsa import NEEDS_EASYRSA, EasyRsa
from tests.pki.easyrsa_pkis import OLD_PASSPHRASE, EasyRsa2, as_openssl, copied
from tests.pki.tools import client, openssl

NOW = datetime.now(UTC)
DAY = timedelta(days=1)
LATER = NOW + 3650 * DAY


def told(pki: EasyRsaPki, code: PkiFindingCode) -> list[PkiFinding]:
    return [finding for finding in pki.findings if finding.code is code]


def only(pki: EasyRsaPki, code: PkiFindingCode) -> PkiFinding:
    (finding,) = told(pki, code)
    return finding


def codes(pki: EasyRsaPki) -> list[PkiFindingCode]:
    """But for the keys, of which every PKI here has some."""
    keys = {PkiFindingCode.CLIENT_KEYS_IN_CLEAR, PkiFindingCode.OTHER_KEYS_IN_CLEAR}
    return [finding.code for finding in pki.findings if finding.code not in keys]


def names(paths: Iterable[Path]) -> set[str]:
    return {path.name for path in paths}


def read(folder: Path, now: datetime = NOW) -> EasyRsaPki:
    return read_pki(folder, now=now)


@pytest.fixture
def keys(easyrsa2: EasyRsa2, tmp_path: Path) -> EasyRsa2:
    """easy-rsa 2's folder, to be changed; openssl goes on in it."""
    folder = copied(easyrsa2.folder, tmp_path)
    copy = EasyRsa2(tmp_path / "fresh" / "keys")
    shutil.rmtree(copy.folder)
    folder.rename(copy.folder)
    return copy


@NEEDS_EASYRSA
class TestOfEasyRsa3:
    @pytest.fixture
    def copy(self, rsa_pki: EasyRsa, tmp_path: Path) -> Path:
        return copied(rsa_pki.pki, tmp_path)

    def test_all_of_them(self, rsa_pki: EasyRsa) -> None:
        pki = read(rsa_pki.pki)
        assert [finding.code for finding in pki.findings] == [
            PkiFindingCode.DUPLICATE_NAME,
            PkiFindingCode.CLIENT_KEYS_IN_CLEAR,
            PkiFindingCode.OTHER_KEYS_IN_CLEAR,
            PkiFindingCode.CRL_LACKS,
        ]

    def test_a_renewed_one_lives_twice(self, rsa_pki: EasyRsa) -> None:
        pki = read(rsa_pki.pki)
        carls = [entry for entry in pki.entries if entry.common_name == "carl"]
        found = only(pki, PkiFindingCode.DUPLICATE_NAME)
        assert found.names == ("carl",)
        assert found.serials == tuple(entry.serial for entry in carls)
        assert found.ends_at == carls[1].not_after

    def test_one_that_was_revoked_is_no_twin(self, copy: Path) -> None:
        index = copy / "index.txt"
        *rows, last = index.read_text().splitlines(keepends=True)
        fields = last.split("\t")
        revoked = "\t".join(["R", fields[1], "261124140027Z", *fields[3:]])
        index.write_text("".join([*rows, revoked]))
        assert told(read(copy), PkiFindingCode.DUPLICATE_NAME) == []

    def test_revoked_after_the_crl(self, rsa_pki: EasyRsa) -> None:
        pki = read(rsa_pki.pki)
        found = only(pki, PkiFindingCode.CRL_LACKS)
        assert found.names == ("dora",)
        assert found.serials == (pki.entries[4].serial,)

    def test_once_they_are_over_it_matters_no_more(self, rsa_pki: EasyRsa) -> None:
        assert codes(read(rsa_pki.pki, NOW + 826 * DAY)) == [PkiFindingCode.CRL_LAPSED]

    def test_keys_in_clear(self, rsa_pki: EasyRsa) -> None:
        pki = read(rsa_pki.pki)
        found = only(pki, PkiFindingCode.CLIENT_KEYS_IN_CLEAR)
        assert set(found.names) == {"anna", "bob", "carl", "dora", "erik", "otto"}
        serials = {entry.common_name: f"{as_openssl(entry.serial)}.key" for entry in pki.entries}
        relative = {str(path.relative_to(rsa_pki.pki)) for path in found.paths}
        assert relative == {
            "anna.creds",
            "private/anna.key",
            "private/carl.key",
            "private/otto.key",
            "renewed/private/carl.key",
            *(f"revoked/private_by_serial/{serials[name]}" for name in ("bob", "dora", "erik")),
        }
        assert pki.client_keys == found.paths
        others = only(pki, PkiFindingCode.OTHER_KEYS_IN_CLEAR)
        assert others.paths == (rsa_pki.pki / "private" / "server.key",)

    def test_inline_files_of_newer_versions(self, copy: Path) -> None:
        (copy / "inline" / "private").mkdir(parents=True)
        (copy / "anna.creds").rename(copy / "inline" / "private" / "anna.inline")
        shutil.copy(copy / "inline" / "private" / "anna.inline", copy / "inline" / "anna.inline")
        found = names(read(copy).client_keys)
        assert "anna.inline" in found
        assert "anna.creds" not in found
        assert len([path for path in read(copy).client_keys if path.name == "anna.inline"]) == 2

    def test_a_lost_file(self, copy: Path) -> None:
        anna = read(copy).entries[1]
        (copy / "issued" / "anna.crt").unlink()
        (copy / "anna.creds").unlink()
        assert told(read(copy), PkiFindingCode.MISSING_CERTIFICATE) == []
        (copy / "certs_by_serial" / f"{as_openssl(anna.serial)}.pem").unlink()
        found = only(read(copy), PkiFindingCode.MISSING_CERTIFICATE)
        assert (found.names, found.serials) == (("anna",), (anna.serial,))
        assert read(copy).entries[1].not_before is None

    def test_a_lost_row(self, copy: Path) -> None:
        anna = read(copy).entries[1]
        index = copy / "index.txt"
        rows = index.read_text().splitlines(keepends=True)
        index.write_text("".join(row for row in rows if "/CN=anna\n" not in row))
        found = only(read(copy), PkiFindingCode.NOT_IN_INDEX)
        assert (found.names, found.serials) == (("anna",), (anna.serial,))
        assert found.paths == (copy / "issued" / "anna.crt",)
        assert told(read(copy, NOW + 826 * DAY), PkiFindingCode.NOT_IN_INDEX) == []

    def test_an_index_from_before_the_revocation(self, copy: Path) -> None:
        """As after a restore: the file was moved, and the index does not know."""
        bob = read(copy).entries[2]
        index = copy / "index.txt"
        row = next(row for row in index.read_text().splitlines() if row.endswith("/CN=bob"))
        fields = row.split("\t")
        undone = "\t".join(["V", fields[1], "", *fields[3:]])
        index.write_text(index.read_text().replace(row, undone))
        pki = read(copy)
        found = only(pki, PkiFindingCode.REVOKED_ONLY_BY_FOLDER)
        assert (found.names, found.serials) == (("bob",), (bob.serial,))
        (path,) = found.paths
        assert path.parent == copy / "revoked" / "certs_by_serial"
        listed = only(pki, PkiFindingCode.CRL_ONLY)
        assert (listed.names, listed.serials) == (("bob",), (bob.serial,))
        assert listed.revocation == bob.revocation
        assert bob.revocation in pki.revocations

    def test_a_key_of_the_ca_in_clear_is_no_clients(self, copy: Path) -> None:
        key = copy / "private" / "ca-nopass.key"
        secret = f"pass:{OLD_PASSPHRASE}"
        openssl("pkey", "-in", copy / "private" / "ca.key", "-passin", secret, "-out", key)
        assert key.exists()
        assert key in only(read(copy), PkiFindingCode.OTHER_KEYS_IN_CLEAR).paths

    def test_a_client_and_a_server_in_one_file(self, copy: Path) -> None:
        private = copy / "private"
        both = (private / "anna.key").read_bytes() + (private / "server.key").read_bytes()
        (private / "anna.key").write_bytes(both)
        pki = read(copy)
        assert private / "anna.key" not in pki.client_keys
        assert private / "anna.key" in only(pki, PkiFindingCode.OTHER_KEYS_IN_CLEAR).paths

    def test_a_key_that_cannot_be_read(self, copy: Path) -> None:
        key = copy / "private" / "anna.key"
        head, *body = key.read_text().splitlines(keepends=True)
        key.write_text(head + "".join(body).replace("A", "B", 1))
        assert key in only(read(copy), PkiFindingCode.OTHER_KEYS_IN_CLEAR).paths

    def test_a_key_whose_certificate_is_gone_is_left_alone(self, copy: Path) -> None:
        shutil.rmtree(copy / "issued")
        shutil.rmtree(copy / "certs_by_serial")
        (copy / "anna.creds").unlink()
        others = names(only(read(copy), PkiFindingCode.OTHER_KEYS_IN_CLEAR).paths)
        assert {"anna.key", "server.key", "carl.key"} <= others


class TestFiles:
    def test_nothing_is_odd(self, easyrsa2: EasyRsa2) -> None:
        assert codes(read(easyrsa2.folder)) == []

    def test_one_that_ends_otherwise(self, keys: EasyRsa2) -> None:
        index = keys.folder / "index.txt"
        index.write_text(index.read_text().replace("20610101000000Z", "20620101000000Z"))
        found = only(read(keys.folder), PkiFindingCode.DIFFERING_CERTIFICATE)
        assert (found.names, found.serials) == (("eternal",), (5,))
        assert found.paths == (keys.folder / "05.pem",)
        assert found.detail == "it ends on 2061-01-01 00:00 UTC"
        eternal = read(keys.folder).entries[4]
        assert eternal.not_after == datetime(2061, 1, 1, tzinfo=UTC)
        assert (eternal.end_known, eternal.purpose) == (True, Purpose.CLIENT)

    def test_one_of_another_name(self, keys: EasyRsa2) -> None:
        index = keys.folder / "index.txt"
        index.write_text(index.read_text().replace("/CN=anna/", "/CN=annette/"))
        found = only(read(keys.folder), PkiFindingCode.DIFFERING_CERTIFICATE)
        assert (found.names, found.serials) == (("anna",), (2,))
        assert found.detail == "it names anna"
        assert read(keys.folder).entries[1].common_name == "anna"

    def test_one_of_another_ca(self, keys: EasyRsa2, tmp_path: Path) -> None:
        other = EasyRsa2(tmp_path / "other", subject="/CN=Other")
        other.issue("x")
        shutil.copy(other.folder / "x.crt", keys.folder / "server.crt")
        (keys.folder / "01.pem").unlink()
        found = only(read(keys.folder), PkiFindingCode.DIFFERING_CERTIFICATE)
        assert found.detail == "it was issued by another CA, and counts for nothing"
        assert found.paths == (keys.folder / "server.crt",)

    @pytest.mark.parametrize("has_key_ids", [True, False])
    def test_a_ca_made_anew_under_the_same_name(self, tmp_path: Path, has_key_ids: bool) -> None:
        old, new = EasyRsa2(tmp_path / "keys"), EasyRsa2(tmp_path / "new")
        if not has_key_ids:
            configuration = tmp_path / "keys.cnf"
            text = configuration.read_text()
            configuration.write_text(text.replace("authorityKeyIdentifier", "#"))
        old.issue("anna")
        assert codes(read(old.folder)) == []
        for name in ("ca.crt", "ca.key"):
            shutil.copy(new.folder / name, old.folder)
        found = only(read(old.folder), PkiFindingCode.DIFFERING_CERTIFICATE)
        assert found.detail == "another key has signed it, and it counts for nothing"
        assert (found.names, found.serials) == (("anna",), (1,))

    def test_a_ca_renewed_under_its_name_in_other_letters(self, tmp_path: Path) -> None:
        """OpenSSL lets its certificates in, so they count."""
        keys = EasyRsa2(tmp_path / "keys", subject="/CN=Example CA")
        keys.issue("anna")
        old = x509.load_pem_x509_certificate((keys.folder / "ca.crt").read_bytes())
        files = ("-key", keys.folder / "ca.key", "-out", keys.folder / "ca.crt")
        same = ("-set_serial", str(old.serial_number), "-subj", "/CN=EXAMPLE  ca", "-days", "90")
        openssl("req", "-x509", *files, *same)
        anna = openssl("verify", "-CAfile", keys.folder / "ca.crt", keys.folder / "anna.crt")
        assert anna.stdout.endswith("OK\n")
        pki = read(keys.folder)
        assert PkiFindingCode.DIFFERING_CERTIFICATE not in codes(pki)
        [entry] = pki.entries
        assert (entry.common_name, entry.end_known) == ("anna", True)

    @pytest.mark.parametrize("content", [b"", b"hello", b"-----BEGIN CERTIFICATE-----\n"])
    def test_one_that_cannot_be_read(self, keys: EasyRsa2, content: bytes) -> None:
        """easy-rsa 2 leaves an empty file where signing failed."""
        (keys.folder / "empty.crt").write_bytes(content)
        pki = read(keys.folder)
        found = only(pki, PkiFindingCode.UNREADABLE_CERTIFICATE)
        assert found.paths == (keys.folder / "empty.crt",)
        assert len(pki.entries) == 10

    def test_a_certificate_of_nobody_here(self, keys: EasyRsa2, authority: Authority) -> None:
        """Neither another CA's, nor our own once more, can be let in by it."""
        (keys.folder / "stranger.crt").write_text(authority.certificate_pem)
        (keys.folder / "theirs.crt").write_text(client(authority).certificate_pem)
        shutil.copy(keys.folder / "ca.crt", keys.folder / "ca-copy.crt")
        pki = read(keys.folder)
        assert (codes(pki), pki.lost) == ([], ())

    def test_a_ca_below_this_one(self, keys: EasyRsa2) -> None:
        keys.issue("sub", "-extensions", "v3_ca")
        found = only(read(keys.folder), PkiFindingCode.SUBORDINATE_AUTHORITY)
        assert (found.names, found.serials) == (("sub",), (11,))
        assert keys.folder / "sub.key" not in read(keys.folder).client_keys

    def test_without_an_extended_key_usage_it_is_not_certain(self, keys: EasyRsa2) -> None:
        configuration = keys.folder.parent / "keys.cnf"
        text = configuration.read_text()
        configuration.write_text(text.replace("extendedKeyUsage = clientAuth\n", ""))
        keys.issue("anybody")
        pki = read(keys.folder)
        assert pki.entries[-1].common_name == "anybody"
        assert pki.entries[-1].purpose is None
        assert keys.folder / "anybody.key" not in pki.client_keys

    def test_a_certificate_of_version_1(self, keys: EasyRsa2) -> None:
        """It says nothing of what it is for."""
        configuration = keys.folder.parent / "keys.cnf"
        text = configuration.read_text()
        configuration.write_text(text.replace("x509_extensions = usr_cert\n", ""))
        keys.issue("first")
        text = openssl("x509", "-in", keys.folder / "first.crt", "-noout", "-text").stdout
        assert "Version: 1 (0x0)" in text
        assert read(keys.folder).entries[-1].purpose is None
        assert codes(read(keys.folder)) == []

    def test_keys_of_easyrsa2(self, easyrsa2: EasyRsa2) -> None:
        pki = read(easyrsa2.folder)
        assert names(pki.client_keys) == {
            f"{entry.common_name}.key" for entry in pki.entries if entry.purpose is Purpose.CLIENT
        }
        others = only(pki, PkiFindingCode.OTHER_KEYS_IN_CLEAR)
        assert others.paths == (easyrsa2.folder / "server.key",)

    def test_one_key_for_two_certificates(self, keys: EasyRsa2) -> None:
        """Where the server has it too, it is not to be removed."""
        request = keys.folder / "anna.csr"
        again = keys.folder / "gateway.crt"
        keys.run("ca", "-batch", "-in", request, "-out", again, "-extensions", "server")
        pki = read(keys.folder)
        assert keys.folder / "anna.key" not in pki.client_keys
        assert keys.folder / "anna.key" in only(pki, PkiFindingCode.OTHER_KEYS_IN_CLEAR).paths


class TestCrl:
    def test_there_is_none(self, keys: EasyRsa2) -> None:
        (keys.folder / "crl.pem").unlink()
        found = only(read(keys.folder), PkiFindingCode.CRL_MISSING)
        assert found.names == ("plain", "held", "stolen", "broken", "gone")
        assert found.serials == (6, 7, 8, 9, 10)

    def test_for_who_is_over_none_is_needed(self, keys: EasyRsa2) -> None:
        (keys.folder / "crl.pem").unlink()
        last = read(keys.folder).entries[-1]
        found = only(
            read(keys.folder, last.not_after - timedelta(seconds=1)), PkiFindingCode.CRL_MISSING
        )
        assert "gone" in found.names
        assert told(read(keys.folder, last.not_after), PkiFindingCode.CRL_MISSING) == []

    def test_there_is_none_and_none_is_needed(self, tmp_path: Path) -> None:
        fresh = EasyRsa2(tmp_path / "keys")
        fresh.issue("anna")
        assert codes(read(fresh.folder)) == []

    @pytest.mark.parametrize(("second", "lapsed"), [(-1, False), (0, True), (1, True)])
    def test_it_lapsed(self, easyrsa2: EasyRsa2, second: int, lapsed: bool) -> None:
        crl = read(easyrsa2.folder).crl
        assert crl is not None
        assert crl.next_update is not None
        moment = crl.next_update + timedelta(seconds=second)
        found = told(read(easyrsa2.folder, moment), PkiFindingCode.CRL_LAPSED)
        expected = PkiFinding(PkiFindingCode.CRL_LAPSED, paths=(crl.path,), ends_at=crl.next_update)
        assert found == ([expected] if lapsed else [])

    def test_it_lists_whom_the_index_does_not_know(self, keys: EasyRsa2) -> None:
        index = keys.folder / "index.txt"
        before = read(keys.folder)
        rows = index.read_text().splitlines(keepends=True)
        index.write_text("".join(rows[:-1]))
        (keys.folder / "gone.crt").unlink()
        (keys.folder / "0A.pem").unlink()
        pki = read(keys.folder)
        found = only(pki, PkiFindingCode.CRL_ONLY)
        assert (found.names, found.serials) == ((), (10,))
        assert found.revocation is not None
        assert found.revocation == before.entries[-1].revocation
        assert found.revocation.reason is RevocationReason.CESSATION_OF_OPERATION
        assert set(pki.revocations) == set(before.revocations)


class TestEnds:
    @pytest.mark.parametrize(
        ("left", "code"),
        [
            (366 * DAY, None),
            (365 * DAY, PkiFindingCode.AUTHORITY_ENDS_SOON),
            (DAY, PkiFindingCode.AUTHORITY_ENDS_SOON),
            (0 * DAY, PkiFindingCode.AUTHORITY_OVER),
            (-DAY, PkiFindingCode.AUTHORITY_OVER),
        ],
    )
    def test_the_cas(
        self, easyrsa2: EasyRsa2, left: timedelta, code: PkiFindingCode | None
    ) -> None:
        end = read(easyrsa2.folder).certificate.not_valid_after_utc
        pki = read(easyrsa2.folder, end - left)
        ends = {PkiFindingCode.AUTHORITY_ENDS_SOON, PkiFindingCode.AUTHORITY_OVER}
        found = [finding for finding in pki.findings if finding.code in ends]
        assert found == ([PkiFinding(code, ends_at=end)] if code else [])

    @pytest.mark.parametrize(("left", "soon"), [(61, False), (60, True), (1, True), (0, False)])
    def test_a_servers(self, easyrsa2: EasyRsa2, left: int, soon: bool) -> None:
        server = read(easyrsa2.folder).entries[0]
        pki = read(easyrsa2.folder, server.not_after - left * DAY)
        found = told(pki, PkiFindingCode.SERVER_ENDS_SOON)
        expected = PkiFinding(
            PkiFindingCode.SERVER_ENDS_SOON,
            names=("server",),
            serials=(server.serial,),
            ends_at=server.not_after,
        )
        assert found == ([expected] if soon else [])

    def test_a_server_that_was_renewed(self, keys: EasyRsa2) -> None:
        keys.issue("server", "-extensions", "server", "-days", "30")
        assert told(read(keys.folder), PkiFindingCode.SERVER_ENDS_SOON) == []


class TestWeak:
    @pytest.mark.parametrize(
        ("bits", "digest", "details"),
        [
            (2048, "sha256", []),
            (1024, "sha256", ["its RSA key has 1024 bits"]),
            (2048, "sha1", ["its signature is made with SHA1"]),
            (1024, "md5", ["its RSA key has 1024 bits", "its signature is made with MD5"]),
        ],
    )
    def test_cas(self, tmp_path: Path, bits: int, digest: str, details: list[str]) -> None:
        weak = EasyRsa2(tmp_path / "keys", bits=bits, digest=digest)
        weak.issue("anna")
        pki = read(weak.folder)
        found = told(pki, PkiFindingCode.WEAK_AUTHORITY)
        assert [finding.detail for finding in found] == details
        assert codes(pki) == [PkiFindingCode.WEAK_AUTHORITY] * len(details)

    def test_a_small_curve(self, tmp_path: Path) -> None:
        folder = EasyRsa2(tmp_path / "keys").folder
        openssl(
            *("req", "-x509", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-192"),
            *("-subj", "/CN=x", "-keyout", folder / "ca.key", "-out", folder / "ca.crt"),
        )
        found = only(read(folder), PkiFindingCode.WEAK_AUTHORITY)
        assert found.detail == "its EC key has 192 bits"


def test_a_certificate_that_md5_signed_counts(tmp_path: Path) -> None:
    """It cannot be checked here, and openssl of that time took it."""
    old = EasyRsa2(tmp_path / "keys", digest="md5")
    old.issue("anna")
    (old.folder / "index.txt").write_text("")
    found = only(read(old.folder), PkiFindingCode.NOT_IN_INDEX)
    assert found.names == ("anna",)
    certificate = x509.load_pem_x509_certificate((old.folder / "anna.crt").read_bytes())
    assert found.serials == (certificate.serial_number,)
