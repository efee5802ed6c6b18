"""Who is on, and what became of a session that an admin has cut, as it is sent."""

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest

from bot.access import importing, revocation
from bot.access.importing import Certificate
from bot.fleet.online import Connected, OnServer, Standing
from bot.texts import online as words
from bot.texts import strangers as stranger_words
from bot.texts.fill import fill
from demo.api.faults import Fault, status
from storage.records import EndReason, Grant, OutboxKind, Payload, SeenAs, Server, ServerName
from tests.bot.access.kit import ANNA, BERLIN, BORIS, DAY, MORNING, OPERATOR
from tests.bot.chat.posting import Desk
from tests.bot.chat.test_online import LEFT, session
from tests.bot.reading import shown
from vpn.errors import ManagementError
from vpn.findings import Finding, FindingCode
from vpn.proof.live import StrangersCut
from vpn.proof.sessions import SessionsCut

SINCE = MORNING - timedelta(hours=1)
STRANGER = "bob"


class Servers:
    """What they answer, and what they were told to cut."""

    def __init__(self) -> None:
        self.sessions: tuple[Connected, ...] = ()
        self.cut: Any = None
        self.told: list[tuple[object, ...]] = []

    async def who_is_on(self, server: Server) -> OnServer:
        return OnServer(server.name, False, self.sessions)

    async def cut_session(
        self, name: ServerName, grant: Grant, began_by: datetime
    ) -> SessionsCut | None:
        self.told.append((name, grant.id, began_by))
        assert self.cut is None or isinstance(self.cut, SessionsCut)
        return self.cut

    async def cut_unknown(self, name: ServerName, stranger: str) -> StrangersCut | None:
        self.told.append((name, stranger))
        if isinstance(self.cut, ManagementError):
            raise self.cut
        assert self.cut is None or isinstance(self.cut, StrangersCut)
        return self.cut


@pytest.fixture
def servers(posting: Desk) -> Servers:
    made = Servers()
    fleet: Any = made
    posting.posts._fleet = fleet
    return made


async def online(desk: Desk, *, chat: int = BORIS, **more: Any) -> list[str]:
    """The methods that it takes."""
    payload: Payload = {"page": 0, **more}
    desk.calls()
    await desk.does(desk.posts.online, await desk.row(OutboxKind.ONLINE, payload, chat))
    return desk.calls()


async def test_who_is_on_is_shown_with_what_ends_it(posting: Desk, servers: Servers) -> None:
    grant = await posting.paper.active()
    async with posting.paper.database.writing() as tx:
        number = await tx.strangers.note(BERLIN, STRANGER, SeenAs.UNKNOWN, MORNING)
    servers.sessions = (
        Connected(BERLIN, session(grant.common_name), Standing.KNOWN, grant),
        Connected(BERLIN, session(STRANGER), Standing.UNKNOWN),
    )
    assert await online(posting) == ["sendMessage"]
    [sent] = posting.server.person(BORIS).messages
    assert sent.text.startswith("2 sessions right now:\n\n1. Anna Petrova on berlin, since ")
    assert "2. bob on berlin" in sent.text
    [of_anna, [of_bob]] = sent.buttons
    assert [one.text for one in of_anna] == ["Cut 1: Anna Petrova", "Revoke 1: Anna Petrova"]
    assert (of_bob.text, of_bob.callback_data) == ("Cut bob", f"ct:{number}")

    servers.sessions = servers.sessions[:1]
    assert await online(posting, edit=sent.message_id) == ["editMessageText"]
    [sent] = posting.server.person(BORIS).messages
    assert sent.text.startswith("1 session right now:")
    gone = Fault("editMessageText", 1, status(400, "Bad Request: message to edit not found"))
    posting.server.faults.append(gone)
    assert await online(posting, edit=sent.message_id) == ["editMessageText", "sendMessage"]
    # Whoever ends nobody's access is no admin any more.
    await online(posting, chat=ANNA)
    assert posting.server.person(ANNA).messages[-1].buttons == []


LOOKED = Finding(FindingCode.SESSION_LIVE, "bob")


@pytest.mark.parametrize(
    ("became", "said"),
    [
        (StrangersCut(names=(STRANGER,)), stranger_words.CUT),
        (StrangersCut(), stranger_words.CUT_NOT_THERE),
        (StrangersCut(names=(STRANGER,), findings=(LOOKED,)), stranger_words.CUT_LEFT),
        (None, stranger_words.CUT_KNOWN),
        (ManagementError("No answer."), stranger_words.CUT_SILENT),
    ],
)
async def test_of_an_unknown_name_it_is_said_what_was_seen(
    posting: Desk, servers: Servers, became: StrangersCut | ManagementError | None, said: str
) -> None:
    servers.cut = became
    row = await posting.row(OutboxKind.CUT, {"server": BERLIN, "name": STRANGER})
    await posting.does(posting.posts.cut, row)
    assert servers.told == [(BERLIN, STRANGER)]
    [sent] = posting.server.person(BORIS).messages
    assert sent.text == shown(fill(said, server=BERLIN, name=STRANGER)).text
    assert await posting.states() == {"done": 1}


async def cut_session(desk: Desk, grant: Grant) -> str:
    payload = {"server": BERLIN, "grant": grant.id, "since": SINCE.isoformat()}
    await desk.does(desk.posts.cut_session, await desk.row(OutboxKind.CUT_SESSION, payload))
    return desk.server.person(BORIS).messages[-1].text


async def test_of_a_session_it_is_said_whether_they_may_come_back(
    posting: Desk, servers: Servers
) -> None:
    grant = await posting.paper.active()
    gone = SessionsCut(left=frozenset(), cut=Counter({grant.common_name: 1}))

    async def said(template: str, name: str = "Anna Petrova") -> bool:
        text = await cut_session(posting, grant)
        return text == shown(fill(template, server=BERLIN, name=name)).text

    assert await said(words.CUT_NO_SERVER)
    servers.cut = SessionsCut(left=LEFT)
    assert await said(words.CUT_LEFT)
    servers.cut = gone
    assert await said(words.CUT)
    assert servers.told == [(BERLIN, grant.id, SINCE)] * 3
    await posting.paper.by(OPERATOR, revocation.begin, [grant], EndReason.REVOKED)
    assert await said(words.CUT_OVER)
    # Of a certificate that is nobody's its name is said.
    old = Certificate("deed01", "old-laptop", MORNING - DAY, MORNING + DAY)
    await posting.paper.by(OPERATOR, importing.take_in, [old])
    async with posting.paper.database.reading() as tx:
        [grant] = await tx.grants.unlinked()
    assert await said(words.CUT, "old-laptop")
