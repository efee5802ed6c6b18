"""The first CRL after a takeover: tens of revocations, entry by entry, as openssl reads them."""

import re
import subprocess
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from tests.company import Company, _free_port, open_company
from tests.easyrsa import NEEDS_EASYRSA, EasyRsa

pytestmark = [NEEDS_EASYRSA, pytest.mark.long, pytest.mark.asyncio(loop_scope="module")]

REASONS = (
    *("unspecified", "keyCompromise", "CACompromise", "affiliationChanged", "superseded"),
    *("cessationOfOperation", "certificateHold", ""),
)
REVOKED = 30
DATE = "%y%m%d%H%M%SZ"
_ENTRY = re.compile(
    r"Serial Number: (\w+)\s+Revocation Date: (.+?) GMT"
    r"(?:\s+CRL entry extensions:\s+X509v3 CRL Reason Code:\s+(\w[\w ]*))?"
)
# When, and why in lower-case letters; by serial.
Entries = dict[str, tuple[datetime, str]]


def moment(text: str, form: str = DATE) -> datetime:
    return datetime.strptime(text, form).replace(tzinfo=UTC)


@pytest.fixture(scope="module")
def easyrsa(module_folder: Path) -> EasyRsa:
    made = EasyRsa(module_folder / "pki")
    made.begin()
    made.client("anna")
    for number in range(REVOKED):
        reason = REASONS[number % len(REASONS)]
        made.client(f"old-{number}")
        made("revoke", f"old-{number}", *([reason] if reason else []))
    let_years_go_by(made.pki / "index.txt")
    made("gen-crl")
    return made


def let_years_go_by(index: Path) -> None:
    """Each was revoked a month before the next one; what is revoked now gets the CRL's own date."""
    rows = []
    for number, line in enumerate(index.read_text().splitlines()):
        fields = line.split("\t")
        if fields[0] == "R":
            date, comma, reason = fields[2].partition(",")
            at = moment(date) - (2 * REVOKED - number) * timedelta(days=30)
            fields[2] = at.strftime(DATE) + comma + reason
        rows.append("\t".join(fields) + "\n")
    index.write_text("".join(rows))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def company(module_folder: Path, easyrsa: EasyRsa) -> AsyncIterator[Company]:
    """Taken over, with a server that has got its first CRL."""
    async with open_company(module_folder) as made:
        await made.done("ca", "import-easyrsa", str(easyrsa.pki))
        await made.add_server("office", _free_port())
        yield made


def in_index(pki: Path) -> Entries:
    """What `R` rows say: `261125102244Z,keyCompromise`."""
    found = {}
    for line in (pki / "index.txt").read_text().splitlines():
        status, _, revoked, serial, *_ = line.split("\t")
        if status == "R":
            date, _, reason = revoked.partition(",")
            found[serial] = (moment(date), reason.lower() or "unspecified")
    return found


def in_crl(path: Path) -> Entries:
    """What `openssl crl -text` says."""
    text = subprocess.run(
        ["openssl", "crl", "-in", path, "-noout", "-text"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert text.count("Serial Number:") == len(_ENTRY.findall(text))
    return {
        serial: (
            moment(date, "%b %d %H:%M:%S %Y"),
            # The words for no reason at all: RFC 5280, 5.3.1, would rather have none of them.
            reason.replace(" ", "").strip().lower() or "unspecified",
        )
        for serial, date, reason in _ENTRY.findall(text)
    }


async def test_it_is_what_easyrsa_had_entry_by_entry(company: Company, easyrsa: EasyRsa) -> None:
    expected = in_index(easyrsa.pki)
    assert len(expected) == len({at for at, _ in expected.values()}) == REVOKED
    assert {reason for _, reason in expected.values()} == {
        reason.lower() for reason in REASONS if reason
    }
    assert in_crl(easyrsa.pki / "crl.pem") == expected
    assert in_crl(company.folder / "office" / "live" / "crl.pem") == expected
