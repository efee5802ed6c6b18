"""The log: on standard error, without tokens and keys, whatever is logged."""

import logging
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.process.logs import RedactingFormatter, redact

TOKEN = "123456789:AAF-abcdefghijklmnopqrstuvwxyz012345"
KEYS = [
    "PRIVATE KEY",
    "EC PRIVATE KEY",
    "RSA PRIVATE KEY",
    "ENCRYPTED PRIVATE KEY",
    "OpenVPN tls-crypt-v2 client key",
    "OpenVPN tls-crypt-v2 server key",
]


def pem(kind: str) -> str:
    return f"-----BEGIN {kind}-----\nc2VjcmV0\nbWF0ZXJpYWw=\n-----END {kind}-----"


@pytest.mark.parametrize(
    "text",
    [
        "token {}",
        "{}",
        "https://api.telegram.org/bot{}/getMe",
        "https://api.telegram.org/file/bot{}/documents/file_1",
        "POST http://127.0.0.1:8081/bot{}/sendMessage HTTP/1.1",
        "{{'token': '{}'}}",
        "Bot[token={}]",
        "\t{}\n",
    ],
)
def test_a_token_is_hidden_wherever_it_stands(text: str) -> None:
    assert redact(text.format(TOKEN)) == text.format("[hidden]")


def test_a_token_in_an_encoded_address_is_hidden() -> None:
    assert redact(f"/bot{TOKEN.replace(':', '%3A')}/x") == "/bot[hidden]/x"


@given(
    before=st.text(st.characters(codec="utf-8", exclude_categories=["Nd"]), max_size=10),
    number=st.integers(10**7, 10**11),
    key=st.text("ABCxyz019_-", min_size=35, max_size=35),
)
def test_any_token_after_any_text_is_hidden(before: str, number: int, key: str) -> None:
    found = redact(f"{before}{number}:{key}")
    assert str(number) not in found
    assert key not in found


@pytest.mark.parametrize("kind", KEYS)
def test_a_key_is_hidden(kind: str) -> None:
    assert redact(f"before {pem(kind)} after") == "before [hidden] after"


@pytest.mark.parametrize("kind", KEYS)
def test_what_is_left_of_a_key_in_a_cut_line_is_hidden(kind: str) -> None:
    assert redact(f"before {pem(kind)[:60]}") == "before [hidden]"


@pytest.mark.parametrize("kind", KEYS)
def test_a_key_in_a_repr_is_hidden(kind: str) -> None:
    assert "c2VjcmV0" not in redact(repr({"key": pem(kind)}))


def test_two_keys_are_hidden_and_what_is_between_them_stays() -> None:
    text = f"{pem(KEYS[0])} and {pem(KEYS[4])}"
    assert redact(text) == "[hidden] and [hidden]"


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-02 09:31:27,654 INFO bot.run: @vpn_bot is ready",
        "Update 123456789 cannot be read",
        "vpn.example.com:1194/udp",
        "serial c0ffee0000000000000000000000000000000001",
        "telegram:1001 asks",
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
        "-----BEGIN X509 CRL-----\nMIIB\n-----END X509 CRL-----",
    ],
)
def test_what_is_no_secret_stays_readable(text: str) -> None:
    assert redact(text) == text


def test_tracebacks_and_causes_are_covered() -> None:
    formatter = RedactingFormatter("%(message)s")
    error = RuntimeError(pem("PRIVATE KEY"))
    error.__cause__ = LookupError(f"https://api.telegram.org/bot{TOKEN}/getMe")
    info = (type(error), error, None)
    record = logging.LogRecord("bot", logging.ERROR, "x.py", 1, "It broke: %s", (TOKEN,), info)
    text = formatter.format(record)
    assert "RuntimeError: [hidden]" in text
    assert "/bot[hidden]/getMe" in text
    assert TOKEN not in text
    assert "c2VjcmV0" not in text


_PROGRAM = """
import logging, sys
from bot.process.logs import set_up
logging.basicConfig(stream=sys.stdout)  # a handler of somebody else
set_up()
set_up()
logging.getLogger("bot.run").info("started with %s", sys.argv[1])
logging.getLogger("bot.run").debug("too much detail")
logging.getLogger("httpx").info("GET https://api.telegram.org/bot%s/getMe", sys.argv[1])
logging.getLogger("httpx").warning("slow")
try:
    1 / 0
except ZeroDivisionError:
    logging.getLogger("bot.run").exception("broke off")
"""


def test_all_goes_to_standard_error_once_and_web_addresses_nowhere() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, TOKEN], capture_output=True, text=True, check=True
    )
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert lines[0].endswith(" INFO bot.run: started with [hidden]")
    assert lines[1].endswith(" WARNING httpx: slow")
    assert lines[2].endswith(" ERROR bot.run: broke off")
    assert lines[-1] == "ZeroDivisionError: division by zero"
    assert "detail" not in done.stderr
    assert "getMe" not in done.stderr


# Another process, so that the log of the tests stays as it is.
AT_A_TERMINAL = """
import logging
from bot.process.logs import set_up_terminal
set_up_terminal()
try:
    1 / 0
except ZeroDivisionError:
    logging.getLogger("bot").exception("Cutting broke off for %s", "1234567:" + "a" * 30)
logging.getLogger("bot").warning("nobody needs this at a terminal")
"""


def test_a_command_says_what_went_wrong_in_one_line() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", AT_A_TERMINAL], capture_output=True, text=True, check=True
    )
    assert (ran.stdout, ran.stderr) == ("", "Cutting broke off for [hidden]\n")


# A command that does what ours do not: it breaks off with secrets in its words.
CRASHES = """
import sys, threading, warnings
from bot.process import logs
from bot.cli import program
from bot.cli.main import main

SECRET = sys.argv.pop()

class Odd:
    def __del__(self):
        raise RuntimeError(SECRET)

def break_off():
    raise RuntimeError(SECRET)

@program.app.command("crash")
def crash(how: str) -> None:
    if how == "program":
        break_off()
    elif how == "known":
        raise program.VpnbotError(SECRET)
    elif how == "thread":
        thread = threading.Thread(target=break_off)
        thread.start()
        thread.join()
    elif how == "destructor":
        Odd()
    elif how == "warning":
        logs.set_up()
        warnings.warn(SECRET)

main()
"""


@pytest.mark.parametrize(
    ("how", "code", "told"),
    [
        ("program", 1, "RuntimeError: about [hidden]"),
        ("known", 1, "about [hidden]"),
        ("thread", 0, "RuntimeError: about [hidden]"),
        ("destructor", 0, "RuntimeError: about [hidden]"),
        ("warning", 0, "UserWarning: about [hidden]"),
    ],
)
def test_a_crash_shows_no_secret(how: str, code: int, told: str) -> None:
    secret = f"about {pem('PRIVATE KEY')} https://api.telegram.org/bot{TOKEN}/getMe"
    ran = subprocess.run(
        [sys.executable, "-c", CRASHES, "crash", how, secret],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == code
    assert told in ran.stderr
    assert TOKEN not in ran.stderr
    assert "c2VjcmV0" not in ran.stderr
