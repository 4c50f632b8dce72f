"""Find the bottleneck of a run: the resource whose removal would speed it up most, by the model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from midiprism.advise.model.costs import RESOURCES, Costs, Resource, measure_costs
from midiprism.advise.model.run_facts import RunFacts
from midiprism.advise.model.throughput import predicted_rate, tunables_of
from midiprism.advise.probe.disk_results import DiskSpeed
from midiprism.metrics.snapshot import SampleWindow
from midiprism.pipeline.resource_defaults import default_in_flight
from midiprism.pipeline.tuner import Tunables

BottleneckName = Resource | Literal["settings", "none"]

MIN_GAIN = 1.05
"""Smaller gains are ignored."""

_MIN_SETTINGS_GAIN = 1.2
_IDLE_BELOW = 0.7
_RESOURCE_TITLES: Mapping[str, str] = {"cpu": "processors"}


@dataclass(frozen=True, slots=True)
class Bottleneck:
    """The bottleneck of a run.

    Attributes:
        resource: its name; ``settings`` where too little is in flight while the resources are idle, ``none``
            where nothing in particular limits the run.
        title: name of the device or server that it is, if any.
        summary: all of it in one phrase.
        evidence: pairs of a name and a figure that the conclusion is based on.
        gain_if_free: how many times as fast the run would be if the resource cost nothing.
        gains: the same for each resource.
    """

    resource: BottleneckName
    title: str
    summary: str
    evidence: tuple[tuple[str, str], ...]
    gain_if_free: float
    gains: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class _Analysis:
    """A window of a run with what the model makes of it."""

    window: SampleWindow
    facts: RunFacts
    costs: Costs
    tunables: Tunables
    gains: Mapping[str, float]
    utilization: Mapping[str, float]


def find_bottleneck(
    window: SampleWindow, facts: RunFacts, disk_speeds: Sequence[DiskSpeed] = ()
) -> Bottleneck:
    """Return what limited a run between two samples.

    Args:
        window: the two samples.
        facts: the settings of the run.
        disk_speeds: of known disks.
    """
    costs = measure_costs(window, facts, disk_speeds)
    if costs is None:
        return Bottleneck("none", "", "nothing has been split yet", (), 1.0, {})
    tunables = tunables_of(window, facts)
    rate = predicted_rate(costs, tunables)
    gains: dict[str, float] = {
        name: predicted_rate(costs.with_free(name), tunables) / rate for name in RESOURCES
    }
    utilization = _utilization(window, costs, tunables)
    worst = max(RESOURCES, key=lambda name: gains[name])
    resource: BottleneckName = worst
    if utilization[worst] < _IDLE_BELOW:
        gains["settings"] = _rate_with_more_in_flight(costs, tunables) / rate
    if gains.get("settings", 0.0) >= _MIN_SETTINGS_GAIN:
        resource = "settings"
    elif gains[worst] < MIN_GAIN:
        resource = "none"
    analysis = _Analysis(window, facts, costs, tunables, gains, utilization)
    title = _resource_title(resource, facts)
    return Bottleneck(
        resource=resource,
        title=title,
        summary=_summarize(resource, title, analysis),
        evidence=tuple(_run_evidence(analysis) + _gain_evidence(gains)),
        gain_if_free=max(1.0, gains.get(resource, 1.0)),
        gains=gains,
    )


def _rate_with_more_in_flight(costs: Costs, tunables: Tunables) -> float:
    """Return the rate with enough batches in flight for as many or twice as many workers."""
    rates = [predicted_rate(costs, tunables)]
    for workers in (tunables.workers, 2 * tunables.workers) if tunables.workers else ():
        enough = default_in_flight(workers, tunables.batch_size, shared=costs.workers_commit)
        in_flight = max(tunables.in_flight, enough)
        rates.append(predicted_rate(costs, replace(tunables, workers=workers, in_flight=in_flight)))
    return max(rates)


def _utilization(window: SampleWindow, costs: Costs, tunables: Tunables) -> dict[str, float]:
    """Return the share of the time that each resource was in use."""
    rate, workers = window.rate, max(1, tunables.workers)
    cores = window.core_utilization
    device = {busy.role: busy.seconds * rate for busy in costs.device_busy}
    source_concurrency = min(costs.source_concurrency or workers, workers)
    output_concurrency = min(costs.output_concurrency or workers, workers)
    committers = workers if costs.workers_commit else 1
    flushing = window.stage("flush").seconds / window.seconds / committers
    committing = window.stage("commit").seconds / window.seconds / committers
    # Where a process waits for a processor that the run may use, none of those processors is free.
    wanted = (window.own_cpu + window.queued) / window.seconds / costs.cores
    return {
        "cpu": max(sum(cores) / len(cores) if cores else 0.0, min(1.0, wanted)),
        "source": max(device.get("source", 0.0), costs.source_wait * rate / source_concurrency),
        "output": max(device.get("output", 0.0), costs.output_wait * rate / output_concurrency, flushing),
        "catalog": max(device.get("catalog", 0.0), committing),
        "coordinator": 0.0 if tunables.workers == 0 else window.coordinator_cpu / window.seconds,
    }


def _resource_title(resource: BottleneckName, facts: RunFacts) -> str:
    if resource == "catalog":
        return "PostgreSQL" if facts.workers_commit else facts.location_title("output")
    return facts.location_title(resource) if resource in ("source", "output") else ""


def _summarize(resource: BottleneckName, title: str, analysis: _Analysis) -> str:
    window, facts, tunables = analysis.window, analysis.facts, analysis.tunables
    in_use = f"{min(1.0, analysis.utilization.get(resource, 0.0)):.0%}"
    busy = window.device_utilization(facts.device(resource)) if resource in ("source", "output") else None
    disk_use = f"{busy:.0%} busy" if busy is not None else f"in use {in_use} of the time"
    if resource == "cpu":
        others = analysis.costs.other_programs_cpu
        by_others = f", {others:.1f} of {analysis.costs.cores:.0f} by other programs" if others >= 0.5 else ""
        return f"limited by the processors: {in_use} busy{by_others}"
    if resource == "source":
        return f"limited by reading songs from {title}: {disk_use}"
    if resource == "output":
        action = "writing shards to" if facts.store == "parquet" else "creating files on"
        if window.stage("flush").seconds > window.stage("store").waited:
            action = "making files durable on"
        return f"limited by {action} {title}: {disk_use}"
    if resource == "catalog":
        if facts.workers_commit:
            return f"limited by the catalog's answers: {1000 * window.last.round_trip:,.3g} ms each"
        milliseconds = 1000 * window.stage("commit").seconds / max(1, window.commits)
        return f"limited by commits to the catalog on {title}: {milliseconds:,.0f} ms each"
    if resource == "coordinator":
        return f"limited by planning and collecting, which one process does: {in_use} busy"
    if resource == "settings":
        batches = "1 batch" if tunables.in_flight == 1 else f"{tunables.in_flight:,} batches"
        workers = _count_workers(tunables)
        cpu = analysis.utilization["cpu"]
        return f"limited by the settings: {batches} in flight for {workers}; processors {cpu:.0%} busy"
    return "limited by nothing in particular"


def _count_workers(tunables: Tunables) -> str:
    return "1 worker" if tunables.workers == 1 else f"{tunables.workers:,} workers"


def _run_evidence(analysis: _Analysis) -> list[tuple[str, str]]:
    """Return the figures of the run."""
    window, costs, tunables = analysis.window, analysis.costs, analysis.tunables
    worker_ms, coordinator_ms = 1e3 * costs.worker_cpu, 1e3 * (costs.coordinator_cpu + costs.commit_cpu)
    read_wait, store_wait = (window.stage(name).waited / window.songs for name in ("read", "store"))
    evidence = [
        ("songs per second", f"{window.rate:,.1f}"),
        (
            "settings",
            f"{_count_workers(tunables)}, batches of {tunables.batch_size:,}, {tunables.in_flight} in flight",
        ),
        (
            "processor time per song",
            f"{worker_ms:,.2f} ms in workers, {coordinator_ms:,.2f} ms in the coordinator",
        ),
        ("waiting per song", f"{1000 * read_wait:,.2f} ms to read, {1000 * store_wait:,.2f} ms to store"),
    ]
    cores = window.core_utilization
    if cores:
        busy, others = sum(cores) / len(cores), window.other_cores_busy
        evidence.append(("processors busy", f"{busy:.0%} of {len(cores)}, {others:.2f} by other programs"))
    if tunables.workers:
        idle = min(1.0, window.idle / window.seconds / tunables.workers)
        evidence.append(("workers without a batch", f"{idle:.0%} of their time"))
    for role in ("source", "output"):
        device_busy = window.device_utilization(analysis.facts.device(role))
        if device_busy is not None:
            evidence.append((f"{role} {analysis.facts.location_title(role)}", f"{device_busy:.0%} busy"))
    for title, stage, calls in (("commits", "commit", window.commits), ("flushes", "flush", window.flushes)):
        if calls:
            milliseconds = 1000 * window.stage(stage).seconds / calls
            evidence.append((title, f"{calls:,} of {milliseconds:,.0f} ms each"))
    if costs.round_trip:
        evidence.append(("answer of the catalog's server", f"{1000 * costs.round_trip:,.3g} ms"))
    return evidence


def _gain_evidence(gains: Mapping[str, float]) -> list[tuple[str, str]]:
    """Return the largest gains, by the model."""
    largest = sorted(gains.items(), key=lambda item: -item[1])[:3]
    return [
        (
            "with more in flight" if name == "settings" else f"with free {_RESOURCE_TITLES.get(name, name)}",
            f"{gain:.2f} times as fast by the model",
        )
        for name, gain in largest
        if gain >= MIN_GAIN
    ]
