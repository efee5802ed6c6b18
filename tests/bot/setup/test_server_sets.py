"""A set's servers share one tls key, as far as nobody has another one yet."""

import pytest

from tests.company import Company

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.long
async def test_a_key_that_has_left_stays(company: Company) -> None:
    """Its folder was being written, or it lies in an archive: that counts, not whether it runs."""
    for name, port in (("paris", 1195), ("rome", 1196)):
        folder = company.folder / name
        remote = f"127.0.0.1:{port}/udp"
        await company.done("server", "add", name, "--remote", remote, "--directory", str(folder))
    # What a deploy meets that has opened the key, and can't go on.
    (company.folder / "rome").mkdir()
    (company.folder / "rome" / "notes").write_text("")
    failed = await company.vpnbot("server", "deploy", "rome")
    assert (failed.code, "choose a folder of its own" in failed.err) == (1, True), failed
    said = (await company.done("server", "group", "add", "eu", "office", "paris", "rome")).out
    assert "paris has the set's tls key now" in said
    assert "rome has the set's tls key now" not in said
    assert "rome: the tls key is another one than that of office" in said
