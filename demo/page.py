"""The web page of chats and the small API behind it.

Only this machine's own browser may speak to it: requests under another host name are refused
(a name that someone else points at 127.0.0.1), and so are orders from other sites' pages.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote, urlsplit

from aiohttp import web

from demo.api.events import Answer, Device, DeviceState, Event, EventKind
from demo.api.messages import Message
from demo.api.world import PersonState, World
from demo.errors import DemoError
from demo.people import Json
from demo.trouble import HowOften, Setting, Trouble, TroubleKind, WhichCalls

WEB_FOLDER = Path(__file__).with_name("web")
_FILES = (
    *(
        "style.css",
        "chat.css",
        "message.css",
        "narrow.css",
        "app.js",
        "chat.js",
        "commands.js",
        "text.js",
        "tricks.css",
        "tricks.js",
        "picking.js",
        "trouble.css",
        "trouble.js",
    ),
    *("icon.svg", "pattern.svg"),
)
_PAGES = {"/": "index.html"} | {f"/{name}": name for name in _FILES}
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
}
# As much of a message as a reply to it shows.
_QUOTED = 80
_LOCAL_NAMES = frozenset({"127.0.0.1", "localhost"})

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Connector(Protocol):
    """What stands behind a profile's Connect button; shows its progress by `show_device`."""

    async def connect(self, person_id: int, file_id: str, profile: str) -> None:
        """Raises DemoError with a sentence for the page."""
        ...

    async def disconnect(self, person_id: int, file_id: str) -> None: ...


class Page:
    """Static files, orders of the people on the page, and a stream of what happens."""

    def __init__(self, world: World, trouble: Trouble, banner: str) -> None:
        self._world = world
        self._trouble = trouble
        self._banner = banner
        self._connector: Connector | None = None
        self._streams: set[asyncio.Queue[Json | None]] = set()
        self._jobs: set[asyncio.Task[None]] = set()
        # What somebody is to the bot now, where that is another thing than at the beginning.
        self._roles: dict[int, str] = {}
        world.listeners.append(self._listen)

    @property
    def banner(self) -> str:
        """The line at the top of the page."""
        return self._banner

    @banner.setter
    def banner(self, text: str) -> None:
        self._banner = text
        self._send({"kind": "state", "state": self._state()})

    @property
    def connector(self) -> Connector | None:
        """With one, .ovpn documents get a Connect button."""
        return self._connector

    @connector.setter
    def connector(self, connector: Connector | None) -> None:
        self._connector = connector
        self._send({"kind": "state", "state": self._state()})

    def show_device(
        self, person_id: int, file_id: str, state: DeviceState, detail: str = ""
    ) -> None:
        """Shows the state of the device with this profile, below it and in the chat’s head."""
        self._world.shows_device(person_id, file_id, Device(state, detail))

    def show_role(self, person_id: int, role: str) -> None:
        """Shows what somebody is to the bot now, below their name."""
        if self._role_of(person_id) != role:
            self._roles[person_id] = role
            self._send({"kind": "role", "person": person_id, "role": role})

    def show_trouble(self) -> None:
        """Shows which switches are on."""
        self._send({"kind": "trouble", "trouble": self._trouble.shown()})

    def add_routes(self, app: web.Application) -> None:
        for path in _PAGES:
            app.router.add_get(path, _guarded(self._on_static))
        app.router.add_get("/api/state", _guarded(self._on_state))
        app.router.add_get("/api/events", _guarded(self._on_events))
        app.router.add_get("/api/file/{file_id}", _guarded(self._on_file))
        app.router.add_post("/api/{order}", _guarded(self._on_order))

    async def close(self) -> None:
        """Ends the streams and what the people's clients were still at."""
        for stream in self._streams:
            stream.put_nowait(None)
        jobs = tuple(self._jobs)
        for job in jobs:
            job.cancel()
        await asyncio.gather(*jobs, return_exceptions=True)

    # --- what the page reads

    async def _on_static(self, request: web.Request) -> web.StreamResponse:
        return web.FileResponse(WEB_FOLDER / _PAGES[request.path], headers=_HEADERS)

    async def _on_state(self, _request: web.Request) -> web.StreamResponse:
        return web.json_response(self._state(), headers=_HEADERS)

    async def _on_file(self, request: web.Request) -> web.StreamResponse:
        stored = self._world.files.get(request.match_info["file_id"])
        if stored is None:
            raise web.HTTPNotFound(text="There is no such file.")
        disposition = f"attachment; filename*=UTF-8''{quote(stored.name, safe='')}"
        headers = _HEADERS | {"Content-Disposition": disposition}
        return web.Response(
            body=stored.content, content_type="application/octet-stream", headers=headers
        )

    async def _on_events(self, request: web.Request) -> web.StreamResponse:
        """Server-sent events: the whole state first, then one event for each change."""
        response = web.StreamResponse(headers=_HEADERS | {"Content-Type": "text/event-stream"})
        stream: asyncio.Queue[Json | None] = asyncio.Queue()
        self._streams.add(stream)
        stream.put_nowait({"kind": "state", "state": self._state()})
        try:
            await response.prepare(request)
            while (event := await stream.get()) is not None:
                await response.write(f"data: {json.dumps(event)}\n\n".encode())
        except ConnectionError:
            pass
        finally:
            self._streams.discard(stream)
        return response

    def _listen(self, event: Event) -> None:
        """Tells the page what changed in the chats that it shows."""
        if event.kind == EventKind.COMMANDS:
            self._send({"kind": "commands", "commands": self._all_commands()})
            return
        if event.chat_id not in self._world.people:
            return
        detail: Json
        match event.content:
            case Message() as message:
                detail = {"message": _message(message)}
            case Answer() as answer:
                detail = {"text": answer.text, "alert": answer.show_alert}
            case None:
                detail = _standing(self._world.people[event.chat_id])
        self._send({"kind": event.kind, "person": event.chat_id} | detail)

    def _send(self, event: Json) -> None:
        for stream in self._streams:
            stream.put_nowait(event)

    def _state(self) -> Json:
        return {
            "banner": self._banner,
            "bot": {"name": self._world.bot.first_name, "username": self._world.bot.username},
            "can_connect": self._connector is not None,
            "commands": self._all_commands(),
            "trouble": self._trouble.shown(),
            "people": [
                _standing(state)
                | {
                    "id": state.person.id,
                    "name": state.person.first_name,
                    "username": state.person.username,
                    "role": self._role_of(state.person.id),
                    "messages": [_message(m) for m in self._world.messages_in(state.person.id)],
                }
                for state in self._world.people.values()
            ],
        }

    def _role_of(self, person_id: int) -> str:
        return self._roles.get(person_id, self._world.people[person_id].person.role)

    def _all_commands(self) -> Json:
        return {
            str(person_id): self._world.menus.shown_to(person_id, state.person.language_code)
            for person_id, state in self._world.people.items()
        }

    # --- what the people on the page do

    async def _on_order(self, request: web.Request) -> web.StreamResponse:
        try:
            await self._obey(request.match_info["order"], await request.json())
        except DemoError as error:
            return _refusal(str(error))
        except (KeyError, TypeError, ValueError):
            return _refusal("The order couldn't be understood; reload the page.")
        return web.json_response({"ok": True}, headers=_HEADERS)

    async def _obey(self, name: str, body: Json) -> None:
        match name:
            case "trouble" if body["on"]:
                often = HowOften(body.get("often", HowOften.EVERY))
                calls = WhichCalls(body.get("calls", WhichCalls.ALL))
                await self._trouble.switch_on(TroubleKind(body["kind"]), Setting(often, calls))
            case "trouble":
                await self._trouble.switch_off(TroubleKind(body["kind"]))
            case "calm":
                await self._trouble.switch_off()
            case "connect":
                self._connect(int(body["person"]), str(body["file_id"]))
            case "disconnect" if self._connector is not None:
                await self._connector.disconnect(int(body["person"]), str(body["file_id"]))
            case "disconnect":
                pass
            case _:
                self._act(name, int(body["person"]), body)

    def _act(self, name: str, person_id: int, body: Json) -> None:
        """What a person does in their chat."""
        world = self._world
        match name:
            case "say":
                answered = body.get("replies_to")
                world.says(person_id, str(body["text"]), replies_to=answered and int(answered))
            case "pick":
                world.picks(person_id, [int(one) for one in body["users"]])
            case "tap":
                world.taps(person_id, int(body["message_id"]), str(body["data"]))
            case "edit":
                world.edits(person_id, int(body["message_id"]), str(body["text"]))
            case "forward":
                world.forwards(person_id, str(body["text"]))
            case "delete":
                world.deletes(person_id, int(body["message_id"]))
            case "block":
                world.blocks(person_id)
            case "unblock":
                world.unblocks(person_id)
            case _:
                raise ValueError(name)

    def _connect(self, person_id: int, file_id: str) -> None:
        """Returns at once: the device's state tells the rest."""
        connector = self._connector
        if connector is None:
            raise DemoError("There is no VPN server to connect to here.")
        profile = self._world.files[file_id].content.decode()

        async def connect() -> None:
            try:
                await connector.connect(person_id, file_id, profile)
            except DemoError as error:
                self.show_device(person_id, file_id, DeviceState.REFUSED, str(error))

        self.show_device(person_id, file_id, DeviceState.CONNECTING)
        job = asyncio.create_task(connect())
        self._jobs.add(job)
        job.add_done_callback(self._jobs.discard)


def _standing(state: PersonState) -> Json:
    devices = {
        file_id: {"state": device.state, "detail": device.detail}
        for file_id, device in state.devices.items()
    }
    asks = state.picker
    picker = None if asks is None else {"text": asks.text, "most": asks.most}
    return {
        "started": state.started,
        "blocked": state.blocked,
        "devices": devices,
        "picker": picker,
    }


def _picked(message: Message) -> str:
    """Whom a message names that has no text."""
    users = message.extra.get("users_shared", {}).get("users", [])
    return "👤 " + ", ".join(user["first_name"] for user in users) if users else ""


def _message(message: Message) -> Json:
    """A message as the page draws it."""
    shown: Json = {
        "id": message.message_id,
        "from_bot": message.from_bot,
        "date": message.date,
        "text": message.text or _picked(message),
        "entities": list(message.entities),
        "keyboard": [list(row) for row in message.keyboard],
        "edited": message.edit_date is not None,
        "forwarded": "forward_origin" in message.extra,
        "quoted": message.extra.get("reply_to_message", {}).get("text", "")[:_QUOTED],
    }
    if message.document is not None:
        stored = message.document
        shown["document"] = {
            "file_id": stored.file_id,
            "name": stored.name,
            "size": len(stored.content),
        }
    return shown


def _refusal(text: str) -> web.Response:
    return web.json_response({"ok": False, "error": text}, status=400, headers=_HEADERS)


def _guarded(handler: Handler) -> Handler:
    async def check(request: web.Request) -> web.StreamResponse:
        if urlsplit(f"//{request.host}").hostname not in _LOCAL_NAMES:
            raise web.HTTPForbidden(text="This page answers to 127.0.0.1 and localhost only.")
        origin: Any = request.headers.get("Origin")
        if origin is not None and urlsplit(origin).netloc != request.host:
            raise web.HTTPForbidden(text="Other sites may not give orders here.")
        return await handler(request)

    return check
