"""Files of songs in every kind of container, with the places of all numbers in them."""

import gzip
import io
import struct
import tarfile
import zipfile
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from support.archive_files import tar_member
from support.midi_writer import note, song, tempo, track, track_name
from support.wrapped_files import macbinary, riff


class NumericField(NamedTuple):
    """A number in a file: its name, place and length in bytes, and its form."""

    name: str
    offset: int
    width: int
    form: Literal["big", "little", "tar", "octal"] = "little"


class ContainerFile(NamedTuple):
    """A file that holds songs.

    Attributes:
        name: of the file.
        fields: the numbers in it.
        finish: returns the file with the checksums that follow from its numbers.
    """

    name: str
    data: bytes
    fields: Sequence[NumericField]
    finish: Callable[[bytes], bytes] = bytes


def small_song(number: int) -> bytes:
    """Return a song of one track, different for each number."""
    messages = [(0, track_name(b"Lead")), (0, tempo(500_000)), *note(0, 40 + number, 0, 96)]
    return song(track(messages))


def value_range(field: NumericField) -> tuple[int, int]:
    """Return the lowest and the highest number that a field can state."""
    if field.form == "tar":
        limit = (1 << (8 * field.width - 2)) - 1
        return -limit, limit
    if field.form == "octal":
        return 0, 8 ** (field.width - 1) - 1
    return 0, (1 << 8 * field.width) - 1


def extremes(field: NumericField) -> list[int]:
    """Return the extreme values of a field, and those next to the limits of narrower numbers."""
    low, high = value_range(field)
    limits = [(1 << power) - 1 for power in (0, 8, 16, 31, 32, 63)] + [high - 1, high, high >> 1]
    values = {*limits, *(limit + 1 for limit in limits)}
    values |= {-value for value in values} | {-512, -1024}
    return sorted(value for value in values if low <= value <= high)


def with_value(file: ContainerFile, field: NumericField, value: int) -> bytes:
    """Return a file with another value of a field."""
    if field.form == "octal":
        encoded = b"%0*o\0" % (field.width - 1, value)
    elif field.form == "tar":  # base 256
        encoded = (value % (1 << 8 * field.width) | 1 << (8 * field.width - 1)).to_bytes(field.width, "big")
    else:
        encoded = value.to_bytes(field.width, field.form)
    data = file.data[: field.offset] + encoded + file.data[field.offset + field.width :]
    return file.finish(data)


def midi_file() -> ContainerFile:
    """Return a MIDI file with its header, its track and its first events."""
    fields = _big_fields(
        0, "header_length 4 4 format 8 2 tracks 10 2 division 12 2 track_length 18 4 delta 22 1"
    )
    fields += _big_fields(0, "meta_length 25 1 tempo 34 3")
    return ContainerFile("victim.mid", small_song(0), fields)


def riff_file() -> ContainerFile:
    """Return a MIDI file in a RIFF file."""
    fields = [NumericField("riff_size", 4, 4), NumericField("data_size", 16, 4)]
    return ContainerFile("victim.rmi", riff((b"data", small_song(0))), fields)


def macbinary_file() -> ContainerFile:
    """Return a MIDI file in a MacBinary file."""
    fields = _big_fields(
        0, "name_length 1 1 data_fork 83 4 resource_fork 87 4 created 91 4 second_header 120 2"
    )
    return ContainerFile("victim.mid", macbinary(small_song(0)), fields)


def gzip_file() -> ContainerFile:
    """Return a MIDI file that is compressed."""
    data = gzip.compress(small_song(0), mtime=0)
    fields = [NumericField("method", 2, 1), NumericField("flags", 3, 1), NumericField("mtime", 4, 4)]
    fields += [NumericField("checksum", len(data) - 8, 4), NumericField("size", len(data) - 4, 4)]
    return ContainerFile("victim.mid", data, fields)


def zip_file() -> ContainerFile:
    """Return a zip archive of three songs, whose second one states all its numbers in 64 bits."""
    data = _zip64_archive()
    local = data.index(b"PK\3\4", 1)
    record = data.index(b"PK\1\2", data.index(b"PK\1\2") + 1)
    end64, locator, end = data.index(b"PK\6\6"), data.index(b"PK\6\7"), data.index(b"PK\5\6")
    fields = [
        *_fields(local, "flags 6 2 method 8 2 crc 14 4 packed 18 4 size 22 4 name_length 26 2 extra 28 2"),
        *_fields(record, "flags 8 2 method 10 2 crc 16 4 packed 20 4 size 24 4 name_length 28 2 extra 30 2"),
        *_fields(record, "comment 32 2 disk 34 2 attributes 38 4 offset 42 4"),
        *_fields(record, "extra_id 51 2 extra_size 53 2 size64 55 8 packed64 63 8 offset64 71 8"),
        *_fields(end64, "record_size 4 8 disk 16 4 entries 32 8 directory_size 40 8 directory_offset 48 8"),
        *_fields(locator, "disk 4 4 offset 8 8 disks 16 4"),
        *_fields(
            end, "disk 4 2 first_disk 6 2 entries 10 2 directory_size 12 4 directory_offset 16 4 comment 20 2"
        ),
    ]
    return ContainerFile("victim.zip", data, fields)


def tar_file() -> ContainerFile:
    """Return a tar archive of three songs."""
    data = _tar_archive()
    start = data.index(b"victim.mid")
    places = {"mode": (100, 8), "uid": (108, 8), "gid": (116, 8), "size": (124, 12), "mtime": (136, 12)}
    places |= {"major": (329, 8), "minor": (337, 8)}
    fields = [
        NumericField(f"{name}_{form}", start + offset, width, form)
        for name, (offset, width) in places.items()
        for form in ("tar", "octal")
    ]

    def finish(changed: bytes) -> bytes:
        header = bytearray(changed[start : start + 512])
        header[148:156] = b" " * 8
        header[148:156] = b"%06o\0 " % sum(header)
        return changed[:start] + bytes(header) + changed[start + 512 :]

    return ContainerFile("victim.tar", data, fields, finish)


def compressed_tar_file() -> ContainerFile:
    """Return the same archive, compressed after a number was changed."""
    plain = tar_file()
    return plain._replace(
        name="victim.tar.gz", finish=lambda changed: gzip.compress(plain.finish(changed), mtime=0)
    )


def pax_file(key: str, value: str) -> bytes:
    """Return a tar archive whose second member has a number in an extended header."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for number, name in enumerate(("a.mid", "victim.mid", "z.mid")):
            data = small_song(10 + number)
            extra = {"pax_headers": {key: value}} if name == "victim.mid" else {}
            archive.addfile(tar_member(name, len(data), **extra), io.BytesIO(data))
    return target.getvalue()


def parquet_file() -> ContainerFile:
    """Return a Parquet file of three songs in two row groups, with the length of its footer."""
    target = io.BytesIO()
    table = pa.table({"midi": [small_song(10 + number) for number in range(3)]})
    pq.write_table(table, target, row_group_size=2)
    data = target.getvalue()
    return ContainerFile("victim.parquet", data, [NumericField("footer_length", len(data) - 8, 4)])


def with_footer_number(file: ContainerFile, place: int, value: int) -> bytes:
    """Return a Parquet file in whose footer a number, or a byte that is none, has another value.

    Args:
        place: of the byte in the footer, counted around.
    """
    data = file.data
    length = int.from_bytes(data[-8:-4], "little")
    footer = data[-8 - length : -8]
    place %= length
    encoded, rest = bytearray(), value
    while rest > 0x7F:
        encoded.append(rest & 0x7F | 0x80)
        rest >>= 7
    encoded.append(rest)
    footer = footer[:place] + encoded + footer[place + 1 :]
    return data[: -8 - length] + footer + len(footer).to_bytes(4, "little") + b"PAR1"


def _fields(start: int, listed: str) -> list[NumericField]:
    """Return little-endian fields, listed as name, offset from ``start`` and width."""
    words = listed.split()
    names, offsets, widths = words[::3], words[1::3], words[2::3]
    return [
        NumericField(f"{name}@{start + int(offset)}", start + int(offset), int(width))
        for name, offset, width in zip(names, offsets, widths, strict=True)
    ]


def _big_fields(start: int, listed: str) -> list[NumericField]:
    return [field._replace(form="big") for field in _fields(start, listed)]


def _tar_archive() -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for number, name in enumerate(("a.mid", "victim.mid", "z.mid")):
            data = small_song(10 + number)
            archive.addfile(tar_member(name, len(data)), io.BytesIO(data))
    return target.getvalue()


def _zip64_archive() -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for number, name in enumerate(("a.mid", "v.mid", "z.mid")):
            archive.writestr(name, small_song(10 + number))
    plain = target.getvalue()
    first = plain.index(b"PK\1\2")
    second = plain.index(b"PK\1\2", first + 1)
    end = plain.index(b"PK\5\6")
    record = bytearray(plain[second : second + 51])
    packed, size = struct.unpack_from("<2L", record, 20)
    (offset,) = struct.unpack_from("<L", record, 42)
    record[20:28] = b"\xff" * 8
    record[42:46] = b"\xff" * 4
    extra = struct.pack("<2H3Q", 1, 24, size, packed, offset)
    struct.pack_into("<H", record, 30, len(extra))
    directory = plain[first:second] + bytes(record) + extra + plain[second + 51 : end]
    end64 = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, 3, 3, len(directory), first)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, first + len(directory), 1)
    return plain[:first] + directory + end64 + locator + plain[end:]


CONTAINERS: dict[str, Callable[[], ContainerFile]] = {
    "midi": midi_file,
    "riff": riff_file,
    "macbinary": macbinary_file,
    "gzip": gzip_file,
    "zip": zip_file,
    "tar": tar_file,
    "tar.gz": compressed_tar_file,
    "parquet": parquet_file,
}
"""Makes a file of each kind."""
