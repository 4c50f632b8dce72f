"""What limits a run: that whose being free would make it fastest, by the model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from midiprism.advise.model.costs import Costs, measure_costs
from midiprism.advise.model.run_facts import RunFacts
from midiprism.advise.model.throughput import Setup, predicted_rate, setup_of
from midiprism.advise.probe.disk_results import DiskSpeed
from midiprism.metrics.snapshot import SampleWindow
from midiprism.pipeline.resource_defaults import default_in_flight

Resource = Literal["cpu", "output", "source", "catalogue", "coordinator", "settings", "none"]
REMOVABLE_RESOURCES: tuple[Resource, ...] = ("cpu", "output", "source", "catalogue", "coordinator")

MIN_GAIN = 1.05
"""A gain below that is none."""

_MIN_SETTINGS_GAIN = 1.2
_IDLE_BELOW = 0.7
_MANY_CORES = 1_000.0


@dataclass(frozen=True, slots=True)
class Bottleneck:
    """What limits a run.

    Attributes:
        resource: which one; ``settings`` where too little is under way while the resources are idle.
        title: of the device or place that it is, where it is one.
        words: all of it in a few words.
        evidence: facts and figures that it rests on.
        gain_if_free: how many times as fast the run would be if it cost nothing.
        gains: the same for each resource, as far as they were asked for.
    """

    resource: Resource
    title: str
    words: str
    evidence: tuple[tuple[str, str], ...]
    gain_if_free: float
    gains: Mapping[str, float]


def with_free_resource(costs: Costs, resource: Resource) -> Costs:
    """Costs of a run to which a resource is free."""
    busy = tuple(it for it in costs.device_busy if it.role != resource)
    if resource == "cpu":
        return replace(
            costs,
            worker_cpu=0.0,
            commit_client_cpu=0.0,
            server_cpu=0.0,
            other_programs_cpu=0.0,
            cores=_MANY_CORES,
            commit_per_song=min(costs.commit_per_song, costs.commit_cpu)
            if costs.commit_cpu
            else costs.commit_per_song,
        )
    if resource == "source":
        return replace(costs, source_wait=0.0, device_busy=busy)
    if resource == "output":
        return replace(costs, output_wait=0.0, flush_fixed=0.0, flush_per_song=0.0, device_busy=busy)
    if resource == "catalogue":
        return replace(
            costs,
            commit_client_cpu=0.0,
            commit_fixed=0.0,
            commit_per_song=0.0,
            commit_cpu=0.0,
            round_trip=0.0,
            queries_catalog=False,
            device_busy=busy,
        )
    if resource == "coordinator":
        return replace(costs, coordinator_cpu=0.0)
    return costs


def find_bottleneck(
    window: SampleWindow, settings: Mapping[str, Any] | RunFacts, disk_speeds: Sequence[DiskSpeed] = ()
) -> Bottleneck:
    """What limited a run between two samples.

    Args:
        settings: what was recorded of the run when it began.
        figures: of places, if they are known.
    """
    facts = settings if isinstance(settings, RunFacts) else RunFacts.from_settings(settings)
    costs = measure_costs(window, facts, disk_speeds)
    if costs is None:
        return Bottleneck("none", "", "nothing has been split yet", (), 1.0, {})
    setup = setup_of(window, facts)
    now = predicted_rate(costs, setup)
    gains: dict[str, float] = {
        name: predicted_rate(with_free_resource(costs, name), setup) / now for name in REMOVABLE_RESOURCES
    }
    use = _utilization(window, costs, setup)
    worst = max(REMOVABLE_RESOURCES, key=lambda name: gains[name])
    resource: Resource = worst
    if use[worst] < _IDLE_BELOW:
        gains["settings"] = _rate_with_more_in_flight(costs, setup) / now
    if gains.get("settings", 0.0) >= _MIN_SETTINGS_GAIN:
        resource = "settings"
    elif gains[worst] < MIN_GAIN:
        resource = "none"
    title = _resource_title(resource, facts)
    evidence = _evidence(window, facts, costs, setup, gains)
    words = _describe(resource, title, window, facts, setup, use)
    return Bottleneck(resource, title, words, evidence, max(1.0, gains.get(resource, 1.0)), gains)


def _rate_with_more_in_flight(costs: Costs, setup: Setup) -> float:
    """The rate with more workers, or more under way."""
    if setup.workers == 0:
        return predicted_rate(costs, setup)
    found = predicted_rate(costs, setup)
    for workers in (setup.workers, 2 * setup.workers):
        enough = default_in_flight(workers, setup.batch_size, shared=setup.shared)
        found = max(
            found,
            predicted_rate(costs, replace(setup, workers=workers, in_flight=max(setup.in_flight, enough))),
        )
    return found


def _utilization(window: SampleWindow, costs: Costs, setup: Setup) -> dict[str, float]:
    """Which share of the time each resource was in use."""
    songs, workers = window.rate, max(1, setup.workers)
    cores = window.core_utilization
    device = {it.role: it.seconds * songs for it in costs.device_busy}
    waits = {"source": costs.source_wait * songs, "output": costs.output_wait * songs}
    widths = {
        "source": min(costs.source_concurrency or workers, workers),
        "output": min(costs.output_concurrency or workers, workers),
    }
    commit, flush = window.stage("commit").seconds, window.stage("flush").seconds
    committers = workers if setup.shared else 1
    alone = setup.workers == 0
    # Where somebody waits for a processor that the run may use, none of those is free.
    wanted = (window.own_cpu + window.queued) / window.seconds / costs.cores
    return {
        "cpu": max(sum(cores) / len(cores) if cores else 0.0, min(1.0, wanted)),
        "source": max(device.get("source", 0.0), waits["source"] / widths["source"]),
        "output": max(
            device.get("output", 0.0), waits["output"] / widths["output"], flush / window.seconds / committers
        ),
        "catalogue": max(device.get("catalogue", 0.0), commit / window.seconds / committers),
        "coordinator": 0.0 if alone else window.coordinator_cpu / window.seconds,
    }


def _resource_title(resource: Resource, facts: RunFacts) -> str:
    if resource == "catalogue":
        return "PostgreSQL" if facts.shared else facts.place_title("output")
    return facts.place_title(resource) if resource in ("source", "output") else ""


def _describe(
    resource: Resource,
    title: str,
    window: SampleWindow,
    facts: RunFacts,
    setup: Setup,
    utilization: Mapping[str, float],
) -> str:
    share = f"{min(1.0, utilization.get(resource, 0.0)):.0%}"
    device = window.device_utilization(facts.device(resource)) if resource in ("source", "output") else None
    told = f"{device:.0%} busy" if device is not None else f"in use {share} of the time"
    if resource == "cpu":
        return f"limited by the processors: {share} busy"
    if resource == "source":
        return f"limited by reading songs from {title}: {told}"
    if resource == "output":
        flushing = window.stage("flush").seconds > window.stage("store").waited
        doing = "writing shards to" if facts.store == "parquet" else "creating files on"
        return f"limited by {'making files durable on' if flushing else doing} {title}: {told}"
    if resource == "catalogue":
        if facts.shared:
            return f"limited by the catalogue's answers: {1000 * window.last.round_trip:,.3g} ms each"
        each = window.stage("commit").seconds / max(1, window.commits)
        return f"limited by commits to the catalogue on {title}: {1000 * each:,.0f} ms each"
    if resource == "coordinator":
        return f"limited by planning and collecting, which one process does: {share} busy"
    if resource == "settings":
        batches = "1 batch" if setup.in_flight == 1 else f"{setup.in_flight:,} batches"
        workers = "1 worker" if setup.workers == 1 else f"{setup.workers:,} workers"
        return f"limited by the settings: {batches} in flight for {workers}; processors {utilization['cpu']:.0%} busy"
    return "limited by nothing in particular"


def _evidence(
    window: SampleWindow, facts: RunFacts, costs: Costs, setup: Setup, gains: Mapping[str, float]
) -> tuple[tuple[str, str], ...]:
    songs = window.rate
    found = [
        ("songs a second", f"{songs:,.1f}"),
        (
            "in force",
            f"{setup.workers} workers, batches of {setup.batch_size:,}, {setup.in_flight} in flight",
        ),
        (
            "processor time of a song",
            (
                f"{1000 * costs.worker_cpu:,.2f} ms in workers, "
                f"{1000 * (costs.coordinator_cpu + costs.commit_cpu):,.2f} ms in the coordinator"
            ),
        ),
        (
            "waiting of a song",
            (
                f"{1000 * window.stage('read').waited / window.songs:,.2f} ms to read, "
                f"{1000 * window.stage('store').waited / window.songs:,.2f} ms to store"
            ),
        ),
    ]
    cores = window.core_utilization
    if cores:
        found.append(
            (
                "processors busy",
                f"{sum(cores) / len(cores):.0%} of {len(cores)}, {window.other_cores_busy:.2f} by other programs",
            )
        )
    if setup.workers:
        found.append(
            (
                "workers without a batch",
                f"{min(1.0, window.idle / window.seconds / setup.workers):.0%} of their time",
            )
        )
    for role in ("source", "output"):
        busy = window.device_utilization(facts.device(role))
        if busy is not None:
            found.append((f"{role} {facts.place_title(role)}", f"{busy:.0%} busy"))
    if window.commits:
        each = 1000 * window.stage("commit").seconds / window.commits
        found.append(("commits", f"{window.commits:,} of {each:,.0f} ms each"))
    if window.flushes:
        each = 1000 * window.stage("flush").seconds / window.flushes
        found.append(("flushes", f"{window.flushes:,} of {each:,.0f} ms each"))
    if costs.round_trip:
        found.append(("answer of the catalogue's server", f"{1000 * costs.round_trip:,.3g} ms"))
    for name, gain in sorted(gains.items(), key=lambda item: -item[1])[:3]:
        if gain >= MIN_GAIN:
            found.append(
                (
                    f"with free {_RESOURCE_NAMES[name]}" if name != "settings" else "with more under way",
                    f"{gain:.2f} times as fast by the model",
                )
            )
    return tuple(found)


_RESOURCE_NAMES = {
    "cpu": "processors",
    "output": "output",
    "source": "source",
    "catalogue": "catalogue",
    "coordinator": "coordinator",
}
