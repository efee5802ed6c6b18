"""`vpnbot ca import-easyrsa` as an operator types it: keys, passphrases, questions, reports."""

import json
import re
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.company import PASSPHRASE, Company, Ran, _free_port, keep_secret, open_company
from tests.easyrsa import NEEDS_EASYRSA, EasyRsa
from tests.pki.easyrsa_pkis import make_easyrsa2
from tests.terminal import Screen, at_terminal

pytestmark = [NEEDS_EASYRSA, pytest.mark.asyncio(loop_scope="module")]

OLD = "grüße from 2016"
ASKED_OLD = "Passphrase of easy-rsa's ca.key"


@pytest.fixture(scope="module")
def easyrsa(module_folder: Path) -> EasyRsa:
    """With a server and two clients, all of whose keys lie in clear."""
    made = EasyRsa(module_folder / "pki")
    made.begin()
    made("build-server-full", "server", "nopass")
    for name in ("anna", "bob"):
        made.client(name)
    return made


@pytest.fixture(scope="module")
def locked(module_folder: Path) -> EasyRsa:
    """Its CA's key has a passphrase."""
    (module_folder / "locked").mkdir()
    made = EasyRsa(module_folder / "locked" / "pki")
    secret = {"PASSIN": f"pass:{OLD}", "PASSOUT": f"pass:{OLD}"}
    made("init-pki")
    made("build-ca", REQ_CN="Locked CA", **secret)
    made("build-client-full", "anna", "nopass", **secret)
    return made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def company(module_folder: Path) -> AsyncIterator[Company]:
    async with open_company(module_folder) as made:
        yield made


@dataclass
class Home:
    """A data folder of its own, with nothing in it."""

    company: Company
    folder: Path
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        return {"VPNBOT_DATA_DIR": str(self.folder / "data"), **self.settings}

    async def vpnbot(self, *arguments: str) -> Ran:
        return await self.company.vpnbot(*arguments, **self.environment)

    async def done(self, *arguments: str) -> Ran:
        ran = await self.vpnbot(*arguments)
        assert ran.code == 0, ran
        return ran

    async def imports(self, pki: Path, *flags: str) -> Ran:
        return await self.vpnbot("ca", "import-easyrsa", str(pki), *flags)

    async def types(self, pki: Path, *flags: str, answers: dict[str, str]) -> Screen:
        words = ("ca", "import-easyrsa", str(pki), *flags)
        asked = tuple(answers.items())
        return await at_terminal(self.company, *words, answers=asked, settings=self.environment)

    async def states(self) -> dict[str, str]:
        rows = (await self.done("grant", "list", "--json")).rows
        return {row["common_name"]: row["state"] for row in rows}

    @property
    def has_authority(self) -> bool:
        return (self.folder / "data" / "ca" / "ca.p12").exists()


@pytest.fixture
def home(company: Company, folder: Path) -> Home:
    return Home(company, folder)


@pytest.fixture
def copy(easyrsa: EasyRsa, folder: Path) -> Path:
    """The PKI, to be changed."""
    return Path(shutil.copytree(easyrsa.pki, folder / "pki"))


def report(ran: Ran) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(ran.out)
    return found


# --- the passphrase of easy-rsa's key -------------------------------------------------------------


@pytest.fixture
def old_passphrase(folder: Path) -> Path:
    return keep_secret(folder / "old", OLD)


@pytest.mark.long
async def test_the_old_passphrase_from_a_file(
    home: Home, locked: EasyRsa, old_passphrase: Path
) -> None:
    ran = await home.imports(locked.pki, "--passphrase-file", str(old_passphrase))
    assert ran.code == 0, ran
    assert "with a passphrase" in ran.out
    assert await home.states() == {"anna": "active"}
    # From now on it opens with the new one.
    await add_server(home)


async def test_a_wrong_one_changes_nothing(home: Home, locked: EasyRsa) -> None:
    wrong = keep_secret(home.folder / "wrong", "something else")
    ran = await home.imports(locked.pki, "--passphrase-file", str(wrong))
    assert (ran.code, ran.err.count("\n")) == (1, 1)
    assert "doesn't open" in ran.err
    assert not home.has_authority
    assert await home.states() == {}


async def test_without_one_and_nobody_to_ask(home: Home, locked: EasyRsa) -> None:
    ran = await home.imports(locked.pki)
    assert ran.code == 1
    assert "--passphrase-file" in ran.err
    assert not home.has_authority


@pytest.mark.long
@pytest.mark.parametrize("typed", [OLD, "something else"])
async def test_the_old_passphrase_typed(home: Home, locked: EasyRsa, typed: str) -> None:
    seen = await home.types(locked.pki, answers={ASKED_OLD: typed})
    is_right = typed == OLD
    assert seen.code == (0 if is_right else 1), seen
    assert home.has_authority is is_right
    assert typed not in seen.text


@pytest.mark.long
async def test_the_new_passphrase_typed_twice(home: Home, easyrsa: EasyRsa) -> None:
    home.settings["VPNBOT_CA_PASSPHRASE_FILE"] = ""
    answers = {"A new passphrase for the CA": PASSPHRASE, "Once more": PASSPHRASE}
    seen = await home.types(easyrsa.pki, answers=answers)
    assert seen.code == 0, seen
    assert PASSPHRASE not in seen.text
    del home.settings["VPNBOT_CA_PASSPHRASE_FILE"]
    await add_server(home)  # with the same one, from its file


# --- easy-rsa 2 -----------------------------------------------------------------------------------


@pytest.mark.long
async def test_easyrsa2(home: Home) -> None:
    keys = make_easyrsa2(home.folder).folder
    ran = await home.imports(keys)
    assert ran.code == 0, ran
    assert "(easy-rsa 2)" in ran.out
    assert "Taken over: 3 valid, 5 revoked, 2 expired." in ran.out
    assert await home.states() == {
        **dict.fromkeys(("server", "anna", "eternal"), "active"),
        **dict.fromkeys(("old", "ancient"), "expired"),
        **dict.fromkeys(("plain", "held", "stolen", "broken", "gone"), "revoked"),
    }


# --- clients' keys in clear -----------------------------------------------------------------------


def clear_keys(pki: Path) -> set[str]:
    return {path.name for path in (pki / "private").glob("*.key")}


@pytest.mark.long
@pytest.mark.parametrize("path", ["pki/../pki", "link/../../pki"])
async def test_they_are_removed_by_a_path_that_goes_up(home: Home, copy: Path, path: str) -> None:
    (home.folder / "link").symlink_to(copy / "private")
    ran = await home.imports(home.folder / path, "--purge-client-keys", "--yes")
    assert ran.code == 0, ran
    assert "Removed 2 files" in ran.out
    assert clear_keys(copy) == {"ca.key", "server.key"}


@pytest.mark.long
@pytest.mark.parametrize("answer", ["yes", "no"])
async def test_they_are_removed_if_the_answer_is_yes(home: Home, copy: Path, answer: str) -> None:
    question = f"Remove 2 files with clients' keys from {copy}?"
    seen = await home.types(copy, "--purge-client-keys", answers={question[:40]: answer})
    assert seen.code == 0, seen
    gone = answer == "yes"
    assert ("Removed 2 files" if gone else "left where they are") in seen.text
    assert ("anna.key" not in clear_keys(copy)) is gone


# --- the report -----------------------------------------------------------------------------------


@pytest.mark.long
async def test_all_that_is_odd_about_a_certificate_stands_in_its_line(
    home: Home, copy: Path
) -> None:
    books = EasyRsa(copy)
    bob, anna = books.serial("bob"), books.serial("anna")
    books.forget("bob")
    books.lists("anna", 0x77)
    books.lists("", 0x78)
    ran = await home.imports(copy, "--dry-run")
    assert ran.code == 0, ran
    odd = dict(re.findall(r"^  - (.+, serial [0-9a-f]+): (.*)$", ran.out, re.MULTILINE))
    assert set(odd) == {
        f"anna, serial {anna}",
        "anna, serial 77",
        f"bob, serial {bob}",
        "A certificate without a name, serial 78",
    }
    assert "one of 2 of this name that are valid at once" in odd[f"anna, serial {anna}"]
    assert "of this name" in odd["anna, serial 77"]
    assert "file is gone" in odd["anna, serial 77"]
    assert "the index doesn't know" in odd[f"bob, serial {bob}"]
    found = report(await home.imports(copy, "--dry-run", "--json"))["findings"]
    texts = {one["code"]: one["text"] for one in found}
    assert texts["duplicate_name"].startswith(f"anna, serials {anna}, 77: one of 2 ")


async def test_a_big_report_stays_readable(home: Home, copy: Path) -> None:
    """Thirty certificates whose files are gone: a dozen are named, and the rest counted."""
    for number in range(30):
        EasyRsa(copy).lists(f"user-{number}", number + 1)
    ran = await home.imports(copy, "--dry-run")
    assert ran.code == 0, ran
    assert len(re.findall(r"the certificate's file is gone", ran.out)) == 12
    assert "… and 18 more of this kind; --json has all." in ran.out
    found = report(await home.imports(copy, "--dry-run", "--json"))["findings"]
    assert [finding["code"] for finding in found].count("missing_certificate") == 30


async def test_the_report_says_what_was_taken_over(home: Home, copy: Path) -> None:
    ran = await home.imports(copy, "--json")
    assert (ran.code, ran.err) == (0, "")
    assert report(ran)["imported"] == {
        "made_ca": True,
        "valid": 3,
        "revoked": 0,
        "expired": 0,
        "listed": 0,
        "ended": [],
    }
    again = report(await home.imports(copy, "--json", "--purge-client-keys", "--yes"))
    assert again["imported"]["valid"] == 0
    assert not again["imported"]["made_ca"]
    assert again["client_keys_removed"] == 2
    assert "imported" not in report(await home.imports(copy, "--json", "--dry-run"))


@pytest.mark.long
async def test_an_end_that_is_not_proved_is_no_success(home: Home, copy: Path) -> None:
    """Before its server is known nothing can be proved, nor where nobody answers for it."""
    pki = EasyRsa(copy)
    await home.done("ca", "import-easyrsa", str(copy))
    pki("revoke", "anna")
    ran = await home.imports(copy, "--json")
    assert ran.code == 1, ran
    [ended] = report(ran)["imported"]["ended"]
    assert ended == {"common_name": "anna", "serial": pki.serial("anna"), "proved": False}
    await add_server(home)
    pki("revoke", "bob")
    ran = await home.imports(copy, "--json")
    assert ran.code == 1, ran
    [ended] = report(ran)["imported"]["ended"]
    assert (ended["common_name"], ended["proved"]) == ("bob", False)


async def add_server(home: Home) -> None:
    office = str(home.folder / "office")
    remote = f"127.0.0.1:{_free_port()}/udp"
    await home.done("server", "add", "office", "--remote", remote, "--directory", office)
    await home.done("server", "deploy", "office")


@pytest.mark.long
async def test_a_bar_is_shown_while_it_reads(home: Home, easyrsa: EasyRsa) -> None:
    seen = await home.types(easyrsa.pki, "--dry-run", answers={})
    assert seen.code == 0, seen
    assert f"Reading {easyrsa.pki}" in seen.text
    assert "100%" in seen.text
    assert "Reading" not in (await home.imports(easyrsa.pki, "--dry-run")).err


@pytest.mark.long
async def test_the_list_of_grants_has_serials(home: Home, copy: Path) -> None:
    """Whole, for `revoke serial:HEX`; at a narrow terminal they stand below."""
    pki = EasyRsa(copy)
    await home.done("ca", "import-easyrsa", str(copy))
    rows = {
        row.split()[-2]: row.split() for row in (await home.done("grant", "list")).out.splitlines()
    }
    assert rows["anna"][-1] == pki.serial("anna")
    seen = await at_terminal(home.company, "grant", "list", columns=80, settings=home.environment)
    lines = seen.text.splitlines()
    assert max(map(len, lines)) <= 80
    for name in ("anna", "bob"):
        [first] = [line.split() for line in lines if name in line.split()]
        assert first[0] in {row[0] for row in rows.values()}
        assert "active" in first
        assert pki.serial(name) in "".join(line.split()[-1] for line in lines if line.strip())


@pytest.mark.long
async def test_an_interrupted_import_is_finished_with_the_same_ca(home: Home, copy: Path) -> None:
    """As a kill between the books and the key leaves it."""
    await home.done("ca", "import-easyrsa", str(copy))
    shutil.rmtree(home.folder / "data" / "ca")
    other = EasyRsa(home.folder / "other")
    other.begin()
    ran = await home.imports(other.pki)
    assert (ran.code, ran.err.count("\n")) == (1, 1)
    assert "another easy-rsa CA was interrupted" in ran.err
    ran = await home.vpnbot("ca", "init")
    assert (ran.code, ran.out, ran.err.count("\n")) == (1, "", 1)
    assert "Run it again" in ran.err
    assert not home.has_authority
    await home.done("ca", "import-easyrsa", str(copy))
    assert home.has_authority
