"""Tests of notes in JSON, and of what hostile tracks may cost."""

import base64
import json

from midiprism.smf.track_content import TempoMap, read_track
from midiprism.web.notes import (
    LYRIC,
    MAX_READ_BYTES,
    MAX_TEXTS,
    MAX_THUMBNAIL_BYTES,
    map_to_json,
    notes_to_json,
    read_contents,
    thumbnail,
    words_to_json,
)
from support import midi_writer as midi


def long_track(size: int) -> bytes:
    """Return a track with about so many bytes of notes."""
    body = b"\0\x90\x3c\x40\1\x80\x3c\0" * (size // 8) + b"\0\xff\x2f\0"
    return midi.song(midi.raw_track(body), midi_format=0)


def test_tracks_beyond_the_limit_are_read_to_the_limit() -> None:
    whole = long_track(MAX_READ_BYTES)
    first, second = read_contents([whole, long_track(80)])
    assert len(first.notes) < MAX_READ_BYTES // 8 + 1
    assert second.notes == []
    assert [len(content.notes) for content in read_contents([long_track(80)] * 2)] == [10, 10]


def test_a_thumbnail_shows_notes_evenly_and_reads_little() -> None:
    packed = base64.b64decode(thumbnail(long_track(8 * 1_000)))
    assert len(packed) == 4 * 256
    starts = [*packed[0::4]]
    assert starts == sorted(starts)
    assert starts[-1] >= 250
    assert thumbnail(long_track(4 * MAX_THUMBNAIL_BYTES)) == thumbnail(long_track(5 * MAX_THUMBNAIL_BYTES))
    assert thumbnail(b"") == ""


def test_texts_are_bounded() -> None:
    events = [(tick, midi.meta(5, b"\x82\xa0")) for tick in range(MAX_TEXTS + 10)]
    content = read_track(midi.song(midi.track(events), midi_format=0))
    assert len(words_to_json(content, TempoMap(content), LYRIC)) == MAX_TEXTS


def test_a_track_without_anything_is_json_too() -> None:
    for data in (b"", b"MThd", midi.song(midi.track(), midi_format=0)):
        content = read_track(data)
        times = TempoMap(content)
        text = json.dumps(
            {**map_to_json(content, times), "notes": notes_to_json(content, times)}, allow_nan=False
        )
        assert json.loads(text)["length_seconds"] == 0
