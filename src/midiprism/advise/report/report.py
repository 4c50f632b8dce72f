"""Report on a run: its progress, its bottleneck, what would help, and by how much."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from midiprism.advise.bottleneck import Bottleneck, find_bottleneck
from midiprism.advise.model.run_facts import RunFacts
from midiprism.advise.model.timeline import TimelinePoint, timeline_points, typical_window
from midiprism.advise.probe.disk_results import DiskSpeed, load_disk_speeds
from midiprism.advise.report.strategies import SpeedupPlan, Strategy, model_run, plans_for, strategies_for
from midiprism.catalog import PostgresAddress
from midiprism.catalog.queries.run_history import latest_sampled_run, run_settings, samples_of
from midiprism.errors import UsageError
from midiprism.metrics.devices import StorageLocation
from midiprism.metrics.snapshot import DEVICE_ROLES, STAGES, RunSample, SampleWindow
from midiprism.results.result_dir import open_snapshots_of
from midiprism.results.status import NOT_COUNTED, RunStatus, read_status

MIN_WORK_SECONDS = 5.0
"""In less time a run mostly starts and ends: what limits that says nothing about a longer one."""

_MAX_RUNS = 1_000


@dataclass(frozen=True, slots=True)
class Utilization:
    """The use of a resource.

    Attributes:
        name: name of the resource for people.
        used: share that all programs used: 0 to 1; None if unknown.
        used_by_run: share that the processes of the run used; None if unknown.
        roles: what a device is used for; empty for other resources.
        detail: figures in words.
    """

    name: str
    used: float | None
    used_by_run: float | None = None
    roles: tuple[str, ...] = ()
    detail: str = ""

    @property
    def headroom(self) -> float | None:
        """Share that no program used; None if unknown."""
        return None if self.used is None else max(0.0, 1.0 - self.used)


@dataclass(frozen=True, slots=True)
class RunReport:
    """The report on a run.

    Attributes:
        out: folder of its result, absolute.
        run: the run as it was recorded.
        settings: settings recorded at its start; ``now`` in them are those in force at its end.
        window: the part of the run that was measured; None if nothing was split for long enough. Without it,
            and if the run was too short, there is no bottleneck, no strategy and no plan.
        utilizations: of processors, memory, devices and the catalog.
        timeline: the run over time.
        bottleneck: what limited it.
        strategies: the best first.
        plans: A, B and C.
        decisions: changes of settings while it ran, see ``RunMetrics``.
        work_seconds: time after the splitter was loaded.
        too_short: whether that is less than ``MIN_WORK_SECONDS``.
        stage_seconds: time of each stage, summed over the workers.
        idle_runs: later runs that split no song, the latest first.
    """

    out: str
    run: RunStatus
    settings: Mapping[str, Any]
    window: SampleWindow | None
    utilizations: tuple[Utilization, ...]
    timeline: tuple[TimelinePoint, ...]
    bottleneck: Bottleneck | None
    strategies: tuple[Strategy, ...]
    plans: tuple[SpeedupPlan, ...]
    decisions: tuple[Mapping[str, Any], ...]
    work_seconds: float
    too_short: bool
    stage_seconds: Mapping[str, float]
    idle_runs: tuple[int, ...] = ()

    @property
    def rate(self) -> float | None:
        """Songs per second in the window; None without one."""
        return None if self.window is None else self.window.rate

    @property
    def eta_seconds(self) -> float | None:
        """Seconds until the run is done at this rate; None if it has ended or that is unknown."""
        left = self.run.songs_left
        if self.run.state == "done" or left is None or not self.rate:
            return None
        return left / self.rate

    @property
    def running(self) -> bool:
        """True until the run has ended."""
        return self.run.live_rate is not None


def analyze_run(
    out: str,
    database: PostgresAddress | None = None,
    run_id: int | None = None,
    disk_speeds: Sequence[DiskSpeed] | None = None,
) -> RunReport:
    """Return the report on a run of the result in ``out``, which may be running. Nothing is written.

    Args:
        out: folder of the result.
        database: where the catalog is; None for a file in the result.
        run_id: number of the run; None for the last one that has samples and has split songs or is active, or
            if there is none for the last one that has samples.
        disk_speeds: of known disks; None for those that ``midiprism probe`` stored.

    Raises:
        UsageError: ``out`` holds no result, or there is no such run.
        CatalogError: its catalog cannot be read.
    """
    status = read_status(out, _MAX_RUNS, NOT_COUNTED, database)
    with open_snapshots_of(out, database) as snapshots, snapshots() as reader:
        number = run_id
        if number is None:
            worked = (run.id for run in status.runs if run.songs_done or run.live_rate is not None)
            number = latest_sampled_run(reader, [*worked]) or latest_sampled_run(reader)
        samples = [] if number is None else [RunSample.from_dict(data) for data in samples_of(reader, number)]
        settings = dict(run_settings(reader, [number])[0]) if number is not None and samples else {}
    run = next((run for run in status.runs if run.id == number), None)
    if run is None or not samples or "locations" not in settings:
        if run_id is None:
            raise UsageError(f"No run of {out} has recorded samples to analyze: the next run records some.")
        raise UsageError(
            f"Run {run_id} of {out} has recorded no samples to analyze: `midiprism status` lists the runs."
        )
    last = samples[-1]
    settings["now"] = {
        "workers": last.workers,
        "batch_size": last.batch_size,
        "in_flight": last.in_flight_limit,
    }
    folder = os.path.abspath(out)
    moved = os.path.realpath(str(settings.get("out", folder))) != os.path.realpath(folder)
    settings["out"] = folder
    window = typical_window(samples, running=run.live_rate is not None)
    facts = replace(RunFacts.from_settings(settings), moved=moved)
    known_speeds = load_disk_speeds() if disk_speeds is None else disk_speeds
    work_seconds = max(0.0, run.seconds - run.loading_seconds)
    too_short = work_seconds < MIN_WORK_SECONDS
    measured = None if too_short else window
    model = None if measured is None else model_run(measured, facts, known_speeds)
    return RunReport(
        out=folder,
        run=run,
        settings=settings,
        window=window,
        utilizations=() if window is None else tuple(_measure_utilizations(window, facts)),
        timeline=tuple(timeline_points(samples)),
        bottleneck=None if measured is None else find_bottleneck(measured, facts, known_speeds),
        strategies=() if model is None else tuple(strategies_for(model)),
        plans=() if model is None else tuple(plans_for(model)),
        decisions=tuple(run.decisions),
        work_seconds=work_seconds,
        too_short=too_short,
        stage_seconds={name: last.stage(name).seconds for name in STAGES},
        idle_runs=tuple(later.id for later in status.runs if run_id is None and later.id > run.id),
    )


def _measure_utilizations(window: SampleWindow, facts: RunFacts) -> list[Utilization]:
    utilizations = []
    if window.core_utilization:
        utilizations.append(_cpu_utilization(window))
    memory, available = window.last.memory_bytes, window.last.available_bytes
    if memory + available:
        detail = f"{memory / 1e6:,.0f} MB used, {available / 1e9:,.1f} GB more available"
        utilizations.append(Utilization("memory", None, memory / (memory + available), detail=detail))
    utilizations += _device_utilizations(window, facts)
    utilizations.append(_catalog_utilization(window))
    return utilizations


def _cpu_utilization(window: SampleWindow) -> Utilization:
    seconds, cores = window.seconds, window.core_utilization
    busy = ", ".join(f"{core:.0%}" for core in cores)
    return Utilization(
        "processors",
        used=sum(cores) / len(cores),
        used_by_run=min(window.own_cpu / seconds / len(cores), 1.0),
        detail=f"{len(cores)} of them: {busy}; workers {window.worker_cpu / seconds:.2f}, "
        f"coordinator {window.coordinator_cpu / seconds:.2f}, other programs {window.other_cores_busy:.2f}",
    )


def _device_utilizations(window: SampleWindow, facts: RunFacts) -> list[Utilization]:
    """Return each device once, with all of its roles."""
    roles: dict[tuple[str, str], list[str]] = {}
    locations = {}
    for role in DEVICE_ROLES:
        location = facts.locations.get(role)
        if location is None or "server" in location.kind:
            continue
        key = location.device, location.display_name
        roles.setdefault(key, []).append(role)
        locations[key] = location
    return [
        Utilization(
            location.display_name,
            window.device_utilization(location.device),
            roles=tuple(roles[key]),
            detail=_describe_traffic(window, location),
        )
        for key, location in locations.items()
    ]


def _describe_traffic(window: SampleWindow, location: StorageLocation) -> str:
    device_io = window.device(location.device) if location.device else None
    detail = "no disk" if location.kind == "memory" else "its traffic is not counted"
    if device_io is not None:
        detail = (
            f"{device_io.read_bytes / window.seconds / 1e6:,.1f} MB/s read, "
            f"{device_io.written_bytes / window.seconds / 1e6:,.1f} MB/s written, "
            f"{(device_io.reads + device_io.writes) / window.seconds:,.0f} requests/s, "
            f"{device_io.queue_seconds / window.seconds:,.1f} of them at once"
        )
    return f"{detail}; the system says that it spins" if location.rotational else detail


def _catalog_utilization(window: SampleWindow) -> Utilization:
    last = window.last
    milliseconds = 1000 * window.stage("commit").seconds / window.commits if window.commits else 0.0
    rows = window.rows / window.seconds
    detail = f"{window.commits:,} commits of {milliseconds:,.0f} ms, {rows:,.0f} rows/s"
    if last.round_trip:
        detail += f"; its server answers in {1000 * last.round_trip:,.1f} ms"
    if last.connections:
        states = ", ".join(f"{count} {state}" for state, count in sorted(last.connections.items()))
        detail += f"; connections: {states}"
    return Utilization("catalog", None, detail=detail)
