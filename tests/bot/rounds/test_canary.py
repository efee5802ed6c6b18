"""A server is tried from outside, by a real client at a real server, and admins hear what is wrong.

The test stands where the company's clients do, and what the bot starts stands there with it.
"""

import os
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from bot.office import Office
from bot.rounds.canary import CanaryRound
from demo.lab.network import NetLab, lab_missing
from storage.records import CanaryLook, CanaryRole, CanaryTrouble
from tests.bot.rounds.keeping import OFFICE, crl_path, notices, opened
from tests.company import Company, company_with_openvpn
from tests.folders import open_folder
from tests.machine import Machine
from tests.netns import inside
from tests.vpn.kit import make_authority, now
from vpn.layout import CONF

_MISSING = lab_missing()
pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(_MISSING is not None, reason=_MISSING or ""),
]
_PERIOD = timedelta(minutes=5)
_WINDOW_S = 3


class Place:
    """A company with a real server, and the bot's office on a machine of the test's own."""

    def __init__(self, company: Company, lab: NetLab, office: Office, machine: Machine) -> None:
        self.company, self.lab, self.office, self.machine = company, lab, office, machine
        self.canary = self.new_round()
        self._told = 0

    def new_round(self, period: timedelta | None = _PERIOD) -> CanaryRound:
        return CanaryRound(self.office, lambda: None, period, window_s=_WINDOW_S, again_s=0)

    async def round(self) -> CanaryLook:
        """Five minutes go by, and the server is tried."""
        self.machine.gone_by += _PERIOD
        with inside(self.lab.client_namespace):
            await self.canary.tend()
            await self.canary.done()
        return await self.look()

    async def look(self) -> CanaryLook:
        async with self.office.database.reading() as tx:
            seen = await tx.canaries.look(OFFICE)
        assert seen is not None
        return seen

    async def news(self) -> list[str]:
        """What admins are told since it was asked last."""
        codes = [code for code in await notices(self.office) if code.startswith("canary")]
        fresh, self._told = codes[self._told :], len(codes)
        return fresh

    async def canaries(self) -> dict[CanaryRole, str]:
        async with self.office.database.reading() as tx:
            return {each.role: each.common_name for each in await tx.canaries.in_use(OFFICE)}

    @property
    def folder(self) -> Path:
        return self.company.folder / "office"

    async def restart(self, configuration: str) -> None:
        (self.folder / CONF).write_text(configuration)
        await self.lab.restart_server(self.folder)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place() -> AsyncIterator[Place]:
    machine = Machine()
    with open_folder() as folder:
        async with (
            company_with_openvpn(folder) as (company, lab),
            opened(company, machine) as office,
        ):
            yield Place(company, lab, office, machine)


@pytest.mark.long
async def test_a_server_that_does_as_it_should_is_well_and_nobody_hears_of_it(
    place: Place,
) -> None:
    look = await place.round()

    assert (look.troubles, look.untried) == ((), None)
    assert await place.news() == []
    # Nothing of it is anybody's access, and nobody takes it for a stranger's.
    names = await place.canaries()
    assert set(names) == set(CanaryRole)
    assert await place.company.grants() == []
    files = set(os.listdir(place.folder / "live/ccd"))  # noqa: PTH208
    assert files == {names[CanaryRole.GOOD]}
    seen = await place.office.fleet.look(OFFICE)
    assert (seen.files, seen.cut, seen.left, seen.unknown) == ((), (), (), ())
    doctor = await place.company.vpnbot("doctor")
    assert "vpnbot-canary" not in doctor.out + doctor.err


@pytest.mark.long
async def test_another_cas_list_is_found_within_a_round_and_said_to_be_gone(place: Place) -> None:
    await place.round()
    assert await place.news() == []
    foreign = make_authority("Somebody else").sign_crl(number=9, revocations=(), now=now())
    ours = crl_path(place.company).read_bytes()
    crl_path(place.company).write_bytes(foreign)

    assert (await place.round()).troubles == (CanaryTrouble.REVOKED_PASSES,)
    assert await place.news() == ["canary_revoked_passes"]
    assert (await place.round()).troubles == (CanaryTrouble.REVOKED_PASSES,)
    assert await place.news() == []  # it was said

    crl_path(place.company).write_bytes(ours)
    os.utime(crl_path(place.company))
    assert (await place.round()).troubles == ()
    assert await place.news() == ["canary_well"]


@pytest.mark.long
async def test_a_second_lock_that_is_gone_is_found_within_a_round(place: Place) -> None:
    await place.round()
    await place.news()
    before = (place.folder / CONF).read_text()
    without = before.replace("ccd-exclusive\n", "").replace(" nopool", "")
    assert without != before
    await place.restart(without)

    assert (await place.round()).troubles == (CanaryTrouble.NO_SECOND_LOCK,)
    assert await place.news() == ["canary_no_second_lock"]

    # With the list gone, too, nothing keeps out who was revoked.
    ours = crl_path(place.company).read_bytes()
    foreign = make_authority("Somebody else").sign_crl(number=9, revocations=(), now=now())
    crl_path(place.company).write_bytes(foreign)
    both = (CanaryTrouble.REVOKED_LET_IN, CanaryTrouble.NO_SECOND_LOCK)
    assert (await place.round()).troubles == both
    assert await place.news() == ["canary_revoked_let_in"]

    crl_path(place.company).write_bytes(ours)
    await place.restart(before)
    assert (await place.round()).troubles == ()
    assert await place.news() == ["canary_well"]


@pytest.mark.long
async def test_a_closed_port_is_found_within_a_round(place: Place) -> None:
    await place.round()
    await place.news()
    await place.lab.stop_server()

    assert (await place.round()).troubles == (CanaryTrouble.UNREACHABLE,)
    assert await place.news() == ["canary_unreachable"]

    await place.lab.start_server(place.folder)
    assert (await place.round()).troubles == ()
    assert await place.news() == ["canary_well"]


@pytest.mark.long
async def test_a_server_that_takes_nobody_is_found_within_a_round(place: Place) -> None:
    await place.round()
    await place.news()
    ours = crl_path(place.company).read_bytes()
    crl_path(place.company).write_bytes(b"")

    assert (await place.round()).troubles == (CanaryTrouble.GOOD_REFUSED,)
    assert await place.news() == ["canary_good_refused"]

    crl_path(place.company).write_bytes(ours)
    assert (await place.round()).troubles == ()
    assert await place.news() == ["canary_well"]
