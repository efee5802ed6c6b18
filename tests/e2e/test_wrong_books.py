"""Books that were wrong, or restored from before: whoever they forget gets in nowhere unnoticed."""

import os
from pathlib import Path

import pytest
from cryptography import x509

from pki.crl import read_crl
from pki.serial import serial_hex
from tests.accounts import give
from tests.company import Company, _free_port, open_company
from tests.easyrsa import NEEDS_EASYRSA, EasyRsa

pytestmark = [NEEDS_EASYRSA, pytest.mark.asyncio(loop_scope="module")]

EARLY = "200101000000Z"


def rewrite(pki: Path, name: str, status: str | None, *, ends: str | None = None) -> None:
    """The row of this name with another status and end, or without both: gone."""
    lines = []
    for line in (pki / "index.txt").read_text().splitlines(keepends=True):
        fields = line.split("\t")
        if not line.endswith(f"/CN={name}\n"):
            lines.append(line)
        elif status is not None:
            lines.append("\t".join([status, ends or fields[1], *fields[2:]]))
    (pki / "index.txt").write_text("".join(lines))


def listed(company: Company, easyrsa: EasyRsa) -> set[str]:
    issuer = x509.load_pem_x509_certificate((easyrsa.pki / "ca.crt").read_bytes())
    pem = (company.folder / "office/live/crl.pem").read_bytes()
    return {serial_hex(serial) for serial in read_crl(pem, issuer).serials}


@pytest.mark.long
async def test_what_the_certificate_says_counts(folder: Path) -> None:
    easyrsa = EasyRsa(folder / "pki")
    easyrsa.begin()
    names = ("anna", "bob", "carl", "dora")
    for name in names:
        easyrsa.client(name)
    serial = {name: easyrsa.serial(name) for name in names}
    for name in ("bob", "dora"):
        easyrsa("revoke", name)
    rewrite(easyrsa.pki, "anna", "E", ends=EARLY)
    rewrite(easyrsa.pki, "bob", None)
    rewrite(easyrsa.pki, "carl", "V", ends=EARLY)
    rewrite(easyrsa.pki, "dora", "R", ends=EARLY)
    for path in easyrsa.pki.rglob("*"):
        if path.stem.lower().lstrip("0") in {serial["carl"], "carl"}:
            path.unlink()
    async with open_company(folder) as company:
        done = await company.done("ca", "import-easyrsa", str(easyrsa.pki))
        for words in (
            f"anna, serial {serial['anna']}: the file {easyrsa.pki}/issued/anna.crt says something",
            "though the index calls it expired",
            f"bob, serial {serial['bob']}: filed as revoked in",
            f"carl, serial {serial['carl']}: over by the index, but no certificate is there",
        ):
            assert words in done.out, done
        rows = {row["common_name"]: row for row in await company.grants()}
        assert {name: row["state"] for name, row in rows.items()} == {
            "anna": "active",
            "bob": "revoked",
            "carl": "expired",
            "dora": "revoked",
        }
        assert rows["dora"]["not_after"] > "2028"
        await company.add_server("office", _free_port())
        out = {serial[name] for name in ("bob", "carl", "dora")}
        for _ in range(2):
            await company.done("server", "deploy", "office")
            assert listed(company, easyrsa) == out
        await company.vpnbot("revoke", "anna")
        assert listed(company, easyrsa) == {*out, serial["anna"]}


@pytest.mark.long
@pytest.mark.skipif(os.geteuid() != 0, reason="Only root can be led astray.")
async def test_root_takes_no_key_that_another_account_leads_it_to(folder: Path) -> None:
    """By a link in a PKI of their own they would get the key of a CA that is root's alone."""
    easyrsa = EasyRsa(folder / "pki")
    easyrsa.begin()
    roots = folder / "roots"
    roots.mkdir(mode=0o700)
    key = easyrsa.pki / "private/ca.key"
    key.rename(roots / "ca.key")
    key.symlink_to(roots / "ca.key")
    give(easyrsa.pki)
    async with open_company(folder) as company:
        ran = await company.vpnbot("ca", "import-easyrsa", str(easyrsa.pki))
        assert (ran.code, f"{key} is a link that another account" in ran.err) == (1, True), ran
        assert not (company.folder / "data/ca").exists()
        key.unlink()
        (roots / "ca.key").rename(key)
        await company.done("ca", "import-easyrsa", str(easyrsa.pki))
