"""The doctor looks at the operator's own words: as a whole, for each server there is."""

from dataclasses import replace
from pathlib import Path

from bot.handover.handover import Handover
from bot.health.results import Fine, Trouble
from bot.health.templates import look_at_templates
from storage.records import ServerName
from tests.bot.access.kit import make_server
from tests.bot.handover.kit import BLOCKS, NEEDED, NOW, PROFILE, SHORTEST, put

BERLIN = make_server(ServerName("berlin"))
PARIS = replace(make_server(ServerName("paris")), protocol="tcp")
MEND = "Mend it, see docs/templates.md."


async def test_without_a_folder_there_is_nothing_to_say() -> None:
    assert await look_at_templates(Handover(None), [BERLIN], NOW) == []


async def test_what_there_is(tmp_path: Path) -> None:
    handover = Handover(tmp_path)
    assert await look_at_templates(handover, [BERLIN], NOW) == [
        Fine(
            "Templates: the profile is the built-in one; instructions of your own: 0; files that "
            "go along: 0."
        )
    ]
    put(tmp_path, PROFILE, SHORTEST)
    put(tmp_path, "instructions/windows.txt.j2", "{{ server }}")
    put(tmp_path, "instructions/ios.txt.j2", "")
    put(tmp_path, "files/rules.pdf")
    assert await look_at_templates(handover, [BERLIN, PARIS], NOW) == [
        Fine(
            "Templates: the profile is yours; instructions of your own: 2; files that go along: 1."
        )
    ]


async def test_what_does_not_fit_one_of_the_servers(tmp_path: Path) -> None:
    put(tmp_path, PROFILE, f"{NEEDED}explicit-exit-notify 1\n{BLOCKS}")
    handover = Handover(tmp_path)
    wrong = f"{tmp_path / PROFILE}, line 5: 'explicit-exit-notify 1' doesn't fit paris."
    assert await look_at_templates(handover, [BERLIN, PARIS], NOW) == [Trouble(wrong, MEND)]
    (fine,) = await look_at_templates(handover, [BERLIN], NOW)
    assert isinstance(fine, Fine)


async def test_before_there_is_a_server(tmp_path: Path) -> None:
    put(tmp_path, PROFILE, f"{SHORTEST}askpass\n")
    wrong = f"{tmp_path / PROFILE}, line 3: Connect refuses 'askpass'."
    assert await look_at_templates(Handover(tmp_path), [], NOW) == [Trouble(wrong, MEND)]


async def test_a_finding_has_its_own_mend(tmp_path: Path) -> None:
    path = put(tmp_path, PROFILE, SHORTEST)
    path.chmod(0o666)
    assert await look_at_templates(Handover(tmp_path), [BERLIN], NOW) == [
        Trouble(f"Others can change {path}.", f"Run: chmod o-w {path}")
    ]
