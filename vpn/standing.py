"""What the bot's account, and OpenVPN's, may do with an adopted server's files."""

from dataclasses import dataclass

from vpn.own_places import OwnPlaces


@dataclass(frozen=True, slots=True)
class Standing:
    """What was tried as the bot's account; for OpenVPN's the permission bits were looked at.

    Attributes:
        places: where the bot's own folder can be so that both accounts reach it.
        crl_writable: the bot may put a CRL in place, which takes its folder: a CRL is renamed.
        ccd_writable: the bot may add and remove clients' files.
        folder_writable: the bot's account, not being root, may write the configuration's folder.
        management_passable: the bot reaches the management socket; True without one.
        open_conf, open_password: shell lines for root, without which the bot can read neither
            whether the locks are still there, nor the management interface's password.
        shut_out: what keeps OpenVPN's account from a folder beside the configuration, with the
            mend; None where nothing does.
    """

    places: OwnPlaces
    crl_writable: bool
    ccd_writable: bool
    folder_writable: bool
    management_passable: bool
    open_conf: tuple[str, ...]
    open_password: tuple[str, ...]
    shut_out: str | None
