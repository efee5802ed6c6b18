"""The acts of the bot that are timed, seen from outside: by what the look-alike sees, and when.

A time begins when the update is put into the look-alike's queue, where the bot's long poll waits
for it. So the look-alike's own time for handing it out, below a millisecond, counts as ours.
"""

import asyncio
import itertools
import time

from demo.people import DemoPerson
from demo.testing import PersonChat
from tests.bench.sessions import Sessions
from tests.company import Company, until

_FIRST = 60_000
_numbers = itertools.count()
_PENDING = "SELECT 1 FROM requests WHERE state = 'pending'"
_OPEN = "SELECT 1 FROM outbox WHERE state IN ('queued', 'sending')"


async def document_after_approval(company: Company, admin: PersonChat) -> tuple[float, str]:
    """From the tap on Approve to the complete upload: the seconds, and the profile.

    Somebody new asks each time: the bot slows down whoever asks often.
    """
    asker = await _newcomer(company)
    await asker.says("/requestvpn")
    await until(lambda: company.query(_PENDING))
    await _quiet(company)
    sent = sum(call.method == "sendDocument" for call in company.telegram.calls)
    began = time.time()
    await admin.taps("Approve")
    await company.telegram.called("sendDocument", times=sent + 1)
    uploads = [call.at for call in company.telegram.calls if call.method == "sendDocument"]
    message = await asker.receives_document()
    assert message.document is not None
    return uploads[sent] - began, message.document.content.decode()


async def cut_after_revoke(
    company: Company, admin: PersonChat, sessions: Sessions, common_name: str
) -> tuple[float, float]:
    """From /revoke to the session's end on the server, and to the proof that is sent: seconds."""
    await _quiet(company)
    began = time.time()
    await admin.says(f"/revoke {common_name}")
    ended = await sessions.end_of(common_name)
    await admin.hears("Revoked", timeout=20)
    receipt = next(
        call.at
        for call in reversed(company.telegram.calls)
        if call.method == "sendMessage" and call.params["text"].startswith("Revoked")
    )
    return ended - began, receipt - began


async def _newcomer(company: Company) -> PersonChat:
    """On the allowlist, by the command: admins have more to do in a minute as it is."""
    number = _FIRST + next(_numbers)
    person = DemoPerson(number, f"Guest{number}", f"guest{number}", "Employee", started=True)
    chat = company.telegram.joins(person)
    await company.done("user", "allow", str(number), "--name", person.first_name)
    return chat


async def _quiet(company: Company) -> None:
    """Waits until the bot has said all that it had to say, and polls again."""
    while company.query(_OPEN):  # noqa: ASYNC110 - the database sends no event
        await asyncio.sleep(0.02)
    await asyncio.sleep(0.1)
