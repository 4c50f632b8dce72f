"""Edits of a song by which a track gets the lyrics of another one."""

from collections.abc import Iterable, Iterator, Sequence
from operator import attrgetter

from midiprism.smf.repair.edits import Edit, encode_number, resize_chunk
from midiprism.smf.repair.events import Effort, TrackEvent, is_end_of_track, read_events
from midiprism.smf.words.singing_track import PlayingTrack
from midiprism.smf.words.text_events import TextEvent


def merge_lyrics(
    data: bytes, track: PlayingTrack, sources: Iterable[tuple[int, Sequence[TextEvent]]], effort: Effort
) -> list[Edit]:
    """Return the edits that merge lyrics into a track, up to its end of track.

    Those of a lower track precede the track's own events of their tick, those of a higher one follow them.

    Args:
        data: the song.
        track: that gets the lyrics.
        sources: lyrics by the number of their track.
        effort: counts the events that are read.
    """
    before: list[TextEvent] = []
    after: list[TextEvent] = []
    for number, lyrics in sorted(sources, key=lambda it: it[0]):
        (before if number < track.number else after).extend(lyrics)
    edits = [*_insertions(data, track, sorted(before, key=_TICK), sorted(after, key=_TICK), effort)]
    return [] if effort.is_exhausted or not edits else resize_chunk(data, track.start, edits)


_TICK = attrgetter("tick")


def _insertions(
    data: bytes, track: PlayingTrack, before: list[TextEvent], after: list[TextEvent], effort: Effort
) -> Iterator[Edit]:
    """Yield an edit for each of the track's events that lyrics come before."""
    tick = status_before = 0
    before, after = before[::-1], after[::-1]
    for event in read_events(data, track.start, track.stop, effort):
        previous, tick = tick, tick + event.delta
        is_last = is_end_of_track(data, event)
        inserted = []
        while True:
            # A lyric of a higher track follows all own events of its tick, except for the end of track.
            from_lower = bool(before) and before[-1].tick <= tick
            from_higher = bool(after) and (after[-1].tick < tick or (is_last and after[-1].tick == tick))
            if not (from_lower or from_higher):
                break
            take_lower = from_lower and not (from_higher and after[-1].tick < before[-1].tick)
            inserted.append((before if take_lower else after).pop())
        if inserted:
            # A running status that something else interrupts already is damage, which stays visible.
            restates = not event.states_status and status_before < 0xF0
            yield _insert(event, previous, tick, inserted, restates=restates)
        status_before = event.status


def _insert(
    event: TrackEvent, previous: int, tick: int, inserted: list[TextEvent], *, restates: bool
) -> Edit:
    """Return the edit that puts texts before an event, whose delta time and status are then rewritten."""
    pieces = []
    for text in inserted:
        pieces += [encode_number(text.tick - previous), text.event]
        previous = text.tick
    pieces.append(encode_number(tick - previous))
    if restates:
        pieces.append(bytes([event.status]))
    return Edit(event.start, event.position, b"".join(pieces))
