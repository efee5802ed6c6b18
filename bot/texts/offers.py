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
# Beside the name of a profile, in a list.
DEVICE_NAMES: dict[Device, str] = {
    Device.PHONE: "phone",
    Device.TABLET: "tablet",
    Device.LAPTOP: "laptop",
    Device.DESKTOP: "desktop computer",
    Device.OTHER: "other device",
}
CARD_DEVICE: dict[Device, str] = {
    Device.PHONE: "For another device: <b>phone</b>",
    Device.TABLET: "For another device: <b>tablet</b>",
    Device.LAPTOP: "For another device: <b>laptop</b>",
    Device.DESKTOP: "For another device: <b>desktop computer</b>",
    Device.OTHER: "For <b>another device</b>",
}
ASKED_DEVICE: dict[Device, str] = {
    Device.PHONE: "It’s for your phone; what you have works on.",
    Device.TABLET: "It’s for your tablet; what you have works on.",
    Device.LAPTOP: "It’s for your laptop; what you have works on.",
    Device.DESKTOP: "It’s for your desktop computer; what you have works on.",
    Device.OTHER: "It’s for another device; what you have works on.",
}
CAPTION_DEVICE: dict[Device, str] = {
    Device.PHONE: "It’s for your phone.",
    Device.TABLET: "It’s for your tablet.",
    Device.LAPTOP: "It’s for your laptop.",
    Device.DESKTOP: "It’s for your desktop computer.",
    Device.OTHER: "It’s for another device.",
}
