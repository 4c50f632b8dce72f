"""The result and the progress of a relocation."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from midiprism.metrics.progress_reporter import ProgressReporter
from midiprism.stores import CopyOutcome

RelocationMethod = Literal["rename", "copy"]
RelocationStage = Literal["files", "catalog", "cleanup"]


@dataclass(slots=True)
class Relocation:
    """Result of a relocation, or of its dry run.

    Attributes:
        source: absolute path of the folder that has the result, or had it.
        target: absolute path of the folder that gets the result.
        method: whether the folder was renamed, or its content copied.
        files: files of the store, each a track or a shard; ``bytes`` of them.
        files_copied: copied by this call; ``bytes_copied`` of them. ``files_reflinked`` of these share their
            blocks with the originals.
        files_already_copied: copied by an earlier call, and whole.
        arrived: whether the result is in ``target`` now; ``already_moved`` if it was before this call.
        files_removed: files removed from ``source``.
        files_left: files that midiprism did not write, or that the catalog does not know; they stay.
        stopped: whether it was stopped before the end.
    """

    source: str
    target: str
    dry_run: bool = False
    method: RelocationMethod = "copy"
    files: int = 0
    bytes: int = 0
    files_copied: int = 0
    bytes_copied: int = 0
    files_reflinked: int = 0
    files_already_copied: int = 0
    arrived: bool = False
    already_moved: bool = False
    files_removed: int = 0
    files_left: int = 0
    stopped: bool = False
    seconds: float = 0.0

    def count(self, **amounts: int) -> None:
        """Add to the counts of these names."""
        for name, amount in amounts.items():
            setattr(self, name, getattr(self, name) + amount)

    def arrive(self, method: RelocationMethod) -> None:
        """Note that the result is in the target now."""
        self.method, self.arrived = method, True

    def count_file(self, outcome: CopyOutcome, size: int) -> None:
        """Count a file that was copied, or was there."""
        if outcome == "present":
            self.files_already_copied += 1
            return
        self.files_copied += 1
        self.bytes_copied += size
        self.files_reflinked += outcome == "shared"

    def as_dict(self) -> dict[str, Any]:
        """Return the figures under their JSON keys."""
        return {
            "state": "interrupted" if self.stopped else "done",
            "from": self.source,
            "to": self.target,
            "how": self.method,
            "dry_run": self.dry_run,
            "arrived": self.arrived,
            "already": self.already_moved,
            "files": self.files,
            "bytes": self.bytes,
            "files_copied": self.files_copied,
            "bytes_copied": self.bytes_copied,
            "files_shared": self.files_reflinked,
            "files_there": self.files_already_copied,
            "removed": self.files_removed,
            "left": self.files_left,
            "seconds": round(self.seconds, 3),
        }


class RelocationProgress(NamedTuple):
    """Progress of a relocation.

    Attributes:
        stage: what it does now.
        seen: files done in this stage.
        total: files in this stage; None if they were not counted.
        bytes_copied: so far.
        seconds: since it began.
    """

    stage: RelocationStage
    seen: int
    total: int | None
    bytes_copied: int
    seconds: float


RelocationListener = Callable[[RelocationProgress], None]


class RelocationReporter:
    """Reports the progress of a relocation."""

    def __init__(self, relocation: Relocation, listener: RelocationListener | None) -> None:
        self._relocation = relocation
        self._reporter = ProgressReporter(listener)

    @property
    def seconds(self) -> float:
        """Seconds since it began."""
        return self._reporter.seconds

    def report(self, stage: RelocationStage, seen: int, total: int | None = None) -> None:
        self._reporter.report(
            lambda seconds: RelocationProgress(stage, seen, total, self._relocation.bytes_copied, seconds)
        )
