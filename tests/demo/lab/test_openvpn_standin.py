"""The stand-in as a process, spoken to over its socket."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from demo.errors import LabError
from demo.lab.stand_in import StandIn


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    ccd = tmp_path / "live" / "ccd"
    ccd.mkdir(parents=True)
    (ccd / "alice-1").write_text("ifconfig-push 10.8.0.2 255.255.252.0\n")
    (ccd / "bob-1").write_text("")
    return tmp_path


@pytest.fixture
def events() -> list[dict[str, Any]]:
    return []


@pytest_asyncio.fixture(loop_scope="session")
async def standin(directory: Path, events: list[dict[str, Any]]) -> AsyncIterator[StandIn]:
    server = StandIn(events.append)
    await server.start(directory)
    yield server
    await server.stop()


def command_line(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text()


async def manage(directory: Path, *commands: str) -> list[str]:
    """What a short visit to the management interface brings."""
    reader, writer = await asyncio.open_unix_connection(str(directory / "management.sock"))
    writer.write("".join(f"{command}\n" for command in (*commands, "quit")).encode())
    answer = (await reader.read()).decode()
    writer.close()
    await writer.wait_closed()
    assert answer.endswith("\r\n")
    return answer.removesuffix("\r\n").split("\r\n")


async def test_only_names_with_a_file_get_in(standin: StandIn) -> None:
    assert await standin.connect("alice-1")
    assert await standin.connect("bob-1")
    assert not await standin.connect("carol-1")
    assert not await standin.connect("../ccd/alice-1")
    assert standin.sessions == ("alice-1", "bob-1")
    assert (standin.address("alice-1"), standin.address("bob-1")) == ("10.8.0.2", "")


async def test_the_greeting_comes_first(standin: StandIn, directory: Path) -> None:
    (greeting,) = await manage(directory)

    assert greeting.startswith(">INFO:OpenVPN Management Interface Version 5")


async def test_pid_version_and_the_unknown(standin: StandIn, directory: Path) -> None:
    answer = await manage(directory, "pid", "version", "", "dance now")

    pid = int(answer[1].removeprefix("SUCCESS: pid="))
    assert "openvpn_standin" in command_line(pid)
    assert answer[2].startswith("OpenVPN Version: ")
    assert answer[3:] == [
        "Management Interface Version: 5",
        "END",
        "ERROR: unknown command [dance], enter 'help' for more options",
    ]


async def test_status_is_read_by_its_header(standin: StandIn, directory: Path) -> None:
    await standin.connect("alice-1")

    answer = await manage(directory, "status 3")

    assert answer[-1] == "END"
    header = next(line for line in answer if line.startswith("HEADER\tCLIENT_LIST"))
    row = next(line for line in answer if line.startswith("CLIENT_LIST"))
    session = dict(zip(header.split("\t")[2:], row.split("\t")[1:], strict=True))
    assert session["Common Name"] == "alice-1"
    assert session["Virtual Address"] == "10.8.0.2"
    assert session["Client ID"] == "0"
    assert int(session["Connected Since (time_t)"]) > 0
    assert any(line.startswith("ROUTING_TABLE\t10.8.0.2\talice-1") for line in answer)


async def test_kill_ends_a_session_and_says_so(
    standin: StandIn, directory: Path, events: list[dict[str, Any]]
) -> None:
    await standin.connect("alice-1")

    answer = await manage(directory, "kill alice-1", "kill alice-1", "status 3")
    await standin.connect("nobody")  # all earlier events have come when this one is answered

    assert answer[1:3] == [
        "SUCCESS: common name 'alice-1' found, 1 client(s) killed",
        "ERROR: common name 'alice-1' not found",
    ]
    assert not any(line.startswith("CLIENT_LIST") for line in answer)
    assert [event["event"] for event in events] == ["listening", "connected", "killed", "refused"]
    assert standin.sessions == ()


async def test_a_second_client_waits_for_the_first_to_leave(
    standin: StandIn, directory: Path
) -> None:
    path = str(directory / "management.sock")
    reader, writer = await asyncio.open_unix_connection(path)
    await reader.readline()
    second = asyncio.create_task(manage(directory, "pid"))
    writer.write(b"pid\n")
    assert (await reader.readline()).startswith(b"SUCCESS: pid=")
    assert not second.done()

    writer.close()
    await writer.wait_closed()

    assert (await second)[1].startswith("SUCCESS: pid=")


async def test_a_line_without_an_end_costs_only_that_client(
    standin: StandIn, directory: Path
) -> None:
    reader, writer = await asyncio.open_unix_connection(str(directory / "management.sock"))
    writer.write(b"x" * 100_000)
    await reader.read()
    writer.close()

    assert (await manage(directory, "pid"))[1].startswith("SUCCESS: pid=")


async def test_a_client_leaves_by_itself(standin: StandIn) -> None:
    await standin.connect("alice-1")

    await standin.disconnect("alice-1")

    assert standin.sessions == ()


async def test_a_refusal_does_not_end_the_session_that_is_up(
    standin: StandIn, directory: Path
) -> None:
    await standin.connect("alice-1")
    (directory / "live" / "ccd" / "alice-1").unlink()

    assert not await standin.connect("alice-1")
    assert standin.sessions == ("alice-1",)


async def test_it_ends_with_its_input_and_starts_again(standin: StandIn, directory: Path) -> None:
    await standin.stop()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_unix_connection(str(directory / "management.sock"))
    with pytest.raises(LabError, match="start it first"):
        await standin.connect("alice-1")
    await standin.disconnect("alice-1")

    await standin.start(directory)

    _, writer = await asyncio.open_unix_connection(str(directory / "management.sock"))
    writer.close()
    assert await standin.connect("alice-1")


async def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(LabError, match=r"didn't start.*No such file"):
        await StandIn().start(tmp_path / "missing")
