"""NetworkManager's own importer of OpenVPN profiles, called as its `nmcli connection import` does.

It is a library of the package network-manager-openvpn, and needs no NetworkManager that runs. Where
it isn't installed, VPNBOT_TEST_NETWORKMANAGER names a folder with both packages unpacked in it.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

_PLUGIN = "usr/lib/*/NetworkManager/libnm-vpn-plugin-openvpn.so"
_LIBRARY = "usr/lib/*/libnm.so.0"
_ROOTS = (os.environ.get("VPNBOT_TEST_NETWORKMANAGER"), "/")
# In a process of its own: it puts keys into the home folder that it finds, and is no part of ours.
_IMPORT = """
import ctypes, json, sys
library, plugin, profile = sys.argv[1:]
nm = ctypes.CDLL(library, mode=ctypes.RTLD_GLOBAL)
def call(name, result, *arguments):
    function = getattr(nm, name)
    function.restype = result
    return function(*arguments)
pointer, text = ctypes.c_void_p, ctypes.c_char_p
class Error(ctypes.Structure):
    _fields_ = [("domain", ctypes.c_uint32), ("code", ctypes.c_int), ("message", text)]
error = ctypes.POINTER(Error)()
def checked(found):
    if not found:
        sys.exit(error.contents.message.decode() if error else "nothing came of it")
    return pointer(found)
service = b"org.freedesktop.NetworkManager.openvpn"
loaded = checked(call("nm_vpn_editor_plugin_load_from_file", pointer, plugin.encode(), service,
                      -1, None, None, ctypes.byref(error)))
made = checked(call("nm_vpn_editor_plugin_import", pointer, loaded, profile.encode(),
                    ctypes.byref(error)))
vpn = checked(call("nm_connection_get_setting_vpn", pointer, made))
found = {}
@ctypes.CFUNCTYPE(None, text, text, pointer)
def note(key, value, _):
    found[key.decode()] = value.decode()
call("nm_setting_vpn_foreach_data_item", None, vpn, note, None)
print(json.dumps(found))
"""


def missing() -> str | None:
    """Why it can't be tried here; None where it can."""
    return None if _found() else "NetworkManager's importer isn't here (network-manager-openvpn)"


def imported(profile: Path, home: Path) -> dict[str, str]:
    """What NetworkManager would store of it: its words for each option, and keys in PEM.

    Args:
        home: of whoever imports it, below which the keys and certificates are put.
    """
    found = _found()
    assert found is not None
    ran = subprocess.run(
        [sys.executable, "-c", _IMPORT, *map(str, found), str(profile)],
        env={"HOME": str(home), "LANG": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    read: dict[str, str] = json.loads(ran.stdout)
    return {
        key: Path(value).read_text() if value.startswith(str(home)) else value
        for key, value in read.items()
    }


def _found() -> tuple[Path, Path] | None:
    for root in filter(None, _ROOTS):
        libraries, plugins = (sorted(Path(root).glob(one)) for one in (_LIBRARY, _PLUGIN))
        if libraries and plugins:
            return libraries[0], plugins[0]
    return None
