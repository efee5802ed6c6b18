import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pki.easyrsa.subject import common_name, names
from tests.pki.tools import openssl


@pytest.mark.parametrize(
    ("subject", "name"),
    [
        ("/CN=anna", "anna"),
        ("/C=DE/ST=BE/L=Berlin/O=Example/OU=IT/CN=anna/emailAddress=a@example.org", "anna"),
        ("/C=DE/CN=anna/name=EasyRSA/emailAddress=a@example.org", "anna"),
        (r"/CN=J\xC3\xBCrgen \xD0\x96", "Jürgen Ж"),
        (r"/CN=J\xFCrgen", "Jürgen"),
        (r"/CN=\x00J\x00\xFC\x04\x16", "JüЖ"),
        (r"/CN=anna\x00x", "anna"),
        ("/CN=host/one", "host/one"),
        (r"/CN=host\/one/O=x", "host/one"),
        (r"/CN=a\/CN=b", "a/CN=b"),
        ("/CN=first/CN=last", "last"),
        (r"/CN=x\+y+O=Example", "x+y"),
        ("/O=Example+CN=anna", "anna"),
        ("/CN=anna/2.5.4.97=DE123", "anna"),
        (r"/CN=back\slash", "back\\slash"),
        (r"/CN=a\nb\x4", r"a\nb\x4"),
        ("/CN=", ""),
        ("/O=Example", None),
        ("nothing", None),
    ],
)
def test_the_common_name(subject: str, name: str | None) -> None:
    assert common_name(subject) == name


@pytest.mark.parametrize(
    ("subject", "name"),
    [
        (r"/O=x/CN=J\xC3\xBCrgen", "Jürgen"),
        (r"/CN=J\xFCrgen/emailAddress=x@y", "Jürgen"),
        (r"/CN=\x00J\x00\xFC", "Jü"),
        ("/CN=a/CN=b", "a/CN=b"),
        (r"/CN=a\/CN=b", "a/CN=b"),
        (r"/CN=x\+y+O=Example", "x+y"),
        ("/CN=first/CN=last", "last"),
    ],
)
def test_a_name_in_whichever_encoding(subject: str, name: str) -> None:
    assert names(subject, name)


@pytest.mark.parametrize("name", ["ann", "anna-2", "nna", "Anna", "x", ""])
def test_another_name(name: str) -> None:
    assert not names("/O=x/CN=anna/emailAddress=anna-2", name)


@given(st.text(max_size=40))
def test_any_text_has_a_name_or_none(text: str) -> None:
    common_name(f"/CN={text}")
    names(text, text)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="the openssl command is not installed")
@pytest.mark.parametrize("name", ["Jürgen", "host/one", "x+y", "a/CN=b", "two words", "back\\sl"])
def test_openssl_writes_it_so(tmp_path: Path, name: str) -> None:
    """Whichever of the forms this version of openssl has."""
    escaped = name.replace("\\", "\\\\").replace("/", "\\/").replace("+", "\\+")
    request = tmp_path / "request"
    made = openssl(
        *("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
        *("-utf8", "-subj", f"/C=DE/CN={escaped}", "-keyout", "/dev/null", "-out", request),
    )
    assert made.returncode == 0, made.stderr
    shown = openssl("req", "-in", request, "-noout", "-subject", "-nameopt", "compat").stdout
    subject = shown.strip().removeprefix("subject=")
    assert common_name(subject) == name
    assert names(subject, name)
