"""The notes of tracks in JSON, and thumbnails of them."""

import base64
from collections.abc import Sequence
from typing import Any

from midiprism.smf.text.decode import decode_text
from midiprism.smf.track_content import Note, TempoMap, TrackContent, read_track

LYRIC, MARKER, TEXT = 5, 6, 1
MAX_THUMBNAIL_NOTES = 256
MAX_THUMBNAIL_BYTES = 128 << 10
"""Bytes of a track that a thumbnail shows."""

MAX_READ_BYTES = 4 << 20
"""Bytes of the tracks of a song whose notes are shown."""

MAX_TEXTS = 5_000
_MAX_OTHER_TEXTS = 100
_HEADER_BYTES = 22
_PLACES = 5
"""Digits behind the point of a time in seconds: ten microseconds."""


def read_contents(tracks: Sequence[bytes]) -> list[TrackContent]:
    """Return the contents of tracks; of those behind ``MAX_READ_BYTES`` in all, no notes.

    A song of a megabyte can have tracks that take minutes to read, and give more JSON than a page can show.
    """
    left = MAX_READ_BYTES
    contents = []
    for data in tracks:
        contents.append(read_track(data[:left]))
        left = max(_HEADER_BYTES, left - len(data))
    return contents


def notes_to_json(content: TrackContent, times: TempoMap) -> dict[str, list[Any]]:
    """Return notes as columns: times in seconds, and ticks.

    Args:
        content: of the track.
        times: by which it is played.
    """
    seconds_at = times.seconds_at
    starts, ends, pitches, velocities, channels = _columns(content.notes)
    cached: dict[int, float] = {}
    for tick in {*starts, *ends}:
        cached[tick] = round(seconds_at(tick), _PLACES)
    return {
        "start": [cached[tick] for tick in starts],
        "end": [cached[tick] for tick in ends],
        "tick": starts,
        "length": [end - start for start, end in zip(starts, ends, strict=True)],
        "pitch": pitches,
        "velocity": velocities,
        "channel": channels,
    }


def programs_to_json(content: TrackContent, times: TempoMap) -> list[list[float]]:
    """Return selections of sounds: seconds, channel, program, bank."""
    return [
        [round(times.seconds_at(it.tick), _PLACES), it.channel, it.program, it.bank]
        for it in content.programs
    ]


def controls_to_json(content: TrackContent, times: TempoMap) -> list[list[float]]:
    """Return controllers: seconds, channel, number, value. Number 128 is the pitch wheel, in cents."""
    return [
        [round(times.seconds_at(it.tick), _PLACES), it.channel, it.controller, it.value]
        for it in content.controls
    ]


def map_to_json(content: TrackContent, times: TempoMap) -> dict[str, Any]:
    """Return the time of a track: its division, tempi, meters and length."""
    return {
        "ticks_per_quarter": content.ticks_per_quarter,
        "length_seconds": round(times.seconds_at(content.end_tick), _PLACES),
        "length_ticks": content.end_tick,
        "tempos": [[tick, round(times.seconds_at(tick), _PLACES), tempo] for tick, tempo in content.tempos],
        "meters": [list(meter) for meter in content.meters] or [[0, 4, 4]],
    }


def words_to_json(content: TrackContent, times: TempoMap, *kinds: int) -> list[list[Any]]:
    """Return the first texts of some kinds: seconds and text. Others help to guess their encoding."""
    others = [it.text for it in content.texts[:_MAX_OTHER_TEXTS]]
    found = []
    for it in [it for it in content.texts if it.kind in kinds][:MAX_TEXTS]:
        text = decode_text(it.text, lambda: others).text
        if text is not None:
            found.append([round(times.seconds_at(it.tick), _PLACES), text])
    return found


def thumbnail(data: bytes) -> str:
    """Return at most 256 notes of a track in base64, taken evenly: four bytes each.

    The bytes are the beginning and the length as shares of the track, in 255ths, the pitch and the velocity.
    """
    notes = read_track(data[:MAX_THUMBNAIL_BYTES]).notes
    if len(notes) > MAX_THUMBNAIL_NOTES:
        step = len(notes) / MAX_THUMBNAIL_NOTES
        notes = [notes[int(index * step)] for index in range(MAX_THUMBNAIL_NOTES)]
    length = max([1, *(note[1] for note in notes)])
    packed = bytearray()
    for start, end, pitch, velocity, _ in notes:
        packed += bytes((start * 255 // length, max(1, (end - start) * 255 // length), pitch, velocity))
    return base64.b64encode(packed).decode("ascii")


def _columns(notes: Sequence[Note]) -> tuple[list[int], ...]:
    if not notes:
        return [], [], [], [], []
    return tuple(map(list, zip(*notes, strict=True)))
