"""What is said to whoever asks for VPN access and has it already; and devices by name."""

from storage.devices import Device

HAVE_ONE = "You have <b>{name}</b> until {until}."
WHAT = "What do you need?"
WHICH_DEVICE = "Which device is it for?"
BUTTON_MORE_TIME = "More time: {name}"
BUTTON_LOST = "New profile for a lost one: {name}"
BUTTON_DEVICE = "Another device"
BUTTON_SERVER = "Another server"
BUTTON_NOTHING = "Nothing"
# On buttons.
DEVICES: dict[Device, str] = {
    Device.PHONE: "Phone",
    Device.TABLET: "Tablet",
    Device.LAPTOP: "Laptop",
    Device.DESKTOP: "Desktop computer",
    Device.OTHER: "Something else",
}
# In the middle of a sentence, and in brackets.
DEVICE_NAMES: dict[Device, str] = {
    Device.PHONE: "phone",
    Device.TABLET: "tablet",
    Device.LAPTOP: "laptop",
    Device.DESKTOP: "desktop computer",
    Device.OTHER: "other device",
}
CARD_DEVICE = "For another device: <b>{device}</b>"
ASKED_DEVICE = "It’s for your {device}; what you have works on."
CAPTION_DEVICE = "It’s for your {device}."
