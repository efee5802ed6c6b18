"""`vpnbot demo --tour`: one request, approval, tunnel and revocation, told in the terminal."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping

from bot.cli.shared import say
from bot.showcase import ANNA, BORIS, OFFICE, PARIS, Showcase, open_showcase
from bot.showcase_devices import gateway_of
from demo.errors import LabRefused
from demo.lab.network import NetLab, Tunnel
from demo.testing import DemoMessage
from storage.records import ServerName

_NAME_WIDTH = 14
_RECEIPT_S = 30.0


async def play() -> bool:
    """Plays the story; False if anything went otherwise than it should."""
    story = _Story()
    async with open_showcase() as showcase:
        _tell("", showcase.banner)
        anna = showcase.telegram.person(ANNA.id)
        await anna.says("/start")
        await anna.hears("Hello")
        servers = (OFFICE, PARIS) if showcase.has_paris else (OFFICE,)
        profiles = {server: await story.give_access(showcase, server) for server in servers}
        if showcase.lab is None:
            await story.revoke(showcase)
        else:
            await story.use_and_revoke(showcase, showcase.lab, profiles)
    _tell("", "Everything went as it should." if story.good else "Something went wrong: see above.")
    return story.good


class _Story:
    def __init__(self) -> None:
        self.good = True

    async def give_access(self, showcase: Showcase, server: ServerName) -> str:
        """Anna asks, Boris approves; gives the profile."""
        anna, boris = showcase.telegram.person(ANNA.id), showcase.telegram.person(BORIS.id)
        await _says(ANNA.first_name, f"/requestvpn 8h {server} visiting a customer", anna.says)
        _bot(ANNA.first_name, await anna.hears("waits for the admins"))
        card = await boris.hears(server)
        _bot(BORIS.first_name, card)
        _tell(BORIS.first_name, "taps “Approve 8 hours”")
        began = time.monotonic()
        await boris.taps("Approve 8 hours", message=card)
        message = await anna.receives_document()
        took = time.monotonic() - began
        assert message.document is not None
        _tell(
            f"bot → {ANNA.first_name}", f"{message.document.file_name}, after {took * 1000:.0f} ms"
        )
        return message.document.content.decode()

    async def use_and_revoke(
        self, showcase: Showcase, lab: NetLab, profiles: Mapping[ServerName, str]
    ) -> None:
        """A real tunnel to each server, and its end."""
        tunnels: list[tuple[Tunnel, str]] = []
        for server, profile in profiles.items():
            tunnel = await lab.connect(profile)
            gateway = gateway_of(tunnel.address)
            tunnels.append((tunnel, gateway))
            _tell("tunnel", f"to {server} is up, Anna’s address is {tunnel.address}")
            self._expect(await tunnel.ping(gateway), f"ping {gateway} answers")
        boris = showcase.telegram.person(BORIS.id)
        await _says(BORIS.first_name, "/online", boris.says)
        _bot(BORIS.first_name, await boris.hears("right now"))
        await self.revoke(showcase)
        replies = await asyncio.gather(*(tunnel.ping(to, timeout=2) for tunnel, to in tunnels))
        for (tunnel, gateway), reply in zip(tunnels, replies, strict=True):
            self._expect(not reply, f"ping {gateway} is dead")
            await tunnel.close()
        refused = await asyncio.gather(*(_is_refused(lab, each) for each in profiles.values()))
        for server, is_so in zip(profiles, refused, strict=True):
            self._expect(is_so, f"the same profile is refused by {server} from now on")

    async def revoke(self, showcase: Showcase) -> None:
        """Boris revokes, and gets the receipt."""
        boris = showcase.telegram.person(BORIS.id)
        await _says(BORIS.first_name, "/revoke Anna Petrova", boris.says)
        receipt = await boris.hears("Anna Petrova", timeout=_RECEIPT_S)
        while receipt.text.startswith("Request"):
            receipt = await boris.hears("Anna Petrova", timeout=_RECEIPT_S)
        _bot(BORIS.first_name, receipt)
        self._expect(receipt.text.startswith("Revoked"), "the receipt says Revoked")

    def _expect(self, is_so: bool, what: str) -> None:
        self.good = self.good and is_so
        _tell("✓" if is_so else "✗ NOT", what)


async def _is_refused(lab: NetLab, profile: str) -> bool:
    try:
        tunnel: Tunnel = await lab.connect(profile)
    except LabRefused:
        return True
    await tunnel.close()
    return False


async def _says(name: str, text: str, say: Callable[[str], Awaitable[DemoMessage]]) -> None:
    _tell(name, text)
    await say(text)


def _bot(to: str, message: DemoMessage) -> None:
    _tell(f"bot → {to}", message.text)
    for row in message.buttons:
        _tell("", "  ".join(f"[{button.text}]" for button in row))


def _tell(who: str, text: str) -> None:
    first, *rest = (line for line in text.splitlines() if line)
    say(f"{who:<{_NAME_WIDTH}}{first}")
    for line in rest:
        say(f"{'':<{_NAME_WIDTH}}{line}")
