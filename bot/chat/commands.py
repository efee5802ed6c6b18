"""The commands of the chat, in the order of the menu; what they say of themselves is in `texts`."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bot.access import messages
from bot.access.permission import Act, Actor, may
from bot.chat import admin_commands, groups, lists, member_commands, online, whose
from bot.chat.scene import Reply, Scene, say
from bot.texts import chat as words
from bot.texts.fill import Html, blocks, fill, lines
from storage.records import OutboxKind, RequestState


@dataclass(frozen=True, slots=True)
class Command:
    """A command, and what it takes to use it; None where anybody may."""

    handle: Callable[[Scene, str], Awaitable[Reply]]
    act: Act | None = None
    # Whether its words change something; without any it may show what it could do.
    changes: bool = False
    needs_words: bool = True

    @property
    def is_for_admins(self) -> bool:
        return self.act not in {None, Act.ASK}

    def acts(self, rest: str) -> bool:
        """Whether it changes anything with these words."""
        return self.changes and bool(rest or not self.needs_words)


async def start(scene: Scene, _rest: str) -> Reply:
    """Who you are to the bot. An admin also gets the cards that wait for a decision."""
    if scene.actor.is_known:
        # Strangers have the menu that everybody has: a flood of theirs must not set one each time.
        await messages.menu(scene.case, scene.user_id)
    if scene.actor.is_admin:
        # Cards that could not be sent before this admin had pressed Start.
        for request in await scene.tx.requests.pending():
            posted = await scene.tx.posted.about(OutboxKind.CARD, str(request.id))
            is_missed = all(message.chat_id != scene.chat for message in posted)
            if request.state is RequestState.PENDING and is_missed:
                await messages.card(scene.case, scene.user_id, request.id)
    return await help_(scene, "")


async def help_(scene: Scene, _rest: str) -> Reply:
    """What somebody can do; a stranger learns their id and nothing else."""
    actor = scene.actor
    if not actor.is_known:
        return say(fill(words.STRANGER, id=scene.user_id))
    said = [fill(words.HELLO, name=actor.name)]
    if actor.is_allowed:
        said.append(blocks(words.HELP_MEMBER, _help(for_admins=False)))
    else:
        said.append(fill(words.ADMIN_NOT_LISTED, id=scene.user_id))
    if actor.is_admin:
        said.append(blocks(words.HELP_ADMIN, _help(for_admins=True)))
    return say(blocks(*said))


def _help(*, for_admins: bool) -> Html:
    return lines(
        *(t for name, t in words.HELP.items() if COMMANDS[name].is_for_admins is for_admins)
    )


def menu(actor: Actor) -> list[tuple[str, str]]:
    """The commands that somebody sees in Telegram, each with a few words."""
    return [
        (name, words.MENU[name])
        for name, command in COMMANDS.items()
        if name in words.MENU and (command.act is None or may(actor, command.act))
    ]


def is_for_us(command: str, bot: str, our_name: str) -> bool:
    """Of a command in a group, where other bots may be: whether it names us, or is one of ours.

    Args:
        bot: the username that it names; empty where it names none.
    """
    return bot == our_name.lower() if bot else command in COMMANDS


COMMANDS: dict[str, Command] = {
    "start": Command(start),
    "requestvpn": Command(member_commands.request_vpn, Act.ASK, changes=True, needs_words=False),
    "myvpn": Command(member_commands.my_vpn, Act.ASK),
    "pending": Command(lists.pending, Act.LOOK),
    "grants": Command(lists.grants, Act.LOOK),
    "online": Command(online.online, Act.LOOK),
    "revoke": Command(admin_commands.revoke, Act.REVOKE, changes=True),
    "users": Command(lists.users, Act.LOOK),
    "who": Command(whose.who, Act.LOOK),
    "group": Command(groups.group, Act.LOOK, changes=True),
    "allow": Command(admin_commands.allow, Act.MANAGE_PEOPLE, changes=True),
    "remove": Command(admin_commands.remove, Act.MANAGE_PEOPLE, changes=True),
    "servers": Command(admin_commands.servers, Act.LOOK),
    "audit": Command(admin_commands.audit_head, Act.LOOK),
    "help": Command(help_),
}
