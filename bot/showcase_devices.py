"""The VPN clients of the people in the demo: what stands behind a profile's Connect button."""

import asyncio
from ipaddress import IPv4Address
from typing import Any

from cryptography import x509
from cryptography.x509.oid import NameOID

from demo.api.events import DeviceState
from demo.errors import DemoError
from demo.lab.network import NetLab, Tunnel
from demo.lab.stand_in import StandIn
from demo.page import Page

# A person, and the file of the profile that this one was given.
_Device = tuple[int, str]
_PING_EVERY_S = 1.0
_REPLY_S = 2.0
_UP = "{address}: the server answers a ping"
_DEAD = "The server answers no ping any more"
_UP_STAND_IN = "{address}: the stand-in let this profile in"
_CUT = "The server cut the session"
_REFUSED = "The server doesn't let this profile in."


class LabDevices:
    """Real OpenVPN clients, one for each profile, watched by a ping through the tunnel."""

    def __init__(self, lab: NetLab, page: Page) -> None:
        self._lab = lab
        self._page = page
        self._tunnels: dict[_Device, Tunnel] = {}
        self._watches: dict[_Device, asyncio.Task[None]] = {}

    async def connect(self, person_id: int, file_id: str, profile: str) -> None:
        """Raises DemoError where the server refuses."""
        await self.disconnect(person_id, file_id)
        device = person_id, file_id
        self._page.show_device(*device, DeviceState.CONNECTING)
        tunnel = await self._lab.connect(profile)
        self._tunnels[device] = tunnel
        self._watches[device] = asyncio.create_task(self._watch(device, tunnel))

    async def disconnect(self, person_id: int, file_id: str) -> None:
        device = person_id, file_id
        watch = self._watches.pop(device, None)
        if watch is not None:
            watch.cancel()
        tunnel = self._tunnels.pop(device, None)
        if tunnel is not None:
            await tunnel.close()
            self._page.show_device(*device, DeviceState.OFF)

    async def close(self) -> None:
        for device in tuple(self._tunnels):
            await self.disconnect(*device)

    async def _watch(self, device: _Device, tunnel: Tunnel) -> None:
        gateway, said = gateway_of(tunnel.address), _UP.format(address=tunnel.address)
        while await tunnel.ping(gateway, timeout=_REPLY_S):
            self._page.show_device(*device, DeviceState.CONNECTED, said)
            await asyncio.sleep(_PING_EVERY_S)
        self._page.show_device(*device, DeviceState.LOST, _DEAD)
        self._tunnels.pop(device, None)
        await tunnel.close()


class StandInDevices:
    """Clients of the stand-in: a name that it lets in or not, and no traffic."""

    server: StandIn

    def __init__(self, page: Page) -> None:
        self._page = page
        self._names: dict[_Device, str] = {}

    async def connect(self, person_id: int, file_id: str, profile: str) -> None:
        """Raises DemoError where the stand-in refuses."""
        await self.disconnect(person_id, file_id)
        name = common_name_of(profile)
        if not await self.server.connect(name):
            raise DemoError(_REFUSED)
        self._names[person_id, file_id] = name
        detail = _UP_STAND_IN.format(address=self.server.address(name))
        self._page.show_device(person_id, file_id, DeviceState.CONNECTED, detail)

    async def disconnect(self, person_id: int, file_id: str) -> None:
        name = self._names.pop((person_id, file_id), None)
        if name is not None:
            await self.server.disconnect(name)
            self._page.show_device(person_id, file_id, DeviceState.OFF)

    def on_event(self, event: dict[str, Any]) -> None:
        """Shows a session that the server cut."""
        if event["event"] != "killed":
            return
        for device, name in tuple(self._names.items()):
            if name == event["common_name"]:
                del self._names[device]
                self._page.show_device(*device, DeviceState.LOST, _CUT)


def gateway_of(address: str) -> str:
    """The server's own address: the first of the demo's only network, a /22."""
    return str(IPv4Address(int(IPv4Address(address)) & ~1023) + 1)


def common_name_of(profile: str) -> str:
    """The name in a profile's certificate."""
    pem = profile.partition("<cert>")[2].partition("</cert>")[0].strip()
    certificate = x509.load_pem_x509_certificate(pem.encode())
    return str(certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)
