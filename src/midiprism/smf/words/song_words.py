"""The words of a song: its lyrics go to the track that sings them, and its tracks of text are kept."""

from typing import NamedTuple

from midiprism.smf import problems
from midiprism.smf.kernel.split_kernel import KernelOutput
from midiprism.smf.repair.edits import Repair, RepairStep
from midiprism.smf.repair.events import Effort
from midiprism.smf.unwrap import Unwrapped, read_header
from midiprism.smf.words.merge_lyrics import merge_lyrics
from midiprism.smf.words.singing_track import PlayingTrack, find_singing_track, read_onsets
from midiprism.smf.words.text_events import TextEvent, read_karaoke_chunk, read_texts
from midiprism.smf.words.text_tracks import TextKind, TextTrack, classify_track, is_karaoke_text

MAX_LYRICS_TRACKS = 8
"""Lyrics of more tracks are merged into none."""

_SIGNS = (b"\xff\x01", b"\xff\x05", b"\xff\x06", b"\xff\x7f")
"""Bytes of which a track of text has some."""


class LyricsSource(NamedTuple):
    """Lyrics that a track without notes, or a karaoke chunk, has for another track.

    Attributes:
        number: of the track; behind all others for a chunk.
        track: the same; None for a chunk.
        lyrics: its events.
        channels: on which the song says that the melody plays.
    """

    number: int
    track: int | None
    lyrics: list[TextEvent]
    channels: frozenset[int] = frozenset()


def place_words(song: Unwrapped, answer: KernelOutput) -> dict[int, TextKind]:
    """Merge the lyrics of a song into the tracks that sing them, and return its tracks of text.

    Args:
        song: the song, to which edits and problems are added.
        answer: the kernel's answer for it, with details.

    Returns:
        What each track without notes holds, by its number, if that is lyrics, chords or markers.
    """
    data = bytes(song.data)
    effort = Effort()
    kept = _find_text_tracks(data, answer, effort)
    sources = [LyricsSource(it.number, it.number, it.lyrics) for it in kept if it.lyrics]
    chunk = read_karaoke_chunk(data, effort)
    if chunk is not None and not all(it.is_blank for it in chunk.texts):
        sources.append(LyricsSource(answer.num_tracks, None, chunk.texts, chunk.melody_channels))
    if sources:
        song.apply_repairs(_merge(data, sources, answer, read_header(song).division, effort))
    return {it.number: it.kind for it in kept}


def _find_text_tracks(data: bytes, answer: KernelOutput, effort: Effort) -> list[TextTrack]:
    texts: dict[int, list[TextEvent]] = {}
    for number, source in enumerate(answer.source_tracks):
        start, stop = int(source["body"]), int(source["stop"])
        if source["note_count"] == 0 and any(data.find(sign, start, stop) >= 0 for sign in _SIGNS):
            texts[number] = read_texts(data, start, stop, effort)
    is_karaoke = any(is_karaoke_text(it) for found in texts.values() for it in found)
    classified = [classify_track(number, found, is_karaoke=is_karaoke) for number, found in texts.items()]
    return [it for it in classified if it is not None]


def _merge(
    data: bytes, sources: list[LyricsSource], answer: KernelOutput, division: int, effort: Effort
) -> RepairStep:
    """Return the edits that merge lyrics, and the statements of where they are now."""
    playing = _playing_tracks(data, answer, effort) if len(sources) <= MAX_LYRICS_TRACKS else []
    placed = [(source, _place(source, playing, division)) for source in sources]
    edits = []
    for track in playing:
        own = [(source.number, source.lyrics) for source, found in placed if found and found[0] is track]
        edits += merge_lyrics(data, track, own, effort)
    if effort.is_exhausted:
        placed, edits = [(source, None) for source in sources], []
    return RepairStep(edits, [_statement(source, found) for source, found in placed])


def _place(
    source: LyricsSource, playing: list[PlayingTrack], division: int
) -> tuple[PlayingTrack, str] | None:
    """Return the track that sings lyrics and the evidence in words; None if none does."""
    ticks = sorted({it.tick for it in source.lyrics if not it.is_blank})
    found = find_singing_track(playing, ticks, division, source.channels)
    if found is None:
        return None
    track, evidence = found
    return track, f"{track.number + 1}, where {evidence.hits} of {len(ticks)} begin with a note"


def _statement(source: LyricsSource, found: tuple[PlayingTrack, str] | None) -> Repair:
    kind, number = (
        (problems.LYRICS_UNPLACED, str(len(source.lyrics))) if found is None else (problems.LYRICS, found[1])
    )
    return Repair(kind, number, source.track, source.lyrics[0].position)


def _playing_tracks(data: bytes, answer: KernelOutput, effort: Effort) -> list[PlayingTrack]:
    """Return the tracks that play something else than drums; none if they have too many events."""
    tracks = []
    for number, source in enumerate(answer.source_tracks):
        if source["note_count"] > 0:
            start, stop = int(source["body"]), int(source["stop"])
            onsets = read_onsets(data, start, stop, effort)
            if onsets is None:
                return []
            at, size = int(source["name_start"]), int(source["name_size"])
            name = data[at : at + size].lower() if size > 0 else b""
            if onsets:
                tracks.append(PlayingTrack(number, start, stop, name, onsets))
    return tracks
