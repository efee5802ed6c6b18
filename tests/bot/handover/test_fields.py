"""What a template is told about a grant."""

from dataclasses import replace
from datetime import timedelta, timezone

import pytest

from bot import limits
from bot.handover.fields import fields_of, file_name_of
from storage.records import Grant, GrantId, GrantState, Place, ServerName
from tests.bot.access.kit import make_server
from tests.bot.handover.kit import FIELDS, NOW

SERVER = make_server(ServerName("berlin"))
GRANT = Grant(
    id=GrantId("g-1"),
    request_id=None,
    user_id=None,
    server=SERVER.name,
    common_name="anna-k3m9",
    serial="7f",
    places=(Place(SERVER.name, None),),
    state=GrantState.RESERVED,
    not_before=NOW,
    not_after=NOW + timedelta(days=7),
)


def test_a_grant_as_templates_see_it() -> None:
    assert fields_of(GRANT, SERVER, "Anna Petrova") == FIELDS


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Anna\nremote evil.example 1194", "Anna remote evil.example 1194"),
        ("Anna\r\n\u2028\u202easkpass\x00", "Anna askpass"),
        ("x" * 65, "x" * 63 + "…"),
    ],
)
def test_a_name_is_no_line_of_its_own(name: str, shown: str) -> None:
    assert fields_of(GRANT, SERVER, name).name == shown


def test_grants_of_one_server_never_look_the_same() -> None:
    other = fields_of(replace(GRANT, common_name="anna-x7p2"), SERVER, "Anna Petrova")
    assert other.friendly_name == "berlin (anna-x7p2)"
    assert other.file_name == "berlin-anna-x7p2.ovpn"
    assert other.archive_name == "berlin-anna-x7p2.zip"


def test_a_long_file_name_keeps_the_end_that_tells_it_from_others() -> None:
    grant = replace(GRANT, server=ServerName("b" * 32))
    names = {file_name_of(replace(grant, common_name=f"{'a' * 40}-k3m9x2p{n}")) for n in (4, 5)}
    stem = f"{'b' * 32}-{'a' * 18}-k3m9x2p"
    assert names == {f"{stem}4.ovpn", f"{stem}5.ovpn"}
    assert len(stem) + 1 == limits.FILE_STEM
    assert file_name_of(replace(grant, common_name="anna")) == f"{'b' * 32}-anna.ovpn"


def test_times_are_written_in_utc() -> None:
    there = timezone(timedelta(hours=5))
    fields = replace(FIELDS, not_before=NOW.astimezone(there))
    words = fields.as_json()["words"]
    assert words["not_before_text"] == "2026-03-02 09:31 UTC"
    assert words["until_text"] == "2026-03-09 09:31 UTC"
