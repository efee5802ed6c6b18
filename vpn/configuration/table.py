"""All that OpenVPN 2.6 takes in a configuration, by what it means for us.

From openvpn(8) of 2.6 and add_option() of its options.c, those that it only warns of included. What
stands in no list here is said to be unknown: nobody can tell what it does to a promise of ours.
"""

from enum import StrEnum


class Effect(StrEnum):
    """What a directive of a server changes, the gravest first."""

    ENTRANTS = "entrants"  # who gets in, or who is kept out
    PROOF = "proof"  # what can be seen of a cut
    ASKING = "asking"  # what the management interface may be asked
    PROFILE = "profile"  # what a client has to have
    HARMLESS = "harmless"


_NAMES: dict[Effect, str] = {
    Effect.ENTRANTS: """
        auth-gen-token auth-gen-token-secret auth-user-pass-optional auth-user-pass-verify ca
        capath ccd-exclusive client-cert-not-required client-config-dir client-connect
        client-crresponse config connect-freq connect-freq-initial crl-verify disable
        duplicate-cn extra-certs max-clients no-name-remapping ns-cert-type opt-verify
        peer-fingerprint pkcs12 plugin remote-cert-eku remote-cert-ku remote-cert-tls setenv
        setenv-safe stale-routes-check tls-cert-profile tls-crypt-v2-verify tls-verify
        username-as-common-name verify-client-cert verify-hash verify-x509-name
        x509-username-field
    """,
    Effect.PROOF: """
        cd chroot client-disconnect daemon group hand-window ifconfig-pool-persist learn-address
        log log-append mode persist-key persist-tun remap-usr1 reneg-bytes reneg-pkts reneg-sec
        replay-persist server server-bridge server-ipv6 session-timeout setcon single-session
        status status-version tls-exit tls-export-cert tls-server tmp-dir tran-window user
        writepid
    """,
    Effect.ASKING: """
        management management-client management-client-auth management-client-group
        management-client-pf management-client-user management-external-cert
        management-external-key management-forget-disconnect management-hold
        management-log-cache management-query-passwords management-query-proxy
        management-query-remote management-signal management-up-down
    """,
    Effect.PROFILE: """
        allow-compression auth auth-token auth-token-user auth-user-pass cert cipher comp-lzo
        comp-noadapt compat-mode compress data-ciphers data-ciphers-fallback dev dev-type engine
        explicit-exit-notify float force-tls-key-material-export fragment http-proxy
        http-proxy-option key key-direction key-method link-mtu lport ncp-ciphers ncp-disable
        no-iv no-replay port prng proto proto-force providers secret socks-proxy
        static-challenge tls-auth tls-cipher tls-ciphersuites tls-crypt tls-crypt-v2 tls-groups
        tls-version-max tls-version-min topology tun-max-mtu tun-mtu tun-mtu-extra
    """,
    Effect.HARMLESS: """
        allow-nonadmin allow-pull-fqdn allow-recursive-routing askpass auth-nocache auth-retry
        bcast-buffers bind bind-dev block-ipv6 block-outside-dns client client-nat
        client-to-client connect-retry connect-retry-max connect-timeout connection
        cryptoapicert dev-node dh dhcp-option dhcp-release dhcp-renew disable-dco disable-occ
        dns down down-pre ecdh-curve echo errors-to-stderr fast-io genkey gremlin hash-size help
        http-proxy-retry http-proxy-timeout http-proxy-user-pass ifconfig ifconfig-ipv6
        ifconfig-ipv6-pool ifconfig-ipv6-push ifconfig-noexec ifconfig-nowarn ifconfig-pool
        ifconfig-pool-linear ifconfig-push ifconfig-push-constraint ignore-unknown-option
        inactive ip-remote-hint ip-win32 ipchange iproute iroute iroute-ipv6 keepalive
        keying-material-exporter lladdr local machine-readable-output mark max-packet-size
        max-routes max-routes-per-client memstats mktun mlock mssfix mtu-disc mtu-dynamic
        mtu-test multihome mute mute-replay-warnings nice nobind passtos pause-exit
        persist-local-ip persist-remote-ip ping ping-exit ping-restart ping-timer-rem
        pkcs11-cert-private pkcs11-id pkcs11-id-management pkcs11-pin-cache pkcs11-private-mode
        pkcs11-protected-authentication pkcs11-providers port-share preresolve pull pull-filter
        push push-continuation push-peer-info push-remove push-reset rcvbuf redirect-gateway
        redirect-private register-dns remote remote-random remote-random-hostname replay-window
        resolv-retry rmtun route route-delay route-gateway route-ipv6 route-ipv6-gateway
        route-method route-metric route-noexec route-nopull route-pre-down route-up rport
        script-security server-poll-timeout service shaper show-adapters show-ciphers
        show-curves show-digests show-engines show-gateway show-groups show-net show-net-up
        show-pkcs11-ids show-tls show-valid-subnets sndbuf socket-flags socks-proxy-retry
        suppress-timestamps syslog tap-sleep tcp-nodelay tcp-queue-limit test-crypto tls-client
        tls-timeout tun-ipv6 txqueuelen udp-mtu up up-delay up-restart use-prediction-resistance
        verb version vlan-accept vlan-pvid vlan-tagging win-sys windows-driver x509-track
    """,
}
EFFECTS: dict[str, Effect] = {
    name: effect for effect, names in _NAMES.items() for name in names.split()
}


def effect_of(name: str) -> Effect | None:
    """None where OpenVPN 2.6 has no such directive."""
    return EFFECTS.get(name)


# What is said of those that no other check of ours looks at.
SAYS = {
    "auth-gen-token": "whoever has logged in once comes back by a token in place of a password",
    "client-crresponse": "a script may refuse clients by what they answer",
    "connect-freq": "it turns clients away where many come at once",
    "max-clients": "it lets in no more clients at once than it says",
    "ns-cert-type": "it refuses certificates that don't say they are a client's; the bot's do",
    "opt-verify": "it cuts clients whose options differ from its own",
    "remote-cert-eku": "it refuses certificates without this use; the bot's are for clientAuth",
    "remote-cert-ku": "it refuses certificates without this use; the bot's are for "
    "digitalSignature",
    "tls-cert-profile": "it may refuse the kind of key that the CA has",
    "verify-hash": "it trusts certificates by their fingerprint, and refuses all others",
    "management-external-cert": "a program of yours has to stay connected to the management "
    "interface, which serves one at a time, so the bot can't ask it",
    "management-external-key": "a program of yours has to stay connected to the management "
    "interface, which serves one at a time, so the bot can't ask it",
    "management-hold": "after each start OpenVPN waits until a program of yours lets it go on",
    "management-query-passwords": "a program of yours has to stay connected to the management "
    "interface, which serves one at a time, so the bot can't ask it",
    "management-signal": "OpenVPN restarts, and cuts everybody, whenever somebody has asked it; so "
    "the bot doesn't. Without this line it could",
}
