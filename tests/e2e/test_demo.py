"""`vpnbot demo` as somebody sees it who tries the product: the page, the story, and no traces."""

import asyncio
import os
import signal
import socket
import subprocess
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, Page, ViewportSize, expect

from demo.lab.elsewhere import elsewhere_missing
from demo.lab.network import lab_missing
from tests.chromium import PATIENCE_MS, chromium, needs_chromium
from tests.company import PASSPHRASE, until
from tests.forks import VPNBOT
from vpn.configuration.connect_rules import check_profile

pytestmark = pytest.mark.asyncio(loop_scope="module")

WIDE: ViewportSize = {"width": 1400, "height": 900}
NARROW: ViewportSize = {"width": 390, "height": 844}
ANNA, EMIL, BORIS, CLARA = 1001, 1002, 2001, 2002
FINN, DORA = 1003, 2003
REAL = lab_missing() is None
PARIS = REAL and elsewhere_missing() is None


def environment() -> dict[str, str]:
    """No setting that the demo could use, and one that it must not."""
    home = {"HOME": "/nonexistent", "LANG": "C.UTF-8", "VPNBOT_CA_PASSPHRASE": PASSPHRASE}
    return {"PATH": os.environ["PATH"], **home}


async def start(folder: Path, *options: str, **extra: str) -> Process:
    return await asyncio.create_subprocess_exec(
        *(VPNBOT, "demo", *options),
        cwd=folder,
        env=environment() | extra,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


@dataclass
class Demo:
    process: Process
    url: str
    banner: str


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def tour(module_folder: Path) -> AsyncIterator[Process]:
    """Begins first, since it takes its time, most of it waiting."""
    process = await start(module_folder, "--tour")
    yield process
    if process.returncode is None:
        process.terminate()
        await process.wait()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def demo(module_folder: Path, tour: Process) -> AsyncIterator[Demo]:
    process = await start(module_folder, "--no-browser")
    assert process.stdout is not None
    url, banner = [(await process.stdout.readline()).decode().strip() for _ in range(2)]
    yield Demo(process, url, banner)
    if process.returncode is None:
        process.terminate()
        await process.wait()


@pytest_asyncio.fixture(loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as running:
        yield running


@pytest.mark.long
async def test_the_first_line_is_the_address(demo: Demo) -> None:
    assert demo.url.startswith("http://127.0.0.1:")
    assert demo.banner.startswith("Real OpenVPN" if REAL else "No real OpenVPN")


async def opened(browser: Browser, demo: Demo, size: ViewportSize, problems: list[str]) -> Page:
    page = await browser.new_page(viewport=size)
    page.set_default_timeout(PATIENCE_MS)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda m: problems.append(m.text) if m.type == "error" else None)
    # What a first visit shows lies over the chats.
    await page.add_init_script("localStorage.setItem('what-to-try-seen', 'yes')")
    await page.goto(demo.url)
    await expect(page.locator(".chat")).to_have_count(6)
    return page


class Chat:
    """One person's chat on the page; on a narrow page it has to be picked first."""

    def __init__(self, page: Page, person: int, name: str) -> None:
        self._page = page
        self._name = name
        self.box: Locator = page.locator(f".chat[data-person='{person}']")

    async def pick(self) -> "Chat":
        entry = self._page.locator(".picker").get_by_role("button", name=f"{self._name},")
        if await entry.is_visible():
            await entry.click()
        await expect(self.box).to_be_visible()
        return self

    async def begins(self) -> None:
        await self.pick()
        button = self.box.get_by_role("button", name="Start", exact=True)
        if await button.is_visible():
            await button.click()
            await expect(self.last).to_contain_text("Hello")
        await expect(button).to_be_hidden()

    async def says(self, text: str) -> None:
        await self.pick()
        await self.box.locator("textarea").fill(text)
        await self.box.get_by_role("button", name="Send").click()

    @property
    def last(self) -> Locator:
        """The newest words of the bot."""
        return self.box.locator(".message.theirs").last


@needs_chromium
@pytest.mark.parametrize(
    "size",
    [pytest.param(WIDE, id="wide"), pytest.param(NARROW, id="narrow", marks=pytest.mark.long)],
)
async def test_the_story_on_the_page(demo: Demo, browser: Browser, size: ViewportSize) -> None:
    problems: list[str] = []
    page = await opened(browser, demo, size, problems)
    await expect(page.locator(".banner")).to_have_text(demo.banner)
    people = ((ANNA, "Anna"), (EMIL, "Emil"), (BORIS, "Boris"), (CLARA, "Clara"))
    anna, emil, boris, clara = (Chat(page, *person) for person in people)
    dora, finn = Chat(page, DORA, "Dora"), Chat(page, FINN, "Finn")
    await expect(finn.box.locator(".role")).to_have_text("Employee, paused")
    await finn.begins()
    await finn.says("/requestvpn 1h office")
    await expect(finn.last).to_contain_text("paused")
    await emil.begins()
    await emil.says("/requestvpn")
    await expect(emil.last).to_contain_text("1002")

    await anna.begins()
    cards = anna.box.locator(".message.theirs", has=page.locator(".document"))
    before = await cards.count()
    await anna.says("/requestvpn 8h office on the road")
    await expect(anna.last).to_contain_text("waits for the admins")
    # The approver decides for Anna's group, and does nothing else for others.
    await dora.pick()
    await expect(dora.last).to_contain_text("on the road")
    await boris.pick()
    await expect(boris.last).to_contain_text("on the road")
    await boris.box.get_by_role("button", name="Approve 8 hours").click()
    await clara.pick()
    await expect(clara.last).to_contain_text("Approved by Boris")
    await expect(clara.last.locator(".key")).to_have_count(0)

    await anna.pick()
    await expect(cards).to_have_count(before + 1)
    card = cards.last
    async with page.expect_download() as waiting:
        await card.get_by_role("link", name="Download").click()
    download = await waiting.value
    profile = await asyncio.to_thread(Path(await download.path()).read_text)
    assert download.suggested_filename.endswith(".ovpn")
    assert check_profile(profile) == []
    await card.get_by_role("button", name="Connect").click()
    await expect(anna.box.locator(".device")).to_contain_text("10.8.0.")

    await boris.says("/revoke Anna Petrova")
    await expect(boris.last).to_contain_text("Revoked")
    await expect(boris.last).to_contain_text("1 session was cut")
    await anna.pick()
    await expect(anna.box.locator(".device")).to_have_text("VPN cut")
    await expect(anna.last).to_contain_text("took back your access")
    too_wide = "document.documentElement.scrollWidth > window.innerWidth"
    assert not await page.evaluate(too_wide)
    assert problems == []


async def test_the_tour(tour: Process) -> None:
    out, err = await asyncio.wait_for(tour.communicate(), 180)
    told = out.decode()
    assert (tour.returncode, err.decode()) == (0, ""), told
    assert "/requestvpn" in told
    assert "Approve" in told
    assert "Revoked: Anna Petrova can’t connect" in told
    assert "NOT" not in told
    assert told.rstrip().endswith("Everything went as it should.")
    if REAL:
        assert "ping 10.8.0.1 is dead" in told
        assert "the same profile is refused by office" in told
        assert ("1 session right now" in told) == (not PARIS)
    if PARIS:
        assert "; paris is reached by SSH only." in told
        online = told.partition("2 sessions right now")[2].partition("/revoke")[0]
        assert ("on office, since" in online, "on paris, since" in online) == (True, True)
        assert "Checked on all 2 servers" in told
        assert "ping 10.8.4.1 is dead" in told
        assert "the same profile is refused by paris" in told


async def test_nothing_is_left_behind(demo: Demo, module_folder: Path) -> None:
    """Last: it ends the demo, as Ctrl-C and a shutdown do."""
    children = descendants(demo.process.pid)
    assert children
    assert not any(PASSPHRASE in _environment_of(child) for child in children)
    places = {_home_of(child) for child in children}
    homes = {place.parent for place in places if place.parent.name.startswith("vpnbot-demo-")}
    assert homes
    assert all(map(_is_there, homes))
    spaces = {space for child in children for space in _namespaces_of(child)}
    assert bool(spaces) == REAL

    demo.process.send_signal(signal.SIGTERM)
    assert demo.process.stderr is not None
    complaints = (await demo.process.stderr.read()).decode()
    assert (await asyncio.wait_for(demo.process.wait(), 60), complaints) == (0, "")
    await until(lambda: not any(map(_is_there, (Path(f"/proc/{child}") for child in children))))
    assert not any(map(_is_there, homes))
    assert not spaces & set(_namespaces())
    assert _content_of(module_folder) == []


@pytest.mark.long
async def test_a_port_that_is_taken(module_folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        process = await start(module_folder, "--no-browser", "--port", port)
        out, err = await process.communicate()
    assert (process.returncode, out) == (1, b"")
    assert err.decode().startswith(f"Port {port} can't be used")
    assert err.count(b"\n") == 1


@pytest.mark.long
@pytest.mark.skipif(not REAL, reason=lab_missing() or "")
@pytest.mark.parametrize("options", [("--no-browser",), ("--tour",)])
async def test_an_openvpn_that_does_not_start(module_folder: Path, options: tuple[str]) -> None:
    fake = module_folder / "openvpn"
    fake.write_text("#!/bin/sh\necho Options error: no\nexit 1\n")
    fake.chmod(0o755)
    path = f"{module_folder}{os.pathsep}{os.environ['PATH']}"
    process = await start(module_folder, *options, PATH=path)
    out, err = await process.communicate()
    fake.unlink()
    assert (process.returncode, out) == (1, b"")
    assert err.decode() == (
        "The demo broke off: The OpenVPN server didn't start: Options error: no\n"
    )


def descendants(pid: int) -> set[int]:
    """The processes that this one has started, and theirs."""
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    children = {int(child) for child in listed}
    return children.union(*(descendants(child) for child in children))


def _home_of(pid: int) -> Path:
    return Path(f"/proc/{pid}/cwd").readlink()


def _content_of(folder: Path) -> list[Path]:
    return list(folder.iterdir())


def _environment_of(pid: int) -> str:
    return Path(f"/proc/{pid}/environ").read_text()


def _is_there(path: Path) -> bool:
    return path.exists()


def _namespaces_of(pid: int) -> list[str]:
    return _ip("netns", "identify", str(pid)).split()


def _namespaces() -> list[str]:
    return [line.split()[0] for line in _ip("netns", "list").splitlines() if line]


def _ip(*arguments: str) -> str:
    if not REAL:
        return ""
    return subprocess.run(["ip", *arguments], capture_output=True, check=True, text=True).stdout
