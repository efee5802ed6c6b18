"""A company with an easy-rsa CA moves in: its books, its people, its old certificates."""

import json
import re
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from demo.lab.stand_in import StandIn
from demo.testing import DemoMessage
from tests.company import ANNA, Company, Ran, _free_port, open_company, until
from tests.easyrsa import NEEDS_EASYRSA, EasyRsa

pytestmark = [NEEDS_EASYRSA, pytest.mark.asyncio(loop_scope="module")]


@pytest.fixture(scope="module")
def easyrsa(module_folder: Path) -> EasyRsa:
    """Bob's was revoked, Carl's ends soon, and the index has lost a server's."""
    made = EasyRsa(module_folder / "pki")
    made.begin()
    for name in ("server", "lost"):
        made("build-server-full", name, "nopass")
    made("build-serverClient-full", "gateway", "nopass")
    made.forget("lost")
    for name, days in (("anna", 825), ("bob", 825), ("carl", 20), ("dora", 825)):
        made.client(name, days=days)
    made("revoke", "bob", "superseded")
    made("gen-crl")
    return made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def company(module_folder: Path, easyrsa: EasyRsa) -> AsyncIterator[Company]:
    """After the import, with a server of our own, and the bot at work."""
    async with open_company(module_folder) as made:
        await made.done("ca", "import-easyrsa", str(easyrsa.pki))
        await made.add_server("office", _free_port())
        await made.done("user", "allow", str(ANNA.id), "--name", "Anna Petrova")
        server = StandIn()
        await server.start(made.folder / "office")
        try:
            await made.start()
            yield made
        finally:
            await made.stop()
            await server.stop()


def states(company: Company) -> dict[str, str]:
    return dict(company.query("SELECT common_name, state FROM grants"))


def listed(company: Company) -> str:
    """The CRL on the server, as openssl reads it."""
    return openssl("crl", "-in", str(company.folder / "office" / "live" / "crl.pem"))


def openssl(*arguments: str) -> str:
    done = subprocess.run(
        ["openssl", *arguments, "-noout", "-text"], capture_output=True, text=True, check=True
    )
    return done.stdout


def verifies(crl: Path, authority: Path) -> bool:
    command = ["openssl", "crl", "-in", str(crl), "-CAfile", str(authority), "-noout"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return "verify OK" in done.stderr + done.stdout


def damage(pki: Path, copy: Path) -> None:
    """A copy of a PKI whose index has a status that there is not."""
    subprocess.run(["cp", "-a", pki, copy], check=True)
    index = copy / "index.txt"
    index.write_text(index.read_text().replace("V\t", "Q\t", 1))


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


async def test_everything_in_the_index_is_a_grant(company: Company, easyrsa: EasyRsa) -> None:
    rows = {row["common_name"]: row for row in await company.grants()}
    assert {name: row["state"] for name, row in rows.items()} == {
        **dict.fromkeys(("anna", "carl", "dora", "gateway", "lost", "server"), "active"),
        "bob": "revoked",
    }
    assert rows["bob"]["serial"] == easyrsa.serial("bob")
    assert rows["bob"]["revoked_at"] is not None
    assert (rows["dora"]["user_id"], rows["dora"]["server"], rows["dora"]["address"]) == (None,) * 3


async def test_the_first_crl_has_every_earlier_revocation(
    company: Company, easyrsa: EasyRsa
) -> None:
    text = listed(company)
    assert easyrsa.serial("bob").upper() in text
    assert "Superseded" in text
    assert verifies(company.folder / "office" / "live" / "crl.pem", easyrsa.pki / "ca.crt")


async def test_admins_hear_of_an_end_that_comes_near(company: Company) -> None:
    """Of Carl's only: a day later it would be said again."""
    for admin in (company.boris, company.clara):
        said = await admin.hears("ends within 30 days")
        assert "carl" in said.text
        assert "anna" not in said.text


async def test_an_old_certificate_is_linked_and_goes_with_its_owner(company: Company) -> None:
    boris, anna = company.boris, company.anna
    await boris.says("/users")
    listing = await boris.hears("Anna Petrova")
    await boris.taps("Old certificates", message=listing)
    names = await boris.hears("belong to nobody")
    assert [row[0].text for row in names.buttons] == ["anna", "carl", "dora", "gateway"]
    await boris.taps("anna", message=names)
    card = await boris.hears("Whose is it?")
    assert card.button("Link to somebody else")
    await boris.taps("Link to Anna Petrova", message=card)
    await boris.hears("now belongs to Anna Petrova: 1 certificate")

    await anna.says("/myvpn")
    mine = await anna.hears("from before the takeover")
    assert "anna" in mine.text
    assert not mine.button("New profile")
    await anna.taps("Revoke", message=mine)
    await anna.taps("Revoke now", message=await anna.hears("End your access"))
    await until(lambda: states(company)["anna"] == "revoked")
    serial = company.query("SELECT serial FROM grants WHERE common_name = 'anna'")[0][0]
    assert serial.upper() in listed(company)


async def test_an_unlinked_one_is_revoked_by_its_name(company: Company) -> None:
    await company.boris.says("/revoke dora")
    receipt = await company.boris.hears("Revoked")
    assert "dora" in receipt.text
    assert states(company)["dora"] == "revoked"


async def test_people_are_linked_at_the_terminal_too(company: Company) -> None:
    ran = await company.done("user", "link", "carl", str(ANNA.id))
    assert "belongs to Anna Petrova" in ran.out
    refused = await company.vpnbot("user", "link", "nobody", str(ANNA.id))
    assert (refused.code, refused.out) == (1, "")
    assert "nobody" in refused.err


@pytest.mark.parametrize("name", ["server", "lost"])
async def test_a_servers_certificate_is_nobodys(company: Company, name: str) -> None:
    """Else it would be revoked with its owner."""
    ran = await company.vpnbot("user", "link", name, str(ANNA.id))
    assert (ran.code, ran.out) == (1, "")
    assert f"“{name}” is a server's own certificate" in ran.err


async def test_a_servers_certificate_is_no_access(company: Company) -> None:
    await company.boris.says("/grants")
    listing = (await company.boris.hears("VPN profile")).text
    assert "Not linked to anybody" in listing
    assert "active, gateway," in listing
    for name in ("server", "lost"):
        assert f"active, {name}," not in listing


async def test_again_it_brings_what_easyrsa_did_since(company: Company, easyrsa: EasyRsa) -> None:
    easyrsa.client("edna")
    easyrsa("revoke", "carl")
    ran = await company.done("ca", "import-easyrsa", str(easyrsa.pki))
    assert "1 valid, 0 revoked, 0 expired" in ran.out
    assert "Revoked over there since the last time, and now here: carl" in ran.out
    assert re.search(r"^Revoked", ran.out, re.MULTILINE)
    assert states(company)["edna"] == "active"
    assert states(company)["carl"] == "revoked"
    assert easyrsa.serial("carl").upper() in listed(company)
    await company.anna.hears("earlier VPN profile carl")


async def test_the_trail_tells_of_the_takeover(company: Company) -> None:
    await company.done("audit", "verify")
    rows = (await company.done("audit", "show", "--json")).rows
    assert [row["action"] for row in rows].count("ca.import") == 2


# --- with very many names -------------------------------------------------------------------------


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def crowded(company: Company, easyrsa: EasyRsa) -> Company:
    """Fifty names that are nobody's, one of them twice, and as many people."""
    for number in range(50):
        easyrsa.lists(f"old-{number:02}", number + 1)
    easyrsa.lists("zed", 101)
    easyrsa.lists("zed", 102)
    await company.done("ca", "import-easyrsa", str(easyrsa.pki))
    people = ", ".join(f"({9000 + number}, 'Person {number:02}', 1, 0)" for number in range(50))
    company.tamper(f"INSERT INTO people (id, name, allowed, added_at) VALUES {people}")
    return company


async def opens_names(company: Company) -> DemoMessage:
    await company.boris.says("/users")
    await company.boris.taps("Old certificates", message=await company.boris.hears("allowlist:"))
    return await company.boris.hears("belong to nobody")


def labels(message: DemoMessage) -> list[str]:
    return [button.text for row in message.buttons for button in row]


async def test_the_lists_are_turned_page_by_page(crowded: Company) -> None:
    boris = crowded.boris
    names = await opens_names(crowded)
    assert "Page 1 of 3" in names.text
    assert labels(names)[-1] == "Next ›"
    assert len(labels(names)) == 21
    await boris.taps("Next ›", message=names)
    names = await boris.hears("Page 2 of 3")
    assert labels(names)[-2:] == ["‹ Back", "Next ›"]
    await boris.taps("old-30", message=names)
    await boris.taps("Link to somebody else", message=await boris.hears("Whose is it?"))
    await boris.taps("Next ›", message=await boris.hears("Page 1 of 3"))
    await boris.taps("Link to Person 25", message=await boris.hears("Page 2 of 3"))
    linked = await boris.hears("now belongs to Person 25")
    await boris.taps("All names", message=linked)
    assert "Page 1 of 3" in (await boris.hears("belong to nobody")).text


async def test_of_one_name_each_certificate_has_a_button(
    crowded: Company, easyrsa: EasyRsa
) -> None:
    """The one that nobody uses goes, and the other one stays."""
    boris = crowded.boris
    names = await opens_names(crowded)
    for _ in range(2):
        await boris.taps("Next ›", message=names)
        names = await boris.hears("belong to nobody")
    await boris.taps("zed", message=names)
    card = await boris.hears("Whose is it?")
    first, second = ("serial 65", "serial 66")
    assert card.text.index(f"1. {first}") < card.text.index(f"2. {second}")
    await boris.taps("Revoke 2", message=card)
    question = await boris.hears("End the profile zed")
    assert second in question.text
    await boris.taps("Revoke now", message=question)
    await boris.hears("zed, serial 66")
    found = dict(crowded.query("SELECT serial, state FROM grants WHERE common_name = 'zed'"))
    assert found["65"] == "active"
    assert found["66"] in ("revoking", "revoked")


async def test_several_of_one_name_are_told_apart_in_a_list(
    crowded: Company, easyrsa: EasyRsa
) -> None:
    easyrsa.lists("zed", 103, "380101000000Z")
    await crowded.done("ca", "import-easyrsa", str(easyrsa.pki))
    await crowded.boris.says("/revoke zed")
    choice = await crowded.boris.hears("fits more than one")
    assert len(set(labels(choice))) == 2
    assert any("2038-01-01" in label for label in labels(choice))


# --- before anything is taken over ----------------------------------------------------------------


async def dry(company: Company, pki: Path, *flags: str, home: Path) -> Ran:
    return await company.vpnbot(
        *("ca", "import-easyrsa", str(pki), *flags), VPNBOT_DATA_DIR=str(home / "data")
    )


async def test_a_dry_run_reports_and_changes_nothing(
    company: Company, easyrsa: EasyRsa, folder: Path
) -> None:
    ran = await dry(company, easyrsa.pki, "--dry-run", home=folder)
    assert ran.code == 0
    for words in ("Corp VPN CA", "IN CLEAR", "Keys of clients lie here in clear", "Nothing was"):
        assert words in ran.out, ran
    report = json.loads((await dry(company, easyrsa.pki, "--dry-run", "--json", home=folder)).out)
    assert report["layout"] == "easyrsa3"
    assert {row["common_name"] for row in report["certificates"]} >= {"anna", "bob", "server"}
    assert "client_keys_in_clear" in {finding["code"] for finding in report["findings"]}
    assert names_in(folder) == []


async def test_a_damaged_one_is_refused_with_its_line(
    company: Company, easyrsa: EasyRsa, folder: Path
) -> None:
    damaged = folder / "pki"
    damage(easyrsa.pki, damaged)
    ran = await dry(company, damaged, home=folder)
    assert (ran.code, ran.out, ran.err.count("\n")) == (1, "", 1)
    assert "index.txt" in ran.err
    assert names_in(folder) == ["pki"]


async def test_another_ca_is_never_replaced(company: Company, folder: Path) -> None:
    other = EasyRsa(folder / "pki")
    other.begin()
    before = company.dump()
    ran = await company.vpnbot("ca", "import-easyrsa", str(other.pki))
    assert ran.code == 1
    assert "There is another CA" in ran.err
    assert company.dump() == before


@pytest.mark.long
async def test_clients_keys_are_removed_if_one_says_so(company: Company, easyrsa: EasyRsa) -> None:
    """Nobody sits at a terminal here, so without --yes they stay."""
    key = easyrsa.pki / "private" / "dora.key"
    ran = await company.done("ca", "import-easyrsa", str(easyrsa.pki), "--purge-client-keys")
    assert "left where they are" in ran.out
    assert key.exists()
    ran = await company.done(
        *("ca", "import-easyrsa", str(easyrsa.pki), "--purge-client-keys", "--yes")
    )
    assert "Removed" in ran.out
    assert not key.exists()
    assert (easyrsa.pki / "private" / "ca.key").exists()
    assert (easyrsa.pki / "private" / "server.key").exists()
