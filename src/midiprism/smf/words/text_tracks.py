"""Tracks without notes that hold lyrics, chords or markers."""

import re
from typing import Literal, NamedTuple

from midiprism.smf.words.text_events import (
    LYRIC,
    MARKER,
    SEQUENCER_SPECIFIC,
    TEXT,
    TRACK_NAME,
    XF_CHORD,
    TextEvent,
)

TextKind = Literal["Lyrics", "Chords", "Markers"]

KARAOKE_MARK = b"@K"
"""Beginning of a text of every Soft Karaoke (``.kar``) song."""

INFORMATION_MARK = b"@"
"""Beginning of texts of such a song that are not sung."""

LYRICS_NAMES = frozenset((b"words", b"lyrics", b"lyric", b"karaoke", b"paroles", b"letra", b"testo", b"text"))
"""Names of tracks whose texts are sung, in any case of letters."""

MIN_WORDS = 2
"""Fewer texts at a tick above 0 make no lyrics: comments stand at the beginning."""

CHORD_SHARE = 0.8
"""Share of a track's texts that must be names of chords."""

_CHORD = re.compile(
    rb"[A-H][#b]?(?:maj|min|mi|ma|m|M|dim|aug|sus|add|alt|omit|no|[-+#b()/0-9,]|\xb0|\xf8)*(?:/[A-H][#b]?)?"
)


class TextTrack(NamedTuple):
    """A track without notes that is kept.

    Attributes:
        number: of its ``MTrk``.
        kind: what it holds, as it is listed.
        lyrics: those of its events that are sung.
    """

    number: int
    kind: TextKind
    lyrics: list[TextEvent]


def classify_track(number: int, texts: list[TextEvent], *, is_karaoke: bool) -> TextTrack | None:
    """Return what a track without notes holds; None if that is neither lyrics nor chords nor markers.

    Args:
        number: of the track.
        texts: its meta events.
        is_karaoke: whether the song is a Soft Karaoke song.
    """
    readable = [it for it in texts if it.kind in (TEXT, LYRIC, MARKER) and not it.is_blank]
    if any(it.kind == SEQUENCER_SPECIFIC and it.text.startswith(XF_CHORD) for it in texts):
        return TextTrack(number, "Chords", [])
    if _are_chords(readable):
        return TextTrack(number, "Chords", [])
    lyrics = [it for it in texts if it.kind == LYRIC]
    if all(it.is_blank for it in lyrics):
        lyrics = _sung_texts(texts) if is_karaoke or _is_named_lyrics(texts) else []
    if lyrics:
        return TextTrack(number, "Lyrics", lyrics)
    return TextTrack(number, "Markers", []) if any(it.kind == MARKER for it in readable) else None


def is_karaoke_text(text: TextEvent) -> bool:
    """Return whether a text marks its song as Soft Karaoke."""
    return text.kind == TEXT and text.text.startswith(KARAOKE_MARK)


def _are_chords(texts: list[TextEvent]) -> bool:
    """Return whether texts are names of chords. Single letters alone may as well be rehearsal marks."""
    names = [it.text.strip(b"\0 \t\r\n") for it in texts]
    count = sum(_CHORD.fullmatch(name) is not None for name in names)
    return count >= MIN_WORDS and count >= CHORD_SHARE * len(names) and any(len(name) > 1 for name in names)


def _sung_texts(texts: list[TextEvent]) -> list[TextEvent]:
    """Return the texts (FF 01) that are words of a song; none if there are too few."""
    sung = [it for it in texts if it.kind == TEXT and not it.text.startswith(INFORMATION_MARK)]
    return sung if sum(it.tick > 0 and not it.is_blank for it in sung) >= MIN_WORDS else []


def _is_named_lyrics(texts: list[TextEvent]) -> bool:
    name = next((it.text for it in texts if it.kind == TRACK_NAME and not it.is_blank), b"")
    return name.strip(b"\0 \t\r\n").lower() in LYRICS_NAMES
