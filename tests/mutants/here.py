"""The mark that `make mutants` puts wherever it is going to change something; see `reach.py`.

It may run where nothing can be imported any more: under another account, or without files to open.
"""

import os

_NOW = f"{__file__.removesuffix('tests/mutants/here.py')}.reached/now"

# What this process came past; where tests run, in the test that runs.
passed: set[int] = set()
# Whether `reach.py` looks at them by itself after each test.
reach_notes = False


def here(number: int) -> None:
    """Says that whatever runs now comes past the change of this number."""
    if number not in passed and (reach_notes or tell(number)):
        passed.add(number)


def tell(number: int) -> bool:
    """Writes it down for the test file that runs now; False where that can't be done."""
    try:
        os.close(os.open(f"{_NOW}/{number}", os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o666))
    except OSError:
        return False  # a test may have taken all files, all room, or this account's rights
    return True
