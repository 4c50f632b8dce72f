"""Files as mido and symusic read them, and the files that they refuse or misread."""

import io
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple
from unittest.mock import patch

import mido
import symusic
from mido.midifiles import midifiles as mido_reader

from support.midi_parser import (
    ESCAPE,
    KEY_SIGNATURE,
    META,
    SMPTE_OFFSET,
    SYSEX,
    TEMPO,
    TIME_SIGNATURE,
    Event,
    ParsedSong,
    parse_song,
    payload,
)
from support.midi_writer import chunk, escape, key_signature, meta, note, note_on, song, tempo, track

DRUM_CHANNEL = 9


class MidoTrack(NamedTuple):
    """The channel messages and tempi of a track, at absolute ticks."""

    channel_messages: list[tuple[int, bytes]]
    tempi: list[tuple[int, int]]


def read_with_mido(data: bytes, fix_deltas: bool = True) -> list[MidoTrack]:
    """Read every track with mido. ``fix_deltas`` keeps those of unknown meta events, which mido drops."""
    build = mido_reader.build_meta_message

    def with_delta(kind: int, body: bytes, delta: int = 0) -> Any:
        message = build(kind, body, delta)
        message.time = delta
        return message

    with patch.object(mido_reader, "build_meta_message", with_delta if fix_deltas else build):
        file = mido.MidiFile(file=io.BytesIO(data))
    tracks = []
    for source in file.tracks:
        parsed = MidoTrack([], [])
        tick = 0
        for message in source:
            tick += message.time
            if message.type == "set_tempo":
                parsed.tempi.append((tick, message.tempo))
            elif not message.is_meta and message.type != "sysex":
                parsed.channel_messages.append((tick, bytes(message.bytes())))
        tracks.append(parsed)
    return tracks


def mido_refuses(event: Event) -> bool:
    """Return whether mido raises at an event that the specification allows, or that splits copy unchanged."""
    _, status, body = event
    if status in (SYSEX, ESCAPE):
        return any(byte > 127 for byte in payload(event).removeprefix(b"\xf0").removesuffix(b"\xf7"))
    if status != META:
        return False
    data = payload(event)
    kind = body[0]
    if kind == KEY_SIGNATURE:
        return len(data) < 2 or data[1] > 1 or not -7 <= int.from_bytes(data[:1], signed=True) <= 7
    if kind == SMPTE_OFFSET:
        return len(data) < 5 or data[0] >> 5 > 3
    return len(data) < {TEMPO: 3, TIME_SIGNATURE: 4, 0x20: 1}.get(kind, 0) or (kind == 0 and len(data) == 1)


class SymusicScore(NamedTuple):
    """The events of a file as symusic reads them. It keeps the program of a track, but not its channel."""

    notes: Counter[tuple[int, int, int, int]]
    notes_per_program: Counter[tuple[int, bool]]
    controls: Counter[tuple[int, int, int]]
    bends: Counter[tuple[int, int]]
    tempi: list[tuple[int, int]]


def read_with_symusic(data: bytes) -> SymusicScore:
    """Read all tracks of a file together with symusic."""
    score: Any = symusic.Score.from_midi(data)
    return SymusicScore(
        Counter((n.time, n.duration, n.pitch, n.velocity) for part in score.tracks for n in part.notes),
        Counter((part.program, part.is_drum) for part in score.tracks for _ in part.notes),
        Counter((c.time, c.number, c.value) for part in score.tracks for c in part.controls),
        Counter((b.time, b.value) for part in score.tracks for b in part.pitch_bends),
        [(change.time, change.mspq) for change in score.tempos],
    )


def symusic_refuses(song: ParsedSong) -> bool:
    """Return whether symusic cannot read a file: an SMPTE division, an F7 event, a tick beyond 31 bits."""
    return bool(
        song.division & 0x8000
        or any(event.status == ESCAPE for source in song.tracks for event in source.events)
        or any(source.end_tick >= 1 << 31 for source in song.tracks)
    )


def has_event(song: ParsedSong, predicate: Callable[[Event], bool]) -> bool:
    """Return whether any event of a file fulfils the predicate."""
    return any(predicate(event) for source in song.tracks for event in source.events)


NOTE = note(0, 60, 96, 96)


class Misreading(NamedTuple):
    """A file that a reader misreads: the value that it reads, or its exception, and the right value."""

    reader: str
    description: str
    data: bytes
    read: Callable[[bytes], Any]
    actual: Any
    expected: Any


def _onsets_by_mido(data: bytes) -> list[int]:
    return [
        tick for tick, body in read_with_mido(data, fix_deltas=False)[0].channel_messages if body[0] >> 4 == 9
    ]


def _tempi_by_mido(data: bytes) -> list[tuple[int, int]]:
    return [change for parsed in read_with_mido(data) for change in parsed.tempi]


def _saved_by_mido(data: bytes) -> bool:
    out = io.BytesIO()
    mido.MidiFile(file=io.BytesIO(data)).save(file=out)
    return has_event(parse_song(out.getvalue()), lambda event: event.status == ESCAPE)


def _onsets_by_symusic(data: bytes) -> list[int]:
    return sorted(tick for tick, *_ in read_with_symusic(data).notes.elements())


def _song_with(*messages: tuple[int, bytes], end: int = 960, form: int = 1, division: int = 480) -> bytes:
    return song(track([*messages, *NOTE], end=end), midi_format=form, division=division)


MISREADINGS = [
    Misreading(
        "mido",
        "loses the delta time before a meta event that it does not know",
        _song_with((48, meta(0x60, b"?"))),
        _onsets_by_mido,
        [48],
        [96],
    ),
    Misreading(
        "mido",
        "refuses a key that does not exist",
        _song_with((0, key_signature(9))),
        _onsets_by_mido,
        "KeySignatureError",
        [96],
    ),
    Misreading(
        "mido",
        "refuses a tempo shorter than three bytes",
        _song_with((0, meta(TEMPO, b"\1"))),
        _tempi_by_mido,
        "IndexError",
        [],
    ),
    Misreading(
        "mido",
        "takes the first three bytes of a longer tempo",
        _song_with((0, meta(TEMPO, b"\1\1\1\1"))),
        _tempi_by_mido,
        [(0, 0x010101)],
        [],
    ),
    Misreading(
        "mido",
        "reads an SMPTE division as a negative number of ticks in a beat",
        _song_with(division=0xE728),
        lambda data: mido.MidiFile(file=io.BytesIO(data)).ticks_per_beat,
        -0x18D8,
        0xE728,
    ),
    Misreading(
        "mido",
        "refuses escaped bytes above 127",
        _song_with((0, escape(b"\xf3\1"))),
        _onsets_by_mido,
        "ValueError",
        [96],
    ),
    Misreading(
        "mido",
        "turns an F7 event into F0 when it saves",
        _song_with((0, escape(b"\1"))),
        _saved_by_mido,
        False,
        True,
    ),
    Misreading(
        "mido",
        "stops at a chunk that it does not know",
        song(chunk(b"XFIH", b"?"), track(NOTE)),
        _onsets_by_mido,
        "OSError",
        [96],
    ),
    Misreading(
        "symusic",
        "refuses an SMPTE division",
        _song_with(division=0xE728),
        _onsets_by_symusic,
        "RuntimeError",
        [96],
    ),
    Misreading(
        "symusic",
        "refuses a header that is longer than six bytes",
        song(track(NOTE), extra=b"\0"),
        _onsets_by_symusic,
        "RuntimeError",
        [96],
    ),
    Misreading(
        "symusic",
        "takes F7 for an event without a length and loses step",
        _song_with((0, escape(b"\1\2\3\xf7"))),
        _onsets_by_symusic,
        [106],
        [96],
    ),
    Misreading(
        "symusic",
        "drops a note that is never ended",
        _song_with((0, note_on(1, 64))),
        _onsets_by_symusic,
        [96],
        [0, 96],
    ),
    Misreading(
        "symusic",
        "takes a tempo of four bytes for one of three",
        _song_with((0, meta(TEMPO, b"\1\1\1\1"))),
        lambda data: read_with_symusic(data).tempi,
        [(0, 0x010101)],
        [],
    ),
    Misreading(
        "symusic",
        "drops the controllers of a channel without notes",
        _song_with((0, bytes([0xB5, 7, 100]))),
        lambda data: list(read_with_symusic(data).controls.elements()),
        [],
        [(0, 7, 100)],
    ),
    Misreading(
        "symusic",
        "plays a track of format 2 by the tempo of the others",
        song(track([(0, tempo(250_000))]), track(NOTE), midi_format=2),
        lambda data: read_with_symusic(data).tempi,
        [(0, 250_000)],
        [],
    ),
]
"""Known errors of the readers, found by experiment with mido 1.3.3 and symusic 0.6.0."""


def observed_reading(misreading: Misreading) -> Any:
    """Return the value that the reader reads, or the name of the exception that it raises."""
    try:
        return misreading.read(misreading.data)
    except Exception as error:
        return type(error).__name__
