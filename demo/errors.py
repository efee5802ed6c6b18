"""What can go wrong in the demo.

DemoError
├── ApiError         a Bot API call that Telegram would refuse
├── NotHeard         what a test waited for was never said (an AssertionError as well)
├── NoSuchButton     nothing in the chat can be tapped under that name
├── NotPossible      a person cannot do that: the chat is not open, the message is not theirs
└── LabError         the network lab could not be set up or the server did not start
    └── LabRefused   the VPN client did not get in
"""


class DemoError(Exception):
    """The message is one line and says what to do."""


class ApiError(DemoError):
    """A refusal in the Bot API's own words; `retry_after` is in seconds."""

    def __init__(self, code: int, description: str, *, retry_after: int | None = None) -> None:
        super().__init__(f"{code} {description}")
        self.code = code
        self.description = description
        self.retry_after = retry_after

    def as_json(self) -> dict[str, object]:
        answer: dict[str, object] = {
            "ok": False,
            "error_code": self.code,
            "description": self.description,
        }
        if self.retry_after is not None:
            answer["parameters"] = {"retry_after": self.retry_after}
        return answer


def bad_request(description: str) -> ApiError:
    """The refusal that most mistakes lead to."""
    return ApiError(400, f"Bad Request: {description}")


class NotHeard(DemoError, AssertionError):
    """The bot did not say it in time."""


class NoSuchButton(DemoError, AssertionError):
    """No message has a button that begins so."""


class NotPossible(DemoError):
    """The person's own client would not let them do this."""


class LabError(DemoError):
    """The lab, or the OpenVPN server in it, could not be started."""


class LabRefused(LabError):
    """The VPN client was not let in; the message has OpenVPN's reason."""
