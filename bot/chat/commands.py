"""The commands of the chat, in the order of the menu; what they say of themselves is in `texts`."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bot.access import invitations, joining, messages
from bot.access.hearing import hear
from bot.access.permission import Act, Actor, may
from bot.access.refusals import Refused
from bot.chat import (
    absence,
    admin_commands,
    groups,
    lists,
    member_commands,
    online,
    pausing,
    roles,
    views,
    whose,
)
from bot.chat import invitations as inviting
from bot.chat.joining import stranger
from bot.chat.scene import SILENT, Reply, Scene, say
from bot.chat.views import View
from bot.texts import chat as words
from bot.texts import joining as joining_words
from bot.texts import refusals
from bot.texts import roles as role_words
from bot.texts.fill import Html, blocks, fill, fold, lines
from storage.records import OutboxKind


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
        return self.act not in {None, Act.ASK, Act.LOOK_OWN}

    def acts(self, rest: str) -> bool:
        """Whether it changes anything with these words."""
        return self.changes and bool(rest or not self.needs_words)


async def start(scene: Scene, rest: str) -> Reply:
    """Who you are to the bot. Who decides also gets the cards that wait for them.

    Who comes by an invitation is put on the list, and welcomed there.
    """
    if invitations.is_token(rest):
        try:
            async with scene.tx.attempt():
                await joining.use_invitation(scene.case, rest)
        except Refused as refused:
            if scene.actor.is_known:
                return say(refusals.in_chat(refused))
            return say(fill(joining_words.STRANGER_INVITED, id=scene.user_id))
        return SILENT
    if scene.actor.is_known:
        # Strangers have the menu that everybody has: a flood of theirs must not set one each time.
        await messages.menu(scene.case, scene.user_id)
    if may(scene.actor, Act.DECIDE) and scene.case.rules.cards_group is None:
        # Cards that could not be sent before they had pressed Start.
        for request in await scene.tx.requests.pending():
            posted = await scene.tx.posted.about(OutboxKind.CARD, str(request.id))
            is_missed = all(message.chat_id != scene.chat for message in posted)
            if is_missed and scene.user_id in (await hear(scene.case, request)).deciders:
                await messages.card(scene.case, scene.user_id, request.id)
    return await help_(scene, "")


async def help_(scene: Scene, _rest: str) -> Reply:
    """What somebody can do; a stranger learns their id and nothing else."""
    actor = scene.actor
    if not actor.is_known:
        return Reply(await stranger(scene))
    said = [fill(words.HELLO, name=actor.name)]
    if actor.is_allowed:
        said.append(blocks(words.HELP_MEMBER, _help(actor, for_admins=False)))
    elif actor.is_admin:
        said.append(Html(words.ADMIN_NOT_LISTED))
    else:
        said.append(Html(role_words.NOT_LISTED))
    if actor.has_role:
        intro = words.HELP_ADMIN if actor.is_admin else await roles.help_of_role(scene)
        said.append(blocks(intro, fold(_help(actor, for_admins=True))))
    return Reply(View(blocks(*said), views.allow_self(actor)))


def _help(actor: Actor, *, for_admins: bool) -> Html:
    """Of the commands that they may use: those for oneself, or those for others."""
    return lines(
        *(
            text
            for name, text in words.HELP.items()
            if COMMANDS[name].is_for_admins is for_admins and _may_use(actor, COMMANDS[name])
        )
    )


def _may_use(actor: Actor, command: Command) -> bool:
    return command.act is None or may(actor, command.act)


def menu(actor: Actor) -> list[tuple[str, str]]:
    """The commands that somebody sees in Telegram, each with a few words."""
    return [
        (name, words.MENU[name])
        for name, command in COMMANDS.items()
        if name in words.MENU and _may_use(actor, command)
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
    "myvpn": Command(member_commands.my_vpn, Act.LOOK_OWN),
    "pending": Command(lists.pending, Act.SEE_REQUESTS),
    "grants": Command(lists.grants, Act.LOOK),
    "online": Command(online.online, Act.LOOK),
    "revoke": Command(admin_commands.revoke, Act.REVOKE, changes=True),
    "pause": Command(pausing.pause, Act.MANAGE_PEOPLE, changes=True),
    "resume": Command(pausing.resume, Act.MANAGE_PEOPLE, changes=True),
    "users": Command(lists.users, Act.LOOK),
    "who": Command(whose.who, Act.LOOK),
    "group": Command(groups.group, Act.LOOK, changes=True),
    "allow": Command(admin_commands.allow, Act.MANAGE_PEOPLE, changes=True),
    "invite": Command(inviting.invite, Act.MANAGE_PEOPLE, changes=True),
    "remove": Command(admin_commands.remove, Act.MANAGE_PEOPLE, changes=True),
    "role": Command(roles.role, Act.LOOK, changes=True),
    "away": Command(absence.away, Act.DECIDE, changes=True),
    "servers": Command(admin_commands.servers, Act.LOOK),
    "audit": Command(admin_commands.audit_head, Act.LOOK),
    "help": Command(help_),
}
