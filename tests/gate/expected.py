"""What has to happen: a gate that lets nobody through keeps every rule, too."""

import re
from collections.abc import Iterator

from tests.gate.case import SECOND, SERVERS, Case, What, seconds
from tests.gate.later import forgotten, is_over, waits
from tests.gate.left import missing_in_leavings
from tests.gate.meaning import (
    changes,
    denies,
    linked_by_tap,
    paused_by_word,
    removed_by_word,
    revoked_by_word,
)
from tests.gate.people import is_kept_by_another, missing_in_people
from tests.gate.say import is_enough, may_agree, may_deny, undoes
from tests.gate.snapshot import LIVE, Grant, Request
from tests.gate.standing import kept_back
from tests.gate.uses import missing_in_uses

# None of these is a duration, but whoever writes one may mean one: none at all, or a wrong one.
_LIKE_DURATION = re.compile(r"-?[0-9]{1,9}[mhdw]", re.ASCII | re.IGNORECASE)


def missing(case: Case) -> Iterator[str]:
    """Yields a sentence for each thing that should have happened and did not."""
    if case.deed.what is What.USE:
        used = case.before.grants[case.deed.text]
        for grant in case.before.earlier(used):
            if case.after.grants[grant.id].state in LIVE:
                yield f"{grant.id} works beside {used.id}, which was used"
    yield from missing_in_leavings(case)
    if case.deed.hurried or case.deed.again or not case.is_known:
        return
    if case.deed.what is What.TIME:
        yield from forgotten(case)
    if case.deed.what is What.TYPED:
        yield from _typed(case)
    if case.deed.what is What.TAPPED:
        yield from _on_requests(case)
        yield from _on_grants(case)
        yield from _links(case)
        yield from _how_to(case)
        yield from missing_in_uses(case)
        yield from missing_in_people(case)
        yield from _more_time(case)


def _more_time(case: Case) -> Iterator[str]:
    """Whoever has used half of a profile's time, and may have it for as long again."""
    grant = case.before.grants.get(case.tapped[1]) if case.taps("mt") else None
    if grant is None or (grant.user_id, grant.state) != (case.deed.person, "active"):
        return
    before = case.before.requests.get(grant.request_id or 0)
    is_late = before is not None and case.deed.at + before.duration * SECOND // 2 > grant.not_after
    has_open = any(
        (one.user_id, one.server, one.state) == (grant.user_id, grant.server, "pending")
        for one in case.before.requests.values()
    )
    can = case.may_have and case.may_ask() and not has_open and not case.before.later(grant)
    fits = before is not None and before.duration <= case.laws.max_duration
    is_alone = len(case.tapped) == 2
    if is_late and can and fits and is_alone and len(case.new_requests()) != 1:
        yield f"more time for {grant.id} was not asked for"


def _typed(case: Case) -> Iterator[str]:
    asks = case.commands("requestvpn") and case.may_have and _asks_well(case)
    if asks and len(case.new_requests()) != 1:
        yield "a good request was not taken"
    if case.is_admin and case.commands("allow") and not _is_on_the_list(case):
        yield "somebody was not put on the list"
    yield from kept_back(case)
    yield from _ended_by_word(case)
    yield from _paused_by_word(case)
    yield from _appointed(case)


def _appointed(case: Case) -> Iterator[str]:
    """By a number, a role, and a group that there is."""
    match case.arguments if case.is_admin and case.commands("role") else []:
        case [whom, "admin" | "auditor" as role] | [whom, "approver" as role, "dev"]:
            is_number = whom.isascii() and whom.isdigit() and 0 < int(whom) < 2**52
            is_for_several = case.laws.several and role != "auditor"
            if is_number and int(whom) not in case.laws.admins and not is_for_several:
                given = case.after.roles.get(int(whom))
                if given is None or given.role != role:
                    yield f"{whom} was not given a role"


def _ended_by_word(case: Case) -> Iterator[str]:
    leavers = removed_by_word(case)
    for leaver in leavers:
        if case.after.is_allowed(leaver):
            yield f"{leaver} was not taken off the list"
    theirs = [grant for leaver in leavers for grant in case.before.live_of(leaver)]
    for grant in (*revoked_by_word(case), *theirs):
        if case.after.grants[grant.id].state in LIVE:
            yield f"{grant.id} should have ended, by an admin's word"


def _paused_by_word(case: Case) -> Iterator[str]:
    can = any(case.before.is_allowed(one) for one in paused_by_word(case))
    if can and " until " not in case.rest and not paused_by_word(case) <= case.after.paused.keys():
        yield "somebody was not paused, by an admin's word"
    resumed = paused_by_word(case, "resume") & case.after.paused.keys()
    if any(not is_kept_by_another(case, one) for one in resumed):
        yield "somebody is still paused, by an admin's word"


def _is_on_the_list(case: Case) -> bool:
    """Or could not be put there: without a number and a name."""
    named, *name = case.arguments or [""]
    is_id = named.isascii() and named.isdigit() and 0 < int(named) < 2**52
    return not is_id or not "".join(name).isalnum() or case.after.is_allowed(int(named))


def _asks_well(case: Case) -> bool:
    duration, server = case.laws.default_duration, ""
    has_duration = False
    left = list(case.arguments)
    for word in case.arguments:
        if not has_duration and word[0].isascii() and word[0].isdigit():
            found = seconds(word)
            if found is None or found > case.laws.max_duration:
                return False
            duration, has_duration = found, True
        elif not server and word.lower() in SERVERS:
            server = word.lower()
        else:
            break
        left.pop(0)
    if not has_duration and any(word.lstrip("-")[:1].isdigit() for word in left):
        return False  # it may be meant: asked back
    is_open = any(
        request.state == "pending"
        and (request.user_id, request.server) == (case.deed.person, server)
        for request in case.before.requests.values()
    )
    can = duration <= case.laws.max_duration and not is_open and case.may_ask()
    # Whoever has it is first asked what they need.
    return can and not case.has_such(server)


def _on_requests(case: Case) -> Iterator[str]:
    for request in case.before.requests.values():
        after = case.after.requests[request.id].state
        if may_agree(case, request):
            yield from _agreement(case, request, after)
        if undoes(case, request):
            yield from _undone(case, request, after)
        if denies(case, request) and may_deny(case, request) and after != "denied":
            yield f"request {request.id} was not denied"
        if changes(case, request) and case.after.requests[request.id].duration != int(
            case.tapped[2]
        ):
            yield f"request {request.id} was not changed"
        if _cancels(case, request) and after != "cancelled":
            yield f"request {request.id} was not cancelled"


def _undone(case: Case, request: Request, after: str) -> Iterator[str]:
    theirs = [one for one in case.after.grants.values() if one.request_id == request.id]
    if request.state == "approved" and any(one.state in LIVE for one in theirs):
        yield f"the yes to request {request.id} was not taken back"
    others = [
        one
        for one in case.before.requests.values()
        if (one.user_id, one.server) == (request.user_id, request.server) and one.state == "pending"
    ]
    can = case.deed.at < case.ends(request) and case.before.is_allowed(request.user_id)
    if request.state == "denied" and can and not others and after != "pending":
        yield f"the no to request {request.id} was not taken back"


def _cancels(case: Case, request: Request) -> bool:
    is_own = request.user_id == case.deed.person
    is_open = request.state in {"pending", "choosing"}
    return is_own and is_open and case.deed.text == f"cx:{request.id}"


def _agreement(case: Case, request: Request, after: str) -> Iterator[str]:
    own = case.before.person_of(case.deed.person)
    if not is_enough(case, request):
        if own not in case.agreed(request, case.after):
            yield f"a yes to request {request.id} was not counted"
    elif is_over(case, request):
        return
    elif waits(case, request):
        if after != "scheduled":
            yield f"request {request.id} has enough approvals and is {after}"
    elif case.has_room(request.server or "") and after != "approved":
        yield f"request {request.id} has enough approvals and is {after}"
    if after == "approved" and not any(
        grant.request_id == request.id for grant in case.new_grants()
    ):
        yield f"request {request.id} was approved, and there is no grant"


def _on_grants(case: Case) -> Iterator[str]:
    for grant in case.before.grants.values():
        if grant.state in LIVE and _ends(case, grant):
            if case.after.grants[grant.id].state in LIVE:
                yield f"{grant.id} should have ended"
            renewed = case.taps("npy")
            if renewed and not any(one.replaces == grant.id for one in case.new_grants()):
                yield f"{grant.id} has no successor"


def _ends(case: Case, grant: Grant) -> bool:
    data = case.deed.text
    is_own = grant.user_id == case.deed.person
    if data == f"npy:{grant.id}":
        has_time = grant.not_after - case.deed.at >= 60 * SECOND
        can = case.may_have and grant.state == "active" and case.has_room(grant.server or "")
        return is_own and can and has_time and case.may_renew() and grant.imported_at is None
    if data == f"guy:{grant.id}":
        return is_own
    of_person = any(case.taps_on(name, grant.user_id) for name in ("rmy", "rpy"))
    return case.is_admin and case.answers and (of_person or case.taps("rgy", grant.id))


def _links(case: Case) -> Iterator[str]:
    for grant in case.before.grants.values():
        whose = linked_by_tap(case, grant)
        if whose is not None and case.after.grants[grant.id].user_id != whose:
            yield f"{grant.id} was not linked to {whose}"


def _how_to(case: Case) -> Iterator[str]:
    grant = case.before.grants.get(case.tapped[1]) if case.taps("hw") else None
    if grant is None or not case.is_allowed or not _is_topic(case.tapped[2:]):
        return
    asked = [row.payload for row in case.after.said if row.kind == "how_to"]
    is_own = grant.user_id == case.deed.person and grant.imported_at is None
    if is_own and grant.state in LIVE and asked != [{"grant": grant.id, "topic": case.tapped[2]}]:
        yield f"the instructions for {grant.id} did not come"


def _is_topic(words: list[str]) -> bool:
    return len(words) == 1 and words[0][:1].isalnum()
