"""What counts as an answer of the Bot API, and the updates in it, one by one."""

import json

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from telegram.error import BadRequest, RetryAfter

from bot.chat.wire import BotApi, NotTelegram, OddResult, UpdatesApi, read_json, updates_in

DEEP = "[" * 5000 + "]" * 5000


def refusal(code: object, **more: object) -> str:
    return json.dumps({"ok": False, "error_code": code, "description": "no", **more})


@pytest.mark.parametrize(
    ("status", "body", "judged"),
    [
        (200, '{"ok": true, "result": null}', 200),
        # The body decides: a proxy may put another status around it, or another content type.
        (503, '{"result": 1, "ok": true}', 200),
        (200, refusal(403), 403),
        (502, refusal(400), 400),
        (404, refusal(None), 404),
        (403, refusal("403"), 403),
        (403, refusal(10**30), 403),
        (200, refusal(200), 500),
        (200, refusal(399), 500),
        (200, refusal(599), 599),
        (200, refusal(600), 500),
        (400, refusal(None), 400),
        (404, '{"ok": false, "description": "Not Found"}', 404),
        (500, refusal(500, parameters="none"), 500),
        (400, refusal(400, parameters={"migrate_to_chat_id": "x"}), 400),
    ],
)
def test_answers_of_the_bot_api(status: int, body: str, judged: int) -> None:
    code, kept = BotApi().judge(status, body, "deleteWebhook")
    assert code == judged
    if code != 200:
        assert json.loads(kept) == {"ok": False, "description": json.loads(body)["description"]}


@pytest.mark.parametrize(
    "body",
    [
        *("", " ", "<h1>Forbidden</h1>", "null", "[]", "5", '"ok"', "{", "\0", DEEP, "NaN"),
        *('{"error": "blocked"}', '{"ok": false}', '{"ok": true}', '{"ok": 1, "result": 1}'),
        *('{"ok": "true", "result": 1}', '{"ok": null, "description": "no"}'),
        *('{"ok": false, "description": 5}', '{"ok": true, "result": 1}}'),
    ],
)
@pytest.mark.parametrize("api", [BotApi(), UpdatesApi()])
def test_what_somebody_on_the_way_wrote(api: BotApi, body: str) -> None:
    with pytest.raises(NotTelegram) as caught:
        api.judge(403, body, "getUpdates")
    assert caught.value.status == 403


MESSAGE = {"message_id": 7, "date": "x", "chat": [], "entities": 5}
NO_MESSAGES: list[object] = [None, True, "x", [], [MESSAGE], {}]
NO_BOTS: list[object] = [None, True, "vpn_bot", [], {}, {"username": None}]
NO_WEBHOOKS: list[object] = [None, [], {"url": None}, {}]


@pytest.mark.parametrize(
    ("method", "result", "used"),
    [
        # Whatever else they say, it is never read.
        ("sendMessage", MESSAGE, 7),
        ("sendDocument", MESSAGE | {"document": "x"}, 7),
        ("sendMessage", {"message_id": 0}, 0),
        *(("sendMessage", odd, None) for odd in NO_MESSAGES),
        *(("sendDocument", {"message_id": odd}, None) for odd in (True, "7", 7.0, -1, 2**64)),
        ("getMe", {"username": "vpn_bot", "id": []}, "vpn_bot"),
        *(("getMe", odd, None) for odd in NO_BOTS),
        *(("getMe", {"username": odd}, None) for odd in (5, "", "a b", "\x1b[2J", "x" * 999)),
        ("getWebhookInfo", {"url": "https://x"}, "https://x"),
        *(("getWebhookInfo", odd, None) for odd in NO_WEBHOOKS),
        ("getFile", {"file_path": "documents/1.csr"}, "documents/1.csr"),
        *(("getFile", {"file_path": odd}, None) for odd in (None, "", 5, ["x"])),
    ],
)
def test_only_what_is_used_of_a_result_has_to_be_there(
    method: str, result: object, used: object
) -> None:
    body = json.dumps({"ok": True, "result": result})
    if used is None:
        with pytest.raises(OddResult):
            BotApi().judge(200, body, method)
        return
    kept = json.loads(BotApi().judge(200, body, method)[1])["result"]
    assert used in kept.values()


@pytest.mark.parametrize("method", ["editMessageText", "answerCallbackQuery", "setMyCommands"])
@pytest.mark.parametrize("result", [None, False, "x", [], {"message_id": "x"}])
def test_of_these_nothing_is_used(method: str, result: object) -> None:
    body = json.dumps({"ok": True, "result": result})
    assert json.loads(BotApi().judge(200, body, method)[1])["result"] is True


def test_the_words_of_a_refusal_are_short_and_can_be_kept() -> None:
    body = refusal(400).replace("no", "\\ud800" + "x" * 9000)
    kept = json.loads(BotApi().judge(400, body, "sendMessage")[1])
    assert kept["description"] == "?" + "x" * 299


@pytest.mark.parametrize(
    ("parameters", "seconds"),
    [
        ({"retry_after": 7}, 7),
        ({"retry_after": 0.5}, 0.5),
        ({"retry_after": -3}, 0),
        ({"retry_after": 10**19}, 365 * 86_400),
        ({"retry_after": 10**40}, 0),
        ({"retry_after": float("nan")}, 0),
        ({"retry_after": float("inf")}, 0),
        ({"retry_after": "soon"}, 0),
        ({"retry_after": None}, 0),
        ({"retry_after": True}, 0),
        ({}, 0),
        (None, 0),
        ([7], 0),
        ("7", 0),
    ],
)
def test_too_many(parameters: object, seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PTB_TIMEDELTA", "1")  # as `connect` does it
    for api in (BotApi(), UpdatesApi()):
        with pytest.raises(RetryAfter) as caught:
            api.judge(200, refusal(429, parameters=parameters), "getUpdates")
        assert caught.value._retry_after.total_seconds() == seconds


@pytest.mark.parametrize("code", [402, 405, 406, 408, 411, 413, 414, 415, 418, 420, 422, 431, 499])
def test_other_refusals_are_of_what_was_asked_for(code: int) -> None:
    with pytest.raises(BadRequest):
        BotApi().judge(code, refusal(code), "sendDocument")


@pytest.mark.parametrize(
    ("result", "found"),
    [
        ("[]", []),
        ("[ ]", []),
        ("[1]", ["1"]),
        ('[{"a": [1, {}]} ,\n {"b": "]},\\"{"}]', ['{"a": [1, {}]}', '{"b": "]},\\"{"}']),
        ('["x", nonsense, {1}, NaN,]', ['"x"', "nonsense", "{1}", "NaN"]),
        (f'[{DEEP}, {{"update_id": 1}}]', [DEEP, '{"update_id": 1}']),
        # What broke off is no update; what came before it is.
        ('[{"a": 1}, {"b"', ['{"a": 1}']),
        ('[{"a": 1}, "b', ['{"a": 1}']),
        ('["\0"]', ['"\ufffd"']),
    ],
)
def test_updates_as_they_came(result: str, found: list[str]) -> None:
    for body in (f'{{"ok":true,"result":{result}}}', f' {{ "ok" : true, "result" : {result}'):
        assert updates_in(body) == found
    whole = f'{{"x": {{"result": [2]}}, "result": {result}, "ok": true}}'
    if result.endswith("]"):
        assert updates_in(whole) == found


@pytest.mark.parametrize(
    "body",
    [
        *('{"ok":true,"result":{}}', '{"ok":true,"result":null}', '{"ok":true,"result":"[1]"}'),
        *('{"ok":true,"x":["result",[1]]}', '{"ok":false,"result":[1]}', '{"result":[1]}'),
        *('{"ok":true,"result":[', '{"ok":true,"result":[{"update_id":1', "[[1]]"),
    ],
)
def test_a_result_that_is_no_list(body: str) -> None:
    assert updates_in(body) is None
    with pytest.raises((NotTelegram, OddResult)):
        UpdatesApi().judge(200, body, "getUpdates")


def test_what_no_body_has_room_for_is_given_as_far_as_it_was_read() -> None:
    """It can be set aside by its number then, and the next ones follow."""
    begun = '{"update_id": 7, "x": "' + "y" * 100
    body = '{"ok":true,"result":[' + begun
    assert updates_in(body, is_cut=True) == [begun]
    assert updates_in(body) is None
    # What was read whole goes first; the rest comes with the next batch.
    assert updates_in('{"ok":true,"result":[1,' + begun, is_cut=True) == ["1"]
    assert updates_in('{"ok":true,"result":[', is_cut=True) is None
    api = UpdatesApi()
    api.longest = len(body)
    assert json.loads(api.judge(200, body, "getUpdates")[1])["result"] == [begun]
    api.longest += 1
    with pytest.raises(NotTelegram):
        api.judge(200, body, "getUpdates")
    many = ",".join(map(str, range(5000)))
    assert updates_in(f'{{"result":[{many}],"ok":true}}') == [str(n) for n in range(1000)]


def test_a_string_that_breaks_off_is_read_once() -> None:
    """Not once for each quote in it, which would take hours."""
    assert updates_in('{"ok":true,"result":[1,"' + '\\"' * 500_000) == ["1"]
    assert updates_in('{"ok":true,"result":[1,"' + '\\"' * 9 + "\\") == ["1"]


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@pytest.mark.long
@settings(max_examples=40)
@given(st.lists(_JSON), st.booleans())
def test_any_list_is_taken_apart(result: list[object], ascii_only: bool) -> None:
    body = json.dumps({"ok": True, "result": result}, ensure_ascii=ascii_only)
    found = updates_in(body)
    assert found is not None
    assert [json.dumps(json.loads(one)) for one in found] == [json.dumps(one) for one in result]


def test_numbers_that_are_too_long_are_none() -> None:
    longest = int("9" * 20)
    assert read_json(f"[1, {longest}, {'9' * 21}, {'9' * 5000}]") == [1, longest, None, None]


async def test_an_upload_goes_out_in_one() -> None:
    api = BotApi()
    upload = {"document": ("anna.ovpn", b"client\n" * 500)}
    request = httpx.Request("POST", "https://api.telegram.org/x", data={"a": "b"}, files=upload)
    for hook in api._client.event_hooks["request"]:
        await hook(request)
    assert isinstance(request.stream, httpx.AsyncByteStream)
    [whole] = [part async for part in request.stream]
    assert len(whole) == int(request.headers["Content-Length"])
