"""A set of servers that share one profile: real OpenVPN servers, a real client, real taps."""

import re
from pathlib import Path

import pytest

from demo.errors import LabRefused
from demo.lab.network import NetLab, lab_missing
from tests.company import ANNA, company_with_openvpn

pytestmark = pytest.mark.skipif(lab_missing() is not None, reason=lab_missing() or "")

PARIS, ROME = 1195, 1196


def dialling(profile: str, port: int, tls_key: str) -> str:
    """What somebody makes of a shared profile to dial one server with its certificate."""
    before = profile.partition("<connection>")[0].partition("<tls-crypt-v2>")[0]
    lines = [line for line in before.splitlines() if not line.startswith("remote ")]
    return "\n".join([f"remote {NetLab.server_address} {port} udp", *lines, tls_key])


def tls_keys(profile: str) -> list[str]:
    """The blocks with them, in order."""
    return re.findall(r"<tls-crypt-v2>.*?</tls-crypt-v2>", profile, re.DOTALL)


async def test_a_client_takes_the_second_server_where_the_first_is_dead(folder: Path) -> None:
    """With a tls key of its own on each; an unapproved third one refuses it."""
    async with company_with_openvpn(folder) as (company, lab):
        for name, port in (("paris", PARIS), ("rome", ROME)):
            await company.add_server(name, port)
            await lab.start_beside(folder / name)
        said = (await company.done("server", "group", "add", "eu", "office", "paris")).out
        assert "A profile for eu opens office, paris" in said
        assert "OpenVPN Connect takes one key only" in said
        await company.start()
        await company.anna.says("/requestvpn")
        asked = await company.anna.hears("Which server do you need?")
        assert "one profile for office, paris" in asked.text
        await company.anna.taps("eu", message=asked)
        card = await company.card(company.boris, company.anna)
        assert "Servers: eu (office, paris)" in card.text
        await company.boris.taps("Approve", message=card)
        message = await company.anna.receives_document()
        assert message.document is not None
        profile = message.document.content.decode()
        (grant,) = await company.grants()
        assert (grant["server"], grant["servers"]) == ("eu", ["office", "paris"])
        tunnel = await lab.connect(profile)
        assert tunnel.address == grant["addresses"]["office"] == grant["address"]
        await tunnel.close()
        await lab.stop_server()
        tunnel = await lab.connect(profile, tries_next=True)
        assert tunnel.address == grant["addresses"]["paris"]
        assert await tunnel.ping("10.8.4.1")
        print(tunnel.log[-2000:])
        # The third was not approved, whatever else its clients know.
        romes = folder / "rome.ovpn"
        await company.done(
            "grant", "issue", str(ANNA.id), "--server", "rome", "--output", str(romes)
        )
        with pytest.raises(LabRefused):
            await lab.connect(dialling(profile, ROME, tls_keys(romes.read_text())[0]))
        paris_only = dialling(profile, PARIS, tls_keys(profile)[2])
        await lab.start_server(folder / "office")
        await company.boris.says("/revoke Anna")
        receipt = await company.boris.hears("Revoked")
        print(receipt.text)
        assert not await tunnel.ping("10.8.4.1", timeout=1)
        for text in (profile, paris_only):
            with pytest.raises(LabRefused):
                await lab.connect(text)
