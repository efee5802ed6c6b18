"""Names that nobody knows, on a server with its operator's own configuration, in the chat."""

import pytest

from bot.access import sightings
from bot.access.permission import THE_BOT
from bot.access.sightings import Sighting
from bot.office import open_office
from bot.settings import Settings
from storage.records import SeenAs, ServerName
from tests.bot.folders import adopt
from tests.company import ANNA, BORIS, CLARA, PASSPHRASE, company_with_stand_in, until
from tests.folders import open_folder

pytestmark = pytest.mark.asyncio(loop_scope="module")

OFFICE = ServerName("office")


@pytest.mark.long
async def test_an_admin_cuts_them_or_has_them_cut() -> None:
    with open_folder() as folder:
        async with company_with_stand_in(folder) as (company, openvpn):
            await company.done("grant", "issue", str(ANNA.id), "--output", f"{folder}/anna.ovpn")
            (file,) = (folder / "office/live/ccd").iterdir()
            for name in ("printer", "gate"):
                (file.parent / name).write_text(file.read_text())
                assert await openvpn.connect(name)
            assert await openvpn.connect(file.name)
            await company.start()
            adopt(company)
            names = ["printer", "gate", "gone-by-now", file.name]
            settings = Settings(data_dir=company.data, admin_ids=(BORIS.id, CLARA.id), canary=0)
            found = [Sighting(name, SeenAs.UNKNOWN) for name in names]
            async with (
                open_office(settings, passphrase=lambda: PASSPHRASE) as office,
                office.database.writing() as tx,
            ):
                await sightings.report(office.case(tx, THE_BOT), OFFICE, found, lambda: True)

            boris, clara = company.boris, company.clara
            shown = await boris.hears("4 names are connected that I don’t know")
            await boris.taps("Cut printer", message=shown)
            await boris.hears("Nobody is connected to office as printer any more")
            assert set(openvpn.sessions) == {"gate", file.name}
            await boris.taps("Cut gone-by-now", message=shown)
            await boris.hears("gone-by-now isn’t connected")
            # The list was made before that name was let in.
            await boris.taps(f"Cut {file.name}", message=shown)
            await boris.hears(f"{file.name} may be on office by now")
            assert set(openvpn.sessions) == {"gate", file.name}

            await clara.taps(
                "Always cut unknown names there", message=await clara.hears("4 names are connected")
            )
            await clara.taps("Always cut them", message=await clara.hears("Do you want that?"))
            await until(lambda: company.query("SELECT cuts_unknown FROM servers") == [(1,)])
            done = await clara.hears("From now on I cut everybody on office")
            await clara.taps("Stop cutting unknown names", message=done)
            await until(lambda: company.query("SELECT cuts_unknown FROM servers") == [(0,)])

            await openvpn.stop()
            await boris.taps("Cut gate", message=shown)
            await boris.hears("I can’t ask office who is connected")
