"""Checks the tracks of a store that keeps each track by itself."""

import contextlib
from collections import deque
from collections.abc import Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from midiprism.catalog import TrackFile
from midiprism.integrity.check_context import CheckContext
from midiprism.integrity.damage_report import Damage
from midiprism.pipeline.resource_defaults import cpus
from midiprism.results.orphans import track_label, track_location
from midiprism.stores import FileStatus, TrackStore

_MAX_THREADS = 8
_TRACKS_PER_TASK = 250

_MESSAGES = {
    "size": "It has {size:,} bytes instead of {expected:,}.",
    "content": "Its bytes are not those of the track.",
    "row": "It is whole with {size:,} bytes, and the catalog states {expected:,}.",
}

TrackStatuses = list[tuple[TrackFile, FileStatus]]


def check_tracks(context: CheckContext) -> None:
    """Check that the store has every track."""
    report, sink = context.report, context.sink
    total = context.queries.count_tracks()
    with contextlib.closing(track_statuses(context.store, context.queries.tracks())) as chunks:
        for chunk in chunks:
            if context.stop():
                return
            damaged_ids = []
            for track, status in chunk:
                report.count(tracks=1)
                report.count(bytes=status.size)
                kind = damage_kind(track, status)
                if kind is None:
                    continue
                message = status.reason or _MESSAGES[kind].format(size=status.size, expected=track.size)
                report.add(Damage(kind, track_label(context.store, track), message))
                if kind != "row":
                    damaged_ids.append(track.id)
                elif sink:
                    sink.correct_row(track._replace(size=status.size))
            if sink:
                sink.add_damaged_tracks(damaged_ids)
            context.report_progress("tracks", report.tracks, total)


def track_statuses(
    store: TrackStore, pages: Iterable[Sequence[TrackFile]]
) -> Generator[TrackStatuses, None, None]:
    """Return tracks with their status, in their order; several threads read, since disks are slow."""

    def read_statuses(tracks: Sequence[TrackFile]) -> TrackStatuses:
        return [(track, store.status_of(track_location(track))) for track in tracks]

    threads = min(_MAX_THREADS, cpus())
    tasks: deque[Future[TrackStatuses]] = deque()
    with ThreadPoolExecutor(threads, "midiprism-verify") as pool:
        for page in pages:
            for first in range(0, len(page), _TRACKS_PER_TASK):
                tasks.append(pool.submit(read_statuses, page[first : first + _TRACKS_PER_TASK]))
            while len(tasks) > 2 * threads:
                yield tasks.popleft().result()
        while tasks:
            yield tasks.popleft().result()


def damage_kind(track: TrackFile, status: FileStatus) -> str | None:
    """Return the kind of damage of a track; None if its row is right."""
    if status.state != "present":
        return status.state
    if status.digest == track.digest:
        return None if status.size == track.size else "row"
    return "content" if status.size == track.size else "size"
