"""Songs whose sound tests measure, with the notes that must be heard."""

from collections.abc import Sequence
from pathlib import Path

from support.midi_writer import (
    TimedMessage,
    control_change,
    meta,
    note,
    program_change,
    song,
    tempo,
    time_signature,
    track,
    track_name,
)

QUARTER = 480
LYRIC, MARKER = 5, 6
HOSTILE = "<img src=x onerror=alert(1)><script>alert(2)</script>"
"""A name that must not become part of a page."""

MELODY = (60, 64, 67, 72, 71, 67, 65, 62, 57, 76, 79, 60)
"""Pitches of the melody: one each half second, a quarter of a second long."""

AIR = (64, 67, 72, 71, 69, 64, 60, 62, 65, 69, 74, 72, 67, 71, 68, 64, 57, 59, 62, 66, 71, 69, 65, 60)
"""Pitches of an air, a quarter note each."""

AIR_MOVED, AIR_LATER, AIR_SLOWER = 5, 8, 2
"""The air again: semitones higher, quarter notes later, and with notes so many times as long."""

LANES = {"Strokes": 0, "Bass": 33, "Flute": 73}
"""Tracks of the band with their programs. All begin their notes together."""

BAND_BEATS = (0, 1, 2, 3.5, 4, 6, 7, 7.5)


def write_played_songs(folder: Path) -> Path:
    """Write the songs below a folder, and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "Melody.mid").write_bytes(_melody())
    (folder / "Band.mid").write_bytes(_band())
    (folder / "Air.mid").write_bytes(_air("Air", 0, 0, 1))
    (folder / "Air again.mid").write_bytes(_air("Air again", AIR_MOVED, AIR_LATER, AIR_SLOWER))
    (folder / f"{HOSTILE.replace('/', '')}.mid").write_bytes(_hostile())
    return folder


def _melody() -> bytes:
    # 120 beats a minute, then 60: the notes stay half a second apart.
    half = len(MELODY) // 2
    times = [index * QUARTER for index in range(half)]
    times += [half * QUARTER + index * QUARTER // 2 for index in range(len(MELODY) - half)]
    lengths = [QUARTER // 2] * half + [QUARTER // 4] * (len(MELODY) - half)
    events = [(0, program_change(0, 0)), (half * QUARTER, tempo(1_000_000)), (0, tempo(500_000))]
    for tick, length, pitch in zip(times, lengths, MELODY, strict=True):
        events += note(0, pitch, tick, length, 100)
    return song(track(_named("Melody", events)))


def _air(name: str, moved: int, later: int, slower: int) -> bytes:
    step = QUARTER * slower
    events = [(0, program_change(0, 73))]
    for index, pitch in enumerate(AIR):
        events += note(0, pitch + moved, later * QUARTER + index * step, step - 40, 100)
    return song(track(_named(name, events)))


def _band() -> bytes:
    tracks = [
        track(
            [
                (0, time_signature(4, 2)),
                (0, track_name(b"Band")),
                (0, meta(MARKER, b"Verse")),
                (1920, meta(MARKER, b"Chorus")),
            ]
        )
    ]
    for channel, (name, program) in enumerate(LANES.items()):
        is_drums = name == "Strokes"
        number = 9 if is_drums else channel
        events = [(0, program_change(number, program)), (0, control_change(number, 7, 110))]
        for beat in BAND_BEATS:
            tick = round(beat * QUARTER)
            pitch = 38 if is_drums else 45 if name == "Bass" else 74
            events += note(number, pitch, tick, 160, 110)
        events += [(0, meta(LYRIC, b"sing "))] if name == "Flute" else []
        tracks.append(track(_named(name, events)))
    return song(*tracks)


def _hostile() -> bytes:
    name = HOSTILE.encode()
    events = [(0, meta(LYRIC, name)), *note(0, 60, 0, QUARTER, 90)]
    return song(track([(0, meta(MARKER, name)), *_named(HOSTILE, events)]))


def _named(name: str, events: Sequence[TimedMessage]) -> list[TimedMessage]:
    return [(0, track_name(name.encode())), *sorted(events, key=lambda event: event[0])]
