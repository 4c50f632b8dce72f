"""Reading the texts of a track without notes, and of the karaoke chunk of Yamaha's XF format."""

import re
from typing import NamedTuple

from midiprism.smf.repair.chunks import read_chunk, read_size
from midiprism.smf.repair.events import META, Effort, read_events
from midiprism.smf.unwrap import KARAOKE_CHUNK

TEXT, TRACK_NAME, LYRIC, MARKER, CUE_POINT, SEQUENCER_SPECIFIC = 0x01, 0x03, 0x05, 0x06, 0x07, 0x7F
XF_CHORD = b"\x43\x7b\x01"

_MAX_CHUNKS = 100_000
_LYRICS_HEADER = re.compile(rb"\$Lyrc:([0-9,]{1,64})(?::|$)")


class TextEvent(NamedTuple):
    """A meta event with text.

    Attributes:
        tick: absolute.
        kind: its type, such as ``LYRIC``.
        text: its payload.
        event: all of its bytes, from the status on.
        position: of its status.
    """

    tick: int
    kind: int
    text: bytes
    event: bytes
    position: int

    @property
    def is_blank(self) -> bool:
        """True if it has nothing to read."""
        return not self.text.strip(b"\0 \t\r\n")


class KaraokeChunk(NamedTuple):
    """The lyrics of an XF karaoke chunk, and the channels (0 to 15) that it names as those of the melody."""

    texts: list[TextEvent]
    melody_channels: frozenset[int]


def read_texts(data: bytes, start: int, stop: int, effort: Effort) -> list[TextEvent]:
    """Return the meta events of a span of events."""
    texts = []
    tick = 0
    for event in read_events(data, start, stop, effort):
        tick += event.delta
        if event.status == META:
            kind = data[event.position + 1]
            whole = data[event.position : event.stop]
            texts.append(TextEvent(tick, kind, data[event.body : event.stop], whole, event.position))
    return texts


def read_karaoke_chunk(data: bytes, effort: Effort) -> KaraokeChunk | None:
    """Return the lyrics in the first karaoke chunk behind a song's header; None without one."""
    if KARAOKE_CHUNK not in data:
        return None
    at = 8 + read_size(data, 4)
    for _ in range(_MAX_CHUNKS):
        chunk = read_chunk(data, at)
        if chunk is None:
            return None
        if chunk.kind == KARAOKE_CHUNK:
            texts = read_texts(data, chunk.body, chunk.stop, effort)
            return KaraokeChunk([it for it in texts if it.kind == LYRIC], _melody_channels(texts))
        at = chunk.stop
    return None


def _melody_channels(texts: list[TextEvent]) -> frozenset[int]:
    """Return the channels that a header such as ``$Lyrc:1:270:JP`` names."""
    for text in texts:
        header = _LYRICS_HEADER.match(text.text) if text.kind == CUE_POINT else None
        if header is not None:
            numbers = [int(number) for number in header[1].split(b",") if number]
            return frozenset(number - 1 for number in numbers if 1 <= number <= 16)
    return frozenset()
