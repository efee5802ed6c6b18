"""Whether what root has put into a server's folder is still root's alone.

OpenVPN's unit starts as root what `server.conf` says, and the keys beside it make a server that
every client trusts.
"""

from pathlib import PurePosixPath

from cryptography import x509

from bot.health.look import said_of
from bot.health.results import Trouble
from bot.process.data_folder import account_name
from bot.process.privileges import ROOT
from bot.texts import health as words
from bot.texts.health import Complaint
from pki.key_ids import Issuers
from storage.records import Server
from vpn.configuration.server import unit_name
from vpn.configuration.sets_script import firewall_path, firewall_unit
from vpn.host.interface import FileFacts, ServerHost
from vpn.layout import (
    CA_CERTIFICATE,
    CERTIFICATE,
    CONF,
    FORWARDING,
    NETWORK_RULES,
    PRIVATE_KEY,
    SETS_SCRIPT,
    TLS_CRYPT_V2_KEY,
)

_PUBLIC = (CONF, CERTIFICATE, CA_CERTIFICATE, NETWORK_RULES, FORWARDING, SETS_SCRIPT)
_SECRET = (PRIVATE_KEY, TLS_CRYPT_V2_KEY)
# That they are missing is said by whoever reads them.
_MISSED_BY_OTHERS = (CONF, CERTIFICATE)
_FOR_OTHERS_TO_WRITE = 0o022
_FOR_OTHERS = 0o077


async def look_at_files(server: Server, host: ServerHost, issuers: Issuers) -> list[Trouble]:
    """All findings about files that `server deploy` writes; it mends each of them.

    Raises:
        HostError: the folder cannot be looked at.
    """
    home = await host.stat("")
    if home is None:
        return []  # said by the look at the configuration
    troubles = []
    units = [name(server.name) for name in (unit_name, firewall_unit, firewall_path)]
    for path in (*units, *_PUBLIC, *_SECRET):
        complaint = _complaint(path, await host.stat(path), home)
        if complaint is not None:
            troubles.append(_of(server, path, complaint, home))
    if issuers and await _is_another_ca(host, issuers):
        troubles.append(_of(server, CA_CERTIFICATE, words.FILE_OF_ANOTHER_CA, home))
    return troubles


def _complaint(path: str, facts: FileFacts | None, home: FileFacts) -> Complaint | None:
    if facts is None:
        return None if path in _MISSED_BY_OTHERS else words.FILE_MISSING
    if facts.uid not in (ROOT, home.uid):
        return words.FILE_FOREIGN
    shut = _FOR_OTHERS if path in _SECRET else _FOR_OTHERS_TO_WRITE
    return words.FILE_OPEN if facts.mode & shut else None


async def _is_another_ca(host: ServerHost, issuers: Issuers) -> bool:
    content = await host.read(CA_CERTIFICATE)
    if content is None:
        return False
    try:
        trusted = x509.load_pem_x509_certificates(content)
    except ValueError:
        return True
    return any(each not in issuers for each in trusted)


def _of(server: Server, path: str, complaint: Complaint, home: FileFacts) -> Trouble:
    place = PurePosixPath(server.directory) / path
    return said_of(server, complaint, path=place, owner=account_name(home.uid))
