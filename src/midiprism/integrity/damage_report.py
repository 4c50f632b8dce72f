"""What a check of a result finds, and what a repair does about it."""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol

from midiprism.catalog import TrackFile, VerifyScope

DAMAGE_KINDS = {
    "catalog": "the catalogue's file is damaged",
    "missing": "tracks whose file is not there",
    "not_a_file": "tracks with a link or a folder in their place",
    "unreadable": "files or folders that cannot be read",
    "size": "files cut short or grown",
    "content": "files with other bytes than their track's",
    "row": "whole files of which the catalogue has the wrong size",
    "shard": "Parquet files that are lost or damaged, or hold other rows than they should",
    "place": "tracks that no Parquet file holds",
    "links": "songs whose links to tracks are incomplete",
    "lost_path": "paths of songs that the catalogue has lost",
    "lost_links": "songs that the catalogue has lost and that links speak of",
    "shard_links": "Parquet files whose links are not those of the catalogue",
    "homeless": "songs whose links no Parquet file holds",
    "songs": "the table of songs is lost, damaged or out of date",
    "unlinked": "tracks that no song links to",
    "orphan": "files that no track speaks of",
    "temporary": "temporary files that were left behind",
}
"""Every kind of damage."""

MAX_EXAMPLES = 100


@dataclass(frozen=True, slots=True)
class Damage:
    """Something that is not as it should be.

    Attributes:
        kind: one of ``KINDS``.
        name: a path below ``OUT``, or that of a song, in the file system's bytes.
        message: one sentence.
    """

    kind: str
    name: bytes
    message: str

    def as_dict(self) -> dict[str, str]:
        return {"name": os.fsdecode(self.name), "message": self.message}


class VerifyProgress(NamedTuple):
    """How far a check is.

    Attributes:
        stage: what it is at.
        seen: of how many it has seen.
        total: how many there are; None where nobody knows.
        damaged: what it has found, so far.
        seconds: since it began.
    """

    stage: Literal["catalogue", "tracks", "files", "songs", "mending"]
    seen: int
    total: int | None
    damage_count: int
    seconds: float


VerifyListener = Callable[[VerifyProgress], None]


class RepairSink(Protocol):
    """Is told what can be mended."""

    def add_damaged_tracks(self, track_ids: Iterable[int]) -> None: ...
    def add_damaged_songs(self, song_ids: Iterable[int]) -> None: ...
    def add_lost_paths(self, paths: Iterable[bytes]) -> None: ...
    def correct_row(self, track: TrackFile) -> None: ...


@dataclass(slots=True)
class DamageReport:
    """What a check found.

    Attributes:
        out: the folder of the result.
        scope: which part of it was checked.
        tracks: rows of tracks whose files were looked at.
        bytes: of those files.
        files: files that were found in the store; None where they were not looked for.
        songs: songs whose links were looked at.
        links: of those songs.
        pathless: songs at whose paths others have come to be; that is no damage.
        unfinished: how the last run ended, unless it was ``done``.
        counts: damages by kind.
        examples: the first of them, by kind.
        stopped: whether it was stopped before the end.
        seconds: how long it took.
    """

    out: str
    scope: VerifyScope
    tracks: int = 0
    bytes: int = 0
    files: int | None = None
    songs: int = 0
    links: int = 0
    songs_without_path: int = 0
    last_run_state: str | None = None
    counts: dict[str, int] = field(default_factory=dict)
    examples: dict[str, list[Damage]] = field(default_factory=dict)
    stopped: bool = False
    seconds: float = 0.0

    @property
    def damage_count(self) -> int:
        """How many damages there are."""
        return sum(self.counts.values())

    @property
    def ok(self) -> bool:
        return not self.counts and not self.stopped

    def add(self, damage: Damage) -> None:
        """Count a damage, and remember one of the first."""
        self.counts[damage.kind] = self.counts.get(damage.kind, 0) + 1
        shown = self.examples.setdefault(damage.kind, [])
        if len(shown) < MAX_EXAMPLES:
            shown.append(damage)

    def all_examples(self) -> Iterator[Damage]:
        """What is remembered, kind by kind."""
        for kind in DAMAGE_KINDS:
            yield from self.examples.get(kind, ())

    def as_dict(self) -> dict[str, Any]:
        """The figures, for ``--json``."""
        return {
            "ok": self.ok,
            "state": "interrupted" if self.stopped else "done",
            "checked": {
                "tracks": self.tracks,
                "bytes": self.bytes,
                "files": self.files,
                "songs": self.songs,
                "links": self.links,
                "songs_without_path": self.songs_without_path,
            },
            "damages": {
                kind: {"count": count, "examples": [one.as_dict() for one in self.examples[kind]]}
                for kind, count in self.counts.items()
            },
            "seconds": round(self.seconds, 3),
        }


@dataclass(slots=True)
class RepairReport:
    """What a repair did, or would do.

    Attributes:
        found: the check before it.
        files: files of tracks restored.
        rows: rows of tracks corrected.
        songs: songs split again, for their links.
        lost_links: links of lost songs dropped.
        unlinked: tracks that no song has, removed.
        orphans: files that no track speaks of, removed; ``temporaries`` likewise.
        shards: shards written anew.
        left: how many damages could not be mended.
        unmended: the first of those.
        run_id: the run's number in the catalogue; None where nothing was recorded by it.
        stopped: whether it was stopped before the end.
    """

    damage_report: DamageReport
    dry_run: bool
    files: int = 0
    rows: int = 0
    songs: int = 0
    lost_links: int = 0
    unlinked: int = 0
    orphans: int = 0
    temporaries: int = 0
    shards: int = 0
    unrepaired_count: int = 0
    unrepaired: list[Damage] = field(default_factory=list)
    run_id: int | None = None
    stopped: bool = False
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether nothing is damaged any more, or would be."""
        return self.unrepaired_count == 0 and not self.stopped

    def add_unrepaired(self, kind: str, name: bytes, message: str) -> None:
        """Note what could not be mended."""
        self.unrepaired_count += 1
        if len(self.unrepaired) < MAX_EXAMPLES:
            self.unrepaired.append(Damage(kind, name, message))

    def as_dict(self) -> dict[str, Any]:
        """The figures, for ``--json``."""
        return {
            **self.damage_report.as_dict(),
            "ok": self.ok if not self.dry_run else self.damage_report.ok,
            "state": "interrupted" if self.stopped else "done",
            "dry_run": self.dry_run,
            "repaired": {
                "files": self.files,
                "rows": self.rows,
                "songs": self.songs,
                "lost_links": self.lost_links,
                "unlinked": self.unlinked,
                "orphans": self.orphans,
                "temporaries": self.temporaries,
                "shards": self.shards,
            },
            "unmended": {
                "count": self.unrepaired_count,
                "examples": [{"kind": one.kind, **one.as_dict()} for one in self.unrepaired],
            },
            "run_id": self.run_id,
            "seconds": round(self.seconds, 3),
        }
