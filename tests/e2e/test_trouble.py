"""It doesn't work: what a real OpenVPN has seen of it reaches its owner and the admins."""

import pytest

from demo.lab.network import lab_missing
from tests.company import company_with_openvpn
from tests.folders import open_folder

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(lab_missing() is not None, reason=str(lab_missing())),
]


async def test_both_sides_read_what_the_server_saw() -> None:
    with open_folder() as folder:
        async with company_with_openvpn(folder) as (company, lab):
            await company.start()
            profile = await company.approved()
            anna = company.anna
            message = next(one for one in reversed(anna.messages) if one.document)
            tunnel = await lab.connect(profile)
            await tunnel.close()
            await anna.taps("It doesn’t work", message=message)
            for question, answer in (
                ("What happens?", "It never connects"),
                ("On which device?", "Linux"),
                ("Where are you with it?", "At home"),
            ):
                await anna.taps(answer, message=await anna.hears(question))
            seen = "office was reached with this profile"
            assert "took its certificate" in (await anna.hears(seen)).text
            note = await company.boris.hears("Anna can’t get in with")
            assert seen in note.text
            await company.stop()
