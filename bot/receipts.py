"""Puts a receipt together from what is stored: nothing is said that no look has proved."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.access import holdings
from bot.access.holdings import Holding
from bot.access.revocation import waits_for_server
from bot.texts import receipts as words
from bot.texts.fill import fitting, length, plain, utc
from storage.records import Grant, GrantId, GrantState, Proof
from storage.transaction import Transaction

_OVER = (GrantState.REVOKED, GrantState.EXPIRED)
# A message has 4096 characters (Bot API, sendMessage); some are left for what ends a receipt.
_ROOM = 3800
_ROOM_FOR_GRANTS = 1900
_SHOWN = 15
_NAMED = 5


@dataclass(frozen=True, slots=True)
class Receipt:
    """Plain paragraphs; the first word is Revoked only if `proved`.

    Attributes:
        tried: whether every server was tried at least once: before that there is nothing to say.
        settled: whether no look can change it any more: all is proved, or what is not was taken
            out together with its server.
        left: what the holder has besides; empty where it is a new profile that takes the place.
        maybe: certificates that nobody is linked to, and that may be the holder's.
    """

    proved: bool
    tried: bool
    settled: bool
    blocks: tuple[str, ...]
    left: tuple[Holding, ...] = ()
    maybe: tuple[Grant, ...] = ()


async def load_receipt(
    tx: Transaction,
    grant_ids: Sequence[GrantId],
    now: datetime,
    *,
    for_owner: bool = False,
    for_admin: bool = True,
) -> Receipt:
    """The receipt for grants of one person, as things are now.

    Whoever reads that somebody is out reads what else lets them in.

    Args:
        for_owner: they were replaced, and their owner reads it, who knows of the new one.
        for_admin: certificates that are nobody's are named, too.
    """
    grants = await tx.grants.some(grant_ids)
    proofs = await tx.proofs.of(grant_ids)
    name = await _name(tx, grants)
    without_files = await _without_files(tx, grants, proofs)
    left = () if for_owner else tuple(await holdings.beside(tx, now, grants))
    maybe = tuple(await _maybe(tx, grants)) if for_admin else ()
    settled = all(grant.state in _OVER for grant in grants) and not _any_open(proofs)
    proved = settled and all(proof.proved for proof in proofs)
    headline = _headline(
        name, grants, proofs, left, proved=proved, settled=settled, for_owner=for_owner
    )
    first = [headline, *_left(name, left), *maybe_text(name, maybe), _whys(grants)]
    return Receipt(
        proved=proved,
        tried=all(proof.attempts or proof.dropped_at for proof in proofs),
        settled=settled,
        blocks=(
            *first,
            *_unknown(grants, proofs),
            *_servers(proofs, without_files, _ROOM - sum(map(length, first))),
            *_closing(grants, proofs, proved=proved),
        ),
        left=left,
        maybe=maybe,
    )


def _any_open(proofs: Sequence[Proof]) -> bool:
    return any(proof.is_open for proof in proofs)


async def _name(tx: Transaction, grants: Sequence[Grant]) -> str:
    """Each account of a person may have a name of its own."""
    names = dict.fromkeys([await _holder(tx, grant) for grant in grants])
    return _some(list(names))


async def _holder(tx: Transaction, grant: Grant) -> str:
    """Of an imported certificate nobody may have said whose it is."""
    if grant.user_id is None:
        return grant.common_name
    return await tx.people.name_of(grant.user_id)


def _some(names: Sequence[str]) -> str:
    return ", ".join([*names[:_NAMED], "…"] if len(names) > _NAMED else names)


async def _without_files(
    tx: Transaction, grants: Sequence[Grant], proofs: Sequence[Proof]
) -> frozenset[str]:
    """The servers on which these had no files of their own that had to go.

    On a server of the operator's own making there may be none; and an imported certificate may
    have left its file to another one of its name.
    """
    if any(grant.imported_at is not None for grant in grants):
        return frozenset(proof.server for proof in proofs)
    return frozenset(
        server.name
        for server in await tx.servers.all()
        if server.adopted is not None and not server.adopted["layout"]["exclusive"]
    )


def _headline(
    name: str,
    grants: Sequence[Grant],
    proofs: Sequence[Proof],
    left: Sequence[Holding],
    *,
    proved: bool,
    settled: bool,
    for_owner: bool,
) -> str:
    if proved:
        if for_owner and proofs:
            return words.PROVED_OWNER
        all_of_it = words.PROVED if proofs else words.PROVED_NO_SERVER
        return plain(words.PROVED_SOME if left else all_of_it, count=len(grants), name=name)
    if settled:
        dropped = list(dict.fromkeys(proof.server for proof in proofs if proof.dropped_at))
        said = words.DROPPED_OWNER if for_owner else words.DROPPED
        return plain(said, count=len(dropped), servers=_some(dropped), name=name)
    if for_owner:
        return words.UNPROVED_OWNER
    if len(grants) == 1:
        return plain(words.UNPROVED, name=name)
    proved_ids = {grant.id for grant in grants if grant.state in _OVER}
    unproved = {proof.grant_id for proof in proofs if not proof.proved}
    still_open = sum(grant.id not in proved_ids or grant.id in unproved for grant in grants)
    return plain(words.UNPROVED_OF, count=len(grants), open=still_open, name=name)


def _left(name: str, left: Sequence[Holding]) -> list[str]:
    """One paragraph about what the holder has besides, if there is anything."""
    if not left:
        return []
    head = words.LEFT_LIVE if any(one.is_live for one in left) else words.LEFT_UNPROVED
    said = [_left_one(one) for one in left[:_NAMED]]
    if len(left) > _NAMED:
        said.append(plain(words.AND_MORE, count=len(left) - _NAMED))
    return ["\n".join((plain(head, name=name), *said))]


async def _maybe(tx: Transaction, grants: Sequence[Grant]) -> Sequence[Grant]:
    owners = {grant.user_id for grant in grants if grant.user_id is not None}
    accounts = {one for owner in owners for one in await holdings.accounts_of(tx, owner)}
    return await holdings.maybe_theirs(tx, sorted(accounts))


def maybe_text(name: str, maybe: Sequence[Grant]) -> list[str]:
    """One paragraph about certificates that may be this person's, if there are any."""
    names = list(dict.fromkeys(grant.common_name for grant in maybe))
    return [plain(words.MAYBE, count=len(names), names=_some(names), name=name)] if names else []


def _left_one(one: Holding) -> str:
    grant = one.grant
    if not one.is_live:
        servers = _some(one.unproved_on)
        template = words.LEFT_ENDING if servers else words.LEFT_ENDING_NOWHERE
        return plain(template, common_name=grant.common_name, servers=servers)
    return plain(
        words.LEFT if grant.server else words.LEFT_IMPORTED,
        common_name=grant.common_name,
        server=grant.server,
        until=utc(grant.not_after),
    )


def _whys(grants: Sequence[Grant]) -> str:
    """One line for each grant; a person with very many of them gets the first."""
    said = [_why(grant) for grant in grants[:_SHOWN]]
    said = said[: fitting(said, _ROOM_FOR_GRANTS)]
    more = len(grants) - len(said)
    if more > 0:
        said.append(plain(words.AND_MORE, count=more))
    return "\n".join(said)


def _why(grant: Grant) -> str:
    named = plain(words.GRANT, common_name=grant.common_name, serial=grant.serial)
    reason = words.WHY[grant.end_reason] if grant.end_reason else ""
    return f"{named}. {reason}".rstrip()


def _unknown(grants: Sequence[Grant], proofs: Sequence[Proof]) -> list[str]:
    open_ones = [grant for grant in grants if grant.state not in _OVER]
    is_waiting = any(waits_for_server(grant, proofs) for grant in open_ones)
    return [words.NO_SERVER_KNOWN] if is_waiting else []


def _servers(proofs: Sequence[Proof], without_files: frozenset[str], room: int) -> list[str]:
    """One paragraph for each server, whatever the number of grants; first what is not proved."""
    by_server: dict[str, list[Proof]] = {}
    for proof in sorted(proofs, key=lambda proof: proof.server):
        by_server.setdefault(proof.server, []).append(proof)
    found = sorted(by_server.items(), key=lambda item: _all_proved(item[1]))
    said = [_server(name, seen, has_file=name not in without_files) for name, seen in found]
    shown = fitting(said, room)
    return [*said[:shown], *_more([seen for _, seen in found[shown:]])]


def _more(rest: Sequence[Sequence[Proof]]) -> list[str]:
    unproved = sum(not _all_proved(seen) for seen in rest)
    if not rest:
        return []
    if not unproved:
        return [plain(words.MORE_SERVERS, count=len(rest))]
    return [plain(words.MORE_SERVERS_UNPROVED, count=len(rest), unproved=unproved)]


def _all_proved(proofs: Sequence[Proof]) -> bool:
    return all(proof.proved for proof in proofs)


def _server(server: str, proofs: Sequence[Proof], *, has_file: bool) -> str:
    if _all_proved(proofs):
        return _proved(server, proofs, has_file=has_file)
    if not _any_open(proofs):
        return plain(words.SERVER_DROPPED, server=server)
    if not all(proof.attempts for proof in proofs):
        return plain(words.SERVER_NOT_TRIED, server=server)
    codes = dict.fromkeys(code for proof in proofs for code, _ in proof.findings)
    found = [plain(words.FOUND, finding=finding_text(code)) for code in codes]
    return "\n".join((plain(words.SERVER_UNPROVED, server=server), *found))


def _proved(server: str, proofs: Sequence[Proof], *, has_file: bool) -> str:
    number = max(proof.crl_number or 0 for proof in proofs)
    cut = sum(proof.sessions_cut or 0 for proof in proofs)
    return "\n".join(
        (
            plain(words.SERVER_PROVED, server=server),
            plain(words.PROVED_CRL, number=number),
            plain(words.PROVED_CCD, count=len(proofs)) if has_file else words.PROVED_LATE,
            plain(words.PROVED_CUT, count=cut),
            words.PROVED_LOOK,
        )
    )


def finding_text(code: str) -> str:
    """A finding as a sentence."""
    return words.FINDINGS.get(code) or plain(words.UNKNOWN_FINDING, code=code)


def _closing(grants: Sequence[Grant], proofs: Sequence[Proof], *, proved: bool) -> list[str]:
    began = [grant.revoked_at for grant in grants if grant.revoked_at]
    ended = [proof.checked_at for proof in proofs if proof.checked_at]
    if not (proved and began and ended):
        return []
    return [plain(words.TOOK, seconds=_span(max(ended) - min(began)))]


def _span(span: timedelta) -> str:
    seconds = span.total_seconds()
    if seconds < 1:
        return plain(words.MILLISECONDS, count=round(seconds * 1000))
    if seconds < 120:  # noqa: PLR2004 - after two minutes nobody counts seconds
        return plain(words.SECONDS, count=round(seconds, 1))
    return plain(words.MINUTES, count=round(seconds / 60))
