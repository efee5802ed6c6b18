"""What `vpnbot doctor` says is done literally, and then all is well.

Several things are broken at a time, since each look takes a second.
"""

import asyncio
import os
import re
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from demo.lab.stand_in import StandIn
from tests.bot.health.kit import everybody_pressed_start, findings
from tests.company import ANNA, Company, company_with_stand_in, keep_secret
from tests.folders import open_folder
from tests.forks import VPNBOT

SECRET = "staple battery horse"
_COMMAND = re.compile(
    r"(?:^|: |; (?:then: )?)((?:age|chmod|chown|mv|rm|systemctl|vpnbot)\b[^;]*)", re.DOTALL
)
_ROUNDS = 4


@dataclass
class Operator:
    """Somebody who types what they are told, and nothing else."""

    company: Company
    server: StandIn

    @property
    def office(self) -> Path:
        return self.company.folder / "office"

    @property
    def backup(self) -> Path:
        return self.company.folder / "backup.age"

    async def backs_up(self) -> None:
        secret = keep_secret(self.company.folder / "secret", SECRET)
        await self.company.done("backup", str(self.backup), "--passphrase-file", str(secret))

    async def mends(self) -> list[str]:
        """All that is said, and again, until all is well; gives what was wrong at first."""
        first = None
        for _ in range(_ROUNDS):
            every = findings(await self.company.vpnbot("doctor"))
            # What starts one does not end by itself.
            found = [each for each in every if not each[0].startswith("No bot runs")]
            if first is None:
                first = [wrong for wrong, _ in found]
            if not found:
                return first
            for command in dict.fromkeys(c for each in found for c in _commands(*each)):
                await self._types(command)
        raise AssertionError(found)

    async def _types(self, command: str) -> None:
        if command.startswith("systemctl"):
            if "restart" in command or "enable --now" in command:
                await self.server.stop()
                await self.server.start(self.office)
            return
        if command.startswith("journalctl"):
            return
        line = command.replace(
            "vpnbot restore BACKUP", f"vpnbot restore {self.backup} {self._flag}"
        )
        process = await asyncio.create_subprocess_exec(
            *("sh", "-c", line.replace("BACKUP", str(self.backup))),
            cwd=self.company.folder,
            env=self.company.environment | {"PATH": self._path},
            stderr=asyncio.subprocess.PIPE,
        )
        _, said = await process.communicate()
        assert process.returncode == 0, (line, said)

    @property
    def _flag(self) -> str:
        return f"--passphrase-file {self.company.folder / 'secret'}"

    @property
    def _path(self) -> str:
        """With `vpnbot`, and with a program that opens age files as `age -d` does."""
        tools = self.company.folder / "tools"
        tools.mkdir(exist_ok=True)
        age = tools / "age"
        age.write_text(
            f"#!{sys.executable}\nimport sys, pyrage\nassert sys.argv[1] == '-d'\n"
            "sealed = open(sys.argv[2], 'rb').read()\n"
            f"sys.stdout.buffer.write(pyrage.passphrase.decrypt(sealed, {SECRET!r}))\n"
        )
        age.chmod(0o755)
        return os.pathsep.join((str(tools), str(Path(VPNBOT).parent), os.environ["PATH"]))


def _commands(wrong: str, mend: str) -> list[str]:
    """What is to be typed; what is for another case comes in a sentence of its own."""
    if mend == "Remove it.":
        return [f"rm -r {wrong.removeprefix('Server office: ').partition(' ')[0]}"]
    return [found.strip() for found in _COMMAND.findall(mend.partition(". Only where")[0])]


@asynccontextmanager
async def _operator() -> AsyncIterator[Operator]:
    with open_folder() as folder:
        async with company_with_stand_in(folder) as (company, server):
            everybody_pressed_start(company)
            await company.done("grant", "issue", str(ANNA.id), "--output", "anna.ovpn")
            yield Operator(company, server)


def assert_said(wrong: list[str], *words: str) -> None:
    for each in words:
        assert any(each in line for line in wrong), (each, wrong)


@pytest.mark.long
async def test_modes_and_what_is_lost_on_the_server() -> None:
    async with _operator() as operator:
        office, company = operator.office, operator.company
        company.folder.joinpath("token").chmod(0o644)
        company.folder.joinpath("passphrase").chmod(0o640)
        company.data.chmod(0o755)
        (company.data / "ca" / "ca.p12").chmod(0o644)
        (office / "live" / "crl.pem").unlink()
        shutil.rmtree(office / "live" / "ccd")
        (office / "vpnbot-openvpn-office.service").unlink()
        (office / "server.key").chmod(0o644)
        assert_said(
            await operator.mends(),
            *("TOKEN_FILE names a file that others can read", "look into the data folder"),
            *("ca.p12 is open to other accounts", "There is no live/crl.pem", "no folder live/ccd"),
            *("vpnbot-openvpn-office.service", "can read or change"),
        )


@pytest.mark.long
async def test_what_is_in_the_way() -> None:
    async with _operator() as operator:
        live = operator.office / "live"
        (live / "ccd" / "a-stranger").touch()
        (live / "crl.pem").unlink()
        (live / "crl.pem").mkdir()
        conf = operator.office / "server.conf"
        conf.write_text(conf.read_text().replace("crl-verify", "#"))
        (operator.office / "tls-crypt-v2.key").unlink()
        (operator.office / "ca.crt").write_text("another one")
        assert_said(
            await operator.mends(),
            *("nobody who has access", "ordinary file", "crl-verify is missing"),
            *("tls-crypt-v2.key", "isn't the certificate of this CA"),
        )
        live.rename(operator.office / "aside")
        live.symlink_to("aside")
        assert_said(await operator.mends(), f"{live} isn't a folder, or a link to one.")


@pytest.mark.long
@pytest.mark.skipif(os.geteuid() != 0, reason="Only root can give files away.")
async def test_what_belongs_to_somebody_else() -> None:
    async with _operator() as operator:
        office, data = operator.office, operator.company.data
        for path in (office / "server.conf", office / "live" / "ccd", data / "vpnbot.db", office):
            os.chown(path, 1, 1)
        assert_said(
            await operator.mends(),
            f"{office} belongs to daemon, who could run commands as root that way.",
            *("has to write there", "vpnbot.db belongs to daemon"),
        )


@pytest.mark.long
async def test_what_only_a_backup_has() -> None:
    async with _operator() as operator:
        data = operator.company.data
        await operator.backs_up()
        shutil.rmtree(data / "ca")
        (data / "tls-keys" / "office.sealed").unlink()
        assert_said(await operator.mends(), f"There is no CA in {data}/ca.")
        (data / "vpnbot.db").write_bytes(b"this is no database any more")
        shutil.rmtree(operator.office)
        await operator.server.stop()
        assert_said(await operator.mends(), "is damaged")
        assert (await operator.company.grants())[0]["state"] == "active"
