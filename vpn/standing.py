"""What the bot's account, and OpenVPN's, may do with an adopted server's files."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Standing:
    """As the permission bits say.

    Attributes:
        crl_writable: the bot may put a CRL in place, which takes its folder: a CRL is renamed.
        ccd_writable: the bot may add and remove clients' files.
        folder_writable: the bot's account, not being root, may write the configuration's folder.
        conf_readable: the bot can see whether the locks are still there.
        password_readable: of the management interface; True where it has none.
        shut_out: what keeps OpenVPN's account from a folder beside the configuration, with the
            mend; None where nothing does.
    """

    crl_writable: bool
    ccd_writable: bool
    folder_writable: bool
    conf_readable: bool
    password_readable: bool
    shut_out: str | None
