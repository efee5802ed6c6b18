"""The main job, end to end: request, approval, a tunnel that works, revocation, proof."""

from pathlib import Path

import pytest

from demo.lab.network import lab_missing
from tests.company import company_with_openvpn
from tests.vpn.operator_kit import is_refused

pytestmark = pytest.mark.skipif(lab_missing() is not None, reason=str(lab_missing()))


async def test_from_the_request_to_the_proved_revocation(folder: Path) -> None:
    async with company_with_openvpn(folder) as (company, lab):
        await company.start()
        profile = await company.approved("/requestvpn 2d visiting a customer")
        tunnel = await lab.connect(profile)
        assert await tunnel.ping("10.8.0.1")

        await company.boris.says("/revoke Anna Petrova")
        receipt = await company.boris.hears("Anna Petrova")
        while "Request" in receipt.text:
            receipt = await company.boris.hears("Anna Petrova")

        assert receipt.text.startswith("Revoked")
        assert "1 session was cut" in receipt.text
        assert not await tunnel.ping("10.8.0.1", timeout=2)
        await tunnel.close()
        assert await is_refused(lab, profile, "certificate revoked")
        (grant,) = await company.grants()
        assert grant["state"] == "revoked"
