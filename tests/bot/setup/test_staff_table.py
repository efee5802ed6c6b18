"""Tables of the staff, good and bad: half a table is none."""

import pytest

from bot.setup.staff_table import MOST_ROWS, BadTable, read_table

GOOD = {1001: "Anna Petrova", 1002: "Zoë Ek"}


@pytest.mark.parametrize(
    "text",
    [
        "id,name\n1001,Anna Petrova\n1002,Zoë Ek\n",
        "\ufeffid;name\r\n1001;Anna Petrova\r\n\r\n1002;Zoë Ek",
        "Name\tID\nAnna  Petrova\t 1001\nZoë Ek\t1002",
        'ID,"Name"\n1001,"Anna Petrova"\n"1002",Zoë Ek\n,\n',
    ],
)
def test_tables_as_they_are_written(text: str) -> None:
    assert read_table(text).people == GOOD


def test_columns_that_mean_nothing_are_named() -> None:
    table = read_table("email,id,name\na@x,1001,Anna\n")
    assert (table.people, table.passed_over) == ({1001: "Anna"}, ("email",))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "id and name"),
        ("1001,Anna\n", "Line 1 has to name the columns"),
        ("id,mail\n1001,a@x\n", "it needs: name"),
        ("id,name,name\n1001,Anna,Petrova\n", "it needs: name"),
        ("id,name\n", "nobody in it"),
        ("id,name\n1001,Anna\n1001,Bob\n", "Line 3: the id 1001 is there a second time"),
        ("id,name\n1001\n", "Line 2 has too few columns"),
        ("id,name\nanna,Anna\n", "“anna” isn't a Telegram id"),
        ("id,name\n-5,Anna\n", "isn't a Telegram id"),
        ("id,name\n1001,\u200b\n", "there is no name"),
        ('id,name\n1001,"=HYPERLINK(""http://x"")"\n', "begins as a formula does"),
        ("id,name\n1001,@anna\n", "begins as a formula does"),
        ('id,name\n1001,"Anna\n1002,Bob\n', "isn't a row of a table"),
        ('id,name\n1001,"Anna\n1002,Bob\n1003,""Carl"\n', "goes over several lines"),
    ],
)
def test_what_is_wrong_is_said_by_its_line(text: str, words: str) -> None:
    with pytest.raises(BadTable) as caught:
        read_table(text)
    assert words in " ".join(caught.value.faults)


def test_as_many_as_a_company_has() -> None:
    rows = [f"{number},P {number}" for number in range(1, MOST_ROWS + 1)]
    assert len(read_table("id,name\n" + "\n".join(rows)).people) == MOST_ROWS
    with pytest.raises(BadTable, match="more than"):
        read_table("id,name\n" + "\n".join([*rows, "99999,One More"]))
