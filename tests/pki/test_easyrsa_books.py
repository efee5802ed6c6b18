"""The books say one thing, and the certificates another: whom that lets in, and what is said."""

import shutil
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from pki.easyrsa import EasyRsaPki, Entry, PkiFinding, PkiFindingCode, Purpose, read_pki
from pki.serial import SerialNumber
from tests.easyrsa import NEEDS_EASYRSA, EasyRsa
from tests.pki.easyrsa_pkis import EasyRsa2, as_openssl, copied

NOW = datetime.now(UTC)
DAY = timedelta(days=1)
PAST = ("200101000000Z", "20200101000000Z")

Change = Callable[[list[str]], list[str] | None]


def read(folder: Path) -> EasyRsaPki:
    return read_pki(folder, now=NOW)


def told(pki: EasyRsaPki, code: PkiFindingCode) -> list[PkiFinding]:
    return [finding for finding in pki.findings if finding.code is code]


def change(folder: Path, name: str, how: Change) -> None:
    """The rows of this name, field by field; None takes one away."""
    index = folder / "index.txt"
    lines = []
    for line in index.read_text().splitlines():
        fields = line.split("\t")
        found = how(fields) if f"/CN={name}" in line else fields
        lines += ["\t".join(found)] if found else []
    index.write_text("".join(f"{line}\n" for line in lines))


def becomes(status: str, ends: str | None = None) -> Change:
    def how(fields: list[str]) -> list[str]:
        return [status, ends or fields[1], "" if status != "R" else fields[2], *fields[3:]]

    return how


def only(pki: EasyRsaPki, name: str) -> Entry:
    (entry,) = [each for each in (*pki.entries, *pki.lost) if each.common_name == name]
    return entry


def is_out(pki: EasyRsaPki, name: str) -> bool:
    """Whether it is taken over as revoked."""
    return only(pki, name).serial in {entry.serial for entry in pki.revocations}


def serial_of(folder: Path, name: str) -> SerialNumber:
    return only(read(folder), name).serial


@pytest.fixture
def keys(easyrsa2: EasyRsa2, tmp_path: Path) -> EasyRsa2:
    """easy-rsa 2's folder, to be changed; openssl goes on in it."""
    folder = copied(easyrsa2.folder, tmp_path)
    copy = EasyRsa2(tmp_path / "fresh" / "keys")
    shutil.rmtree(copy.folder)
    folder.rename(copy.folder)
    return copy


class TestEnds:
    @pytest.mark.parametrize("ends", [None, *PAST])
    @pytest.mark.parametrize("status", ["E", "V"])
    def test_the_certificate_is_valid(self, keys: EasyRsa2, status: str, ends: str | None) -> None:
        """A clock that was ahead once lets `updatedb` call anything expired."""
        end = only(read(keys.folder), "anna").not_after
        change(keys.folder, "anna", becomes(status, ends))
        pki = read(keys.folder)
        anna = only(pki, "anna")
        assert (anna.not_after, anna.is_live(NOW), is_out(pki, "anna")) == (end, True, False)
        said = [finding.detail for finding in told(pki, PkiFindingCode.DIFFERING_CERTIFICATE)]
        assert len(said) == (1 if ends else 0)
        assert all(f"it ends on {end:%Y-%m-%d}" in text for text in said)
        assert all(("calls it expired" in text) is (status == "E") for text in said)

    def test_the_certificate_is_over(self, keys: EasyRsa2) -> None:
        change(keys.folder, "old", becomes("V", "20610101000000Z"))
        old = only(read(keys.folder), "old")
        assert (old.is_live(NOW), old.end_known) == (False, True)

    def test_of_a_revoked_one(self, keys: EasyRsa2) -> None:
        """By its end it goes from the list; so it has to be the right one."""
        end = only(read(keys.folder), "plain").not_after
        change(keys.folder, "plain", becomes("R", PAST[0]))
        plain = only(read(keys.folder), "plain")
        assert (plain.not_after, plain.end_known) == (end, True)

    @pytest.mark.parametrize("status", ["E", "V", "R"])
    def test_nobody_knows(self, keys: EasyRsa2, status: str) -> None:
        name = {"R": "plain"}.get(status, "anna")
        serial = serial_of(keys.folder, name)
        change(keys.folder, name, becomes(status, PAST[0]))
        for path in (keys.folder / f"{name}.crt", keys.folder / f"{serial:02X}.pem"):
            path.unlink()
        pki = read(keys.folder)
        assert not only(pki, name).end_known
        said = told(pki, PkiFindingCode.OVER_ONLY_BY_INDEX)
        assert [finding.names for finding in said] == ([] if status == "R" else [("anna",)])

    def test_expired_by_the_index_and_still_to_come(self, keys: EasyRsa2) -> None:
        """Its own date says that it is not over."""
        serial = serial_of(keys.folder, "anna")
        change(keys.folder, "anna", becomes("E"))
        for path in (keys.folder / "anna.crt", keys.folder / f"{serial:02X}.pem"):
            path.unlink()
        pki = read(keys.folder)
        assert only(pki, "anna").is_live(NOW)
        assert [f.names for f in told(pki, PkiFindingCode.MISSING_CERTIFICATE)] == [("anna",)]

    def test_a_signature_that_cannot_be_checked_ends_nothing_earlier(self, tmp_path: Path) -> None:
        old = EasyRsa2(tmp_path / "keys", digest="md5")
        old.issue("anna")
        change(old.folder, "anna", becomes("V", "20610101000000Z"))
        assert only(read(old.folder), "anna").not_after == datetime(2061, 1, 1, tzinfo=UTC)
        change(old.folder, "anna", becomes("E", PAST[0]))
        assert only(read(old.folder), "anna").is_live(NOW)

    def test_a_signature_is_checked_where_they_differ_alone(self, keys: EasyRsa2) -> None:
        """Those of many take half a minute, and the index vouches for what it knows."""
        (keys.folder / f"{serial_of(keys.folder, 'anna'):02X}.pem").unlink()
        path = keys.folder / "anna.crt"
        anna = x509.load_pem_x509_certificate(path.read_bytes())
        *content, last = anna.public_bytes(Encoding.DER)
        path.write_text(ssl.DER_cert_to_PEM_cert(bytes([*content, last ^ 1])))
        pki = read(keys.folder)
        assert only(pki, "anna").end_known
        assert told(pki, PkiFindingCode.DIFFERING_CERTIFICATE) == []
        change(keys.folder, "anna", becomes("V", "20610101000000Z"))
        pki = read(keys.folder)
        assert not only(pki, "anna").end_known
        (finding,) = told(pki, PkiFindingCode.DIFFERING_CERTIFICATE)
        assert finding.detail == "another key has signed it, and it counts for nothing"

    def test_two_certificates_of_one_serial(self, keys: EasyRsa2) -> None:
        """As after a restore of `serial`: whatever either of them opens counts."""
        again = EasyRsa2(keys.folder.parent / "again" / "keys")
        for name in ("ca.crt", "ca.key"):
            shutil.copy(keys.folder / name, again.folder)
        (again.folder / "serial").write_text("02\n")
        again.issue("bob", "-enddate", "20610101000000Z")
        shutil.copy(again.folder / "bob.crt", keys.folder)
        pki = read(keys.folder)
        (entry,) = [each for each in pki.entries if each.serial == 2]
        assert entry.not_after == datetime(2061, 1, 1, tzinfo=UTC)
        (finding,) = told(pki, PkiFindingCode.DIFFERING_CERTIFICATE)
        assert "it ends on 2061-01-01 00:00 UTC, it names bob" in finding.detail

    def test_a_client_and_a_server_of_one_serial(self, keys: EasyRsa2) -> None:
        again = EasyRsa2(keys.folder.parent / "again" / "keys")
        for name in ("ca.crt", "ca.key"):
            shutil.copy(keys.folder / name, again.folder)
        again.issue("client")
        shutil.copy(again.folder / "client.crt", keys.folder)
        (entry,) = [each for each in read(keys.folder).entries if each.serial == 1]
        assert entry.purpose is Purpose.CLIENT


class TestSerials:
    def test_zeros_and_small_letters(self, keys: EasyRsa2) -> None:
        change(keys.folder, "gone", lambda fields: [*fields[:3], "000a", *fields[4:]])
        pki = read(keys.folder)
        assert only(pki, "gone").serial == 10
        assert is_out(pki, "gone")

    @pytest.mark.parametrize("named", [True, False])
    def test_a_revoked_row_with_another_serial(self, keys: EasyRsa2, named: bool) -> None:
        """The certificate's own is what a list has to have."""
        change(keys.folder, "gone", lambda fields: [*fields[:3], "7F", *fields[4:]])
        (keys.folder / "crl.pem").unlink()
        (keys.folder / "0A.pem").unlink()
        if named:
            end = lambda fields: ["R", "20610101000000Z", *fields[2:]]  # noqa: E731
            change(keys.folder, "gone", end)
            (keys.folder / "gone.crt").rename(keys.folder / "7F.pem")
        pki = read(keys.folder)
        assert [each.serial for each in pki.lost] == [10]
        assert {10, 0x7F} <= {entry.serial for entry in pki.revocations}
        (finding,) = told(pki, PkiFindingCode.DIFFERING_CERTIFICATE)
        assert "revoked under another serial, 7f" in finding.detail
        assert told(pki, PkiFindingCode.NOT_IN_INDEX) == []

    def test_another_name_of_the_same_end_is_not_meant(self, keys: EasyRsa2) -> None:
        for name in ("bert", "anni"):
            keys.issue(name, "-enddate", "20620101000000Z")
        keys.revoke("bert")
        for path in (keys.folder / "bert.crt", keys.folder / "0B.pem"):
            path.unlink()
        change(keys.folder, "anni", lambda _: None)
        pki = read(keys.folder)
        assert [(each.serial, each.revoked_at) for each in pki.lost] == [(12, None)]
        assert [f.names for f in told(pki, PkiFindingCode.NOT_IN_INDEX)] == [("anni",)]

    def test_a_later_certificate_of_the_name_is_not_meant(self, keys: EasyRsa2) -> None:
        """The one that was revoked is gone, and the later one's row is lost."""
        for path in (keys.folder / "gone.crt", keys.folder / "0A.pem"):
            path.unlink()
        keys.issue("gone", "-enddate", "20610101000000Z")
        change(keys.folder, "gone", lambda fields: fields if fields[0] == "R" else None)
        pki = read(keys.folder)
        assert [each.serial for each in pki.lost] == [11]
        assert [f.serials for f in told(pki, PkiFindingCode.NOT_IN_INDEX)] == [(11,)]


@NEEDS_EASYRSA
class TestFolders:
    @pytest.fixture
    def copy(self, rsa_pki: EasyRsa, tmp_path: Path) -> Path:
        """Bob was revoked; the list is gone, so that only the folders know."""
        folder = copied(rsa_pki.pki, tmp_path)
        (folder / "crl.pem").unlink()
        return folder

    @staticmethod
    def revoked_files(folder: Path) -> list[Path]:
        serial = as_openssl(serial_of(folder, "bob"))
        return [path for path in (folder / "revoked").rglob("*") if path.stem == serial]

    @pytest.mark.parametrize("status", ["V", "E", None])
    @pytest.mark.parametrize("copied_back", [False, True])
    def test_moved_to_the_revoked(self, copy: Path, status: str | None, copied_back: bool) -> None:
        """The row was lost, or restored from before."""
        (certificate,) = [p for p in self.revoked_files(copy) if "certs" in p.parent.name]
        if copied_back:
            shutil.copy(certificate, copy / "issued" / "bob.crt")
        how = becomes(status, PAST[0] if status == "E" else None) if status else lambda _: None
        serial = serial_of(copy, "bob")
        change(copy, "bob", how)
        pki = read(copy)
        assert is_out(pki, "bob")
        (finding,) = told(pki, PkiFindingCode.REVOKED_ONLY_BY_FOLDER)
        assert (finding.names, finding.serials, finding.paths) == (
            *(("bob",), (serial,), (certificate,)),
        )
        assert told(pki, PkiFindingCode.NOT_IN_INDEX) == []
        assert [entry.serial for entry in pki.filed] == [serial]

    def test_only_its_key_or_its_request_is_left(self, copy: Path) -> None:
        serial = serial_of(copy, "bob")
        for path in self.revoked_files(copy):
            if "certs" in path.parent.name:
                path.unlink()
        change(copy, "bob", lambda _: None)
        pki = read(copy)
        assert serial in {entry.serial for entry in pki.revocations}
        (finding,) = told(pki, PkiFindingCode.REVOKED_ONLY_BY_FOLDER)
        assert (finding.names, finding.serials) == ((), (serial,))

    def test_without_the_folder_the_index_will_do(self, copy: Path) -> None:
        shutil.rmtree(copy / "revoked")
        assert is_out(read(copy), "bob")

    def test_a_certificate_that_cannot_be_read_has_its_name(self, copy: Path) -> None:
        serial = serial_of(copy, "anna")
        (copy / "revoked/certs_by_serial" / f"{serial:032x}.crt").write_text("hello")
        pki = read(copy)
        assert is_out(pki, "anna")
        assert told(pki, PkiFindingCode.UNREADABLE_CERTIFICATE)

    def test_what_is_in_it_counts_whatever_it_is_called(self, copy: Path) -> None:
        certificate = copy / "issued" / "anna.crt"
        certificate.rename(copy / "revoked/certs_by_serial" / "anna-from-a-backup.crt")
        pki = read(copy)
        assert is_out(pki, "anna")
        assert [entry.serial for entry in pki.filed] == [serial_of(copy, "anna")]

    def test_a_certificate_of_another_ca_says_nothing(self, copy: Path, easyrsa2: EasyRsa2) -> None:
        serial = serial_of(copy, "anna")
        for folder, suffix in (("revoked/certs_by_serial", "crt"), ("certs_by_serial", "pem")):
            place = copy / folder / f"{serial:032X}.{suffix}"
            shutil.copy(easyrsa2.folder / "anna.crt", place)
        pki = read(copy)
        assert not is_out(pki, "anna")
        assert only(pki, "anna").end_known

    def test_the_cas_own_in_another_year_says_nothing(self, copy: Path, easyrsa2: EasyRsa2) -> None:
        shutil.copy(easyrsa2.folder / "ca.crt", copy / "revoked/certs_by_serial/AB.crt")
        shutil.copy(copy / "ca.crt", copy / "revoked/certs_by_serial/CD.crt")
        assert {each.serial for each in read(copy).filed} <= {0xCD}

    def test_over_for_certain_is_over(self, copy: Path) -> None:
        """Nobody has to be told of who cannot get in."""
        change(copy, "bob", lambda _: None)
        (path,) = [p for p in self.revoked_files(copy) if "certs" in p.parent.name]
        end = x509.load_pem_x509_certificate(path.read_bytes()).not_valid_after_utc
        assert read_pki(copy, now=end - timedelta(seconds=1)).filed
        for now in (end, NOW + 826 * DAY):
            pki = read_pki(copy, now=now)
            assert (pki.filed, told(pki, PkiFindingCode.REVOKED_ONLY_BY_FOLDER)) == ((), [])

    @pytest.mark.parametrize("place", ["inline", "inline/private", "."])
    def test_a_certificate_beside_its_key(self, copy: Path, place: str) -> None:
        """All that is left of a row and its files."""
        bundle = (copy / "anna.creds").read_bytes()
        for path in (copy / "anna.creds", copy / "issued/anna.crt"):
            path.unlink()
        (copy / "certs_by_serial" / f"{as_openssl(serial_of(copy, 'anna'))}.pem").unlink()
        assert not only(read(copy), "anna").end_known
        (copy / place).mkdir(parents=True, exist_ok=True)
        (copy / place / "anna.inline").write_bytes(bundle)
        assert only(read(copy), "anna").end_known
        change(copy, "anna", lambda _: None)
        pki = read(copy)
        assert [each.common_name for each in pki.lost] == ["anna"]
        assert told(pki, PkiFindingCode.UNREADABLE_CERTIFICATE) == []

    def test_renewed_and_expired_ones_get_in(self, copy: Path) -> None:
        (copy / "expired").mkdir()
        (copy / "issued/emil.crt").rename(copy / "expired/emil.crt")
        emil = serial_of(copy, "emil")
        (copy / "certs_by_serial" / f"{as_openssl(emil)}.pem").unlink()
        change(copy, "emil", becomes("E", PAST[0]))
        pki = read(copy)
        assert only(pki, "emil").is_live(NOW)
        assert not is_out(pki, "emil")
