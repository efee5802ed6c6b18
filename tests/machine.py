"""A machine whose time goes by at the test's word, and whose clock may be wrong."""

from datetime import UTC, datetime, timedelta

from bot.process.clock import since_boot


class Machine:
    """Shows the true time, and what the test adds to it."""

    def __init__(self) -> None:
        self.gone_by = timedelta(0)
        self.wrong_by = timedelta(0)

    @property
    def truth(self) -> datetime:
        return datetime.now(UTC) + self.gone_by

    def clock(self) -> datetime:
        return self.truth + self.wrong_by

    def since_boot(self) -> timedelta:
        return since_boot() + self.gone_by
