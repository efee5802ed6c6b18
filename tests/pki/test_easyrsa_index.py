"""The index, line by line: what openssl writes, and what nothing should have written."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pki.crl import RevocationReason
from pki.easyrsa.index import Row, parse_index
from pki.easyrsa.values import EntryStatus
from pki.errors import DamagedPki
from pki.serial import SerialNumber

PATH = Path("/srv/pki/index.txt")
LINE = "V\t290226140024Z\t\t35AEE5B7\tunknown\t/CN=anna"
REVOKED = "R\t290226140025Z\t261124140027Z{}\tC9\tunknown\t/CN=bob"
END = datetime(2029, 2, 26, 14, 0, 24, tzinfo=UTC)


def rows(text: str | bytes) -> list[Row]:
    return list(parse_index(text.encode() if isinstance(text, str) else text, PATH))


def only(line: str) -> Row:
    (row,) = rows(f"{line}\n")
    return row


class TestLines:
    def test_a_valid_one(self) -> None:
        assert rows(f"{LINE}\n") == [
            Row(1, EntryStatus.VALID, END, None, None, SerialNumber(0x35AEE5B7), "/CN=anna")
        ]

    def test_a_revoked_one(self) -> None:
        row = only(REVOKED.format(",keyCompromise"))
        assert row.status is EntryStatus.REVOKED
        assert row.revoked_at == datetime(2026, 11, 24, 14, 0, 27, tzinfo=UTC)
        assert row.reason is RevocationReason.KEY_COMPROMISE

    def test_an_expired_one(self) -> None:
        assert only(LINE.replace("V", "E", 1)).status is EntryStatus.EXPIRED

    @pytest.mark.parametrize(
        ("said", "reason"),
        [
            ("", RevocationReason.UNSPECIFIED),
            (",unspecified", RevocationReason.UNSPECIFIED),
            (",keyCompromise", RevocationReason.KEY_COMPROMISE),
            (",CACompromise", RevocationReason.CA_COMPROMISE),
            (",affiliationChanged", RevocationReason.AFFILIATION_CHANGED),
            (",superseded", RevocationReason.SUPERSEDED),
            (",cessationOfOperation", RevocationReason.CESSATION_OF_OPERATION),
            (",certificateHold", RevocationReason.CERTIFICATE_HOLD),
            (",CERTIFICATEHOLD", RevocationReason.CERTIFICATE_HOLD),
            (",privilegeWithdrawn", RevocationReason.PRIVILEGE_WITHDRAWN),
            (",AACompromise", RevocationReason.AA_COMPROMISE),
            (",holdInstruction,holdInstructionReject", RevocationReason.CERTIFICATE_HOLD),
            (",keyTime,20260101000000Z", RevocationReason.KEY_COMPROMISE),
            (",CAkeyTime,20260101000000Z", RevocationReason.CA_COMPROMISE),
        ],
    )
    def test_reasons(self, said: str, reason: RevocationReason) -> None:
        assert only(REVOKED.format(said)).reason is reason

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("491231235959Z", datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC)),
            ("500101000000Z", datetime(1950, 1, 1, tzinfo=UTC)),
            ("991231235959Z", datetime(1999, 12, 31, 23, 59, 59, tzinfo=UTC)),
            ("20500101000000Z", datetime(2050, 1, 1, tzinfo=UTC)),
            ("99991231235959Z", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ],
    )
    def test_years(self, text: str, expected: datetime) -> None:
        assert only(LINE.replace("290226140024Z", text)).not_after == expected

    @pytest.mark.parametrize(
        ("text", "expected"),
        [("1", 1), ("01", 1), ("0A", 10), ("abc", 0xABC), ("7" + "F" * 39, 2**159 - 1)],
    )
    def test_serials(self, text: str, expected: int) -> None:
        assert only(LINE.replace("35AEE5B7", text)).serial == expected

    def test_an_empty_index(self) -> None:
        assert rows("") == rows("\n") == []

    def test_from_windows(self) -> None:
        text = f"{LINE}\n{REVOKED.format('')}\n"
        assert rows(text.replace("\n", "\r\n")) == rows(text)

    def test_comments_count_as_lines(self) -> None:
        assert [row.line for row in rows(f"# 2016\n\n{LINE}\n")] == [3]

    def test_a_tab_in_a_name(self) -> None:
        assert only(LINE.replace("anna", "an\\\tna")).subject == "/CN=an\tna"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("hello", "it has 1 fields, and a line has 6"),
        (f"{LINE}\tmore", "it has 7 fields"),
        (LINE[:10], "it has 2 fields"),
        (LINE.replace("V", "S", 1), "none of V, R and E"),
        (LINE.replace("V", "", 1), "none of V, R and E"),
        (LINE.replace("V", "v", 1), "none of V, R and E"),
        (LINE.replace("/CN=anna", ""), "it names nobody"),
        (LINE.replace("290226140024Z", ""), "its expiry date isn't a date"),
        (LINE.replace("290226140024Z", "290226140024"), "its expiry date isn't a date"),
        (LINE.replace("290226140024Z", "290230140024Z"), "its expiry date isn't a date"),
        (LINE.replace("290226140024Z", "290226140060Z"), "its expiry date isn't a date"),
        (LINE.replace("290226140024Z", "٢٩0226140024Z"), "its expiry date isn't a date"),
        (LINE.replace("290226140024Z", "00000101000000Z"), "its expiry date isn't a date"),
        (LINE.replace("\t\t", "\t261124140027Z\t"), "isn't marked as revoked"),
        (REVOKED.replace("261124140027Z{}", ""), "its revocation date isn't a date"),
        (REVOKED.format(",because"), "a reason for revocation that isn't known"),
        (REVOKED.format(",removeFromCRL"), "a reason for revocation that isn't known"),
        (REVOKED.format(",keyTime"), "a reason for revocation that isn't known"),
        (REVOKED.format(",superseded,again"), "a reason for revocation that isn't known"),
        (LINE.replace("35AEE5B7", ""), "its serial number"),
        (LINE.replace("35AEE5B7", "00"), "its serial number"),
        (LINE.replace("35AEE5B7", "-01"), "its serial number"),
        (LINE.replace("35AEE5B7", "8" + "0" * 39), "its serial number"),
        (LINE.replace("35AEE5B7", "x"), "its serial number"),
    ],
)
def test_a_line_that_is_wrong_is_named(line: str, said: str) -> None:
    other = LINE.replace("35AEE5B7", "02")
    with pytest.raises(DamagedPki, match=said) as caught:
        rows(f"{other}\n{line}\n{other}\n")
    assert str(caught.value).startswith(f"{PATH}, line 2: ")
    assert "restore the file from index.txt.old or a backup" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_serial_that_comes_twice() -> None:
    again = LINE.replace("35AEE5B7", "035aee5b7").replace("anna", "bob")
    with pytest.raises(DamagedPki, match=r"line 3: serial 35aee5b7 is on line 1 already"):
        rows(f"{LINE}\n{REVOKED.format('')}\n{again}\n")


def test_what_is_no_text() -> None:
    with pytest.raises(DamagedPki, match="line 1: it isn't text"):
        rows(LINE.encode().replace(b"anna", b"\xff") + b"\n")


def test_cut_off_anywhere_it_is_refused_or_ends_with_a_line() -> None:
    whole = f"{LINE}\n{REVOKED.format('')}\n"
    for length in range(len(whole)):
        if length in {0, len(LINE) + 1}:
            rows(whole[:length])
        else:
            with pytest.raises(DamagedPki, match="it has no end; the file may be cut off"):
                rows(whole[:length])


_FIRST = datetime(1950, 1, 1, tzinfo=UTC)
_SECONDS = int((datetime(9999, 12, 31, tzinfo=UTC) - _FIRST).total_seconds())
_TIMES = st.integers(0, _SECONDS).map(lambda seconds: _FIRST + timedelta(seconds=seconds))
_REASONS = {
    RevocationReason.KEY_COMPROMISE: ",keyCompromise",
    RevocationReason.SUPERSEDED: ",superseded",
    RevocationReason.CERTIFICATE_HOLD: ",holdInstruction,holdInstructionNone",
    RevocationReason.UNSPECIFIED: "",
}
_SUBJECTS = st.text(
    st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=70
).map(lambda text: f"/CN={text}")


@st.composite
def _rows(draw: st.DrawFn) -> Row:
    status = draw(st.sampled_from(EntryStatus))
    revoked = status is EntryStatus.REVOKED
    return Row(
        line=1,
        status=status,
        not_after=draw(_TIMES),
        revoked_at=draw(_TIMES) if revoked else None,
        reason=draw(st.sampled_from(list(_REASONS))) if revoked else None,
        serial=SerialNumber(draw(st.integers(1, 2**159 - 1))),
        subject=draw(_SUBJECTS),
    )


def written(row: Row) -> str:
    """As `openssl ca` writes it."""
    revocation = ""
    if row.revoked_at is not None and row.reason is not None:
        revocation = _time(row.revoked_at) + _REASONS[row.reason]
    digits = f"{row.serial:X}"
    serial = digits if len(digits) % 2 == 0 else f"0{digits}"
    letter = row.status[0].upper()
    return f"{letter}\t{_time(row.not_after)}\t{revocation}\t{serial}\tunknown\t{row.subject}\n"


def _time(time: datetime) -> str:
    short = 1950 <= time.year < 2050
    return f"{time.year:04}"[2 if short else 0 :] + f"{time:%m%d%H%M%S}Z"


@given(_rows())
def test_what_is_written_is_read(row: Row) -> None:
    assert rows(written(row)) == [row]


def read_or_refused(content: bytes) -> list[Row] | str:
    """The rows, or what our error says; any other error fails the test."""
    try:
        return rows(content)
    except DamagedPki as error:
        return str(error)


@given(st.binary(max_size=200))
@example(b"V\t" * 5 + b"x")
def test_noise_is_refused_or_passed_over(noise: bytes) -> None:
    found = read_or_refused(noise)
    if isinstance(found, str):
        assert found.startswith(f"{PATH}, line ")
    else:
        assert all(line.strip(b"\r") == b"" or line[:1] == b"#" for line in noise.split(b"\n"))
        assert found == []


@given(_rows(), st.integers(min_value=0), st.binary(max_size=2), st.integers(0, 3))
def test_a_damaged_line_is_refused_or_still_one(
    row: Row, position: int, put: bytes, cut: int
) -> None:
    line = written(row).encode()
    at = position % len(line)
    found = read_or_refused(line[:at] + put + line[at + cut :])
    if isinstance(found, str):
        assert found.startswith(f"{PATH}, line ")
    else:
        assert len(found) <= 1  # none, where a '#' made it a comment
