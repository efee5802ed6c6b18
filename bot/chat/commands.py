"""The commands of the chat: what each does, and what it takes to change something by it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bot.access.permission import Act
from bot.chat import admin_commands, member_commands
from bot.chat.scene import Reply, Scene


@dataclass(frozen=True, slots=True)
class Command:
    """A command; `changes` is what its words do, None where it only shows something."""

    handle: Callable[[Scene, str], Awaitable[Reply]]
    changes: Act | None = None
    # Without words it shows what it could do.
    needs_words: bool = True

    def acts(self, rest: str) -> bool:
        """Whether it changes anything with these words."""
        return self.changes is not None and bool(rest or not self.needs_words)


ADMIN_COMMANDS: dict[str, Command] = {
    "pending": Command(admin_commands.pending),
    "grants": Command(admin_commands.grants),
    "users": Command(admin_commands.users),
    "servers": Command(admin_commands.servers),
    "audit": Command(admin_commands.audit_head),
    "allow": Command(admin_commands.allow, Act.MANAGE_PEOPLE),
    "remove": Command(admin_commands.remove, Act.MANAGE_PEOPLE),
    "revoke": Command(admin_commands.revoke, Act.REVOKE),
}
COMMANDS: dict[str, Command] = {
    "start": Command(member_commands.start),
    "help": Command(member_commands.help_),
    "requestvpn": Command(member_commands.request_vpn, Act.ASK, needs_words=False),
    "myvpn": Command(member_commands.my_vpn),
} | ADMIN_COMMANDS
