"""Extensions of certificates, lists and their entries."""

from typing import TypeVar

from cryptography import x509

Extension = TypeVar("Extension", bound=x509.ExtensionType)


def extension_of(extensions: x509.Extensions, kind: type[Extension]) -> Extension | None:
    """The extension of this kind; None where there is none."""
    try:
        return extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None
