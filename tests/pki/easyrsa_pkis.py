"""PKIs as companies have them: made by the real easy-rsa 3, and by openssl as easy-rsa 2 did it."""

import shutil
from dataclasses import dataclass, field
from pathlib import Path

from tests.easyrsa import EasyRsa
from tests.pki.tools import openssl

OLD_PASSPHRASE = "grüße from 2016"
_SECRET = {"PASSIN": f"pass:{OLD_PASSPHRASE}", "PASSOUT": f"pass:{OLD_PASSPHRASE}"}


def make_rsa_pki(folder: Path) -> EasyRsa:
    """RSA, with a passphrase.

    anna came in with `inline`; bob and erik are revoked, and the CRL knows it; carl was renewed,
    and both certificates live; dora was revoked after the CRL; emil's key has a passphrase; one
    day is all that otto had; the server's key lies in clear.
    """
    pki = EasyRsa(folder / "pki", algorithm="rsa")
    pki("init-pki")
    pki("build-ca", REQ_CN="Example CA", **_SECRET)
    pki("build-server-full", "server", "nopass", **_SECRET)
    pki("build-client-full", "anna", "nopass", "inline", **_SECRET)
    for name in ("bob", "carl", "dora", "erik"):
        pki("build-client-full", name, "nopass", **_SECRET)
    pki("build-client-full", "emil", **_SECRET)
    pki("build-client-full", "otto", "nopass", CERT_EXPIRE="1", **_SECRET)
    pki("revoke", "bob", "keyCompromise", **_SECRET)
    pki("revoke", "erik", "certificateHold", **_SECRET)
    pki("gen-crl", **_SECRET)
    pki("revoke", "dora", **_SECRET)
    pki("renew", "carl", "nopass", CERT_RENEW="900", **_SECRET)
    return pki


def make_ec_pki(folder: Path) -> EasyRsa:
    """P-384 and a clear key; names of many parts; nobody was ever revoked, so there is no CRL."""
    pki = EasyRsa(folder / "pki", algorithm="ec")
    names = {
        "DN": "org",
        "CURVE": "secp384r1",
        "REQ_COUNTRY": "DE",
        "REQ_PROVINCE": "Berlin",
        "REQ_CITY": "Köln",
        "REQ_ORG": "A/B GmbH",
        "REQ_OU": "IT",
        "REQ_EMAIL": "it@example.org",
    }
    pki("init-pki")
    pki("build-ca", "nopass", REQ_CN="Straßen CA", **names)
    for name in ("jürgen", "two words"):
        pki("build-client-full", name, "nopass", **names)
    pki("build-serverClient-full", "both", "nopass", **names)
    return pki


# Of easy-rsa 2's openssl-1.0.0.cnf, all that shows in what it makes.
_CONFIGURATION = """
[ca]
default_ca = CA_default
[CA_default]
dir = {folder}
database = $dir/index.txt
new_certs_dir = $dir
certificate = $dir/ca.crt
private_key = $dir/ca.key
serial = $dir/serial
default_days = 3650
default_crl_days = 30
default_md = {digest}
x509_extensions = usr_cert
policy = policy_anything
unique_subject = no
[policy_anything]
countryName = optional
organizationName = optional
commonName = supplied
name = optional
emailAddress = optional
[req]
distinguished_name = dn
string_mask = nombstr
[dn]
[usr_cert]
basicConstraints = CA:FALSE
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid,issuer:always
extendedKeyUsage = clientAuth
keyUsage = digitalSignature
[server]
basicConstraints = CA:FALSE
nsCertType = server
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid,issuer:always
extendedKeyUsage = serverAuth
keyUsage = digitalSignature, keyEncipherment
[v3_ca]
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid:always,issuer:always
basicConstraints = CA:true
{more}
"""


@dataclass
class EasyRsa2:
    """A `keys` folder; openssl does what `pkitool` and `revoke-full` made it do."""

    folder: Path
    digest: str = "sha256"
    bits: int = 2048
    subject: str = "/C=DE/O=Example/CN=Example CA/name=EasyRSA/emailAddress=me@myhost.mydomain"
    # More about the CA's certificate.
    more: str = ""
    _configuration: Path = field(init=False)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True)
        # Beside the folder, as easy-rsa 2 has it.
        self._configuration = self.folder.parent / f"{self.folder.name}.cnf"
        self._configuration.write_text(
            _CONFIGURATION.format(folder=self.folder, digest=self.digest, more=self.more)
        )
        (self.folder / "index.txt").touch()
        (self.folder / "serial").write_text("01\n")
        self.run(
            *("req", "-x509", "-days", "3650", "-nodes", f"-{self.digest}", "-subj", self.subject),
            *("-newkey", f"rsa:{self.bits}", "-extensions", "v3_ca"),
            *("-keyout", self.folder / "ca.key", "-out", self.folder / "ca.crt"),
        )

    def run(self, command: str, *arguments: str | Path) -> None:
        done = openssl(command, "-config", self._configuration, *arguments)
        assert done.returncode == 0, done.stderr

    def issue(self, name: str, *options: str) -> None:
        """As `pkitool NAME`; options of `openssl ca` besides."""
        request = self.folder / f"{name}.csr"
        self.run(
            *("req", "-new", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-subj", f"/C=DE/O=Example/CN={name}/name=EasyRSA", "-out", request),
            *("-keyout", self.folder / f"{name}.key"),
        )
        certificate = self.folder / f"{name}.crt"
        self.run("ca", "-batch", "-in", request, "-out", certificate, *options)

    def revoke(self, name: str, *options: str) -> None:
        self.run("ca", "-revoke", self.folder / f"{name}.crt", *options)

    def sign_crl(self, *options: str) -> None:
        self.run("ca", "-gencrl", "-out", self.folder / "crl.pem", *options)


def make_easyrsa2(folder: Path) -> EasyRsa2:
    """What ten years leave behind: expired ones, and every way to write a revocation."""
    pki = EasyRsa2(folder / "keys")
    pki.issue("server", "-extensions", "server")
    pki.issue("anna")
    pki.issue("old", "-startdate", "160101000000Z", "-enddate", "171231235959Z")
    pki.issue("ancient", "-startdate", "970101000000Z", "-enddate", "981231235959Z")
    pki.issue("eternal", "-enddate", "20610101000000Z")
    for name in ("plain", "held", "stolen", "broken", "gone"):
        pki.issue(name)
    pki.revoke("plain")
    pki.revoke("held", "-crl_hold", "holdInstructionReject")
    pki.revoke("stolen", "-crl_compromise", "20260101000000Z")
    pki.revoke("broken", "-crl_CA_compromise", "20260101000000Z")
    pki.revoke("gone", "-crl_reason", "cessationOfOperation")
    pki.run("ca", "-updatedb")
    pki.sign_crl()
    (pki.folder / "revoke-test.pem").write_bytes(
        (pki.folder / "ca.crt").read_bytes() + (pki.folder / "crl.pem").read_bytes()
    )
    return pki


def copied(folder: Path, to: Path) -> Path:
    """A PKI to be damaged."""
    return Path(shutil.copytree(folder, to / folder.name))


def as_openssl(serial: int) -> str:
    """As OpenSSL writes a number, which is how easy-rsa names its files: whole bytes."""
    digits = f"{serial:X}"
    return digits.zfill(len(digits) + len(digits) % 2)
