"""Rounds of tries from outside, without OpenVPN."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from bot.office import Office
from bot.rounds.canary import CanaryRound
from demo.lab.stand_in import StandIn
from tests.bot.rounds.canaries import PERIOD, Client


@pytest.fixture
def client(open_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Client:
    monkeypatch.setenv("PATH", f"{open_folder}{os.pathsep}{os.environ['PATH']}")
    return Client(open_folder)


@pytest_asyncio.fixture(loop_scope="module")
async def round_(office: Office, openvpn: StandIn, client: Client) -> AsyncIterator[CanaryRound]:
    made = CanaryRound(office, lambda: None, PERIOD, window_s=1, again_s=0)
    yield made
    await made.stop()
