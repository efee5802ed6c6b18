"""Who is connected: in the chat and at the terminal, and what becomes of a session that is cut."""

import pytest

from tests.company import ANNA, company_with_stand_in
from tests.folders import open_folder

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_an_admin_sees_who_is_on_and_ends_it() -> None:
    with open_folder() as folder:
        async with company_with_stand_in(folder) as (company, openvpn):
            boris = company.boris
            assert (await company.done("server", "sessions", "--json")).rows == []
            await company.start()
            await boris.says("/online")
            await boris.hears("Nobody is connected right now.")
            await company.done("grant", "issue", str(ANNA.id), "--output", f"{folder}/anna.ovpn")
            (file,) = (folder / "office/live/ccd").iterdir()
            assert await openvpn.connect(file.name)

            (row,) = (await company.done("server", "sessions", "office", "--json")).rows
            assert (row["user_id"], row["user_name"]) == (ANNA.id, "Anna Petrova")
            assert (row["common_name"], row["server"]) == (file.name, "office")
            assert (row["address"], row["standing"]) == ("10.8.0.2", "known")
            assert row["real_address"]
            assert row["since"].endswith("Z")
            table = (await company.done("server", "sessions")).out
            assert file.name in table
            ran = await company.vpnbot("server", "sessions", "rome")
            assert (ran.code, "no server 'rome'" in ran.err) == (1, True)

            await boris.says("/online")
            shown = await boris.hears("1 session right now:")
            assert "Anna Petrova on office" in shown.text
            await boris.taps("Cut 1: Anna Petrova", message=shown)
            await boris.hears("Cut. Anna Petrova isn't connected to office any more.")
            assert openvpn.sessions == ()
            # The grant lives, so the device comes back; a session that has begun since is left.
            await boris.taps("Cut 1: Anna Petrova", message=shown)
            await boris.hears("was over already")
            assert await openvpn.connect(file.name)
            await boris.says("/online")
            shown = await boris.hears("1 session right now:")
            await boris.taps("Revoke 1: Anna Petrova", message=shown)
            await boris.taps("Revoke now", message=await boris.hears("End the access"))
            await boris.hears("Revoked")
            assert openvpn.sessions == ()
            assert "session.cut" in (await company.done("audit", "show")).out

            await openvpn.stop()
            await boris.says("/online")
            await boris.hears("I can't ask office who is on")
            ran = await company.vpnbot("server", "sessions", "--json")
            assert (ran.code, ran.rows) == (1, [])
            assert ran.err.startswith("office: ")
