"""Puts a receipt together from what is stored: nothing is said that no look has proved."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bot import limits
from bot.access import holdings, who
from bot.access.holdings import Holding
from bot.access.revocation import waits_for_server
from bot.texts import life
from bot.texts import receipts as words
from bot.texts.fill import fitting, length, plain_in_chat, utc
from storage.records import Grant, GrantId, Pause, Proof
from storage.transaction import Transaction
from vpn.findings import MACHINE_SHUT, FindingCode

_ROOM_FOR_GRANTS = 1900
_SHOWN = 15
_NAMED = 5
# What follows where the server's machine could not be worked on.
_FOLLOWS = frozenset(
    {
        FindingCode.CCD_NOT_REMOVED,
        FindingCode.CRL_NOT_WRITTEN,
        FindingCode.MANAGEMENT_GONE,
        FindingCode.MANAGEMENT_SILENT,
    }
)


@dataclass(frozen=True, slots=True)
class Receipt:
    """Plain paragraphs; the first word is Revoked, or Paused, only if `proved`.

    Attributes:
        said: whether somebody is out, and what else lets them in.
        details: what only whoever looks into it needs: certificates, and each server by itself.
        settled: whether no look can change it any more: all is proved, or what is not was taken
            out together with its server.
        left: what the holder has besides; empty where it is a new profile that takes the place.
        maybe: certificates that nobody is linked to, and that may be the holder's.
    """

    proved: bool
    settled: bool
    said: tuple[str, ...]
    details: tuple[str, ...]
    left: tuple[Holding, ...] = ()
    maybe: tuple[Grant, ...] = ()

    @property
    def blocks(self) -> tuple[str, ...]:
        """All of it."""
        return (*self.said, *self.details)


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
    # Each account of a person may have a name of its own; and of an imported certificate nobody may
    # have said whose it is.
    names = [
        grant.common_name if grant.user_id is None else await who.name_of(tx, grant.user_id)
        for grant in grants
    ]
    name = _some(list(dict.fromkeys(names)))
    left = () if for_owner else tuple(await holdings.beside(tx, now, grants))
    maybe: tuple[Grant, ...] = ()
    if for_admin:
        owners = {grant.user_id for grant in grants if grant.user_id is not None}
        accounts = {one for owner in owners for one in await tx.people.accounts_of(owner)}
        maybe = tuple(await holdings.maybe_theirs(tx, sorted(accounts)))
    is_over = all(grant.is_out for grant in grants)
    settled = is_over and not any(proof.is_open for proof in proofs)
    proved = settled and all(proof.proved for proof in proofs)
    headline = _headline(
        name, grants, proofs, left, now, proved=proved, settled=settled, for_owner=for_owner
    )
    if proved and proofs:
        headline = " ".join((headline, *_checked(grants, proofs)))
    said = [headline, *_besides(name, left), *maybe_text(name, maybe)]
    if any(not grant.is_out and waits_for_server(grant, proofs) for grant in grants):
        said.append(words.NO_SERVER_KNOWN)
    details = _grants(grants)
    without_files = await _without_files(tx, grants, proofs)
    room = limits.ROOM - sum(map(length, (*said, details)))
    return Receipt(
        proved=proved,
        settled=settled,
        said=tuple(said),
        details=(details, *_servers(proofs, without_files, room)),
        left=left,
        maybe=maybe,
    )


def _some(names: Sequence[str]) -> str:
    return ", ".join([*names[:_NAMED], "…"] if len(names) > _NAMED else names)


async def _without_files(
    tx: Transaction, grants: Sequence[Grant], proofs: Sequence[Proof]
) -> frozenset[str]:
    """The servers on which no client file of these grants had to be removed.

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
    now: datetime,
    *,
    proved: bool,
    settled: bool,
    for_owner: bool,
) -> str:
    if proved:
        if for_owner and proofs:
            return words.PROVED_OWNER
        # What the servers have shown is not kept for ever.
        is_over = all(grant.not_after <= now for grant in grants)
        without = words.PROVED_BY_TIME if is_over else words.PROVED_NO_SERVER
        all_of_it = words.PROVED if proofs else without
        template = words.PROVED_SOME if left else all_of_it
        if any(grant.pause is not None for grant in grants):
            template = words.PAUSED
        return plain_in_chat(template, count=len(grants), name=name)
    if settled:
        dropped = list(dict.fromkeys(proof.server for proof in proofs if proof.dropped_at))
        template = words.DROPPED_OWNER if for_owner else words.DROPPED
        return plain_in_chat(template, count=len(dropped), servers=_some(dropped), name=name)
    if for_owner:
        return words.UNPROVED_OWNER
    open_on = _some(sorted({proof.server for proof in proofs if not proof.proved}))
    if len(grants) == 1:
        return plain_in_chat(
            words.UNPROVED_ON if open_on else words.UNPROVED, name=name, servers=open_on
        )
    unproved = {proof.grant_id for proof in proofs if not proof.proved}
    still_open = sum(not grant.is_out or grant.id in unproved for grant in grants)
    return plain_in_chat(
        words.UNPROVED_OF_ON if open_on else words.UNPROVED_OF,
        count=len(grants),
        open=still_open,
        name=name,
        servers=open_on,
    )


def _besides(name: str, left: Sequence[Holding]) -> list[str]:
    """One paragraph about what else lets the holder in, if there is anything."""
    if not left:
        return []
    open_ones = [one for one in left if not one.grant.is_out]
    head = words.LEFT_LIVE if any(one.is_live for one in open_ones) else words.LEFT_UNPROVED
    if all(one.grant.pause is Pause.PAUSED for one in left):
        head = words.LEFT_PAUSED
    lines = [plain_in_chat(head, name=name)]
    for holding in left[:_NAMED]:
        grant, servers = holding.grant, _some(holding.unproved_on)
        if grant.pause is not None:
            template = words.LEFT_HELD
        elif holding.is_live:
            template = words.LEFT if grant.server else words.LEFT_IMPORTED
        else:
            template = words.LEFT_ENDING if servers else words.LEFT_ENDING_NOWHERE
        lines.append(
            plain_in_chat(
                template,
                common_name=grant.common_name,
                server=grant.server,
                servers=servers,
                until=utc(grant.not_after),
            )
        )
    if len(left) > _NAMED:
        lines.append(plain_in_chat(words.AND_MORE, count=len(left) - _NAMED))
    return ["\n".join(lines)]


def maybe_text(name: str, maybe: Sequence[Grant]) -> list[str]:
    """One paragraph about certificates that may be this person's, if there are any."""
    names = list(dict.fromkeys(grant.common_name for grant in maybe))
    return (
        [plain_in_chat(words.MAYBE, count=len(names), names=_some(names), name=name)]
        if names
        else []
    )


def _grants(grants: Sequence[Grant]) -> str:
    """One line for each grant and why it ended; a person with very many gets the first."""
    lines = []
    for grant in grants[:_SHOWN]:
        named = plain_in_chat(words.GRANT, common_name=grant.common_name, serial=grant.serial)
        admin = life.who(grant.ended_by, grant.ended_by_name, first=True) or life.SOMEBODY_FIRST
        why = plain_in_chat(words.WHY[grant.end_reason], Admin=admin) if grant.end_reason else ""
        why = words.WHY_PAUSED if grant.pause is not None else why
        lines.append(f"{named}. {why}".rstrip())
    lines = lines[: fitting(lines, _ROOM_FOR_GRANTS)]
    more = len(grants) - len(lines)
    if more > 0:
        lines.append(plain_in_chat(words.AND_MORE, count=more))
    return "\n".join(lines)


def _servers(proofs: Sequence[Proof], without_files: frozenset[str], room: int) -> list[str]:
    """One paragraph for each server, whatever the number of grants; first what is not proved."""
    by_server: dict[str, list[Proof]] = {}
    for proof in sorted(proofs, key=lambda proof: proof.server):
        by_server.setdefault(proof.server, []).append(proof)
    ordered = sorted(by_server.items(), key=lambda item: _all_proved(item[1]))
    blocks = [_server(name, own, has_file=name not in without_files) for name, own in ordered]
    shown = fitting(blocks, room)
    rest = ordered[shown:]
    if not rest:
        return blocks
    unproved = sum(not _all_proved(own) for _, own in rest)
    template = words.MORE_SERVERS_UNPROVED if unproved else words.MORE_SERVERS
    return [*blocks[:shown], plain_in_chat(template, count=len(rest), unproved=unproved)]


def _all_proved(proofs: Sequence[Proof]) -> bool:
    return all(proof.proved for proof in proofs)


def _server(server: str, proofs: Sequence[Proof], *, has_file: bool) -> str:
    if _all_proved(proofs):
        number = max(proof.crl_number or 0 for proof in proofs)
        cut = sum(proof.sessions_cut or 0 for proof in proofs)
        lines = [
            plain_in_chat(words.SERVER_PROVED, server=server),
            plain_in_chat(words.PROVED_CRL, number=number),
            plain_in_chat(words.PROVED_CCD, count=len(proofs)) if has_file else words.PROVED_LATE,
            plain_in_chat(words.PROVED_CUT, count=cut),
            words.PROVED_LOOK,
        ]
    elif not any(proof.is_open for proof in proofs):
        lines = [plain_in_chat(words.SERVER_DROPPED, server=server)]
    elif not all(proof.attempts for proof in proofs):
        lines = [plain_in_chat(words.SERVER_NOT_TRIED, server=server)]
    else:
        lines = [plain_in_chat(words.SERVER_UNPROVED, server=server)]
        lines += [plain_in_chat(words.FOUND, finding=one) for one in reasons(proofs)]
    return "\n".join(lines)


def reasons(proofs: Sequence[Proof]) -> list[str]:
    """Why a server has not proved this, a sentence each."""
    codes = dict.fromkeys(code for proof in proofs for code, _ in proof.findings)
    follows = frozenset() if MACHINE_SHUT.isdisjoint(codes) else _FOLLOWS
    return [finding_text(code) for code in codes if code not in follows]


def finding_text(code: str) -> str:
    """A finding as a sentence."""
    return words.FINDINGS.get(code) or plain_in_chat(words.UNKNOWN_FINDING, code=code)


def _checked(grants: Sequence[Grant], proofs: Sequence[Proof]) -> list[str]:
    """On how many servers, how long it took from the order to the last look, and what was cut."""
    count = len({proof.server for proof in proofs})
    seconds = _took(grants, proofs)
    cut = sum(proof.sessions_cut or 0 for proof in proofs)
    return [
        plain_in_chat(words.CHECKED_IN if seconds else words.CHECKED, count=count, seconds=seconds),
        *([plain_in_chat(words.CUT, count=cut)] if cut else []),
    ]


def _took(grants: Sequence[Grant], proofs: Sequence[Proof]) -> str:
    """Empty where one of the two is not known."""
    moments = (grant.revoked_at or grant.paused_at for grant in grants)
    began = [moment for moment in moments if moment is not None]
    ended = [proof.checked_at for proof in proofs if proof.checked_at]
    if not (began and ended):
        return ""
    seconds = (max(ended) - min(began)).total_seconds()
    if seconds < 1:
        return plain_in_chat(words.MILLISECONDS, count=round(seconds * 1000))
    if seconds < 120:  # noqa: PLR2004 - after two minutes nobody counts seconds
        return plain_in_chat(words.SECONDS, count=round(seconds, 1))
    return plain_in_chat(words.MINUTES, count=round(seconds / 60))
