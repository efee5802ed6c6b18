"""PostgreSQL comes later; nothing that it does not know may go into the repositories.

Every table, every index and every statement that a pass over all repositories sends is compiled
for PostgreSQL. Where a PostgreSQL is installed, the pass runs there for real, through psql.
"""

import inspect
import os
import pwd
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import ClauseElement, Dialect, Select, event
from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlalchemy.schema import CreateIndex, CreateTable
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.dml import UpdateBase

from storage.audit import AuditWanted
from storage.clock_records import ClockAnchor, EndWarning
from storage.database import Database
from storage.group_records import Group, GroupName
from storage.listings import GrantsWanted
from storage.outbox import Done, Later, SetAside
from storage.records import (
    Canary,
    CanaryLook,
    CanaryRole,
    CanaryTrouble,
    ChatId,
    EndReason,
    ForeignRevocation,
    Grant,
    GrantId,
    GrantState,
    InboxItem,
    OutboxKind,
    PostedMessage,
    Proof,
    RequestState,
    SeenAs,
    ServerName,
    Usage,
    UserId,
    Verdict,
)
from storage.repository import Repository
from storage.rotation import Rotation, RotationStep
from storage.set_records import ServerSet
from storage.tables import metadata
from storage.transaction import Transaction
from tests.storage.kit import (
    ANNA,
    BERLIN,
    BORIS,
    DAY,
    HOUR,
    NOW,
    PARIS,
    add_grant,
    add_people,
    add_request,
    make_grant,
    make_server,
)

# The dialect without a driver; SQLAlchemy leaves its constructor untyped.
_DIALECT: Any = PGDialect
POSTGRESQL: Dialect = _DIALECT(paramstyle="named")


def ddl() -> list[str]:
    made = []
    for table in metadata.sorted_tables:
        made.append(str(CreateTable(table).compile(dialect=POSTGRESQL)))
        by_name = sorted(table.indexes, key=lambda index: str(index.name))
        made += [str(CreateIndex(index).compile(dialect=POSTGRESQL)) for index in by_name]
    return made


async def pass_over_sets(tx: Transaction) -> None:
    await tx.servers.put_set(ServerSet(ServerName("eu"), (BERLIN,), random=False, added_at=NOW))
    await tx.servers.set_named(ServerName("eu"))
    await tx.servers.sets()
    await tx.servers.remove_set(ServerName("eu"))


async def pass_over_everything(tx: Transaction) -> None:
    """Calls each method of each repository at least once."""
    await add_people(tx)
    await tx.people.know(BORIS, "Boris", NOW)
    await tx.people.note_username(ANNA, "anna", NOW)
    await tx.people.set_reachable(ANNA, reachable=True)
    await tx.people.disallow(BORIS)
    await tx.people.name_of(BORIS)
    await tx.people.link(BORIS, ANNA)
    await tx.people.person_of(BORIS)
    await tx.people.accounts_of(ANNA)
    await tx.people.all()
    await tx.people.revision(ANNA)
    await _searches(tx)
    await tx.admins.add(ANNA, after_decision=0)
    await tx.admins.all()
    await tx.admins.remove(ANNA)
    await tx.servers.add(make_server())
    await tx.servers.set_adopted(make_server())
    await tx.servers.set_cuts_unknown(BERLIN, cuts=True)
    await tx.servers.set_ssh(BERLIN, {"address": "vpnbot@berlin"}, "vpnbot")
    await tx.servers.set_crl_published(BERLIN, NOW, 7, "a1")
    await tx.servers.set_open(BERLIN, NOW)
    await pass_over_sets(tx)
    await tx.crl.keep(BERLIN, ["a list"])
    await tx.crl.kept(BERLIN)
    number = await tx.strangers.note(BERLIN, "eve", SeenAs.CUT, NOW)
    await tx.strangers.note(BERLIN, "eve", SeenAs.LEFT, NOW)
    await tx.strangers.get(number)
    await tx.strangers.on(BERLIN)
    await tx.strangers.forget([number])
    await tx.strangers.forget_on(BERLIN)
    await _canaries(tx)
    await tx.servers.mark_restored(NOW)
    await tx.servers.clear_restored(BERLIN)
    await tx.servers.all()
    await _requests(tx)
    await _grants(tx)
    await _watch(tx)
    await _queues(tx)
    await _trail(tx)
    await tx.servers.get(BERLIN)
    await tx.servers.remove(BERLIN)


async def _canaries(tx: Transaction) -> None:
    canary = Canary("2a", BERLIN, CanaryRole.GOOD, "canary", "10.8.0.9", NOW, NOW)
    await tx.canaries.add([canary])
    await tx.canaries.in_use(BERLIN)
    await tx.canaries.known_on(BERLIN)
    await tx.canaries.with_address("10.8.0.9")
    await tx.canaries.revoked()
    await tx.canaries.serials()
    await tx.canaries.addresses_held(BERLIN, NOW)
    await tx.canaries.retire(BERLIN, NOW)
    await tx.canaries.prune(NOW)
    await tx.canaries.see(CanaryLook(BERLIN, NOW, (CanaryTrouble.UNREACHABLE,)))
    await tx.canaries.look(BERLIN)
    await tx.canaries.looks()
    await tx.canaries.unsee(BERLIN)
    await tx.canaries.forget_on(BERLIN)


async def _requests(tx: Transaction) -> None:
    request = await add_request(tx, server=None)
    await tx.requests.choose(request.id, BERLIN)
    await tx.requests.agree(request.id, by="telegram:1", duration=60, at=NOW)
    await tx.requests.decisions(request.id)
    await tx.requests.decide(request.id, Verdict.APPROVE, by="a", by_name="b", at=NOW, duration=60)
    await tx.requests.all()
    _ = [each async for each in tx.requests.each(state=RequestState.PENDING, limit=9)]
    await tx.requests.pending()
    await tx.requests.open()
    await tx.requests.open_of(ANNA)
    await tx.requests.of_user(ANNA)
    await tx.requests.open_on(BERLIN)
    await tx.requests.last_server(ANNA)
    await tx.requests.asked_at(ANNA, NOW)
    await tx.requests.due(NOW, asked_by=NOW)
    await tx.requests.last_decision()
    await tx.requests.open()


async def _grants(tx: Transaction) -> None:
    grant = await add_grant(tx)
    await _usages(tx, grant)
    await tx.grants.add_many([make_grant(7, None, user_id=None, server=None, imported_at=NOW)])
    await tx.grants.link(GrantId("g-00000007"), ANNA)
    await tx.grants.imported()
    await tx.grants.unlinked()
    await tx.grants.unlinked_as("anna")
    await tx.grants.unlinked_like(["anna", "100%"])
    await tx.grants.imported_as(["anna"])
    await tx.grants.imported_names()
    await tx.grants.live_for(BERLIN)
    await tx.grants.known_on(BERLIN)
    await tx.grants.known_on(BERLIN, ["a_b"])
    await tx.grants.named(["anna"])
    await tx.grants.out_since(NOW)
    await tx.grants.reopen([grant.id], NOW)
    await tx.grants.addresses_held(BERLIN, NOW)
    await tx.grants.some([grant.id])
    await tx.grants.all()
    await tx.grants.with_serials(["1"])
    await tx.grants.not_over()
    await tx.grants.on_the_way()
    await tx.grants.of_user(ANNA)
    await tx.grants.live_of_user(ANNA)
    await tx.grants.live_on(BERLIN)
    await tx.grants.live_as(BERLIN)
    await tx.grants.wait_on(grant.id, [BERLIN], NOW)
    await tx.grants.waiting_on(BERLIN)
    await tx.grants.let_in(grant.id, BERLIN)
    await tx.grants.replaced_at(ANNA, NOW)
    await tx.grants.due(NOW)
    await tx.grants.revoking()
    await _groups(tx, grant)
    await tx.grants.set_address(grant, BERLIN, "10.8.0.9", NOW)
    await tx.grants.move(grant.id, GrantState.RESERVED, GrantState.ISSUED)
    await tx.grants.end(grant.id, EndReason.REVOKED, NOW)
    await tx.proofs.open(grant.id, [BERLIN], NOW)
    await tx.proofs.reopen([grant.id], BERLIN, NOW)
    await tx.proofs.unproved()
    await tx.proofs.dropped()
    await tx.proofs.due(NOW)
    await tx.proofs.hasten([grant.id], BERLIN, NOW)
    await tx.proofs.hasten_beyond(NOW, NOW)
    proof = Proof(grant.id, BERLIN, proved=True, attempts=1, next_try_at=NOW)
    await tx.proofs.record(replace(proof, findings=(("crl_old", "it's"),)))
    await tx.proofs.of([grant.id])
    await tx.proofs.drop_open(BERLIN, NOW)
    await tx.grants.prove(grant.id, GrantState.REVOKED, NOW)


async def _trail(tx: Transaction) -> None:
    await tx.audit.append(at=NOW, actor="a", action="b", subject="c", detail={"name": "Zoë"})
    await tx.audit.append(at=NOW, actor="a", action="b", subject="c", detail={})
    await tx.audit.newest(3)
    await tx.audit.all()
    assert len([entry async for entry in tx.audit.each()]) == 2
    about = AuditWanted(["a"], ["c"], server="x", kind="b", since=NOW, until=NOW + HOUR)
    await tx.audit.newest(3, about)
    await tx.audit.newest(3, AuditWanted())
    await tx.audit.first()
    await tx.audit.head()
    await tx.audit.last_of("b")
    await tx.audit.digest_of(1)
    assert await tx.audit.first_fault() is None


async def _searches(tx: Transaction) -> None:
    await tx.people.some([ANNA])
    await tx.people.named("anna")
    await tx.people.namesakes(["anna"])
    await tx.people.with_words(["an", "pe"], limit=5)
    await tx.people.with_words(["anna"], limit=5, whole=True)
    await tx.people.words_like("an", limit=5)
    await tx.people.listed(["an"], offset=0, limit=5)
    await tx.people.count_listed(["an"])
    await tx.people.with_access(NOW, offset=0, limit=5)
    await tx.people.note_newcomer(UserId(77), "Eve", "eve", NOW)
    await tx.people.newcomer(UserId(77))
    await tx.people.newcomers_named("eve", limit=5)
    await tx.people.prune_newcomers(NOW)
    await tx.people.forget_newcomer(UserId(77))
    await tx.grants.nobodys_not_over(limit=5)
    await tx.grants.count_unlinked_names()
    await tx.grants.count_live()
    await tx.grants.of_users([ANNA], NOW)
    await tx.grants.ending(offset=0, limit=5)
    await tx.grants.count_unproved(NOW)
    await tx.grants.unproved(NOW, offset=0, limit=5)
    await tx.grants.with_name("anna")
    await tx.grants.with_serial("abc")
    await tx.requests.count_pending()
    await tx.requests.ids_of(ANNA)
    wanted = GrantsWanted(GrantState.REVOKING, [ANNA], BERLIN, 5)
    for one in (wanted, GrantsWanted(GrantState.REVOKED), GrantsWanted()):
        assert len([part async for part in tx.listings.grants(one)]) <= 1
    listed = tx.listings.people(allowed=True, accounts=[ANNA], limit=5)
    assert len([part async for part in listed]) <= 1


async def _groups(tx: Transaction, grant: Grant) -> None:
    group = Group(GroupName("dev"))
    await tx.groups.add(group)
    await tx.groups.set(group)
    await tx.groups.all()
    await tx.groups.get(group.name)
    await tx.groups.join(group.name, ANNA)
    await tx.groups.members(group.name)
    await tx.groups.of_accounts([ANNA])
    await tx.groups.by_account()
    await tx.addresses.owners(BERLIN)
    await tx.addresses.files_due(BERLIN, [grant.id], NOW)
    await tx.addresses.due_files(BERLIN)
    await tx.addresses.servers_due()
    await tx.addresses.file_done(BERLIN, grant.id, NOW)
    await tx.addresses.forget_files(BERLIN)
    await tx.groups.leave(group.name, ANNA)
    await tx.groups.remove(group.name)
    await tx.addresses.give(grant.id, PARIS, "10.9.0.9", NOW)
    await tx.addresses.now_of(grant.id, PARIS)
    await tx.addresses.move(grant.id, PARIS, "10.9.0.9", NOW)
    [moved] = await tx.addresses.moved_on(PARIS)
    await tx.addresses.leave(moved.id, NOW)
    await tx.addresses.set6(grant.id, PARIS, "fd00::9", NOW)
    await tx.addresses.set6(grant.id, PARIS, None, NOW)
    await tx.addresses.set6(grant.id, PARIS, "fd00::9", NOW)
    await tx.addresses.leave_all(grant.id, NOW)
    await tx.addresses.held(PARIS, NOW)
    await tx.addresses.history("10.9.0.9")


async def _usages(tx: Transaction, grant: Grant) -> None:
    usage = Usage(grant.id, BERLIN, NOW, "198.51.100.7", 1, 2, {"17:0": (1, 2)})
    await tx.usages.add([usage])
    await tx.usages.change([replace(usage, sent=3, moves=(("198.51.100.7", 17),), twice_at=NOW)])
    await tx.usages.of([grant.id])
    await tx.usages.last_of([ANNA])


async def _watch(tx: Transaction) -> None:
    await tx.end_warnings.record(EndWarning("ca", NOW, 30))
    await tx.end_warnings.all()
    await tx.clock.record(ClockAnchor("b", NOW, HOUR))
    await tx.clock.last()
    await tx.rotation.begin(Rotation(2, RotationStep.TRUST, NOW, NOW))
    await tx.rotation.last()
    await tx.rotation.move(RotationStep.TRUST, RotationStep.MOVE, NOW)
    await tx.rotation.move_all(NOW)
    await tx.rotation.signing()
    await tx.rotation.signed_before(2)
    await tx.rotation.to_move(2, 10)
    await tx.rotation.count_to_move(2)
    await tx.grants.replacing([GrantId("g-1")])
    request, *_ = await tx.requests.all()
    await tx.requests.add_approved(request, by="vpnbot", by_name="vpnbot", at=NOW)
    await tx.crl.next_number()
    await tx.crl.next_number()
    await tx.crl.last_number()
    await tx.crl.raise_to(9)
    await tx.crl.add_foreign([ForeignRevocation("c0ffee", NOW, EndReason.LOST, NOW)])
    await tx.crl.foreign()
    await tx.crl.entries(None)
    await tx.crl.entries(NOW)
    await tx.crl.add_spares(["5ba4e"])
    await tx.crl.spares()
    await tx.crl.take_spare()
    await tx.crl.give_up_spares(NOW)


async def _queues(tx: Transaction) -> None:
    await tx.grants.for_others(BERLIN)
    await tx.posted.remember(PostedMessage(ChatId(7), 1, OutboxKind.CARD, "1", NOW))
    await tx.posted.about(OutboxKind.CARD, "1")
    await tx.posted.newest_in(ChatId(7), 20)
    await tx.inbox.store([InboxItem(n, ChatId(7), "{}", NOW) for n in (5, 6)])
    await tx.inbox.new()
    await tx.inbox.hold(5, "x")
    await tx.inbox.held(5)
    await tx.inbox.release(5)
    await tx.inbox.finish(5)
    await tx.inbox.has_new_of([7])
    await tx.inbox.finish_all([5])
    await tx.inbox.quarantine(6, "odd")
    await tx.inbox.waiting()
    await tx.inbox.trim_quarantine(1)
    await tx.inbox.quarantine_new("odd")
    await tx.inbox.forget(6)
    await tx.inbox.prune(NOW + DAY)
    for kind in (OutboxKind.REPLY, OutboxKind.RECEIPT, OutboxKind.DELIVER, OutboxKind.CARD):
        await tx.outbox.add(ChatId(7), kind, {"text": "it's <b>Zoë</b>"}, now=NOW)
    await tx.outbox.hold_chat(ChatId(7), NOW + HOUR)
    await tx.outbox.hasten(OutboxKind.RECEIPT, NOW)
    await tx.outbox.hasten_beyond(NOW, NOW)
    await tx.outbox.open(OutboxKind.DELIVER)
    reply, receipt, deliver, card = await tx.outbox.due(NOW + DAY, 9)
    await tx.outbox.first_due(NOW + DAY, 9, kinds=frozenset(OutboxKind), without={ChatId(8)})
    await tx.outbox.stuck(9)
    for item in (reply, receipt, deliver, card):
        await tx.outbox.claim(item.id)
    await tx.outbox.sending()
    await tx.outbox.doubt(OutboxKind.NOTICE)
    await tx.outbox.conclude(reply, Later(NOW, attempts=1))
    await tx.outbox.conclude(receipt, Later(NOW, attempts=0, payload={"said": True}))
    await tx.outbox.conclude(deliver, Done())
    await tx.outbox.conclude(card, SetAside(None))
    await tx.outbox.prune(NOW + DAY)
    await tx.posted.prune(NOW - DAY)


Sent = list[tuple[ClauseElement, Any]]


@pytest.fixture
async def sent(database: Database) -> Sent:
    """What a pass over all repositories sends, as SQLAlchemy got it."""
    statements: Sent = []

    def note(_connection: Any, element: Any, many: Any, one: Any, _options: Any) -> None:
        if isinstance(element, Select | UpdateBase):
            statements.append((element, many or [one]))

    engine = database._engine.sync_engine
    event.listen(engine, "before_execute", note)
    async with database.writing() as tx:
        await pass_over_everything(tx)
    event.remove(engine, "before_execute", note)
    return statements


def as_sql(sent: Sent) -> list[str]:
    """The statements for PostgreSQL, their values written into them."""
    return [_filled(element, row) for element, rows in sent for row in rows]


def _filled(element: ClauseElement, row: dict[str, Any]) -> str:
    compiled = element.compile(dialect=POSTGRESQL, column_keys=list(row) or None)
    assert isinstance(compiled, SQLCompiler)
    # With its values it knows how many parameters a list of them takes.
    state = compiled.construct_expanded_state(row, escape_names=False)
    processors = {**compiled._bind_processors, **state.processors}
    values = {
        name: _literal(processors.get(name, lambda value: value)(value))
        for name, value in state.parameters.items()
    }
    return re.sub(r"(?<!:):(\w+)", lambda found: values[found[1]], state.statement)


def _literal(value: object) -> str:
    """As psql reads it, with standard_conforming_strings."""
    if value is None:
        return "NULL"
    if isinstance(value, bool | int):
        return str(value).lower()
    assert isinstance(value, str), value
    return "'" + value.replace("'", "''") + "'"


def test_every_table_and_index_can_be_made() -> None:
    made = ddl()
    assert len([sql for sql in made if "CREATE TABLE" in sql]) == len(metadata.tables)


@pytest.mark.parametrize(
    ("index", "condition"),
    [
        ("ix_grants_live", "WHERE state IN ('reserved', 'issued', 'active')"),
        ("ix_addresses_held", "WHERE left_at IS NULL"),
        ("ix_requests_open", "WHERE state = 'pending'"),
        ("ix_requests_choosing", "WHERE state = 'choosing'"),
    ],
)
def test_the_indexes_that_decide_races_are_partial_there_too(index: str, condition: str) -> None:
    [made] = [sql for sql in ddl() if f" {index} " in sql]
    assert made.startswith("CREATE UNIQUE INDEX")
    assert made.rstrip().endswith(condition)


def test_rows_are_numbered_by_the_database_and_times_are_wide() -> None:
    tables = {sql.split()[2]: sql for sql in ddl() if "CREATE TABLE" in sql}
    for table in ("requests", "decisions", "outbox"):
        assert "id BIGSERIAL NOT NULL" in tables[table]
    assert "seq BIGSERIAL NOT NULL" in tables["inbox"]
    # These are numbered by ourselves, or by Telegram.
    assert "seq BIGINT NOT NULL" in tables["audit"]
    assert "id BIGINT NOT NULL" in tables["people"]
    assert "not_after BIGINT NOT NULL" in tables["grants"]


async def test_every_statement_compiles(sent: Sent) -> None:
    kinds = {type(element).__name__ for element, _ in sent}
    assert kinds == {"Select", "Insert", "Update", "Delete"}
    for sql in as_sql(sent):
        assert "AUTOINCREMENT" not in sql
        assert "INSERT OR" not in sql


async def test_the_pass_misses_no_method(database: Database) -> None:
    """Whoever adds a method to a repository has it checked for PostgreSQL, too."""
    called = set(re.findall(r"tx\.(\w+)\.(\w+)\(", inspect.getsource(sys.modules[__name__])))
    async with database.reading() as tx:
        rooms = {name: room for name, room in vars(tx).items() if isinstance(room, Repository)}
        there = {(name, method) for name, room in rooms.items() for method in _methods(room)}
    assert there - called == _INSIDE


# Called by other methods, or by the helpers of the kit.
_INSIDE = {
    ("audit", "last"),
    ("grants", "add"),
    ("grants", "get"),
    ("people", "get"),
    ("people", "allow"),
    ("posted", "forget"),
    ("requests", "add"),
    ("requests", "get"),
}


def _methods(repository: object) -> list[str]:
    return [name for name in dir(type(repository)) if not name.startswith("_")]


@pytest.fixture(scope="module")
def psql() -> Iterator[list[str]]:
    """The command that speaks to a PostgreSQL of our own: an empty cluster in a new folder."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not found or not (found[-1] / "initdb").exists():
        pytest.skip("no PostgreSQL server is installed")
    if os.geteuid() == 0 and not _has_account("nobody"):
        pytest.skip("PostgreSQL does not run as root, and there is no account nobody")
    # Not below pytest's own folder, which is shut for other accounts.
    folder = Path(tempfile.mkdtemp(prefix="vpnbot-pg-"))
    try:
        yield from _cluster(found[-1], folder)
    finally:
        shutil.rmtree(folder)


def _cluster(programs: Path, folder: Path) -> Iterator[list[str]]:
    as_nobody: dict[str, Any] = {"cwd": folder, "capture_output": True, "text": True}
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        as_nobody |= {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    data = folder / "data"
    _run([programs / "initdb", "-D", data, "-N", "-A", "trust", "-U", "bot"], as_nobody)
    options = f"-c listen_addresses= -c unix_socket_directories={folder} -c fsync=off"
    control = [programs / "pg_ctl", "-D", data, "-w"]
    # Not captured: the server would keep the pipe open.
    silent = as_nobody | {"capture_output": False, "stdout": subprocess.DEVNULL}
    _run([*control, "start", "-l", folder / "log", "-o", options], silent)
    try:
        yield [
            *(str(programs / "psql"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"),
            *("-h", str(folder), "-U", "bot", "-d", "postgres"),
        ]
    finally:
        _run([*control, "stop", "-m", "immediate"], silent)


def _run(command: list[Any], options: dict[str, Any]) -> None:
    done = subprocess.run([str(word) for word in command], check=False, timeout=60, **options)
    assert done.returncode == 0, done.stderr


def _has_account(name: str) -> bool:
    return any(entry.pw_name == name for entry in pwd.getpwall())


@pytest.mark.long
def test_the_whole_pass_runs_on_a_real_postgresql(psql: list[str], sent: Sent) -> None:
    done = _speak(psql, [*ddl(), *as_sql(sent)])
    assert done.returncode == 0, done.stderr
    assert _ask(psql, "SELECT name, username, allowed FROM people ORDER BY id") == [
        "Anna Petrova|anna|t",
        "Boris||f",
    ]
    assert _ask(psql, "SELECT seq FROM audit ORDER BY seq") == ["1", "2"]
    assert _ask(psql, "SELECT state, proved_at IS NULL FROM grants ORDER BY id") == [
        "revoked|f",
        "reserved|t",
    ]
    assert _ask(psql, "SELECT number FROM crl_counter") == ["9"]
    # The database refuses a second pending request for the same server there, too.
    asked = next(sql for sql in as_sql(sent) if sql.startswith("INSERT INTO requests"))
    pending = asked.replace("'choosing'", "'pending'").replace("NULL", "'berlin'")
    assert "'berlin'" in pending
    refused = _speak(psql, [pending, pending])
    assert 'duplicate key value violates unique constraint "ix_requests_open"' in refused.stderr


def _speak(psql: list[str], statements: list[str]) -> "subprocess.CompletedProcess[str]":
    script = "".join(f"{sql};\n" for sql in statements)
    return subprocess.run(
        psql, input=script, check=False, capture_output=True, text=True, timeout=60
    )


def _ask(psql: list[str], sql: str) -> list[str]:
    done = _speak(psql, [sql])
    assert done.returncode == 0, done.stderr
    return done.stdout.split("\n")[:-1]
