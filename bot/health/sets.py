"""The checks of each set of servers that share one profile."""

from collections.abc import Collection

from bot.fleet.live_servers import layout_of
from bot.handover.sets import SetLook, line
from bot.health.look import mended_there, said_of
from bot.health.results import Fine, Note, Result, Trouble, trouble
from bot.texts import sets as words
from bot.texts.fill import plain
from storage.records import Server, ServerName


def results_of(look: SetLook, unwell: Collection[ServerName]) -> list[Result]:
    """What is wrong with a set as a whole; what is only its servers' fault is noted.

    Args:
        unwell: the servers of which something was found, and told.
    """
    own: list[Result] = [_unlocked(look, server) for server in look.unlocked]
    if look.differ:
        found = trouble(words.COMPLAINT_DIFFER, name=look.name, why=" ".join(look.differ))
        own.append(Trouble(_of_set(look, found.wrong), found.mend, found.kind))
    notes = []
    faulty = [server for server in look.servers if server in unwell]
    if len(faulty) == len(look.servers):
        notes.append(words.NONE_WELL)
    elif faulty:
        servers = ", ".join(faulty)
        notes.append(plain(words.MEMBERS_UNWELL, count=len(faulty), servers=servers))
    for server, count in look.waiting:
        notes.append(plain(words.WAITING, name=look.name, server=server, count=count))
    if notes:
        own.append(Note(_of_set(look, " ".join(notes))))
    if own:
        return own
    return [Fine(line(look, ()))]


def _unlocked(look: SetLook, server: Server) -> Trouble:
    can_have_one = layout_of(server).knows_names
    complaint = words.COMPLAINT_NO_SECOND_LOCK if can_have_one else words.COMPLAINT_NO_NAMES
    return mended_there(server, said_of(server, complaint, name=look.name))


def _of_set(look: SetLook, text: str) -> str:
    return words.SET.format(name=look.name, text=text)
