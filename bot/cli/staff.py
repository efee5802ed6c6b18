"""`vpnbot user import` and `vpnbot user sync`: the allowlist from a table of the staff."""

import sys
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from bot.access import holdings, people, staff
from bot.access.staff import Plan
from bot.cli.revoke import print_receipt
from bot.cli.shared import operator, say, with_office
from bot.errors import NotDone
from bot.office import Office
from bot.receipts import maybe_text
from bot.setup.staff_table import BadTable, Table, read_table
from bot.texts import receipts as words
from bot.texts.fill import straight
from storage.batches import batches
from storage.records import Grant, UserId

_LARGEST = 8_000_000
_SHOWN = 20
_FAULTS_SHOWN = 3
_STDIN = "-"
# In one transaction: the bot waits for it.
_TOGETHER = 50

File = Annotated[
    str,
    typer.Argument(
        metavar="FILE",
        help="A CSV file that begins with a line id,name; - is what comes in.",
    ),
]
Apply = Annotated[bool, typer.Option("--apply", help="Does it; without this it is only shown.")]
Encoding = Annotated[
    str, typer.Option(metavar="NAME", help="The file's encoding, such as windows-1251.")
]


def import_(file: File, apply: Apply = False, encoding: Encoding = "utf-8") -> None:
    """Puts everybody in a CSV file on the allowlist. Nobody is taken off it."""

    async def work(office: Office) -> None:
        table = _read(file, encoding)
        plan = await _shown(office, table, is_whole=False)
        if apply:
            await _put_on(office, plan)
        _tell_end(plan, apply=apply)

    with_office(work)


def sync(
    file: File,
    apply: Apply = False,
    encoding: Encoding = "utf-8",
    max_share: Annotated[
        int,
        typer.Option(metavar="PERCENT", min=0, max=100, help="Stops where more would be gone."),
    ] = 20,
    propose: Annotated[
        bool,
        typer.Option("--propose", help="Asks the admins in the chat about who is gone, once."),
    ] = False,
) -> None:
    """Makes the allowlist what a CSV file says: who isn't in it is removed, with receipts.

    With --propose nobody is removed: each admin gets a card with Remove and Keep.
    """

    async def work(office: Office) -> bool:
        table = _read(file, encoding)
        plan = await _shown(office, table, is_whole=True)
        # In a small company one may always leave.
        if len(plan.gone) > max(plan.listed * max_share // 100, min(max_share, 1)):
            raise NotDone(
                f"{len(plan.gone)} of {plan.listed} would be gone, which is more than {max_share} "
                "percent, so nothing was done. If the file is whole, name more with --max-share."
            )
        proved = True
        if propose:
            await _propose(office, plan, table)
        elif apply:
            # Who has left first: what else there is can wait.
            proved = await _remove(office, plan)
        if apply:
            await _put_on(office, plan)
        if proved:
            _tell_end(plan, apply=apply)
        else:
            say("The allowlist is as in the file, but not every end is proved yet.")
        return proved

    if not with_office(work):
        raise typer.Exit(1)


def _read(file: str, encoding: str) -> Table:
    """Raises NotDone, with what is wrong with the file."""
    try:
        if file == _STDIN:
            content = sys.stdin.buffer.read(_LARGEST + 1)
        else:
            with Path(file).open("rb") as opened:
                content = opened.read(_LARGEST + 1)
    except OSError as error:
        raise NotDone(f"“{file}” can't be read ({error.strerror}); name a CSV file.") from error
    if len(content) > _LARGEST:
        raise NotDone(f"{file} has more than {_LARGEST // 1_000_000} MB; is it the right one?")
    try:
        text = content.decode(encoding)
    except LookupError as error:
        raise NotDone(f"There is no encoding {encoding}; try utf-8 or windows-1251.") from error
    except UnicodeError as error:
        raise NotDone(
            f"{file} isn't in {encoding}. Name what it is in, such as: --encoding windows-1251"
        ) from error
    if "\0" in text:
        raise NotDone(f"{file} isn't text in {encoding}; save it as CSV, in UTF-8.")
    try:
        return read_table(text)
    except BadTable as error:
        shown = " ".join(error.faults[:_FAULTS_SHOWN])
        more = len(error.faults) - _FAULTS_SHOWN
        rest = f" And {more} more like these." if more > 0 else ""
        raise NotDone(f"{file} wasn't used. {shown}{rest}") from error


async def _shown(office: Office, table: Table, *, is_whole: bool) -> Plan:
    async with office.database.reading() as tx:
        plan = await staff.compare(office.case(tx, operator()), table.people, is_whole=is_whole)
    if table.passed_over:
        say(f"Columns that aren't read: {', '.join(table.passed_over)}")
    _list("New", (f"{name} ({one})" for one, name in plan.new.items()), len(plan.new))
    renamed = (f"{was} ({one}): {name}" for one, (was, name) in plan.renamed.items())
    _list("Another name", renamed, len(plan.renamed))
    _list("Gone", (f"{name} ({one})" for one, name in plan.gone.items()), len(plan.gone))
    return plan


def _list(title: str, lines: Iterable[str], count: int) -> None:
    if not count:
        return
    say(f"{title}: {count}")
    for line in islice(lines, _SHOWN):
        say(f"  {line}")
    if count > _SHOWN:
        say(f"  … and {count - _SHOWN} more")


def _tell_end(plan: Plan, *, apply: bool) -> None:
    if not (plan.new or plan.renamed or plan.gone):
        say("The allowlist says the same already.")
    else:
        say("Done." if apply else "Nothing was changed yet; with --apply it is done.")


async def _put_on(office: Office, plan: Plan) -> None:
    names = {**plan.new, **{one: name for one, (_, name) in plan.renamed.items()}}
    for some in batches(names.items(), _TOGETHER):
        async with office.acting(operator()) as case:
            for user_id, name in some:
                await people.allow(case, user_id, name, greets_unseen=False)


async def _propose(office: Office, plan: Plan, table: Table) -> None:
    async with office.acting(operator()) as case:
        asked = await staff.propose(case, plan.gone, table.people)
    if plan.gone:
        say(f"Asked the admins about {asked}. Nobody is asked about twice, and 20 at once is most.")


async def _remove(office: Office, plan: Plan) -> bool:
    """Everybody's access ends before the first is proved; False while anything is not."""
    if not plan.gone:
        return True
    async with office.database.reading() as tx:
        has_access = await holdings.of_accounts(tx, office.clock(), list(plan.gone))
    if has_access:
        # Without the CA's key nothing can be cut; better to know before it is recorded.
        await office.keyring.authority()
    ended: dict[str, Grant] = {}
    try:
        for user_id in plan.gone:
            removed = await _removed(office, user_id)
            if removed is None:
                continue
            ended |= {grant.id: grant for grant in removed.grants}
            # With an end its receipt says so.
            for text in () if removed.grants else maybe_text(plan.gone[user_id], removed.maybe):
                say(straight(text))
    finally:
        # Also where it broke off: who is off the list has to be out.
        proved = not ended or await print_receipt(
            office, list(ended.values()), retrying=words.RETRYING_ALONE
        )
    return proved


async def _removed(office: Office, user_id: UserId) -> people.Removed | None:
    """None where they are off the list: with another account of theirs, or by somebody else."""

    async def record() -> people.Removed | None:
        async with office.acting(operator()) as case:
            person = await case.tx.people.get(user_id)
            if person is None or not person.allowed:
                return None
            return await people.remove(case, user_id)

    return await office.reserve.for_revocation(record)
