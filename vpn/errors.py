"""What can go wrong with servers, profiles and their delivery.

VpnError
├── InvalidRemote        the text is no HOST:PORT/PROTO
├── InvalidServer        a server's name, folder, network, … cannot be used
├── NetworksExhausted    no /22 of 10.0.0.0/8 is left
├── PortInUse            another program listens there
├── DirectoryInUse       the folder holds another program's files
├── HostError            a file or folder could not be read, written or made
│   ├── NotReadable          it is closed to the caller, or no file
│   ├── CrlNotRead           what lies there is not known, so nothing may take its place
│   └── SshError             a machine elsewhere cannot be worked on
│       ├── SshUnreachable       no connection, or it ended before anybody was logged in
│       ├── HostKeyChanged       whoever answers has another key than the one that is pinned
│       ├── KeyRefused           our key does not open the account there
│       ├── NoShell              the account there runs no programs
│       ├── SudoRefused          the account there may not become root by sudo
│       ├── SshSilent            no answer in time
│       └── SshLost              the connection ended in the middle
├── CrlNotUsed           the server reads no CRL that we could put in place
├── NotAdoptable         the configuration is no OpenVPN server's
├── NotApplied           the operator's configuration could not be changed
├── NewerCrlInPlace      a CRL of ours with a higher number lies on the server
└── ManagementError      OpenVPN's management interface gave no answer
    ├── ManagementMissing    the configuration has none
    ├── ManagementExposed    it can be reached from other machines, so we do not talk to it
    ├── ManagementGone       nobody listens, or we were turned away
    ├── ForwardingForbidden  sshd there lets nobody through to it
    ├── ManagementSilent     no answer in time: hung, or busy with another client
    └── ManagementNonsense   an answer that the protocol does not have
"""


class VpnError(Exception):
    """The message is one line and says what to do."""


class InvalidRemote(VpnError):
    """The text does not say where clients dial."""


class InvalidServer(VpnError):
    """A value of the server's description cannot be used."""


class NetworksExhausted(VpnError):
    """Every network that we would choose by ourselves is taken."""


class PortInUse(VpnError):
    """Another program has the port that the server is to listen on."""


class DirectoryInUse(VpnError):
    """The folder is not empty and is not this server's."""


class HostError(VpnError):
    """Something about the server's files or folders stands in the way."""


class NotReadable(HostError):
    """What lies there is closed to the caller, or no file."""


class CrlNotRead(HostError):
    """Whom the server refuses is not known: another list could let somebody in again."""


class SshError(HostError):
    """A machine elsewhere cannot be worked on: nothing is known of what is on it."""


class SshUnreachable(SshError):
    """No connection, or it ended before anybody was logged in."""


class HostKeyChanged(SshError):
    """Whoever answers there may be somebody else: nothing was asked or told."""


class KeyRefused(SshError):
    """Our key does not open the account there, or cannot be used here."""


class NoShell(SshError):
    """The account there runs no programs, or not the way that we need."""


class SudoRefused(SshError):
    """The account there does not become root by sudo; the message is what sudo says."""


class SshSilent(SshError):
    """No answer in time."""


class SshLost(SshError):
    """The connection ended in the middle of something."""


class NewerCrlInPlace(VpnError):
    """Replacing the CRL would take revocations back."""


class CrlNotUsed(VpnError):
    """OpenVPN reads no CRL from a file there, so none can be put in place."""


class NotAdoptable(VpnError):
    """The file does not describe an OpenVPN server with certificates."""


class NotApplied(VpnError):
    """The operator's configuration stays as it was."""


class ManagementError(VpnError):
    """The management interface could not be asked: nothing is known about sessions."""


class ManagementMissing(ManagementError):
    """The configuration has no management interface that we can connect to."""


class ManagementExposed(ManagementError):
    """Others than this machine's accounts can reach it; what it says proves nothing."""


class ManagementGone(ManagementError):
    """Nobody listens on the socket, or the connection was closed."""


class ForwardingForbidden(ManagementError):
    """OpenVPN listens, and sshd there connects nobody to it."""


class ManagementSilent(ManagementError):
    """The socket is open, and no answer came in time."""


class ManagementNonsense(ManagementError):
    """The answer is not what OpenVPN 2.5 to 2.7 say."""
