"""`vpnbot revoke`: ends access, and shows the proof."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from bot.access import revocation, who
from bot.access.case import Case
from bot.access.matching import Fits
from bot.cli.asking import require_yes
from bot.cli.shared import ActAsJson, Yes, operator, say, say_blocks, say_object, with_office
from bot.office import Office
from bot.receipts import Receipt, load_receipt
from bot.texts import people as people_words
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
    yes: Yes = False,
    as_json: ActAsJson = False,
) -> None:
    """Ends somebody's access on every server, and prints the receipt."""

    async def work(office: Office) -> bool:
        # Without the CA's key there is no CRL; better to know before anything is recorded.
        await office.keyring.authority()
        async with office.database.reading() as tx:
            fits = await who.meant(office.case(tx, operator()), meant)
        if not fits.exactly_one:
            raise who.not_one(meant, fits)
        require_yes(_question(fits), yes=yes)

        async def record() -> list[Grant]:
            async with office.acting(operator()) as case:
                return await _end(case, fits)

        ended = await office.reserve.for_revocation(record)
        if as_json:
            done = await receipt_object(office, ended)
            say_object(done)
            return bool(done["proved"])
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
    receipt = await _cut(office, ended)
    say_blocks(map(straight, [*receipt.blocks, *([] if receipt.settled else [retrying])]))
    for one in dict.fromkeys(grant.user_id or grant.id for grant in _left(receipt)):
        say("")
        say(plain(words.LEFT_TERMINAL, who=one))
    return receipt.proved


async def receipt_object(office: Office, ended: Sequence[Grant]) -> dict[str, Any]:
    """The same for a program: what was proved, of which grant, on which servers."""
    if not ended:
        return {"proved": True, "grants": [], "left": []}
    receipt = await _cut(office, ended)
    ids = [grant.id for grant in ended]
    async with office.database.reading() as tx:
        grants, proofs = await tx.grants.some(ids), await tx.proofs.of(ids)
    return {
        "proved": receipt.proved,
        "grants": [
            {
                "id": grant.id,
                "user_id": grant.user_id,
                "common_name": grant.common_name,
                "serial": grant.serial,
                "state": grant.state,
                "pause": grant.pause,
                "proved_on": [o.server for o in proofs if o.grant_id == grant.id and o.proved],
                "open_on": [o.server for o in proofs if o.grant_id == grant.id and not o.proved],
            }
            for grant in grants
        ],
        "left": [grant.id for grant in _left(receipt)],
    }


async def _cut(office: Office, ended: Sequence[Grant]) -> Receipt:
    grant_ids = [grant.id for grant in ended]
    await office.enforcer.enforce(grant_ids)
    async with office.database.reading() as tx:
        return await load_receipt(tx, grant_ids, office.clock())


def _left(receipt: Receipt) -> Sequence[Grant]:
    """What else lets them in, or may."""
    return [*(one.grant for one in receipt.left if one.is_live), *receipt.maybe]


def _question(fits: Fits) -> str:
    if fits.people:
        person = fits.people[0]
        return plain(people_words.ASK_REVOKE, name=person.name, id=person.id)
    return plain(people_words.ASK_REVOKE_GRANT, common_name=fits.grants[0].common_name)


async def _end(case: Case, fits: Fits) -> list[Grant]:
    if fits.people:
        return await revocation.revoke_person(case, fits.people[0].id)
    return await revocation.revoke_grant(case, fits.grants[0].id)
