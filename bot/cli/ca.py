"""`vpnbot ca`: the certificate authority."""

import sys
from getpass import getpass

import typer
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from bot.cli.shared import operator, say, stamp, with_office
from bot.errors import BadSettings
from bot.office import Office
from bot.setup.first_time import make_authority, require_no_books
from pki.authority_files import load_certificate
from pki.passphrase import check_new_passphrase
from pki.private_files import require_vacant
from pki.serial import SerialNumber, serial_hex

app = typer.Typer(help="The certificate authority.", no_args_is_help=True)


@app.command("init")
def init() -> None:
    """Makes the CA: an EC P-256 key, sealed with the passphrase of VPNBOT_CA_PASSPHRASE_FILE."""

    async def work(office: Office) -> None:
        require_vacant(office.folder.ca)  # whoever has a CA is asked for no other passphrase
        await require_no_books(office)
        await make_authority(office, operator(), new_passphrase(office))
        say(f"The CA is in {office.folder.ca}. Keep its passphrase, and a copy, somewhere safe.")

    with_office(work, is_first=True)


@app.command("show")
def show() -> None:
    """Shows the CA's certificate."""

    async def work(office: Office) -> None:
        certificate = load_certificate(office.folder.ca)
        for line in describe(certificate):
            say(line)

    with_office(work)


def new_passphrase(office: Office) -> str:
    """From the settings, or typed twice.

    Raises:
        BadSettings: neither is possible, or the two differ.
        WrongPassphrase: it is too short.
    """
    found = office.settings.passphrase()
    if found is not None:
        check_new_passphrase(found)
        return found
    if not sys.stdin.isatty():
        raise BadSettings(
            "VPNBOT_CA_PASSPHRASE_FILE is not set: name a file that holds the CA's passphrase."
        )
    first = getpass("A new passphrase for the CA: ")
    check_new_passphrase(first)
    if first != getpass("Once more: "):
        raise BadSettings("The two passphrases differ; nothing was made. Try again.")
    return first


def describe(certificate: x509.Certificate) -> list[str]:
    """What an operator wants to know of a CA."""
    return [
        f"name:    {certificate.subject.rfc4514_string()}",
        f"serial:  {serial_hex(SerialNumber(certificate.serial_number))}",
        f"from:    {stamp(certificate.not_valid_before_utc)}",
        f"until:   {stamp(certificate.not_valid_after_utc)}",
        f"sha-256: {certificate.fingerprint(SHA256()).hex(':')}",
    ]
