"""What a configuration lacks for a revoked client to be kept out, and what each lock needs."""

from pathlib import Path

import pytest

from tests.vpn.kit import Company, make_spec
from tests.vpn.operator_kit import USUAL, Operator
from vpn.findings import Finding, FindingCode
from vpn.host.local import LocalHost
from vpn.layout import DEPLOYED
from vpn.proof.locks import look_at_configuration, look_at_crl_lock, look_at_locks

ROOT = LocalHost(Path("/"))


@pytest.fixture
async def company(open_folder: Path) -> Company:
    company = Company(make_spec(open_folder / "home"))
    await company.deploy()
    return company


@pytest.mark.parametrize(
    ("before", "after", "wrong", "locks", "first_lock"),
    [
        ("verb 3", "verb 3", 0, 0, 0),
        # That takes something else away.
        ("verb 3", "duplicate-cn", 1, 0, 0),
        # A list shuts out whoever is on it, whatever file there is.
        ("ccd-exclusive", "", 1, 1, 0),
        ("verb 3", "username-as-common-name", 1, 1, 0),
        ("crl-verify live/crl.pem", "", 1, 1, 1),
    ],
)
async def test_each_lock_needs_its_own_lines(
    company: Company, before: str, after: str, wrong: int, locks: int, first_lock: int
) -> None:
    conf = company.directory / "server.conf"
    assert before in conf.read_text()
    conf.write_text(conf.read_text().replace(before, after))
    looks = (look_at_configuration, look_at_locks, look_at_crl_lock)
    found = [len(await look(company.spec, company.host, DEPLOYED)) for look in looks]
    assert found == [wrong, locks, first_lock]


async def test_without_a_configuration_no_lock_is_there(
    company: Company, open_folder: Path
) -> None:
    operator = Operator(open_folder / "office")
    live = await operator.live()
    operator.conf.unlink()
    await company.host.remove("server.conf")
    for spec, host, layout, detail in (
        (company.spec, company.host, DEPLOYED, "There is no server.conf; deploy the server."),
        (live.spec, ROOT, live.layout, f"There is no {operator.conf}; adopt the server."),
    ):
        found = await look_at_crl_lock(spec, host, layout)
        assert found == [Finding(FindingCode.LOCK_MISSING, detail)]


@pytest.mark.parametrize("name", ["server.conf", "ca.crt", "office server.crt"])
async def test_a_link_that_leads_elsewhere_than_at_the_adoption(
    open_folder: Path, name: str
) -> None:
    """With the same in it."""
    operator = Operator(open_folder / "office", f"{USUAL}crl-verify crl.pem\n")
    path = operator.directory / name
    for place in ("one", "two"):
        operator.write(f"{place}/{name}", path.read_text())
    path.unlink()
    path.symlink_to(f"one/{name}")
    live = await operator.live()
    assert await look_at_locks(live.spec, ROOT, live.layout) == []
    path.unlink()
    path.symlink_to(f"two/{name}")
    if name != "server.conf":
        (operator.directory / "one" / name).unlink()
        (operator.directory / "one" / name).symlink_to(f"../two/{name}")
    found = await look_at_locks(live.spec, ROOT, live.layout)
    moved = f"a symlink leads elsewhere than when {operator.conf} was adopted"
    detail = f"{moved}; adopt the server again."
    assert found == [Finding(FindingCode.CONFIGURATION_CHANGED, detail)]
