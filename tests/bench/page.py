"""`docs/benchmarks.md` and its chart, from what was measured, and the lines of it that the README
shows; what people wrote there stays.
"""

import os
import platform
import sqlite3
import ssl
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from importlib.metadata import version
from pathlib import Path

from tests.bench.figures import Figures, number_text, ratio_text

_ROOT = Path(__file__).resolve().parents[2]
PAGE, CHART = _ROOT / "docs" / "benchmarks.md", _ROOT / "docs" / "benchmarks.svg"
README = _ROOT / "README.md"
# Between these everything is written anew.
_BEGIN, _END = "<!-- from here by make bench -->", "<!-- to here -->"
_BESIDE = "## Side by side"
_COLUMNS = ("| figure | is | of | aim |", "|---|---|---|---|")
# A figure, and what stands beside it.
IN_README = (
    ("tap on Approve to the sent document", "easyrsa, RSA 2048"),
    ("/revoke to the dead session", "both by hand: openssl ca -gencrl, a bare kill"),
    ("/revoke NAME, of 100,000", "/revoke NAME, of 1,000"),
)
_LIBRARIES = ("python-telegram-bot", "SQLAlchemy", "cryptography", "typer")
_BAR, _ROW, _LEFT = 360, 22, 290
Groups = Sequence[tuple[str, Sequence[Figures]]]


@dataclass(frozen=True)
class Surroundings:
    """What the figures were measured on, and what ran beside it.

    Attributes:
        load: how many processes wanted a processor, on average over the last minutes.
    """

    began: datetime
    load: tuple[float, float, float]

    @classmethod
    def now(cls) -> "Surroundings":
        return cls(datetime.now(UTC), os.getloadavg())


def write(groups: Groups, before: Surroundings, *, sessions: str) -> None:
    """Puts the figures into the page and the README, and draws the chart."""
    _put(PAGE, "\n".join((_machine(before, sessions), _ratios(groups), _figures(groups))))
    _put(README, quoted(PAGE.read_text(encoding="utf-8")))
    CHART.write_text(_chart(groups), encoding="utf-8")


def quoted(page: str) -> str:
    """The table in the README: lines of the page’s, without what they aim at."""
    lines = page.partition(_BESIDE)[2].partition("\n## ")[0].splitlines()
    wanted = [
        line
        for line in lines
        for one, other in IN_README
        if line.startswith(f"| {one} | ") and f" | {other} | " in line
    ]
    return "".join(f"{line.rsplit('|', 2)[0]}|\n" for line in (*_COLUMNS, *wanted))


def shown(text: str) -> str:
    """What `make bench` wrote into a page."""
    return text.partition(f"{_BEGIN}\n\n")[2].partition(_END)[0]


def _put(path: Path, written: str) -> None:
    head, _, rest = path.read_text(encoding="utf-8").partition(_BEGIN)
    _, _, tail = rest.partition(_END)
    path.write_text(f"{head}{_BEGIN}\n\n{written}\n{_END}{tail}", encoding="utf-8")


def _machine(before: Surroundings, sessions: str) -> str:
    after = Surroundings.now()
    cores = os.cpu_count() or 1
    libraries = ", ".join(f"{name} {version(name)}" for name in _LIBRARIES)
    lines = (
        (
            f"Measured on {before.began:%Y-%m-%d} in "
            f"{(after.began - before.began).total_seconds() / 60:.0f} minutes."
        ),
        "",
        (
            f"- Machine: {_processor()}, {cores} cores, {_memory_gib():.0f} GiB, Linux "
            f"{platform.release().partition('-')[0]}."
        ),
        (
            f"- Beside it: the load was {before.load[0]:.1f} at the beginning and "
            f"{after.load[0]:.1f} at the end. {_busy(max(before.load[0], after.load[1]), cores)}"
        ),
        (
            f"- Versions: Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, "
            f"{_two_words(ssl.OPENSSL_VERSION)}, {_openvpn()}, {libraries}."
        ),
        f"- Sessions: {sessions}.",
        "",
    )
    return "\n".join(lines)


def _busy(load: float, cores: int) -> str:
    if load < cores:
        return "The bench had the machine to itself."
    return (
        "So others ran there at the same time: the ratios of what stands side by side hold, the "
        "times do not."
    )


def _ratios(groups: Groups) -> str:
    rows = [
        f"| {one.name} | {ratio_text(one, other, name=False)} | {other.name} | {one.aim or '–'} |"
        for _, figures in groups
        for one in figures
        if one.values
        for other in one.beside
        if other.values
    ]
    head = (_BESIDE, "", *_COLUMNS)
    return "\n".join((*head, *rows, "", f"![The same as bars]({CHART.name})", ""))


def _figures(groups: Groups) -> str:
    lines = ["## Every figure", "", "| figure | median | from | to | rounds | aim |"]
    lines.append("|---|---|---|---|---|---|")
    for title, figures in groups:
        measured = [one for one in figures if one.values]
        if measured:
            lines.append(f"| **{title}** | | | | | |")
        lines += [
            f"| {one.name} | {number_text(one.median)} {one.unit} | {number_text(min(one.values))} "
            f"| {number_text(max(one.values))} | {len(one.values)} | {one.aim} |"
            for one in measured
        ]
    return "\n".join((*lines, ""))


def _chart(groups: Groups) -> str:
    """A company of a hundred thousand against one of a thousand: three times is the line."""
    bars = [
        (one.name.partition(", of ")[0], one.median / one.beside[0].median)
        for title, figures in groups
        if title.endswith("among many")
        for one in figures
        if one.values and one.beside and one.beside[0].values
    ]
    widest = max([4.0, *(times for _, times in bars)])
    height = _ROW * (len(bars) + 2)
    limit = _LEFT + 3 / widest * _BAR
    lines = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{_LEFT + _BAR + 60}" '
            f'height="{height}" font-family="sans-serif" font-size="13">'
        ),
        '<rect width="100%" height="100%" fill="white"/>',
        (
            f'<text x="8" y="{_ROW - 6}">How many times as long with 100,000 people as with 1,000 '
            "(the line: 3 times)</text>"
        ),
    ]
    for place, (name, times) in enumerate(bars, start=1):
        y = place * _ROW
        colour = "#2f6f9f" if times <= 3 else "#b4482f"
        lines += [
            f'<text x="{_LEFT - 8}" y="{y + 15}" text-anchor="end">{escape(name)}</text>',
            (
                f'<rect x="{_LEFT}" y="{y + 3}" width="{times / widest * _BAR:.0f}" height="15" '
                f'fill="{colour}"/>'
            ),
            f'<text x="{_LEFT + times / widest * _BAR + 6:.0f}" y="{y + 15}">{times:.1f}</text>',
        ]
    lines.append(
        f'<line x1="{limit:.0f}" x2="{limit:.0f}" y1="{_ROW}" y2="{height - _ROW}" stroke="#888" '
        'stroke-dasharray="4 3"/>'
    )
    return "\n".join((*lines, "</svg>", ""))


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _memory_gib() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3


def _openvpn() -> str:
    try:
        said = subprocess.run(("openvpn", "--version"), capture_output=True, text=True, check=False)
    except OSError:
        return "no OpenVPN"
    return _two_words(said.stdout)


def _two_words(text: str) -> str:
    return " ".join(text.split()[:2])
