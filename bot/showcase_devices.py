"""The VPN clients of the people in the demo: what stands behind a profile's Connect button."""

import asyncio
from ipaddress import IPv4Address
from typing import Any

from cryptography import x509
from cryptography.x509.oid import NameOID

from demo.api.world import DeviceState
from demo.errors import DemoError
from demo.lab.network import NetLab, Tunnel
from demo.lab.stand_in import StandIn
from demo.page import Page

_PING_EVERY_S = 1.0
_REPLY_S = 2.0
_UP = "{address}: the server answers a ping"
_DEAD = "The server answers no ping any more"
_UP_STAND_IN = "{address}: the stand-in let this profile in"
_CUT = "The server cut the session"
_REFUSED = "The server doesn't let this profile in."


class LabDevices:
    """Real OpenVPN clients, one for each person, watched by a ping through the tunnel."""

    def __init__(self, lab: NetLab, page: Page) -> None:
        self._lab = lab
        self._page = page
        self._tunnels: dict[int, Tunnel] = {}
        self._watches: dict[int, asyncio.Task[None]] = {}

    async def connect(self, person_id: int, profile: str) -> None:
        """Raises DemoError where the server refuses."""
        await self.disconnect(person_id)
        self._page.show_device(person_id, DeviceState.CONNECTING)
        tunnel = await self._lab.connect(profile)
        self._tunnels[person_id] = tunnel
        self._watches[person_id] = asyncio.create_task(self._watch(person_id, tunnel))

    async def disconnect(self, person_id: int) -> None:
        watch = self._watches.pop(person_id, None)
        if watch is not None:
            watch.cancel()
        tunnel = self._tunnels.pop(person_id, None)
        if tunnel is not None:
            await tunnel.close()
            self._page.show_device(person_id, DeviceState.OFF)

    async def close(self) -> None:
        for person_id in tuple(self._tunnels):
            await self.disconnect(person_id)

    async def _watch(self, person_id: int, tunnel: Tunnel) -> None:
        gateway = gateway_of(tunnel.address)
        while await tunnel.ping(gateway, timeout=_REPLY_S):
            self._page.show_device(
                person_id, DeviceState.CONNECTED, _UP.format(address=tunnel.address)
            )
            await asyncio.sleep(_PING_EVERY_S)
        self._page.show_device(person_id, DeviceState.LOST, _DEAD)
        self._tunnels.pop(person_id, None)
        await tunnel.close()


class StandInDevices:
    """Clients of the stand-in: a name that it lets in or not, and no traffic."""

    server: StandIn

    def __init__(self, page: Page) -> None:
        self._page = page
        self._names: dict[int, str] = {}

    async def connect(self, person_id: int, profile: str) -> None:
        """Raises DemoError where the stand-in refuses."""
        await self.disconnect(person_id)
        name = common_name_of(profile)
        if not await self.server.connect(name):
            raise DemoError(_REFUSED)
        self._names[person_id] = name
        detail = _UP_STAND_IN.format(address=self.server.address(name))
        self._page.show_device(person_id, DeviceState.CONNECTED, detail)

    async def disconnect(self, person_id: int) -> None:
        name = self._names.pop(person_id, None)
        if name is not None:
            await self.server.disconnect(name)
            self._page.show_device(person_id, DeviceState.OFF)

    def on_event(self, event: dict[str, Any]) -> None:
        """Shows a session that the server cut."""
        if event["event"] != "killed":
            return
        for person_id, name in tuple(self._names.items()):
            if name == event["common_name"]:
                del self._names[person_id]
                self._page.show_device(person_id, DeviceState.LOST, _CUT)


def gateway_of(address: str) -> str:
    """The server's own address: the first of the demo's only network, a /22."""
    return str(IPv4Address(int(IPv4Address(address)) & ~1023) + 1)


def common_name_of(profile: str) -> str:
    """The name in a profile's certificate."""
    pem = profile.partition("<cert>")[2].partition("</cert>")[0].strip()
    certificate = x509.load_pem_x509_certificate(pem.encode())
    return str(certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)
