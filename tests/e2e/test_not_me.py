"""Was this you? On a real server: the first use, two places at once, and a no that cuts."""

import asyncio
import subprocess

import pytest

from bot.office import open_office
from bot.rounds.keeper import Keeper
from bot.settings import Settings
from demo.errors import LabRefused
from demo.lab.network import NetLab, lab_missing
from tests.company import BORIS, CLARA, PASSPHRASE, Company, company_with_openvpn
from tests.folders import open_folder

_MISSING = lab_missing()
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.waits]

HOME, CAFE = "192.0.2.2", "192.0.2.3"


@pytest.mark.long
@pytest.mark.skipif(_MISSING is not None, reason=_MISSING or "")
async def test_not_me_cuts_a_real_session() -> None:
    with open_folder() as folder:
        async with company_with_openvpn(folder) as (company, lab):
            await company.start()
            anna, boris, clara = company.anna, company.boris, company.clara
            profile = await company.approved()

            # 1. The first use, with what the server knows of it; asked once, however often the
            # bot is killed.
            await lab.connect(profile)
            await _looks(company)
            asked = await anna.hears("used for the first time")
            assert f"From {HOME}." in asked.text
            assert "The device says that it runs Linux." in asked.text
            await anna.taps("Yes, that was me", message=asked)
            await anna.hears("You said that this was you")
            await company.kill()
            await company.start()
            await _looks(company)
            count = company.query("SELECT count(*) FROM asked_uses")
            assert count == [(1,)]

            # 2. Somebody else has a copy: each puts the other out, and comes back.
            copy = await _from_elsewhere(lab, profile)
            for text in (copy, profile, copy):
                tunnel = await lab.connect(text)
                await _looks(company)
            asked = await anna.hears("from two places at once")
            assert HOME in asked.text
            assert CAFE in asked.text
            for admin in (boris, clara):
                assert "Anna Petrova" in (await admin.hears("from two places at once")).text

            # 3. One tap, and they are out.
            await anna.taps("Not me", message=asked)
            done = await anna.hears("You said that this wasn’t you")
            receipt = await anna.hears("Revoked:")
            assert "1 session was cut" in receipt.text
            assert not await tunnel.ping("10.8.0.1")
            for text in (profile, copy):
                with pytest.raises(LabRefused):
                    await lab.connect(text)
            for admin in (boris, clara):
                told = await admin.hears("Anna Petrova says: not me.")
                assert f"from {HOME}, {CAFE}" in told.text
            assert company.grants_of(anna)[0]["end_reason"] == "stolen"
            trail = (await company.done("audit", "show")).out
            assert "grant.was_owner" in trail
            assert "grant.was_not_owner" in trail

            # 4. They get another one as anybody does, and are asked about that one, too.
            await anna.taps("Ask for VPN access", message=done)
            await boris.taps("Approve", message=await company.card(boris, anna))
            document = (await anna.receives_document()).document
            assert document is not None
            await lab.connect(document.content.decode())
            await _looks(company)
            assert (
                "a network that you have used before"
                in (await anna.hears("used for the first time")).text
            )


async def _looks(company: Company) -> None:
    """What a round of the bot's does, a minute after the one before."""
    company.tamper("UPDATE usages SET seen_at = seen_at - 60000000", maybe=True)
    settings = Settings(data_dir=company.data, admin_ids=(BORIS.id, CLARA.id), canary=0)
    async with open_office(settings, passphrase=lambda: PASSPHRASE) as office:
        async with office.database.reading() as tx:
            (server,) = await tx.servers.all()
        await Keeper(office, lambda: None)._watch.look(server, put_back=False)


async def _from_elsewhere(lab: NetLab, profile: str) -> str:
    """The same profile, on a device at another address."""
    command = ("ip", "-n", lab.client_namespace, "address", "add", f"{CAFE}/24")
    await asyncio.to_thread(subprocess.run, [*command, "dev", f"{lab._cable}sc"], check=True)
    return profile.replace("nobind\n", f"local {CAFE}\nlport 0\n")
