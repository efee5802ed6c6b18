"""Extensions of certificates, lists and their entries."""

from typing import TypeVar

from cryptography import x509

Extension = TypeVar("Extension", bound=x509.ExtensionType)


def extension_of(extensions: x509.Extensions, kind: type[Extension]) -> Extension | None:
    """The extension of this kind; None where there is none."""
    # Where there is none, the library's own way ends in an exception, which takes its time.
    return next((one.value for one in extensions if isinstance(one.value, kind)), None)
