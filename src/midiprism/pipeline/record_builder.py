"""The record of a batch, built while the songs of the batch are split and stored."""

import os
from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import compress, count
from typing import Any, NamedTuple

from midiprism.errors import unexpected_error_message
from midiprism.fs.path_text import ENCODING, ERRORS
from midiprism.records.batches import (
    LINK_COLUMN_NAMES,
    SONG_COLUMN_NAMES,
    TRACK_COLUMN_NAMES,
    TRACK_INDEX,
    Columns,
    make_storable,
)
from midiprism.records.bounds import clamp_to_int64, int32_or_none
from midiprism.records.field import Field
from midiprism.records.fields import (
    LINK_FIELDS,
    SONG_FIELDS,
    TRACK_FACT_NAMES,
    TRACK_FIELDS,
    ProblemRecord,
    SongRecord,
)
from midiprism.smf.types import SplitSong, SplitTrack
from midiprism.sources import RecordedSong, SongContent, SongRef, UnreadableError
from midiprism.stores import StoredTrack


class FailedSong(NamedTuple):
    """A song that has no tracks, because something is wrong with it."""

    outcome: str
    problem: ProblemRecord


SplitOutcome = SplitSong | FailedSong


class SongHead(NamedTuple):
    """The facts of a song before it is split: the first fields of its record, and ``source_metadata``."""

    path: bytes
    root_length: int
    song_name: str
    size: int
    mtime_ns: int
    digest: bytes | None
    source_metadata: str | None


class PendingSong(NamedTuple):
    """A song whose tracks are to be stored.

    Attributes:
        outcome: None for a song that has an outcome already.
        track_digests: of its tracks, in their order.
    """

    head: SongHead
    outcome: SplitOutcome | None
    track_digests: Sequence[bytes]


class _FieldSource(NamedTuple):
    """The source of a field's values: an attribute of ``SplitTrack``."""

    name: str
    attribute: str
    arbitrary_text: bool

    def values(self, columns: Mapping[str, Sequence[Any]]) -> Iterable[Any]:
        """Return the value of each track, from the columns of ``_split_columns``."""
        values = columns[self.attribute]
        return map(_storable_name, values) if self.arbitrary_text else values


def _split_sources(fields: Iterable[Field]) -> list[_FieldSource]:
    return [
        _FieldSource(field.name, field.split_attribute, field.arbitrary_text)
        for field in fields
        if field.split_attribute is not None
    ]


def _split_columns(tracks: Sequence[SplitTrack]) -> Mapping[str, Sequence[Any]]:
    """Return the values of each attribute of tracks: all at once takes a third of one attribute at a time."""
    columns = [*zip(*tracks, strict=True)] or [()] * len(SplitTrack._fields)
    return dict(zip(SplitTrack._fields, columns, strict=True))


@lru_cache(8192)
def _storable_name(text: str | None) -> str | None:
    """Return text that every database can hold. The tracks of a library have few different names."""
    return text if text is None else make_storable(text)


_TRACK_SOURCES = _split_sources(TRACK_FIELDS)
_GROUP_NAMES = tuple(field.name for field in TRACK_FIELDS if field.grouped)
_COMPUTED_NAMES = (*_GROUP_NAMES, *TRACK_FACT_NAMES)
_NO_SONG_FACTS = tuple(None for field in SONG_FIELDS if field.computed or field.grouped)
"""The facts of a song are found from those of its tracks, in the commit; groups by others, when asked for."""

_LINK_SOURCES = _split_sources(LINK_FIELDS)
_PART_COUNT = "part_count"


class TracksToStore(NamedTuple):
    """Tracks that are to be stored.

    Attributes:
        digests: of each track.
        columns: the values of each attribute of ``SplitTrack``.
    """

    digests: Sequence[bytes]
    columns: Mapping[str, Sequence[Any]]

    def only(self, wanted: Container[bytes]) -> "TracksToStore":
        """Return those tracks whose digests are wanted."""
        takes = [digest in wanted for digest in self.digests]
        if all(takes):
            return self
        columns = {name: [*compress(column, takes)] for name, column in self.columns.items()}
        return TracksToStore([*compress(self.digests, takes)], columns)


class BatchBuilder:
    """Collects the songs, links and tracks of a batch as columns.

    Values are taken a column at a time from the tracks of many songs, which takes less than a row for each.

    Attributes:
        has_rejected_tracks: whether the store could not take some track of the batch.
    """

    def __init__(self) -> None:
        self.has_rejected_tracks = False
        self._rejected: dict[bytes, ProblemRecord] = {}
        self._song_rows: list[tuple[Any, ...]] = []
        self._links: dict[str, list[Any]] = {name: [] for name in LINK_COLUMN_NAMES}
        self._tracks: dict[str, list[Any]] = {name: [] for name in TRACK_COLUMN_NAMES}
        self._track_indices: dict[bytes, int] = {}

    def new_tracks(self, pending: Iterable[PendingSong]) -> "TracksToStore":
        """Return those tracks of songs that the batch does not have yet, each once, in the order of links."""
        digests: list[bytes] = []
        tracks: list[SplitTrack] = []
        for _, outcome, track_digests in pending:
            if isinstance(outcome, SplitSong):
                digests += track_digests
                tracks += outcome.tracks
        known = self._track_indices
        if len({*digests}) < len(digests) or not known.keys().isdisjoint(digests):
            new: dict[bytes, SplitTrack] = {}
            for digest, track in zip(digests, tracks, strict=True):
                if digest not in known:
                    new.setdefault(digest, track)
            digests, tracks = [*new], [*new.values()]
        return TracksToStore(digests, _split_columns(tracks))

    def reject_track(self, digest: bytes, problem: ProblemRecord) -> None:
        """Let songs with this track fail, unless the store takes it later."""
        self.has_rejected_tracks = True
        self._rejected[digest] = problem

    def add_tracks(
        self,
        tracks: "TracksToStore",
        stored: Mapping[bytes, StoredTrack],
        digests_with_facts: Sequence[bytes],
        facts: Mapping[str, Sequence[Any]],
    ) -> None:
        """Add tracks.

        Args:
            tracks: of ``new_tracks``.
            stored: the answers of the store; tracks that it does not have are left out.
            digests_with_facts: of those tracks for which facts were computed, in the order of ``tracks``.
            facts: a column for each of their facts.
        """
        digests, split_columns = tracks if len(stored) == len(tracks.digests) else tracks.only(stored)
        stored_tracks = [*map(stored.__getitem__, digests)]
        self._track_indices.update(zip(digests, count(len(self._track_indices)), strict=False))
        if self._rejected:
            for digest in digests:
                self._rejected.pop(digest, None)
        columns = self._tracks
        columns["digest"] += digests
        columns["size"] += map(len, split_columns["data"])
        columns["stem"] += [track.stem for track in stored_tracks]
        columns["digest_digits"] += [track.digits for track in stored_tracks]
        for source in _TRACK_SOURCES:
            columns[source.name] += source.values(split_columns)
        for name in _GROUP_NAMES if facts else _COMPUTED_NAMES:
            columns[name] += [None] * len(digests)
        if not facts:
            return
        if len(digests_with_facts) == len(digests):
            for name in TRACK_FACT_NAMES:
                columns[name] += facts[name]
            return
        places = {digest: place for place, digest in enumerate(digests_with_facts)}
        takes = [places.get(digest, -1) for digest in digests]
        for name in TRACK_FACT_NAMES:
            values = [*facts[name], None]  # which is at -1
            columns[name] += map(values.__getitem__, takes)

    def add_songs(self, pending: Sequence[PendingSong]) -> "SongCounts":
        """Add songs whose tracks were added or rejected, with their links."""
        tracks: list[SplitTrack] = []
        digests: list[bytes] = []
        columns = self._links
        failed = 0
        for head, outcome, track_digests in pending:
            if isinstance(outcome, SplitSong):
                problem = self._rejection(track_digests)
                if problem is None:
                    tracks += outcome.tracks
                    digests += track_digests
                    columns[_PART_COUNT] += parts_of_source_tracks(outcome.tracks)
                    self._song_rows.append(_split_song_row(head, outcome))
                    continue
                outcome = FailedSong("failed", problem)
            failed += outcome is not None
            self._song_rows.append(_song_row_without_tracks(head, outcome))
        split_columns = _split_columns(tracks)
        for source in _LINK_SOURCES:
            columns[source.name] += source.values(split_columns)
        columns[TRACK_INDEX] += map(self._track_indices.__getitem__, digests)
        return SongCounts(failed, len(tracks))

    def songs(self) -> Columns:
        """Return the songs that were added."""
        return Columns.from_rows(SONG_COLUMN_NAMES, self._song_rows).compacted()

    def links_and_tracks(self) -> tuple[Columns, Columns]:
        """Return the links of these songs, and the tracks that the links lead to."""
        links, tracks = Columns(self._links).compacted(), Columns(self._tracks).compacted()
        if not self.has_rejected_tracks:
            return links, tracks
        # Other tracks of a song with a rejected track were stored for nothing.
        linked = [*dict.fromkeys(links[TRACK_INDEX])]
        new_indices = {index: new_index for new_index, index in enumerate(linked)}
        indices = [*map(new_indices.__getitem__, links[TRACK_INDEX])]
        return links.with_columns(**{TRACK_INDEX: indices}), tracks.take(linked)

    def _rejection(self, track_digests: Iterable[bytes]) -> ProblemRecord | None:
        """Return the problem of the first track that was rejected: it is one of the whole song."""
        if not self._rejected:
            return None
        return next((self._rejected[digest] for digest in track_digests if digest in self._rejected), None)


class SongCounts(NamedTuple):
    """Counts of songs that were added: those that failed, and the links of all."""

    failed: int
    links: int


def _split_song_row(head: SongHead, song: SplitSong) -> tuple[Any, ...]:
    """Return a row in the order of ``SONG_COLUMN_NAMES``."""
    path, root_length, song_name, size, mtime_ns, digest, source_metadata = head
    outcome, form, division, num_tracks, ticks, seconds, tracks, problems, lost_bytes = song
    return (
        *(path, root_length, song_name, size, mtime_ns, digest),
        *(outcome, form, num_tracks, division, ticks, seconds, lost_bytes),
        tuple([ProblemRecord(it.code, it.message, it.track, it.offset) for it in problems]),
        source_metadata,
        *_NO_SONG_FACTS,
        len(tracks),
    )


def _song_row_without_tracks(head: SongHead, failed: FailedSong | None) -> tuple[Any, ...]:
    """Return a row in the order of ``SONG_COLUMN_NAMES``; without an outcome for a song that is known."""
    path, root_length, song_name, size, mtime_ns, digest, source_metadata = head
    outcome, problems = (None, ()) if failed is None else (failed.outcome, (failed.problem,))
    facts = (None,) * 6
    return (
        path,
        root_length,
        song_name,
        size,
        mtime_ns,
        digest,
        outcome,
        *facts,
        problems,
        source_metadata,
        *_NO_SONG_FACTS,
        0,
    )


def song_head(song_ref: SongRef, content: SongContent | UnreadableError) -> SongHead:
    """Return the facts of a song before it is split."""
    name = song_name_of(song_ref)
    path, root_length = song_ref.path, song_ref.root_length
    if isinstance(content, UnreadableError):
        size, mtime_ns = clamp_to_int64(song_ref.size), clamp_to_int64(song_ref.mtime_ns)
        return SongHead(path, root_length, name, size, mtime_ns, None, None)
    mtime_ns = clamp_to_int64(content.mtime_ns)
    return SongHead(path, root_length, name, content.size, mtime_ns, content.digest, content.facts)


def record_of_recorded(song: RecordedSong) -> SongRecord:
    """Return the record of a song whose outcome the source knows."""
    head = song_head(song.song_ref, UnreadableError("", ""))
    return SongRecord(
        head.path,
        head.root_length,
        head.song_name,
        head.size,
        head.mtime_ns,
        song.digest,
        song.outcome,
        int32_or_none(song.format),
        int32_or_none(song.num_tracks),
        int32_or_none(song.division),
        song.duration_ticks,
        song.duration_seconds,
    )


def failed_record(song_ref: SongRef, problem: ProblemRecord) -> SongRecord:
    """Return the record of a song that could not be handled at all."""
    head = song_head(song_ref, UnreadableError(problem.code, problem.message))
    return SongRecord(*head[:5], None, "failed", problems=(problem,))


def parts_of_source_tracks(tracks: Sequence[SplitTrack]) -> Iterable[int]:
    """Return for each track of a song how many tracks come from the same ``MTrk``."""
    track_numbers = [track.track_number for track in tracks]
    if len(set(track_numbers)) == len(track_numbers):
        return [1] * len(track_numbers)
    return map(Counter(track_numbers).__getitem__, track_numbers)


def song_name_of(song_ref: SongRef) -> str:
    """Return a song's path below its source folder as text, with ``/`` between its parts and no suffix."""
    path = song_ref.path[song_ref.root_length :].decode(ENCODING, ERRORS).replace(os.sep, "/")
    stem, dot, suffix = path.rpartition(".")
    return stem if dot and stem and "/" not in suffix and not stem.endswith("/") else path


def internal_error(error: Exception) -> ProblemRecord:
    """Return the problem of a song on which midiprism itself failed."""
    return ProblemRecord("internal", make_storable(unexpected_error_message(error)))
