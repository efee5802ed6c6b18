"""What a case writes into the audit trail."""

from tests.bot.access.kit import OPERATOR, Noted, Paper


async def test_a_name_that_is_no_text_is_escaped(paper: Paper) -> None:
    async with paper.database.writing() as tx:
        case = paper.case(tx, OPERATOR)
        await case.record("test", "subject", file="\udcff", names=["caf\udce9", "plain"], count=2)
    detail = {"name": "olga", "file": "\\udcff", "names": ["caf\\udce9", "plain"], "count": 2}
    assert await paper.noted() == [Noted(OPERATOR.key, "test", "subject", detail)]


async def test_what_a_row_is_about_is_noted_with_it(paper: Paper) -> None:
    grant = await paper.active()
    request = await paper.asked()
    await paper.forget()
    async with paper.database.writing() as tx:
        case = paper.case(tx, OPERATOR)
        await case.record("grant.test", grant, why="because")
        await case.record("request.test", request)
    about_grant, about_request = await paper.noted()
    assert about_grant.subject == f"grant:{grant.id}"
    assert about_grant.detail == {
        "name": "olga",
        "user_id": grant.user_id,
        "serial": grant.serial,
        "common_name": grant.common_name,
        "why": "because",
    }
    assert about_request.subject == f"request:{request.id}"
    assert about_request.detail == {"name": "olga", "server": "berlin", "duration": "1w"}
