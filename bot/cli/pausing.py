"""`vpnbot user pause` and `user resume`: somebody is kept out for a while, and is back."""

from typing import Annotated

import typer

from bot.access import days, holdings, pausing, who
from bot.cli.revoke import print_receipt, receipt_object
from bot.cli.shared import ActAsJson, operator, say, say_object, stamp, with_office
from bot.fleet.coming_back import come_back
from bot.office import Office
from bot.texts import pausing as words
from bot.texts.fill import plain, utc

Who = Annotated[str, typer.Argument(metavar="WHO", help="A Telegram id, a name, or @username.")]


def pause(
    meant: Who,
    until: Annotated[
        str | None,
        typer.Option(
            metavar="DAY",
            help="When they are back by themselves: 2027-09-14, '14 Sept', '14 Sept 9:00' or 10d; "
            "a day begins by VPNBOT_TIME_ZONE, or this machine's own zone.",
        ),
    ] = None,
    as_json: ActAsJson = False,
) -> None:
    """Keeps somebody out for a while, and prints the receipt; their profiles are kept.

    Said again, it changes until when. Accounts that are linked to this one go with it.
    """

    async def work(office: Office) -> bool:
        end = None if until is None else days.parse_day(until, office.clock(), office.rules.zone)
        async with office.database.reading() as tx:
            wanted = (await who.one_person(office.case(tx, operator()), meant)).id
            has_access = await holdings.of_person(tx, office.clock(), wanted)
        if has_access:
            # Without the CA's key nothing can be cut; better to know before it is recorded.
            await office.keyring.authority()

        async def record() -> pausing.Paused:
            async with office.acting(operator()) as case:
                return await pausing.pause(case, wanted, end)

        done = await office.reserve.for_revocation(record)
        if as_json:
            receipt = await receipt_object(office, done.grants)
            accounts = [account.id for account in done.accounts]
            say_object({"paused": accounts, "until": stamp(end), **receipt})
            return bool(receipt["proved"])
        names = ", ".join(f"{account.name} ({account.id})" for account in done.accounts)
        proved = await print_receipt(office, done.grants) if done.grants else True
        if done.grants:
            say("")
        template = words.OFF_LINE_OPEN if end is None else words.OFF_LINE
        say(plain(template, names=names, until=utc(end) if end else "", id=wanted))
        return proved

    if not with_office(work):
        raise typer.Exit(1)


def resume(meant: Who, as_json: ActAsJson = False) -> None:
    """Lets a paused person in again, with every profile that hasn't ended meanwhile."""

    async def work(office: Office) -> bool:
        # Without the CA's key no list can be signed that leaves them out.
        await office.keyring.authority()
        async with office.acting(operator()) as case:
            wanted = (await who.one_person(case, meant)).id
            done = await pausing.resume(case, wanted)
        left = await come_back(office, office.fleet) if done.grants else ()
        if as_json:
            accounts = [account.id for account in done.accounts]
            grants = [grant.id for grant in done.grants]
            say_object({"resumed": accounts, "grants": grants, "not_yet_on": [*left]})
            return not left
        names = ", ".join(f"{account.name} ({account.id})" for account in done.accounts)
        if left:
            say(plain(words.BACK_NOT_YET, names=names, servers=", ".join(left)))
        else:
            say(plain(words.BACK_LINE, names=names, count=len(done.grants)))
        return not left

    if not with_office(work):
        raise typer.Exit(1)
