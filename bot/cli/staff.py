"""`vpnbot user import` and `vpnbot user sync`: the allowlist from a table of the staff."""

import codecs
import sys
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer

from bot.access import holdings, people, staff
from bot.access.staff import Plan
from bot.cli.asking import require_yes
from bot.cli.revoke import print_receipt, receipt_object
from bot.cli.shared import ActAsJson, Yes, operator, say, say_object, with_office
from bot.errors import NotDone
from bot.office import Office
from bot.receipts import maybe_text
from bot.setup.staff_table import BadTable, Table, read_table
from bot.texts import people as people_words
from bot.texts import receipts as words
from bot.texts.fill import plain, straight
from storage.batches import batches
from storage.records import Grant, UserId

_LARGEST = 8_000_000
_SHOWN = 20
_FAULTS_SHOWN = 3
_STDIN = "-"
_USUAL = "utf-8"
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


def import_(
    file: File, apply: Apply = False, encoding: Encoding = _USUAL, as_json: ActAsJson = False
) -> None:
    """Puts everybody in a CSV file on the allowlist. Nobody is taken off it."""

    async def work(office: Office) -> None:
        table = _read(file, encoding)
        plan = await _compared(office, table, is_whole=False)
        if not as_json:
            _show(plan, table)
        if apply:
            await _put_on(office, plan)
        if as_json:
            say_object({**_object(plan, table), "applied": apply})
        else:
            _tell_end(plan, apply=apply)

    with_office(work)


def sync(
    file: File,
    apply: Apply = False,
    encoding: Encoding = _USUAL,
    max_share: Annotated[
        int,
        typer.Option(metavar="PERCENT", min=0, max=100, help="Stops where more would be gone."),
    ] = 20,
    propose: Annotated[
        bool,
        typer.Option("--propose", help="Asks the admins in the chat about who is gone, once."),
    ] = False,
    yes: Yes = False,
    as_json: ActAsJson = False,
) -> None:
    """Makes the allowlist what a CSV file says: who isn't in it is removed, with receipts.

    With --propose nobody is removed: each admin gets a card with Remove and Keep.
    """

    async def work(office: Office) -> bool:
        table = _read(file, encoding)
        plan = await _compared(office, table, is_whole=True)
        if not as_json:
            _show(plan, table)
        # In a small company one may always leave.
        if len(plan.gone) > max(plan.listed * max_share // 100, min(max_share, 1)):
            raise NotDone(
                f"{len(plan.gone)} of {plan.listed} would be gone, which is more than {max_share} "
                "percent, so nothing was done. If the file is whole, name more with --max-share."
            )
        done: dict[str, Any] = {"proved": True}
        if propose:
            done["asked"] = await _propose(office, plan, table, as_json=as_json)
        elif apply:
            if plan.gone:
                require_yes(plain(people_words.ASK_GONE, count=len(plan.gone)), yes=yes)
            # Who has left first: what else there is can wait.
            done = await _remove(office, plan, as_json=as_json)
        if apply:
            await _put_on(office, plan)
        proved = bool(done["proved"])
        if as_json:
            say_object({**_object(plan, table), "applied": apply, **done})
        elif proved:
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
    if encoding == _USUAL and content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"  # no UTF-8 begins like that; some spreadsheets' "Unicode text" does
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


async def _compared(office: Office, table: Table, *, is_whole: bool) -> Plan:
    async with office.database.reading() as tx:
        return await staff.compare(office.case(tx, operator()), table.people, is_whole=is_whole)


def _object(plan: Plan, table: Table) -> dict[str, Any]:
    return {
        "new": [{"id": one, "name": name} for one, name in plan.new.items()],
        "renamed": [
            {"id": one, "was": was, "name": name} for one, (was, name) in plan.renamed.items()
        ],
        "gone": [{"id": one, "name": name} for one, name in plan.gone.items()],
        "listed": plan.listed,
        "columns_not_read": [*table.passed_over],
    }


def _show(plan: Plan, table: Table) -> None:
    if table.passed_over:
        say(f"Columns that aren't read: {', '.join(table.passed_over)}")
    _list("New", (f"{name} ({one})" for one, name in plan.new.items()), len(plan.new))
    renamed = (f"{was} ({one}): {name}" for one, (was, name) in plan.renamed.items())
    _list("Another name", renamed, len(plan.renamed))
    _list("Gone", (f"{name} ({one})" for one, name in plan.gone.items()), len(plan.gone))


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


async def _propose(office: Office, plan: Plan, table: Table, *, as_json: bool) -> int:
    """Gives about how many the admins are asked."""
    async with office.acting(operator()) as case:
        asked = await staff.propose(case, plan.gone, table.people)
    if plan.gone and not as_json:
        say(f"Asked the admins about {asked}. Nobody is asked about twice, and 20 at once is most.")
    return asked


async def _remove(office: Office, plan: Plan, *, as_json: bool) -> dict[str, Any]:
    """Everybody's access ends before the first is proved; says whether all of it is by now.

    The receipt is in what it gives, or else it is printed.
    """
    if not plan.gone:
        return {"proved": True}
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
            if not removed.grants and not as_json:
                for text in maybe_text(plan.gone[user_id], removed.maybe):
                    say(straight(text))
    finally:
        # Also where it broke off: who is off the list has to be out.
        receipt = await _receipt(office, [*ended.values()], as_json=as_json)
    return receipt


async def _receipt(office: Office, ended: Sequence[Grant], *, as_json: bool) -> dict[str, Any]:
    if as_json:
        return await receipt_object(office, ended)
    if not ended:
        return {"proved": True}
    return {"proved": await print_receipt(office, ended, retrying=words.RETRYING_ALONE)}


async def _removed(office: Office, user_id: UserId) -> people.Removed | None:
    """None where they are off the list: with another account of theirs, or by somebody else."""

    async def record() -> people.Removed | None:
        async with office.acting(operator()) as case:
            person = await case.tx.people.get(user_id)
            if person is None or not person.allowed:
                return None
            return await people.remove(case, user_id)

    return await office.reserve.for_revocation(record)
