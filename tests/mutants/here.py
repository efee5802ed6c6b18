"""The mark that `make mutants` puts wherever it is going to change something; see `reach.py`.

It may run where nothing can be imported any more: under another account, or without files to open.
"""

import os

_NOW = f"{__file__.removesuffix('tests/mutants/here.py')}.reached/now"

# By this process. The one that runs the tests forgets them before each file; no other outlives one.
said: set[int] = set()


def here(number: int) -> None:
    """Says that the test file that runs now comes past the change of this number."""
    if number in said:
        return
    try:
        os.close(os.open(f"{_NOW}/{number}", os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o666))
    except OSError:
        return  # a test may have taken all files, all room, or this account's rights
    said.add(number)
