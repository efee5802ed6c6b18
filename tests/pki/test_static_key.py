import re
import secrets
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pki.errors import DamagedKey
from pki.static_key import check_static_key, check_tls_crypt_v2_server_key
from pki.tls_crypt_v2 import generate_server_key, wrap_client_key

HEAD, FOOT = "-----BEGIN OpenVPN Static key V1-----", "-----END OpenVPN Static key V1-----"


def static_key(key: bytes) -> str:
    lines = "\n".join(re.findall(".{1,32}", key.hex()))
    return f"{HEAD}\n{lines}\n{FOOT}\n"


KEY = static_key(bytes(range(256)))
SERVER = generate_server_key(secrets.token_bytes)
CLIENT = wrap_client_key(SERVER, metadata=b"", random_bytes=secrets.token_bytes)


class TestStaticKey:
    @pytest.mark.parametrize(
        "text",
        [
            KEY,
            KEY.replace("\n", "\r\n"),
            KEY.strip(),
            f"#\n# 2048 bit OpenVPN static key\n#\n{KEY}",
            KEY.replace("0a", "0A"),
            KEY.replace("\n", "\n  "),
        ],
    )
    def test_is_the_same_however_it_is_written(self, text: str) -> None:
        assert check_static_key(text) == KEY

    @given(st.binary(min_size=256, max_size=256))
    def test_of_any_bytes(self, key: bytes) -> None:
        assert check_static_key(static_key(key)) == static_key(key)

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("", "holds no OpenVPN key"),
            ("hello", "holds no OpenVPN key"),
            (SERVER, "holds a tls-crypt-v2 key of a server; give the one with a static key"),
            (CLIENT, "holds a tls-crypt-v2 key of a client"),
            (KEY + KEY, "exactly one"),
            (KEY.removesuffix(FOOT + "\n"), "exactly one"),
            (KEY.replace("0a", "0g"), "isn't hex"),
            (static_key(bytes(255)), "has 2040 bits and not 2048"),
            (static_key(bytes(512)), "has 4096 bits and not 2048"),
            (static_key(b""), "has 0 bits"),
        ],
    )
    def test_nothing_else(self, text: str, said: str) -> None:
        with pytest.raises(DamagedKey, match=said):
            check_static_key(text)

    def test_no_key_is_told(self) -> None:
        with pytest.raises(DamagedKey) as caught:
            check_static_key(KEY.replace("0a", "0g"))
        assert "0001" not in str(caught.value)


class TestServerKey:
    @pytest.mark.parametrize("text", [SERVER, SERVER.replace("\n", "\r\n"), f"# berlin\n{SERVER}"])
    def test_is_the_same_however_it_is_written(self, text: str) -> None:
        assert check_tls_crypt_v2_server_key(text) == SERVER

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("", "holds no OpenVPN key; give the one with a tls-crypt-v2 key of a server"),
            (KEY, "holds a static key, as tls-auth and tls-crypt have it; give"),
            (CLIENT, "holds a tls-crypt-v2 key of a client; give"),
            (SERVER + SERVER, "exactly one"),
            (SERVER.replace(SERVER.splitlines()[1] + "\n", ""), "incomplete"),
        ],
    )
    def test_nothing_else(self, text: str, said: str) -> None:
        with pytest.raises(DamagedKey, match=said):
            check_tls_crypt_v2_server_key(text)


@pytest.mark.skipif(shutil.which("openvpn") is None, reason="the openvpn program is not installed")
@pytest.mark.parametrize(
    ("kind", "check"),
    [("secret", check_static_key), ("tls-crypt-v2-server", check_tls_crypt_v2_server_key)],
)
def test_what_openvpn_makes(tmp_path: Path, kind: str, check: object) -> None:
    assert callable(check)
    path = tmp_path / "made.key"
    subprocess.run(["openvpn", "--genkey", kind, path], check=True, timeout=60)
    made = path.read_text()
    assert check(made) == "".join(
        line for line in made.splitlines(keepends=True) if not line.startswith("#")
    )
