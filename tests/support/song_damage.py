"""Songs of known notes, and the kinds of damage to them that a split undoes."""

from collections.abc import Callable
from random import Random

from support.midi_parser import META, SYSEX, parse_song
from support.midi_writer import (
    END_OF_TRACK,
    EncodingStyle,
    TimedMessage,
    chunk,
    control_change,
    meta,
    note,
    program_change,
    song,
    sysex,
    tempo,
    time_signature,
    track,
    track_name,
    vlq,
)

Damage = Callable[[Random, bytes], bytes]
"""Returns the damaged bytes of a song."""

NAMES = (
    b"Piano",
    b"Alto Trombone",
    "Flügel".encode("cp1252"),
    "ピアノ".encode("shift_jis"),
    "Café".encode("cp1252"),
    b"a\rb\nc",
    b"Bass",
)
LENGTHS = (10, 13, 48, 96, 130)


def generated_song(rng: Random) -> bytes:
    """Return a well-formed song of a conductor and two to four players, of format 1."""
    ticks = sorted(rng.sample(range(4000), 3))
    tempi = [(tick, tempo(rng.randrange(200_000, 900_000))) for tick in (0, *ticks)]
    conductor = [(0, track_name(rng.choice(NAMES))), (0, time_signature(3, 2)), *tempi]
    players = [_player(rng, channel) for channel in range(rng.randint(2, 4))]
    return song(track(conductor, end=5000), *players, division=rng.choice((96, 480)))


def _player(rng: Random, channel: int) -> bytes:
    messages: list[TimedMessage] = [(0, track_name(rng.choice(NAMES)))]
    if rng.random() < 0.5:
        messages.append((0, sysex(b"\x7e\x7f\x09\x01\xf7")))
    messages += [
        (0, program_change(channel, rng.randrange(128))),
        (0, control_change(channel, 7, rng.randrange(128))),
    ]
    tick = 0
    for _ in range(rng.randint(8, 30)):
        tick += rng.choice((0, *LENGTHS))
        length = rng.choice(LENGTHS)
        messages += note(
            channel, rng.choice((10, 13, *range(40, 80))), tick, length, rng.choice((10, 13, 64, 100))
        )
        if rng.random() < 0.1:
            messages.append((tick, meta(1, rng.choice(NAMES))))
        tick += length
    keeps_status = rng.random()
    style = EncodingStyle(running_status=lambda _: rng.random() < keeps_status)
    return track(sorted(messages, key=lambda message: message[0]), style=style)


def chunks_of(data: bytes) -> list[bytes]:
    """Return the header and the tracks of a well-formed song."""
    pieces = []
    at = 0
    while at < len(data):
        stop = at + 8 + int.from_bytes(data[at + 4 : at + 8], "big")
        pieces.append(data[at:stop])
        at = stop
    return pieces


def _edit_track(data: bytes, number: int, at: int, stop: int, replacement: bytes) -> bytes:
    """Return a song with bytes of a track replaced, and the length of its chunk corrected."""
    pieces = chunks_of(data)
    start = sum(map(len, pieces[: number + 1])) + 8
    body = data[start : start + len(pieces[number + 1]) - 8]
    pieces[number + 1] = chunk(b"MTrk", body[: at - start] + replacement + body[stop - start :])
    return b"".join(pieces)


def _random_event(rng: Random, data: bytes, wanted: Callable[[bytes, int], bool]) -> tuple[int, int, int]:
    """Return a track, and where the delta time and the message of one of its events begin."""
    found = []
    for number, source in enumerate(parse_song(data).tracks):
        for at in source.event_offsets:
            message = at
            while data[message] >= 0x80:
                message += 1
            if wanted(data, message + 1):
                found.append((number, at, message + 1))
    return rng.choice(found)


def end_early(rng: Random, data: bytes) -> bytes:
    """Put an end of track before a note that states its status."""
    number, at, _ = _random_event(rng, data, lambda data, message: data[message] >> 4 == 9)
    return _edit_track(data, number, at, at, vlq(0) + END_OF_TRACK)


def append_stale_tracks(rng: Random, data: bytes) -> bytes:
    """Append what a longer version of the file has left behind."""
    other = chunks_of(generated_song(rng))[1:]
    return data + rng.choice((b"\0\0", b"\x40\0\x90", bytes(20))) + b"".join(other[: rng.randint(1, 3)])


def append_song(rng: Random, data: bytes) -> bytes:
    """Append another song."""
    return data + rng.choice((b"", b"\0", b"\r\n")) + generated_song(rng)


def translate_lf(rng: Random, data: bytes) -> bytes:
    """Write every LF as CRLF."""
    return data.replace(b"\n", b"\r\n")


def translate_cr(rng: Random, data: bytes) -> bytes:
    """Write every CR as CRLF."""
    return data.replace(b"\r", b"\r\n")


def translate_crlf(rng: Random, data: bytes) -> bytes:
    """Write every CRLF as LF."""
    return data.replace(b"\r\n", b"\n")


def change_event_length(rng: Random, data: bytes) -> bytes:
    """Change the length of a text or sysex."""
    number, _, message = _random_event(
        rng,
        data,
        lambda data, message: (
            data[message] == SYSEX or (data[message] == META and data[message + 1] in (1, 3))
        ),
    )
    at = message + (2 if data[message] == META else 1)
    wrong = max(data[at] + rng.choice((-3, -2, -1, 1, 2, 3, 9, 40)), 0)
    return _edit_track(data, number, at, at + 1, bytes([wrong]))


def lengthen_numbers(rng: Random, data: bytes) -> bytes:
    """Write delta times with five bytes."""
    for _ in range(rng.randint(1, 4)):
        number, at, message = _random_event(rng, data, lambda data, message: True)
        value = 0
        for byte in data[at:message]:
            value = value << 7 | byte & 127
        if message - at < 5:
            return _edit_track(data, number, at, message, b"\x80" + vlq(value, 4))
    return data


def put_private_chunk(rng: Random, data: bytes) -> bytes:
    """Put an unknown chunk before a track, with a length that reaches into the track.

    One that reaches exactly to the track's end would be a whole chunk of its own, with the track in it.
    """
    pieces = chunks_of(data)
    at = rng.randrange(1, len(pieces))
    excess = rng.randint(1, 60)
    pieces.insert(at, chunk(b"XFIH", b"private", 7 + excess - (excess == len(pieces[at]))))
    return b"".join(pieces)


def wrap_without_size(rng: Random, data: bytes) -> bytes:
    """Wrap the song as RMID with a size of its data that is 0 or too small."""
    size = rng.choice((0, rng.randrange(14, len(data) - 2)))
    rest = rng.choice((b"", b"LIST\4\0\0\0INFO", b"DISP\2\0\0\0la"))
    return b"RIFF\0\0\0\0RMIDdata" + size.to_bytes(4, "little") + data + rest


def damage_choice(rng: Random, data: bytes) -> bytes:
    """Put an impossible bank select or program change before an event that states its status."""
    number, at, message = _random_event(rng, data, lambda data, message: 0x80 <= data[message] < 0xF0)
    channel = data[message] & 15
    impossible = rng.choice((b"\xb0\0\xff", b"\xb0\x20\x80", b"\xc0\xff", b"\xb0\x65\xff", b"\x90\xbc\x40"))
    return _edit_track(data, number, at, at, b"\0" + bytes([impossible[0] | channel]) + impossible[1:])


def change_track_length(rng: Random, data: bytes) -> bytes:
    """Change the length of a track that is not the last."""
    pieces = chunks_of(data)
    number = rng.randrange(1, len(pieces) - 1)
    body = pieces[number][8:]
    wrong = max(len(body) + rng.choice((-9, -3, -1, 1, 3, 7, 9, 500, 70_000)), 0)
    pieces[number] = chunk(b"MTrk", body, wrong)
    return b"".join(pieces)


def cut(rng: Random, data: bytes) -> bytes:
    """Cut the file within its last track."""
    last = len(chunks_of(data)[-1])
    return data[: len(data) - rng.randrange(1, last - 8)]


UNDONE_IN_TRACKS: tuple[Damage, ...] = (end_early, lengthen_numbers, damage_choice)
UNDONE_AROUND_SONG: tuple[Damage, ...] = (append_stale_tracks, append_song, wrap_without_size)
UNDONE: tuple[Damage, ...] = (
    *UNDONE_IN_TRACKS,
    *UNDONE_AROUND_SONG,
    put_private_chunk,
    change_track_length,
)
"""Damage that is always undone."""

OFTEN_UNDONE: dict[Damage, float] = {
    translate_lf: 1,
    translate_cr: 1,
    translate_crlf: 0.85,
    change_event_length: 1,
}
"""Damage that is undone where there is a proof, with the least share of the songs where it can be seen."""

LOSSES: tuple[Damage, ...] = (cut,)
"""Damage that loses notes."""
