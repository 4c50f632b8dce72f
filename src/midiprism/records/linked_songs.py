"""The songs of a batch whose links a commit records, and these links."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from midiprism.records.batches import LINK_COUNT, TRACK_INDEX, BatchRecord
from midiprism.records.columns import Columns


@dataclass(frozen=True, slots=True)
class LinkedSongs:
    """Songs of one batch that have links.

    Attributes:
        song_ids: of these songs.
        digests: of these songs.
        link_counts: how many links each of them has.
        links: of all of them, song by song.
        track_indices: of the tracks that the links lead to, each once, in the order of the links.
        track_digests: of the same tracks.
        batch_track_digests: of all tracks of the batch.
    """

    song_ids: Sequence[int]
    digests: Sequence[bytes]
    link_counts: Sequence[int]
    links: Columns
    track_indices: Sequence[int]
    track_digests: Sequence[bytes]
    batch_track_digests: Sequence[bytes]

    @classmethod
    def of(cls, batch: BatchRecord, song_ids: Sequence[int], indices: Sequence[int]) -> "LinkedSongs":
        """Return those of some songs of a batch that have links.

        Args:
            song_ids: ids of the songs.
            indices: of the same songs in the batch.
        """
        counts = batch.songs[LINK_COUNT]
        linked = [(song_id, index) for song_id, index in zip(song_ids, indices, strict=True) if counts[index]]
        songs = batch.songs.take([index for _, index in linked])
        ranges = batch.link_ranges()
        links = batch.links.take([*chain.from_iterable(range(*ranges[index]) for _, index in linked)])
        all_digests = batch.tracks["digest"]
        tracks: Sequence[int] = range(len(all_digests))
        digests = all_digests
        if links is not batch.links:
            tracks = [*dict.fromkeys(links[TRACK_INDEX])]
            digests = [*map(all_digests.__getitem__, tracks)]
        return cls(
            [song_id for song_id, _ in linked],
            songs["digest"],
            songs[LINK_COUNT],
            links,
            tracks,
            digests,
            all_digests,
        )

    def link_track_digests(self) -> Iterator[bytes]:
        """Return for each link the digest of the track that it leads to."""
        return map(self.batch_track_digests.__getitem__, self.links[TRACK_INDEX])
