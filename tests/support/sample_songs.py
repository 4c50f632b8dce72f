"""Sample songs that several tests share, also as mido reads them."""

import io
from dataclasses import dataclass
from functools import cache
from typing import Any

import mido

from midiprism.sample import SampleSong, generate_songs


@dataclass(frozen=True)
class ParsedSample:
    """A sample song and the file as mido reads it."""

    song: SampleSong
    midi: Any


FEW = 100


@cache
def sample_songs(count: int = 2000) -> tuple[SampleSong, ...]:
    """Return the first songs of those that tests share: 2,000, nearly four blocks, or fewer."""
    return tuple(generate_songs(count, seed=7))


@cache
def parsed_samples() -> tuple[ParsedSample, ...]:
    """Return every eleventh of them, parsed, with texts decoded as Latin-1."""
    chosen = sample_songs()[::11]
    return tuple(
        ParsedSample(song, mido.MidiFile(file=io.BytesIO(song.data), charset="latin-1")) for song in chosen
    )
