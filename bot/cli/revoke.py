"""`vpnbot revoke`: ends access, and shows the proof."""

from collections.abc import Sequence
from typing import Annotated

import typer

from bot.access import revocation, who
from bot.access.case import Case
from bot.cli.shared import operator, say, say_blocks, with_office
from bot.office import Office
from bot.receipts import load_receipt
from bot.texts import receipts as words
from bot.texts.fill import plain, straight
from storage.records import Grant


def revoke(
    meant: Annotated[
        str,
        typer.Argument(
            metavar="WHO",
            help="A Telegram id, a name, @username, a common name, g-…, or serial:HEX.",
        ),
    ],
) -> None:
    """Ends somebody's access on every server, and prints the receipt."""

    async def work(office: Office) -> bool:
        # Without the CA's key there is no CRL; better to know before anything is recorded.
        await office.keyring.authority()

        async def record() -> list[Grant]:
            async with office.acting(operator()) as case:
                return await _end(case, meant)

        ended = await office.reserve.for_revocation(record)
        return await print_receipt(office, ended)

    if not with_office(work):
        raise typer.Exit(1)


async def print_receipt(
    office: Office, ended: Sequence[Grant], *, retrying: str = words.RETRYING_TERMINAL
) -> bool:
    """Cuts the grants, looks, and prints what was proved; False while anything is not.

    Args:
        retrying: what is said of what is not.
    """
    grant_ids = [grant.id for grant in ended]
    await office.enforcer.enforce(grant_ids)
    async with office.database.reading() as tx:
        receipt = await load_receipt(tx, grant_ids, office.clock())
    say_blocks(map(straight, [*receipt.blocks, *([] if receipt.settled else [retrying])]))
    live = [*(one.grant for one in receipt.left if one.is_live), *receipt.maybe]
    for one in dict.fromkeys(grant.user_id or grant.id for grant in live):
        say("")
        say(plain(words.LEFT_TERMINAL, who=one))
    return receipt.proved


async def _end(case: Case, text: str) -> list[Grant]:
    fits = await who.meant(case, text)
    if not fits.exactly_one:
        raise who.not_one(text, fits)
    if fits.people:
        return await revocation.revoke_person(case, fits.people[0].id)
    return await revocation.revoke_grant(case, fits.grants[0].id)
