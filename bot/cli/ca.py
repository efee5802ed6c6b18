"""`vpnbot ca`: the certificate authority."""

import typer
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from bot.cli.asking import new_passphrase
from bot.cli.import_easyrsa import import_easyrsa
from bot.cli.shared import operator, say, stamp, with_office
from bot.office import Office
from bot.setup.first_time import make_authority, require_no_books
from pki.authority_files import load_certificate
from pki.private_files import require_vacant
from pki.serial import SerialNumber, serial_hex

app = typer.Typer(help="The certificate authority.", no_args_is_help=True)
app.command("import-easyrsa")(import_easyrsa)


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


def describe(certificate: x509.Certificate) -> list[str]:
    """What an operator wants to know of a CA."""
    return [
        f"name:    {certificate.subject.rfc4514_string()}",
        f"serial:  {serial_hex(SerialNumber(certificate.serial_number))}",
        f"from:    {stamp(certificate.not_valid_before_utc)}",
        f"until:   {stamp(certificate.not_valid_after_utc)}",
        f"sha-256: {certificate.fingerprint(SHA256()).hex(':')}",
    ]
