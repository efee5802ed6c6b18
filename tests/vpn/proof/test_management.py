"""The protocol by its words: a socket that answers from a script. For OpenVPN, see test_live."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.hanging import PATIENCE_S
from vpn.errors import ManagementError, ManagementGone, ManagementNonsense, ManagementSilent
from vpn.host.local import LocalHost
from vpn.layout import UnixSocket
from vpn.proof import management
from vpn.proof.management import Knocked, Management, Session, open_management
from vpn.values import CommonName

GREETING = ">INFO:OpenVPN Management Interface Version 5 -- type 'help' for more info\r\n"
HEADER = (
    "HEADER\tCLIENT_LIST\tCommon Name\tReal Address\tVirtual Address\tVirtual IPv6 Address\t"
    "Bytes Received\tBytes Sent\tConnected Since\tConnected Since (time_t)\tUsername\tClient ID\t"
    "Peer ID\tData Channel Cipher\r\n"
)
ROW = (
    "CLIENT_LIST\tann-1\t192.0.2.9:40000\t10.8.0.2\t\t111\t222\t2026-01-01 00:00:00\t1767225600\t"
    "UNDEF\t7\t0\tAES-256-GCM\r\n"
)
ANN = Session(
    common_name="ann-1",
    real_address="192.0.2.9:40000",
    virtual_address="10.8.0.2",
    connected_since=datetime(2026, 1, 1, tzinfo=UTC),
    bytes_received=111,
    bytes_sent=222,
    client_id=7,
)

Open = Callable[..., AsyncIterator[Management]]


@asynccontextmanager
async def answering(
    folder: Path,
    answers: dict[str, str],
    *,
    greeting: str = GREETING,
    timeout_s: float = PATIENCE_S,
) -> AsyncIterator[Management]:
    """A conversation with a socket that has these answers, and closes at any other question."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting.encode())
        while (line := (await reader.readline()).decode().strip()) in answers:
            writer.write(answers[line].encode())
        writer.close()

    server = await asyncio.start_unix_server(serve, folder / "management.sock")
    async with server, open_management(LocalHost(folder), timeout_s) as opened:
        yield opened


@asynccontextmanager
async def saying(
    folder: Path, talk: Callable[[asyncio.StreamWriter], Awaitable[None]]
) -> AsyncIterator[None]:
    """A socket that greets, and then says this to whoever connects, until they leave."""
    left = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(GREETING.encode())
        with suppress(ConnectionError):
            await talk(writer)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
        left.set()

    async with await asyncio.start_unix_server(serve, folder / "management.sock"):
        yield
        await left.wait()


async def test_the_process_id(open_folder: Path) -> None:
    async with answering(open_folder, {"pid": "SUCCESS: pid=4711\r\n"}) as opened:
        assert await opened.pid() == 4711


async def test_notifications_come_at_any_moment(open_folder: Path) -> None:
    answers = {
        "pid": ">LOG:1,I,x\r\n>STATE:2\r\nSUCCESS: pid=1\r\n",
        "status 3": f">LOG:a\r\nTITLE\tx\r\n{HEADER}>BYTECOUNT:1,2\r\n{ROW}>LOG:b\r\nEND\r\n",
    }
    async with answering(open_folder, answers) as opened:
        assert await opened.pid() == 1
        assert await opened.status() == (ANN,)


async def test_columns_are_found_by_their_names(open_folder: Path) -> None:
    names, cells = HEADER.split("\t")[2:], ROW.split("\t")[1:]
    header = "\t".join(["HEADER\tCLIENT_LIST", *(n.strip() for n in reversed(names)), "New"])
    row = "\t".join(["CLIENT_LIST", *(c.strip() for c in reversed(cells)), "x"])
    answers = {"status 3": f"{header}\r\n{row}\r\nEND\r\n"}
    async with answering(open_folder, answers) as opened:
        assert await opened.status() == (ANN,)


async def test_nobody_is_connected(open_folder: Path) -> None:
    async with answering(open_folder, {"status 3": f"{HEADER}END\r\n"}) as opened:
        assert await opened.status() == ()


LOG = (
    "1796041103,,192.0.2.9:40000 VERIFY OK: depth=0, CN=ann-1\r\n"
    "1796041103,I,192.0.2.9:40000 peer info: IV_VER=2.6.14\r\n"
    "1796041103,I,192.0.2.9:40000 peer info: IV_PLAT=win\r\n"
    ">CLIENT:ESTABLISHED,0\r\n"
    "1796041104,I,ann-1/192.0.2.9:40000 peer info: IV_PLAT=linux\r\n"
    f"1796041104,,SENT CONTROL [ann-1]: 'PUSH_REPLY,{'route,' * 400}'\r\n"
    "1796041105,I,2001:db8::1 peer info: IV_PLAT=ios\r\n"
    "1796041106,I,192.0.2.7:1 peer info: IV_X=/192.0.2.8:1 peer info: IV_PLAT=mac\r\n"
    "1796041106,I,192.0.2.7:1 peer info: IV_PLAT=<b>x</b>\r\n"
    f"1796041106,I,192.0.2.7:1 peer info: IV_PLAT={'x' * 17}\r\n"
)


async def test_the_log_tells_what_devices_call_their_systems(open_folder: Path) -> None:
    """And none of them speaks for another one."""
    async with answering(open_folder, {"log all": f"{LOG}END\r\n"}) as opened:
        assert await opened.platforms() == {"192.0.2.9:40000": "linux", "2001:db8::1": "ios"}


TRIES = (
    "1796041103,,192.0.2.9:40000 VERIFY OK: depth=1, CN=Our CA\r\n"
    "1796041103,,192.0.2.9:40000 VERIFY OK: depth=0, CN=ann-1\r\n"
    "1796041104,N,192.0.2.7:1 VERIFY ERROR: depth=0, error=certificate has expired: C=DE, CN=bo-2, "
    "serial=12\r\n"
    "1796041105,N,192.0.2.8:2 TLS Error: TLS handshake failed\r\n"
    "1796041106,N,ann-1/192.0.2.9:40001 TLS Auth Error: --client-config-dir authentication failed "
    "for common name 'ann-1' file='/ccd/ann-1'\r\n"
    "1796041107,I,192.0.2.7:1 peer info: IV_X=192.0.2.8:1 VERIFY OK: depth=0, CN=ann-1\r\n"
    "1796041108,,192.0.2.7:1 VERIFY OK: depth=0, O=nobody\r\n"
)


async def test_the_log_tells_what_became_of_whoever_knocked(open_folder: Path) -> None:
    async with answering(open_folder, {"log all": f"{TRIES}END\r\n"}) as opened:
        found = [(t.real_address, t.outcome, t.common_name, t.why) for t in await opened.tries()]
    assert found == [
        ("192.0.2.9:40000", Knocked.LET, "ann-1", ""),
        ("192.0.2.7:1", Knocked.REFUSED, "bo-2", "certificate has expired"),
        ("192.0.2.8:2", Knocked.BROKE_OFF, "", ""),
        ("192.0.2.9:40001", Knocked.SHUT, "ann-1", ""),
    ]


async def test_a_server_without_such_a_log_tells_nothing(open_folder: Path) -> None:
    answer = "ERROR: unknown command, enter 'help' for more options\r\n"
    async with answering(open_folder, {"log all": answer}) as opened:
        assert await opened.platforms() == {}
        assert await opened.tries() == ()


async def test_a_log_without_an_end_is_left(
    open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(management, "LINES", 5)
    async with answering(open_folder, {"log all": LOG}) as opened:
        with pytest.raises(ManagementNonsense, match="more than 5 lines"):
            await opened.platforms()


@pytest.mark.parametrize(
    ("answer", "killed"),
    [
        ("SUCCESS: common name 'ann-1' found, 2 client(s) killed\r\n", 2),
        ("ERROR: common name 'ann-1' not found\r\n", 0),
    ],
)
async def test_kill_says_how_many(open_folder: Path, answer: str, killed: int) -> None:
    async with answering(open_folder, {"kill ann-1": answer}) as opened:
        assert await opened.kill(CommonName("ann-1")) == killed


@pytest.mark.parametrize(
    "name",
    ["ann:1", "ann\nsignal SIGTERM", "ann\x00", "", "é" * 33, "UNDEF", "caf\ufffd"],
)
async def test_a_name_that_could_mean_more_is_never_sent(open_folder: Path, name: str) -> None:
    async with answering(open_folder, {}) as opened:
        with pytest.raises(ValueError, match="can't be said"):
            await opened.kill(CommonName(name))


@pytest.mark.parametrize(
    ("name", "question"),
    [
        ("ann 1", 'kill "ann 1"'),
        ('a"b\\c', 'kill "a\\"b\\\\c"'),
        ("x # y", 'kill "x # y"'),
        ("Jürgen", 'kill "Jürgen"'),
    ],
)
async def test_any_other_name_is_one_word(open_folder: Path, name: str, question: str) -> None:
    answer = f"SUCCESS: common name '{name}' found, 1 client(s) killed\r\n"
    async with answering(open_folder, {question: answer}) as opened:
        assert await opened.kill(CommonName(name)) == 1


@pytest.mark.parametrize(
    ("answer", "there"),
    [
        ("SUCCESS: client-kill command succeeded\r\n", True),
        ("ERROR: client-kill command failed\r\n", False),
    ],
)
async def test_a_session_is_halted_by_its_number(
    open_folder: Path, answer: str, there: bool
) -> None:
    async with answering(open_folder, {"client-kill 7 HALT": answer}) as opened:
        assert await opened.halt(7) is there


def killed(count: int) -> str:
    return f"SUCCESS: common name 'ann-1' found, {count} client(s) killed\r\n"


async def test_what_is_as_large_or_small_as_it_can_be_is_believed(open_folder: Path) -> None:
    most = (1 << 63) - 1
    row = ROW.replace("111", "0").replace("222", str(most)).replace("\t7\t", "\t0\t")
    long = "x" * (management.LINE_BYTES - 2) + "\r\n"
    answers = {
        "pid": f"SUCCESS: pid={'9' * 10}\r\n",
        "kill ann-1": killed(management.MOST_SESSIONS),
        "status 3": f"{long}{HEADER}{row}END\r\n",
    }
    async with answering(open_folder, answers) as opened:
        assert await opened.pid() == 9_999_999_999
        assert await opened.kill(CommonName("ann-1")) == management.MOST_SESSIONS
        seen = replace(ANN, bytes_received=0, bytes_sent=most, client_id=0)
        assert await opened.status() == (seen,)


@pytest.mark.parametrize(("length", "is_one"), [(4095, True), (4096, False)])
async def test_a_password_is_as_long_as_openvpn_reads_one(
    open_folder: Path, length: int, is_one: bool
) -> None:
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"ENTER PASSWORD:")
        heard.append(await reader.readline())
        writer.write(b"SUCCESS: password is correct\r\n" + GREETING.encode())
        await reader.read()
        writer.close()

    (open_folder / "pw").write_bytes(b"x" * length)
    place = UnixSocket("management.sock", "pw")
    refused: AbstractContextManager[object] = (
        nullcontext() if is_one else pytest.raises(ManagementGone, match="no password")
    )
    async with await asyncio.start_unix_server(serve, open_folder / "management.sock"):
        with refused:
            async with open_management(LocalHost(open_folder), place=place):
                pass
    assert heard == ([b"x" * length + b"\n"] if is_one else [])


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("client-kill 7 HALT", "what?\r\n"),
        ("pid", "SUCCESS: real-time\r\n"),
        ("pid", "SUCCESS: pid=x\r\n"),
        ("pid", "4711\r\n"),
        ("pid", f"SUCCESS: pid={'9' * 11}\r\n"),
        ("kill ann-1", "SUCCESS: common name 'ann-2' found, 1 client(s) killed\r\n"),
        ("kill ann-1", "SUCCESS: common name 'ann-1' found, some client(s) killed\r\n"),
        ("kill ann-1", "ERROR: unknown command, enter 'help' for more options\r\n"),
        ("status 3", "END\r\n"),
        ("status 3", f"{ROW}END\r\n"),
        ("status 3", f"{HEADER}CLIENT_LIST\tann-1\r\nEND\r\n"),
        ("status 3", f"{HEADER}{ROW.replace('1767225600', 'later')}END\r\n"),
        ("status 3", f"{HEADER}{ROW.replace('1767225600', '9' * 30)}END\r\n"),
        ("status 3", f"{HEADER}{ROW.replace('111', '9' * 400)}END\r\n"),
        ("status 3", f"{HEADER}{ROW.replace('222', str(1 << 63))}END\r\n"),
        ("status 3", f"{HEADER}{ROW.replace('111', '-1')}END\r\n"),
        ("status 3", "HEADER\tCLIENT_LIST\tCommon Name\r\nCLIENT_LIST\tann-1\r\nEND\r\n"),
        ("status 3", "x" * (management.LINE_BYTES - 1) + "\r\n"),
        ("status 3", f"{HEADER}{ROW.replace('ann-1', 'a' * 1000)}END\r\n"),
        ("status 3", f"{HEADER}{ROW.strip()}\tx\r\nEND\r\n"),
        ("status 3", HEADER + ROW * (management.MOST_SESSIONS + 1)),
        ("kill ann-1", killed(management.MOST_SESSIONS + 1)),
        ("kill ann-1", f"SUCCESS: common name 'ann-1' found, {'9' * 30} client(s) killed\r\n"),
        ("kill ann-1", f"SUCCESS: common name 'ann-1' found, {'9' * 5000} client(s) killed\r\n"),
        ("pid", f"SUCCESS: pid={'9' * 5000}\r\n"),
        ("status 3", "x" * 200_000),
        ("status 3", HEADER + "x\r\n" * (management.LINES + 1)),
        ("status 3", ">x\r\n" * (management.LINES + 1)),
    ],
)
async def test_nonsense_is_no_answer(open_folder: Path, question: str, answer: str) -> None:
    with pytest.raises(ManagementNonsense):
        async with answering(open_folder, {question: answer}) as opened:
            await ask(opened, question)


async def ask(opened: Management, question: str) -> object:
    if question == "pid":
        return await opened.pid()
    if question == "status 3":
        return await opened.status()
    if question.startswith("client-kill"):
        return await opened.halt(7)
    return await opened.kill(CommonName(question.removeprefix("kill ")))


@pytest.mark.parametrize("question", ["pid", "status 3", "kill ann-1"])
async def test_a_closed_connection_is_no_answer(open_folder: Path, question: str) -> None:
    with pytest.raises(ManagementGone, match="closed"):
        async with answering(open_folder, {}) as opened:
            await ask(opened, question)


@pytest.mark.parametrize(
    ("name", "address", "listed"),
    [
        ("UNDEF", "", ()),
        # Somebody's certificate says so; they have come through.
        ("UNDEF", "10.8.0.2", ("UNDEF",)),
        ("x\x01\x00y", "", ("x_",)),
        ("caf\u00e9 ; kill all", "", ("caf\u00e9 ; kill all",)),
    ],
)
async def test_who_is_in_mid_handshake_is_not_on(
    open_folder: Path, name: str, address: str, listed: tuple[str, ...]
) -> None:
    row = ROW.replace("ann-1", name).replace("10.8.0.2", address)
    async with answering(open_folder, {"status 3": f"{HEADER}{row}END\r\n"}) as opened:
        assert tuple(session.common_name for session in await opened.status()) == listed


async def test_a_long_notification_is_passed_over(open_folder: Path) -> None:
    long = ">CLIENT:ENV," + "x" * 20_000
    answers = {"status 3": f"{long}\r\n{HEADER}{long}\r\n{ROW}END\r\n"}
    async with answering(open_folder, answers) as opened:
        assert await opened.status() == (ANN,)


@pytest.mark.parametrize("row", [ROW.replace("ann-1", "n" * 900), ROW.replace("ann-1", "n" * 7800)])
async def test_a_server_that_never_stops_is_not_listened_to(open_folder: Path, row: str) -> None:
    """A hundred thousand rows: what goes out before the door is shut is a part of them."""
    said = 0

    async def talk(writer: asyncio.StreamWriter) -> None:
        nonlocal said
        writer.write(HEADER.encode())
        for _ in range(102_400):
            writer.write(row.encode())
            await writer.drain()
            said += len(row)

    async with saying(open_folder, talk):
        with pytest.raises(ManagementNonsense):
            async with open_management(LocalHost(open_folder), PATIENCE_S, most=512) as opened:
                await opened.status()
    assert said < 2_000_000


async def test_a_server_that_drips_is_left(open_folder: Path) -> None:
    async def talk(writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.02)

    async with saying(open_folder, talk):
        with pytest.raises(ManagementSilent):
            async with open_management(LocalHost(open_folder), 0.3) as opened:
                await opened.status()


async def test_half_a_status_is_no_answer(open_folder: Path) -> None:
    with pytest.raises(ManagementSilent):
        async with answering(open_folder, {"status 3": HEADER}, timeout_s=0.3) as opened:
            await opened.status()


async def test_another_program_is_no_openvpn(open_folder: Path) -> None:
    with pytest.raises(ManagementNonsense, match="greeting"):
        async with answering(open_folder, {}, greeting="220 mail.example.com\r\n"):
            pass


async def test_a_socket_that_says_nothing(open_folder: Path) -> None:
    with pytest.raises(ManagementSilent, match=r"within 0\.3 s"):
        async with answering(open_folder, {}, greeting="", timeout_s=0.3):
            pass


async def test_a_password_prompt_is_no_answer(open_folder: Path) -> None:
    with pytest.raises(ManagementError):
        async with answering(open_folder, {}, greeting="ENTER PASSWORD:", timeout_s=0.3):
            pass


async def test_another_time_out_is_not_taken_for_ours(open_folder: Path) -> None:
    with pytest.raises(TimeoutError, match="of the caller"):
        async with answering(open_folder, {}):
            raise TimeoutError("of the caller")


class Closed(asyncio.Transport):
    """As a channel of SSH is once sshd has closed it; a socket here takes what nobody reads."""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        raise BrokenPipeError(f"Channel not open for sending {data!r}")

    def is_closing(self) -> bool:
        return True


@pytest.mark.parametrize("ask", [Management.status, Management.tries])
async def test_a_channel_that_was_closed_is_gone(
    ask: Callable[[Management], Awaitable[object]],
) -> None:
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    writer = asyncio.StreamWriter(Closed(), protocol, reader, asyncio.get_running_loop())
    with pytest.raises(ManagementGone):
        await ask(Management(reader, writer))
