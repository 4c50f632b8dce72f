"""Compares what a walk over the sources has seen with the paths that the catalog knows."""

from collections.abc import Callable, Collection, Sequence, Set
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

from midiprism.errors import DoubtedScanError, SourceError
from midiprism.fs.path_text import path_text
from midiprism.sources import PathRange, Source

if TYPE_CHECKING:  # which loads the database
    from midiprism.catalog import Catalog
    from midiprism.pipeline.planner import ScanRecord

MIN_SONGS_DOUBTED = 10
"""Of fewer songs, a part that is missing is not doubted."""

MAX_SHARE_MISSING = 0.5
"""If more of a source's songs are missing, or it holds no song at all, a scan is doubted."""


SeenElsewhere = Callable[[Collection[int]], Set[int]]


def no_songs(_song_ids: Collection[int]) -> Set[int]:
    """Return that none of some songs was seen elsewhere."""
    return frozenset()


@dataclass(frozen=True, slots=True)
class MissingSongs:
    """The songs of one source that a complete scan has not seen anywhere.

    Attributes:
        source: path of the source; empty for the list of an adopted library.
        song_ids: of these songs.
        known: songs of the source that the catalog knew.
        doubted: whether so many are missing that the source itself may be: then nothing is recorded of them.
    """

    source: bytes
    song_ids: frozenset[int]
    known: int
    doubted: bool

    @property
    def shown_source(self) -> str:
        """The source as people know it."""
        return path_text(self.source) if self.source else "the adopted library"


@dataclass(slots=True)
class ScanResult:
    """What a complete scan says about the paths that the catalog knows.

    Attributes:
        gone: paths that are there no longer.
        found_again: paths that were recorded as gone and are there, or could not be looked at.
        missing: the songs that are nowhere else, by source; without sources of which none is missing.
        moved: number of paths that this scan first missed, and whose songs are at other paths.
    """

    gone: list[bytes] = field(default_factory=list)
    found_again: list[bytes] = field(default_factory=list)
    missing: list[MissingSongs] = field(default_factory=list)
    moved: int = 0


def require_believed(missing: Sequence[MissingSongs]) -> None:
    """Raise DoubtedScanError if the scan of a source is doubted."""
    for lost in missing:
        if lost.doubted:
            raise DoubtedScanError(
                f"{len(lost.song_ids):,} of the {lost.known:,} known songs of {lost.shown_source} are missing"
            )


class ScanComparison:
    """Compares the scan of a run with what the catalog knows.

    Args:
        catalog: before the run; None if there is none.
        source: the one that is scanned.
        seen_elsewhere: returns those of some songs that the run has seen at a path that it does not record,
            as in a dry run.
    """

    def __init__(
        self, catalog: "Catalog | None", source: Source, seen_elsewhere: SeenElsewhere = no_songs
    ) -> None:
        self._catalog = catalog
        self._source = source
        self._seen_elsewhere = seen_elsewhere
        self._last_known_song = 0
        if catalog is not None:
            from midiprism.catalog.queries.gone_songs import highest_song_id

            self._last_known_song = highest_song_id(catalog)

    def record(self, scan: "ScanRecord", begin_run: Callable[[], int] | None, *, trusted: bool) -> ScanResult:
        """Record which paths are gone or there again, and return what the scan says.

        Args:
            scan: a complete one.
            begin_run: records the run, if it is not, and returns its id; None to record nothing.
            trusted: whether to believe a scan by which most songs of a source are missing.

        Raises:
            CatalogError: the catalog cannot be read or written.
        """
        catalog = self._catalog
        if catalog is None or not self._source.covered_ranges:
            return ScanResult()
        result = compare_scan(
            catalog,
            self._source,
            scan,
            self._last_known_song,
            trusted=trusted,
            all_known=begin_run is not None,
            seen_elsewhere=self._seen_elsewhere,
        )
        if begin_run is not None and (result.gone or result.found_again):
            from midiprism.catalog import utc_now
            from midiprism.catalog.queries.gone_songs import record_scan

            run_id, now = begin_run(), utc_now()
            catalog.run_in_transaction(
                lambda: record_scan(catalog, result.gone, result.found_again, run_id, now)
            )
        return result


def compare_scan(
    catalog: "Catalog",
    source: Source,
    scan: "ScanRecord",
    last_known_song: int,
    *,
    trusted: bool,
    all_known: bool = True,
    seen_elsewhere: SeenElsewhere = no_songs,
) -> ScanResult:
    """Return what a complete scan says about the paths that the catalog knows. Nothing is written.

    Args:
        catalog: of the result.
        source: the one that was scanned.
        scan: a complete one.
        last_known_song: highest id of a song that the catalog knew before the run.
        trusted: whether to believe a scan by which most songs of a source are missing.
        all_known: whether the catalog knows all songs that the scan saw, as it does after a run.
        seen_elsewhere: returns those of some songs that were seen at a path that is not recorded.

    Raises:
        CatalogError: the catalog cannot be read.
    """
    from midiprism.catalog.queries.gone_songs import songs_elsewhere

    ranges = source.covered_ranges
    if all_known and _has_seen_all(catalog, ranges, scan):
        return ScanResult()
    compared = [_compare_range(catalog, source, scan, covered) for covered in ranges]
    all_gone = {path for part in compared for path in part.gone}
    for part in compared:
        elsewhere = songs_elsewhere(catalog, part.song_ids, all_gone) | seen_elsewhere(part.song_ids)
        part.song_ids -= elsewhere
        part.moved = sum(song_id in elsewhere for song_id in part.gone_songs)
        part.doubted = not trusted and _is_doubtful(catalog, part, last_known_song)
    believed = {path for part in compared if not part.doubted for path in part.gone}
    result, counted = ScanResult(sorted(believed)), set[int]()
    for part in compared:
        if not part.doubted:
            part.song_ids -= songs_elsewhere(catalog, part.song_ids, believed) | counted
            counted |= part.song_ids
            result.found_again += part.found_again
            result.moved += part.moved
        if part.song_ids:
            missing = MissingSongs(part.covered.source, frozenset(part.song_ids), part.known, part.doubted)
            result.missing.append(missing)
    return result


def _has_seen_all(catalog: "Catalog", ranges: Sequence[PathRange], scan: "ScanRecord") -> bool:
    """Return whether a scan has seen all that is recorded, by the number of songs; False if unsure."""
    from midiprism.catalog.queries.gone_songs import count_places

    ordered = sorted(ranges, key=lambda covered: covered.first)
    if any(left.includes(right.first) for left, right in pairwise(ordered)):
        return False  # songs may count twice
    counts = [count_places(catalog, covered.first, covered.end) for covered in ordered]
    paths, gone = sum(count.paths for count in counts), sum(count.gone for count in counts)
    return (paths, gone) == (scan.song_count, 0)


def _is_doubtful(catalog: "Catalog", part: "_RangeResult", last_known_song: int) -> bool:
    """Return whether so many songs of a range are missing that its source may be; count its known songs."""
    from midiprism.catalog.queries.gone_songs import count_songs_at

    if not part.gone:
        return False
    part.known = count_songs_at(catalog, part.covered.first, part.covered.end, last_known_song)
    newly_missing = len(part.song_ids - part.missing_before)
    is_much = part.known >= MIN_SONGS_DOUBTED and newly_missing > MAX_SHARE_MISSING * part.known
    return newly_missing > 0 and (part.seen == 0 or is_much)


@dataclass(slots=True)
class _RangeResult:
    """What a scan says about one range.

    Attributes:
        covered: the range.
        gone: paths that are there no longer, and ``gone_songs`` their songs.
        found_again: paths that were recorded as gone and are there, or could not be looked at.
        moved: number of ``gone`` whose songs are at other paths.
        seen: number of recorded paths that the scan saw, also of new songs.
        song_ids: of the songs at paths that are gone.
        missing_before: those of them at paths that were recorded as gone.
        known: songs that were there before the run.
        doubted: see ``MissingSongs``.
    """

    covered: PathRange
    gone: list[bytes] = field(default_factory=list)
    gone_songs: list[int] = field(default_factory=list)
    found_again: list[bytes] = field(default_factory=list)
    moved: int = 0
    seen: int = 0
    song_ids: set[int] = field(default_factory=set)
    missing_before: set[int] = field(default_factory=set)
    known: int = 0
    doubted: bool = False


def _compare_range(
    catalog: "Catalog", source: Source, scan: "ScanRecord", covered: PathRange
) -> _RangeResult:
    from midiprism.catalog.queries.gone_songs import recorded_places

    result = _RangeResult(covered)
    for page in recorded_places(catalog, covered.first, covered.end):
        for place, seen in zip(page, scan.have_seen([place.path for place in page]), strict=True):
            result.seen += seen
            if seen or not scan.could_read(place.path):
                if place.is_gone:
                    result.found_again.append(place.path)
            elif place.is_gone:
                result.song_ids.add(place.song_id)
                result.missing_before.add(place.song_id)
            elif source.is_gone(place.path):
                result.gone.append(place.path)
                result.gone_songs.append(place.song_id)
                result.song_ids.add(place.song_id)
    return result


def require_sources(source: Source) -> None:
    """Raise SourceError if a folder or an archive of the source is gone."""
    missing = source.missing_paths()
    if missing:
        raise SourceError(
            f"{path_text(missing[0])} is gone: bring it back, and run the same command again. "
            "What was committed before is kept."
        )
