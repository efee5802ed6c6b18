"""What keeps a machine from showing the demo is said in one line, and it is not always the port."""

import errno

import pytest

from bot.cli.demo import told_in_one_line
from bot.errors import NotDone
from demo.errors import LabError, NotHeard


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (
            OSError(errno.EADDRINUSE, "Address already in use"),
            "Port 8080 can't be used (Address already in use); try --port 0.",
        ),
        (
            OSError(errno.EACCES, "Permission denied"),
            "Port 8080 can't be used (Permission denied); try --port 0.",
        ),
        (
            OSError(errno.EACCES, "Permission denied", "/tmp/x"),
            "The demo broke off: Permission denied (/tmp/x).",
        ),
        (
            OSError(errno.ENOSPC, "No space left on device"),
            "The demo broke off: No space left on device.",
        ),
        (
            TimeoutError("The bot didn’t start to poll."),
            "The demo broke off: The bot didn’t start to poll.",
        ),
        (
            LabError("The OpenVPN server didn't start: no"),
            "The demo broke off: The OpenVPN server didn't start: no",
        ),
        (NotHeard("Anna heard nothing."), "The demo broke off: Anna heard nothing."),
    ],
)
def test_what_is_wrong_is_named(error: Exception, line: str) -> None:
    with pytest.raises(NotDone) as caught, told_in_one_line(8080):
        raise error
    assert str(caught.value) == line


def test_what_nobody_expected_stays_what_it_is() -> None:
    with pytest.raises(ZeroDivisionError), told_in_one_line(8080):
        raise ZeroDivisionError
