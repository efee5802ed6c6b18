"""What people in the town call each other, say and tap; and the settings that they live under."""

import string

from tests.gate.case import Laws

ADMINS = (2001, 2002, 2003)
MEMBERS = (1001, 1002, 1003)
STRANGERS = (3001, 3002)
SECOND_ACCOUNT = 4001
ALL = (*ADMINS, *MEMBERS, *STRANGERS, SECOND_ACCOUNT)
SETTINGS = (
    Laws(ADMINS),
    Laws(ADMINS, approvals=2),
    Laws((2001, 2002)),
    Laws((2002, 2003, SECOND_ACCOUNT), approvals=2),
    Laws((2001, 2002, SECOND_ACCOUNT), approvals=2, default_duration=86_400),
    Laws(ADMINS, long_duration=3 * 86_400),
    Laws((*ADMINS, 1001), approvals=3),
    Laws((*ADMINS, SECOND_ACCOUNT), approvals=3),
    Laws((2003,), max_duration=86_400, default_duration=3600),
)
# Most of the time somebody types at a person's pace, now and then as a script would.
PAUSES = (3, 0, 0, 2, 3, 5, 9, 30)
DURATIONS = (
    "",
    "",
    "30m",
    "8h",
    "7d",
    "2w",
    "30d",
    "31d",
    "0d",
    "9x",
    "99999w",
    "7d 8h",
    "-1d",
    "9 x",
)
BEGINNINGS = ("from tomorrow 9:00", "from 23:55", "from tomorrow 0:05", "from wed")
PLACES = ("berlin", "", "", "paris", "Berlin", "rome")
NAMES = ("Anna", "Boris", "Ann Na", "<b>x</b>", "\u202e", "2001", "@u2001", "")
REASONS = ("", "customer visit", "/approve", "<i>", "berlin 30d", "\u202eabc")
PLAIN = (
    *("/start", "/help", "/myvpn", "/pending", "/grants", "/users", "/servers", "/audit"),
    "/online",
    "/role",
    *("/away", "/away until 2d", "/away 2d", "/away back"),
    "/group",
)
WORST = ("/revoke 1001", "/requestvpn 1h berlin", "/allow 3001 Eve", "/remove 1002", "/start")
SLIPS = ("/requestvpm 7d berlin", "/requestvpn -1d", "vpn pls", "/revok 1001", "requestvpn paris")
LETTERS = string.ascii_letters + string.digits + " :/-_@\u00e9\u202e\u0000\n"
SECOND_TAPS = frozenset(
    {
        "al",
        "aly",
        "pa",
        "pay",
        "rs",
        "sv",
        "npy",
        "guy",
        "rgy",
        "rpy",
        "rmy",
        "np",
        "gu",
        "rg",
        "rp",
        "rm",
        "oc",
        "on",
        "op",
        "lk",
        "nm",
        "ur",
        "wm",
        "lv",
        "lvk",
    }
)
INVENTED = (
    *("rpy", "rmy", "rp", "rm", "dn", "cx", "ch", "wy", "mi", "nu", "cd", "dw", "dr", "ds", "guy"),
    *("npy", "rgy", "gu", "np", "rg", "on", "op", "oc", "no", "zz", "ol", "cs", "pw", "tr", "kw"),
    *("ky", "pa", "pay", "rs", "aly", "jny", "nm", "wm", "ur", "lv", "lvk"),
    *("mt", "ag", "an", "ew"),
)
ROLES = (
    *("approver dev", "approver dev", "approver", "auditor", "admin", "none", "none"),
    *("", "approver nowhere", "auditor dev", "king"),
)
DEVICES = ("phone", "laptop", "other", "toaster")
TOPICS = ("iphone", "windows", "no-such-device", "-")
