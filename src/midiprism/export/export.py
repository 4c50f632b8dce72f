"""Exports the tracks of a result to a tree of files for people, under names of their choice."""

import os
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple

from midiprism.catalog import ExportedFile, PostgresAddress, TrackRow, UniqueNames
from midiprism.errors import StoreError
from midiprism.export.errors import HardlinkError
from midiprism.export.export_record import ExportRecord
from midiprism.export.materialize import Materialized, Materializer
from midiprism.export.path_template import SUFFIX, PathTemplate, add_number, song_path
from midiprism.export.tree_folder import check_tree_folder, open_tree_folder
from midiprism.fs.path_text import native_path
from midiprism.results.result_dir import require_result
from midiprism.results.result_store import open_result_store, require_identity
from midiprism.search.find import TrackSearch, open_search
from midiprism.search.one_per_group import one_per_group as keep_one_per_group
from midiprism.search.query import Query
from midiprism.stores import TrackLocation

_MAX_FAILURES_SHOWN = 100
_TRACKS_PER_SORT = 50_000


@dataclass(slots=True)
class Export:
    """Result of an export.

    Attributes:
        to: the folder of the tree.
        files_new: files that were written.
        files_unchanged: files that existed with the same bytes.
        files_differing: files that existed with other bytes, and were left alone.
        files_failed: tracks that are missing from the store, or could not be written.
        files_outdated: files of an earlier export, unchanged, whose songs are gone, renamed or changed.
        files_pruned: the same, which were removed.
        tracks_lost: of ``files_failed``, those that the store lacks or cannot read.
        bytes: of the files that were written.
        failures: path and message of the first files that differ or failed.
    """

    to: str
    dry_run: bool
    files_new: int = 0
    files_unchanged: int = 0
    files_differing: int = 0
    files_failed: int = 0
    files_outdated: int = 0
    files_pruned: int = 0
    tracks_lost: int = 0
    bytes: int = 0
    seconds: float = 0.0
    failures: list[tuple[str, str]] = field(default_factory=list)

    @property
    def files(self) -> int:
        return self.files_new + self.files_unchanged + self.files_differing + self.files_failed

    @property
    def failed(self) -> bool:
        """True if any file differs or failed."""
        return self.files_differing > 0 or self.files_failed > 0

    def as_dict(self) -> dict[str, Any]:
        """Return the figures under their JSON keys."""
        return {
            "to": self.to,
            "dry_run": self.dry_run,
            "files": self.files,
            "files_new": self.files_new,
            "files_kept": self.files_unchanged,
            "files_differing": self.files_differing,
            "files_failed": self.files_failed,
            "files_outdated": self.files_outdated,
            "files_pruned": self.files_pruned,
            "bytes": self.bytes,
            "seconds": round(self.seconds, 3),
        }

    def add_failure(self, path: str, message: str) -> None:
        """Remember a failure, if it is among the first."""
        if len(self.failures) < _MAX_FAILURES_SHOWN:
            self.failures.append((path, message))


def export_tracks(
    out: str,
    to: str,
    template: PathTemplate,
    query: Query,
    *,
    database: PostgresAddress | None = None,
    hardlink: bool = False,
    limit: int | None = None,
    one_per_group: bool = False,
    prune: bool = False,
    dry_run: bool = False,
    stop: Callable[[], bool] = lambda: False,
    listener: Callable[[Export], None] = lambda _export: None,
) -> Export:
    """Write the selected tracks of the result in ``out`` to files below ``to``.

    The same result, template and query give the same tree. Names that differ at most in case are numbered
    in the order of the songs' paths. A file that exists is left as it is. Files get their names once they are
    whole and durable; what an export that was killed has left is removed.

    Args:
        database: where the catalog is; None for a file in the result.
        hardlink: link instead of copying.
        limit: number of tracks that are exported, the first of the songs; None for all.
        one_per_group: export one track of each group of similar tracks, and each track once.
        prune: remove files that an earlier export of this result wrote and that nobody has changed since, if
            no song of their name has their track any more.
        dry_run: write nothing.
        stop: once it returns True, no further file is written.
        listener: called after every track. New files are counted once they are durable.

    Raises:
        UsageError: ``out`` is no result, its catalog is elsewhere, its tracks cannot be hard linked, or
            ``to`` cannot take a tree.
        InUseError: another export writes to ``to``.
        StoreError: ``to`` cannot be written.
        CatalogError: the catalog cannot be used.
    """
    require_result(out)
    started = time.perf_counter()
    identity = require_identity(out)
    export = Export(os.path.abspath(to), dry_run)
    with ExitStack() as stack:
        store = stack.enter_context(closing(open_result_store(out, identity)))
        if hardlink and not store.capabilities.tracks_are_files:
            raise HardlinkError(out)
        check_tree_folder(out, to)
        if not dry_run:
            stack.enter_context(open_tree_folder(to, template))
        search = stack.enter_context(open_search(out, database))
        paths = _ExportPaths(template, stack.enter_context(UniqueNames()))
        materializer = stack.enter_context(Materializer(store, export.to, hardlink=hardlink))
        record = stack.enter_context(ExportRecord(out, export.to, dry_run=dry_run))
        tree = _TreeWriter(export, materializer, record, prune=prune)
        grouped_in = out if one_per_group else None
        rows = stack.enter_context(closing(_rows_by_song(search, query, limit, grouped_in)))
        tracks: Iterator[_ExportedTrack] = (_exported_track(row, paths.path_of(row)) for row in rows)
        if store.shards is not None:
            tracks = _sorted_by_shard(tracks)
        for track in tracks:
            if stop():
                break
            tree.add(track)
            listener(export)
        tree.finish()
        if not stop():
            _follow_result(
                tree, record, search, is_whole=not query.groups and limit is None and not one_per_group
            )
    export.seconds = time.perf_counter() - started
    return export


def _follow_result(tree: "_TreeWriter", record: ExportRecord, search: TrackSearch, *, is_whole: bool) -> None:
    """Count or remove the files of earlier exports that are out of date.

    Args:
        tree: to which everything was added.
        record: of the tree.
        search: in the result.
        is_whole: whether every track of the result was added.
    """
    if record.has_outdated() and not is_whole:
        with closing(search.tracks(Query())) as rows:
            for row in rows:
                record.mark_current(_song_name(row), row.track.digest)
    tree.handle_outdated()


def _song_name(row: TrackRow) -> str:
    return "/".join(song_path(row))


def _rows_by_song(
    search: TrackSearch, query: Query, limit: int | None, grouped_in: str | None
) -> Generator[TrackRow, None, None]:
    """Return the tracks of a query in the order of the songs' paths; its own order only chooses the first.

    Args:
        grouped_in: folder of the result, to return one track of each group; None for all tracks.
    """
    if grouped_in is not None:
        return keep_one_per_group(search, grouped_in, Query(query.groups), limit)
    if limit is None or not query.sort:
        return search.tracks(Query(query.groups), limit)
    with closing(search.tracks(query, limit)) as rows:
        first = sorted(rows, key=lambda row: row.song_path)
    return (row for row in first)


class _ExportedTrack(NamedTuple):
    """A track, the folders and the name of its file, and the name of its song."""

    location: TrackLocation
    size: int
    path_parts: tuple[str, ...]
    song: str


def _exported_track(row: TrackRow, path_parts: tuple[str, ...]) -> _ExportedTrack:
    return _ExportedTrack(row.location, row.track.size, path_parts, _song_name(row))


def _sorted_by_shard(tracks: Iterable[_ExportedTrack]) -> Iterator[_ExportedTrack]:
    """Yield tracks by their positions in shards, many at a time, since shards are read in parts."""
    remaining = iter(tracks)
    while part := list(islice(remaining, _TRACKS_PER_SORT)):
        part.sort(key=lambda track: (track.location.shard or "", track.location.row or 0))
        yield from part


class _ExportPaths:
    """Decides the path of each file. Songs come one after the other, in the order of their paths."""

    def __init__(self, template: PathTemplate, unique_names: UniqueNames) -> None:
        self._template = template
        self._unique_names = unique_names
        self._song_id: int | None = None
        self._song_path: tuple[str, ...] = ()

    def path_of(self, row: TrackRow) -> tuple[str, ...]:
        """Return the folders and the file name of a track."""
        if row.song_id != self._song_id:
            self._song_id = row.song_id
            self._song_path = self._unique_song_path(song_path(row))
        *folders, name = self._template.render(row, self._song_path)
        return self._unique_path("file", folders, name, SUFFIX)

    def _unique_song_path(self, path: tuple[str, ...]) -> tuple[str, ...]:
        """Return the path of a song, numbered if another song has it, as ``a.kar`` next to ``a.mid``."""
        *folders, name = path
        return self._unique_path("song", folders, name, "")

    def _unique_path(self, namespace: str, folders: list[str], name: str, suffix: str) -> tuple[str, ...]:
        folder = "/".join((namespace, *folders))
        number = self._unique_names.claim(lambda number: f"{folder}/{add_number(name, number)}".casefold())
        return (*folders, add_number(name, number) + suffix)


class _TreeWriter:
    """Writes the files of a tree, records and counts them.

    Args:
        export: the counts.
        materializer: writes files.
        record: of the tree.
        prune: remove files that are out of date.
    """

    def __init__(
        self, export: Export, materializer: Materializer, record: ExportRecord, *, prune: bool
    ) -> None:
        self._export = export
        self._materializer = materializer
        self._record = record
        self._prune = prune
        self._last_folder = ""
        self._pending: dict[str, ExportedFile] = {}
        self._obstructed: list[_ExportedTrack] = []

    def add(self, track: _ExportedTrack) -> None:
        """Write the file of a track, or compare it in a dry run.

        Where an earlier export wrote something else, this waits until ``handle_outdated``.
        """
        file = ExportedFile("/".join(track.path_parts), track.location.digest, track.song)
        self._record.mark_current(file.song, file.digest)
        if self._prune and self._record.has_other(file.path, file.digest):
            self._obstructed.append(track)
            return
        self._write(track, file)

    def handle_outdated(self) -> None:
        """Count the files of earlier exports that are out of date, or remove them to make room.

        Raises:
            StoreError: a file cannot be removed, or files may not survive a power cut.
        """
        removed: set[str] = set()
        for file in self._record.outdated():
            if self._prune:
                self._record.remove(file)
                self._export.files_pruned += 1
                removed.add(file.path)
            else:
                self._export.files_outdated += 1
        if removed:
            self._record.rewrite()
        obstructed, self._obstructed = self._obstructed, []
        for track in obstructed:
            path = "/".join(track.path_parts)
            if self._export.dry_run and path in removed:
                self._count(Materialized(path, track.size, "new"))
            else:
                self._write(track, ExportedFile(path, track.location.digest, track.song))
        if obstructed:
            self.finish()

    def _write(self, track: _ExportedTrack, file: ExportedFile) -> None:
        target = os.path.join(self._export.to, *map(native_path, track.path_parts))
        self._pending[target] = file
        try:
            if self._export.dry_run:
                outcome = self._materializer.compare(track.location, target)
                self._count(Materialized(target, track.size, outcome))
                return
            self._make_folder(os.path.dirname(target))
            for materialized in self._materializer.materialize(track.location, track.size, target):
                self._count(materialized)
        except (StoreError, OSError) as error:
            self._count(Materialized(target, track.size, error))

    def finish(self) -> None:
        """Complete the files that were added.

        Raises:
            StoreError: they may not survive a power cut.
        """
        if self._export.dry_run:
            return
        for materialized in self._materializer.commit():
            self._count(materialized)
        try:
            self._materializer.finish()
        except OSError as error:
            raise StoreError(f"{self._export.to} cannot be written: {error.strerror or error}.") from error

    def _count(self, materialized: Materialized) -> None:
        export = self._export
        target, size, outcome = materialized
        file = self._pending.pop(target, None)
        if outcome == "new":
            export.files_new += 1
            export.bytes += size
            if file is not None and not export.dry_run:
                self._record.add(file)
        elif outcome == "same":
            export.files_unchanged += 1
            if file is not None:
                self._record.keep(file)
        elif outcome == "differs":
            export.files_differing += 1
            export.add_failure(target, "It is there with other content, and was left alone.")
        else:
            export.files_failed += 1
            export.tracks_lost += isinstance(outcome, StoreError)
            reason = getattr(outcome, "strerror", None) or outcome
            message = f"It cannot be written: {reason}." if isinstance(outcome, OSError) else str(outcome)
            export.add_failure(target, message)

    def _make_folder(self, folder: str) -> None:
        if folder != self._last_folder:
            os.makedirs(folder, exist_ok=True)
            self._last_folder = folder
