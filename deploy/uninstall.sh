#!/bin/sh
# Takes away what `make install` made, and nothing else: the bot's own data stays.
set -eu
prefix=${PREFIX:-/opt/vpnbot}
. "$(dirname "$0")/places.sh"

if [ ! -e "$prefix/bin/vpnbot" ]; then
    echo "There is no vpnbot in $prefix; name its folder: make uninstall PREFIX=/opt/FOLDER" >&2
    exit 1
fi
if [ ! -e "$prefix/pyvenv.cfg" ]; then
    echo "$prefix is no virtual environment, so nothing was removed." >&2
    exit 1
fi
# A link that leads to another program is not ours.
if [ -n "$bin" ] && [ "$(readlink "$bin/vpnbot" 2>/dev/null || true)" = "$prefix/bin/vpnbot" ]; then
    rm -f "$bin/vpnbot"
fi
for page in $pages; do
    rm -f "$share/$page"
done
rm -rf "$prefix"
cat <<END
Removed: $prefix, with its command, manual page and completion.
Kept: the bot's data, the servers' folders, and what systemd was told of them. Where nobody needs
the data any more (with the CA's key in it, nobody can be let in or shut out again without it):
    systemctl disable --now vpnbot; rm -r /etc/systemd/system/vpnbot.service*
    userdel --remove vpnbot
Likewise each server that is needed no more, here with its name and folder:
    systemctl disable --now vpnbot-openvpn-NAME.service vpnbot-firewall-NAME.path
    rm -r /srv/openvpn/NAME; systemctl daemon-reload
END
