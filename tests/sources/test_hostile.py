"""Tests of damaged and malicious archives: the member or the archive is rejected, with a reason."""

import gzip
import lzma
import os
import struct
import tarfile
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import pytest

from midiprism.sources import Notice, SongRef, UnreadableError, open_source
from midiprism.sources.archives import archive
from support.archive_files import ARCHIVE_SUFFIXES, tar_member, write_archive, write_tar

LIMIT = 1 << 20
GOOD = {"a.mid": b"song a", "b.mid": b"song b"}


def read_archive(
    path: Path, limit: int = LIMIT
) -> tuple[dict[str, bytes | str | None], list[tuple[str, str]]]:
    """Return the content of each member, or the code of its error, and the notices of the archive."""
    library = open_source([path])
    read: dict[str, bytes | str | None] = {}
    notices = []
    for item in library.walk():
        name = os.fsdecode(item.path).removeprefix(f"{path}/")
        if isinstance(item, Notice):
            assert item.failed == (item.code not in ("nested", "junk"))
            notices.append((item.code, name))
        else:
            try:
                read[name] = library.read(item, limit).data
            except UnreadableError as error:
                read[name] = error.code
    assert list(library.running_count())[-1] == len(read)
    return read, notices


@pytest.mark.parametrize(
    "name",
    ["../x.mid", "a/../../x.mid", "a/..", "/etc/x.mid", "//x.mid", "C:/x.mid", "n" * 2000 + ".mid"],
)
@pytest.mark.parametrize("kind", ARCHIVE_SUFFIXES)
def test_a_member_whose_name_leads_elsewhere_is_rejected(tmp_path: Path, name: str, kind: str) -> None:
    path = write_archive(tmp_path / f"x{kind}", {"a.mid": b"song a", name: b"evil", "b.mid": b"song b"})
    read, notices = read_archive(path)
    assert read == GOOD
    assert notices == ([("member", name)] if name.endswith(".mid") else [])


def test_a_member_whose_name_has_a_nul_is_rejected(tmp_path: Path) -> None:
    path = write_archive(tmp_path / "x.zip", {"a.mid": b"song a", "b_x.mid": b"evil"})
    path.write_bytes(path.read_bytes().replace(b"b_x", b"b\0x"))
    assert read_archive(path) == ({"a.mid": b"song a"}, [("member", "b\0x.mid")])


@pytest.mark.parametrize("kind", ARCHIVE_SUFFIXES)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_of_two_members_with_one_name_the_first_is_taken(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"x{kind}"
    if kind == ".zip":
        with zipfile.ZipFile(path, "w") as made:
            for name, data in (("a.mid", "first"), ("./a.mid", "second"), ("a.mid", "third")):
                made.writestr(name, data)
    else:
        write_tar(path, [(tar_member(name, 1), data) for name, data in (("a.mid", b"1"), ("./a.mid", b"2"))])
    read, notices = read_archive(path)
    assert read == {"a.mid": b"first" if kind == ".zip" else b"1"}
    assert {code for code, _ in notices} == {"member"}
    assert len(notices) == (2 if kind == ".zip" else 1)


def test_links_and_devices_in_a_tar_are_not_taken(tmp_path: Path) -> None:
    kinds = {
        "link.mid": tar_member("link.mid", type=tarfile.SYMTYPE, linkname="/etc/passwd"),
        "hard.mid": tar_member("hard.mid", type=tarfile.LNKTYPE, linkname="a.mid"),
        "pipe.mid": tar_member("pipe.mid", type=tarfile.FIFOTYPE),
        "disk.mid": tar_member("disk.mid", type=tarfile.BLKTYPE, devmajor=8),
        "screen.mid": tar_member("screen.mid", type=tarfile.CHRTYPE, devmajor=4),
        "folder.mid": tar_member("folder.mid", type=tarfile.DIRTYPE),
    }
    good = [(tar_member(name, len(data)), data) for name, data in GOOD.items()]
    path = write_tar(tmp_path / "x.tar", [good[0], *((one, b"") for one in kinds.values()), good[1]])
    read, notices = read_archive(path)
    assert read == GOOD
    assert [name for _, name in notices] == [name for name in kinds if name != "folder.mid"]


def test_links_in_a_zip_are_not_taken(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as made:
        link = zipfile.ZipInfo("link.mid")
        link.create_system, link.external_attr = 3, 0o120777 << 16
        made.writestr(link, "/etc/passwd")
        made.writestr("a.mid", "song a")
    assert read_archive(path) == ({"a.mid": b"song a"}, [("member", "link.mid")])


@pytest.mark.parametrize("kind", ARCHIVE_SUFFIXES)
def test_an_archive_in_an_archive_gives_a_notice_and_is_not_read(tmp_path: Path, kind: str) -> None:
    inner = write_archive(tmp_path / "inner.zip", GOOD).read_bytes()
    path = write_archive(
        tmp_path / f"x{kind}", {"a.mid": b"song a", "inner.zip": inner, "deep/more.tgz": b""}
    )
    assert read_archive(path) == (
        {"a.mid": b"song a"},
        [("nested", "inner.zip"), ("nested", "deep/more.tgz")],
    )


@pytest.mark.parametrize("kind", ARCHIVE_SUFFIXES)
def test_a_member_beyond_the_limit_is_not_unpacked(tmp_path: Path, kind: str) -> None:
    path = write_archive(tmp_path / f"x{kind}", {"a.mid": b"song a", "big.mid": bytes(100_001)})
    assert read_archive(path, limit=100_000)[0] == {"a.mid": b"song a", "big.mid": "song_size"}
    assert read_archive(path, limit=100_001)[0]["big.mid"] == bytes(100_001)


@pytest.mark.parametrize("kind", [".zip", ".tgz", ".tar.bz2", ".tar.xz"])
def test_a_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr(archive, "ALWAYS_ALLOWED_BYTES", 10_000_000)
    members = {f"{n:02}.mid": bytes(1_000_000) for n in range(12)}
    read, notices = read_archive(write_archive(tmp_path / f"x{kind}", members), limit=2_000_000)
    assert notices == [("archive", str(tmp_path / f"x{kind}"))]
    assert len(read) <= 10
    if kind == ".zip":
        assert read == {}, "all of it is listed before anything is unpacked"


def test_a_bomb_of_other_files_is_not_decompressed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "ALWAYS_ALLOWED_BYTES", 10_000_000)
    path = write_archive(tmp_path / "x.tgz", {"zeros.bin": bytes(20_000_000), "a.mid": b"song a"})
    assert read_archive(path) == ({}, [("archive", str(path))])


@pytest.mark.parametrize("kind", ARCHIVE_SUFFIXES)
def test_an_archive_of_too_many_members_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(archive, "MAX_MEMBERS", 10)
    path = write_archive(tmp_path / f"x{kind}", {f"{n:02}.mid": b"x" for n in range(11)})
    read, notices = read_archive(path)
    assert notices == [("archive", str(path))]
    assert len(read) in (0, 10)


def test_a_member_with_a_false_size_is_damaged(tmp_path: Path) -> None:
    path = write_archive(tmp_path / "x.zip", {"a.mid": bytes(1_000_000), "b.mid": b"song b"})
    data = path.read_bytes()
    honest = struct.pack("<L", 1_000_000)
    assert data.count(honest) == 2
    for lie in (0, 10, 999_999, 1_000_001):
        path.write_bytes(data.replace(honest, struct.pack("<L", lie)))
        assert read_archive(path)[0] == {"a.mid": "damaged", "b.mid": b"song b"}


def test_an_encrypted_member_differs_from_a_damaged_one(tmp_path: Path) -> None:
    path = write_archive(tmp_path / "x.zip", GOOD)
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\1\2") + 8] |= 1
    path.write_bytes(data)
    assert read_archive(path)[0] == {"a.mid": "encrypted", "b.mid": b"song b"}


def test_a_member_of_an_unknown_method_is_unsupported(tmp_path: Path) -> None:
    path = write_archive(tmp_path / "x.zip", GOOD)
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\1\2") + 10] = 93
    path.write_bytes(data)
    assert read_archive(path)[0] == {"a.mid": "unsupported", "b.mid": b"song b"}


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2])
def test_a_wrong_byte_in_a_zip_damages_its_member_only(tmp_path: Path, method: int) -> None:
    path = tmp_path / "x.zip"
    noise = os.urandom(5_000)
    with zipfile.ZipFile(path, "w", method) as made:
        made.writestr("a.mid", noise)
        made.writestr("b.mid", "song b")
    assert read_archive(path)[0] == {"a.mid": noise, "b.mid": b"song b"}
    data = bytearray(path.read_bytes())
    data[3_000] ^= 1
    path.write_bytes(data)
    assert read_archive(path)[0] == {"a.mid": "damaged", "b.mid": b"song b"}


@pytest.mark.parametrize("kind", ARCHIVE_SUFFIXES)
def test_a_file_that_is_not_an_archive_gives_a_notice(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"x{kind}"
    for data in (b"", b"x", b"MThd" * 1000, os.urandom(3_000)):
        path.write_bytes(data)
        assert read_archive(path) == ({}, [("archive", str(path))])


@pytest.mark.parametrize("kind", ARCHIVE_SUFFIXES)
def test_an_archive_truncated_anywhere_gives_a_notice(tmp_path: Path, kind: str) -> None:
    whole = {f"{n}.mid": os.urandom(700) for n in range(4)}
    path = write_archive(tmp_path / f"x{kind}", whole)
    data = path.read_bytes()
    assert read_archive(path) == (whole, [])
    # Cutting any of the last zeros of a plain tar makes no difference.
    end = 4 * 1536 + 512 if kind == ".tar" else len(data)
    for length in range(0, end, max(1, end // 97)):
        path.write_bytes(data[:length])
        read, notices = read_archive(path)
        assert notices == [("archive", str(path))]
        assert all(read[name] in (whole[name], "damaged") for name in read)


@pytest.mark.parametrize("kind", ARCHIVE_SUFFIXES)
def test_wrong_bytes_never_raise_anything_else(tmp_path: Path, kind: str) -> None:
    path = write_archive(tmp_path / f"x{kind}", {f"{n}.mid": os.urandom(100) for n in range(3)})
    data = path.read_bytes()
    for number in range(0, len(data), max(1, len(data) // 300)):
        for value in (0, 0xFF, data[number] ^ 0x10):
            path.write_bytes(data[:number] + bytes([value]) + data[number + 1 :])
            read_archive(path)


def test_a_header_that_is_a_bomb_is_not_read(tmp_path: Path) -> None:
    head = tar_member("PaxHeader", 1 << 33, type=tarfile.XHDTYPE).tobuf()
    (tmp_path / "x.tar").write_bytes(head + bytes(10_000))
    assert read_archive(tmp_path / "x.tar") == ({}, [("archive", str(tmp_path / "x.tar"))])


@pytest.mark.parametrize("filling", [b"1" * 100_000, b"30 GNU.sparse.size=1\n" * 100])
def test_a_header_that_takes_long_to_read_is_not_read(tmp_path: Path, filling: bytes) -> None:
    head = tar_member("PaxHeader", len(filling), type=tarfile.XHDTYPE).tobuf()
    (tmp_path / "x.tar").write_bytes(head + filling + bytes(-len(filling) % 512))
    assert read_archive(tmp_path / "x.tar")[0] == {}


def test_headers_of_headers_are_bounded(tmp_path: Path) -> None:
    record = b"12 path=abc\n"
    one = tar_member("PaxHeader", len(record), type=tarfile.XHDTYPE).tobuf() + record.ljust(512, b"\0")
    (tmp_path / "x.tar").write_bytes(one * 5_000)
    assert read_archive(tmp_path / "x.tar") == ({}, [("archive", str(tmp_path / "x.tar"))])


@pytest.mark.parametrize("size", [-1, -512, -1024, -(2**63), -(2**80)])
def test_a_member_of_negative_size_is_rejected_and_those_after_it_are_read(tmp_path: Path, size: int) -> None:
    bad = bytearray(tar_member("bad.mid").tobuf())
    bad[124:136] = size.to_bytes(12, "big", signed=True)  # base 256
    bad[148:156] = b" " * 8
    bad[148:156] = b"%06o\0 " % sum(bad)
    data = write_archive(tmp_path / "x.tar", GOOD).read_bytes()
    (tmp_path / "x.tar").write_bytes(bytes(bad) * 3 + data)
    assert read_archive(tmp_path / "x.tar") == (GOOD, [("member", "bad.mid")] * 3)


def test_a_member_of_an_impossible_size_is_rejected_alone(tmp_path: Path) -> None:
    path = write_archive(tmp_path / "x.zip", {"a.mid": b"song a", "big.mid": bytes(77), "b.mid": b"song b"})
    data = path.read_bytes()
    place = data.rindex(b"PK\1\2", 0, data.rindex(b"big.mid"))
    wide = struct.pack("<2HQ", 1, 8, 2**64 - 1)
    record = bytearray(data[place : place + 53])
    struct.pack_into("<L", record, 24, 0xFFFFFFFF)
    struct.pack_into("<H", record, 30, len(wide))
    end = bytearray(data[data.rindex(b"PK\5\6") :])
    struct.pack_into("<L", end, 12, struct.unpack_from("<L", end, 12)[0] + len(wide))
    path.write_bytes(data[:place] + record + wide + data[place + 53 : -len(end)] + end)
    assert read_archive(path) == (GOOD, [("member", "big.mid")])


def test_an_xz_that_asks_for_much_memory_is_not_read(tmp_path: Path) -> None:
    data = write_archive(tmp_path / "x.tar", GOOD).read_bytes()
    path = tmp_path / "x.tar.xz"
    path.write_bytes(_large_xz(data))
    assert read_archive(path) == ({}, [("archive", str(path))])


def _large_xz(data: bytes) -> bytes:
    """Return an xz file whose header asks for a dictionary of 3 GiB."""
    made = bytearray(lzma.compress(data, preset=0))
    size = (made[12] + 1) * 4
    header = made[12 : 12 + size]
    place = header.index(b"\x21\x01") + 2
    header[place] = 39
    header[-4:] = zlib.crc32(header[:-4]).to_bytes(4, "little")
    made[12 : 12 + size] = header
    return bytes(made)


def test_the_checksum_at_the_end_is_verified(tmp_path: Path) -> None:
    data = bytearray(gzip.compress(write_archive(tmp_path / "x.tar", GOOD).read_bytes()))
    data[-6] ^= 1
    (tmp_path / "x.tgz").write_bytes(data)
    assert read_archive(tmp_path / "x.tgz")[1] == [("archive", str(tmp_path / "x.tgz"))]


def test_an_archive_that_changed_after_the_walk_is_not_read(tmp_path: Path) -> None:
    for kind in ARCHIVE_SUFFIXES:
        path = write_archive(tmp_path / f"x{kind}", GOOD)
        library = open_source([path])
        found = [item for item in library.walk() if isinstance(item, SongRef)]
        write_archive(path, {"0.mid": b"longer", **GOOD})
        os.utime(path, ns=(1, 1))
        with pytest.raises(UnreadableError) as raised:
            library.read(found[0], LIMIT)
        assert raised.value.code == "changing"
        path.unlink()
        with pytest.raises(UnreadableError) as raised:
            library.read(found[0], LIMIT)
        assert raised.value.code == "vanished"


def test_reading_a_pipe_does_not_wait(tmp_path: Path) -> None:
    write_archive(tmp_path / "a.zip", GOOD)
    library = open_source([tmp_path / "a.zip"])
    (tmp_path / "a.zip").unlink()
    os.mkfifo(tmp_path / "a.zip")
    (notice,) = library.walk()
    assert isinstance(notice, Notice)
    assert notice.code == "archive"


def test_many_members_take_little_memory(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as made:
        for number in range(20_000):
            made.writestr(f"folder {number % 50}/song {number}.mid", b"x")
    library = open_source([tmp_path / "x.zip"])
    tracemalloc.start()
    next(iter(library.walk()))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20_000 * 300
