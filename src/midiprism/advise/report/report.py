"""The report on a run: how far it is, what limits it, what would help and by how much."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from midiprism.advise.bottleneck import Bottleneck, find_bottleneck
from midiprism.advise.model.strategies import SpeedupPlan, Strategy, plans_for, strategies_for
from midiprism.advise.model.timeline import TimelinePoint, timeline_points, typical_window
from midiprism.advise.probe.disk_results import DiskSpeed, load_disk_speeds
from midiprism.catalog import PostgresAddress
from midiprism.catalog.queries.run_history import run_settings
from midiprism.catalog.queries.run_samples import latest_sampled_run, samples_of
from midiprism.errors import UsageError
from midiprism.metrics.devices import StorageLocation
from midiprism.metrics.snapshot import DEVICE_ROLES, RunSample, SampleWindow
from midiprism.results.result_dir import open_catalog_of
from midiprism.results.status import RunStatus, read_status

_MAX_RUNS = 1_000


@dataclass(frozen=True, slots=True)
class Utilization:
    """How much of something a run used, and how much it left.

    Attributes:
        name: what it is, for people.
        roles: what a device is for; empty for what is no device.
        used: share that was in use, whoever used it: 0 to 1; None where nobody knows.
        ours: share that our processes used; None where that cannot be told apart.
        detail: figures in words.
    """

    name: str
    used: float | None
    ours: float | None = None
    roles: tuple[str, ...] = ()
    detail: str = ""

    @property
    def headroom(self) -> float | None:
        """Share that nobody used."""
        return None if self.used is None else max(0.0, 1.0 - self.used)


@dataclass(frozen=True, slots=True)
class RunReport:
    """All that is known of a run.

    Attributes:
        out: the folder of its result, absolute.
        run: as it was recorded.
        settings: what was recorded when it began, with what was in force at last: ``now``.
        window: the part of it that was measured; None where nothing was split long enough.
        uses: of processors, memory, devices, the catalogue.
        points: its course.
        bottleneck: what limited it; None without a window, like what follows from it.
        strategies: the best first.
        plans: A, B and C.
        decisions: what was changed while it went on, see ``RunMetrics``.
    """

    out: str
    run: RunStatus
    settings: Mapping[str, Any]
    window: SampleWindow | None
    utilizations: tuple[Utilization, ...]
    points: tuple[TimelinePoint, ...]
    bottleneck: Bottleneck | None
    strategies: tuple[Strategy, ...]
    plans: tuple[SpeedupPlan, ...]
    decisions: tuple[Mapping[str, Any], ...]

    @property
    def rate(self) -> float | None:
        """Songs a second in the window."""
        return None if self.window is None else self.window.rate

    @property
    def eta_seconds(self) -> float | None:
        """Until it is done, if it goes on so; None where nobody knows, or it has ended."""
        left = self.run.songs_left
        if self.run.state == "done" or left is None or not self.rate:
            return None
        return left / self.rate

    @property
    def running(self) -> bool:
        return self.run.live_rate is not None


def analyze_run(
    out: str,
    database: PostgresAddress | None = None,
    run_id: int | None = None,
    disk_speeds: Sequence[DiskSpeed] | None = None,
) -> RunReport:
    """Make the report on a run of the result in ``out``, which may be on. Nothing is written.

    Args:
        database: where the catalogue is; None for a file in the result.
        run_id: which run; None for the last one that has samples.
        figures: of places; None for those that ``midiprism probe`` stored.

    Raises:
        UsageError: ``out`` holds no result, or there is no such run.
        CatalogError: its catalogue cannot be read.
    """
    status = read_status(out, _MAX_RUNS, database=database)
    with open_catalog_of(out, database) as catalog, catalog.read_transaction() as connection:
        number = run_id if run_id is not None else latest_sampled_run(connection)
        samples = [] if number is None else [RunSample.from_dict(it) for it in samples_of(connection, number)]
        settings = dict(run_settings(connection, [number])[0]) if number is not None and samples else {}
    run = next((one for one in status.runs if one.id == number), None)
    if run is None or not samples or "places" not in settings:
        if run_id is None:
            raise UsageError(f"No run of {out} has left samples to explain it by: the next one takes some.")
        raise UsageError(
            f"Run {run_id} of {out} has left no samples to explain it by: `midiprism status` lists the runs."
        )
    last = samples[-1]
    settings["now"] = {
        "workers": last.workers,
        "batch_size": last.batch_size,
        "in_flight": last.in_flight_limit,
    }
    window = typical_window(samples, running=run.live_rate is not None)
    known = load_disk_speeds() if disk_speeds is None else disk_speeds
    return RunReport(
        str(settings.get("out", out)),
        run,
        settings,
        window,
        tuple(_measure_utilizations(window, settings)) if window else (),
        tuple(timeline_points(samples)),
        None if window is None else find_bottleneck(window, settings, known),
        () if window is None else tuple(strategies_for(window, settings, known)),
        () if window is None else tuple(plans_for(window, settings, known)),
        tuple(run.decisions),
    )


def _measure_utilizations(window: SampleWindow, settings: Mapping[str, Any]) -> list[Utilization]:
    seconds, cores = window.seconds, window.core_utilization
    uses = []
    if cores:
        ours = min(window.own_cpu / seconds, float(len(cores)))
        busy = ", ".join(f"{core:.0%}" for core in cores)
        uses.append(
            Utilization(
                "processors",
                sum(cores) / len(cores),
                ours / len(cores),
                detail=f"{len(cores)} of them: {busy}; workers {window.worker_cpu / seconds:.2f}, "
                f"coordinator {window.coordinator_cpu / seconds:.2f}, other programs {window.other_cores_busy:.2f}",
            )
        )
    memory = window.last.memory_bytes
    whole = memory + window.last.available_bytes
    if whole:
        detail = f"{memory / 1e6:,.0f} MB, {window.last.available_bytes / 1e9:,.1f} GB more are free"
        uses.append(Utilization("memory", None, memory / whole, detail=detail))
    uses += _device_utilizations(window, settings)
    uses.append(_catalog_utilization(window))
    return uses


def _device_utilizations(window: SampleWindow, settings: Mapping[str, Any]) -> list[Utilization]:
    """Each device once, with all that it is for."""
    roles: dict[tuple[str, str], list[str]] = {}
    places = {}
    for role in DEVICE_ROLES:
        told = settings["places"].get(role)
        if told is None or "server" in told.get("kind", ""):
            continue
        place = StorageLocation.from_dict(told)
        key = (place.device, place.display_name)
        roles.setdefault(key, []).append(role)
        places[key] = place
    uses = []
    for key, serving in roles.items():
        place = places[key]
        traffic = window.device(place.device) if place.device else None
        detail = "tells nothing of what it does"
        if place.kind == "memory":
            detail = "no disk"
        if traffic is not None:
            detail = (
                f"{traffic.read_bytes / window.seconds / 1e6:,.1f} MB/s read, "
                f"{traffic.written_bytes / window.seconds / 1e6:,.1f} MB/s written, "
                f"{(traffic.reads + traffic.writes) / window.seconds:,.0f} requests/s, "
                f"{traffic.queue_seconds / window.seconds:,.1f} of them at once"
            )
        if place.rotational:
            detail += "; the system says that it spins"
        uses.append(
            Utilization(
                place.display_name,
                window.device_utilization(place.device),
                roles=tuple(serving),
                detail=detail,
            )
        )
    return uses


def _catalog_utilization(window: SampleWindow) -> Utilization:
    commit = window.stage("commit")
    each = 1000 * commit.seconds / window.commits if window.commits else 0.0
    detail = f"{window.commits:,} commits of {each:,.0f} ms, {window.rows / window.seconds:,.0f} rows/s"
    last = window.last
    if last.round_trip:
        detail += f"; its server answers in {1000 * last.round_trip:,.1f} ms"
    if last.connections:
        states = ", ".join(f"{number} {state}" for state, number in sorted(last.connections.items()))
        detail += f"; connections: {states}"
    return Utilization("catalogue", None, detail=detail)
