"""Whom a server of an operator's own refuses today, by what its configuration names.

OpenVPN takes the last `crl-verify` (init_ssl() and verify_check_crl_dir() in OpenVPN 2.6): a file
or a block with lists, each of which counts for its own CA; or a folder, in which a file named by a
serial in decimal refuses that serial of whichever CA. Where a `capath` is named, OpenSSL takes the
lists in that folder, too, and those between the certificates of `ca` (tls_ctx_load_ca() in
OpenVPN's ssl_openssl.c).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from pki.crl import Revocation, RevocationReason
from pki.errors import DamagedCrl
from pki.found_crls import FoundCrl, read_crls, revocations_of
from pki.key_ids import Issuers
from pki.serial import SERIAL_BITS, SerialNumber, parse_serial
from vpn.configuration.adopted import Adoption
from vpn.configuration.places import inline_text, named_path, revoked_folder
from vpn.errors import HostError
from vpn.host.interface import ServerHost
from vpn.host.permissions import real_path

# Far more than anybody has revoked by hand.
_FOLDER_LIMIT = 100_000
_DIGITS = 48  # of the highest serial, in decimal
# As OpenSSL writes a number (BN_bn2dec()), which is how OpenVPN looks for the file.
_HEEDED = re.compile(r"0|-?[1-9][0-9]*", re.ASCII)
# X509_LOOKUP_hash_dir(3).
_IN_CAPATH = re.compile(r"[0-9a-f]{8}\.r[0-9]+", re.ASCII)
_BEGIN = "-----BEGIN X509 CRL-----"
_NOT_KNOWN = (
    "So nobody knows who the server refuses, and nothing takes the list's place. Put a whole one"
    " there, for example with `easyrsa gen-crl`, then run this again."
)


@dataclass(frozen=True, slots=True)
class ListInForce:
    """What it says, as far as it can be read.

    Attributes:
        place: where it stands, for people to read.
        revocations: all certificates of the bot's CA that are refused.
        number: the highest of the bot's CA's lists; 0 where they have none.
        others: the lists that one of the bot's does not replace: they have to stay in force.
        no_serials: names in a folder that stand for no certificate that could be on a list.
        problem: why nothing may take its place: what it says is not known, or could not be said
            by a list of the bot's. None where it may be replaced.
    """

    place: str
    revocations: tuple[Revocation, ...] = ()
    number: int = 0
    others: tuple[FoundCrl, ...] = field(default=(), repr=False)
    no_serials: tuple[str, ...] = ()
    problem: str | None = None


async def read_list_in_force(
    host: ServerHost, adoption: Adoption, issuers: Issuers, now: datetime
) -> ListInForce | None:
    """Reads it with the rights of the caller; None where the server refuses nobody.

    Never raises for what lies there: then it has a problem.

    Args:
        host: its paths begin at /.
        adoption: with its symlinks followed.
        issuers: the bot's CA, or both.
        now: how a file from the future is dated.
    """
    named = await _named(host, adoption, issuers, now)
    found = [] if named is None else [named]
    if adoption.facts.has("capath"):
        found += await _beside_authorities(host, adoption, issuers)
    if not found:
        return None
    first, *_ = found
    entries = [entry for each in found for entry in each.revocations]
    earliest_last = sorted(entries, key=lambda entry: entry.revoked_at, reverse=True)
    return replace(
        first,
        place=" and ".join(each.place for each in found),
        revocations=tuple({entry.serial: entry for entry in earliest_last}.values()),
        number=max(each.number for each in found),
        problem=next((each.problem for each in found if each.problem), None),
    )


async def _named(
    host: ServerHost, adoption: Adoption, issuers: Issuers, now: datetime
) -> ListInForce | None:
    """What `crl-verify` names; None where there is no such line."""
    facts, layout = adoption.facts, adoption.server.layout
    if not facts.has("crl-verify"):
        return None
    place = f"/{layout.crl}" if layout.crl else f"the <crl-verify> block of /{layout.conf}"
    try:
        folder = revoked_folder(facts, layout.start_folder)
        if folder is not None:
            return await _read_folder(host, await real_path(host, folder), adoption, issuers, now)
        if layout.crl is None:
            content: bytes | None = (inline_text(facts, "crl-verify") or "").encode()
        else:
            content = await host.read(layout.crl)
    except HostError as error:
        return ListInForce(place, problem=f"{error} {_NOT_KNOWN}")
    return understood(place, content, issuers)


async def _beside_authorities(
    host: ServerHost, adoption: Adoption, issuers: Issuers
) -> list[ListInForce]:
    """The lists beside the certificates of CAs. They stay there, so those of others are left out.

    One of the bot's that is newer takes their place all the same.
    """
    facts, layout = adoption.facts, adoption.server.layout
    contents = []
    if _BEGIN in (adoption.ca_pem or ""):
        contents.append((f"the ca of /{layout.conf}", (adoption.ca_pem or "").encode()))
    named = facts.first_argument("capath") or ""
    folder = named_path(facts, layout.start_folder, named)
    try:
        folder = await real_path(host, folder)
        for name in await host.listdir(folder) or ():
            if _IN_CAPATH.fullmatch(name):
                path = await real_path(host, f"{folder}/{name}")
                contents.append((f"/{folder}/{name}", await host.read(path) or b""))
    except HostError as error:
        return [ListInForce(f"/{folder}", problem=f"{error} {_NOT_KNOWN}")]
    found = [understood(place, content, issuers) for place, content in contents]
    return [replace(each, others=()) for each in found if each.revocations or each.problem]


def understood(place: str, content: bytes | None, issuers: Issuers) -> ListInForce:
    """What a file with lists says; None is a file that is not there.

    OpenVPN does not start without the file, and goes on with what it has read where it goes later.
    """
    if content is None:
        return ListInForce(place, problem=f"There is no {place}. {_NOT_KNOWN}")
    try:
        lists = read_crls(content, *issuers)
    except DamagedCrl as error:
        return ListInForce(place, problem=f"{place} can't be read: {error}. {_NOT_KNOWN}")
    ours = [each for each in lists if each.is_ours]
    revocations, problem = _without_the_authority(place, revocations_of(ours), issuers)
    if any(each.is_namesake for each in lists):
        problem = (
            f"{place} holds a list of another CA that has the same name, and the list doesn't say"
            " by which key it was signed: beside it OpenVPN could misjudge the bot's. Sign that"
            " list again with an authorityKeyIdentifier, then run this again."
        )
    return ListInForce(
        place,
        revocations,
        max((each.number or 0 for each in ours), default=0),
        tuple(each for each in lists if each.stands_alone and not each.is_namesake),
        problem=problem,
    )


async def _read_folder(
    host: ServerHost,
    folder: str,
    adoption: Adoption,
    issuers: Issuers,
    now: datetime,
) -> ListInForce:
    """Reads a folder of serials.

    A name in hex refuses nobody, but whoever wrote it meant to; so does one with zeros before it,
    or a file that OpenVPN may not open.
    """
    place = f"/{folder}"
    names = await host.listdir(folder)
    if names is None:
        return ListInForce(place, problem=f"There is no folder {place}. {_NOT_KNOWN}")
    if len(names) > _FOLDER_LIMIT:
        return ListInForce(place, problem=f"{place} holds more files than are read here.")
    revocations: list[Revocation] = []
    others: list[str] = []
    for name in names:
        serial = _serial(name)
        if serial is None:
            others.append(name)
            continue
        facts = await host.stat(f"{folder}/{name}")
        since = min(facts.modified_at, now) if facts else now
        revocations.append(Revocation(serial, since, RevocationReason.UNSPECIFIED))
    left, problem = _without_the_authority(place, revocations, issuers)
    unlisted = next(filter(_HEEDED.fullmatch, others), None)
    if unlisted is not None:
        problem = (
            f"{place} refuses the serial {unlisted}, which no list of the bot's can name: it isn't"
            " positive, or has more than 159 bits. Remove that file if no certificate has that"
            " serial; else only a CA of your own making can keep it out."
        )
    if revocations and _trusts_others(adoption, issuers):
        problem = (
            f"{place} refuses serials of every CA that /{adoption.server.layout.conf} trusts, and"
            " the bot can sign for its own only. Let each other CA sign a list of its own, name a"
            " file with these lists in crl-verify, restart OpenVPN, and run this again."
        )
    return ListInForce(place, left, no_serials=tuple(others), problem=problem)


def _serial(name: str) -> SerialNumber | None:
    if name.isascii() and name.isdecimal():
        number = int(name) if len(name) <= _DIGITS else 0
        return SerialNumber(number) if 0 < number < 1 << SERIAL_BITS else None
    try:
        return parse_serial(name)
    except ValueError:
        return None


def _without_the_authority(
    place: str, entries: Sequence[Revocation], issuers: Issuers
) -> tuple[tuple[Revocation, ...], str | None]:
    """Leaves out the CA's own serial, and names it: on a list of ours it would shut all out."""
    own = {issuer.serial_number for issuer in issuers}
    left = tuple(entry for entry in entries if entry.serial not in own)
    if len(left) == len(entries):
        return left, None
    return left, (
        f"{place} refuses the CA's own certificate, and with it everybody. Take that entry out if"
        " it is a mistake, then run this again."
    )


def _trusts_others(adoption: Adoption, issuers: Issuers) -> bool:
    """Whether certificates of another key get in; also where that cannot be seen."""
    if adoption.facts.has("capath") or adoption.trusted is None:
        return True
    ours = [issuer.public_key() for issuer in issuers]
    return any(each.public_key() not in ours for each in adoption.trusted)
