"""Small sound banks, written from nothing as the SoundFont 2.04 specification has them."""

import math
import struct
from pathlib import Path
from typing import NamedTuple

from midiprism.web.soundbank.riff_chunks import write_chunk, write_list

POINTS = 200
SILENT_POINTS = 46
_RATE, _ROOT_KEY = 22_050, 60


class MadePreset(NamedTuple):
    """A preset with one instrument, which has a zone of its own for each range of keys.

    Attributes:
        ranges: lowest and highest key of each zone. Each zone has a sample of its own.
    """

    bank: int
    program: int
    ranges: tuple[tuple[int, int], ...] = ((0, 127),)


PRESETS = (
    MadePreset(0, 0, ((0, 59), (60, 127))),
    MadePreset(0, 33),
    MadePreset(8, 33),
    MadePreset(128, 0, ((36, 36), (38, 38), (42, 46))),
)


def write_bank(
    path: Path, presets: tuple[MadePreset, ...] = PRESETS, *, compressed: bool = False, is_heard: bool = False
) -> Path:
    """Write a bank and return its path. Sample ``n`` consists of the number ``n + 1`` only.

    Args:
        path: of the file.
        presets: that it has.
        compressed: write the samples as those of SF3, whose content nothing here decodes.
        is_heard: write a tone that fades instead, at the pitch of its key.
    """
    tables: dict[bytes, list[bytes]] = {
        name: [] for name in (b"phdr", b"pbag", b"pmod", b"pgen", b"inst", b"ibag", b"imod", b"igen", b"shdr")
    }
    samples = bytearray()
    for number, preset in enumerate(presets):
        name = f"preset {number}".encode()
        place = len(tables[b"pbag"])
        tables[b"phdr"].append(struct.pack("<20sHHHIII", name, preset.program, preset.bank, place, 0, 0, 0))
        tables[b"pbag"].append(struct.pack("<HH", len(tables[b"pgen"]), 0))
        tables[b"pgen"].append(struct.pack("<HH", 41, number))
        tables[b"inst"].append(struct.pack("<20sH", name, len(tables[b"ibag"])))
        tables[b"ibag"].append(struct.pack("<HH", len(tables[b"igen"]), 0))  # a global zone
        tables[b"igen"].append(struct.pack("<HH", 48, 10))
        for low, high in preset.ranges:
            sample = len(tables[b"shdr"])
            tables[b"ibag"].append(struct.pack("<HH", len(tables[b"igen"]), 0))
            tables[b"igen"].append(struct.pack("<HBB", 43, low, high))
            tables[b"igen"].append(struct.pack("<HH", 53, sample))
            data = _TONE if is_heard else _sample(sample, compressed=compressed)
            tables[b"shdr"].append(_sample_header(sample, len(samples), len(data), compressed=compressed))
            samples += data
    ends = {
        b"phdr": struct.pack("<20sHHHIII", b"EOP", 0, 0, len(tables[b"pbag"]), 0, 0, 0),
        b"pbag": struct.pack("<HH", len(tables[b"pgen"]), 0),
        b"inst": struct.pack("<20sH", b"EOI", len(tables[b"ibag"])),
        b"ibag": struct.pack("<HH", len(tables[b"igen"]), 0),
        b"shdr": struct.pack("<20s26x", b"EOS"),
        **dict.fromkeys((b"pmod", b"imod"), bytes(10)),
        **dict.fromkeys((b"pgen", b"igen"), bytes(4)),
    }
    info = [
        write_chunk(b"ifil", [struct.pack("<HH", 3 if compressed else 2, 1)]),
        write_chunk(b"isng", [b"EMU8000\0"]),
        write_chunk(b"INAM", [b"Made bank\0"]),
        write_chunk(b"ICOP", [b"Free for all\0\0"]),
        write_chunk(b"ICMT", [b"A comment that is left out\0\0"]),
    ]
    data = write_list(
        b"sfbk",
        [
            write_list(b"INFO", info),
            write_list(b"sdta", [write_chunk(b"smpl", [bytes(samples)])]),
            write_list(b"pdta", [write_chunk(name, [*rows, ends[name]]) for name, rows in tables.items()]),
        ],
        form=b"RIFF",
    )
    path.write_bytes(data)
    return path


def _sample(number: int, *, compressed: bool) -> bytes:
    if compressed:
        return b"OggS" + bytes((number + 1,)) * (POINTS + number)
    return struct.pack("<h", number + 1) * POINTS + bytes(2 * SILENT_POINTS)


def _sample_header(number: int, at: int, size: int, *, compressed: bool) -> bytes:
    name = f"sample {number}".encode()
    if compressed:
        start, end, loop = at, at + size, (10, 90)
    else:
        start, end = at // 2, (at + size) // 2 - SILENT_POINTS
        loop = (start + 10, start + 90)
    kind = 0x11 if compressed else 1
    return struct.pack("<20sIIIIIBbHH", name, start, end, *loop, _RATE, _ROOT_KEY, 0, 0, kind)


def _fading_tone() -> bytes:
    """Return half a second of the root key."""
    turn = 2 * math.pi * 440 * 2 ** ((_ROOT_KEY - 69) / 12) / _RATE
    points = (
        20_000 * math.exp(-at / 2_500) * (math.sin(turn * at) + 0.4 * math.sin(2 * turn * at)) / 1.4
        for at in range(_RATE // 2)
    )
    return b"".join(struct.pack("<h", round(point)) for point in points) + bytes(2 * SILENT_POINTS)


_TONE = _fading_tone()
