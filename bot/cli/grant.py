"""`vpnbot grant`: who has access, and a way to give it on the day Telegram is down."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from bot.access import asking, extending, holdings, requests, revocation, who
from bot.access.case import Case
from bot.access.durations import parse_duration
from bot.access.lineage import Lineage
from bot.access.matching import as_user_id
from bot.access.permission import Actor
from bot.access.refusals import Refusal, Refused
from bot.cli.groups_help import CommandGroup
from bot.cli.shared import operator, say, with_office
from bot.errors import NotDone
from bot.handover.delivery import Came, Delivery, Outcome
from bot.handover.profiles import Profile
from bot.office import Office
from bot.process.locks import locked
from bot.process.named_files import as_root_at
from bot.texts.durations import duration_text
from bot.texts.fill import utc
from pki.private_files import create_file
from storage.records import (
    Grant,
    GrantState,
    Request,
    RequestId,
    RequestState,
    ServerName,
    UserId,
)

app = typer.Typer(help="Who has access.", no_args_is_help=True, cls=CommandGroup)


@app.command("issue")
def issue(
    meant: Annotated[
        str, typer.Argument(metavar="WHO", help="A Telegram id, a name, or @username.")
    ],
    output: Annotated[Path, typer.Option(metavar="FILE", help="A new file, made with mode 0600.")],
    server: Annotated[str | None, typer.Option(metavar="NAME", help="Which server.")] = None,
    duration: Annotated[
        str | None, typer.Option(metavar="D", help="For how long: 30m, 8h, 7d, 2w.")
    ] = None,
    bundle: Annotated[
        bool,
        typer.Option(
            "--bundle", help="A ZIP archive: profile, certificates, keys, instructions, files."
        ),
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="Also for longer than people may have access.")
    ] = False,
) -> None:
    """Gives access without Telegram: writes a profile, with its key, to a file.

    Where they have asked already, that approves their request. The limits of how often and for
    how long people may ask don't bind whoever is at the machine.
    """
    seconds = None if duration is None else parse_duration(duration)
    target = output.absolute()
    if os.path.lexists(target):
        raise NotDone(f"{target} exists already; name a new file.")
    if not target.parent.is_dir():
        raise NotDone(f"There is no folder {target.parent}; make it, or name a file elsewhere.")
    try:
        with as_root_at(target):
            pass
    except OSError as error:
        raise NotDone(
            f"{target} can't be written ({error.strerror}); name a file in another folder."
        ) from error

    async def work(office: Office) -> None:
        # Without these there is no profile; better to know before anything is recorded.
        await office.keyring.authority()
        await office.maker.try_templates(texts=False)
        # Whoever finds the lock free knows that a grant without a profile has been abandoned.
        async with locked(office.folder.pending_issues):
            grant = await _reserve(office, meant, server, seconds, yes=yes)
            await _deliver(office, grant, FileCourier(target), archive=bundle)
        say(f"{grant.common_name} on {grant.server} until {utc(grant.not_after)}: {target}")
        async with office.database.reading() as tx:
            opens = [s.name for s in await tx.servers.all() if s.open_since is not None]
            has = (
                ()
                if grant.user_id is None
                else await holdings.of_person(tx, office.clock(), grant.user_id)
            )
        for other in (one.grant for one in has if one.is_live and one.grant.id != grant.id):
            say(
                f"They have another live profile, {other.common_name} on {other.server}, until "
                f"{utc(other.not_after)}; to end it: vpnbot revoke {other.id}"
            )
        if others := [name for name in opens if name not in grant.servers]:
            say(f"It may open {', '.join(others)} as well; how to close that says: vpnbot doctor")
        say("Hand the file over safely and delete it: whoever has it has the access.")

    with_office(work)


@app.command("extend")
def extend(
    meant: Annotated[
        str, typer.Argument(metavar="WHO", help="A profile (g-…, a common name), or whose it is.")
    ],
    duration: Annotated[
        str | None,
        typer.Option(metavar="D", help="For how long from now: 30m, 8h, 7d, 2w; as before."),
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Also for longer than people may have access.")
    ] = False,
) -> None:
    """Gives a live profile more time: a new one, which the bot sends to its owner.

    The earlier one works until the new one was used, and not beyond its own end. Where the owner
    has asked for that already, that request is approved by it, for the time that it names.
    """
    seconds = None if duration is None else parse_duration(duration)

    async def work(office: Office) -> None:
        async with office.acting(operator()) as case:
            grant = await _to_extend(case, meant)
            # No bot may run that would have ended what nobody decided in time.
            await requests.expire_due(case)
            waiting = (await Lineage.of(case.tx, grant.owner)).asked_for(grant)
            if waiting is None:
                _require_usual(case, seconds, yes=yes)
                theirs = case.by(await _in_name_of(case, grant.owner))
                waiting = await extending.ask(theirs, grant.id, duration=seconds)
            elif seconds not in (None, waiting.duration):
                raise NotDone(
                    f"They have asked for {duration_text(waiting.duration)} already, with request "
                    f"{waiting.id}; leave --duration out, or deny it first."
                )
            done = await requests.approve(case, waiting.id, None)
        # An operator's word is enough, and more time begins at once.
        assert isinstance(done, requests.Approved)
        say(
            f"{done.requester.name} gets {done.grant.common_name} on {done.grant.server} until "
            f"{utc(done.grant.not_after)}. The bot sends it when it runs; {grant.common_name} "
            "works until it was used."
        )

    with_office(work)


async def _to_extend(case: Case, meant: str) -> Grant:
    """The one live profile that is meant.

    Raises:
        Refused: as `who.one_person`, and NOTHING_LIVE.
        NotDone: there are several.
    """
    fits = await who.meant(case, meant)
    if not fits.exactly_one:
        raise who.not_one(meant, fits)
    if fits.grants:
        return fits.grants[0]
    person = fits.people[0]
    found = [one.grant for one in await holdings.of_person(case.tx, case.now, person.id)]
    # What gives more time to another one stands for both.
    live = [one for one in found if one.state is GrantState.ACTIVE and one.imported_at is None]
    last = [one for one in live if (await Lineage.of(case.tx, one.owner)).later(one) is None]
    if not last:
        raise Refused(Refusal.NOTHING_LIVE, name=person.name, names=())
    if len(last) > 1:
        named = ", ".join(f"{one.id} ({one.server})" for one in last)
        raise NotDone(f"{person.name} has several profiles; name one of them: {named}")
    return last[0]


def _require_usual(case: Case, seconds: int | None, *, yes: bool) -> None:
    """Raises NotDone: that is longer than people may have access, and nobody has said yes to it."""
    if seconds is not None and seconds > case.rules.max_duration and not yes:
        raise NotDone(
            f"{duration_text(seconds)} is more than the {duration_text(case.rules.max_duration)} "
            "of VPNBOT_MAX_GRANT_DURATION; to give it all the same, add --yes."
        )


class FileCourier:
    """Writes one profile to a new file, with mode 0600."""

    def __init__(self, path: Path) -> None:
        self.path = path

    async def hand_over(self, grant: Grant, profile: Profile, *, earlier_dead: bool) -> Outcome:
        """Writes it; what cannot be written whole is not there."""
        del grant, earlier_dead  # for words, which a file has none of
        try:
            with as_root_at(self.path) as place:
                create_file(place, profile.content, even_open=True)
        except OSError as error:
            return Outcome(Came.KEPT, str(error.strerror))
        return Outcome(Came.ARRIVED)

    def take_back(self) -> None:
        """Deletes the file.

        Raises:
            NotDone: it cannot be deleted.
        """
        try:
            with as_root_at(self.path) as place:
                place.unlink(missing_ok=True)
        except OSError as error:
            raise NotDone(
                f"The access was revoked before {self.path} was ready, and the file can't be "
                f"deleted ({error.strerror}); delete it."
            ) from error


async def _deliver(office: Office, grant: Grant, courier: FileCourier, *, archive: bool) -> None:
    """Raises NotDone, and whatever keeps the profile from being made; the access is over then."""
    delivery = Delivery(office, office.maker, office.enforcer)
    try:
        profile = await delivery.make(grant, archive=archive)
    except Exception:
        async with office.acting(operator()) as case:
            await delivery.note(case, grant, Outcome(Came.KEPT))
        await office.enforcer.enforce([grant.id])
        raise
    if profile is None:
        raise NotDone("The access was revoked or paused before the profile was made.")
    outcome = await delivery.hand_over(grant, profile, courier)
    async with office.acting(operator()) as case:
        await delivery.note(case, grant, outcome)
        now = await revocation.known_grant(case.tx, grant.id)
    if outcome.came is Came.PAUSED:
        raise NotDone("They were paused before the profile was ready; resume them, and try again.")
    if outcome.came is Came.KEPT:
        await office.enforcer.enforce([grant.id])
        async with office.database.reading() as tx:
            now = await revocation.known_grant(tx, grant.id)
            is_open = await holdings.may_let_in(tx, office.clock(), now)
        if is_open:
            raise NotDone(
                f"{courier.path} can't be written ({outcome.why}). Nobody has the profile, but its "
                "end isn't proved yet; see: vpnbot grant list"
            )
        raise NotDone(
            f"{courier.path} can't be written ({outcome.why}), so the access was ended again."
        )
    if now.state is not GrantState.ACTIVE:
        if outcome.came is Came.ARRIVED:
            courier.take_back()
        raise NotDone(
            f"The access was revoked before {courier.path} was ready; the file is gone again."
        )


async def _reserve(
    office: Office, meant: str, server: str | None, seconds: int | None, *, yes: bool
) -> Grant:
    """Request, approval and grant in one go, on the operator's word.

    Where the person has asked for just that already, their request is what is approved.
    """
    async with office.acting(operator()) as case:
        user_id = await _account(case, meant)
        # No bot may run that would have ended what nobody decided in time.
        await requests.expire_due(case)
        waiting = _waiting(await case.tx.requests.open_of(user_id), server, seconds)
        request_id = waiting or await _ask(case, user_id, server, seconds)
        asked = await case.tx.requests.get(request_id)
        _require_usual(case, None if asked is None else asked.duration, yes=yes)
        return await requests.approve_without_delivery(case, request_id)


async def _account(case: Case, meant: str) -> UserId:
    """Raises Refused: NOT_ALLOWED where a number is nobody's, and all of `who.one_person`."""
    try:
        return (await who.one_person(case, meant)).id
    except Refused as refused:
        if refused.code is Refusal.UNKNOWN_PERSON and as_user_id(meant) is not None:
            raise Refused(Refusal.NOT_ALLOWED) from refused
        raise


def _waiting(found: Sequence[Request], server: str | None, seconds: int | None) -> RequestId | None:
    """The open request that this answers, if there is one."""
    fits = {
        request.server: request.id
        for request in found
        if request.state is RequestState.PENDING
        and request.starts_at is None
        and server in (None, request.server)
        and seconds in (None, request.duration)
    }
    if len(fits) > 1:
        raise _name_server([name for name in fits if name is not None])
    return next(iter(fits.values()), None)


async def _ask(case: Case, user_id: UserId, server: str | None, seconds: int | None) -> RequestId:
    """The operator asks for somebody else, who must be on the allowlist like anyone."""
    asked = await asking.ask(
        case.by(await _in_name_of(case, user_id)),
        duration=seconds,
        server=None if server is None else ServerName(server),
        reason="issued on the command line",
    )
    if asked.servers:
        raise _name_server(asked.servers)
    return asked.request.id


async def _in_name_of(case: Case, user_id: UserId) -> Actor:
    """The operator, who asks for somebody else."""
    person = await case.tx.people.get(user_id)
    is_allowed = person is not None and person.allowed
    is_paused = await case.tx.pauses.of(user_id) is not None
    return replace(case.actor, user_id=user_id, is_allowed=is_allowed, is_paused=is_paused)


def _name_server(names: Sequence[str]) -> NotDone:
    return NotDone(f"Name one of the servers with --server: {', '.join(names)}")
