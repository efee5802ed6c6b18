"""What every test may rely on: an interrupt interrupts.

A shell that starts the tests in the background has Ctrl-C ignored, and every child inherits that.
"""

import signal

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
