"""Who is connected: in the chat and at the terminal, and what becomes of a session that is cut."""

import asyncio
import subprocess
from datetime import UTC, datetime, timedelta

import pytest

from demo.lab.network import lab_missing
from tests.company import ANNA, company_with_openvpn, company_with_stand_in
from tests.e2e.test_who_is_on import OFFICE, guarded
from tests.folders import open_folder

_MISSING = lab_missing()
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
            assert (ran.code, "no server “rome”" in ran.err) == (1, True)

            await boris.says("/online")
            first = await boris.hears("1 session right now:")
            assert "Anna Petrova on office" in first.text
            await boris.taps("Cut 1: Anna Petrova", message=first)
            await boris.hears("Cut. That session of Anna Petrova on office is gone.")
            assert openvpn.sessions == ()
            # The grant lives, so the device comes back; a session that has begun since is left.
            await boris.taps("Cut 1: Anna Petrova", message=first)
            await boris.hears("was over already")
            assert await openvpn.connect(file.name)
            await boris.says("/online")
            shown = await boris.hears("1 session right now:")
            await boris.taps("Revoke 1: Anna Petrova", message=shown)
            await boris.taps("Revoke now", message=await boris.hears("on every server now"))
            await boris.hears("Revoked")
            assert openvpn.sessions == ()
            assert "session.cut" in (await company.done("audit", "show")).out

            await openvpn.stop()
            await boris.says("/online")
            await boris.hears("I can’t ask office who is on")
            await boris.taps("Cut 1: Anna Petrova", message=first)
            await boris.hears("I don’t know whether Anna Petrova is still on")
            ran = await company.vpnbot("server", "sessions", "--json")
            assert (ran.code, ran.rows) == (1, [])
            assert ran.err.startswith("office: ")


@pytest.mark.long
@pytest.mark.skipif(_MISSING is not None, reason=_MISSING or "")
async def test_what_a_real_server_tells_is_remembered() -> None:
    """Over reconnects and a restart of OpenVPN; and two who share a profile are noticed."""
    with open_folder() as folder:
        async with company_with_openvpn(folder) as (company, lab), guarded(company) as guard:
            await company.done("grant", "issue", str(ANNA.id), "--output", f"{folder}/anna.ovpn")
            profile = (folder / "anna.ovpn").read_text()

            # 1. All that OpenVPN's own list has.
            tunnel = await lab.connect(profile)
            assert await tunnel.ping("10.8.0.1")
            (row,) = (await company.done("server", "sessions", "--json")).rows
            assert row["real_address"].startswith("192.0.2.2:")
            assert (row["user_name"], row["address"]) == ("Anna Petrova", "10.8.0.2")
            assert min(row["bytes_received"], row["bytes_sent"]) > 1000
            await guard.looks()
            (before,) = await company.grants()
            assert (before["last_seen_on"], before["last_seen_from"]) == ("office", "192.0.2.2")
            assert before["last_seen_at"] is not None
            assert before["bytes_received"] >= row["bytes_received"]

            # 2. A restart begins to count anew, and what was counted stays.
            await tunnel.close()
            await lab.restart_server(folder / "office")
            tunnel = await lab.connect(profile)
            assert await tunnel.ping("10.8.0.1")
            await guard.looks()
            (after,) = await company.grants()
            assert after["bytes_received"] > before["bytes_received"] + 1000
            assert after["bytes_sent"] > before["bytes_sent"] + 1000
            await tunnel.close()

            # 3. The same profile from two places: each puts the other out, and comes back.
            command = ("ip", "-n", lab._client_space, "address", "add", "192.0.2.3/24")
            await asyncio.to_thread(
                subprocess.run, [*command, "dev", f"{lab._cable}sc"], check=True
            )
            copy = profile.replace("nobind\n", "local 192.0.2.3\nlport 0\n")
            for text in (copy, profile, copy):
                assert await guard.said("used_twice") == []
                await lab.connect(text)
                await guard.looks()
            assert await guard.said("used_twice") == ["Anna Petrova (192.0.2.2, 192.0.2.3)"]
            assert len(await guard.on()) == 1

            # 4. A cut ends the session, and shuts nobody out.
            async with guard.office.database.reading() as tx:
                (grant,) = await tx.grants.all()
            since = datetime.now(UTC) + timedelta(minutes=1)
            done = await guard.office.fleet.cut_session(OFFICE, grant, since)
            assert done is not None
            assert (done.cut.total(), done.left) == (1, frozenset())
            assert await guard.on() == set()
            await lab.connect(profile)
            assert await guard.on() == {grant.common_name}
            earlier = await guard.office.fleet.cut_session(OFFICE, grant, grant.not_before)
            assert earlier is not None
            assert (earlier.cut.total(), earlier.left) == (0, frozenset())
            assert await guard.on() == {grant.common_name}
