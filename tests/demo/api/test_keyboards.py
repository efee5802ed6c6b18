"""What Telegram takes as an inline keyboard."""

from typing import Any

import pytest

from demo.api.keyboards import Picker, inline_keyboard, picker
from demo.errors import ApiError


def one(**button: Any) -> dict[str, Any]:
    return {"inline_keyboard": [[{"text": "x", **button}]]}


@pytest.mark.parametrize(
    "action",
    [
        {"callback_data": "é" * 32},
        {"url": "https://a.test/"},
        {"copy_text": {"text": "y" * 256}},
        {"callback_data": "a", "style": "success"},
    ],
)
def test_a_good_button_is_kept_as_it_is(action: dict[str, Any]) -> None:
    assert inline_keyboard(one(**action)) == (({"text": "x", **action},),)


@pytest.mark.parametrize("markup", [None, {}, {"remove_keyboard": True}, {"inline_keyboard": [[]]}])
def test_no_inline_keyboard(markup: Any) -> None:
    assert inline_keyboard(markup) == ()


@pytest.mark.parametrize(
    ("markup", "refusal"),
    [
        ([], None),
        ("x", "object expected as reply markup"),
        ({"inline_keyboard": [{}]}, "Array of Arrays"),
        ({"inline_keyboard": [["x"]]}, "must be an Object"),
        ({"inline_keyboard": [[{"callback_data": "x"}]]}, 'Field "text"'),
        ({"inline_keyboard": [[{"text": " ", "callback_data": "x"}]]}, 'Field "text"'),
        (one(), "Text buttons are unallowed"),
        (one(callback_data="x", url="https://a.test"), "Text buttons are unallowed"),
        (one(callback_data=""), "BUTTON_DATA_INVALID"),
        (one(callback_data="é" * 33), "BUTTON_DATA_INVALID"),
        (one(callback_data=5), "BUTTON_DATA_INVALID"),
        (one(url="ftp://a.test"), "Wrong HTTP URL"),
        (one(copy_text={"text": "y" * 257}), "BUTTON_COPY_TEXT_INVALID"),
        (one(copy_text="y"), "BUTTON_COPY_TEXT_INVALID"),
        (one(callback_data="x", style="loud"), "invalid button style"),
        ({"inline_keyboard": one(callback_data="x")["inline_keyboard"] * 101}, "too long"),
    ],
)
def test_bad_keyboards_are_refused(markup: Any, refusal: str | None) -> None:
    if refusal is None:
        assert inline_keyboard(markup) == ()
        return
    with pytest.raises(ApiError, match="Bad Request") as caught:
        inline_keyboard(markup)

    assert refusal in caught.value.description


def asking(**wanted: Any) -> dict[str, Any]:
    button = {"text": "Pick", "request_users": {"request_id": 7, **wanted}}
    return {"keyboard": [[{"text": "other"}], [button]]}


def test_a_button_that_asks_for_people() -> None:
    assert picker(asking()) == Picker("Pick", 7, 1)
    assert picker(asking(max_quantity=10)) == Picker("Pick", 7, 10)
    for markup in (None, "x", {}, {"remove_keyboard": True}, {"keyboard": [[{"text": "x"}]]}):
        assert picker(markup) is None


@pytest.mark.parametrize(
    "markup",
    [{"keyboard": "x"}, {"keyboard": [["x"]]}, {"keyboard": [[{}]]}, asking(max_quantity=11)],
)
def test_a_bad_one_is_refused(markup: Any) -> None:
    with pytest.raises(ApiError, match="Bad Request"):
        picker(markup)
