"""PEM blocks with labels of OpenVPN's own, which X.509 libraries do not read."""

import base64
import binascii
import re

from pki.errors import DamagedKey

_LINE = 64  # RFC 7468, section 2


def write_pem(label: str, content: bytes) -> str:
    text = base64.b64encode(content).decode("ascii")
    lines = [text[start : start + _LINE] for start in range(0, len(text), _LINE)]
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""])


def read_pem(label: str, text: str) -> bytes:
    """The content of the one block with this label; text around it is ignored.

    Raises:
        DamagedKey: there is no such block, more than one, or it is not base64.
    """
    name = re.escape(label)
    blocks = re.findall(f"-----BEGIN {name}-----(.*?)-----END {name}-----", text, re.DOTALL)
    if len(blocks) != 1:
        raise DamagedKey(f"The file doesn't hold exactly one {label}; restore it from a backup.")
    try:
        return base64.b64decode("".join(blocks[0].split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise DamagedKey(f"The {label} isn't base64; restore it from a backup.") from error
