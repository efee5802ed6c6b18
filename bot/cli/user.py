"""`vpnbot user`: the allowlist."""

from enum import StrEnum
from typing import Annotated

import typer

from bot.access import appointing, groups, holdings, linking, people, revocation, who
from bot.access.case import Case
from bot.access.matching import Fits, as_user_id
from bot.access.refusals import Refusal, Refused
from bot.cli import absence, invitations, pausing, staff
from bot.cli.asking import require_yes
from bot.cli.group import tell_changed
from bot.cli.groups_help import CommandGroup
from bot.cli.revoke import print_receipt, receipt_object
from bot.cli.shared import ActAsJson, Yes, operator, say, say_object, with_office
from bot.office import Office
from bot.receipts import maybe_text
from bot.texts import people as words
from bot.texts.fill import plain, straight
from storage.group_records import GroupName
from storage.records import UserId
from storage.role_records import Role

app = typer.Typer(help="The allowlist.", no_args_is_help=True, cls=CommandGroup)
app.command("invite")(invitations.invite)
app.command("invitations")(invitations.list_)
app.command("import")(staff.import_)
app.command("sync")(staff.sync)
app.command("withdraw")(invitations.withdraw)
app.command("away")(absence.away)
app.command("pause")(pausing.pause)
app.command("resume")(pausing.resume)

Who = Annotated[
    str,
    typer.Argument(
        metavar="WHO", help="A Telegram id, a name, @username, or what belongs to them: g-…"
    ),
]


@app.command("allow")
def allow(
    meant: Annotated[
        str,
        typer.Argument(
            metavar="ID",
            help="The numeric Telegram id; or the @username of somebody who wrote to the bot.",
        ),
    ],
    name: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The person's name, if it isn't the one in Telegram."),
    ] = None,
    same_as: Annotated[
        str | None,
        typer.Option(
            metavar="WHO",
            help="Another account of the same person: one person, one say, revoked and removed "
            "together. With the ID itself: ends the link.",
        ),
    ] = None,
    group: Annotated[
        list[str] | None, typer.Option(metavar="GROUP", help="Puts them into this group.")
    ] = None,
    leave_group: Annotated[
        list[str] | None, typer.Option(metavar="GROUP", help="Takes them out of this group.")
    ] = None,
) -> None:
    """Puts somebody on the allowlist; where they are on it, changes their name."""

    async def work(office: Office) -> None:
        async with office.acting(operator()) as case:
            wanted = await people.to_be_allowed(case, meant if name is None else f"{meant} {name}")
            if isinstance(wanted, people.Candidates):
                raise who.not_one(meant, Fits(near=tuple(wanted.people)))
            user_id = wanted.user_id
            done = await people.allow(case, user_id, wanted.name)
            said = [await _link(case, user_id, same_as)] if same_as is not None else []
            changes = []
            for one in leave_group or ():
                changes.append(await groups.leave(case, GroupName(one), user_id))
                said.append(plain(words.LEFT, group=one))
            for one in group or ():
                changes.append(await groups.join(case, GroupName(one), user_id))
                said.append(plain(words.JOINED, group=one))
        say(plain(words.ALLOWED, name=done.person.name, id=done.person.id))
        for line in said:
            say(line)
        if changes:
            await tell_changed(office, groups.together(changes))

    with_office(work)


async def _link(case: Case, user_id: UserId, same_as: str) -> str:
    other = (await who.one_person(case, same_as)).id
    if other == user_id:
        await people.unlink(case, user_id)
        return words.APART
    await people.link(case, user_id, other)
    name = await case.tx.people.name_of(other)
    return plain(words.TOGETHER, name=name, id=other)


class Wanted(StrEnum):
    ADMIN = Role.ADMIN.value
    APPROVER = Role.APPROVER.value
    AUDITOR = Role.AUDITOR.value
    NONE = "none"


@app.command("role")
def role(
    meant: Annotated[
        str,
        typer.Argument(metavar="ID", help="A Telegram id, a name or @username."),
    ],
    wanted: Annotated[
        Wanted,
        typer.Argument(
            metavar="ROLE",
            help="admin: everything. approver: decides on requests of some groups, nothing else. "
            "auditor: sees everything, changes nothing. none: takes the role back.",
        ),
    ],
    group: Annotated[
        list[str] | None,
        typer.Option(metavar="GROUP", help="A group that an approver decides for."),
    ] = None,
) -> None:
    """Says what somebody may do for others; the admins of the settings stay what they are."""

    async def work(office: Office) -> None:
        async with office.acting(operator()) as case:
            user_id = as_user_id(meant) or (await who.one_person(case, meant)).id
            if wanted is Wanted.NONE:
                if group:
                    raise Refused(Refusal.ROLE_GROUPS)
                done = await appointing.dismiss(case, user_id)
            else:
                names = [GroupName(name) for name in group or ()]
                done = await appointing.appoint(case, user_id, Role(wanted), names)
        template = words.TAKEN if done.role is None else words.GIVEN[done.role]
        if done.role is Role.APPROVER and not done.groups:
            template = words.GIVEN_NO_GROUP
        groups_named = ", ".join(done.groups)
        say(plain(template, name=done.person.name, id=done.person.id, groups=groups_named))

    with_office(work)


@app.command("remove")
def remove(meant: Who, yes: Yes = False, as_json: ActAsJson = False) -> None:
    """Takes somebody off the allowlist, ends all that they have, and prints the receipt.

    Accounts that are linked to this one go with it.
    """

    async def work(office: Office) -> bool:
        async with office.database.reading() as tx:
            wanted = (await who.one_person(office.case(tx, operator()), meant)).id
            accounts = await revocation.known_accounts(tx, wanted)
            has_access = await holdings.of_accounts(
                tx, office.clock(), [account.id for account in accounts]
            )
        named = ", ".join(f"{account.name} ({account.id})" for account in accounts)
        require_yes(plain(words.ASK_REMOVE, names=named), yes=yes)
        if has_access:
            # Without the CA's key nothing can be cut; better to know before it is recorded.
            await office.keyring.authority()

        async def record() -> people.Removed:
            async with office.acting(operator()) as case:
                return await people.remove(case, wanted)

        removed = await office.reserve.for_revocation(record)
        if as_json:
            receipt = await receipt_object(office, removed.grants)
            if not removed.grants:
                receipt["left"] = [grant.id for grant in removed.maybe]
            say_object({"removed": [account.id for account in removed.accounts], **receipt})
            return bool(receipt["proved"])
        named = ", ".join(f"{account.name} ({account.id})" for account in removed.accounts)
        if not removed.grants:
            say(plain(words.REMOVED, names=named))
            for text in maybe_text(removed.accounts[0].name, removed.maybe):
                say(straight(text))
            return True
        proved = await print_receipt(office, removed.grants)
        say("")
        say(plain(words.REMOVED_ENDING, names=named))
        return proved

    if not with_office(work):
        raise typer.Exit(1)


@app.command("link")
def link(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A certificate's name, serial or grant id.")
    ],
    meant: Annotated[str, typer.Argument(metavar="WHO", help="Whose it is.")],
) -> None:
    """Says whose the imported certificates of a name are."""

    async def work(office: Office) -> None:
        async with office.acting(operator()) as case:
            wanted = (await who.one_person(case, meant)).id
            linked = await linking.link(case, name, wanted)
            owner = await case.tx.people.name_of(wanted)
        for grant in linked:
            about = {"common_name": grant.common_name, "serial": grant.serial}
            say(plain(words.LINKED, **about, name=owner, id=wanted))

    with_office(work)
