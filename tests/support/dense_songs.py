"""Random songs that play on many channels of one track: runs of plain events, with all others in between."""

from random import Random

from support.midi_parser import COPYRIGHT, MARKER
from support.midi_writer import (
    LONGEST_DELTA,
    EncodingStyle,
    TimedMessage,
    control_change,
    escape,
    meta,
    note_off,
    note_on,
    pitch_bend,
    program_change,
    song,
    sysex,
    tempo,
    time_signature,
    track,
)

STEPS = (0, 0, 0, 1, 5, 96, 127, 128, 480)
RARE_STEPS = (0x3FFF, 0x4000, 0x1FFFFF, 0x200000)


def _plain_message(rng: Random, channel: int, is_silent: bool) -> bytes:
    pitch, value = rng.randrange(128), rng.randrange(128)
    if rng.random() < 0.7:
        kinds = (note_off(channel, pitch, value), note_on(channel, pitch, 0))
        return rng.choice(
            kinds if is_silent else (*kinds, note_on(channel, pitch, value), note_on(channel, pitch))
        )
    pressure = bytes([0xD0 | channel, value])
    touch = bytes([0xA0 | channel, pitch, value])
    return rng.choice(
        (control_change(channel, pitch, value), pitch_bend(channel, value << 7), pressure, touch)
    )


def _other_message(rng: Random, channel: int) -> bytes:
    return rng.choice(
        (
            program_change(channel, rng.randrange(128)),
            control_change(channel, 0, rng.choice((0, 120, 121, 127))),
            tempo(rng.choice((400_000, 500_000))),
            time_signature(3, 2),
            meta(COPYRIGHT, b"text"),
            meta(MARKER, bytes(130)),
            sysex(b"\x7e\x7f\x09\x01\xf7"),
            escape(b"\xf3\x01"),
        )
    )


def _playing_track(rng: Random, long_gaps: bool) -> bytes:
    """Return a track that plays on several channels, and has events on some that do not play."""
    channels = rng.sample(range(16), rng.choice((1, 2, 5, 16)))
    silent = channels[: rng.choice((0, 0, len(channels) // 3))]
    messages: list[TimedMessage] = []
    tick = 0
    for _ in range(rng.choice((3, 30, 300))):
        tick += rng.choice(STEPS)
        if rng.random() < 0.02:
            tick += rng.choice(RARE_STEPS)
        if long_gaps and rng.random() < 0.02:
            tick += LONGEST_DELTA // 2
        channel = rng.choice(channels)
        if rng.random() < 0.1:
            messages.append((tick, _other_message(rng, channel)))
        # Several in a row, so that a part may copy the status and delta time of one unchanged.
        for _ in range(rng.choice((1, 1, 2, 6))):
            messages.append((tick, _plain_message(rng, channel, channel in silent)))
    running, padded = rng.random(), rng.choice((0, 0, 0.2))
    style = EncodingStyle(lambda _: rng.random() < running, lambda _: 2 if rng.random() < padded else 1)
    return track(messages, end=tick + rng.choice((0, 0, 480)), style=style)


def _conductor_track(rng: Random) -> bytes:
    """Return a track of events for other tracks, many of them at ticks at which those have events too."""
    ticks = sorted(sum(rng.choices(STEPS, k=rng.randrange(1, 60))) for _ in range(rng.randrange(12)))
    return track([(tick, _other_message(rng, rng.randrange(16))) for tick in ticks])


def dense_song(rng: Random, *, long_gaps: bool = False) -> bytes:
    """Return a well-formed file. With ``long_gaps`` some delta times of its parts become too long."""
    playing = [_playing_track(rng, long_gaps) for _ in range(rng.choice((1, 1, 2)))]
    if len(playing) == 1 and rng.random() < 0.5:
        return song(*playing, midi_format=0)
    chunks = [*(_conductor_track(rng) for _ in range(rng.randrange(3))), *playing]
    rng.shuffle(chunks)
    return song(*chunks, midi_format=rng.choice((1, 1, 1, 2)))
