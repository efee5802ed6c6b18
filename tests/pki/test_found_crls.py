"""Lists that somebody else put there: what is taken from them, and which of them are kept."""

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from pki.authority import Authority
from pki.crl import Revocation, RevocationReason
from pki.errors import DamagedCrl
from pki.found_crls import FoundCrl, kept_lists, read_crls, revocations_of
from pki.serial import SerialNumber
from tests.pki.tools import NOW, WEEK

DAY = timedelta(days=1)


def entry(serial: int, age: timedelta = DAY) -> Revocation:
    return Revocation(SerialNumber(serial), NOW - age, RevocationReason.SUPERSEDED)


def signed(
    authority: Authority,
    *entries: x509.RevokedCertificate,
    name: x509.Name | None = None,
    age: timedelta = DAY,
    key_id: bool = False,
) -> bytes:
    """As other programs write it: without a number, and perhaps without naming its key."""
    builder = x509.CertificateRevocationListBuilder(revoked_certificates=list(entries))
    builder = builder.issuer_name(name or authority.certificate.subject)
    builder = builder.last_update(NOW - age).next_update(NOW + WEEK)
    if key_id:
        named = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority._key.public_key())
        builder = builder.add_extension(named, critical=False)
    return builder.sign(authority._key, hashes.SHA256()).public_bytes(Encoding.PEM)


def odd(serial: int, flag: x509.ReasonFlags | None = None) -> x509.RevokedCertificate:
    builder = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(NOW - DAY)
    if flag is not None:
        builder = builder.add_extension(x509.CRLReason(flag), critical=False)
    return builder.build()


def read(authority: Authority, content: bytes) -> FoundCrl:
    (found,) = read_crls(content, authority.certificate)
    return found


def test_a_file_holds_lists_in_pem_or_one_in_der(authority: Authority) -> None:
    pem = signed(authority, odd(5))
    der = x509.load_pem_x509_crl(pem).public_bytes(Encoding.DER)
    assert read(authority, der) == read(authority, pem)
    # A text may begin with the byte that DER begins with.
    assert read(authority, b"0 lists of others\n" + pem) == read(authority, pem)
    for content in (b"", b"hello"):
        with pytest.raises(DamagedCrl, match="holds no revocation list"):
            read_crls(content, authority.certificate)
    # A list that was cut off may name others.
    with pytest.raises(DamagedCrl, match="has no end"):
        read_crls(pem + pem[:-9], authority.certificate)


def test_without_a_number_it_counts_too(authority: Authority) -> None:
    found = read(authority, signed(authority, odd(5)))
    assert (found.number, found.is_ours, found.stands_alone) == (None, True, False)
    assert [each.serial for each in found.revocations] == [5]


def test_a_number_that_no_counter_reaches_counts_as_none(authority: Authority) -> None:
    for number, found in ((2**62 - 1, 2**62 - 1), (2**62, None), (2**159, None)):
        pem = authority.sign_crl(number=number, revocations=[entry(5)], now=NOW)
        assert read(authority, pem).number == found


def test_whom_openssl_lets_in_is_left_out(authority: Authority) -> None:
    pem = signed(authority, odd(5, x509.ReasonFlags.remove_from_crl), odd(6))
    assert [each.serial for each in read(authority, pem).revocations] == [6]


def test_a_serial_that_no_list_of_ours_could_have(authority: Authority) -> None:
    pem = signed(authority, odd((1 << 159) - 1))
    assert read(authority, pem).revocations
    der = x509.load_pem_x509_crl(pem).public_bytes(Encoding.DER)
    # The serial is positive by its first bit alone.
    low, high = (b"\x02\x14" + first + b"\xff" * 19 for first in (b"\x7f", b"\xff"))
    with pytest.raises(DamagedCrl):
        read_crls(der.replace(low, high), authority.certificate)


def test_our_key_under_another_name(authority: Authority) -> None:
    """OpenSSL goes by the name: so it is taken over, and stays as well."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "As it was called before")])
    found = read(authority, signed(authority, odd(5), name=name))
    assert (found.is_ours, found.stands_alone, found.is_namesake) == (True, True, False)
    assert found.revocations


def test_another_key_under_our_name(authority: Authority, stranger: Authority) -> None:
    found = read(authority, signed(stranger, odd(5), key_id=True))
    assert (found.is_ours, found.stands_alone, found.is_namesake) == (False, True, False)
    assert read(authority, signed(stranger, odd(5))).is_namesake
    assert found.revocations == ()


def test_the_lists_of_both_cas_are_ours(authority: Authority, stranger: Authority) -> None:
    """Also where both have one name: whose list it is, the signature says."""
    content = b"".join(
        each.sign_crl(number=3, revocations=[entry(serial)], now=NOW)
        for serial, each in enumerate((authority, stranger), start=5)
    )
    found = read_crls(content, authority.certificate, stranger.certificate)
    assert [(each.is_ours, each.stands_alone, each.is_namesake) for each in found] == [
        (True, False, False)
    ] * 2
    assert [one.serial for one in revocations_of(found)] == [5, 6]


def test_of_several_the_earliest_date_counts(authority: Authority) -> None:
    lists = [
        read(authority, authority.sign_crl(number=n, revocations=entries, now=NOW))
        for n, entries in ((1, [entry(5)]), (2, [entry(5, 3 * DAY), entry(6)]))
    ]
    assert set(revocations_of(lists)) == {entry(5, 3 * DAY), entry(6)}


class TestKept:
    @pytest.fixture
    def lists(self, authority: Authority, stranger: Authority) -> list[FoundCrl]:
        """Of another CA, the oldest first; the last comes from the future."""
        return [
            read(authority, signed(stranger, odd(5), age=age, key_id=True))
            for age in (3 * DAY, 2 * DAY, DAY, -DAY)
        ]

    def test_at_first_all_stay_as_they_lie(self, lists: list[FoundCrl]) -> None:
        there = [lists[1], lists[3], lists[1], lists[0]]
        assert kept_lists([], there, NOW) == (lists[1], lists[3], lists[0])

    def test_the_newest_takes_their_place(self, lists: list[FoundCrl]) -> None:
        assert kept_lists(lists[:1], [lists[1], lists[2]], NOW) == (lists[2],)

    def test_but_none_that_is_older_or_from_the_future(self, lists: list[FoundCrl]) -> None:
        for there in ([], [lists[0]], [lists[1]], [lists[3]]):
            assert kept_lists([lists[1]], there, NOW) == (lists[1],)

    def test_another_ca_has_its_own(self, lists: list[FoundCrl], authority: Authority) -> None:
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "A third one")])
        third = read(authority, signed(authority, name=name))
        assert kept_lists([lists[1]], [third, lists[2]], NOW) == (lists[2], third)
