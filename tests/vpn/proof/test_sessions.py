"""What is said to a server to end sessions, and what is taken for their end; from a script."""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.vpn.kit import Company, make_spec
from tests.vpn.proof.test_management import ANN, GREETING, HEADER, ROW
from vpn.errors import (
    ForwardingForbidden,
    ManagementError,
    ManagementExposed,
    ManagementGone,
    ManagementMissing,
    ManagementNonsense,
    ManagementSilent,
)
from vpn.findings import Finding, FindingCode
from vpn.proof import sessions
from vpn.proof.sessions import SessionsCut, ToCut, cut_sessions, management_finding
from vpn.values import CommonName

SECOND = timedelta(seconds=1)
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
ANNA = ToCut(CommonName("ann-1"))
# A colon makes a name an address with a port.
UNSPEAKABLE = ToCut(CommonName("a:b"))


@dataclass
class Script:
    """Whoever is connected, by number. A kill ends a session at once, a halt a moment later.

    Attributes:
        come_back: however often they are killed.
        heard: what came, as it came at once.
    """

    on: dict[int, str]
    come_back: Collection[str] = ()
    heard: list[list[str]] = field(default_factory=list)

    @property
    def asked(self) -> list[str]:
        return [question for each in self.heard for question in each]

    def answer(self, question: str) -> str:
        word, _, rest = question.partition(" ")
        if word == "pid":
            return "SUCCESS: pid=4711\r\n"
        if word == "kill":
            ended = [number for number, name in self.on.items() if name == rest]
            if not ended:
                return f"ERROR: common name '{rest}' not found\r\n"
            if rest not in self.come_back:
                self.on = {number: name for number, name in self.on.items() if name != rest}
            return f"SUCCESS: common name '{rest}' found, {len(ended)} client(s) killed\r\n"
        if word == "client-kill":
            number = int(rest.removesuffix(" HALT"))
            if self.on[number] in self.come_back:
                return "ERROR: client-kill command failed\r\n"
            asyncio.get_running_loop().call_later(0.05, lambda: self.on.pop(number))
            return "SUCCESS: client-kill command succeeded\r\n"
        rows = (
            ROW.replace("ann-1", name).replace("\t7\t", f"\t{number}\t")
            for number, name in self.on.items()
        )
        return f"{HEADER}{''.join(rows)}END\r\n"


@asynccontextmanager
async def serving(folder: Path, script: Script) -> AsyncIterator[Company]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(GREETING.encode())
        while said := (await reader.read(65_536)).decode():
            script.heard.append(said.splitlines())
            writer.write("".join(map(script.answer, script.heard[-1])).encode())
        writer.close()

    async with await asyncio.start_unix_server(serve, folder / "management.sock"):
        yield Company(make_spec(folder))


async def cut(folder: Path, script: Script, *targets: ToCut) -> SessionsCut:
    async with serving(folder, script) as company:
        return await cut_sessions(company.live.talk, targets)


@pytest.mark.parametrize(
    ("target", "is_meant"),
    [
        (ANNA, True),
        (ToCut(CommonName("ann-2")), False),
        # It may have begun before, in the same second.
        (ToCut(CommonName("ann-1"), BEGAN), True),
        (ToCut(CommonName("ann-1"), BEGAN - SECOND), False),
    ],
)
def test_sessions_are_meant_by_their_name_and_beginning(target: ToCut, is_meant: bool) -> None:
    assert target.means(ANN) is is_meant


async def test_who_is_killed_and_gone_is_asked_about_once(open_folder: Path) -> None:
    script = Script({1: "ann-1", 2: "ann-1", 3: "bob-2"})
    done = await cut(open_folder, script, ANNA)
    assert script.heard == [["pid", "kill ann-1", "status 3"]]
    assert (done.pid, done.cut, done.left) == (4711, {"ann-1": 2}, frozenset())
    assert done.findings == []


async def test_who_comes_back_is_killed_thrice(open_folder: Path) -> None:
    script = Script({1: "ann-1"}, come_back={"ann-1"})
    done = await cut(open_folder, script, ANNA)
    again = ["kill ann-1", "status 3"]
    assert script.heard == [["pid", *again], again, again]
    assert (done.cut, done.left) == ({"ann-1": 3}, frozenset({ANNA}))


@pytest.mark.parametrize(("count", "at_first"), [(16, 18), (17, 1)])
async def test_so_many_are_said_at_once_that_nobody_waits_for_the_other_to_read(
    open_folder: Path, count: int, at_first: int
) -> None:
    names = [f"ann-{number}" for number in range(1, count + 1)]
    script = Script(dict(enumerate(names)))
    done = await cut(open_folder, script, *(ToCut(CommonName(name)) for name in names))
    assert len(script.heard[0]) == at_first
    assert script.asked == ["pid", *(f"kill {name}" for name in sorted(names)), "status 3"]
    assert (done.cut, done.left) == (dict.fromkeys(names, 1), frozenset())


async def test_of_a_shared_name_only_a_session_from_before_is_ended(open_folder: Path) -> None:
    script = Script({1: "ann-1"})
    later, before = ToCut(ANNA.common_name, BEGAN - SECOND), ToCut(ANNA.common_name, BEGAN)
    assert (await cut(open_folder, script, later)).left == frozenset()
    assert script.asked == ["pid", "status 3"]
    script.heard.clear()
    assert (await cut(open_folder, script, before)).cut == {"ann-1": 1}
    assert script.asked == ["pid", "status 3", "kill ann-1", "status 3"]


async def test_a_name_that_cannot_be_said_is_halted_once_and_waited_for(
    open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "HALT_S", 0.2)
    script = Script({1: "ann-1", 5: "a:c", 7: "a:b"}, come_back={"ann-1"})
    done = await cut(open_folder, script, ANNA, UNSPEAKABLE)
    killed = ["kill ann-1", "status 3"]
    assert script.asked == [
        *("pid", *killed, "client-kill 7 HALT"),
        *(*killed, *killed, "status 3"),
    ]
    assert (done.cut, done.left) == ({"ann-1": 3, "a:b": 1}, frozenset({ANNA}))


async def test_what_could_not_be_halted_is_not_waited_for(open_folder: Path) -> None:
    script = Script({7: "a:b"}, come_back={"a:b"})
    done = await cut(open_folder, script, UNSPEAKABLE)
    assert script.asked == ["pid", "status 3", "client-kill 7 HALT"]
    assert (done.cut["a:b"], done.left) == (0, frozenset({UNSPEAKABLE}))


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (ManagementMissing, FindingCode.NO_MANAGEMENT),
        (ManagementExposed, FindingCode.MANAGEMENT_EXPOSED),
        (ManagementGone, FindingCode.MANAGEMENT_GONE),
        (ForwardingForbidden, FindingCode.FORWARDING_FORBIDDEN),
        (ManagementSilent, FindingCode.MANAGEMENT_SILENT),
        (ManagementNonsense, FindingCode.MANAGEMENT_NONSENSE),
    ],
)
def test_why_nobody_could_be_asked_is_told(kind: type[ManagementError], code: FindingCode) -> None:
    assert management_finding(kind("so")) == Finding(code, "so")
