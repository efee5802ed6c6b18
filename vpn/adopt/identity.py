"""A new certificate and key for an adopted server, where its configuration has the old ones."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from pki.key_ids import Issuers
from vpn.adopt.adopting import Examined, dated_name
from vpn.configuration.places import file_argument, named_path
from vpn.deploy import CLOCK_TICK_S, ServerIdentity
from vpn.errors import NotApplied
from vpn.host.certificates import certificates_in, is_issued_by, key_fits
from vpn.host.interface import ROOT, ServerHost
from vpn.host.permissions import real_path
from vpn.host.units import restart_command

_PUBLIC, _SECRET = 0o644, 0o600


@dataclass(frozen=True, slots=True)
class RenewalPlan:
    """What is to be renewed. Paths are relative to /, symlinks followed.

    Attributes:
        certificate: the one that is there now.
        others: what follows it in its file, and has to stay there: a chain to another CA.
    """

    conf: str
    certificate: x509.Certificate
    others: tuple[x509.Certificate, ...]
    certificate_path: str
    key_path: str


@dataclass(frozen=True, slots=True)
class Renewed:
    """What was renewed.

    Attributes:
        changed: absolute paths, in the order of the change.
        copies: certificate and key as they were before, absolute.
        certificate_end: when the new certificate ends.
        commands: shell lines for root; until they are run, the old certificate is in use.
    """

    changed: tuple[str, ...]
    copies: tuple[str, ...]
    certificate_end: datetime
    commands: tuple[str, ...]


async def plan_renewal(host: ServerHost, examined: Examined, *, issuers: Issuers) -> RenewalPlan:
    """Looks whether certificate and key can be renewed; changes nothing.

    Args:
        host: its paths begin at /.
        issuers: the bot's CA, or both.

    Raises:
        NotApplied: they cannot, with what to do.
        HostError: the machine cannot be looked at.
    """
    layout = examined.layout
    if await host.caller() != ROOT:
        raise NotApplied(f"Only root may change the key of /{layout.conf}; run this as root.")
    facts = examined.adoption.facts
    key = file_argument(facts, "key")
    key_path = key and await real_path(host, named_path(facts, layout.start_folder, key))
    if layout.certificate is None or not key_path or layout.certificate == key_path:
        raise NotApplied(
            f"/{layout.conf} doesn't name a file each for certificate and key (they stand in it,"
            " or in one file), and there the bot renews nothing; give each a file of its own,"
            " named by a cert and a key line, and run this again."
        )
    chain = certificates_in(await host.read(layout.certificate))
    if not chain or not any(is_issued_by(chain[0], issuer) for issuer in issuers):
        raise NotApplied(
            f"/{layout.certificate} isn't a certificate of the bot's CA, so clients may trust"
            " another one; renew it where it was issued."
        )
    return RenewalPlan(layout.named_conf, chain[0], chain[1:], layout.certificate, key_path)


async def put_identity(
    host: ServerHost,
    plan: RenewalPlan,
    issue: Callable[[x509.Certificate], ServerIdentity],
    *,
    issuer: x509.Certificate,
    now: datetime,
) -> Renewed:
    """Puts what `issue` makes in the place of the old certificate and key, as root's files.

    1. Both stay beside the new ones, under a dated name.
    2. The key is written before the certificate. A crash in between leaves two that do not match:
       OpenVPN runs on with what it has read, and to run this again makes both anew.
    3. What lies there then is read back: the two match, and are of this CA and this name.

    Args:
        issue: gets the certificate that is there now.

    Raises:
        HostError: the machine refused a write.
        NotApplied: what lies there afterwards is not what was written.
    """
    identity = issue(plan.certificate)
    copies = [  # (1)
        await _copy(host, path, mode, now)
        for path, mode in ((plan.key_path, _SECRET), (plan.certificate_path, _PUBLIC))
    ]
    chain = "".join(other.public_bytes(Encoding.PEM).decode() for other in plan.others)
    content = identity.certificate_pem + chain
    await host.replace(plan.key_path, identity.private_key_pem.encode(), mode=_SECRET)  # (2)
    await host.replace(plan.certificate_path, content.encode(), mode=_PUBLIC)
    certificate = await _checked(host, plan, issuer)  # (3)
    await asyncio.sleep(CLOCK_TICK_S)
    return Renewed(
        changed=(f"/{plan.key_path}", f"/{plan.certificate_path}"),
        copies=tuple(f"/{copy}" for copy in copies if copy),
        certificate_end=certificate.not_valid_after_utc,
        commands=(restart_command(plan.conf),),
    )


async def _copy(host: ServerHost, path: str, mode: int, now: datetime) -> str | None:
    content = await host.read(path)
    if content is None:
        return None  # the key has gone, and OpenVPN would not start again without a new one
    copy = await dated_name(host, path, now)
    await host.replace(copy, content, mode=mode)
    return copy


async def _checked(
    host: ServerHost, plan: RenewalPlan, issuer: x509.Certificate
) -> x509.Certificate:
    chain = certificates_in(await host.read(plan.certificate_path))
    key = await host.read(plan.key_path)
    if (
        not chain
        or key is None
        or not key_fits(chain[0], key)
        or not is_issued_by(chain[0], issuer)
        or chain[0].subject != plan.certificate.subject
    ):
        path = PurePosixPath("/") / plan.certificate_path
        raise NotApplied(f"{path} and its key don't match; see who else writes there.")
    return chain[0]
