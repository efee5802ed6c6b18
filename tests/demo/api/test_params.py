"""Parameters from every place that a client may put them in."""

from io import BytesIO

import aiohttp
import pytest

from demo.api.params import MAX_UPLOAD_BYTES
from demo.server import DemoServer
from tests.demo.conftest import ALICE, Api

KEYS = '{"inline_keyboard": [[{"text": "Go", "callback_data": "go"}]]}'


async def test_query_string(server: DemoServer, api: Api) -> None:
    params = {"chat_id": str(ALICE), "text": "Hi", "reply_markup": KEYS}
    async with api.session.get(f"{api.base}/sendMessage", params=params) as response:
        assert response.status == 200

    assert server.person(ALICE).messages[0].buttons[0][0].text == "Go"


async def test_form(server: DemoServer, api: Api) -> None:
    form = {"chat_id": str(ALICE), "text": "Hi", "reply_markup": KEYS}
    async with api.session.post(f"{api.base}/sendMessage", data=form) as response:
        assert response.status == 200

    assert server.person(ALICE).messages[0].buttons[0][0].text == "Go"


async def test_the_body_wins_over_the_query_string(server: DemoServer, api: Api) -> None:
    url = f"{api.base}/sendMessage?chat_id={ALICE}&text=query"
    async with api.session.post(url, json={"text": "body"}) as response:
        assert response.status == 200

    assert server.person(ALICE).messages[0].text == "body"


@pytest.mark.parametrize("field", ["document", "attached"])
async def test_multipart(server: DemoServer, api: Api, field: str) -> None:
    form = aiohttp.FormData()
    form.add_field("chat_id", str(ALICE))
    form.add_field("caption", "é")
    form.add_field(field, b"content", filename="a.ovpn", content_type="application/x-openvpn")
    if field != "document":
        form.add_field("document", f"attach://{field}")
    async with api.session.post(f"{api.base}/sendDocument", data=form) as response:
        answer = await response.json()

    assert answer["result"]["document"]["mime_type"] == "application/x-openvpn"
    (message,) = server.person(ALICE).messages
    assert message.document is not None
    assert (message.text, message.document.content) == ("é", b"content")


async def test_an_upload_of_50_mb_is_the_limit(server: DemoServer, api: Api) -> None:
    form = aiohttp.FormData()
    form.add_field("chat_id", str(ALICE))
    form.add_field("document", BytesIO(bytes(MAX_UPLOAD_BYTES + 1)), filename="big")
    async with api.session.post(f"{api.base}/sendDocument", data=form) as response:
        answer = await response.json()

    assert answer == {"ok": False, "error_code": 413, "description": "Request Entity Too Large"}
    assert server.person(ALICE).messages == []


@pytest.mark.parametrize(
    ("body", "refusal"),
    [("{", "can't parse JSON object"), ("[]", "object expected")],
)
async def test_bad_json_bodies(api: Api, body: str, refusal: str) -> None:
    headers = {"Content-Type": "application/json"}
    async with api.session.post(f"{api.base}/getMe", data=body, headers=headers) as response:
        answer = await response.json()

    assert answer["description"] == f"Bad Request: {refusal}"


async def test_an_empty_json_body(api: Api) -> None:
    headers = {"Content-Type": "application/json"}
    async with api.session.post(f"{api.base}/getMe", data=" ", headers=headers) as response:
        assert response.status == 200
