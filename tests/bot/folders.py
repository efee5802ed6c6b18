"""A server that its operator set up."""

import json
from dataclasses import replace

from tests.company import Company
from vpn.layout import DEPLOYED, UnixSocket


def adopt(company: Company) -> None:
    """The same server, as if its operator had written the configuration."""
    root = str(company.folder / "office").removeprefix("/")
    layout = replace(
        DEPLOYED,
        conf=f"{root}/server.conf",
        crl=f"{root}/live/crl.pem",
        ccd=f"{root}/live/ccd",
        management=UnixSocket(f"{root}/management.sock"),
        certificate=f"{root}/server.crt",
    )
    adopted = {"layout": layout.to_json(), "certificate_end": None}
    company.tamper("UPDATE servers SET adopted = ?", json.dumps(adopted))
