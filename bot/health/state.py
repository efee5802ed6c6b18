"""The checks of what is kept: database, audit trail, CA, open proofs, and whom we may write to."""

import asyncio
import os
import sqlite3
from collections import Counter
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import URL

from bot.access.case import Rules
from bot.access.clock import latest_seen
from bot.access.endings import AUTHORITY_NOTICE
from bot.access.names import clean
from bot.access.revocation import waits_for_server
from bot.health.results import Fine, Result, ShellLine, Trouble, mend_with, trouble, trouble_from
from bot.keyring import Keyring
from bot.process.clock import CLOCK_TOLERANCE, TrustedClock, boot_id
from bot.process.data_folder import DataFolder, account_name
from bot.receipts import reasons
from bot.texts import health as words
from bot.texts.durations import span_text
from bot.texts.fill import plain, straight, utc
from pki.errors import AuthorityMissing, DamagedAuthority, PkiError
from storage.database import Database, open_database
from storage.errors import StorageError
from storage.records import GrantId, OutboxState, Proof
from storage.transaction import Transaction

# Time enough to notice, to decide, and to go to every server.
NOTICE = timedelta(days=60)
_INTACT = "ok"
_MOST_STUCK = 1000


async def open_checked(url: URL, folder: DataFolder) -> Database | Trouble:
    """The database, if it is there, whole, and one that this version can use.

    It is not made here: where there should be one, an empty one would hide the loss.
    """
    damaged = await asyncio.to_thread(_damage, url.database or "", folder)
    if damaged is not None:
        return damaged
    try:
        return await open_database(url)
    except StorageError as error:
        return trouble_from(error, mend_with(words.DATABASE_MEND, folder=folder.path))


def _damage(name: str, folder: DataFolder) -> Trouble | None:
    """SQLite's own check of every page, without the comparison of indexes with their tables."""
    path = Path(name).absolute()
    if not path.is_file():
        return trouble(words.DATABASE_MISSING, path=path, folder=folder.path)
    if not os.access(path, os.R_OK | os.W_OK, effective_ids=True):
        is_inside = Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder.path))
        complaint = words.DATABASE_SHUT if is_inside else words.DATABASE_ELSEWHERE
        return trouble(complaint, path=path, account=account_name(os.geteuid()))
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True)) as connection:
            (answer,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.Error as error:
        answer = f"{error}."
    if answer == _INTACT:
        return None
    reason = " ".join(str(answer).split())
    return trouble(words.DATABASE_DAMAGED, path=path, reason=reason, folder=folder.path)


async def look_at_past(tx: Transaction, now: datetime) -> list[Result]:
    """All checks of past entries."""
    return [*await look_at_times(tx, now), await look_at_audit(tx)]


async def look_at_open_ends(tx: Transaction, rules: Rules, username: str | None) -> list[Result]:
    """All checks of proofs, messages and admins that are still open."""
    return [
        *await look_at_proofs(tx),
        *await look_at_outbox(tx),
        *await look_at_admins(tx, rules, username),
    ]


async def look_at_times(tx: Transaction, now: datetime) -> list[Result]:
    """Whether something was written by a clock that was ahead of this one."""
    time = TrustedClock(lambda: now, boot_id=boot_id())
    time.resume(await tx.clock.last())
    look = time.look()
    if look.in_doubt:
        off = abs(look.ahead)
        return [trouble(words.CLOCK_JUMPED, span=span_text(round(off.total_seconds())))]
    latest = await latest_seen(tx, now)
    if latest - now > CLOCK_TOLERANCE:
        return [trouble(words.FROM_THE_FUTURE, moment=utc(latest))]
    return []


async def look_at_audit(tx: Transaction) -> Result:
    """Whether the chain holds from the first row to the last."""
    fault = await tx.audit.first_fault()
    if fault is not None:
        return trouble(words.AUDIT_BROKEN, row=fault)
    last = await tx.audit.last()
    return Fine(plain(words.AUDIT_FINE, count=last.seq) if last else words.AUDIT_EMPTY)


async def look_at_authority(
    keyring: Keyring, folder: DataFolder, now: datetime, *, has_passphrase: bool
) -> list[Result]:
    """Whether the CA is there, closed, opens with the passphrase, fits together, and lasts."""
    try:
        first, *second = keyring.certificates()
        if has_passphrase:
            await keyring.authorities()
    except AuthorityMissing:
        return [trouble(words.CA_MISSING, folder=folder.path, owner=folder.account())]
    except PkiError as error:
        mend = mend_with(words.CA_MEND, folder=folder.path, owner=folder.account())
        if isinstance(error, DamagedAuthority):
            # Its own mend leaves open how one takes it out of a backup.
            return [Trouble(f"{str(error).partition('; ')[0]}.", mend)]
        return [trouble_from(error, mend)]
    moment, left = utc(first.not_valid_after_utc), first.not_valid_after_utc - now
    if left < (NOTICE if second else AUTHORITY_NOTICE):
        return [trouble(words.CA_ENDS, moment=moment)]
    under_way = [Fine(words.CA_ROTATES)] if second else []
    return [
        *under_way,
        Fine((words.CA_FINE if has_passphrase else words.CA_SEALED).format(moment=moment)),
    ]


async def look_at_proofs(tx: Transaction) -> list[Result]:
    """Whether an end of an access still waits for its proof."""
    unproved: dict[GrantId, list[Proof]] = {}
    for proof in await tx.proofs.unproved():
        unproved.setdefault(proof.grant_id, []).append(proof)
    results: list[Result] = []
    for grant in await tx.grants.revoking():
        name = await tx.people.name_of(grant.user_id) if grant.user_id else grant.common_name
        own = unproved.get(grant.id, [])
        results.extend(
            trouble(
                words.UNPROVED,
                name=name,
                common_name=grant.common_name,
                server=proof.server,
                findings=straight(" ".join(reasons([proof]))) or words.UNPROVED_UNTRIED,
                grant=grant.id,
            )
            for proof in own
        )
        if waits_for_server(grant, own):
            results.append(
                trouble(words.UNPROVED_NOWHERE, name=name, common_name=grant.common_name)
            )
    return results or [Fine(words.PROOFS_FINE)]


async def look_at_outbox(tx: Transaction) -> list[Result]:
    """Whether messages were set aside, or wait although they were tried again and again."""
    stuck = await tx.outbox.stuck(_MOST_STUCK)
    reasons = Counter((item.state is OutboxState.FAILED, item.error or "") for item in stuck)
    if not reasons:
        return [Fine(words.OUTBOX_FINE)]
    return [
        trouble(words.SET_ASIDE if is_over else words.WAITS, count=count, reason=clean(reason, 200))
        for (is_over, reason), count in reasons.most_common()
    ]


async def look_at_admins(tx: Transaction, rules: Rules, username: str | None) -> list[Result]:
    """Whether the bot may write to each: Telegram wants a person to press Start first."""
    # It stands in a sentence, not in a shell line.
    chat = ShellLine(f"https://t.me/{username}" if username else words.CHAT_UNKNOWN)
    troubles: list[Result] = []
    for admin in rules.admins:
        person = await tx.people.get(admin)
        if person is not None and person.reachable:
            continue
        # Whoever never said anything is known by their number at most.
        spoke = person if person is not None and person.name != str(admin) else None
        name = f"{spoke.name} ({admin})" if spoke else admin
        blocked = spoke is not None and spoke.reachable is False
        complaint = words.ADMIN_SHUT if blocked else words.ADMIN_UNKNOWN
        troubles.append(trouble(complaint, admin=name, chat=chat))
    if not troubles and rules.admins:
        return [Fine(words.ADMINS_FINE)]
    return troubles
