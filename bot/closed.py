"""Whether a file that holds a secret is closed to other accounts."""

import os
import stat

_ROOT = 0


def open_to_others(facts: os.stat_result) -> bool:
    """Whether accounts that are neither root nor the file's owner may read or change it.

    Root's group is trusted as root is, and root may give a file to the group of the account that
    reads it. The first is needed for systemd's credentials: what their group bits show is the
    access list, which names the service's account alone, see acl(5). Pipes are nobody else's:
    `--passphrase-file <(pass show backup)`.
    """
    if not stat.S_ISREG(facts.st_mode):
        return False
    is_given = facts.st_uid == _ROOT and (os.geteuid() == _ROOT or facts.st_gid == os.getegid())
    is_trusted = facts.st_gid == _ROOT or is_given
    return bool(facts.st_mode & (stat.S_IRWXO if is_trusted else stat.S_IRWXO | stat.S_IRWXG))
