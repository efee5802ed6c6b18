"""Groups: at the terminal, in the chat, and in what a real client gets from a real server."""

from pathlib import Path

import pytest

from demo.lab.network import lab_missing
from tests.company import (
    ANNA,
    EMIL,
    company_with_openvpn,
    company_with_stand_in,
    until,
)
from tests.folders import open_folder

_MISSING = lab_missing()
ANNAS = ("user", "allow", str(ANNA.id), "--name", "Anna Petrova")


def files_in(folder: Path) -> dict[str, str]:
    ccd = folder / "office/live/ccd"
    return {file.name.partition("-")[0]: file.read_text() for file in ccd.iterdir()}


@pytest.mark.long
async def test_a_group_from_its_making_to_its_end() -> None:
    with open_folder() as folder:
        async with company_with_stand_in(folder) as (company, openvpn):
            done = await company.done(
                *("group", "add", "dev", "--network", "10.8.1.0/24", "--route", "10.1.0.0/16"),
                *("--dns", "10.1.0.1", "--server", "office", "--max-duration", "8h"),
            )
            assert "The group dev is made." in done.out
            await company.done("grant", "issue", str(ANNA.id), "--output", f"{folder}/anna.ovpn")
            assert files_in(folder) == {"anna": "ifconfig-push 10.8.0.2 255.255.252.0\n"}
            (name,) = (file.name for file in (folder / "office/live/ccd").iterdir())
            assert await openvpn.connect(name)

            # Who joins is moved, and cut off the address that is not theirs any more.
            said = (await company.done(*ANNAS, "--group", "dev")).out
            assert "office: 1 profile brought into line." in said
            assert f"office: {name} was cut off its old address" in said
            assert openvpn.sessions == ()
            assert files_in(folder)["anna"].splitlines() == [
                "ifconfig-push 10.8.1.0 255.255.252.0",
                'push-remove "route "',
                'push-remove "route-ipv6 "',
                'push-remove "redirect-gateway"',
                'push-remove "dhcp-option DNS"',
                'push "route 10.1.0.0 255.255.0.0"',
                'push "dhcp-option DNS 10.1.0.1"',
            ]
            assert name not in (await company.vpnbot("doctor")).out
            assert await openvpn.connect(name)
            said = (await company.done("group", "edit", "dev", "--clear", "dns")).out
            assert f"office: {name} is connected, and has it once it reconnects." in said
            assert "DNS" not in files_in(folder)["anna"]
            (row,) = (await company.done("who", "10.8.1.0", "--json")).rows
            assert (row["user_name"], row["common_name"]) == ("Anna Petrova", name)
            assert (row["server"], row["standing"], row["until"]) == ("office", "has", None)
            said = (await company.done("who", "10.8.0.2")).out
            assert "Nobody has 10.8.0.2 now." in said
            assert "Anna Petrova" in said
            then = ("who", "10.8.0.1", "2020-01-01", "12:00")
            assert "is known here only since" in (await company.done(*then)).out
            (row,) = (await company.done("group", "list", "--json")).rows
            assert row == {
                "name": "dev",
                "networks": ["10.8.1.0/24"],
                "routes": ["10.1.0.0/16"],
                "dns": [],
                "servers": ["office"],
                "max_duration": "8h",
                "approvers": [],
                "approvals": None,
                "reason": None,
                "max_profiles": None,
                "standing": None,
                "members": [ANNA.id],
            }
            assert "10.8.1.0/24" in (await company.done("group", "list")).out

            ran = await company.vpnbot("group", "edit", "dev", "--network", "10.9.0.0/24")
            assert (ran.code, "--network" in ran.err) == (1, True)
            ran = await company.vpnbot("group", "add", "ops", "--dns", "one")
            assert (ran.code, "10.8.0.1" in ran.err) == (1, True)
            ran = await company.vpnbot("group", "add", "ops", *("--dns", "10.0.0.1") * 65)
            assert (ran.code, "64" in ran.err) == (1, True)
            for wrong in (("--clear", "name"), ("--clear", "dns", "--dns", "10.1.0.1"), ()):
                assert (await company.vpnbot("group", "edit", "dev", *wrong)).code == 2
            oncall = ("--standing", "8h", "--reason", "ticket", "--max-profiles", "2")
            await company.done("group", "add", "oncall", *oncall)
            await company.done("group", "edit", "oncall", "--clear", "max-profiles")
            (_, row) = (await company.done("group", "list", "--json")).rows
            assert (row["standing"], row["reason"], row["max_profiles"]) == ("8h", "ticket", None)
            assert (await company.vpnbot("group", "add", "ops", "--reason", "none")).code == 2
            ran = await company.vpnbot("group", "add", "ops", "--standing", "soon")
            assert (ran.code, "soon" in ran.err) == (1, True)
            ran = await company.vpnbot("group", "add", "ops", "--approvers", str(EMIL.id))
            assert (ran.code, "neither admin nor approver" in ran.err) == (1, True)


async def test_admins_see_the_groups_and_who_is_in_them() -> None:
    with open_folder() as folder:
        async with company_with_stand_in(folder) as (company, _):
            await company.done("user", "allow", str(EMIL.id), "--name", "Emil")
            await company.done("group", "add", "dev", "--network", "10.8.1.0/24")
            await company.done("grant", "issue", str(ANNA.id), "--output", f"{folder}/anna.ovpn")
            await company.start()
            boris = company.boris
            await boris.says("/group dev add Anna Petrova")
            told = await boris.hears("Anna Petrova is in dev now.")
            assert "1 profile follows by itself" in told.text
            # The bot writes what the handler has recorded.
            await until(lambda: "10.8.1.0" in files_in(folder)["anna"])
            await boris.says("/group")
            assert "dev – 1 person" in (await boris.hears("1 group:")).text
            await boris.says("/group dev")
            shown = (await boris.hears("Group dev")).text
            assert "In it: Anna Petrova" in shown
            assert "Addresses: 10.8.1.0/24" in shown
            await boris.says("/group dev add Emil")
            await boris.hears("Emil is in dev now.")
            await boris.says("/group dev remove Emil")
            await boris.hears("Emil isn’t in dev any more.")
            await boris.says("/group dev add Nobody")
            await boris.hears("Nobody")
            await boris.says("/group dev rename")
            await boris.hears("/group NAME add WHO")
            await boris.says("/group ops")
            await boris.hears("There is no group")
            await boris.says("/who 10.8.1.0")
            assert "Anna Petrova has 10.8.1.0 on office" in (await boris.hears("10.8.1.0")).text
            await boris.says("/who 10.8.0.1")
            await boris.hears("It’s office’s own address.")
            await boris.says("/who")
            await boris.hears("Write /who 10.8.4.7")
            await company.anna.says("/group")
            await company.anna.hears("Only admins")

            said = (await company.done("group", "remove", "dev")).out
            assert "The group dev is gone." in said
            await boris.says("/group")
            await boris.hears("There are no groups")


@pytest.mark.long
async def test_what_a_command_could_not_finish_the_bot_does() -> None:
    with open_folder() as folder:
        async with company_with_stand_in(folder) as (company, openvpn):
            await company.done("user", "allow", str(EMIL.id), "--name", "Emil")
            await company.done("group", "add", "dev", "--network", "10.8.1.0/24")
            await company.done("grant", "issue", str(ANNA.id), "--output", f"{folder}/anna.ovpn")
            (file,) = (folder / "office/live/ccd").iterdir()
            assert await openvpn.connect(file.name)
            await openvpn.stop()
            said = (await company.done(*ANNAS, "--group", "dev")).out
            # Nobody can tell whether the old address is still in use.
            assert "office: 1 not done yet" in said
            await company.done("grant", "issue", str(EMIL.id), "--output", f"{folder}/emil.ovpn")
            assert "10.8.0.3" in files_in(folder)["emil"]


@pytest.mark.long
async def test_a_server_that_a_group_names_stays() -> None:
    """Or the group would open every other one."""
    with open_folder() as folder:
        async with company_with_stand_in(folder) as (company, _):
            add = ("--remote", "vpn.example.com", "--directory", f"{folder}/rome", "--listen", "7")
            done = await company.done("server", "add", "rome", *add, "--network6", "fd00:8::/64")
            assert "fd00:8::/64" in done.out
            await company.done("group", "add", "dev", "--network6", "fd00:8::1:0/112")
            ran = await company.vpnbot("server", "remove", "rome")
            assert (ran.code, "The group dev names rome" in ran.err) == (1, True)
            await company.done("group", "edit", "dev", "--clear", "network6")
            await company.done("server", "remove", "rome")
            for wrong in ("10.9.0.0/24", "fd00:8::/32", "fd00:8::/124", "ff02::/64"):
                ran = await company.vpnbot("server", "add", "rome", *add, "--network6", wrong)
                assert (ran.code, wrong in ran.err) == (1, True)


@pytest.mark.long
@pytest.mark.skipif(_MISSING is not None, reason=_MISSING or "")
async def test_a_real_client_gets_what_its_group_says() -> None:
    with open_folder() as folder:
        async with company_with_openvpn(folder) as (company, lab):
            await company.done("grant", "issue", str(ANNA.id), "--output", f"{folder}/anna.ovpn")
            profile = (folder / "anna.ovpn").read_text()
            tunnel = await lab.connect(profile)
            assert await tunnel.ping("10.8.0.1")
            assert "ifconfig 10.8.0.2 255.255.252.0" in tunnel.log
            await company.done(
                *("group", "add", "dev", "--network", "10.8.1.0/24", "--route", "10.1.0.0/16"),
                *("--dns", "10.1.0.1"),
            )
            said = (await company.done(*ANNAS, "--group", "dev")).out
            assert "was cut off its old address" in said
            # The old address is nobody's now; who had it comes back with the new one.
            assert not await tunnel.ping("10.8.0.1", timeout=2)
            await tunnel.close()
            tunnel = await lab.connect(profile)
            assert await tunnel.ping("10.8.0.1")
            pushed = tunnel.log.partition("PUSH_REPLY,")[2].partition("'")[0].split(",")
            assert "ifconfig 10.8.1.0 255.255.252.0" in pushed
            assert [one for one in pushed if one.startswith(("route ", "redirect"))] == [
                "route 10.1.0.0 255.255.0.0"
            ]
            assert [one for one in pushed if "DNS" in one] == ["dhcp-option DNS 10.1.0.1"]
            # What the tunnel itself needs is left alone.
            assert "route-gateway 10.8.0.1" in pushed
            assert "topology subnet" in pushed
            await tunnel.close()


@pytest.mark.long
@pytest.mark.skipif(_MISSING is not None, reason=_MISSING or "")
async def test_a_real_client_gets_an_ipv6_address_too() -> None:
    with open_folder() as folder:
        async with company_with_openvpn(folder) as (company, lab):
            company.tamper("UPDATE servers SET network6 = 'fd00:8::/64'")
            await company.done("server", "deploy", "office")
            await lab.restart_server(folder / "office")
            await company.done("grant", "issue", str(ANNA.id), "--output", f"{folder}/anna.ovpn")
            profile = (folder / "anna.ovpn").read_text()
            tunnel = await lab.connect(profile)
            assert await tunnel.ping("10.8.0.1")
            assert await tunnel.ping("fd00:8::1")
            assert "ifconfig-ipv6 fd00:8::2/64 fd00:8::1" in tunnel.log
            await company.done(
                *("group", "add", "dev", "--network6", "fd00:8::1:0/112", "--route", "fd00:9::/48")
            )
            said = (await company.done(*ANNAS, "--group", "dev")).out
            # Nobody else gets the old address, so it stays until the session ends by itself.
            assert "is connected, and has it once it reconnects" in said
            assert await tunnel.ping("fd00:8::1")
            await tunnel.close()
            tunnel = await lab.connect(profile)
            assert await tunnel.ping("fd00:8::1")
            assert "ifconfig-ipv6 fd00:8::1:2/64 fd00:8::1" in tunnel.log
            assert "route-ipv6 fd00:9::/48" in tunnel.log
            (row,) = (await company.done("who", "fd00:8::1:2", "--json")).rows
            assert (row["user_name"], row["standing"]) == ("Anna Petrova", "has")
            await tunnel.close()
