#!/bin/sh
# Installs the program for every account of this machine: into a virtual environment in PREFIX,
# with a link in BIN, and the manual page and completion in SHARE. Again, it upgrades. Run it as
# root, by `make install`.
set -eu
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
prefix=${PREFIX:-/opt/vpnbot}
. deploy/places.sh
lock=${LOCK:-requirements.lock}
# The bot's account has to read all of it, whatever root's umask is.
umask 022

fail() {
    echo "$1" >&2
    exit 1
}

PYTHON=$python sh deploy/python.sh install
# What is emptied below must be ours to empty.
if [ -n "$(ls -A "$prefix" 2>/dev/null)" ] && [ ! -e "$prefix/pyvenv.cfg" ]; then
    fail "$prefix holds something that is no virtual environment; name another folder: make install PREFIX=/opt/FOLDER"
fi
# One that another Python made, or one that is gone, cannot be upgraded.
if [ "$("$prefix/bin/python" -VV 2>/dev/null || true)" != "$("$python" -VV)" ]; then
    "$python" -m venv --clear "$prefix"
fi
# pip is told the versions and their hashes; nothing else may come in.
pip() {
    "$prefix/bin/python" -m pip install --quiet --disable-pip-version-check "$@"
}
pip --require-hashes -r "$lock"
# From a copy: what an earlier build left in build/ would be installed, too, and who checked this
# out may be another account than root.
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
cp -R bot pki vpn storage demo pyproject.toml README.md LICENSE "$copy"
pip --no-deps --no-build-isolation --force-reinstall "$copy"
if [ -n "$bin" ]; then
    mkdir -p "$bin"
    ln -sfn "$prefix/bin/vpnbot" "$bin/vpnbot"
fi
# Where `vpnbot init` finds it, with the command's place in it.
sed "s#/usr/local/bin/vpnbot#${bin:-$prefix/bin}/vpnbot#" deploy/vpnbot.service \
    > "$prefix/vpnbot.service"
# Not from what is checked out here.
"$prefix/bin/python" -P -m bot.cli.manual "$share"

cat <<END
Installed: $prefix
The command: ${bin:-$prefix/bin}/vpnbot, with its manual page and completion in $share
Next, in the folder where the bot is to live: vpnbot init
After that, to have systemd start the bot:
    cp $prefix/vpnbot.service /etc/systemd/system/
    systemctl daemon-reload && systemctl enable --now vpnbot
Again, this upgrades. To remove it: make uninstall$([ "$prefix" = /opt/vpnbot ] || echo " PREFIX=$prefix")
END
