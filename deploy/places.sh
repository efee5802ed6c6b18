# Where things go; read by install.sh and uninstall.sh. In a prefix of somebody's own all of it
# stays inside, unless BIN and SHARE say otherwise.
if [ "$prefix" = /opt/vpnbot ]; then
    bin=${BIN-/usr/local/bin}
    share=${SHARE-/usr/local/share}
else
    bin=${BIN-}
    share=${SHARE-$prefix/share}
fi
pages="man/man1/vpnbot.1 bash-completion/completions/vpnbot zsh/site-functions/_vpnbot"
