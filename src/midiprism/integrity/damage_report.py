"""The reports of a check and of a repair."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol

from midiprism.catalog import TrackFile, VerifyScope
from midiprism.fs.path_text import path_text

DAMAGE_KINDS = {
    "catalog": "the catalog's file is damaged",
    "missing": "tracks whose file is missing",
    "not_a_file": "tracks with a link or a folder in their place",
    "unreadable": "files or folders that cannot be read",
    "size": "files that were cut short or have grown",
    "content": "files with other bytes than their track's",
    "row": "whole files of which the catalog has the wrong size",
    "shard": "shards that are lost or damaged, or have other rows than they should",
    "track_without_shard": "tracks that no shard holds",
    "links": "songs whose links to tracks are incomplete",
    "lost_path": "paths of songs that the catalog has lost",
    "lost_links": "songs that the catalog has lost, and whose links are left",
    "shard_links": "shards whose links are not those of the catalog",
    "links_without_shard": "songs whose links no shard holds",
    "songs_table": "the table of songs is lost, damaged or out of date",
    "unlinked": "tracks that no song links to",
    "orphan": "files that the catalog does not know",
    "temporary": "temporary files that were left behind",
}
"""Every kind of damage, with a description."""

LEFTOVER_KINDS = frozenset({"unlinked", "orphan", "temporary"})
"""Kinds that harm no song: what an undone or a killed run has left behind."""

MAX_EXAMPLES = 100
"""Most damages of a kind that a report names."""

VerifyStage = Literal["catalog", "tracks", "files", "songs", "repair"]


@dataclass(frozen=True, slots=True)
class Damage:
    """Something that is damaged.

    Attributes:
        kind: one of ``DAMAGE_KINDS``.
        name: a path below the result, or that of a song, in the file system's bytes; or what else names it.
        message: one sentence.
    """

    kind: str
    name: bytes
    message: str

    def as_dict(self) -> dict[str, str]:
        return {"name": path_text(self.name), "message": self.message}


class VerifyProgress(NamedTuple):
    """Progress of a check.

    Attributes:
        stage: what it does now.
        seen: how many it has checked in this stage.
        total: how many there are; None if unknown.
        damage_count: damages found so far.
        seconds: since it began.
    """

    stage: VerifyStage
    seen: int
    total: int | None
    damage_count: int
    seconds: float


VerifyListener = Callable[[VerifyProgress], None]


class RepairSink(Protocol):
    """Gets what can be repaired."""

    def add_damaged_tracks(self, track_ids: Iterable[int]) -> None: ...
    def add_damaged_songs(self, song_ids: Iterable[int]) -> None: ...
    def add_lost_paths(self, paths: Iterable[bytes]) -> None: ...
    def correct_row(self, track: TrackFile) -> None: ...


@dataclass(slots=True)
class DamageReport:
    """Result of a check.

    Attributes:
        out: the folder of the result.
        scope: which part of it was checked.
        tracks: tracks that were checked.
        bytes: of their files.
        files: files that the store has; None if they were not listed.
        songs: songs whose links were checked.
        links: of those songs.
        songs_without_path: songs whose paths now lead to other songs; that is no damage.
        last_run_state: how the last run ended, unless it was ``done``.
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
        """All damages together."""
        return sum(self.counts.values())

    @property
    def ok(self) -> bool:
        return not self.counts and not self.stopped

    def begin(self, scope: VerifyScope, last_run_state: str | None) -> None:
        """Set the part of the result that is checked, and the state of the last run if there was one."""
        self.scope = scope
        self.last_run_state = None if last_run_state == "done" else last_run_state

    def begin_files(self) -> None:
        """Count the files of the store from now on."""
        self.files = 0

    def count(self, **amounts: int) -> None:
        """Add to the counts of these names."""
        for name, amount in amounts.items():
            setattr(self, name, getattr(self, name) + amount)

    def finish(self, seconds: float, *, stopped: bool) -> None:
        """Set the time that it took, and whether it was stopped before the end."""
        self.seconds, self.stopped = seconds, stopped

    def add(self, damage: Damage) -> None:
        """Count a damage, and remember it if it is among the first of its kind."""
        self.counts[damage.kind] = self.counts.get(damage.kind, 0) + 1
        shown = self.examples.setdefault(damage.kind, [])
        if len(shown) < MAX_EXAMPLES:
            shown.append(damage)

    def all_examples(self) -> Iterator[Damage]:
        """Return the damages that are remembered, kind by kind."""
        for kind in DAMAGE_KINDS:
            yield from self.examples.get(kind, ())

    def as_dict(self) -> dict[str, Any]:
        """Return the figures under their JSON keys."""
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
                kind: {"count": count, "examples": [damage.as_dict() for damage in self.examples[kind]]}
                for kind, count in self.counts.items()
            },
            "seconds": round(self.seconds, 3),
        }


@dataclass(slots=True)
class RepairReport:
    """Result of a repair, or of its dry run.

    Attributes:
        damage_report: of the check before it.
        files: tracks whose files were restored.
        rows: rows of tracks that were corrected.
        songs: songs that were split again, for their links.
        lost_links: lost songs whose links were deleted.
        unlinked: tracks without a song that were removed.
        orphans: files removed that the catalog does not know; ``temporaries`` likewise.
        shards: shards that were rewritten.
        unrepaired_count: damages that could not be repaired.
        unrepaired: the first of those.
        run_id: the run that recorded the repair; None if nothing was recorded.
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
        """True if nothing is damaged any more, or would be without ``dry_run``."""
        return self.unrepaired_count == 0 and not self.stopped

    def record_begin(self, run_id: int) -> None:
        """Set the run that records the repair."""
        self.run_id = run_id

    def count(self, **amounts: int) -> None:
        """Add to the counts of these names."""
        for name, amount in amounts.items():
            setattr(self, name, getattr(self, name) + amount)

    def finish(self, seconds: float, *, stopped: bool) -> None:
        """Set the time that it took, and whether it was stopped before the end."""
        self.seconds, self.stopped = seconds, stopped

    def add_unrepaired(self, kind: str, name: bytes, message: str) -> None:
        """Count a damage that could not be repaired, and remember it if it is among the first."""
        self.unrepaired_count += 1
        if len(self.unrepaired) < MAX_EXAMPLES:
            self.unrepaired.append(Damage(kind, name, message))

    def as_dict(self) -> dict[str, Any]:
        """Return the figures under their JSON keys."""
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
            "unrepaired": {
                "count": self.unrepaired_count,
                "examples": [{"kind": damage.kind, **damage.as_dict()} for damage in self.unrepaired],
            },
            "run_id": self.run_id,
            "seconds": round(self.seconds, 3),
        }
