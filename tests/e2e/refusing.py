"""Commands that could not do it, and what they said."""

import asyncio

from tests.company import Company, Ran, until


def one_line(ran: Ran, *words: str) -> None:
    """The command could not do it, and said so in one line with all these words."""
    assert ran.code == 1, ran
    assert ran.err.count("\n") == 1, ran
    for word in words:
        assert word in ran.err, ran


async def refused(company: Company, wrong: dict[str, str]) -> None:
    """Each of the commands is refused with its words, and changes nothing."""
    # Nor does the bot meanwhile: what an earlier test began is over.
    under_way = "SELECT id FROM grants WHERE state IN ('reserved', 'issued', 'revoking')"
    await until(lambda: company.query(under_way) == [])
    before = company.dump()
    ran = await asyncio.gather(*(company.vpnbot(*command.split()) for command in wrong))
    for each, words in zip(ran, wrong.values(), strict=True):
        one_line(each, words)
    assert company.dump() == before
