"""Files in containers and with unusual headers, each with its expected result, and files to refuse."""

import gzip
from dataclasses import dataclass

from support.broken_files import CONDUCTOR, GOOD_SONG, MELODY, MELODY_NOTES, BrokenFile
from support.midi_writer import chunk, header, song, track


@dataclass(frozen=True, slots=True)
class CorruptFile:
    """A file that must be refused with a code."""

    description: str
    data: bytes
    code: str


def macbinary(fork: bytes, resources: bytes = b"") -> bytes:
    """Return a MacBinary II file: a header of 128 bytes, then the forks, each padded to a multiple of 128."""
    head = bytearray(128)
    head[1:6] = b"\4song"
    head[65:73] = b"MidiPrsm"
    head[83:87] = len(fork).to_bytes(4, "big")
    head[87:91] = len(resources).to_bytes(4, "big")
    head[122:124] = bytes([129, 129])
    crc = 0
    for byte in head[:124]:
        crc ^= byte << 8
        for _ in range(8):
            crc = crc << 1 ^ (0x1021 if crc & 0x8000 else 0)
        crc &= 0xFFFF
    head[124:126] = crc.to_bytes(2, "big")
    return b"".join(part + bytes(-len(part) % 128) for part in (bytes(head), fork, resources))


def riff(*chunks: tuple[bytes, bytes], size: int | None = None) -> bytes:
    """Return a RIFF file of type RMID, with little-endian lengths and padded chunks."""
    body = b"RMID" + b"".join(
        kind + len(data).to_bytes(4, "little") + data + bytes(len(data) % 2) for kind, data in chunks
    )
    return b"RIFF" + (len(body) if size is None else size).to_bytes(4, "little") + body


def _gzip(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


WRAPPED_FILES = [
    BrokenFile("compressed with gzip", _gzip(GOOD_SONG), ("gzip",), MELODY_NOTES),
    BrokenFile(
        "gzip without its last eight bytes",
        _gzip(GOOD_SONG)[:-8],
        ("gzip", "gzip_truncated"),
        MELODY_NOTES,
        "repaired",
    ),
    BrokenFile(
        "gzip with a wrong checksum",
        _gzip(GOOD_SONG)[:-8] + b"\1\2\3\4" + _gzip(GOOD_SONG)[-4:],
        ("gzip", "gzip_truncated"),
        MELODY_NOTES,
        "repaired",
    ),
    BrokenFile(
        "gzip that ends within the last track",
        gzip.compress(GOOD_SONG, compresslevel=0, mtime=0)[:-15],
        ("gzip", "gzip_truncated", "track_truncated", "hanging_notes", "music_lost"),
        ((1, 60, 0, 96), (1, 62, 96, 96)),
        "repaired",
        ("missing_end_of_track", "event_truncated"),
    ),
    BrokenFile("wrapped as RMID", riff((b"data", GOOD_SONG)), ("rmid",), MELODY_NOTES),
    BrokenFile(
        "RMID with other chunks around",
        riff((b"DISP", b"odd"), (b"data", GOOD_SONG), (b"LIST", b"INFO")),
        ("rmid",),
        MELODY_NOTES,
    ),
    BrokenFile("RMID with a wrong size", riff((b"data", GOOD_SONG), size=7), ("rmid",), MELODY_NOTES),
    BrokenFile(
        "RMID whose data has no size",
        riff()[:12] + b"data\0\0\0\0" + GOOD_SONG,
        ("rmid", "rmid_size"),
        MELODY_NOTES,
        "repaired",
    ),
    BrokenFile("RMID inside gzip", _gzip(riff((b"data", GOOD_SONG))), ("gzip", "rmid"), MELODY_NOTES),
    BrokenFile("MacBinary", macbinary(GOOD_SONG), ("macbinary",), MELODY_NOTES),
    BrokenFile(
        "MacBinary with a resource fork", macbinary(GOOD_SONG, b"resources"), ("macbinary",), MELODY_NOTES
    ),
    BrokenFile(
        "junk before the header", b"\x0d\x0aContent: x" + GOOD_SONG, ("junk_before_header",), MELODY_NOTES
    ),
    BrokenFile(
        "a header longer than six bytes", song(CONDUCTOR, track(MELODY), extra=b"later"), (), MELODY_NOTES
    ),
    BrokenFile(
        "a header length that leads nowhere",
        GOOD_SONG[:4] + (5000).to_bytes(4, "big") + GOOD_SONG[8:],
        ("header_length",),
        MELODY_NOTES,
    ),
    BrokenFile(
        "a header length two bytes too long",
        GOOD_SONG[:7] + b"\x08" + GOOD_SONG[8:],
        ("header_length",),
        MELODY_NOTES,
    ),
    BrokenFile(
        "fewer tracks counted than there are",
        song(CONDUCTOR, track(MELODY), count=1),
        ("track_count",),
        MELODY_NOTES,
    ),
    BrokenFile(
        "more tracks counted than there are",
        song(CONDUCTOR, track(MELODY), count=9),
        ("track_count", "music_lost"),
        MELODY_NOTES,
    ),
    BrokenFile(
        "tracks counted, and none there", header(1, 3, 480), ("track_count", "music_lost"), (), "no_notes"
    ),
    BrokenFile("no tracks counted", song(CONDUCTOR, track(MELODY), count=0), ("track_count",), MELODY_NOTES),
    BrokenFile(
        "a chunk of unknown type between the tracks",
        song(CONDUCTOR, chunk(b"XFIH", b"MTrk not"), track(MELODY)),
        ("unknown_chunk",),
        MELODY_NOTES,
    ),
    BrokenFile(
        "an SMPTE division of 25 frames, 40 ticks each",
        song(CONDUCTOR, track(MELODY), division=0xE728),
        ("smpte_time",),
        MELODY_NOTES,
    ),
    BrokenFile(
        "an SMPTE division without ticks",
        song(CONDUCTOR, track(MELODY), division=0xE700),
        ("division_smpte",),
        MELODY_NOTES,
    ),
]
"""Files with a container, a header or chunks to unwrap or skip before any track."""

CORRUPT_FILES = [
    CorruptFile("an empty file", b"", "empty"),
    CorruptFile("an empty file in gzip", _gzip(b""), "empty"),
    CorruptFile("text", b"Where have all the flowers gone?" * 9, "not_midi"),
    CorruptFile("one byte", b"M", "not_midi"),
    CorruptFile("tracks without a header", CONDUCTOR + track(MELODY), "not_midi"),
    CorruptFile("text in gzip", _gzip(b"Where have all the flowers gone?"), "not_midi"),
    CorruptFile("RMID without data", riff((b"LIST", b"INFO")), "not_midi"),
    CorruptFile("a picture", b"\x89PNG\r\n\x1a\n" + bytes(200), "not_midi"),
    CorruptFile("an AppleDouble file", b"\0\5\x16\7\0\2\0\0Mac OS X        " + bytes(100), "apple_double"),
    CorruptFile("a header without a body", b"MThd", "header"),
    CorruptFile("a header cut short", GOOD_SONG[:13], "header"),
    CorruptFile("a division of 0", song(CONDUCTOR, track(MELODY), division=0), "division"),
]
