"""The notes of a song as midiprism, mido, symusic and partitura read them, each by its own seconds.

Run as a program, this module reads songs with one of them: each request on standard input is a length in four
bytes and a song, each answer on standard output a line of JSON.
"""

import contextlib
import io
import json
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from support.damaged_songs import PlayedNote, Voice, voices_of
from support.exact_timing import TempoMap, pair_notes
from support.midi_parser import Event, parse_song


def read_with_midiprism(data: bytes) -> list[Voice]:
    """Return the voices of the tracks of a split."""
    import midiprism

    tracks = midiprism.split(data, by="track").tracks
    return [voice for track in tracks for voice in voices_of(parse_song(track.data))]


def read_with_mido(data: bytes) -> list[Voice]:
    """Return the voices that mido reads: its messages, paired first in, first out, at its tempi."""
    import mido

    file = mido.MidiFile(file=io.BytesIO(data))
    tempi: dict[int, int] = {}
    tracks: list[tuple[list[Event], int]] = []
    for source in file.tracks:
        tick = 0
        events = []
        for message in source:
            tick += message.time
            if message.type == "set_tempo":
                tempi[tick] = message.tempo
            elif message.type in ("note_on", "note_off"):
                status, *body = message.bytes()
                events.append(Event(tick, status, bytes(body)))
        tracks.append((events, tick))
    clock = TempoMap(file.ticks_per_beat, tempi)
    voices = []
    for events, end in tracks:
        channels: dict[int, list[PlayedNote]] = {}
        for note in pair_notes(events, end):
            onset, release = float(clock.seconds(note.tick)), float(clock.seconds(note.end_tick))
            played = PlayedNote(note.tick, note.pitch, note.velocity, note.end_tick, onset, release)
            channels.setdefault(note.channel, []).append(played)
        voices += [Voice(channel, sorted(notes)) for channel, notes in channels.items()]
    return voices


def read_with_symusic(data: bytes) -> list[Voice]:
    """Return the voices of symusic's tracks. It does not say their channels."""
    import symusic

    score: Any = symusic.Score.from_midi(data)
    timed: Any = score.to("second")
    voices = []
    for track, timed_track in zip(score.tracks, timed.tracks, strict=True):
        notes = [
            PlayedNote(
                note.time,
                note.pitch,
                note.velocity,
                note.end,
                in_seconds.time,
                in_seconds.time + in_seconds.duration,
            )
            for note, in_seconds in zip(track.notes, timed_track.notes, strict=True)
        ]
        if notes:
            voices.append(Voice(None, sorted(notes)))
    return voices


def read_with_partitura(data: bytes) -> list[Voice]:
    """Return the voices of partitura's performed parts."""
    import partitura

    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = Path(folder) / "song.mid"
        path.write_bytes(data)
        performance: Any = partitura.load_performance_midi(str(path))
    channels: dict[tuple[int, int], list[PlayedNote]] = {}
    for part in performance.performedparts:
        for note in part.notes:
            played = PlayedNote(
                int(note["note_on_tick"]),
                int(note["midi_pitch"]),
                int(note["velocity"]),
                int(note["note_off_tick"]),
                float(note["note_on"]),
                float(note["note_off"]),
            )
            channels.setdefault((int(note["track"]), int(note["channel"])), []).append(played)
    return [Voice(channel, sorted(notes)) for (_, channel), notes in channels.items()]


READERS: dict[str, Callable[[bytes], list[Voice]]] = {
    "midiprism": read_with_midiprism,
    "mido": read_with_mido,
    "symusic": read_with_symusic,
    "partitura": read_with_partitura,
}
"""Every reader, by the name of its package."""


def encode_answer(voices: list[Voice] | None) -> bytes:
    """Return voices as a line of JSON; null for a refusal."""
    return json.dumps(voices).encode() + b"\n"


def decode_answer(line: bytes) -> list[Voice] | None:
    """Return the voices of a line of JSON, or None for a refusal."""
    answer = json.loads(line)
    if answer is None:
        return None
    return [Voice(channel, [PlayedNote(*note) for note in notes]) for channel, notes in answer]


def answer_requests(reader: str) -> None:
    """Answer requests until the input ends. Any exception of a reader is a refusal."""
    read = READERS[reader]
    out = sys.stdout.buffer
    while head := sys.stdin.buffer.read(4):
        data = sys.stdin.buffer.read(int.from_bytes(head, "big"))
        voices: list[Voice] | None
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                voices = read(data)
        except Exception:
            voices = None
        out.write(encode_answer(voices))
        out.flush()


if __name__ == "__main__":
    answer_requests(sys.argv[1])
