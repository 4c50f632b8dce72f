"""Mutations of MIDI files, aimed at the critical parts: lengths, quantities, statuses, ends."""

import gzip
from collections.abc import Callable, Sequence
from random import Random

Mutation = Callable[[Random, bytearray, bytes], None]
"""Changes the bytes in position. The last argument is another file to take pieces from."""

MAX_BYTES = 1 << 16
"""Mutated files are cut to this size."""

EDGE_BYTES = bytes(
    [0x00, 0x01, 0x2F, 0x40, 0x7F, 0x80, 0x81, 0x90, 0xC0, 0xE0, 0xF0, 0xF1, 0xF7, 0xF8, 0xFE, 0xFF]
)
EDGE_LENGTHS = (0, 1, 3, 4, 7, 8, 100, 0x7F, 0x80, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFF8, 0xFFFFFFFF)
FRAGMENTS = (
    b"\x80\x80\x80\x80\x00",
    b"\xff\xff\xff\x7f",
    b"\xff\xff\xff\xff\x7f",
    b"\x80\x80\x00",
    b"\x00\xff\x2f\x00",
    b"\xff\x2f\x01\x00",
    b"\x00\xff\x51\x03\x00\x00\x00",
    b"\x00\xff\x51\x03\x01\x86\xa0",
    b"\x60\xff\x51\x80\x03\x07\xa1\x20",
    b"\x00\xff\x51\x02\x01\x86",
    b"\x00\xff\x58\x04\x03\x02\x18\x08",
    b"\x00\xff\x59\x02\x00\x00",
    b"\x00\xff\x54\x05\x00\x00\x00\x00\x00",
    b"\x00\xff\x01\xff\xff\xff\x7f",
    b"\x00\xff\x03\x04Bass",
    b"\x00\xf0\x05\x7e\x7f\x09\x01\xf7",
    b"\x00\xf0\x81\x80\x00",
    b"\x00\xf7\x02\xf3\x01",
    b"\x00\x90\x3c\x40",
    b"\x60\x3c\x00",
    b"\x00\xc0\x05",
    b"\x00\x99\x24\x7f",
    b"\xff\xff\xff\x7f\x80\x3c\x40",
    b"\x00\xff\x21\x01\x01",
    b"\x00\xff\x09\x06Port B",
    b"\x00\xff\x20\x01\x09",
    b"\x00\xff\x05\x03la ",
    b"\x00\xff\x01\x13@KMIDI KARAOKE FILE",
    b"\x00\xff\x01\x05@TSun",
    b"\x00\xff\x01\x04\\la ",
    b"\x00\xff\x7f\x05\x43\x7b\x00XF",
    b"\x00\x9c\x3c\x40\x00\x9f\x24\x40",
    b"\x00\xff\x03\x06\xfe\xffB\x00a\x00",
    b"\x00\xff\x03\x06\x83\x73\x83\x41\x83\x6d",
    b"\x00\xb0\x64\x06\x00\x65\x00\x00\x06\x07",
    b"\x00\xb0\x7e\x01",
    b"\x00\xb0\x7b\x00",
    b"\x00\xb0\x78\x00",
    b"\x00\xb0\x00\x7f\x00\xc0\x10",
    b"\x00\xf0\x08\x43\x10\x4c\x00\x00\x7e\x00\xf7",
    b"\x00\xf0\x05\x7e\x7f\x09\x03\xf7",
    b"\x00\xf0\x0a\x41\x10\x42\x12\x40\x00\x7f\x00\x41\xf7",
    b"\xff\xff\xff\xff\x70\x90\x3c\x40",
    b"MTrk\x00\x00\x00\x04\x00\xff\x2f\x00",
    b"MTrk\x00\x00\x00\x0c\x00\x90\x3c\x40\x60\x80\x3c\x00\x00\xff\x2f\x00",
    b"MTrk",
    b"MThd\x00\x00\x00\x06\x00\x01\x00\x01\x00\x60",
    b"XFIH\x00\x00\x00\x02??",
)


def _random_offset(rng: Random, data: bytearray) -> int:
    return rng.randrange(len(data) + 1)


def _random_span(rng: Random, data: bytearray) -> slice:
    start = _random_offset(rng, data)
    return slice(start, start + rng.choice((1, 1, 2, 3, 4, 8, 16, 64)))


def flip_bit(rng: Random, data: bytearray, _: bytes) -> None:
    """Flip one bit."""
    if data:
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def set_byte(rng: Random, data: bytearray, _: bytes) -> None:
    """Change one byte to a status, a length or an extreme value."""
    if data:
        data[rng.randrange(len(data))] = rng.choice(EDGE_BYTES)


def insert_midi_fragment(rng: Random, data: bytearray, _: bytes) -> None:
    """Insert a quantity, an event or a chunk anywhere."""
    position = _random_offset(rng, data)
    data[position:position] = rng.choice(FRAGMENTS)


def insert_bytes(rng: Random, data: bytearray, _: bytes) -> None:
    """Insert a few bytes."""
    position = _random_offset(rng, data)
    data[position:position] = bytes(rng.choice(EDGE_BYTES) for _ in range(rng.randint(1, 4)))


def delete_bytes(rng: Random, data: bytearray, _: bytes) -> None:
    """Delete a few bytes."""
    del data[_random_span(rng, data)]


def duplicate_bytes(rng: Random, data: bytearray, _: bytes) -> None:
    """Duplicate a few bytes."""
    span = _random_span(rng, data)
    data[span.start : span.start] = data[span]


def truncate(rng: Random, data: bytearray, _: bytes) -> None:
    """Cut the end off."""
    del data[_random_offset(rng, data) :]


def insert_from_other(rng: Random, data: bytearray, other: bytes) -> None:
    """Insert a piece of another file."""
    start = rng.randrange(len(other) + 1)
    position = _random_offset(rng, data)
    data[position : position + rng.choice((0, 0, 4, 16))] = other[start : start + rng.randint(1, 64)]


def change_length(rng: Random, data: bytearray, _: bytes) -> None:
    """Change the length of a chunk."""
    starts = [at for at in range(len(data) - 7) if data[at : at + 2] == b"MT"]
    if starts:
        position = rng.choice(starts) + 4
        length = int.from_bytes(data[position : position + 4], "big")
        wrong = rng.choice((*EDGE_LENGTHS, length + 1, max(length - 1, 0), length + 9, length // 2))
        data[position : position + 4] = (wrong & 0xFFFFFFFF).to_bytes(4, "big")


def change_header(rng: Random, data: bytearray, _: bytes) -> None:
    """Change the format, the number of tracks or the division."""
    if len(data) >= 14:
        position = rng.choice((8, 10, 12))
        data[position : position + 2] = rng.choice(
            (0, 1, 2, 3, 96, 480, 0x7FFF, 0x8000, 0xE728, 0xE204, 0xFFFF)
        ).to_bytes(2, "big")


def translate_line_ends(rng: Random, data: bytearray, _: bytes) -> None:
    """Translate the line ends as in a text file."""
    wrong, right = rng.choice(((b"\n", b"\r\n"), (b"\r", b"\r\n"), (b"\r\n", b"\n")))
    data[:] = data.replace(wrong, right)


def append_track(rng: Random, data: bytearray, other: bytes) -> None:
    """Append all tracks of another file."""
    data += other[14:]


def compress_and_damage(rng: Random, data: bytearray, _: bytes) -> None:
    """Compress the file, and sometimes damage the result."""
    packed = bytearray(gzip.compress(bytes(data), rng.choice((0, 6)), mtime=0))
    rng.choice((lambda *_: None, flip_bit, truncate))(rng, packed, b"")
    data[:] = packed


COMMON_MUTATIONS: tuple[Mutation, ...] = (
    flip_bit,
    set_byte,
    insert_midi_fragment,
    insert_midi_fragment,
    insert_bytes,
    delete_bytes,
    duplicate_bytes,
    truncate,
    insert_from_other,
    change_length,
    change_header,
    append_track,
    translate_line_ends,
)


def mutated_file(rng: Random, seeds: Sequence[bytes]) -> bytes:
    """Return a file with one or several mutations."""
    data = bytearray(rng.choice(seeds))
    for _ in range(rng.choice((1, 1, 1, 2, 3, 5, 8))):
        rng.choice(COMMON_MUTATIONS)(rng, data, rng.choice(seeds))
    if rng.random() < 0.01:
        compress_and_damage(rng, data, b"")
    return bytes(data[:MAX_BYTES])
