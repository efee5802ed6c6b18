"""What a profile may be for."""

from enum import StrEnum


class Device(StrEnum):
    PHONE = "phone"
    TABLET = "tablet"
    LAPTOP = "laptop"
    DESKTOP = "desktop"
    OTHER = "other"
