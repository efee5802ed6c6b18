"""Backups as files: what comes out is what went in, and all else is refused."""

import io
import json
import os
import tarfile
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

import pyrage
import pytest

from bot.backup.archive import (
    AUTHORITY,
    DATABASE,
    EARLIER_TLS_KEY,
    FORMAT,
    MANIFEST,
    BackupContents,
    Manifest,
    digest,
    pack,
    tls_key_name,
    unpack,
)
from bot.errors import BadBackup
from tests.bot.age_by_hand import encrypt

SECRET = "staple battery horse"
NOW = datetime(2026, 3, 2, 9, 31, 27, tzinfo=UTC)
NAME = "monday.age"
FILES = {
    DATABASE: os.urandom(100_000),  # more than one chunk of age's
    **{name: f"content of {name}".encode() for name in AUTHORITY},
    tls_key_name("office"): b"a sealed key",
    tls_key_name("paris-2"): b"",
    EARLIER_TLS_KEY: b"of before",
}


def made_of(files: dict[str, bytes], **changes: Any) -> BackupContents:
    """BackupContents whose manifest fits, but for the changes."""
    values: dict[str, Any] = {
        "format": FORMAT,
        "created_at": NOW,
        "revision": "0002",
        "audit_seq": 12,
        "audit_digest": "9f" * 32,
        "audit_fault": None,
        "files": {name: digest(content) for name, content in files.items()},
    }
    return BackupContents(Manifest(**values | changes), files)


CONTENTS = made_of(FILES)
Member = tuple[tarfile.TarInfo, bytes]


def member(name: str, content: bytes = b"", **changes: Any) -> Member:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for key, value in changes.items():
        setattr(info, key, value)
    return info, content


def good_members() -> list[Member]:
    text = CONTENTS.manifest.model_dump_json().encode()
    return [member(MANIFEST, text), *(member(name, content) for name, content in FILES.items())]


def tar_of(members: Iterable[Member], form: int = tarfile.USTAR_FORMAT) -> bytes:
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=form) as tar:
        for info, content in members:
            tar.addfile(info, io.BytesIO(content))
    return plain.getvalue()


def with_manifest(text: bytes) -> bytes:
    return tar_of([member(MANIFEST, text), *good_members()[1:]])


def altered(**changes: Any) -> bytes:
    """A tar with another manifest; None takes a field away."""
    values = json.loads(CONTENTS.manifest.model_dump_json()) | changes
    kept = {key: value for key, value in values.items() if value is not ...}
    return with_manifest(json.dumps(kept).encode())


def refused(sealed: bytes, *words: str, secret: str = SECRET) -> None:
    with pytest.raises(BadBackup) as caught:
        unpack(sealed, secret, NAME)
    text = str(caught.value)
    assert "\n" not in text
    assert SECRET not in text
    for word in words:
        assert word in text


def tar_refused(plain: bytes, *words: str) -> None:
    refused(encrypt(plain, SECRET), NAME, *words)


# --- what is right --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sealed() -> bytes:
    return pack(CONTENTS, SECRET)


def test_what_went_in_comes_out(sealed: bytes) -> None:
    assert unpack(sealed, SECRET, NAME) == CONTENTS
    assert CONTENTS.tls_keys == {"office": b"a sealed key", "paris-2": b""}
    assert CONTENTS.sealed_keys == {
        "office.sealed": b"a sealed key",
        "paris-2.sealed": b"",
        "_earlier.sealed": b"of before",
    }


def test_nothing_of_it_is_readable(sealed: bytes) -> None:
    assert sealed.startswith(b"age-encryption.org/v1\n-> scrypt ")
    for content in (*FILES.values(), MANIFEST.encode(), b"office"):
        assert not content or content[:1000] not in sealed


def test_the_work_for_a_guess_is_that_of_age(sealed: bytes) -> None:
    """scrypt with N of at least 2**15, as the program chooses by the machine's speed."""
    assert int(sealed.split(b"\n")[1].split(b" ")[3]) >= 15


@pytest.mark.long
def test_its_tar_is_one_that_every_tar_reads(sealed: bytes) -> None:
    plain = pyrage.passphrase.decrypt(sealed, SECRET)
    with tarfile.open(fileobj=io.BytesIO(plain), mode="r:") as tar:
        found = {info.name: (info.mode, info.mtime, info.isreg()) for info in tar}
    expected = (0o600, NOW.timestamp(), True)
    assert found == dict.fromkeys((MANIFEST, *FILES), expected)
    assert next(iter(found)) == MANIFEST


def test_one_by_another_program() -> None:
    """`tar c … | age -p`: by the specification, not by our library."""
    assert unpack(encrypt(tar_of(good_members()), SECRET), SECRET, NAME) == CONTENTS


def test_contents_are_not_shown() -> None:
    assert "sealed key" not in repr(CONTENTS)


# --- the file -------------------------------------------------------------------------------------

BY_HAND = encrypt(tar_of(good_members()), SECRET)
_HEADER = BY_HAND.index(b"---")
_EDGES = {len(BY_HAND) - n for n in (1, 16, 17)} | {_HEADER + 200 + 65_552 + n for n in (-1, 0, 1)}


@pytest.mark.parametrize("length", sorted({*range(0, 400, 9), *range(400, 112_000, 9001), *_EDGES}))
def test_a_part_of_it(length: int) -> None:
    assert length < len(BY_HAND)
    refused(BY_HAND[:length], NAME)


@pytest.mark.parametrize("place", [*range(0, 400, 5), *range(400, 112_000, 7001)])
def test_a_flipped_bit(place: int) -> None:
    flipped = bytearray(BY_HAND)
    flipped[place] ^= 1 << place % 8
    refused(bytes(flipped), NAME)


def test_more_at_its_end() -> None:
    refused(BY_HAND + b"x", NAME)


@pytest.mark.long
def test_another_passphrase(sealed: bytes) -> None:
    refused(sealed, "The passphrase doesn't open", secret="horse battery staple")


def test_for_a_key_instead_of_a_passphrase() -> None:
    key = pyrage.x25519.Identity.generate()
    refused(pyrage.encrypt(tar_of(good_members()), [key.to_public()]), "doesn't open")


def test_more_work_than_anybody_has() -> None:
    header, _, rest = BY_HAND.partition(b" 1\n")
    refused(header + b" 30\n" + rest, "doesn't open", "Excessive work")


@pytest.mark.parametrize("content", [b"", b"hello", b"SQLite format 3\0", b"\x1f\x8b" * 999])
def test_no_age_file_at_all(content: bytes) -> None:
    refused(content, "isn't a backup")


# --- the tar --------------------------------------------------------------------------------------

EVIL_MEMBERS = {
    "symlink": member("ca/ca.crt", type=tarfile.SYMTYPE, linkname="/etc/shadow"),
    "hard link": member("ca/ca.crt", type=tarfile.LNKTYPE, linkname="vpnbot.db"),
    "character device": member("vpnbot.db", type=tarfile.CHRTYPE, devmajor=1, devminor=3),
    "block device": member("vpnbot.db", type=tarfile.BLKTYPE, devmajor=8),
    "pipe": member("vpnbot.db", type=tarfile.FIFOTYPE),
    "folder": member("ca", type=tarfile.DIRTYPE),
    "old file": member("notes", type=tarfile.AREGTYPE),
    "contiguous": member("vpnbot.db", type=tarfile.CONTTYPE),
    "unknown type": member("vpnbot.db", type=b"Z"),
    "sparse": member("vpnbot.db", type=tarfile.GNUTYPE_SPARSE),
    "above": member("../vpnbot.db"),
    "above a folder": member("ca/../../vpnbot.db"),
    "absolute": member("/etc/cron.d/x"),
    "with a dot": member("./vpnbot.db"),
    "no server's name": member("tls-keys/../x.sealed"),
    "a key below": member("tls-keys/a/b.sealed"),
    "upper case": member("tls-keys/Office.sealed"),
    "a line break": member("tls-keys/office.sealed\n"),
    "another file": member("locks/run.lock"),
    "twice": member(DATABASE, b"other"),
    "a second manifest": member(MANIFEST, b"{}"),
    "not ASCII": member("tls-keys/öffice.sealed"),
}


@pytest.mark.parametrize("evil", EVIL_MEMBERS.values(), ids=EVIL_MEMBERS)
@pytest.mark.parametrize("first", [True, False])
def test_an_evil_member(evil: Member, first: bool) -> None:
    good = good_members()
    tar_refused(tar_of([evil, *good] if first else [*good, evil]), "isn't a backup")


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_headers_that_change_what_follows(form: int) -> None:
    """A long name, a time with a fraction: each format has a member of its own for them."""
    long = member("x" * 300)
    tar_refused(tar_of([long], form), "isn't a backup")
    if form == tarfile.PAX_FORMAT:
        odd = [member(name, content, mtime=1.5) for name, content in FILES.items()]
        tar_refused(tar_of([good_members()[0], *odd], form), "isn't a backup")


def _with_size(field: bytes) -> bytes:
    """The database's header claims another size."""
    plain = bytearray(tar_of(good_members()))
    start = plain.index(DATABASE.encode().ljust(100, b"\0"))
    plain[start + 124 : start + 136] = field.ljust(12, b"\0")
    plain[start + 148 : start + 156] = b" " * 8
    plain[start + 148 : start + 156] = b"%06o\0 " % sum(plain[start : start + 512])
    return bytes(plain)


SIZES: dict[str, bytes] = {
    "huge": b"77777777777",
    "more than there is": b"%011o" % 1_000_000,
    "beyond 64 bits": b"\x80" + b"\xff" * 11,
    "negative": b"\xff" * 12,
    "less than it was": b"%011o" % 1000,
    "no number": b"hello world",
}


@pytest.mark.parametrize("field", SIZES.values(), ids=SIZES)
def test_a_size_that_is_not_so(field: bytes) -> None:
    tar_refused(_with_size(field), "isn't a backup")


TARS: dict[str, Callable[[], bytes]] = {
    "empty": lambda: b"",
    "no tar": lambda: b"hello",
    "no tar of a block": lambda: b"hello" * 200,
    "cut in a header": lambda: tar_of(good_members())[:700],
    "cut in a file": lambda: tar_of(good_members())[:9000],
    "without its end": lambda: tar_of(good_members()).rstrip(b"\0"),
    "more at its end": lambda: tar_of(good_members()) + b"x",
    "another one at its end": lambda: tar_of(good_members()) * 2,
    "a wrong sum": lambda: tar_of(good_members()).replace(b"ustar", b"ustaR", 1),
}


@pytest.mark.parametrize("make", TARS.values(), ids=TARS)
def test_no_tar_of_ours(make: Callable[[], bytes]) -> None:
    tar_refused(make(), "isn't a backup")


# --- the manifest ---------------------------------------------------------------------------------

MANIFESTS: dict[str, bytes] = {
    "none": tar_of(good_members()[1:]),
    "nothing at all": tar_of([]),
    "no JSON": with_manifest(b"hello"),
    "not UTF-8": with_manifest(b"\xff\xfe"),
    "a list": with_manifest(b"[]"),
    "too deep": with_manifest(b"[" * 100_000),
    "without a format": altered(format=...),
    "a text for a number": altered(format="1"),
    "a field too many": altered(extra=1),
    "a field too few": altered(audit_seq=...),
    "a short digest": altered(audit_digest="9f"),
    "a digest that goes on": altered(audit_digest="9f" * 32 + "\n"),
    "no time": altered(created_at="yesterday"),
}


@pytest.mark.parametrize("plain", MANIFESTS.values(), ids=MANIFESTS)
def test_a_manifest_that_cannot_be_read(plain: bytes) -> None:
    tar_refused(plain, "manifest")


@pytest.mark.parametrize("changes", [{}, {"revision": ...}, {"files": [], "more": {}}])
def test_a_newer_format(changes: dict[str, Any]) -> None:
    """Whatever else has changed in it."""
    tar_refused(altered(format=FORMAT + 1, **changes), "newer vpnbot")


def _files(**changes: Any) -> dict[str, str]:
    return {k: v for k, v in (CONTENTS.manifest.files | changes).items() if v is not ...}


OTHER_FILES: dict[str, bytes] = {
    "another content": altered(files=_files(**{DATABASE: digest(b"other")})),
    "one not named": altered(files=_files(**{tls_key_name("office"): ...})),
    "one missing": altered(files=_files(**{tls_key_name("rome"): digest(b"")})),
    "one of another name": tar_of([*good_members()[:-1], member(tls_key_name("rome"))]),
}


@pytest.mark.parametrize("plain", OTHER_FILES.values(), ids=OTHER_FILES)
def test_files_that_are_not_what_the_manifest_says(plain: bytes) -> None:
    tar_refused(plain, "manifest")


@pytest.mark.parametrize("name", [DATABASE, *AUTHORITY])
def test_without_what_nobody_can_do_without(name: str) -> None:
    fewer = {key: content for key, content in FILES.items() if key != name}
    contents = made_of(fewer)
    text = contents.manifest.model_dump_json().encode()
    rest = [member(key, content) for key, content in fewer.items()]
    tar_refused(tar_of([member(MANIFEST, text), *rest]), "manifest")


def test_one_without_keys() -> None:
    """A system without any server yet."""
    contents = made_of({name: FILES[name] for name in (DATABASE, *AUTHORITY)})
    text = contents.manifest.model_dump_json().encode()
    rest = [member(key, content) for key, content in contents.files.items()]
    found = unpack(encrypt(tar_of([member(MANIFEST, text), *rest]), SECRET), SECRET, NAME)
    assert found == contents
    assert found.tls_keys == {}
