"""Listings in the terminal: narrowed, and with names beside ids."""

import pytest

from tests.company import Company
from tests.terminal import at_terminal

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_listings_are_narrowed(company: Company, anna_has_access: None) -> None:
    del anna_has_access
    await company.done("user", "allow", "4140", "--name", "Hans Müller")
    await company.done("user", "allow", "4141", "--name", "Hans Müller")

    async def rows(*typed: str) -> list[dict[str, object]]:
        return (await company.done(*typed, "--json")).rows

    assert [row["id"] for row in await rows("user", "list", "--user", "hans muller")] == [
        4140,
        4141,
    ]
    assert len(await rows("user", "list", "--limit", "1")) == 1
    assert await rows("user", "list", "--state", "off", "--user", "4140") == []
    [grant] = await rows("grant", "list", "--user", "anna petrova", "--state", "active")
    assert grant["user_name"] == "Anna Petrova"
    assert await rows("grant", "list", "--server", str(grant["server"]), "--limit", "5") == [grant]
    assert await rows("grant", "list", "--server", "nowhere") == []
    assert await rows("grant", "list", "--state", "revoking") == []
    ran = await company.vpnbot("grant", "list", "--user", "Hans Müller")
    assert "isn't enough to tell who" in ran.err


async def test_listings_fit_a_terminal_of_80_columns(
    company: Company, anna_has_access: None
) -> None:
    """In columns as far as they go, then below; in words of people, not in keys of the JSON."""
    del anna_has_access
    seen = {}
    for typed in ("server status", "grant list", "audit show"):
        seen[typed] = (await at_terminal(company, *typed.split(), columns=80)).text
        lines = seen[typed].splitlines()
        assert max(map(len, lines)) <= 80, seen[typed]
        assert "_" not in lines[0]
    grants, status = seen["grant list"], seen["server status"]
    (row,) = (await company.done("grant", "list", "--state", "active", "--json")).rows
    for value in (row["id"], row["user_name"], row["common_name"], row["serial"]):
        assert str(value) in grants
    assert status.splitlines()[0].split("  ")[0] == "name"
    assert "answers" in status
    assert "CRL signed" in status
    # Where nobody looks on, each is a line with all of it.
    head, *rows = (await company.done("grant", "list")).out.splitlines()
    assert head.split()[:2] == ["id", "who"]
    assert len(rows) == len((await company.done("grant", "list", "--json")).rows)


async def test_an_empty_listing_says_how_to_fill_it(company: Company) -> None:
    assert (await company.done("group", "list")).out == (
        "There are no groups yet; to make one: vpnbot group add NAME\n"
    )
    assert "vpnbot user invite NAME" in (await company.done("user", "invitations")).out
    assert "vpnbot server group add" in (await company.done("server", "group", "list")).out
    assert (await company.done("group", "list", "--json")).rows == []


async def test_a_request_has_names_beside_ids(company: Company, anna_has_access: None) -> None:
    del anna_has_access
    row = (await company.done("request", "list", "--limit", "1", "--json")).rows[0]
    assert (row["user_id"], row["user_name"]) == (1001, "Anna Petrova")
    said = (await company.done("request", "list", "--limit", "1")).out
    assert "Anna Petrova" in said
    assert f" {row['decided_by_name']} " in said


async def test_the_trail_is_narrowed(company: Company, anna_has_access: None) -> None:
    del anna_has_access
    await company.done("user", "allow", "4140", "--name", "Hans Müller")

    async def actions(*typed: str) -> set[str]:
        return {
            row["action"] for row in (await company.done("audit", "show", "--json", *typed)).rows
        }

    everything = await actions()
    assert "user.allow" in everything
    assert await actions("--user", "4140") == {"user.allow"}
    assert any(one.startswith("grant.") for one in await actions("--user", "anna petrova"))
    assert all(one.startswith("user.") for one in await actions("--kind", "user"))
    assert await actions("--kind", "user.allow") == {"user.allow"}
    assert await actions("--since", "1h") == everything
    assert await actions("--until", "2020-01-01") == set()
    assert await actions("--server", "nowhere") == set()
    said = (await company.done("audit", "show", "--kind", "user.allow")).out
    assert "user:4140 (Hans Müller)" in said
    ran = await company.vpnbot("audit", "show", "--since", "yesterday")
    assert "isn't a time" in ran.err


async def test_durations_and_times_are_written_one_way(company: Company) -> None:
    wanted = ("--max-duration", "2w", "--standing", "8h")
    assert (await company.done("group", "add", "ways", *wanted)).out == "The group ways is made.\n"
    listed = (await company.done("group", "list")).out
    assert ("14 days" in listed, "8 hours" in listed, "2w" in listed) == (True, True, False)
    rows = (await company.done("group", "list", "--json")).rows
    [row] = [one for one in rows if one["name"] == "ways"]
    assert (row["max_duration"], row["standing"]) == ("2w", "8h")
    trail = (await company.done("audit", "show", "--kind", "group.add")).out
    assert "max_duration=14 days" in trail
    assert "standing=8 hours" in trail
    await company.done("group", "remove", "ways")


async def test_a_name_that_is_nearly_one_persons_is_asked_back(company: Company) -> None:
    await company.done("user", "allow", "4150", "--name", "Ottilie Quint")
    ran = await company.vpnbot("user", "remove", "ottilie")
    assert ran.code == 1
    assert ran.err == (
        "Nobody is called just “ottilie”, so nothing was done. If you mean Ottilie Quint (4150), "
        "name the id.\n"
    )


async def test_roles_are_given_on_the_machine(company: Company) -> None:
    await company.done("group", "add", "desk")
    said = await company.done("user", "role", "4142", "approver", "--group", "desk")
    assert said.out == "4142 (4142) is an approver for desk now.\n"
    assert (await company.done("user", "role", "4143", "auditor")).out == (
        "4143 (4143) is an auditor now.\n"
    )
    bare = await company.done("user", "role", "4143", "approver")
    assert "vpnbot group edit GROUP --approvers 4143" in bare.out
    listed = {row["id"]: row for row in (await company.done("user", "list", "--json")).rows}
    assert (listed[4142]["role"], listed[4142]["role_groups"]) == ("approver", ["desk"])
    assert "approver (desk)" in (await company.done("user", "list")).out
    for typed, why in (
        (("4142", "auditor", "--group", "desk"), "Only approvers have groups"),
        (("4142", "none", "--group", "desk"), "Only approvers have groups"),
        (("2001", "auditor"), "VPNBOT_ADMIN_IDS"),
        (("4142", "approver", "--group", "nowhere"), "There is no group “nowhere”"),
    ):
        ran = await company.vpnbot("user", "role", *typed)
        assert ran.code == 1
        assert why in ran.err
    assert (await company.vpnbot("user", "role", "4142", "king")).code == 2
    gone = await company.done("user", "away", "4142", "--until", "3d")
    assert gone.out.startswith("4142 (4142) is away until")
    back = await company.done("user", "away", "4142", "--back")
    assert back.out == "4142 (4142) is back; requests come to them again.\n"
    for wrong in ((), ("--back", "--until", "3d")):
        assert (await company.vpnbot("user", "away", "4142", *wrong)).code == 2
    assert "They aren't away" in (await company.vpnbot("user", "away", "4142", "--back")).err
    for number in ("4142", "4143"):
        done = await company.done("user", "role", number, "none")
        assert done.out == f"{number} ({number}) has no role any more.\n"
    await company.done("group", "remove", "desk")
