"""The catalog of a dry run: it remembers what a run would record."""

from collections.abc import Callable, Iterable, Sequence
from types import TracebackType

from midiprism.catalog.catalog import Catalog
from midiprism.catalog.commit_result import CommitResult
from midiprism.catalog.queries.gone_songs import song_digests
from midiprism.catalog.sqlite.temporary_database import open_temporary_database
from midiprism.catalog.types import KnownPaths, KnownSong, UpToDate
from midiprism.records.batches import TRACK_INDEX, BatchRecord
from midiprism.stores.shard_sink import ShardSink


class DryRunCatalog:
    """Knows what a catalog knows and what was committed here; forgets the latter when it is closed.

    Args:
        catalog: of the result so far, open for reading; None for a new result.
    """

    def __init__(self, catalog: Catalog | None) -> None:
        self._catalog = catalog
        self._seen = open_temporary_database(
            "CREATE TABLE songs (digest BLOB PRIMARY KEY) WITHOUT ROWID",
            "CREATE TABLE tracks (digest BLOB PRIMARY KEY) WITHOUT ROWID",
        )

    def __enter__(self) -> "DryRunCatalog":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._seen.close()

    def known_paths(self, first_path: bytes, limit: int, up_to_date: UpToDate | None = None) -> KnownPaths:
        return self._catalog.known_paths(first_path, limit, up_to_date) if self._catalog else {}

    def oldest_contract_version(self) -> int | None:
        return self._catalog.oldest_contract_version() if self._catalog else None

    def commit(
        self,
        run_id: int,  # noqa: ARG002
        batches: Sequence[BatchRecord],
        now: str,  # noqa: ARG002
        shard_sink: ShardSink | None = None,  # noqa: ARG002
    ) -> list[CommitResult]:
        return [self._commit(batch) for batch in batches]

    def prepare_commit(
        self,
        run_id: int,  # noqa: ARG002
        batches: Sequence[BatchRecord],  # noqa: ARG002
        shard_sink: ShardSink,  # noqa: ARG002
    ) -> Callable[[], None] | None:
        return None

    def seen_songs(self, song_ids: Iterable[int]) -> set[int]:
        """Return those of some songs of the catalog whose content was committed here."""
        digests = song_digests(self._catalog, song_ids) if self._catalog else {}
        return {song_id for song_id, digest in digests.items() if self._is_seen(digest)}

    def _is_seen(self, digest: bytes) -> bool:
        statement = "SELECT 1 FROM songs WHERE digest = ?"
        return self._seen.execute(statement, (digest,)).fetchone() is not None

    def _commit(self, batch: BatchRecord) -> CommitResult:
        result = CommitResult()
        known = self._known_songs(digest for digest in batch.songs["digest"] if digest is not None)
        track_digests, track_indices = batch.tracks["digest"], batch.links[TRACK_INDEX]
        new_tracks: set[bytes] = set()
        songs = batch.songs.rows(("digest", "outcome", "lost_bytes"))
        for (digest, outcome, lost_bytes), (first, last) in zip(songs, batch.link_ranges(), strict=True):
            is_repeated = digest is not None and not self._is_first("songs", digest)
            is_up_to_date = digest in known and not batch.replaces_outcomes
            if outcome is None or is_repeated or is_up_to_date:
                result.paths_of_known_songs += 1
                continue
            result.count_song(outcome, lost_bytes)
            result.links += last - first
            new_tracks.update(map(track_digests.__getitem__, track_indices[first:last]))
        if self._catalog:
            new_tracks -= self._catalog.known_tracks(new_tracks)
        result.tracks_new = sum(self._is_first("tracks", digest) for digest in new_tracks)
        return result

    def _known_songs(self, digests: Iterable[bytes]) -> dict[bytes, KnownSong]:
        return self._catalog.known_songs(digests) if self._catalog else {}

    def _is_first(self, table: str, digest: bytes) -> bool:
        """Remember a digest, and return whether it was not remembered before."""
        statement = f"INSERT OR IGNORE INTO {table} VALUES (?)"  # noqa: S608 - one of two names of ours
        return self._seen.execute(statement, (digest,)).rowcount == 1
