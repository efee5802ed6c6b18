#!/bin/sh
# Installs the program for every account of this machine: into a virtual environment in PREFIX,
# with a link in BIN. Again, it upgrades. Run it as root, by `make install`.
set -eu
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
prefix=${PREFIX:-/opt/vpnbot}
bin=${BIN:-/usr/local/bin}
lock=${LOCK:-requirements.lock}
# The bot's account has to read all of it, whatever root's umask is.
umask 022

fail() {
    echo "$1" >&2
    exit 1
}

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "$python is missing or too old: Python 3.11 or newer is needed; name one: make install PYTHON=python3.12"
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
mkdir -p "$bin"
ln -sfn "$prefix/bin/vpnbot" "$bin/vpnbot"
