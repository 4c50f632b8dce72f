"""The context that all checks of a result share."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from midiprism.catalog import Catalog, IntegrityQueries
from midiprism.integrity.damage_report import DamageReport, RepairSink, VerifyStage
from midiprism.stores import TrackStore


class ReportProgress(Protocol):
    """Reports the progress of a check; see ``VerifyProgress``."""

    def __call__(self, stage: VerifyStage, seen: int, total: int | None) -> None: ...


@dataclass(frozen=True, slots=True)
class CheckContext:
    """Context that all checks of a result share.

    Attributes:
        queries: of the catalog, for the part of the result that is checked.
        report: gets what is found.
        sink: gets what can be repaired; None in a check without a repair.
        stop: once it returns True, checks end as soon as possible.
    """

    store: TrackStore
    catalog: Catalog
    queries: IntegrityQueries
    report: DamageReport
    sink: RepairSink | None
    stop: Callable[[], bool]
    report_progress: ReportProgress
