"""What is said of profiles that are to last for longer."""

from bot.access.refusals import Refusal

BUTTON = "More time"
BUTTON_FOR = "More time for {server}"
# On the admins' card.
CARD_TITLE = "<b>Request {id}</b>: {name} asks for more time"
CARD = "More time for <code>{common_name}</code>, which works until {until}"
CARD_OVER = "More time for <code>{common_name}</code>, which has ended meanwhile"
CARD_NOTHING = (
    "⚠️ By the settings in force nothing can be given that lasts for longer than that profile"
)
# In the requester's own message.
ASKED = (
    "It’s for more time: a new profile comes when it’s approved. Yours works on meanwhile, until "
    "{until}."
)
# Below the new profile.
CAPTION_FIRST = "More time was approved. This is your new profile for <b>{server}</b>."
CAPTION_EARLIER = (
    "Your earlier one, <code>{file}</code>, works until you’ve connected with this one, and not "
    "beyond {until}."
)
# Before the end, and what is left of that message.
ENDS_SOON = (
    "⏳ Your access to <b>{server}</b> ends in {span}: {until}. Profile <code>{file}</code>."
)
ENDS_SOON_MORE = "If you need it for longer, tap More time."
ENDS_SOON_ASKED = "You’ve asked for more time; nobody has decided yet."
ENDS_SOON_IMPORTED = (
    "⏳ Your earlier VPN profile <code>{common_name}</code> ends in {span}: {until}. Ask for a new "
    "one if you still need it."
)
ENDS_LATER = "You have a newer profile for <b>{server}</b>; it works until {until}."
STILL_ENDS = "Your profile works until {until}, once your VPN access is back."
ENDED = "This profile has ended."
MY_UNTIL_USED = "ends once you’ve connected with your newer one"
REFUSALS: dict[Refusal, str] = {
    Refusal.MORE_TIME_GIVEN: (
        "You have a newer profile for {server} already, and it works until {until}. /myvpn shows "
        "it."
    ),
    Refusal.NO_MORE_TIME: (
        "Your profile for {server} works until {until}, and by the settings nobody can give you "
        "more than that now. Ask again nearer to its end."
    ),
}
