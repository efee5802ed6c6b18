"""More time by one tap: asked, approved, and the earlier profile until the new one was used."""

import pytest

from demo.lab.network import lab_missing
from demo.testing import DemoMessage
from tests.company import Company, company_with_openvpn, until
from tests.folders import open_folder

_MISSING = lab_missing()
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.waits]


def states(company: Company) -> list[str]:
    return [grant["state"] for grant in company.grants_of(company.anna)]


@pytest.mark.long
@pytest.mark.skipif(_MISSING is not None, reason=_MISSING or "")
async def test_the_earlier_one_connects_until_the_new_one_has() -> None:
    with open_folder() as folder:
        async with company_with_openvpn(folder) as (company, lab):
            await company.start()
            anna, boris = company.anna, company.boris
            old = await company.approved("/requestvpn 8h")
            file = next(one for one in anna.messages if one.document is not None)

            await anna.taps("More time", message=file)
            await anna.hears("It’s for more time")
            card = await boris.hears("Anna Petrova asks for more time")
            assert "More time for anna-petrova-" in card.text
            assert card.button("Approve 16 hours")
            # Its own file offers it no longer, and none is asked for twice.
            await until(lambda: not _newest(company, file.message_id).button("More time"))
            await boris.taps("Approve 16", message=card)
            document = (await anna.receives_document()).document
            assert document is not None
            fresh = document.content.decode()
            assert "works until you’ve connected with this one" in _newest(company).text
            await until(lambda: states(company) == ["active", "active"])

            tunnel = await lab.connect(old)
            assert await tunnel.ping("10.8.0.1")
            again = await lab.connect(fresh)
            # Servers are looked at every minute.
            await until(lambda: states(company) == ["revoked", "active"], seconds=180)
            assert not await tunnel.ping("10.8.0.1")
            assert await again.ping("10.8.0.1")
            gone = _newest(company, file.message_id)
            assert gone.text.startswith("✖ No longer works.")
            assert not gone.button("More time")


def _newest(company: Company, message_id: int | None = None) -> DemoMessage:
    """A message as it is now; else the last profile."""
    found = [one for one in company.anna.messages if one.document is not None]
    return next(one for one in reversed(found) if message_id in {None, one.message_id})
