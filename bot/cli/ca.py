"""`vpnbot ca`: the certificate authority."""

from typing import Annotated

import typer
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from bot.access.endings import AUTHORITY_NOTICE
from bot.cli.asking import Asker, new_passphrase
from bot.cli.groups_help import CommandGroup
from bot.cli.import_easyrsa import import_easyrsa
from bot.cli.shared import operator, say, with_office
from bot.errors import NotDone
from bot.office import Office
from bot.setup import rotation
from bot.setup.deploying import bundle, trusted_by_servers
from bot.setup.first_time import make_authority, require_no_books
from bot.setup.rotation import RotationState
from bot.texts import rotation as words
from bot.texts.fill import plain, utc
from pki.private_files import require_vacant
from pki.serial import SerialNumber, serial_hex
from storage.rotation import RotationStep

app = typer.Typer(help="The certificate authority.", no_args_is_help=True, cls=CommandGroup)
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
def show(
    pem: Annotated[
        bool, typer.Option("--pem", help="All that a server's `ca` file has to hold now, as PEM.")
    ] = False,
) -> None:
    """Shows the CA's certificate; while one CA takes another's place, those of both."""

    async def work(office: Office) -> None:
        if pem:
            for line in bundle(office, await trusted_by_servers(office)).splitlines():
                say(line)
            return
        certificates = office.keyring.certificates()
        for certificate in certificates:
            for line in describe(certificate):
                say(line)
        state = await rotation.look(office)
        if state is not None and state.rotation.is_under_way:
            say(words.STEPS[state.rotation.step])
            say(words.MORE)
        elif certificates[0].not_valid_after_utc - office.clock() < AUTHORITY_NOTICE:
            say(words.ENDS_SOON)

    with_office(work)


@app.command("rotate")
def rotate(
    status: Annotated[
        bool, typer.Option("--status", help="Only shows how far it is, and what is left to do.")
    ] = False,
    move_all: Annotated[
        bool,
        typer.Option(
            "--move-all", help="Sends everybody a new profile now; each old one ends with that."
        ),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Begins without a question.")] = False,
) -> None:
    """Has a new CA take the old one's place, step by step, with nobody shut out on the way.

    Run it again after each step: it goes on as far as nothing is left to do, and says what is.
    """

    async def work(office: Office) -> None:
        state = await rotation.look(office)
        if not status:
            if state is None or not state.rotation.is_under_way:
                asker = Asker(unattended=yes)
                if not (yes or (not asker.silent and asker.agrees(words.BEGIN))):
                    raise NotDone(words.NOT_BEGUN)
                await rotation.begin(office, operator())
            state = await rotation.go_on(office, operator())
            if move_all:
                _tell_moving(state, await rotation.move_all(office, operator()))
        if state is None:
            say(words.NONE_YET)
            return
        _tell(office, state)

    with_office(work)


def _tell_moving(state: RotationState, count: int | None) -> None:
    if state.rotation.step is RotationStep.TRUST:
        raise NotDone(words.NOT_MOVING)
    if state.rotation.step is RotationStep.MOVE:
        say(words.MOVING_ALREADY if count is None else plain(words.MOVING, count=count))


def _tell(office: Office, state: RotationState) -> None:
    """Says how far a rollover is, and what is left to do."""
    now = state.rotation
    say(words.STEPS[now.step])
    numbers = office.keyring.numbers()
    for number, template in ((now.authority - 1, words.OLD), (now.authority, words.NEW)):
        if number in numbers:
            certificate = office.keyring.certificate_of(number)
            name = certificate.subject.rfc4514_string()
            say(plain(template, name=name, until=utc(certificate.not_valid_after_utc)))
    if not now.is_under_way:
        return
    if not state.left:
        say(words.ALL_READY)
        return
    say(words.LEFT)
    for line in state.left:
        say(f"  {line}")
    say(words.GO_ON)


def describe(certificate: x509.Certificate) -> list[str]:
    """What an operator wants to know of a CA."""
    return [
        f"name:    {certificate.subject.rfc4514_string()}",
        f"serial:  {serial_hex(SerialNumber(certificate.serial_number))}",
        f"from:    {utc(certificate.not_valid_before_utc)}",
        f"until:   {utc(certificate.not_valid_after_utc)}",
        f"sha-256: {certificate.fingerprint(SHA256()).hex(':')}",
    ]
