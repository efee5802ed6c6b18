"""The commands about servers, each as somebody types it while the bot runs."""

import json
import os
import re
import socket

import pytest

from tests.company import Company
from tests.e2e.refusing import one_line, refused

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.long
async def test_servers_that_cannot_be(company: Company) -> None:
    office, there = company.folder / "office", company.folder / "there"
    paris = f"server add paris --remote vpn.example.com:1194/udp --directory {there}"
    beside = f"server add paris --directory {there}"
    inside = "server add paris --remote vpn.example.com:1194/udp --directory"
    ((port,),) = company.query("SELECT listen_port FROM servers WHERE name = 'office'")
    await refused(
        company,
        {
            f"server add office --remote a.example.com:1 --directory {there}": "office already",
            f"server add paris --remote a.example.com:1 --directory {office}": "folder of office",
            f"{inside} {office}/paris": "is inside the other",
            f"{inside} {company.folder}": "is inside the other",
            f"{beside} --remote a.example.com:{port}/udp": f"office listens on port {port}/udp",
            f"{beside} --remote a.example.com:1 --listen {port}": "another one with --listen",
            f"{paris} --network 10.8.2.0/24": "overlaps",
            f"{paris} --network 10.8.0.0/33": "isn't an IPv4 network",
            f"{paris} --ssh paris": "no USER@HOST:PORT",
            f"{paris} --ssh a@paris.invalid": "can't be reached by SSH",
            f"{paris} --host-key SHA256:x": "add --ssh",
            f"{paris} --account no-such-account": "no account no-such-account",
            "server deploy rome": "rome",
        },
    )


@pytest.mark.long
async def test_a_deploy_says_what_it_put_back(company: Company) -> None:
    office = company.folder / "office"
    await company.done("server", "deploy", "office")
    person = await company.hires()
    await company.done("grant", "issue", str(person.person.id), "--output", "back.ovpn")
    await company.done("server", "deploy", "office")  # the firewall's sets have another person
    (grant,) = company.grants_of(person)
    file = office / "live" / "ccd" / grant["common_name"]
    [(before,)] = company.query("SELECT number FROM crl_counter")
    (office / "live" / "crl.pem").unlink()
    file.unlink()
    said = (await company.done("server", "deploy", "office")).out
    assert file.exists()
    assert f"Configuration, certificate and keys in {office} are as they should be." in said
    # The bot may have signed another one since: it looks at the server, too.
    [(newest,)] = company.query("SELECT number FROM crl_counter")
    number = re.search(r"^A new CRL is in place, with number (\d+)\.$", said, re.MULTILINE)
    assert number
    assert before < int(number[1]) <= newest
    live = company.query("SELECT count(*) FROM grants WHERE state IN ('issued', 'active')")[0][0]
    assert f"Address files in place: {live}, one for each who has access." in said
    await company.done("revoke", str(person.person.id))


@pytest.mark.long
@pytest.mark.skipif(os.geteuid() != 0, reason="Only root can give folders away.")
async def test_what_root_writes_has_to_stay_where_it_is(company: Company) -> None:
    """Whoever owns a folder above could put a configuration of their own in the server's place."""
    theirs = company.folder / "theirs"
    theirs.mkdir()
    add = ("server", "add", "oslo", "--remote", "127.0.0.1:47113/udp", "--directory")
    os.chown(theirs, 1, 1)
    await refused(company, {f"{' '.join(add)} {theirs / 'oslo'}": f"chown -h root: {theirs}"})
    os.chown(theirs, 0, 0)
    await company.done(*add, str(theirs / "oslo"))
    theirs.chmod(0o777)
    await refused(company, {"server deploy oslo": f"chmod go-w {theirs}"})
    assert list(theirs.iterdir()) == []
    theirs.chmod(0o755)
    await company.done("server", "deploy", "oslo")
    await company.done("server", "remove", "oslo")


@pytest.mark.long
async def test_a_taken_port_and_a_taken_folder(company: Company) -> None:
    folder = company.folder / "taken"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        where = ("--remote", f"127.0.0.1:{port}/udp", "--directory", str(folder))
        await company.done("server", "add", "taken", *where)
        one_line(await company.vpnbot("server", "deploy", "taken"), "port", str(port))
        assert not folder.exists()
    folder.mkdir()
    (folder / "somebody.txt").write_text("mine")
    one_line(await company.vpnbot("server", "deploy", "taken"), str(folder))
    assert [path.name for path in folder.iterdir()] == ["somebody.txt"]
    await company.done("server", "remove", "taken")


@pytest.mark.long
async def test_a_full_network_and_a_server_with_live_access(company: Company) -> None:
    where = ("--remote", "127.0.0.1:47111/udp", "--directory", str(company.folder / "tiny"))
    await company.done("server", "add", "tiny", *where, "--network", "10.98.0.0/29")
    await company.done("server", "deploy", "tiny")
    ida = await company.hires()
    for _ in range(5):
        await company.approved("/requestvpn tiny 1h", ida)
    held = {grant["address"] for grant in company.grants_of(ida)}
    assert held == {f"10.98.0.{n}" for n in range(2, 7)}

    await company.asks(ida, "/requestvpn tiny")
    card = await company.card(company.boris, ida)
    answer = await company.boris.is_answered(await company.boris.taps("Approve", message=card))
    assert "no free address on tiny" in answer.text
    ((number, state),) = company.query("SELECT id, state FROM requests ORDER BY id DESC LIMIT 1")
    assert state == "pending"
    await refused(
        company,
        {
            f"request approve {number}": "no free address on tiny",
            "server remove tiny": "5 live grants",
        },
    )

    # Nobody listens on tiny, so nothing is proved there; and what is not proved keeps its address.
    await company.boris.says(f"/revoke {ida.person.id}")
    receipt = await company.boris.hears("Not proved")
    assert "5 of 5 profiles" in receipt.text
    one_line(await company.vpnbot("request", "approve", str(number)), "no free address on tiny")
    await company.done("server", "remove", "tiny")
    await ida.hears("was closed")
    assert {grant["state"] for grant in company.grants_of(ida)} == {"revoked"}
    # That OpenVPN may still run with its old files, so nothing is called proved.
    receipt = await company.boris.hears("Not proved on tiny, which was taken out")
    assert "tiny: not proved before it was taken out. Stop OpenVPN there." in receipt.text
    assert "office: proved" in receipt.text
    assert "keep trying" not in receipt.text
    mine = [row for row in await company.grants() if row["user_id"] == ida.person.id]
    assert {row["state"] for row in mine} == {"revoking"}
    await company.boris.says("/grants")
    assert "not confirmed on tiny" in (await company.boris.hears("not confirmed on")).text
    again = await company.vpnbot("revoke", str(ida.person.id))
    assert again.code == 1
    assert again.out.startswith("Not proved on tiny, which was taken out")
    ended = [f"grant:{grant['id']}" for grant in company.grants_of(ida)]
    rows = [json.loads(line) for line in (await company.done("audit", "export")).out.splitlines()]
    closed = [row["action"] for row in rows if row["subject"] in ended][-5:]
    assert closed == ["grant.drop"] * 5
    assert not any(row["action"] == "grant.prove" and row["subject"] in ended for row in rows)
