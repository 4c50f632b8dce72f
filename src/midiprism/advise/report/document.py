"""A report in words."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from midiprism.advise.model.strategies import SpeedupPlan, Strategy
from midiprism.advise.report.blocks import Item, Section
from midiprism.advise.report.report import RunReport, Utilization
from midiprism.metrics.snapshot import STAGES, SampleWindow

_STAGE_DESCRIPTIONS = {
    "read": "reading songs, and their digests",
    "split": "splitting",
    "hash": "digests of tracks",
    "store": "creating files, or gathering what goes into shards",
    "flush": "making files durable",
    "commit": "commits of the catalogue",
}


def build_sections(report: RunReport) -> list[Section]:
    """The whole report, its heading first."""
    return [
        _progress_section(report),
        _resources_section(report),
        _settings_section(report),
        _rate_section(report),
        _bottleneck_section(report),
        _strategies_section(report),
        _plans_section(report),
        _restart_section(report),
    ]


def _progress_section(report: RunReport) -> Section:
    run = report.run
    state = "is on" if report.running else f"is over: {run.state}"
    rows = [
        ("songs", _format_of_total(run.songs_seen, run.songs_total)),
        ("split by this run", f"{run.songs_done:,}"),
        ("known already", f"{run.songs_skipped:,}"),
        ("failed", f"{run.songs_failed:,}"),
        ("tracks", f"{run.tracks:,}, of them {run.tracks_new:,} new"),
        ("written", f"{run.bytes_written / 1e6:,.1f} MB"),
        ("elapsed", format_duration(run.seconds)),
        ("left", _format_remaining(report)),
    ]
    return Section(
        f"Run {run.id} of {report.out}",
        (f"It began at {_format_time(run.started_at)} and {state}.",),
        tuple(rows),
    )


def _format_time(text: str) -> str:
    """A time as it is recorded, for people."""
    return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M:%S} UTC"


def _format_of_total(seen: int, total: int | None) -> str:
    if not total:
        return f"{seen:,}"
    return f"{seen:,} of {total:,} ({100 * min(seen, total) / total:.0f} %)"


def _format_remaining(report: RunReport) -> str:
    if report.run.state == "done":
        return "nothing"
    if report.eta_seconds is None:
        return "nobody knows: the songs were not counted, or none was split lately"
    return f"{report.run.songs_left:,} songs, {format_duration(report.eta_seconds)} at this rate"


def _resources_section(report: RunReport) -> Section:
    rows = tuple(
        (_format_name(use), _format_share(use.used), _format_share(use.headroom), use.detail)
        for use in report.utilizations
    )
    return Section("Resources", (), rows, ("what", "in use", "headroom", "in figures"))


def _format_name(utilization: Utilization) -> str:
    return (
        f"{utilization.name}, for {' and '.join(utilization.roles)}"
        if utilization.roles
        else utilization.name
    )


def _format_share(share: float | None) -> str:
    return "-" if share is None else f"{share:.0%}"


def _settings_section(report: RunReport) -> Section:
    settings, now = report.settings, report.settings["now"]
    rows = [
        (name.replace("_", "-"), _format_setting(settings.get(name), now[name]))
        for name in ("workers", "batch_size", "in_flight")
    ]
    rows += [
        ("store", str(settings.get("store", "files"))),
        ("catalogue", "PostgreSQL" if settings.get("database") else "a file of SQLite in the result"),
        ("sources", ", ".join(map(str, settings.get("sources") or ())) or "-"),
    ]
    items = tuple(_decision_item(one) for one in report.decisions)
    return Section("Settings", (), tuple(rows), items=items)


def _format_setting(requested: Any, in_force: int) -> str:
    return f"{in_force:,} (auto)" if requested is None else f"{in_force:,}"


def _decision_item(one: Mapping[str, Any]) -> Item:
    return Item(
        f"After {format_duration(one['at'])}: {one['workers']} workers, batches of {one['batch_size']:,}, "
        f"{one['in_flight']} in flight",
        (str(one["why"]),),
    )


def _rate_section(report: RunReport) -> Section:
    window = report.window
    if window is None:
        return Section("Rate", ("Nothing was split for long enough to measure it.",))
    sentence = (
        f"{window.rate:,.0f} songs and {window.tracks / window.seconds:,.0f} tracks a second, measured over "
        f"{format_duration(window.seconds)} until {format_duration(window.last.elapsed_seconds)} after the beginning."
    )
    rows = tuple(_stage_rows(window))
    return Section("Rate", (sentence,), rows, ("stage", "ms a song", "of them waiting", "what it is"))


def _stage_rows(window: SampleWindow) -> Iterator[tuple[str, ...]]:
    songs = max(1, window.songs)
    for name in STAGES:
        stage = window.stage(name)
        yield (
            name,
            f"{1000 * stage.seconds / songs:.3f}",
            f"{1000 * stage.waited / songs:.3f}",
            _STAGE_DESCRIPTIONS[name],
        )


def _bottleneck_section(report: RunReport) -> Section:
    found = report.bottleneck
    if found is None:
        return Section("Bottleneck", ("Nothing was measured.",))
    return Section("Bottleneck", (_to_sentence(found.words),), tuple(found.evidence))


def _strategies_section(report: RunReport) -> Section:
    if not report.strategies:
        return Section("Strategies", ("Without a measured rate nothing can be predicted.",))
    helping = [one for one in report.strategies if one.helps]
    others = [one for one in report.strategies if not one.helps]
    sentences = (
        "The best first. Gains come from the model in docs/explanation/tuning.md, fed with what was measured.",
    )
    if not helping:
        sentences = ("Nothing that can be changed would make it noticeably faster.",)
    rows = tuple((one.title, _format_gain(one)) for one in helping)
    return Section(
        "Strategies",
        sentences,
        rows,
        ("strategy", "expected") if rows else (),
        items=(*(_strategy_item(one) for one in helping), *(_unhelpful_strategy_item(one) for one in others)),
    )


def _format_gain(one: Strategy | SpeedupPlan) -> str:
    if one.rate is None or one.gain is None:
        return "not known"
    bound = "at most " if one.at_most else ""
    return f"{bound}{one.rate:,.0f} songs/s, {one.gain:.2f} times as fast"


def _strategy_item(one: Strategy) -> Item:
    return Item(
        f"{one.title}: {_format_gain(one)}",
        (_to_sentence(one.reason), f"Effort: {one.effort}. Risk: {_to_sentence(one.risk)}"),
        one.commands,
    )


def _unhelpful_strategy_item(one: Strategy) -> Item:
    return Item(f"{one.title}: would not help", (_to_sentence(one.reason),))


def _plans_section(report: RunReport) -> Section:
    items = tuple(
        Item(
            f"Plan {one.name}, {one.title}: {_format_gain(one)}",
            tuple(map(_to_sentence, one.sentences)),
            one.commands,
        )
        for one in report.plans
    )
    return Section("Plans", () if items else ("Without a measured rate there is none.",), items=items)


def _restart_section(report: RunReport) -> Section:
    run = report.run
    done = run.songs_done + run.songs_skipped
    sentence = (
        f"Nothing: {done:,} songs are in the catalogue and would not be opened again. Ctrl-C ends a run "
        "after what is in hand; the next `midiprism split` goes on from there."
    )
    return Section("What a restart would cost", (sentence,))


def _to_sentence(text: str) -> str:
    """Words as a sentence."""
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else f"{text}."


def format_duration(seconds: float) -> str:
    """A length of time for people."""
    if seconds < 100:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
