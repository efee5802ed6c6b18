"""`vpnbot ca import-easyrsa`: takes over an easy-rsa CA, and says what is odd about it."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress

from bot.access.importing import Certificate
from bot.cli.asking import Asker, new_passphrase
from bot.cli.revoke import print_receipt
from bot.cli.shared import in_json, operator, say, stamp, with_office
from bot.cli.typed import typed
from bot.errors import BadSettings
from bot.office import Office
from bot.process.clock import utc_now
from bot.process.privileges import as_root
from bot.settings import read_secret
from bot.setup import easyrsa
from bot.setup.easyrsa import Takeover
from bot.texts import easyrsa as words
from bot.texts.fill import Plain, plain, utc
from pki.easyrsa import EasyRsaPki, PkiFinding, PkiFindingCode, purge_client_keys
from pki.keys import matching_algorithm
from pki.serial import SerialNumber, serial_hex
from storage.name_keys import seen
from storage.records import Grant, GrantState
from vpn.configuration.profile import TlsKey

_OLD = "--passphrase-file"
# A line, not a page: --json has all.
_SHOWN = 12


def import_easyrsa(
    pki_dir: Annotated[
        Path, typer.Argument(metavar="PKI_DIR", help="Where index.txt is, often named pki.")
    ],
    passphrase_file: Annotated[
        Path | None,
        typer.Option(_OLD, metavar="F", help="A file with the passphrase of its ca.key."),
    ] = None,
    tls_auth: Annotated[
        Path | None, typer.Option(metavar="F", help="The servers' tls-auth key, for example ta.key")
    ] = None,
    tls_crypt: Annotated[
        Path | None, typer.Option(metavar="F", help="The servers' tls-crypt key.")
    ] = None,
    tls_crypt_v2: Annotated[
        Path | None, typer.Option("--tls-crypt-v2", metavar="F", help="A tls-crypt-v2 server key.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Says what it found, no more.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The report as an object.")] = False,
    purge: Annotated[
        bool,
        typer.Option("--purge-client-keys", help="Afterwards removes clients' keys in clear."),
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="Asks nothing before it removes keys.")
    ] = False,
) -> None:
    """Takes over an easy-rsa CA with all that it issued and revoked; the folder is only read."""

    key = easyrsa.read_tls_key(
        {TlsKey.AUTH: tls_auth, TlsKey.CRYPT: tls_crypt, TlsKey.CRYPT_V2: tls_crypt_v2}
    )
    now = utc_now()
    with _progress(pki_dir, quiet=as_json) as progress:
        pki = easyrsa.read(pki_dir, now, progress)
    report = _report(pki, now) if as_json else {}
    if not as_json:
        for line in _summary(pki, now):
            say(line)
    if dry_run:
        print(in_json(report, indent=2)) if as_json else say(words.DRY_RUN)
        return

    async def work(office: Office) -> bool:
        done = await easyrsa.take_over(
            office,
            operator(),
            pki,
            old_passphrase=lambda: _old_passphrase(passphrase_file),
            new_passphrase=lambda: new_passphrase(office),
            tls_key=key,
        )
        if not as_json:
            return await _tell(office, done)
        report["imported"] = imported = await _imported(office, done)
        return all(one["proved"] for one in imported["ended"])

    try:
        proved = with_office(work, is_first=True)
        if purge:
            report["client_keys_removed"] = _purge(pki, yes=yes, as_json=as_json)
    finally:
        # Whatever stopped it, the report has what was done up to there.
        if as_json:
            print(in_json(report, indent=2))
    if not proved:
        raise typer.Exit(1)


def _old_passphrase(path: Path | None) -> str | None:
    if path is not None:
        with as_root():
            return read_secret(_OLD, path)
    if sys.stdin.isatty():
        return typed("Passphrase of easy-rsa's ca.key: ", hidden=True)
    raise BadSettings(f"The CA's key has a passphrase: name a file that holds it: {_OLD} F")


@contextmanager
def _progress(folder: Path, *, quiet: bool) -> Iterator[easyrsa.Progress]:
    """A bar at a terminal, for those PKIs that take a while."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=quiet or not console.is_terminal) as bar:
        task = bar.add_task(escape(plain(words.READING, folder=folder)), total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


# --- what was found -------------------------------------------------------------------------------


def _summary(pki: EasyRsaPki, now: datetime) -> Iterator[str]:
    certificates, _ = easyrsa.books(pki)
    yield plain(words.FOLDER, folder=pki.folder, layout=words.LAYOUTS[pki.layout])
    yield plain(
        words.AUTHORITY,
        name=pki.certificate.subject.rfc4514_string(),
        algorithm=matching_algorithm(pki.certificate).value,
        until=utc(pki.certificate.not_valid_after_utc),
    )
    yield plain(words.KEY_ENCRYPTED if pki.key_is_encrypted else words.KEY_CLEAR, path=pki.key_path)
    yield plain(words.CERTIFICATES, **_counts(certificates, now))
    yield plain(words.SERVERS, servers=sum(one.for_server for one in certificates))
    if pki.crl is None:
        yield words.CRL_NONE
    else:
        yield plain(
            words.CRL,
            path=pki.crl.path,
            count=len(pki.crl.revocations),
            signed=utc(pki.crl.this_update),
            until=utc(pki.crl.next_update) if pki.crl.next_update else "–",
        )
        if pki.crl.number is not None:
            yield plain(words.CRL_NUMBER, number=pki.crl.number)
    yield words.ODD if pki.findings else words.NOTHING_ODD
    for line in _odd(pki):
        yield f"  - {line}"


def _odd(pki: EasyRsaPki) -> Iterator[str]:
    """What is no single certificate's, and a line for each of those with all that is odd about it.

    A dozen of each kind: of a big PKI there may be tens of thousands.
    """
    of_all: dict[PkiFindingCode, list[str]] = {}
    of_one: dict[SerialNumber, list[PkiFinding]] = {}
    for finding in pki.findings:
        for serial in finding.serials if finding.code in words.ABOUT else ():
            of_one.setdefault(serial, []).append(finding)
        if finding.code in words.FINDINGS:
            of_all.setdefault(finding.code, []).append(finding_text(finding))
    of_kind: dict[tuple[PkiFindingCode, ...], list[SerialNumber]] = {}
    for serial, found in of_one.items():
        of_kind.setdefault(tuple(finding.code for finding in found), []).append(serial)
    names = {entry.serial: entry.common_name for entry in (*pki.entries, *pki.lost)}
    for texts in of_all.values():
        yield from _first(texts, len(texts))
    for serials in of_kind.values():
        lines = [
            plain(
                words.CERTIFICATE,
                name=_name(names.get(serial, "")),
                serial=serial_hex(serial),
                said=Plain("; ".join(map(_said, of_one[serial]))),
            )
            for serial in serials[:_SHOWN]
        ]
        yield from _first(lines, len(serials))


def _first(lines: Sequence[str], count: int) -> Iterator[str]:
    """A dozen of them, and how many more of the `count` there are."""
    yield from lines[:_SHOWN]
    if count > _SHOWN:
        yield plain(words.MORE_ALIKE, count=count - _SHOWN)


def _counts(certificates: Sequence[Certificate], now: datetime) -> dict[str, int]:
    """As they are taken over: what is over counts as expired, whatever the index says."""
    revoked = sum(one.revoked_at is not None for one in certificates)
    expired = sum(one.revoked_at is None and one.not_after <= now for one in certificates)
    return {"valid": len(certificates) - revoked - expired, "revoked": revoked, "expired": expired}


def finding_text(finding: PkiFinding) -> str:
    """A finding as a sentence."""
    if finding.code in words.FINDINGS:
        return _said(finding)
    serials = [serial_hex(serial) for serial in finding.serials]
    names = [_name(name) for name in finding.names or ("",)]
    return plain(
        words.CERTIFICATE if len(serials) == 1 else words.CERTIFICATES_ALIKE,
        name=names[0],
        names=_some(names),
        serial=serials[0],
        serials=_some(serials),
        said=Plain(_said(finding)),
    )


def _said(finding: PkiFinding) -> str:
    """What is odd: a sentence, or of a certificate a part of one."""
    return plain(
        (words.FINDINGS | words.ABOUT)[finding.code],
        names=_some(finding.names),
        count=len(finding.serials),
        paths=_some([str(path) for path in finding.paths]),
        until=utc(finding.ends_at) if finding.ends_at else "–",
        detail=finding.detail,
    )


def _name(name: str) -> str:
    """As it can be read; where a subject has no name in it, its bare beginning is none, either."""
    return name if seen(name.removeprefix("/CN=").removeprefix("/")) else words.NAMELESS


def _some(texts: Sequence[str]) -> str:
    shown = ", ".join(dict.fromkeys(texts[:_SHOWN]))
    if len(texts) <= _SHOWN:
        return shown
    return plain(words.AND_MORE, shown=shown, count=len(texts) - _SHOWN)


def _report(pki: EasyRsaPki, now: datetime) -> dict[str, Any]:
    certificate, crl = pki.certificate, pki.crl
    return {
        "folder": str(pki.folder),
        "layout": pki.layout.value,
        "ca": {
            "name": certificate.subject.rfc4514_string(),
            "algorithm": matching_algorithm(certificate).value,
            "not_after": stamp(certificate.not_valid_after_utc),
            "key_is_encrypted": pki.key_is_encrypted,
        },
        "counts": _counts(easyrsa.books(pki)[0], now),
        "crl": crl
        and {
            "number": crl.number,
            "this_update": stamp(crl.this_update),
            "next_update": stamp(crl.next_update),
            "entries": len(crl.revocations),
        },
        "certificates": [
            {
                "common_name": entry.common_name,
                "serial": serial_hex(entry.serial),
                "status": entry.status.value,
                "not_after": stamp(entry.not_after),
                "revoked_at": stamp(entry.revoked_at),
                "reason": entry.reason.value if entry.reason else None,
                "purpose": entry.purpose.value if entry.purpose else None,
            }
            for entry in pki.entries
        ],
        "findings": [
            {
                "code": finding.code.value,
                "names": list(finding.names),
                "serials": [serial_hex(serial) for serial in finding.serials],
                "paths": [str(path) for path in finding.paths],
                "ends_at": stamp(finding.ends_at),
                "text": finding_text(finding),
            }
            for finding in pki.findings
        ],
    }


# --- what was done --------------------------------------------------------------------------------


async def _imported(office: Office, done: Takeover) -> dict[str, Any]:
    """What was taken over, for the report; what ended is cut first."""
    ids = [grant.id for grant in done.imported.ended]
    await office.enforcer.enforce(ids)
    async with office.database.reading() as tx:
        ended = await tx.grants.some(ids)
    added = done.imported.added
    return {
        "made_ca": done.made_authority,
        "valid": added.get(GrantState.ACTIVE, 0),
        "revoked": added.get(GrantState.REVOKED, 0),
        "expired": added.get(GrantState.EXPIRED, 0),
        "listed": done.imported.listed,
        "ended": [
            {
                "common_name": grant.common_name,
                "serial": grant.serial,
                "proved": grant.state is not GrantState.REVOKING,
            }
            for grant in ended
        ],
    }


async def _tell(office: Office, done: Takeover) -> bool:
    """True if nothing that ended is left to be proved."""
    say(plain(words.KEPT, folder=office.folder.ca) if done.made_authority else words.KEPT_BEFORE)
    imported, ended = done.imported, done.imported.ended
    say(
        plain(
            words.TAKEN_OVER,
            active=imported.added.get(GrantState.ACTIVE, 0),
            revoked=imported.added.get(GrantState.REVOKED, 0),
            expired=imported.added.get(GrantState.EXPIRED, 0),
        )
    )
    if imported.listed:
        say(plain(words.LISTED, count=imported.listed))
    if ended:
        say(plain(words.ENDED, names=_some([grant.common_name for grant in ended])))
    say(words.NEXT)
    # A receipt is about one person.
    named: dict[str, list[Grant]] = {}
    for grant in ended:
        named.setdefault(grant.common_name, []).append(grant)
    return all([await print_receipt(office, grants) for grants in named.values()])


def _purge(pki: EasyRsaPki, *, yes: bool, as_json: bool) -> int:
    """Gives how many files were removed."""
    count = len(pki.client_keys)
    question = plain(words.PURGE_ASK, count=count, folder=pki.folder)
    if not count:
        said, removed = words.PURGE_NOTHING, 0
    elif not yes and not Asker(unattended=as_json).agrees(question):
        said, removed = words.PURGE_NOT, 0
    else:
        with as_root():
            purge_client_keys(pki.folder, pki.client_keys)
        said, removed = plain(words.PURGED, count=count), count
    # The report as an object is all that is said.
    if not as_json:
        say(said)
    return removed
