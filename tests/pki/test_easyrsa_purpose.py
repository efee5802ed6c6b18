"""Whether a client may show a certificate, or a server: openssl is asked, too."""

import re
from pathlib import Path

import pytest
from cryptography import x509

from pki.easyrsa import Purpose, purpose_of
from tests.pki.easyrsa_pkis import EasyRsa2
from tests.pki.tools import openssl

BOTH = "extendedKeyUsage = serverAuth, clientAuth"
CASES = {
    "nothing": ("basicConstraints = CA:FALSE", None, "yes yes"),
    "client": ("extendedKeyUsage = clientAuth", Purpose.CLIENT, "yes no"),
    "server": ("extendedKeyUsage = serverAuth", Purpose.SERVER, "no yes"),
    "both": (BOTH, Purpose.BOTH, "yes yes"),
    "mail": ("extendedKeyUsage = emailProtection", None, "no no"),
    "old-client": ("nsCertType = client", Purpose.CLIENT, "yes no"),
    "old-server": ("nsCertType = server", Purpose.SERVER, "no yes"),
    "old-both": ("nsCertType = client, server", Purpose.BOTH, "yes yes"),
    "old-mail": ("nsCertType = email", None, "no no"),
    "narrowed": (f"{BOTH}\nnsCertType = server", Purpose.SERVER, "no yes"),
    "contrary": ("extendedKeyUsage = clientAuth\nnsCertType = server", None, "no no"),
}


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> EasyRsa2:
    pki = EasyRsa2(tmp_path_factory.mktemp("purposes") / "keys")
    with (pki.folder.parent / "keys.cnf").open("a") as configuration:
        for name, (extensions, _, _) in CASES.items():
            configuration.write(f"[as_{name}]\n{extensions}\n")
    return pki


@pytest.mark.parametrize("name", CASES)
def test_what_it_says(keys: EasyRsa2, name: str) -> None:
    _, purpose, by_openssl = CASES[name]
    keys.issue(name, "-extensions", f"as_{name}")
    path = keys.folder / f"{name}.crt"
    assert asked(path) == by_openssl
    assert purpose_of(x509.load_pem_x509_certificate(path.read_bytes())) is purpose


def asked(path: Path) -> str:
    """Whether openssl lets a client show it, and a server."""
    text = openssl("x509", "-in", path, "-noout", "-purpose").stdout
    said = dict(re.findall(r"^(SSL \w+) : (\w+)$", text, re.MULTILINE))
    return f"{said['SSL client']} {said['SSL server']}".lower()
