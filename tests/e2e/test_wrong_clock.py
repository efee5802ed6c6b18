"""The clock of the bot's machine jumps, while it runs and between two runs."""

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pki.authority_files import load_certificate
from pki.crl import read_crl
from pki.serial import parse_serial
from tests.company import CROWD, PEOPLE, Company, company_with_stand_in, until
from tests.faketime import needs_faketime, shift, shifted
from tests.forks import VPNBOT

DAY = timedelta(days=1)
JUMP = 40 * DAY


def set_ahead(company: Company, ahead: timedelta) -> None:
    """At once, for all programs of the company; the file is never seen half written."""
    file = clock_file(company)
    new = file.with_suffix(".new")
    new.write_text(f"{shift(ahead)}\n")
    new.rename(file)


def clock_file(company: Company) -> Path:
    return company.folder / "clock"


def crl_signed_at(company: Company) -> tuple[datetime, frozenset[int]]:
    pem = (company.folder / "office/live/crl.pem").read_bytes()
    facts = read_crl(pem, load_certificate(company.data / "ca"))
    return facts.signed_at, frozenset(facts.serials)


@pytest.mark.long
@needs_faketime
async def test_forty_days_ahead(folder: Path) -> None:
    """Nothing ends and nothing is given; a revocation goes through; all goes on afterwards."""
    async with company_with_stand_in(folder, people=(*PEOPLE, *CROWD)) as (company, openvpn):
        set_ahead(company, timedelta(0))
        company.program = (sys.executable, VPNBOT)  # for the library to be loaded
        company.extra |= shifted(clock_file(company))
        await company.start()
        await company.approved(who=company.anna)
        (grant,) = company.grants_of(company.anna)
        leaver = await company.hires()
        await company.approved(who=leaver)
        (left,) = company.grants_of(leaver)
        assert await openvpn.connect(grant["common_name"])

        set_ahead(company, JUMP)
        said = await company.boris.hears("The clock of my machine is 40 days ahead")
        assert "/revoke works" in said.text
        await company.asks(company.anna)
        card = await company.card(company.boris, company.anna)
        tap = await company.boris.taps("Approve", message=card)
        answer = await company.boris.is_answered(tap)
        assert "clock is wrong, so I make no profiles" in (answer.text or "")
        await company.boris.says(f"/revoke {left['id']}")
        assert (await company.boris.hears(left["common_name"])).text.startswith("Revoked")
        signed_at, serials = crl_signed_at(company)
        assert abs(signed_at - datetime.now(UTC)) < DAY
        assert parse_serial(left["serial"]) in serials

        # The same in the next run, and in a command, which hears no witness.
        await company.stop()
        ran = await company.vpnbot("grant", "issue", str(leaver.person.id), "--output", "new.ovpn")
        assert "clock is wrong, so I make no profiles" in ran.err
        await company.start()
        await company.boris.hears("The clock of my machine is 40 days ahead")
        assert company.grants_of(company.anna) == [grant]
        assert openvpn.sessions == (grant["common_name"],)

        set_ahead(company, timedelta(0))
        await company.boris.taps("Approve", message=card)
        await company.anna.receives_document()
        await until(lambda: company.grants_of(company.anna)[-1]["state"] == "active")
        assert company.grants_of(company.anna)[0] == grant
        assert (await company.done("audit", "verify")).out.startswith("All ")
