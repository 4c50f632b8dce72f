"""A tree for people: the tracks of a result under names of their choice."""

import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple

from midiprism.catalog import PostgresAddress, Selection, TrackRow, UniqueNames, find_tracks
from midiprism.errors import StoreError, UsageError
from midiprism.export.materialize import Materializer, StoredTrack, TrackInFile, TrackInShard
from midiprism.export.path_template import SUFFIX, PathTemplate, add_number, song_path
from midiprism.pipeline.open_result import parquet_store_of
from midiprism.results.result_dir import (
    open_catalog_of,
    read_identity,
    read_marker,
    require_result,
    write_marker,
)
from midiprism.sources import MARKER_FILE_NAME
from midiprism.stores import FileStore, track_path
from midiprism.stores.parquet.store import ParquetStore

_MAX_FAILURES_SHOWN = 100
_TRACKS_PER_SORT = 50_000


@dataclass(slots=True)
class Export:
    """What an export did.

    Attributes:
        to: the folder of the tree.
        files_new: files placed.
        files_kept: files that were there, with the same bytes.
        files_differing: files that were there with other bytes, and were left alone.
        files_failed: tracks that are missing from the store, or could not be placed.
        bytes: of the files placed.
        failures: a path and a sentence for the first of those that differ or failed.
    """

    to: str
    dry_run: bool
    files_new: int = 0
    files_unchanged: int = 0
    files_differing: int = 0
    files_failed: int = 0
    bytes: int = 0
    seconds: float = 0.0
    failures: list[tuple[str, str]] = field(default_factory=list)

    @property
    def files(self) -> int:
        return self.files_new + self.files_unchanged + self.files_differing + self.files_failed

    @property
    def failed(self) -> bool:
        """Whether the tree is not as it was asked for."""
        return self.files_differing > 0 or self.files_failed > 0

    def as_dict(self) -> dict[str, Any]:
        """The figures, for ``--json``."""
        return {
            "to": self.to,
            "dry_run": self.dry_run,
            "files": self.files,
            "files_new": self.files_new,
            "files_kept": self.files_unchanged,
            "files_differing": self.files_differing,
            "files_failed": self.files_failed,
            "bytes": self.bytes,
            "seconds": round(self.seconds, 3),
        }

    def add_failure(self, path: str, message: str) -> None:
        """Remember one of the first failures."""
        if len(self.failures) < _MAX_FAILURES_SHOWN:
            self.failures.append((path, message))


def export_tracks(
    out: str,
    to: str,
    template: PathTemplate,
    selection: Selection,
    *,
    database: PostgresAddress | None = None,
    hardlink: bool = False,
    dry_run: bool = False,
    stop: Callable[[], bool] = lambda: False,
    listener: Callable[[Export], None] = lambda _export: None,
) -> Export:
    """Place the selected tracks of the result in ``out`` below ``to``.

    The same result, template and selection give the same tree. Names that would be the same, in any case of
    letters, are numbered in the order of the songs' paths. A file that is there is left as it is.

    Args:
        database: where the catalogue is; None for a file in the result.
        hardlink: link instead of copying.
        dry_run: write nothing.
        stop: once true, no further file is placed.
        listener: is told after every file.

    Raises:
        UsageError: ``out`` is no result, its catalogue is elsewhere, or ``to`` cannot take a tree.
        StoreError: ``to`` cannot be written.
        CatalogError: the catalogue cannot be used.
    """
    require_result(out)
    started = time.perf_counter()
    identity = read_identity(out)
    assert identity is not None, "it is a result"
    in_shards = identity.store == "parquet"
    if in_shards and hardlink:
        raise UsageError(f"The tracks of {out} lie in Parquet files: leave --hardlink out.")
    _prepare_folder(out, to, template, dry_run=dry_run)
    export = Export(os.path.abspath(to), dry_run)
    with ExitStack() as stack:
        catalog = stack.enter_context(open_catalog_of(out, database))
        names = _ExportPaths(template, stack.enter_context(UniqueNames()))
        tree = _TreeWriter(export, Materializer(hardlink=hardlink))
        rows = stack.enter_context(closing(find_tracks(catalog.connection, selection)))
        if in_shards:
            shards = stack.enter_context(parquet_store_of(out, identity))
            tracks = _sorted_by_shard(_track_in_shard(shards, row, names.path_of(row)) for row in rows)
        else:
            store = FileStore(out)
            tracks = (_track_in_file(store, out, row, names.path_of(row)) for row in rows)
        for track in tracks:
            if stop():
                break
            tree.add(track)
            listener(export)
    export.seconds = time.perf_counter() - started
    return export


class _ExportedTrack(NamedTuple):
    """A track, and the folders and the name of its file."""

    source: StoredTrack
    size: int
    path_parts: tuple[str, ...]


def _track_in_file(store: FileStore, out: str, row: TrackRow, path_parts: tuple[str, ...]) -> _ExportedTrack:
    path = track_path(row.track.family, row.track.stem, row.track.digest, row.track.digest_digits)
    return _ExportedTrack(TrackInFile(store, os.path.abspath(out), path), row.track.size, path_parts)


def _track_in_shard(
    shards: ParquetStore, row: TrackRow, path_parts: tuple[str, ...]
) -> tuple[TrackInShard, int, tuple[str, ...]]:
    return TrackInShard(shards, row.shard, row.shard_row, row.track.digest), row.track.size, path_parts


def _sorted_by_shard(tracks: Iterable[tuple[TrackInShard, int, tuple[str, ...]]]) -> Iterator[_ExportedTrack]:
    """Many tracks at a time in the order in which they lie in their shards, which are read in pieces."""
    waiting = iter(tracks)
    while part := list(islice(waiting, _TRACKS_PER_SORT)):
        part.sort(key=lambda track: (track[0].shard or "", track[0].row or 0))
        yield from (_ExportedTrack(*track) for track in part)


class _ExportPaths:
    """Which file each track becomes. Songs come one after the other, in the order of their paths."""

    def __init__(self, template: PathTemplate, unique_names: UniqueNames) -> None:
        self._template = template
        self._unique_names = unique_names
        self._song_id: int | None = None
        self._song_path: tuple[str, ...] = ()

    def path_of(self, row: TrackRow) -> tuple[str, ...]:
        """Folders and file name."""
        if row.song_id != self._song_id:
            self._song_id = row.song_id
            self._song_path = self._unique_song_path(song_path(row))
        *folders, name = self._template.render(row, self._song_path)
        return self._unique_path("file", folders, name, SUFFIX)

    def _unique_song_path(self, path: tuple[str, ...]) -> tuple[str, ...]:
        """The path of a song, numbered where ``a.mid`` and ``a.kar``, say, would share it."""
        *folders, name = path
        return self._unique_path("song", folders, name, "")

    def _unique_path(self, namespace: str, folders: list[str], name: str, suffix: str) -> tuple[str, ...]:
        above = "/".join((namespace, *folders))
        number = self._unique_names.claim(lambda number: f"{above}/{add_number(name, number)}".casefold())
        return (*folders, add_number(name, number) + suffix)


class _TreeWriter:
    """The files below a folder."""

    def __init__(self, export: Export, materializer: Materializer) -> None:
        self._export = export
        self._materializer = materializer
        self._last_folder = ""

    def add(self, track: _ExportedTrack) -> None:
        export, source = self._export, track.source
        target = os.path.join(export.to, *track.path_parts)
        try:
            if export.dry_run:
                placed = self._materializer.compare(source, target)
            else:
                self._make_folder(os.path.dirname(target))
                placed = self._materializer.materialize(source, target)
        except StoreError as error:
            export.files_failed += 1
            export.add_failure(target, str(error))
            return
        except OSError as error:
            export.files_failed += 1
            export.add_failure(target, f"It cannot be written: {error.strerror or error}.")
            return
        if placed == "new":
            export.files_new += 1
            export.bytes += track.size
        elif placed == "same":
            export.files_unchanged += 1
        else:
            export.files_differing += 1
            export.add_failure(target, "It is there with other content, and was left alone.")

    def _make_folder(self, folder: str) -> None:
        if folder != self._last_folder:
            os.makedirs(folder, exist_ok=True)
            self._last_folder = folder


def _prepare_folder(out: str, to: str, template: PathTemplate, *, dry_run: bool) -> None:
    """Check the folder of the tree, and mark one that is new, so that it is never split again."""
    inner, outer = os.path.realpath(to), os.path.realpath(out)
    if inner == outer or inner.startswith(os.path.join(outer, "")):
        raise UsageError(f"{to} lies in the result {out}: choose a folder outside.")
    if os.path.lexists(os.path.join(to, MARKER_FILE_NAME)):
        if read_marker(to)["midiprism"] != "export":
            raise UsageError(f"{to} is itself a midiprism result: choose another folder.")
        return
    if os.path.exists(to) and not os.path.isdir(to):
        raise UsageError(f"{to} is not a folder.")
    if dry_run:
        return
    try:
        os.makedirs(to, exist_ok=True)
        if not os.listdir(to):
            write_marker(to, "export", {"template": template.text})
    except OSError as error:
        raise StoreError(f"{to} cannot be written: {error.strerror or error}.") from error
