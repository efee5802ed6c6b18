"""The account that the bot logs in to on a server's machine, and a server to carry over by hand."""

import io
import tarfile
from collections.abc import Sequence
from datetime import datetime
from shlex import quote

from vpn.configuration.server import unit_name
from vpn.deploy import HomeFile
from vpn.values import ServerSpec

_FOLDER, _SCRIPT = 0o755, 0o755
_FILES = "files"
_ONLY_OURS = """\
[ "$is_new" ] || lets_in || {
    echo "$account is there already, and does not let the bot in; where that is the account that \
you chose for the bot, deploy again with --account $account" >&2
    exit 1
}
"""


def account_script(account: str, authorized_line: str, *, is_named: bool) -> str:
    """Lines of sh for root: the account is there, is not locked, and lets the bot in.

    What is in its home belongs to it, so that is written as the account itself: root follows no
    link of its making. An account that is root by another name is refused.

    Args:
        is_named: whether root named it. One that root did not name is made, or lets the bot in
            already: any other may have rights there, whatever it is called.
    """
    only_ours = "" if is_named else _ONLY_OURS
    _, *key = authorized_line.split()[:3]
    return f"""\
account={quote(account)}
line={quote(authorized_line)}
key={quote(" ".join(key))}
# A name, and no option or number, which `id` would understand as well.
case "$account" in
    [a-zA-Z_]*) ;;
    *) echo "$account is no name of an account." >&2; exit 1 ;;
esac
is_new=
if ! id -u "$account" >/dev/null 2>&1; then
    # It logs in by this key only: '*' is no password, and unlike '!' does not lock the account.
    useradd --system --create-home --shell /bin/sh --password '*' "$account"
    is_new=1
fi
[ "$(id -u "$account")" != 0 ] || {{
    echo "$account is root; the bot needs an account without rights." >&2; exit 1
}}
[ "$(id -u "$account")" != "${{SUDO_UID:-}}" ] || {{
    echo "$account may become root by sudo; the bot needs an account without rights." >&2; exit 1
}}
as_account() {{
    setpriv --reuid="$account" --regid="$(id -g "$account")" --init-groups "$@"
}}
home_of_account=$(getent passwd "$account" | cut -d: -f6)
# A line with this key stays as it is: somebody may have bounded it further, by from="…".
lets_in() {{
    as_account sh -c 'grep -v "^[[:space:]]*#" -- "$2/.ssh/authorized_keys" | grep -qF -e "$1"' \\
        sh "$key" "$home_of_account" 2>/dev/null
}}
{only_ours}lets_in || as_account sh -c '
    set -eu; umask 077; cd "$2"; mkdir -p .ssh; cd .ssh
    [ -z "$(tail -c 1 authorized_keys 2>/dev/null)" ] || echo >>authorized_keys
    printf "%s\\n" "$1" >>authorized_keys
' sh "$line" "$home_of_account"
"""


def archive(
    spec: ServerSpec,
    files: Sequence[HomeFile],
    *,
    account_lines: str,
    commands: Sequence[str],
    now: datetime,
) -> bytes:
    """A tar with the files of a server's folder and a script that puts them in place.

    Args:
        account_lines: see `account_script`.
        commands: what is left to be done on that machine, as shell lines.
    """
    root = f"vpnbot-{spec.name}"
    script = _install_script(spec, files, account_lines, commands)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        _add(tar, f"{root}/install.sh", script.encode(), _SCRIPT, now)
        for file in files:
            _add(tar, f"{root}/{_FILES}/{file.path}", file.text.encode(), file.mode, now)
    return buffer.getvalue()


def _add(tar: tarfile.TarFile, name: str, content: bytes, mode: int, now: datetime) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mode, info.mtime = len(content), mode, int(now.timestamp())
    tar.addfile(info, io.BytesIO(content))


def _install_script(
    spec: ServerSpec, files: Sequence[HomeFile], account_lines: str, commands: Sequence[str]
) -> str:
    home, unit = quote(str(spec.directory)), quote(unit_name(spec.name))
    puts = "".join(f"put {quote(file.path)} {file.mode:o}\n" for file in files)
    says = "".join(f"echo {quote(f'  {command}')}\n" for command in commands)
    return f"""\
#!/bin/sh
# Puts the OpenVPN server {spec.name} in place on this machine. Run it as root; again does no harm.
# It makes the account that the bot logs in to, and the folder {spec.directory}: all in there is
# root's, but live/, which is the bot's. It starts nothing.
set -eu
umask 022
[ "$(id -u)" = 0 ] || {{ echo 'Run this as root.' >&2; exit 1; }}
cd "$(dirname "$0")/{_FILES}"
home={home}
# Nobody but root may be able to put another folder in its place, or have made what is there.
roots_own() {{
    at=$1
    while :; do
        if [ -L "$at" ] || [ -e "$at" ]; then
            # Written by root only, or sticky; a link shows as written by all.
            case "$(stat -c '%u %A' -- "$at")" in
                '0 '?????-??-? | '0 '?????????[tT]) ;;
                *) echo "$at is not root's alone, or is a link; see: ls -ld $at" >&2; exit 1 ;;
            esac
        fi
        [ "$at" != / ] || break
        at=$(dirname -- "$at")
    done
}}
roots_own "$home"
roots_own "$home"/{unit}
[ ! -e "$home" ] || [ -z "$(ls -A "$home")" ] || [ -f "$home"/{unit} ] || {{
    echo "$home is not empty, and not this server's." >&2; exit 1
}}

{account_lines}
# 1. What root alone may change: who may write the configuration may run commands as root.
put() {{
    install -o root -g root -m "$2" -- "$1" "$home/.vpnbot-new"
    mv -fT -- "$home/.vpnbot-new" "$home/$1"
}}
mkdir -p -- "$home"
roots_own "$home"  # in /tmp somebody could have been faster
chown root:root "$home"
chmod {_FOLDER:o} "$home"
{puts}
# 2. What the bot may change: its list of the revoked, and one file for each profile.
install -d -o "$account" -g "$(id -g "$account")" -m {_FOLDER:o} -- "$home/live"
as_account sh -c 'umask 022; mkdir -p -- "$1"' sh "$home/live/ccd"

echo 'Done. Still to be run as root on this machine, where it is not done yet; the last one after'
echo '`vpnbot server deploy {spec.name}` on the machine of the bot:'
{says}"""
