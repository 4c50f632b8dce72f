"""Sample songs that several tests look at, read by mido."""

import io
from dataclasses import dataclass
from functools import cache
from typing import Any

import mido

from midiprism.sample import Song, songs


@dataclass(frozen=True)
class Read:
    """A sample song, and what mido reads in it."""

    song: Song
    midi: Any


@cache
def made() -> tuple[Song, ...]:
    """2,000 songs: nearly four blocks."""
    return tuple(songs(2000, seed=7))


@cache
def read() -> tuple[Read, ...]:
    """Every eleventh of them, parsed; the text's bytes as Latin-1."""
    chosen = made()[::11]
    return tuple(Read(song, mido.MidiFile(file=io.BytesIO(song.data), charset="latin-1")) for song in chosen)
