"""Names that others chose, at the terminal: they forge nothing, and stop nothing."""

import json
import os
from pathlib import Path

from tests.company import ANNA, company_with_stand_in

FORGED = "anna\x1b[2J\r\nRevoked: Boris has no access any more.\u202e\u2066\x9b1m"
ORDERS = set("\x1b\r\u202e\u2066\x9b\udcff")
NO_TEXT = os.fsdecode(b"monday-\xff\x1b.age")


async def test_a_name_forges_no_receipt(folder: Path) -> None:
    async with company_with_stand_in(folder) as (company, _):
        await company.done("grant", "issue", str(ANNA.id), "--output", "anna.ovpn")
        # As `ca import-easyrsa` takes it over.
        company.tamper(
            "UPDATE grants SET common_name = ?, serial = '1000', imported_at = not_before, "
            "server = NULL, user_id = NULL, request_id = NULL",
            FORGED,
        )
        listed = [
            await company.vpnbot(*command.split())
            for command in ("grant list", "doctor", "revoke anna", "revoke serial:1000")
        ]
        listed.append(await company.vpnbot("audit", "show"))
        for ran in listed:
            said = ran.out + ran.err
            assert not ORDERS.intersection(said), ran
            # The forged line stands in the middle of one of ours.
            assert not any(line.startswith("Revoked: Boris") for line in said.split("\n")), ran
        assert any("Revoked: Boris" in line for line in listed[3].out.split("\n"))
        assert json.loads((await company.done("grant", "list", "--json")).out)[0][
            "common_name"
        ] == (FORGED)

        secret = folder / "secret"
        secret.write_text("staple battery horse\n")
        secret.chmod(0o600)
        target = folder / NO_TEXT
        flag = ("--passphrase-file", str(secret))
        ran = await company.done("backup", str(target), *flag)
        assert (target.exists(), ORDERS.intersection(ran.out)) == (True, set())
        again = await company.vpnbot("backup", str(target), *flag)
        assert (again.code, again.err.count("\n")) == (1, 1), again
        assert "exists already" in again.err
        rows = (await company.done("audit", "export")).out.splitlines()
        (made,) = [row for row in map(json.loads, rows) if row["action"] == "backup.make"]
        assert made["detail"]["file"] == "monday-\\udcff\x1b.age"
        await company.done("audit", "verify")
        for wrong in (
            ("revoke", NO_TEXT),
            ("server", "add", NO_TEXT),
            (NO_TEXT,),
            ("--" + NO_TEXT,),
        ):
            ran = await company.vpnbot(*wrong)
            assert ran.code in (1, 2), ran
            assert "Traceback" not in ran.err
            assert not ORDERS.intersection(ran.err), ran
