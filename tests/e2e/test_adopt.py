"""`vpnbot server adopt` and what follows from it, where no OpenVPN has to run."""

import os
import re
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from pki.tls_crypt_v2 import generate_server_key
from tests.company import ANNA, Company, Ran, keep_secret, open_company
from tests.easyrsa import NEEDS_EASYRSA, EasyRsa
from tests.tls_crypt_v2 import unwrap
from tests.vpn.operator_kit import static_key

pytestmark = [NEEDS_EASYRSA, pytest.mark.asyncio(loop_scope="module")]

CONF = """\
port 1194
proto udp
dev tun
topology subnet
server {network} 255.255.255.0 nopool
ca {pki}/ca.crt
cert {pki}/issued/server.crt
key {pki}/private/server.key
dh none
keepalive 10 60
user nobody
group nogroup
"""
POOL = "# the server gives addresses by itself"
REMOTE = ("--remote", "192.0.2.1:1194/udp")


@pytest.fixture(scope="module")
def easyrsa(module_folder: Path) -> EasyRsa:
    made = EasyRsa(module_folder / "pki", algorithm="rsa")
    made.begin()
    made("build-server-full", "server", "nopass")
    made.client("carl")
    made.client("dora")
    made("build-serverClient-full", "both", "nopass")
    return made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def company(module_folder: Path, easyrsa: EasyRsa) -> AsyncIterator[Company]:
    """An RSA CA, taken over; and Anna."""
    async with open_company(module_folder) as made:
        key = module_folder / "ta.key"
        key.write_text(static_key())
        await made.done("ca", "import-easyrsa", str(easyrsa.pki), "--tls-auth", str(key))
        await made.done("user", "allow", str(ANNA.id), "--name", "Anna Petrova")
        yield made


def write_conf(company: Company, name: str, network: str, *lines: str) -> Path:
    folder = company.folder / name
    folder.mkdir(exist_ok=True)
    conf = folder / "server.conf"
    text = CONF.format(network=network, pki=company.folder / "pki")
    if POOL in lines:
        text = text.replace(" nopool", "")
    conf.write_text(text + "".join(f"{line}\n" for line in lines))
    return conf


async def adopt(company: Company, name: str, conf: Path, *more: str) -> Ran:
    return await company.vpnbot("server", "adopt", name, "--config", str(conf), *(more or REMOTE))


async def refused(company: Company, words: str, name: str, conf: Path, *more: str) -> None:
    before = company.dump()
    ran = await adopt(company, name, conf, *more)
    assert (ran.code, ran.out, ran.err.count("\n")) == (1, "", 1), ran
    assert words in ran.err, ran
    assert company.dump() == before


async def test_before_its_server_is_known_no_end_is_proved(company: Company) -> None:
    """The company's server lets him in until it is adopted."""
    for _ in range(2):
        ran = await company.vpnbot("revoke", "carl")
        assert ran.code == 1
        assert ran.out.startswith("Not proved yet: carl may still get in.")
        assert "No server is known yet" in ran.out
    doctor = await company.vpnbot("doctor")
    assert "The end of carl's access (carl) isn't proved: no server is known yet." in doctor.out
    assert company.query("SELECT count(*) FROM proofs") == [(0,)]


async def test_without_a_change_it_says_what_is_missing(company: Company) -> None:
    conf = write_conf(company, "berlin", "10.81.0.0")
    before = conf.read_text()
    ran = await adopt(company, "berlin", conf)
    assert ran.code == 0, ran
    for words in (
        *("No CRL could be put in place", "crl-verify ", "client-config-dir ", "ccd-exclusive"),
        *("management ", "--apply", "no new profile"),
    ):
        assert words in ran.out, ran
    assert conf.read_text() == before
    rows = {row["name"]: row for row in (await company.done("server", "list", "--json")).rows}
    # Who was revoked before is now asked for there.
    revoked = await company.vpnbot("revoke", "carl")
    assert revoked.code == 1
    assert "berlin: not proved" in revoked.out
    assert rows["berlin"] == {
        "name": "berlin",
        "remote": "192.0.2.1:1194/udp",
        "directory": str(conf),
        "network": "10.81.0.0/24",
        "network6": None,
        "ssh": None,
    }


async def test_the_lines_are_added_once(company: Company) -> None:
    conf = write_conf(company, "berlin", "10.81.0.0")
    ran = await adopt(company, "berlin", conf, *REMOTE, "--apply")
    assert ran.code == 0, ran
    assert "A CRL with every revocation is in place" in ran.out
    assert f"ReadWritePaths=-{conf.parent}" in ran.out
    after = conf.read_text()
    again = await adopt(company, "berlin", conf, *REMOTE, "--apply")
    assert "nothing was changed" in again.out
    assert conf.read_text() == after


async def test_files_are_made_for_those_that_clients_show(company: Company) -> None:
    """Whoever has a server's key is none of them, nor is Carl, whose access has ended."""
    assert {path.name for path in ccd_files(company.folder / "berlin")} == {"both", "dora"}


STATUS = """\
TITLE,OpenVPN 2.6.14
HEADER,CLIENT_LIST,Common Name,Real Address
CLIENT_LIST,dora,192.0.2.2:1194
CLIENT_LIST,carl,192.0.2.2:1195
{strangers}END
"""


async def test_what_becomes_of_each_client_is_said_before_anything_is_changed(
    company: Company,
) -> None:
    conf = write_conf(company, "genoa", "10.86.0.0", POOL, "status status.log")
    strangers = [f"router {number}" for number in range(12)]
    rows = "".join(f"CLIENT_LIST,{name},192.0.2.3:1194\n" for name in strangers)
    (conf.parent / "status.log").write_text(STATUS.format(strangers=rows))
    before, text = company.dump(), conf.read_text()
    ran = await adopt(company, "genoa", conf, *REMOTE, "--apply")
    assert (ran.code, ran.err.count("\n")) == (1, 1), ran
    assert "'router 0', 'router 1', 'router 10'" in ran.err
    assert "and 2 more wouldn't get in any more" in ran.err
    for words in (
        "14 clients were connected at ",
        "They come back as before: 'dora'",
        "revoked or is over: 'carl'",
        "They are in none of the bot's books, and don't get in any more: 'router 0', ",
    ):
        assert words in ran.out, ran
    assert (company.dump(), conf.read_text()) == (before, text)
    assert not (conf.parent / "server-live").exists()

    ran = await adopt(company, "genoa", conf, *REMOTE, "--apply", "--strangers", "keep")
    assert ran.code == 0, ran
    assert {path.name for path in ccd_files(conf.parent)} == {"both", "dora", *strangers}
    await company.done("server", "remove", "genoa")


async def test_what_cannot_be_adopted(company: Company) -> None:
    conf = write_conf(company, "berlin", "10.81.0.0")
    paris = write_conf(company, "paris", "10.82.0.0")
    tcp = ("--remote", "192.0.2.1:1194/tcp")
    await refused(company, "There is no", "rome", company.folder / "rome.conf")
    await refused(company, "must begin with a letter", "9", paris)
    await refused(company, "correct --remote", "paris", paris, *tcp)
    await refused(company, "is adopted already, as berlin", "paris", conf)
    await refused(company, "another server berlin", "berlin", paris)
    overlapping = write_conf(company, "rome", "10.81.0.0")
    await refused(company, "overlaps", "rome", overlapping)
    overlapping.write_text("client\n")
    await refused(company, "isn't the configuration of an OpenVPN server", "rome", overlapping)
    bridge = CONF.replace("server {network} 255.255.255.0 nopool", "server-bridge")
    overlapping.write_text(bridge.format(network="", pki=company.folder / "pki"))
    await refused(company, "no network of their own", "rome", overlapping)


async def test_its_configuration_is_not_ours_to_deploy(company: Company) -> None:
    ran = await company.vpnbot("server", "deploy", "berlin")
    assert ran.code == 1
    assert "server adopt berlin" in ran.err


async def test_a_tls_key_that_cannot_be_read_comes_from_the_import(company: Company) -> None:
    conf = write_conf(company, "paris", "10.82.0.0", POOL, "tls-auth gone.key 0")
    assert (await adopt(company, "paris", conf)).code == 0
    other = write_conf(company, "oslo", "10.83.0.0", "tls-crypt gone.key")
    await refused(company, "--tls-crypt FILE", "oslo", other)


async def issue(company: Company, name: str, server: str, **extra: str) -> str:
    file = company.folder / f"{name}.ovpn"
    ran = await company.vpnbot(
        *("grant", "issue", str(ANNA.id), "--output", str(file), "--server", server), **extra
    )
    assert ran.code == 0, ran
    return text_of(file)


def text_of(path: Path) -> str:
    return path.read_text()


def public_key(profile: str) -> object:
    found = re.search(r"<cert>\n(.*)\n</cert>", profile, re.DOTALL)
    assert found
    return x509.load_pem_x509_certificate(found[1].encode()).public_key()


async def test_profiles_fit_the_server_and_the_ca(company: Company) -> None:
    plain = await issue(company, "plain", "berlin")
    assert "tls-crypt" not in plain
    assert "verify-x509-name server name" in plain
    key = public_key(plain)
    assert isinstance(key, rsa.RSAPublicKey)
    assert key.key_size == 2048
    marked = await issue(company, "marked", "paris", VPNBOT_CLIENT_KEY="p384")
    assert "key-direction 1" in marked
    assert "<tls-auth>" in marked
    curve = public_key(marked)
    assert isinstance(curve, ec.EllipticCurvePublicKey)
    assert curve.curve.name == "secp384r1"


async def test_addresses_are_fixed_beside_the_operators_files(company: Company) -> None:
    rows = {row["server"]: row for row in await company.grants() if row["server"]}
    assert rows["berlin"]["address"] == "10.81.0.2"
    files = {path.name: path.read_text() for path in ccd_files(company.folder / "berlin")}
    assert files[rows["berlin"]["common_name"]] == "ifconfig-push 10.81.0.2 255.255.255.0\n"


def ccd_files(folder: Path) -> list[Path]:
    return [path for path in (folder / "server-live" / "ccd").iterdir() if path.is_file()]


@pytest.mark.parametrize("flags", [("--tls-auth", "--tls-crypt"), ("--tls-crypt-v2",)])
async def test_a_wrong_tls_key_is_refused_first(
    company: Company, easyrsa: EasyRsa, flags: tuple[str, ...]
) -> None:
    named = [part for flag in flags for part in (flag, str(company.folder / "ta.key"))]
    ran = await company.vpnbot("ca", "import-easyrsa", str(easyrsa.pki), *named)
    assert (ran.code, ran.out, ran.err.count("\n")) == (1, "", 1)


async def test_openssl_agrees_with_the_certificate(company: Company, easyrsa: EasyRsa) -> None:
    profile = text_of(company.folder / "plain.ovpn")
    assert verified(profile, easyrsa.pki / "ca.crt")


def verified(profile: str, authority: Path) -> bool:
    found = re.search(r"<cert>\n(.*)\n</cert>", profile, re.DOTALL)
    assert found
    done = subprocess.run(
        ["openssl", "verify", "-purpose", "sslclient", "-CAfile", authority],
        input=found[1],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode == 0


# --- the tls key that the import brought ----------------------------------------------------------


@pytest_asyncio.fixture(loop_scope="module")
async def newcomer(folder: Path) -> AsyncIterator[Company]:
    """Somebody who has nothing yet."""
    async with open_company(folder) as made:
        yield made


async def moves_in(newcomer: Company, easyrsa: EasyRsa, kind: str, key: str) -> None:
    """With a server whose own tls key cannot be read."""
    named = newcomer.folder / "tls.key"
    named.write_text(key)
    shutil.copytree(easyrsa.pki, newcomer.folder / "pki")
    await newcomer.done("ca", "import-easyrsa", str(easyrsa.pki), f"--{kind}", str(named))
    named.unlink()


async def adopted_profile(newcomer: Company, kind: str) -> str:
    line = {"tls-auth": "tls-auth gone.key 0"}.get(kind, f"{kind} gone.key")
    ran = await adopt(newcomer, "berlin", write_conf(newcomer, "berlin", "10.81.0.0", POOL, line))
    assert ran.code == 0, ran
    await newcomer.done("user", "allow", str(ANNA.id), "--name", "Anna Petrova")
    return await issue(newcomer, "anna", "berlin")


def block(profile: str, name: str) -> str:
    found = re.search(rf"<{name}>\n(.*)</{name}>", profile, re.DOTALL)
    assert found, profile
    return found[1]


def bare(key: str) -> str:
    """Without the comments that openvpn writes above it."""
    return key[key.index("-----BEGIN") :].strip()


@pytest.mark.long
async def test_profiles_have_its_tls_crypt_key(newcomer: Company, easyrsa: EasyRsa) -> None:
    key = static_key()
    await moves_in(newcomer, easyrsa, "tls-crypt", key)
    assert bare(block(await adopted_profile(newcomer, "tls-crypt"), "tls-crypt")) == bare(key)


@pytest.mark.long
async def test_profiles_have_a_key_that_its_tls_crypt_v2_key_wrapped(
    newcomer: Company, easyrsa: EasyRsa
) -> None:
    key = generate_server_key(os.urandom)
    await moves_in(newcomer, easyrsa, "tls-crypt-v2", key)
    profile = await adopted_profile(newcomer, "tls-crypt-v2")
    assert unwrap(key, block(profile, "tls-crypt-v2"))


@pytest.mark.long
async def test_a_backup_has_it_too(newcomer: Company, easyrsa: EasyRsa) -> None:
    key = static_key()
    await moves_in(newcomer, easyrsa, "tls-auth", key)
    secret = str(keep_secret(newcomer.folder / "secret", "staple battery horse"))
    backup = str(newcomer.folder / "backup.age")
    await newcomer.done("backup", backup, "--passphrase-file", secret)
    shutil.rmtree(newcomer.data)
    await newcomer.done("restore", backup, "--passphrase-file", secret)
    assert bare(block(await adopted_profile(newcomer, "tls-auth"), "tls-auth")) == bare(key)


@pytest.mark.long
async def test_a_wrong_passphrase_seals_none(newcomer: Company, easyrsa: EasyRsa) -> None:
    await moves_in(newcomer, easyrsa, "tls-auth", static_key())
    named = newcomer.folder / "tls.key"
    named.write_text(static_key())
    wrong = str(keep_secret(newcomer.folder / "wrong", "a wrong passphrase"))
    sealed = (newcomer.data / "tls-keys" / "_earlier.sealed").read_bytes()
    ran = await newcomer.vpnbot(
        *("ca", "import-easyrsa", str(easyrsa.pki), "--tls-auth", str(named)),
        VPNBOT_CA_PASSPHRASE_FILE=wrong,
    )
    assert ran.code == 1
    assert "passphrase" in ran.err
    assert (newcomer.data / "tls-keys" / "_earlier.sealed").read_bytes() == sealed
