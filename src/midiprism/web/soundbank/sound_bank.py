"""A sound bank in memory: its presets, instruments and samples, as the SoundFont 2.04 specification has them.

SF3 is the same with samples in Ogg Vorbis: the places of a compressed sample count bytes.
"""

import mmap
import os
from collections.abc import Mapping
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from midiprism.web.soundbank.errors import SoundBankError
from midiprism.web.soundbank.riff_chunks import Chunk, read_chunks

Records = NDArray[Any]

HEADERS = np.dtype([("name", "S20"), ("program", "<u2"), ("bank", "<u2"), ("bag", "<u2"), ("rest", "V12")])
BAGS = np.dtype([("gen", "<u2"), ("mod", "<u2")])
MODULATORS = np.dtype([("content", "V10")])
GENERATORS = np.dtype([("kind", "<u2"), ("amount", "<u2")])
INSTRUMENTS = np.dtype([("name", "S20"), ("bag", "<u2")])
SAMPLES = np.dtype(
    [
        ("name", "S20"),
        ("start", "<u4"),
        ("end", "<u4"),
        ("loop_start", "<u4"),
        ("loop_end", "<u4"),
        ("rate", "<u4"),
        ("pitch", "u1"),
        ("correction", "i1"),
        ("link", "<u2"),
        ("type", "<u2"),
    ]
)
TABLES: Mapping[str, np.dtype[Any]] = {
    "phdr": HEADERS,
    "pbag": BAGS,
    "pmod": MODULATORS,
    "pgen": GENERATORS,
    "inst": INSTRUMENTS,
    "ibag": BAGS,
    "imod": MODULATORS,
    "igen": GENERATORS,
    "shdr": SAMPLES,
}
"""The tables of a bank in their order. Each ends with a row that only marks the end."""

COMPRESSED = 0x10
"""The bit of the type of a sample that is in Ogg Vorbis."""

_HEAD_BYTES = 12


class Preset(NamedTuple):
    """A preset: what a program of a bank sounds like. Drum kits are in bank 128."""

    bank: int
    program: int


class SoundBank:
    """A sound bank in a file, which stays open.

    Args:
        path: of the file.

    Raises:
        SoundBankError: it is none, or is damaged.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        try:
            with open(path, "rb") as file:
                status = os.fstat(file.fileno())
                self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:
            raise SoundBankError(f"{path} cannot be read: {error}.") from error
        self.version = f"{status.st_size:x}-{status.st_mtime_ns:x}"
        data = memoryview(self._map)
        if bytes(data[:4]) != b"RIFF" or bytes(data[8:_HEAD_BYTES]) != b"sfbk":
            raise SoundBankError(f"{path} is no sound bank: name a file in the format SF2 or SF3.")
        self.data = data
        self._chunks = {chunk.kind: chunk for chunk in self._all_chunks()}
        missing = [kind for kind in ("smpl", *TABLES) if kind.encode() not in self._chunks]
        if missing:
            raise SoundBankError(f"{path} is damaged: it has no {missing[0]}.")
        self.tables = {name: self._table(name) for name in TABLES}

    def _all_chunks(self) -> list[Chunk]:
        lists = [*read_chunks(self.data, _HEAD_BYTES, len(self.data))]
        return [*lists, *(it for outer in lists for it in read_chunks(self.data, outer.start, outer.stop))]

    def _table(self, name: str) -> Records:
        chunk, kind = self._chunks[name.encode()], TABLES[name]
        count = (chunk.stop - chunk.start) // kind.itemsize
        if count == 0:
            raise SoundBankError(f"{self.path} is damaged: its table {name} is empty.")
        return np.frombuffer(self.data, kind, count, chunk.start)

    @property
    def samples(self) -> memoryview:
        """The content of all samples."""
        chunk = self._chunks[b"smpl"]
        return self.data[chunk.start : chunk.stop]

    @cached_property
    def presets(self) -> dict[Preset, int]:
        """The rows of the presets."""
        headers = self.tables["phdr"][:-1]
        pairs = zip(headers["bank"].tolist(), headers["program"].tolist(), strict=True)
        return {Preset(*pair): row for row, pair in enumerate(pairs)}

    @cached_property
    def is_compressed(self) -> bool:
        """True if any sample is in Ogg Vorbis, as in SF3."""
        return bool((self.tables["shdr"]["type"][:-1] & COMPRESSED).any())

    def info(self, kind: bytes) -> bytes | None:
        """Return a text about the bank, such as its name, ``INAM``; None without one."""
        chunk = self._chunks.get(kind)
        return None if chunk is None else bytes(self.data[chunk.start : chunk.stop])

    def info_text(self, kind: bytes) -> str:
        """Return the same as text; empty without one."""
        return (self.info(kind) or b"").partition(b"\0")[0].decode("utf-8", "replace").strip()

    def nearest_preset(self, wanted: Preset) -> Preset | None:
        """Return the preset that plays for another one; None if there is none.

        A kit that is missing is the standard kit; a variation is its program in bank 0.
        """
        bank, program = wanted
        choices = (
            [wanted, Preset(128, program & ~7), Preset(128, 0)]
            if bank == DRUM_BANK
            else [wanted, Preset(bank >> 7, program), Preset(bank & 0x7F, program), Preset(0, program)]
        )
        return next((choice for choice in choices if choice in self.presets), None)


DRUM_BANK = 128
