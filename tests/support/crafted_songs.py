"""Songs that are made to cost as much time and memory as a file of a few megabytes can."""

import gzip
from collections.abc import Callable, Iterator
from random import Random

from support.midi_writer import (
    END_OF_TRACK,
    control_change,
    header,
    note_off,
    note_on,
    program_change,
    raw_track,
    tempo,
    vlq,
)

_NOTE = b"\0" + note_on(0, 60) + b"\1" + note_off(0, 60)
_END = b"\0" + END_OF_TRACK


def _song(*chunks: bytes) -> bytes:
    """Return a song of any number of tracks; its header names 65,535 at most."""
    return header(1, min(len(chunks), 65_535), 480) + b"".join(chunks)


def _named(name: bytes, events: bytes = _NOTE) -> bytes:
    return raw_track(b"\0\xff\3" + vlq(len(name)) + name + events + _END)


def tempi_in_every_track(scale: int) -> bytes:
    """Return a song in which many tempi are copied into many tracks."""
    count = 3 * scale
    tempi = raw_track(b"".join(b"\1" + tempo(1 + number) for number in range(count)) + _END)
    return _song(tempi, *[raw_track(_NOTE + vlq(count) + END_OF_TRACK)] * count)


def controllers_in_every_track(scale: int) -> bytes:
    """Return a song in which many controllers belong to the full context of many tracks."""
    count = 5 * scale
    controllers = raw_track(
        b"".join(b"\1" + control_change(0, 7, number & 127) for number in range(count)) + _END
    )
    return _song(controllers, *[raw_track(_NOTE + vlq(count) + END_OF_TRACK)] * (3 * scale))


def programs_on_every_channel(scale: int) -> bytes:
    """Return a song in which each note has another program."""
    events = b"".join(
        b"\0" + program_change(number & 15, number * 7 & 127) + b"\0" + note_on(number & 15, 60)
        for number in range(100 * scale)
    )
    return _song(raw_track(events + _END))


def notes_of_one_key(scale: int) -> bytes:
    """Return a song in which many notes of one key sound at once, and end one after the other."""
    count = 100 * scale
    begun = (b"\1" + note_on(0, 60)) * count
    return _song(raw_track(begun + (b"\1" + note_off(0, 60)) * count + _END))


def hanging_notes(scale: int) -> bytes:
    """Return a song whose notes never end."""
    return _song(
        raw_track(
            b"".join(b"\1" + note_on(number & 15, number >> 4 & 127) for number in range(300 * scale)) + _END
        )
    )


def divided_sysex(scale: int) -> bytes:
    """Return a song with one system exclusive message in very many packets."""
    return _song(
        raw_track(b"\0\xf0\1\x41" + b"\1\xf7\1\x42" * (300 * scale) + b"\0\xf7\1\xf7" + _NOTE + _END)
    )


def empty_tracks(scale: int) -> bytes:
    """Return a song of tracks without any byte."""
    return _song(raw_track(_NOTE + _END), *[b"MTrk\0\0\0\0"] * (60 * scale))


def empty_texts(scale: int) -> bytes:
    """Return a song of texts without any character."""
    return _song(raw_track(b"\0\xff\1\0" * (300 * scale) + _NOTE + _END))


def odd_names(scale: int) -> bytes:
    """Return a song in which each name of a track is bytes in no known encoding."""
    rng = Random(1)
    return _song(*(_named(rng.randbytes(200)) for _ in range(16 * scale)))


def equal_names(scale: int) -> bytes:
    """Return a song of tracks that differ and have one name."""
    events = (b"\0" + note_on(0, 60) + vlq(number) + note_off(0, 60) for number in range(20 * scale))
    return _song(*(_named(b"Piano", it) for it in events))


def marked_names(scale: int) -> bytes:
    """Return a song of names whose characters have many marks, which normalising must order."""
    name = ("a" + "\N{COMBINING DOT BELOW}\N{COMBINING ACUTE ACCENT}" * 60).encode()
    return _song(*(_named(name) for _ in range(10 * scale)))


def wrong_lengths(scale: int) -> bytes:
    """Return a song in which the length of each track is wrong."""
    body = _NOTE + _END
    return _song(*[b"MTrk" + (len(body) + 3).to_bytes(4, "big") + body] * (20 * scale))


def wrong_event_lengths(scale: int) -> bytes:
    """Return a song in which each track has a text of a wrong length."""
    return _song(*[raw_track(b"\0\xff\1\x7fab" + _NOTE + _END)] * (20 * scale))


def translated_line_ends(scale: int) -> bytes:
    """Return a song whose line ends were translated, which damages most of its events."""
    data = _song(*[raw_track((b"\x0a" + note_on(0, 10) + b"\x0a" + note_off(0, 13)) * 60 + _END)] * scale)
    return data.replace(b"\n", b"\r\n")


def high_data_bytes(scale: int) -> bytes:
    """Return a song in which each note has data bytes above 127."""
    return _song(raw_track(b"\0\x90\xbc\xff" * (300 * scale) + _NOTE + _END))


def headers_in_noise(scale: int) -> bytes:
    """Return a song of noise in which tracks and songs seem to begin."""
    rng = Random(1)
    parts = (
        rng.choice((b"MTrk\0\0\0\x20", b"MThd\0\0\0\6", b"\0\xff\x2f\0")) + rng.randbytes(20)
        for _ in range(40 * scale)
    )
    return _song(raw_track(_NOTE + _END)) + b"".join(parts)


def overlong_numbers(scale: int) -> bytes:
    """Return a song in which each time has five bytes."""
    return _song(raw_track((b"\x80\x80\x80\x80\1" + note_on(0, 60)) * (150 * scale) + _END))


def compressed_zeros(scale: int) -> bytes:
    """Return a compressed song with very many zeros behind it."""
    return gzip.compress(_song(raw_track(_NOTE + _END)) + bytes(60_000 * scale), 6, mtime=0)


def sustained_notes(scale: int) -> bytes:
    """Return a song in which many pedals and programs change while many notes sound."""
    events = b"".join(
        b"\0"
        + note_on(0, number & 127)
        + b"\0"
        + control_change(0, 64, 127 * (number & 1))
        + b"\0"
        + program_change(0, number & 127)
        for number in range(60 * scale)
    )
    return _song(raw_track(events + _END), raw_track(events + _END))


def endless_numbers(scale: int) -> bytes:
    """Return a song of tracks whose times have no last byte."""
    return _song(*[raw_track(b"\x80" * 40 + _NOTE + _END)] * (15 * scale))


def second_songs(scale: int) -> bytes:
    """Return very many songs in one file."""
    return _song(raw_track(_NOTE + _END)) * (25 * scale)


def tracks_within_tracks(scale: int) -> bytes:
    """Return a song in which each track claims to contain all that follow."""
    parts = [
        b"MTrk" + (30 * (20 * scale - number)).to_bytes(4, "big") + _NOTE for number in range(20 * scale)
    ]
    return _song() + b"".join(parts)


KINDS: tuple[Callable[[int], bytes], ...] = (
    tempi_in_every_track,
    controllers_in_every_track,
    programs_on_every_channel,
    notes_of_one_key,
    hanging_notes,
    divided_sysex,
    empty_tracks,
    empty_texts,
    odd_names,
    equal_names,
    marked_names,
    wrong_lengths,
    wrong_event_lengths,
    translated_line_ends,
    high_data_bytes,
    headers_in_noise,
    overlong_numbers,
    compressed_zeros,
    sustained_notes,
    endless_numbers,
    second_songs,
    tracks_within_tracks,
)


def crafted_songs(scale: int) -> Iterator[tuple[str, bytes]]:
    """Yield a song of each kind with its name. At scale 1,000, each has about a megabyte."""
    for kind in KINDS:
        yield kind.__name__.replace("_", " "), kind(scale)
