"""People who do what comes to their minds, as a state machine of hypothesis.

Each rule is a habit. What somebody does next, and with what, is drawn by hypothesis, so a failure
is played again with fewer and simpler steps, until none can be left out.
"""

from collections.abc import Sequence
from datetime import timedelta

from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from bot.access.refusals import Refused
from tests.gate import standing, updates, when
from tests.gate.case import SECOND, SERVERS, Laws, What
from tests.gate.chance import is_so as _is_so
from tests.gate.chance import one as _one
from tests.gate.gate import Fate
from tests.gate.habits import (
    ADMINS,
    ALL,
    BEGINNINGS,
    DEVICES,
    DURATIONS,
    INVENTED,
    LETTERS,
    MEMBERS,
    NAMES,
    PAUSES,
    PLACES,
    PLAIN,
    REASONS,
    ROLES,
    SECOND_ACCOUNT,
    SECOND_TAPS,
    SETTINGS,
    SLIPS,
    STRANGERS,
    TOPICS,
    WORST,
)
from tests.gate.later import LEAD, SWEPT
from tests.gate.rig import Place
from tests.gate.snapshot import LIVE, Grant, Request

_REMEMBERED = 60
_HOUR = timedelta(hours=1)


# The first is what a failure is reduced to.
_FATES = (*(Fate.ARRIVES,) * 16, *(Fate.LOST,) * 3, Fate.UNDELIVERABLE)


class Town(RuleBasedStateMachine):
    def __init__(self, place: Place) -> None:
        super().__init__()
        self._place = place
        self.rig = place.opened()

    @property
    def is_pausing(self) -> bool:
        return any(one.pause == "pausing" for one in self.rig.state.grants.values())

    def teardown(self) -> None:
        self._place.closed(self.rig)

    @initialize(laws=st.sampled_from(SETTINGS))
    def begins(self, laws: Laws) -> None:
        """The members are on the list."""
        self._place.run(self.rig.settle(laws))
        for user_id in MEMBERS:
            self._types(laws.admins[0], f"/allow {user_id} P{user_id}")
        for user_id in MEMBERS[:2]:
            self._types(laws.admins[0], f"/group dev add {user_id}")
        self._types(laws.admins[0], f"/group {standing.GROUP} add {MEMBERS[1]}")
        self._types(laws.admins[0], f"/role {SECOND_ACCOUNT} approver dev")

    # --- what people type

    @rule(data=st.data(), duration=st.sampled_from(("7d", "8h", "")))
    def asks_well(self, data: st.DataObject, duration: str) -> None:
        where = _one(data, ("berlin", "paris", ""))
        self._waits(data)
        who = _one(data, MEMBERS)
        self._types(who, f"/requestvpn {duration} {where}")
        if _is_so(data):
            self._wants_another(data, who)

    @rule(data=st.data(), begins=st.sampled_from(BEGINNINGS))
    def asks_for_later(self, data: st.DataObject, begins: str) -> None:
        """And maybe all admins say yes at once."""
        who, where = _one(data, MEMBERS), _one(data, SERVERS)
        self._waits(data)
        self._types(who, f"/requestvpn 8h {where} {begins}")
        asked = [one.id for one in self.pending if one.user_id == who][-1:]
        yes = [one for one in self.rig.pool for id_ in asked if one.data.startswith(f"ap:{id_}:")]
        for admin in self._admins if yes and _is_so(data) else ():
            self._taps(data, admin, yes[-1].data)

    @rule(data=st.data(), duration=st.sampled_from(DURATIONS), where=st.sampled_from(PLACES))
    def asks_anyhow(self, data: st.DataObject, duration: str, where: str) -> None:
        words = [duration, where] if _is_so(data) else [where, duration]
        self._waits(data)
        self._types(self._anybody(data), " ".join(("/requestvpn", *words, _one(data, REASONS))))

    @rule(data=st.data(), text=st.sampled_from(SLIPS))
    def mistypes(self, data: st.DataObject, text: str) -> None:
        """And taps on one of the buttons that come of it."""
        who = self._anybody(data)
        self._waits(data)
        self._types(who, text)
        shown = [one.data for one in self.rig.pool if one.data[:3] in {"hl:", "do:", "mc:"}]
        if shown:
            self._taps(data, _one(data, (who, self._anybody(data))), _one(data, shown[-6:]))

    @rule(data=st.data(), duration=st.sampled_from(("7d", "8h")))
    def gets_access(self, data: st.DataObject, duration: str) -> None:
        """The whole way, if nothing is in it: all admins say yes, and the profile arrives."""
        who, where = _one(data, MEMBERS), _one(data, SERVERS)
        self._types(who, f"/requestvpn {duration} {where}")
        self._wants_another(data, who)
        asked = [one.id for one in self.pending if one.user_id == who][-1:]
        self._agree(data, asked)
        for _ in range(2):
            self.profiles_go_out(data)

    @rule(data=st.data(), is_well=st.booleans())
    def allows(self, data: st.DataObject, is_well: bool) -> None:
        if is_well:
            whom = _one(data, (*MEMBERS, *self._admins, SECOND_ACCOUNT))
            who, text = _one(data, self._admins), f"/allow {whom} P{whom}"
        else:
            named = _one(data, (*ALL, "x", 0, 2**60))
            who, text = self._anybody(data), f"/allow {named} {_one(data, NAMES)}"
        self._waits(data)
        self._types(who, text)

    @rule(data=st.data(), command=st.sampled_from(("/revoke", "/remove", "/REVOKE@vpn_bot")))
    def ends(self, data: st.DataObject, command: str) -> None:
        who = _one(data, (*self._admins, self._anybody(data)))
        self._waits(data)
        self._types(who, f"{command} {_one(data, self._somebody())}")
        if command == "/remove" and (back := self._newest("ur")) and _is_so(data):
            self._taps(data, who, _one(data, back))

    @rule(
        data=st.data(),
        command=st.sampled_from(("/pause", "/resume")),
        until=st.sampled_from(("", "", " until 2d", " until 2h", " until never")),
    )
    def goes_and_comes(self, data: st.DataObject, command: str, until: str) -> None:
        who = _one(data, (*self._admins, *self._admins, self._anybody(data)))
        whom = _one(data, (*MEMBERS, _one(data, self._somebody())))
        self._waits(data)
        self._types(who, f"{command} {whom}{until if command == '/pause' else ''}")

    @rule(data=st.data(), role=st.sampled_from(ROLES))
    def appoints(self, data: st.DataObject, role: str) -> None:
        """Mostly an admin who is one by the settings."""
        others = [one for one in self.rig.state.roles if one not in self._admins]
        whom = _one(data, (*others, *ADMINS, *ALL, _one(data, self._somebody())))
        who = _one(data, (*self._admins, *self._admins, *others, self._anybody(data)))
        self._waits(data)
        self._types(who, f"/role {whom} {role}")

    @rule(data=st.data(), verb=st.sampled_from(("add", "add", "remove")))
    def groups(self, data: st.DataObject, verb: str) -> None:
        whom = _one(data, (*MEMBERS, *ALL))
        who = _one(data, (*self._admins, self._anybody(data)))
        self._waits(data)
        self._types(who, f"/group {_one(data, ('dev', standing.GROUP))} {verb} {whom}")

    @rule(data=st.data(), text=st.one_of(st.sampled_from(PLAIN), st.text(LETTERS, max_size=12)))
    def says(self, data: st.DataObject, text: str) -> None:
        slash = "/" if not text.startswith("/") and _is_so(data) else ""
        self._waits(data)
        self._types(self._anybody(data), slash + text)

    @rule(data=st.data())
    def looks_at_own(self, data: st.DataObject) -> None:
        """The buttons to go on with come from here."""
        whom = _one(data, self._somebody())
        text = _one(data, ("/myvpn", "/myvpn", "/revoke", f"/revoke {whom}", "/users"))
        holders = [grant.user_id for grant in self.live if grant.user_id] or list(MEMBERS)
        who = _one(data, holders if text == "/myvpn" else self._admins)
        self._waits(data)
        self._types(who, text)

    # --- what people tap

    @precondition(when.there_are_buttons)
    @rule(data=st.data())
    def taps_anything(self, data: st.DataObject) -> None:
        """Any button that was ever sent: fresh, old, tapped before, or on somebody else's card."""
        button = _one(data, self.rig.pool)
        self._taps(data, _one(data, (button.chat, self._anybody(data))), button.data)

    @rule(data=st.data())
    def wants_to_join(self, data: st.DataObject) -> None:
        """A stranger asks; an admin finds out who that was, or answers the card, perhaps late."""
        who = _one(data, (*STRANGERS, SECOND_ACCOUNT))
        self._waits(data)
        self._types(who, "/start")
        self._taps(data, who, "jn")
        admin = _one(data, (*self._admins, *self._admins, self._anybody(data)))
        if _is_so(data):
            self._types(admin, f"/allow {_one(data, ('', '@'))}u{who}")
            self._taps(data, admin, f"al:{who}")
        if cards := self._newest("aly", "jny", "jnn"):
            self._taps(data, admin, _one(data, cards))

    @rule(data=st.data(), count=st.integers(1, 3))
    def picks_people(self, data: st.DataObject, count: int) -> None:
        """From the contacts; and says yes, or somebody else tries to."""
        who = _one(data, (*self._admins, *self._admins, self._anybody(data)))
        self._puts(updates.picked(who, [_one(data, ALL) for _ in range(count)]), What.TYPED, who)
        if yes := self._newest("pk"):
            self._taps(data, _one(data, (who, who, self._anybody(data))), _one(data, yes))

    @precondition(when.there_are_buttons)
    @rule(data=st.data())
    def decides(self, data: st.DataObject) -> None:
        """One of the newest cards; mostly by one of those who have a say."""
        cards = [
            button.data
            for button in self.rig.pool
            if button.tap in {"ap", "dn", "ud", "dw", "dr", "lo"}
        ][-12:]
        if cards:
            roles = self.rig.state.roles
            who = _one(data, (*self._admins, *self._admins, *roles, self._anybody(data)))
            self._taps(data, who, _one(data, cards))

    @precondition(when.somebody_waits)
    @rule(data=st.data())
    def approves(self, data: st.DataObject) -> None:
        """One of those that wait, by the newest card of it."""
        asked = _one(data, self.pending)
        yes = [one.data for one in self.rig.pool if one.data.startswith(f"ap:{asked.id}:")][-3:]
        if yes:
            who = _one(data, (*self._admins, *self.rig.state.roles))
            self._taps(data, who, _one(data, yes))

    @precondition(when.somebody_waits)
    @rule(data=st.data(), wished=st.sampled_from((3600, 28_800, 86_400, 604_800, 7200, 10**8)))
    def changes_mind(self, data: st.DataObject, wished: int) -> None:
        """Whoever asked, mostly, wants it for another time, or an answer."""
        asked = _one(data, self.pending)
        who = _one(data, (*(asked.user_id,) * 4, self._anybody(data)))
        tap = _one(data, (f"ch:{asked.id}:{wished}", f"nu:{asked.id}"))
        self._taps(data, who, tap)

    @precondition(when.there_are_buttons)
    @rule(data=st.data())
    def goes_on(self, data: st.DataObject) -> None:
        """The second tap of two, mostly by whom it was meant for."""
        buttons = [button for button in self.rig.pool if button.tap in SECOND_TAPS][-8:]
        if buttons:
            button = _one(data, buttons)
            self._taps(data, _one(data, (*(button.chat,) * 4, self._anybody(data))), button.data)

    @precondition(when.somebody_has_access)
    @rule(data=st.data())
    def has_enough(self, data: st.DataObject) -> None:
        """Of an access that is there; mostly its owner, now and then an admin."""
        grant = _one(data, self.live[-4:])
        owner = grant.user_id or self._anybody(data)
        admin = _one(data, self._admins)
        who, tap, subject = _one(
            data,
            (
                (owner, "npy", grant.id),
                (owner, "npy", grant.id),
                (owner, "guy", grant.id),
                (self._anybody(data), _one(data, ("npy", "guy", "rgy")), grant.id),
                (admin, "rgy", grant.id),
                (admin, _one(data, ("rpy", "rmy", "pay", "rs")), owner),
            ),
        )
        self._taps(data, who, f"{tap}:{subject}")

    @precondition(when.something_is_old)
    @rule(data=st.data())
    def links(self, data: st.DataObject) -> None:
        """Says whose a certificate from before the takeover is; anybody may try."""
        grant = _one(data, self.old)
        whose = _one(data, (*MEMBERS, *ALL))
        who = _one(data, (*self._admins, *self._admins, self._anybody(data)))
        taps = (f"lk:{grant.id}:{whose}", f"on:{grant.id}", f"op:{grant.id}", "oc")
        self._taps(data, who, _one(data, (taps[0], *taps)))

    @precondition(lambda town: town.rig.state.grants)
    @rule(data=st.data(), topic=st.sampled_from(TOPICS))
    def wants_to_know_how(self, data: st.DataObject, topic: str) -> None:
        """The owner of a profile, a colleague, or anybody."""
        ours = [one for one in self.rig.state.grants.values() if one.imported_at is None]
        grant = _one(data, (ours or self.old)[-4:])
        who = _one(data, (grant.user_id or MEMBERS[0], _one(data, MEMBERS), self._anybody(data)))
        self._taps(data, who, f"hw:{grant.id}:{topic}")

    @precondition(when.there_are_buttons)
    @rule(data=st.data(), new=st.sampled_from("0123456789abcdef:gy"))
    def forges(self, data: st.DataObject, new: str) -> None:
        """Data with another letter in it, in a client that sends what it likes."""
        real = _one(data, self.rig.pool[-30:]).data
        at = data.draw(st.integers(0, len(real) - 1))
        self._taps(data, self._anybody(data), real[:at] + new + real[at + 1 :])

    @rule(data=st.data(), tap=st.sampled_from(INVENTED))
    def invents(self, data: st.DataObject, tap: str) -> None:
        """Or an admin with such a client: the card is real, the duration is not."""
        yes = [button.data for button in self.rig.pool if button.tap == "ap"][-8:]
        if yes and _is_so(data):
            _, request, duration, digest = _one(data, yes).split(":")
            wished = _one(data, (int(duration) * 2, int(duration) + 60, 30 * 86_400, 60, 0))
            self._taps(data, _one(data, self._admins), f"ap:{request}:{wished}:{digest}")
            return
        grants = list(self.rig.state.grants)
        subject = _one(data, (_one(data, ALL), data.draw(st.integers(0, 19)), _one(data, grants)))
        made = tap if tap in {"oc", "no"} else f"{tap}:{subject}"
        made += ":berlin:1700000000" if tap == "cs" else ""
        self._taps(data, self._anybody(data), made)

    @rule(data=st.data(), is_copy=st.booleans())
    def repeats(self, data: st.DataObject, is_copy: bool) -> None:
        """Telegram says something again, or a client sends the same once more."""
        sent = len(self.rig.sent)
        which = data.draw(st.integers(max(0, sent - _REMEMBERED), sent - 1))
        self._waits(data)
        self._place.run(self.rig.repeat(which, is_copy=is_copy))

    # --- what nobody can do anything with

    @rule(data=st.data(), kind=st.integers(0, updates.VOID_KINDS - 1), text=st.sampled_from(WORST))
    def sends_what_does_not_count(self, data: st.DataObject, kind: int, text: str) -> None:
        real = [button.data for button in self.rig.pool[-30:]]
        who = self._anybody(data)
        self._puts(updates.void(who, text, _one(data, real or ["no"]), kind), What.VOID, who)

    @rule(data=st.data(), kind=st.integers(0, 6), text=st.sampled_from((*WORST, "hello")))
    def speaks_elsewhere(self, data: st.DataObject, kind: int, text: str) -> None:
        """In somebody else's words, or in a group."""
        who = self._anybody(data)
        self._waits(data)
        if kind < 5:
            self._puts(updates.forwarded(who, text, kind), What.FORWARDED, who)
            return
        update = updates.in_group(who, text, kind)
        self._puts(update, What.IN_GROUP, who, group=update["message"]["chat"]["id"])

    @rule(data=st.data())
    def has_another_username(self, data: st.DataObject) -> None:
        """For one message: with the next one it is as it was."""
        who = self._anybody(data)
        self._waits(data)
        sender = updates.user(who) | {"username": f"not_{who}"}
        update = {"message": updates.message(who, "/help", **{"from": sender})}
        self._puts(update, What.TYPED, who, text="/help")

    @rule(data=st.data(), status=st.sampled_from(("kicked", "member")))
    def blocks_the_bot(self, data: st.DataObject, status: str) -> None:
        who = self._anybody(data)
        self._puts(updates.membership(updates.chat(who), who, status), What.STOPPED, who)

    @rule(data=st.data(), status=st.sampled_from(("left", "left", "kicked", "member")))
    def leaves_the_group(self, data: st.DataObject, status: str) -> None:
        """Or another one, which counts for nothing; and an admin answers, or somebody else."""
        who = _one(data, (*MEMBERS, *MEMBERS, *ALL))
        place = _one(data, (*(updates.SUPERGROUP,) * 3, updates.GROUP))["id"]
        is_ours = place == updates.SUPERGROUP["id"]
        moved = ("left" if status != "member" else "back") if is_ours else "elsewhere"
        self._puts(updates.moves(who, place, status), What.MOVED, who, text=moved)
        if (cards := self._newest("lv", "lvk")) and _is_so(data):
            admin = _one(data, (*self._admins, *self._admins, self._anybody(data)))
            self._taps(data, admin, _one(data, cards))

    # --- what happens by itself

    @precondition(when.in_state("reserved", "issued"))
    @rule(data=st.data())
    def profiles_go_out(self, data: st.DataObject) -> None:
        self._place.run(self.rig.gate.deliver(lambda: _one(data, _FATES)))
        self._happens(What.DELIVERY)

    @precondition(when.somebody_has_access)
    @rule(data=st.data(), places=st.sampled_from((("a",), ("a",), ("a", "b"))))
    def somebody_is_on(self, data: st.DataObject, places: tuple[str, ...]) -> None:
        """A look finds a profile in use; mostly its owner says at once whether that was them."""
        grant = _one(data, self.live[-4:])
        self._waits(data)
        self._place.run(self.rig.gate.look(*((grant.id, f"198.51.100.{at}") for at in places)))
        self._happens(What.LOOK)
        if (asked := self._newest("nm", "wm")) and _is_so(data):
            owner = grant.user_id or MEMBERS[0]
            who = _one(data, (owner, owner, owner, SECOND_ACCOUNT, self._anybody(data)))
            self._taps(data, who, _one(data, asked))

    @precondition(lambda town: when.in_state("revoking")(town) or town.is_pausing)
    @rule()
    def servers_are_looked_at(self) -> None:
        self._place.run(self.rig.gate.prove())
        self._happens(What.PROOF)

    @precondition(when.in_state("active"))
    @rule(data=st.data())
    def somebody_connects(self, data: st.DataObject) -> None:
        """Mostly by a profile that gives more time to another one."""
        active = [one for one in self.live if one.state == "active"]
        later = [one for one in active if self.rig.state.earlier(one)]
        grant = _one(data, (later or active)[-4:])
        self._place.run(self.rig.gate.use(grant.id))
        self._happens(What.USE, grant.id)

    @precondition(when.in_state("active"))
    @rule(data=st.data(), hours=st.sampled_from((0, 5, 24 * 5)), answers=st.booleans())
    def wants_more_time(self, data: st.DataObject, hours: int, answers: bool) -> None:
        """For a new profile, or one whose time is nearly over; the admins may agree at once."""
        active = [one for one in self.live if one.state == "active" and one.imported_at is None]
        if not active:
            return
        grant = _one(data, active[-4:])
        self.rig.gate.now += hours * _HOUR
        self._taps(data, _one(data, (grant.user_id or 0,) * 4 + MEMBERS), f"mt:{grant.id}")
        asked = [one.id for one in self.pending if one.extends == grant.request_id][-1:]
        self._agree(data, asked if answers else [])

    @rule(data=st.data(), hours=st.sampled_from((1, 1, 1, 2, 6, 25, 24 * 8)), sweeps=st.booleans())
    def time_passes(self, data: st.DataObject, hours: int, sweeps: bool) -> None:
        """Without a sweep the bot was down, and taps come before it has looked at the clock."""
        gate = self.rig.gate
        ends = [one.expires_at for one in self.pending]
        # Half an hour before the end of a profile its owner is reminded.
        soon = [one.not_after - 1800 * SECOND for one in self.live if one.state == "active"]
        waiting = [one for one in self.rig.state.requests.values() if one.state == "scheduled"]
        begins = [one.starts_at - LEAD for one in waiting if one.starts_at]
        if among := [one for one in (ends, soon, begins) if one and _is_so(data)]:
            gate.now += timedelta(microseconds=max(min(among[-1]) - gate.at, 0))
        else:
            gate.now += hours * _HOUR
        if sweeps:
            self._place.run(gate.time_passes())
        self._happens(What.TIME, SWEPT if sweeps else "")

    @rule(laws=st.sampled_from(SETTINGS))
    def settings_change(self, laws: Laws) -> None:
        self._place.run(self.rig.settle(laws))

    @rule(data=st.data())
    def accounts_are_linked(self, data: st.DataObject) -> None:
        """Sometimes it comes out late: when they have said yes already."""
        said = [
            int(one.actor.rpartition(":")[2])
            for one in self.rig.state.decisions[-3:]
            if one.actor.startswith("telegram:")
        ]
        asked = [one.user_id for one in self.pending]
        account = _one(data, (SECOND_ACCOUNT, *MEMBERS, *asked, *said))
        try:
            self._place.run(self.rig.gate.link(account, _one(data, (*ALL, *said * 3))))
        except Refused:
            return
        self._happens(What.LINK)

    # --- how

    @property
    def pending(self) -> list[Request]:
        return [one for one in self.rig.state.requests.values() if one.state == "pending"]

    @property
    def live(self) -> list[Grant]:
        return [grant for grant in self.rig.state.grants.values() if grant.state in LIVE]

    @property
    def old(self) -> list[Grant]:
        """What was there before the takeover."""
        return [grant for grant in self.rig.state.grants.values() if grant.imported_at]

    @property
    def _admins(self) -> tuple[int, ...]:
        return self.rig.gate.laws.admins

    def _anybody(self, data: st.DataObject) -> int:
        return _one(data, ALL + self._admins * 3)

    def _somebody(self) -> list[str]:
        """Whom people may mean."""
        known: list[str] = [*map(str, ALL), *(f"@u{user_id}" for user_id in ADMINS), "Nobody"]
        for grant in self.rig.state.grants.values():
            known += [grant.id, grant.serial, f"serial:{grant.serial}", grant.common_name]
        return known + [person.name for person in self.rig.state.people.values()]

    def _wants_another(self, data: st.DataObject, who: int) -> None:
        """Where that was offered: a profile for another device, or for another server."""
        pool = self.rig.pool[-8:]
        if shown := [one.data for one in pool if one.chat == who and one.tap in {"an", "ew"}]:
            tapped = _one(data, shown)
            self._taps(data, who, tapped + f":{_one(data, DEVICES)}" * tapped.startswith("an"))

    def _agree(self, data: st.DataObject, asked: Sequence[int]) -> None:
        """All admins, by the newest card."""
        yes = [one for one in self.rig.pool for id_ in asked if one.data.startswith(f"ap:{id_}:")]
        for admin in self._admins if yes else ():
            self._taps(data, admin, yes[-1].data)

    def _newest(self, *taps: str) -> list[str]:
        return [one.data for one in self.rig.pool if one.tap in taps][-4:]

    def _waits(self, data: st.DataObject) -> None:
        self.rig.wait(_one(data, PAUSES))

    def _types(self, who: int, text: str) -> None:
        note(f"{who} types {text!r}")
        self._place.run(self.rig.types(who, text))

    def _taps(self, data: st.DataObject, who: int, tapped: str) -> None:
        self._waits(data)
        note(f"{who} taps {tapped!r}")
        self._place.run(self.rig.taps(who, tapped))

    def _puts(
        self, update: updates.Json, what: What, who: int, *, text: str = "", group: int = 0
    ) -> None:
        note(f"{who}: {what} {text}")
        self._place.run(self.rig.put(update, what, who, text=text, group=group))

    def _happens(self, what: What, text: str = "") -> None:
        self._place.run(self.rig.happens(what, text))
