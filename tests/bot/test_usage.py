"""What is typed wrong is answered in our words, whatever library checks it."""

import pytest

from bot.cli.program import in_our_words
from tests.company import Company


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (
            "Error: Invalid value for 'N': Input should be a valid integer, unable to parse it",
            "Error: Invalid value for 'N': write a whole number.",
        ),
        (
            "Error: Invalid value for '--limit': Input should be greater than or equal to 1",
            "Error: Invalid value for '--limit': write 1 or more.",
        ),
        (
            "Error: Invalid value for '--port': Input should be less than or equal to 65535",
            "Error: Invalid value for '--port': write 65535 at most.",
        ),
        (
            "Error: Invalid value for '--state': Value error, 'x' is not one of 'allowed', 'off'.",
            "Error: Invalid value for '--state': write one of 'allowed', 'off'.",
        ),
        ("Error: Invalid value: name --back", "Error: name --back"),
        ("Usage: vpnbot revoke [OPTIONS] {WHO}", "Usage: vpnbot revoke [OPTIONS] WHO"),
        ("Error: No such option: --jsn", "Error: No such option: --jsn"),
    ],
)
def test_nobody_reads_what_a_library_says(theirs: str, ours: str) -> None:
    assert in_our_words(theirs) == ours


@pytest.mark.parametrize(
    "typed",
    [
        "request approve abc",
        "request approve 0",
        "user list --state x",
        "user sync x --max-share 101",
        "demo --port 65536",
        "grant list --limit 1.5",
    ],
)
@pytest.mark.asyncio(loop_scope="module")
async def test_no_word_of_pydantics_is_left(company: Company, typed: str) -> None:
    """As it comes from the libraries that are installed: their words change."""
    ran = await company.vpnbot(*typed.split())
    assert (ran.code, ran.out) == (2, "")
    assert ": write " in ran.err
    assert "Input should" not in ran.err
    assert "Value error" not in ran.err


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("typed", ["request approve", "user withdraw", "user list --limit"])
async def test_a_number_that_no_database_holds(company: Company, typed: str) -> None:
    ran = await company.vpnbot(*typed.split(), "9" * 30)
    assert (ran.code, ran.err) == (1, "A number is too large; check what was typed.\n")
