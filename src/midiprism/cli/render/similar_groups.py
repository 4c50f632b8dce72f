"""The groups that ``duplicates --similar`` lists, as text and as JSON."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from midiprism.cli.render.terminal import escape_unprintable, pluralize

if TYPE_CHECKING:
    from midiprism.catalog.queries.similar_groups import (
        GroupTotals,
        SimilarSong,
        SimilarSongs,
        SimilarTrack,
        SimilarTracks,
    )

_SHOWN_MEMBERS = 5
_DIGITS = 16


def song_group_lines(totals: "GroupTotals", groups: "Iterator[SimilarSongs]", limit: int) -> Iterator[str]:
    """Return lines about the groups of songs."""
    if not totals.groups:
        yield "No songs are the same music."
        return
    yield f"{pluralize(totals.groups, 'group')} of {pluralize(totals.members, 'song')} that share music:"
    for group in groups:
        yield _heading(len(group.members), "song", group.group, _why_song(group))
        yield from (f"    {_song_text(song)}" for song in group.members[:_SHOWN_MEMBERS])
        yield from _rest_of_group(len(group.members))
    yield from _rest(totals.groups - limit)


def track_group_lines(totals: "GroupTotals", groups: "Iterator[SimilarTracks]", limit: int) -> Iterator[str]:
    """Return lines about the groups of tracks."""
    if not totals.groups:
        yield "No tracks are the same music."
        return
    counted = pluralize(totals.members, "track")
    yield f"{pluralize(totals.groups, 'group')} of {counted} that are the same music:"
    for group in groups:
        yield _heading(len(group.members), "track", group.group, _why_track(group))
        yield from (f"    {_track_text(track)}" for track in group.members[:_SHOWN_MEMBERS])
        yield from _rest_of_group(len(group.members))
    yield from _rest(totals.groups - limit)


def song_group_to_json(group: "SimilarSongs") -> dict[str, Any]:
    """Return a group of songs for ``--json``."""
    return {
        "kind": "similar_songs",
        "group": group.group,
        "representative": group.members[0].digest.hex(),
        "reason": _why_song(group),
        "songs": [song._asdict() | {"digest": song.digest.hex()} for song in group.members],
    }


def track_group_to_json(group: "SimilarTracks") -> dict[str, Any]:
    """Return a group of tracks for ``--json``."""
    return {
        "kind": "similar_tracks",
        "group": group.group,
        "representative": group.members[0].digest.hex(),
        "reason": _why_track(group),
        "tracks": [track._asdict() | {"digest": track.digest.hex()} for track in group.members],
    }


def _why_track(group: "SimilarTracks") -> str:
    first, second = group.members[0].rank, group.members[1].rank
    return _why(first, second, f"with the most links ({-first[0]:,})", f"with the most notes ({-first[1]:,})")


def _why_song(group: "SimilarSongs") -> str:
    first, second = group.members[0].rank, group.members[1].rank
    return _why(
        first, second, f"with the most tracks ({-first[0]:,})", f"with the most notes ({-first[1]:,})"
    )


def _why(first: tuple[int, int, bytes], second: tuple[int, int, bytes], most: str, then: str) -> str:
    """Return why the first of a group stands for it."""
    if first[0] != second[0]:
        return most
    return then if first[1] != second[1] else "equal to others and with the smallest BLAKE3"


def _song_text(song: "SimilarSong") -> str:
    name = escape_unprintable(song.song_name or "(gone)")
    return f"{name}: {pluralize(song.tracks, 'track')}, {pluralize(song.notes, 'note')}"


def _track_text(track: "SimilarTrack") -> str:
    song, name = track.song_name or "(no song)", track.name or track.instrument
    digest = track.digest.hex()[:_DIGITS]
    notes = pluralize(track.note_count, "note")
    return f"{escape_unprintable(song)}: {escape_unprintable(name)}, {notes} ({digest})"


def _heading(members: int, word: str, group: int, why: str) -> str:
    return f"  {pluralize(members, word)} (group {group}), represented by the first, {why}:"


def _rest_of_group(members: int) -> Iterator[str]:
    if members > _SHOWN_MEMBERS:
        yield f"    and {members - _SHOWN_MEMBERS:,} more"


def _rest(hidden: int) -> Iterator[str]:
    if hidden > 0:
        yield f"  and {hidden:,} more groups; --limit N lists more of them"
