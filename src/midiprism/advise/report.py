"""The report on a run: how far it is, what limits it, what would help and by how much."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from midiprism.advise.bottleneck import Bottleneck, find
from midiprism.advise.places import Figures, stored
from midiprism.advise.series import Point, course, typical
from midiprism.advise.strategies import Plan, Strategy, plans_for, strategies_for
from midiprism.catalog import PostgresAddress
from midiprism.catalog.history import settings_of
from midiprism.catalog.samples import latest_run, samples_of
from midiprism.errors import UsageError
from midiprism.meter.devices import Place
from midiprism.meter.sample import ROLES, Sample, Window
from midiprism.run.result import catalog_of
from midiprism.run.status import RunStatus, read_status

_RUNS = 1_000


@dataclass(frozen=True, slots=True)
class Use:
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
class Report:
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
        decisions: what was changed while it went on, see ``Metering``.
    """

    out: str
    run: RunStatus
    settings: Mapping[str, Any]
    window: Window | None
    uses: tuple[Use, ...]
    points: tuple[Point, ...]
    bottleneck: Bottleneck | None
    strategies: tuple[Strategy, ...]
    plans: tuple[Plan, ...]
    decisions: tuple[Mapping[str, Any], ...]

    @property
    def rate(self) -> float | None:
        """Songs a second in the window."""
        return None if self.window is None else self.window.rate

    @property
    def eta_seconds(self) -> float | None:
        """Until it is done, if it goes on so; None where nobody knows, or it has ended."""
        left = self.run.left
        if self.run.state == "done" or left is None or not self.rate:
            return None
        return left / self.rate

    @property
    def running(self) -> bool:
        return self.run.pace is not None


def analyze(
    out: str,
    database: PostgresAddress | None = None,
    run_id: int | None = None,
    figures: Sequence[Figures] | None = None,
) -> Report:
    """Make the report on a run of the result in ``out``, which may be on. Nothing is written.

    Args:
        database: where the catalogue is; None for a file in the result.
        run_id: which run; None for the last one that has samples.
        figures: of places; None for those that ``midiprism probe`` stored.

    Raises:
        UsageError: ``out`` holds no result, or there is no such run.
        CatalogError: its catalogue cannot be read.
    """
    status = read_status(out, _RUNS, database=database)
    with catalog_of(out, database) as catalog, catalog.view() as connection:
        number = run_id if run_id is not None else latest_run(connection)
        samples = [] if number is None else [Sample.from_dict(it) for it in samples_of(connection, number)]
        settings = dict(settings_of(connection, [number])[0]) if number is not None and samples else {}
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
        "in_flight": last.in_flight_most,
    }
    window = typical(samples, running=run.pace is not None)
    known = stored() if figures is None else figures
    return Report(
        str(settings.get("out", out)),
        run,
        settings,
        window,
        tuple(_uses(window, settings)) if window else (),
        tuple(course(samples)),
        None if window is None else find(window, settings, known),
        () if window is None else tuple(strategies_for(window, settings, known)),
        () if window is None else tuple(plans_for(window, settings, known)),
        tuple(run.decisions),
    )


def _uses(window: Window, settings: Mapping[str, Any]) -> list[Use]:
    seconds, cores = window.seconds, window.cores
    uses = []
    if cores:
        ours = min(window.ours / seconds, float(len(cores)))
        busy = ", ".join(f"{core:.0%}" for core in cores)
        uses.append(
            Use(
                "processors",
                sum(cores) / len(cores),
                ours / len(cores),
                detail=f"{len(cores)} of them: {busy}; workers {window.worker_cpu / seconds:.2f}, "
                f"coordinator {window.coordinator_cpu / seconds:.2f}, other programs {window.others:.2f}",
            )
        )
    memory = window.last.memory
    whole = memory + window.last.available
    if whole:
        detail = f"{memory / 1e6:,.0f} MB, {window.last.available / 1e9:,.1f} GB more are free"
        uses.append(Use("memory", None, memory / whole, detail=detail))
    uses += _devices(window, settings)
    uses.append(_catalogue(window))
    return uses


def _devices(window: Window, settings: Mapping[str, Any]) -> list[Use]:
    """Each device once, with all that it is for."""
    roles: dict[tuple[str, str], list[str]] = {}
    places = {}
    for role in ROLES:
        told = settings["places"].get(role)
        if told is None or "server" in told.get("kind", ""):
            continue
        place = Place.from_dict(told)
        key = (place.device, place.title)
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
                f"{traffic.queue / window.seconds:,.1f} of them at once"
            )
        if place.spins:
            detail += "; the system says that it spins"
        uses.append(Use(place.title, window.busy(place.device), roles=tuple(serving), detail=detail))
    return uses


def _catalogue(window: Window) -> Use:
    commit = window.stage("commit")
    each = 1000 * commit.seconds / window.commits if window.commits else 0.0
    detail = f"{window.commits:,} commits of {each:,.0f} ms, {window.rows / window.seconds:,.0f} rows/s"
    last = window.last
    if last.round_trip:
        detail += f"; its server answers in {1000 * last.round_trip:,.1f} ms"
    if last.connections:
        states = ", ".join(f"{number} {state}" for state, number in sorted(last.connections.items()))
        detail += f"; connections: {states}"
    return Use("catalogue", None, detail=detail)
