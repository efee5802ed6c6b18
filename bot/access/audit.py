"""What goes into the audit trail, and under which names."""

from datetime import timedelta
from typing import Any

from bot.access import messages
from bot.access.context import Context
from bot.access.durations import format_duration
from bot.access.permission import THE_BOT, Actor
from storage.records import Grant, Payload, Request, Verdict
from storage.transaction import Transaction

SUBJECT_LENGTH = 100


async def record(
    tx: Transaction, ctx: Context, actor: Actor, action: str, subject: str, **detail: Any
) -> None:
    """Adds a row: who did what to what.

    Names of files need be no text in any encoding: what is none is escaped, or nothing could be
    recorded of them.
    """
    named: Payload = {
        key: _storable(value) for key, value in {"name": actor.name, **detail}.items()
    }
    await tx.audit.append(at=ctx.now, actor=actor.key, action=action, subject=subject, detail=named)


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    return [_storable(each) for each in value] if isinstance(value, (list, tuple)) else value


_HEAD = "audit.head"
_HEAD_EVERY = timedelta(days=1)


def head_text(seq: int, digest: str) -> str:
    """A head of the trail as people note it: `412:9f3c…`."""
    return f"{seq}:{digest}"


async def announce_head(tx: Transaction, ctx: Context) -> bool:
    """Once a day, if anything happened, the admins get the head of the trail.

    Whoever rewrites the trail afterwards cannot rewrite what lies in the admins' chats. The first
    comes a day after the trail began. A row of a moment that is yet to come, forged or of a clock
    that was wrong, keeps nothing from being told.
    """
    last = await tx.audit.last()
    if last is None:
        return False
    told = await tx.audit.last_of(_HEAD)
    since = told or await tx.audit.first()
    is_known = told is not None and told.seq == last.seq
    if since is not None and since.at <= ctx.now and (is_known or since.at + _HEAD_EVERY > ctx.now):
        return False
    head = head_text(last.seq, last.digest)
    await record(tx, ctx, THE_BOT, _HEAD, "audit", head=head)
    await messages.tell_admins(tx, ctx, messages.Notice.AUDIT_HEAD, count=last.seq, head=head)
    return True


async def request_asked(tx: Transaction, ctx: Context, actor: Actor, request: Request) -> None:
    await record(
        tx,
        ctx,
        actor,
        "request.ask",
        f"request:{request.id}",
        server=request.server,
        duration=format_duration(request.duration),
        reason=request.reason,
    )


async def request_decided(
    tx: Transaction, ctx: Context, actor: Actor, request: Request, verdict: Verdict
) -> None:
    await record(
        tx,
        ctx,
        actor,
        f"request.{verdict}",
        f"request:{request.id}",
        user_id=request.user_id,
        server=request.server,
        duration=format_duration(request.duration),
    )


async def request_agreed(
    tx: Transaction, ctx: Context, actor: Actor, request: Request, duration: int
) -> None:
    await record(
        tx,
        ctx,
        actor,
        "request.agree",
        f"request:{request.id}",
        user_id=request.user_id,
        server=request.server,
        duration=format_duration(duration),
    )


async def grant_event(
    tx: Transaction, ctx: Context, actor: Actor, action: str, grant: Grant, **detail: Any
) -> None:
    await record(
        tx,
        ctx,
        actor,
        f"grant.{action}",
        f"grant:{grant.id}",
        user_id=grant.user_id,
        serial=grant.serial,
        common_name=grant.common_name,
        **detail,
    )
