"""What is wrong many times in one way is one finding."""

from collections.abc import AsyncIterator

import pytest

from bot.cli.doctor import tell_all
from bot.health.results import Fine, Result, of_server, trouble
from bot.texts import health as words


async def found(missing: int, servers: int) -> AsyncIterator[Result]:
    for number in range(missing):
        yield trouble(words.OPEN_TO_OTHERS, path=f"/var/lib/vpnbot/{number}")
    yield Fine("The rest is as it should be.")
    for number in range(servers):
        yield of_server(f"s{number}", trouble(words.NO_RESERVE, path="/var/lib/vpnbot"))


@pytest.mark.parametrize(
    ("missing", "servers", "count", "shown"),
    [(902, 0, 1, 4), (3, 2, 5, 5), (0, 0, 0, 0), (4, 1, 2, 5)],
)
async def test_many_of_a_kind_are_counted(
    missing: int, servers: int, count: int, shown: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await tell_all(found(missing, servers)) == count
    wrong = [line for line in capsys.readouterr().out.splitlines() if line.startswith("WRONG")]
    assert len(wrong) == shown
    if missing > 3:
        assert f"WRONG  {missing - 3} more of this kind: " in wrong[-1]
        assert "/var/lib/vpnbot/0" in wrong[-1]
