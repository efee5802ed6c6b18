"""A test that hangs fails: where nothing goes on for ten minutes, nothing will."""

import signal

# Whatever waits for something gives up after these: no machine is as slow, however busy.
PATIENCE_S = 180.0
# Nor does anything take so long that does not wait.
_HANG_S = 600


def watch() -> None:
    """Begins to wait for a hang; again and again, since the end of a test can hang as well."""
    signal.setitimer(signal.ITIMER_REAL, _HANG_S, _HANG_S)


def goes_on() -> None:
    """A test that does many things says so after each: together they may take longer."""
    if signal.getitimer(signal.ITIMER_REAL)[0]:
        watch()


def stop_watching() -> None:
    signal.setitimer(signal.ITIMER_REAL, 0)
