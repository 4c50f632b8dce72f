"""Hypothesis strategies for well-formed files, with every corner case that the specification allows.

Ticks, pitches and channels come from few values, so that events often share a tick, notes overlap and
conductor events collide.
"""

from functools import cache

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from midiprism.smf.kernel import jit
from support.midi_parser import COPYRIGHT, CUE_POINT, MARKER, TRACK_NAME
from support.midi_writer import (
    LONGEST_DELTA,
    EncodingStyle,
    TimedMessage,
    chunk,
    control_change,
    escape,
    key_signature,
    meta,
    note_off,
    note_on,
    program_change,
    smpte_offset,
    song,
    sysex,
    tempo,
    time_signature,
    track,
)
from support.nightly import NIGHTLY


def example_count(count: int, *, nightly: int | None = None) -> int:
    """Return a number of examples: ``count``, or ``nightly`` in a nightly run, where it is given.

    Without the compiler, which makes each 100 times slower, it is a quarter of them.
    """
    chosen = nightly if NIGHTLY and nightly is not None else count
    return chosen if jit.ENABLED else chosen // 4


MUSIC_END_TICK = 64 * 480
"""Ordinary music ends before this tick."""

NAMES = [
    b"",
    b"Bass",
    b" Lead \0",
    "Fl\u00fcgel".encode("cp1252"),
    "ピアノ".encode("shift_jis"),
    b"\xff\xfe\0",
]

# A few ticks cause collisions, the others are music. 127 and 128 need delta times of different lengths.
ticks = st.one_of(st.sampled_from([0, 0, 1, 96, 127, 128, 480, 480, 960]), st.integers(0, MUSIC_END_TICK))
data_bytes = st.integers(0, 127)
pitches = st.sampled_from([60, 60, 61, 36, 0, 127])
velocities = st.sampled_from([1, 64, 127])
lengths = st.sampled_from([0, 1, 47, 96, 480, 2000])
payloads = st.sampled_from([b"", b"\1", b"\x7f\xff\x80", b"text", b"\xf0\x7e\x7f\x09\x01\xf7", bytes(130)])
sysex_packets = st.sampled_from(
    [b"", b"\1", b"\x7e\x7f\x09\x01", b"\x41\x10\x42\x12\x40\0\x7f\0\x41", bytes(130)]
)
length_widths = st.sampled_from([1, 1, 1, 2, 4])

TEMPI = [tempo(value) for value in (500_000, 500_000, 300_000, 461_538, 7, 0, 1, 0xFFFFFF)]
METERS = [
    time_signature(4, 2),
    time_signature(4, 2),
    time_signature(3, 2),
    time_signature(7, 3, 12, 8),
    time_signature(12, 6, 0, 0),
]
KEYS = [key_signature(0), key_signature(0), key_signature(-7, 1), key_signature(7), key_signature(3, 1)]
OFFSETS = [smpte_offset(0), smpte_offset(0), smpte_offset(0x20 | 23, 59, 59, 24, 99), smpte_offset(0x61, 1)]
WRONG_LENGTHS = [meta(kind, data) for kind in (0x51, 0x54, 0x58, 0x59) for data in (b"", b"\1" * 6)]
conductor_messages = st.sampled_from([*TEMPI, *METERS, *KEYS, *OFFSETS, *TEMPI])
name_messages = st.builds(meta, st.just(TRACK_NAME), st.sampled_from(NAMES))
text_messages = st.builds(
    meta,
    st.sampled_from([1, COPYRIGHT, TRACK_NAME, 4, 5, MARKER, MARKER, CUE_POINT, 9, 0x0A]),
    payloads,
    length_widths,
)
other_meta_messages = st.builds(
    meta, st.sampled_from([0x00, 0x10, 0x21, 0x4B, 0x60, 0x7E, 0x7F]), payloads, length_widths
)


def at_one_tick(message: SearchStrategy[bytes]) -> SearchStrategy[list[TimedMessage]]:
    """Return a strategy for one message at one tick."""
    return st.builds(lambda tick, body: [(tick, body)], ticks, message)


def notes(channels: SearchStrategy[int]) -> SearchStrategy[list[TimedMessage]]:
    """Return a strategy for a note that a note-off or a note-on with velocity 0 ends."""

    def build(
        channel: int, pitch: int, tick: int, length: int, velocity: int, release: int
    ) -> list[TimedMessage]:
        end = note_off(channel, pitch, release) if release else note_on(channel, pitch, 0)
        return [(tick, note_on(channel, pitch, velocity)), (tick + length, end)]

    return st.builds(build, channels, pitches, ticks, lengths, velocities, st.sampled_from([0, 0, 64, 127]))


def sysex_in_packets(draw_bodies: SearchStrategy[list[bytes]]) -> SearchStrategy[list[TimedMessage]]:
    """Return a strategy for a system exclusive message in packets; the last has the closing F7."""

    def build(tick: int, step: int, packets: list[bytes]) -> list[TimedMessage]:
        first, *middle = packets
        return [
            (tick, sysex(first)),
            *[(tick + step * (at + 1), escape(body)) for at, body in enumerate(middle)],
            (tick + step * len(packets), escape(b"\xf7")),
        ]

    return st.builds(build, ticks, st.sampled_from([0, 1, 96]), draw_bodies)


def channel_prefixed_texts(channels: SearchStrategy[int]) -> SearchStrategy[list[TimedMessage]]:
    """Return a strategy for a channel prefix and the text that it refers to, at one tick."""

    def build(tick: int, channel: int, text: bytes) -> list[TimedMessage]:
        return [(tick, meta(0x20, bytes([channel]))), (tick, text)]

    return st.builds(build, ticks, channels, text_messages)


def zone_phrases(channels: SearchStrategy[int]) -> SearchStrategy[list[TimedMessage]]:
    """Return a strategy for registered parameter 6, which gives a manager channel the members of its zone."""

    def build(tick: int, channel: int, members: int) -> list[TimedMessage]:
        numbers = ((101, 0), (100, 6), (6, members))
        return [(tick, control_change(channel, number, value)) for number, value in numbers]

    return st.builds(build, ticks, channels, st.sampled_from([0, 1, 3, 15]))


def port_statements() -> SearchStrategy[list[TimedMessage]]:
    """Return a strategy for the statement of a port or device."""
    return at_one_tick(
        st.sampled_from(
            [meta(0x21, b"\0"), meta(0x21, b"\1"), meta(0x21, b"\5"), meta(9, b"A"), meta(9, b"B")]
        )
    )


def phrases(channels: SearchStrategy[int]) -> SearchStrategy[list[TimedMessage]]:
    """Return a strategy for anything in a track: one message, or a few that belong together."""
    kinds = st.sampled_from([0x80, 0x90, 0xA0, 0xB0, 0xB0, 0xD0, 0xE0])
    channel_message = st.builds(_channel_message, kinds, channels, data_bytes, data_bytes)
    notes_off = st.builds(control_change, channels, st.sampled_from([120, 123]), st.just(0))
    change = st.builds(program_change, channels, st.sampled_from([0, 0, 5, 33, 127]))
    exclusive = st.one_of(
        st.builds(lambda body, width: sysex(body + b"\xf7", width), sysex_packets, length_widths),
        st.builds(escape, payloads, length_widths),
    )
    return st.one_of(
        notes(channels),
        notes(channels),
        notes(channels),
        at_one_tick(channel_message),
        at_one_tick(channel_message),
        at_one_tick(change),
        at_one_tick(change),
        at_one_tick(notes_off),
        at_one_tick(conductor_messages),
        at_one_tick(conductor_messages),
        at_one_tick(
            st.one_of(
                name_messages, text_messages, other_meta_messages, exclusive, st.sampled_from(WRONG_LENGTHS)
            )
        ),
        port_statements(),
        zone_phrases(channels),
        sysex_in_packets(st.lists(sysex_packets, min_size=1, max_size=3)),
        channel_prefixed_texts(channels),
    )


def _channel_message(kind: int, channel: int, first: int, second: int) -> bytes:
    return bytes([kind | channel, first] if kind == 0xD0 else [kind | channel, first, second])


def _track(
    phrases: tuple[list[TimedMessage], list[list[TimedMessage]]],
    shift: int,
    rest: int,
    running: int,
    padded: int,
) -> bytes:
    """Return an ``MTrk`` chunk. ``shift`` moves the events after the first beat; ``rest`` ticks end it."""
    first, others = phrases
    messages = sorted(
        [*first, *(message for phrase in others for message in phrase)], key=lambda timed: timed[0]
    )
    messages = [(tick + shift if tick > 480 else tick, message) for tick, message in messages]
    style = EncodingStyle(
        lambda count: bool(running >> count % 32 & 1), lambda count: 3 if padded >> count % 32 & 1 else 1
    )
    return track(messages, end=messages[-1][0] + rest, style=style)


_running_status_masks = st.sampled_from([0, 0xFFFF_FFFF, 0x5555_5555, 0x1234_5678])
_padding_masks = st.sampled_from([0, 0, 0, 0xFFFF_FFFF, 0x0F0F_0F0F])
_shifts = st.sampled_from([0] * 12 + [1 << 14, 1 << 21, LONGEST_DELTA - 3 * MUSIC_END_TICK])
_end_gaps = st.sampled_from([0, 0, 0, 1, 480, MUSIC_END_TICK])
playing_tracks = st.one_of(
    [
        st.builds(
            _track,
            st.tuples(notes(on_these), st.lists(phrases(on_these), max_size=14)),
            _shifts,
            _end_gaps,
            _running_status_masks,
            _padding_masks,
        )
        for on_these in map(st.sampled_from, ([0], [0], [9], [0, 1], [0, 1, 9, 15]))
    ]
)
_conductor_phrases = at_one_tick(st.one_of(conductor_messages, conductor_messages, text_messages))
conductor_tracks = st.builds(
    _track,
    st.tuples(at_one_tick(name_messages), st.lists(_conductor_phrases, max_size=8)),
    _shifts,
    _end_gaps,
    _running_status_masks,
    _padding_masks,
)
empty_tracks = st.builds(lambda end: track(end=end), st.sampled_from([0, 480]))
tracks = st.one_of(
    playing_tracks, playing_tracks, playing_tracks, conductor_tracks, conductor_tracks, empty_tracks
)
unknown_chunks = st.builds(chunk, st.sampled_from([b"XFIH", b"XFKM", b"junk"]), payloads)


def _song(
    midi_format: int,
    chunks: list[bytes],
    unknown_chunks_at: list[tuple[int, bytes]],
    division: int,
    extra: bytes,
) -> bytes:
    """Return a file. Format 0 keeps the first chunk only. Unknown chunks come with their positions."""
    chunks = chunks[:1] if midi_format == 0 else list(chunks)
    for position, unknown_chunk in unknown_chunks_at:
        chunks.insert(position, unknown_chunk)
    return song(*chunks, midi_format=midi_format, division=division, extra=extra)


_ticks_per_quarter = st.sampled_from([480, 480, 96, 1, 32767])
_smpte_divisions = st.sampled_from([0xE728, 0xE850, 0xE364, 0xE250, 0xE804])
_placed_unknown_chunks: SearchStrategy[list[tuple[int, bytes]]] = st.one_of(
    st.just([]), st.just([]), st.lists(st.tuples(st.integers(0, 4), unknown_chunks), min_size=1, max_size=2)
)
_header_extras = st.sampled_from([b"", b"", b"", b"\0", b"later"])
_track_lists = st.lists(tracks, min_size=1, max_size=4)

songs = st.builds(
    _song,
    st.sampled_from([0, 1, 1, 1, 2]),
    _track_lists,
    _placed_unknown_chunks,
    st.one_of(_ticks_per_quarter, _ticks_per_quarter, _smpte_divisions),
    _header_extras,
)
"""Whole well-formed files of every kind."""

portable_songs = st.builds(
    _song, st.sampled_from([0, 1, 1]), _track_lists, st.just([]), _ticks_per_quarter, st.just(b"")
)
"""Files that other readers accept: no SMPTE division, format 2, unknown chunk or long header."""


@cache
def example_songs(count: int, seed_value: int = 0) -> tuple[bytes, ...]:
    """Return ``count`` well-formed files of every kind: always the same for the same ``seed_value``."""
    values: list[bytes] = []

    @seed(seed_value)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(songs)
    def collect(value: bytes) -> None:
        values.append(value)

    collect()
    return tuple(values[:count])
