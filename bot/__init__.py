"""The application."""

import sys

# httpx imports a command line of its own, with rich and pygments, wherever it can: a twelfth of the
# bot's start, and five megabytes. A module that is None counts as missing (the language's
# reference, 'The import system', 5.3.1).
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
