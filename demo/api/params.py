"""The parameters of a Bot API call, wherever the client has put them.

Query string, form, multipart and JSON body are merged: python-telegram-bot sends a form with
nested objects as JSON text, others use the query string or a JSON body.
https://core.telegram.org/bots/api#making-requests
"""

import json
from dataclasses import dataclass, field
from typing import Any

from aiohttp import BodyPartReader, web

from demo.errors import ApiError, bad_request

MAX_UPLOAD_BYTES = 50 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """A part of a multipart body that carries a file; it never touches the disk."""

    name: str
    mime_type: str
    content: bytes = field(repr=False)


class Params:
    """Reads each parameter as the type that the method wants; raises ApiError."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.values = values

    def text(self, name: str, default: str = "") -> str:
        value = self.values.get(name, default)
        return value if isinstance(value, str) else str(value)

    def integer(self, name: str, default: int = 0) -> int:
        try:
            return int(self.values.get(name, default))
        except (TypeError, ValueError) as error:
            raise bad_request(f"parameter {name} must be an integer") from error

    def flag(self, name: str) -> bool:
        return str(self.values.get(name, "")).lower() in {"true", "1", "yes"}

    def structure(self, name: str) -> Any:
        """An object or a list, given as such or as JSON text; None where it is left out."""
        value = self.values.get(name)
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value) if value else None
        except ValueError as error:
            raise bad_request(f"can't parse {name} JSON object") from error

    def chat_id(self) -> int:
        if self.text("chat_id") == "":
            raise bad_request("chat_id is empty")
        try:
            return int(self.text("chat_id"))
        except ValueError as error:
            raise bad_request("chat not found") from error

    def file(self, name: str) -> UploadedFile:
        """An uploaded file; ids of earlier ones, and addresses, are refused as unknown."""
        value = self.values.get(name)
        if isinstance(value, str) and value.startswith("attach://"):
            value = self.values.get(value.removeprefix("attach://"))
        if value is None or value == "":
            raise bad_request(f"there is no {name} in the request")
        if not isinstance(value, UploadedFile):
            raise bad_request("wrong file identifier/HTTP URL specified")
        return value


async def read_params(request: web.Request) -> Params:
    """Merges all places; the body wins over the query string."""
    values: dict[str, Any] = dict(request.query)
    if request.content_type == "multipart/form-data":
        values |= await _multipart(request)
    elif request.content_type == "application/json":
        values |= await _json_body(request)
    elif request.content_type == "application/x-www-form-urlencoded":
        values |= dict(await request.post())
    return Params(values)


async def _json_body(request: web.Request) -> dict[str, Any]:
    text = await request.text()
    try:
        body = json.loads(text) if text.strip() else {}
    except ValueError as error:
        raise bad_request("can't parse JSON object") from error
    if not isinstance(body, dict):
        raise bad_request("object expected")
    return body


async def _multipart(request: web.Request) -> dict[str, Any]:
    values: dict[str, Any] = {}
    async for part in await request.multipart():
        if isinstance(part, BodyPartReader) and part.name:
            values[part.name] = await _part(part)
    return values


async def _part(part: BodyPartReader) -> str | UploadedFile:
    content = bytearray()
    size = 0
    while chunk := await part.read_chunk(65536):
        size += len(chunk)
        # Read to the end even so: a client that is still sending would not see the refusal.
        if size <= MAX_UPLOAD_BYTES:
            content += chunk
    if size > MAX_UPLOAD_BYTES:
        raise ApiError(413, "Request Entity Too Large")
    if part.filename is None:
        return content.decode()
    mime_type = part.headers.get("Content-Type", "application/octet-stream")
    return UploadedFile(part.filename, mime_type, bytes(content))
