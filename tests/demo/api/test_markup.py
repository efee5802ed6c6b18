"""HTML and typed text, as text with UTF-16 entities."""

import pytest

from demo.api.markup import parse_html, typed
from demo.errors import ApiError


def entity(kind: str, offset: int, length: int, **more: object) -> dict[str, object]:
    return {"type": kind, "offset": offset, "length": length, **more}


@pytest.mark.parametrize(
    ("tag", "kind"),
    [
        ("b", "bold"),
        ("strong", "bold"),
        ("i", "italic"),
        ("em", "italic"),
        ("u", "underline"),
        ("ins", "underline"),
        ("s", "strikethrough"),
        ("del", "strikethrough"),
        ("tg-spoiler", "spoiler"),
        ("code", "code"),
        ("pre", "pre"),
        ("blockquote", "blockquote"),
    ],
)
def test_simple_tags(tag: str, kind: str) -> None:
    parsed = parse_html(f"a <{tag}>bc</{tag}> d")

    assert parsed.text == "a bc d"
    assert parsed.entities == (entity(kind, 2, 2),)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('<a href="https://a.test/?x=1&amp;y=2">x</a>', "https://a.test/?x=1&y=2"),
        ("<a href='tg://resolve'>x</a>", "tg://resolve"),
        ("<a>https://a.test/</a>", "https://a.test/"),
    ],
)
def test_links(source: str, expected: str) -> None:
    (link,) = parse_html(source).entities

    assert (link["type"], link["url"]) == ("text_link", expected)


def test_a_link_to_nowhere_is_text() -> None:
    assert parse_html('<a href="javascript:alert(1)">x</a>').entities == ()


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("<blockquote expandable>x</blockquote>", entity("expandable_blockquote", 0, 1)),
        ('<span class="tg-spoiler">x</span>', entity("spoiler", 0, 1)),
        ('<tg-emoji emoji-id="5">x</tg-emoji>', entity("custom_emoji", 0, 1, custom_emoji_id="5")),
        ('<tg-time unix="7">x</tg-time>', entity("date_time", 0, 1, unix_time=7)),
        (
            '<tg-time unix="7" format="wDT">x</tg-time>',
            entity("date_time", 0, 1, unix_time=7, date_time_format="wDT"),
        ),
        (
            '<pre><code class="language-sh">x</code></pre>',
            entity("pre", 0, 1, language="sh"),
        ),
        ('<code class="language-sh">x</code>', entity("code", 0, 1)),
    ],
)
def test_special_tags(source: str, expected: dict[str, object]) -> None:
    assert parse_html(source).entities == (expected,)


def test_a_span_of_no_known_class_is_text() -> None:
    assert parse_html("<span class='x'>y</span>").entities == ()


def test_code_beside_other_text_in_a_block_stays_apart() -> None:
    kinds = [found["type"] for found in parse_html("<pre>a <code>b</code></pre>").entities]

    assert kinds == ["pre", "code"]


def test_offsets_count_utf16_units() -> None:
    parsed = parse_html("😀 <b>né</b> 🎉<i>x</i>")

    assert parsed.entities == (entity("bold", 3, 2), entity("italic", 8, 1))


def test_nested_entities_come_from_the_outside_in() -> None:
    parsed = parse_html("<b>a<i>b</i></b>")

    assert parsed.entities == (entity("bold", 0, 2), entity("italic", 1, 1))


def test_outer_blanks_go_and_move_the_entities() -> None:
    parsed = parse_html("\n <b> a</b>b <i> </i>\n")

    assert parsed.text == "a" + "b"
    assert parsed.entities == (entity("bold", 0, 1),)


def test_references() -> None:
    assert parse_html("&lt;b&gt; &amp;amp; &quot;&#65;&#x42; &copy; & x").text == (
        '<b> &amp; "AB &copy; & x'
    )


@pytest.mark.parametrize(
    ("source", "refusal"),
    [
        ("é<x>y</x>", 'Unsupported start tag "x" at byte offset 2'),
        ("1 < 2", 'Unsupported start tag "" at byte offset 2'),
        ("<b>x", 'Can\'t find end tag corresponding to start tag "b"'),
        ("x</b>", "Unexpected end tag at byte offset 1"),
        ("<b>x</i>", 'Unmatched end tag at byte offset 4, expected "</b>", found "</i>"'),
        ("<tg-time>x</tg-time>", "Wrong date-time identifier specified"),
    ],
)
def test_bad_html_is_refused_in_telegrams_words(source: str, refusal: str) -> None:
    with pytest.raises(ApiError) as caught:
        parse_html(source)

    assert caught.value.code == 400
    assert caught.value.description == f"Bad Request: can't parse entities: {refusal}"


def test_typed_text_has_commands_links_and_mentions() -> None:
    said = typed("  /revoke@some_bot @alice_1 see https://a.test/x, not a/b or me@a.test ")

    assert said.text == "/revoke@some_bot @alice_1 see https://a.test/x, not a/b or me@a.test"
    assert said.entities == (
        entity("bot_command", 0, 16),
        entity("mention", 17, 8),
        entity("url", 30, 16),
    )


def test_typed_tags_stay_text() -> None:
    assert typed("<b>x</b>").text == "<b>x</b>"


def test_commands_are_found_in_marked_text_but_not_in_code() -> None:
    parsed = parse_html("<b>/help</b> <code>/revoke</code>")

    assert [found["type"] for found in parsed.entities] == ["bold", "bot_command", "code"]
