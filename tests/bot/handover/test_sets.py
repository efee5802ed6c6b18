"""What is said of a set of servers as a whole: in the chat, in the terminal, by the doctor."""

from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest

from bot.access.destinations import Destination
from bot.chat.server_list import listing
from bot.handover.sets import SetLook, line, look_at, sentences
from bot.health.results import Fine, Note, Trouble
from bot.health.sets import results_of
from bot.texts.fill import straight
from storage.records import CanaryLook, CanaryTrouble, Server, ServerName, Untried
from tests.bot.reading import shown
from tests.storage.kit import make_server
from vpn.configuration.address_plan import AddressPlan
from vpn.configuration.adopted import AdoptedServer
from vpn.configuration.profile import DEPLOYED_PROFILE
from vpn.findings import Finding, FindingCode, ServerStatus
from vpn.layout import DEPLOYED, NamedBy
from vpn.values import Protocol

NOW = datetime(2026, 3, 2, tzinfo=UTC)
EU, BERLIN, PARIS, OSLO = map(ServerName, ("eu", "berlin", "paris", "oslo"))


def adopted(name: ServerName, *, profile: dict[str, Any] | None = None, **layout: Any) -> Server:
    """With its operator's own configuration."""
    plan = AddressPlan(
        IPv4Network("10.81.0.0/24"), IPv4Address("10.81.0.1"), pool=None, one_each=True
    )
    made = AdoptedServer(
        layout=replace(DEPLOYED, adopted=True, conf=f"etc/openvpn/{name}.conf", **layout),
        profile=replace(DEPLOYED_PROFILE, **profile or {}),
        addresses=plan,
        common_name=f"server-{name}",
        certificate_end=None,
        port=1194,
        protocol=Protocol.UDP,
    )
    return replace(make_server(name), directory=f"/etc/openvpn/{name}.conf", adopted=made.to_json())


def answer(name: ServerName, **changes: Any) -> ServerStatus:
    well = ServerStatus(
        server=name,
        reachable=True,
        crl_number=7,
        crl_signed_at=NOW,
        crl_next_update=NOW,
        sessions=2,
        restart_pending=False,
        certificate_end=NOW,
        findings=(),
    )
    return replace(well, **changes)


def eu(*servers: Server, waiting: Collection[tuple[ServerName, int]] = ()) -> SetLook:
    return look_at(Destination(EU, servers, is_set=True), tuple(waiting))


def said(look: SetLook, *states: ServerStatus, tried: Collection[CanaryLook] = ()) -> str:
    answers = {ServerName(state.server): state for state in states}
    looks = {each.server: each for each in tried}
    terminal = line(look, sentences(look, answers, looks))
    servers = look.destination.servers
    chat = shown(listing(servers, [answers[one.name] for one in servers], looks, [look]).text).text
    # One and the same in both, below the name or behind it.
    text = terminal.partition("): ")[2]
    is_well = text == "each of them is well."
    assert straight(chat).replace("\n", " ").count("each is well" if is_well else text) == 1
    return text


TWO = (
    replace(make_server(BERLIN), crl_published_at=NOW),
    replace(make_server(PARIS, "10.9.0.0/22"), crl_published_at=NOW),
)


def test_in_the_chat_what_is_not_well_comes_first() -> None:
    away, well = answer(PARIS, reachable=False), answer(BERLIN)
    alone = look_at(Destination(OSLO, TWO[:1], is_set=True), ())
    text = shown(listing(TWO, [well, away], {}, [alone, eu(*TWO)]).text).text
    heads = [block.partition(",")[0] for block in text.split("\n\n")]
    assert heads == ["⚠️ eu", "⚠️ paris", "oslo", "berlin"]


def test_one_that_is_away() -> None:
    here, away = answer(BERLIN), answer(PARIS, reachable=False)
    assert said(eu(*TWO), here, answer(PARIS)) == "each of them is well."
    assert said(eu(*TWO), here, away) == (
        "paris can't be asked; a client that doesn't get in there tries berlin."
    )
    assert said(eu(*TWO), answer(BERLIN, reachable=False), away) == (
        "none of them can be asked; if they're down, nobody gets in with a profile for eu."
    )
    waits = eu(*TWO, waiting=[(PARIS, 2)])
    assert said(waits, here, away).endswith(
        "2 profiles for eu don't open paris yet: they're taken in once paris answers."
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"findings": (Finding(FindingCode.CRL_EXPIRED),)},
        {"open_to_others": (Finding(FindingCode.CRL_OLD),)},
        {"restart_pending": True},
    ],
)
def test_one_that_answers_and_is_not_well(changes: dict[str, Any]) -> None:
    assert said(eu(*TWO), answer(BERLIN), answer(PARIS, **changes)) == (
        "paris isn't well; on the machine, vpnbot doctor says what to mend."
    )


def test_one_that_lets_nobody_in_from_outside() -> None:
    fails = CanaryLook(PARIS, NOW, (CanaryTrouble.UNREACHABLE,))
    states = (answer(BERLIN), answer(PARIS))
    assert said(eu(*TWO), *states, tried=[fails]).startswith("paris isn't well")
    untried = replace(fails, untried=Untried.CLOCK)
    assert said(eu(*TWO), *states, tried=[untried]) == "each of them is well."


def test_servers_that_no_one_profile_opens() -> None:
    look = eu(TWO[0], adopted(OSLO, profile={"auth": "SHA512"}))
    states = (answer(BERLIN), answer(OSLO))
    why = "berlin and oslo differ in auth: none and SHA512."
    assert said(look, *states) == (
        f"Nobody gets a new profile for eu, since no one profile opens all of its servers: {why}"
    )
    (found,) = results_of(look, set())
    assert isinstance(found, Trouble)
    assert (found.wrong.startswith("Set eu: nobody gets a new profile"), why in found.wrong) == (
        True,
        True,
    )
    assert "vpnbot server group edit eu SERVER SERVER" in found.mend


def test_one_that_takes_no_new_profiles_is_in_none() -> None:
    oslo = adopted(OSLO, profile={"auth": "SHA512"})
    assert oslo.adopted is not None
    closed = replace(oslo, adopted=oslo.adopted | {"closed": "It has no pool."})
    assert said(eu(TWO[0], closed), answer(BERLIN), answer(OSLO)) == (
        "New profiles for eu don't open oslo, which takes none."
    )


@pytest.mark.parametrize(
    ("lacks", "mend"),
    [
        (
            {"exclusive": False},
            "--remote oslo.example.com:1194/udp --apply; then: ",
        ),
        ({"exclusive": False, "ccd": None}, "--apply; then: "),
        ({"named_by": NamedBy.USER_NAME}, "vpnbot server group edit eu SERVER SERVER; or take out"),
    ],
)
def test_one_without_a_second_lock(lacks: dict[str, Any], mend: str) -> None:
    look = eu(TWO[0], adopted(OSLO, **lacks))
    assert said(look, answer(BERLIN), answer(OSLO)) == (
        "oslo has no second lock, so an end of access to eu is proved there only after the "
        "handshake's window."
    )
    (found,) = results_of(look, set())
    assert isinstance(found, Trouble)
    assert found.wrong.startswith("Server oslo: ")
    assert mend in found.mend
    far = replace(look.destination.servers[1], ssh={"address": "vpnbot@oslo.example.com"})
    (found,) = results_of(eu(TWO[0], far), set())
    assert isinstance(found, Trouble)
    assert found.mend.startswith("On oslo.example.com")


def test_the_doctor_tells_a_fault_once() -> None:
    assert results_of(eu(*TWO), set()) == [Fine("Set eu (berlin, paris): each of them is well.")]
    assert results_of(eu(*TWO), {PARIS, OSLO}) == [
        Note(
            "Set eu: paris isn't well, see above; a client that doesn't get in there tries the "
            "others."
        )
    ]
    assert results_of(eu(*TWO), {BERLIN, PARIS}) == [
        Note("Set eu: none of its servers is well, see above.")
    ]
    (waits,) = results_of(eu(*TWO, waiting=[(PARIS, 1)]), set())
    assert isinstance(waits, Note)
    assert "1 profile for eu doesn't open paris yet" in waits.text
