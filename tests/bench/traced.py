"""`vpnbot run`, which notes our functions between a tap on Approve and the profile's departure.

A program of its own, run by its path: beside ours it imports the standard library only, and the
library's HTTP request, where a stretch begins and ends. One line of JSON for each.
"""

import json
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from telegram.request import HTTPXRequest

_ROOT = Path(__file__).resolve().parents[2]
_ROOMS = tuple(f"{_ROOT / room}/" for room in ("bot", "vpn", "pki", "storage"))
_Request = Callable[..., Any]


class Stretch:
    """From the answer that holds a tap on Approve to the call that sends a document."""

    def __init__(self, report: Path) -> None:
        self._report = report
        self._is_on = False
        self._is_ours: dict[CodeType, bool] = {}
        self._calls: dict[CodeType, int] = {}
        self._depth = 0
        # A coroutine is entered anew whenever it goes on; it was called once. Kept, so that no
        # other frame gets the same place in memory.
        self._frames: dict[int, FrameType] = {}

    def note(self, frame: FrameType, _event: str, _argument: object) -> None:
        """What `sys.settrace` calls for each function; the less it does, the less it disturbs."""
        code = frame.f_code
        is_ours = self._is_ours.get(code)
        if is_ours is None:
            is_ours = self._is_ours[code] = _is_ours(code)
        if not is_ours or not self._is_on or id(frame) in self._frames:
            return
        self._frames[id(frame)] = frame
        if code not in self._calls:
            self._depth = max(self._depth, _depth(frame))
        self._calls[code] = self._calls.get(code, 0) + 1

    def around(self, request: _Request) -> _Request:
        """The library's HTTP request, which begins a stretch with its answer, or ends one."""

        async def do_request(api: Any, url: str, *args: Any, **kwargs: Any) -> Any:
            if self._is_on and url.endswith("/sendDocument"):
                self._end()
            status, body = await request(api, url, *args, **kwargs)
            if "/getUpdates" in url and b'"data":"ap:' in body.replace(b'": "', b'":"'):
                self._is_on = True
            return status, body

        return do_request

    def _end(self) -> None:
        self._is_on = False
        functions = [
            (str(Path(code.co_filename).relative_to(_ROOT)), code.co_qualname, calls)
            for code, calls in self._calls.items()
        ]
        with self._report.open("a") as report:
            report.write(json.dumps({"depth": self._depth, "functions": functions}) + "\n")
        self._calls.clear()
        self._frames.clear()
        self._depth = 0


def _is_ours(code: CodeType) -> bool:
    # Neither what a comprehension makes, nor a module that is imported.
    return code.co_filename.startswith(_ROOMS) and (
        not code.co_name.startswith("<") or code.co_name == "<lambda>"
    )


def _depth(frame: FrameType | None) -> int:
    """How many of our functions stand above each other, this one included."""
    depth = 0
    while frame is not None:
        depth += _is_ours(frame.f_code)
        frame = frame.f_back
    return depth


if __name__ == "__main__":
    # The program that lies beside this file, whichever is installed.
    sys.path.insert(0, str(_ROOT))
    stretch = Stretch(Path(sys.argv.pop(1)))
    HTTPXRequest.do_request = stretch.around(HTTPXRequest.do_request)  # type: ignore[method-assign]
    threading.settrace(stretch.note)
    sys.settrace(stretch.note)

    from bot.cli.main import main

    main()
