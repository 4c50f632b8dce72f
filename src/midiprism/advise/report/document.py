"""Turn a report into sections that a terminal, Markdown and a web page show alike."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from midiprism.advise.report.report import MIN_WORK_SECONDS, RunReport, Utilization
from midiprism.advise.report.strategies import SpeedupPlan, Strategy
from midiprism.metrics.snapshot import STAGES, SampleWindow

_STAGE_DESCRIPTIONS = {
    "read": "reading and hashing songs",
    "split": "splitting songs into tracks",
    "hash": "hashing tracks",
    "store": "creating files, or collecting tracks for shards",
    "flush": "making files durable",
    "commit": "committing to the catalog",
}

_MIN_SHOWN_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Item:
    """An entry of a list.

    Attributes:
        title: its heading.
        lines: sentences about it.
        commands: commands to type, exactly.
    """

    title: str
    lines: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the report, in the order in which it is shown.

    Attributes:
        title: its heading.
        sentences: its text.
        rows: pairs of a name and a value, or the rows of a table under ``columns``.
        columns: headings of the table; empty for pairs.
        items: its list.
    """

    title: str
    sentences: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    columns: tuple[str, ...] = ()
    items: tuple[Item, ...] = ()


def build_sections(report: RunReport) -> list[Section]:
    """Return the whole report, its heading first."""
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
    state = "is running" if report.running else f"has ended: {run.state}"
    rows = [
        ("songs", _format_of_total(run.songs_seen, run.songs_total)),
        ("split by this run", f"{run.songs_done:,}"),
        ("up to date", f"{run.songs_skipped:,}"),
        ("failed", f"{run.songs_failed:,}"),
        ("tracks", f"{run.tracks:,}, of them {run.tracks_new:,} new"),
        ("written", f"{run.bytes_written / 1e6:,.1f} MB"),
        ("elapsed time", format_duration(run.seconds)),
        ("remaining", _format_remaining(report)),
    ]
    return Section(
        f"Run {run.id} of {report.out}",
        (f"It began at {_format_time(run.started_at)} and {state}.", *_idle_sentences(report)),
        tuple(rows),
    )


def _idle_sentences(report: RunReport) -> Iterator[str]:
    """Yield which later runs say nothing, and whether this one does."""
    idle = report.idle_runs
    if len(idle) == 1:
        yield f"Run {idle[0]}, which came later, split no song: this is the last run that did."
    elif idle:
        yield f"Runs {idle[-1]} to {idle[0]}, which came later, split no song: this is the last run that did."
    if not report.run.songs_done and not report.running:
        yield "It split no song."


def _format_time(text: str) -> str:
    return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M:%S} UTC"


def _format_of_total(seen: int, total: int | None) -> str:
    if not total:
        return f"{seen:,}"
    return f"{seen:,} of {total:,} ({100 * min(seen, total) / total:.0f} %)"


def _format_remaining(report: RunReport) -> str:
    if report.run.state == "done":
        return "nothing"
    if report.eta_seconds is None:
        return "unknown: the songs were not counted, or none was split lately"
    return f"{_count(report.run.songs_left or 0, 'song')}, {format_duration(report.eta_seconds)} at this rate"


def _resources_section(report: RunReport) -> Section:
    rows = tuple(
        (
            _format_name(utilization),
            _format_share(utilization.used),
            _format_share(utilization.headroom),
            utilization.detail,
        )
        for utilization in report.utilizations
    )
    return Section("Resources", rows=rows, columns=("resource", "in use", "headroom", "details"))


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
        ("catalog", "PostgreSQL" if settings.get("database") else "a file of SQLite in the result"),
        ("sources", ", ".join(map(str, settings.get("sources") or ())) or "-"),
    ]
    items = tuple(map(_decision_item, report.decisions))
    return Section("Settings", rows=tuple(rows), items=items)


def _format_setting(requested: Any, in_force: int) -> str:
    return f"{in_force:,} (auto)" if requested is None else f"{in_force:,}"


def _decision_item(decision: Mapping[str, Any]) -> Item:
    return Item(
        f"After {format_duration(decision['at'])}: {_count(decision['workers'], 'worker')}, "
        f"batches of {decision['batch_size']:,}, {decision['in_flight']} in flight",
        (str(decision["reason"]),),
    )


def _rate_section(report: RunReport) -> Section:
    window = report.window
    if window is None:
        return Section("Rate", ("No songs were split for long enough to measure it.",))
    sentence = (
        f"{window.rate:,.0f} songs and {window.tracks / window.seconds:,.0f} tracks per second, measured "
        f"over {format_duration(window.seconds)} until "
        f"{format_duration(window.last.elapsed_seconds)} after the start."
    )
    rows = tuple(_stage_rows(window))
    return Section("Rate", (sentence,), rows, ("stage", "ms per song", "of it waiting", "description"))


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
    bottleneck = report.bottleneck
    if report.too_short:
        sentence = (
            f"The run was too short to say what limits it: it worked for "
            f"{format_duration(report.work_seconds)}, and that needs {MIN_WORK_SECONDS:g} s. Its time:"
        )
        return Section("Bottleneck", (sentence,), tuple(_time_rows(report)))
    if bottleneck is None:
        return Section("Bottleneck", ("Nothing was measured.",))
    return Section("Bottleneck", (_to_sentence(bottleneck.summary),), bottleneck.evidence)


def _time_rows(report: RunReport) -> Iterator[tuple[str, str]]:
    """Yield where the time of a run went, and how much."""
    yield "starting, and loading the splitter", format_duration(report.run.loading_seconds)
    yield "working", format_duration(report.work_seconds)
    for name, seconds in report.stage_seconds.items():
        if seconds >= _MIN_SHOWN_SECONDS:
            yield f"of it, by all workers: {_STAGE_DESCRIPTIONS[name]}", format_duration(seconds)


def _strategies_section(report: RunReport) -> Section:
    if not report.strategies:
        return Section("Strategies", (f"{_unmeasured(report)} nothing can be predicted.",))
    helpful = [strategy for strategy in report.strategies if strategy.helps]
    others = [strategy for strategy in report.strategies if not strategy.helps]
    planned = {name for plan in report.plans for name in plan.strategies}
    sentences = ("The best first. The model in docs/explanation/tuning.md predicts the gains.",)
    if not helpful:
        sentences = ("No change would make the run noticeably faster.",)
    return Section(
        "Strategies",
        sentences,
        rows=tuple((strategy.title, _format_gain(strategy)) for strategy in helpful),
        columns=("strategy", "expected") if helpful else (),
        items=(
            *map(_helpful_strategy_item, helpful),
            *(_unhelpful_strategy_item(strategy, planned) for strategy in others),
        ),
    )


def _format_gain(predicted: Strategy | SpeedupPlan) -> str:
    if predicted.rate is None or predicted.gain is None:
        return "unknown"
    bound = "at most " if predicted.upper_bound else ""
    return f"{bound}{predicted.rate:,.0f} songs/s, {predicted.gain:.2f} times as fast"


def _helpful_strategy_item(strategy: Strategy) -> Item:
    return Item(
        f"{strategy.title}: {_format_gain(strategy)}",
        (
            _to_sentence(strategy.reason),
            f"Effort: {strategy.effort}. Risk: {_to_sentence(strategy.risk)}",
        ),
        strategy.commands,
    )


def _unhelpful_strategy_item(strategy: Strategy, planned: Collection[str]) -> Item:
    if strategy.id in planned:
        return Item(f"{strategy.title}: helps only together with others, as in the plans")
    return Item(f"{strategy.title}: would not help", (_to_sentence(strategy.reason),))


def _plans_section(report: RunReport) -> Section:
    items = tuple(
        Item(
            f"Plan {plan.name}, {plan.title}: {_format_gain(plan) if plan.strategies else 'nothing'}",
            tuple(map(_to_sentence, plan.sentences)),
            plan.commands,
        )
        for plan in report.plans
    )
    return Section("Plans", () if items else (f"{_unmeasured(report)} there are none.",), items=items)


def _unmeasured(report: RunReport) -> str:
    return "From so short a run" if report.too_short else "Without a measured rate"


def _restart_section(report: RunReport) -> Section:
    run = report.run
    done = run.songs_done + run.songs_skipped
    sentence = (
        f"Nothing: {_count(done, 'song')} in the catalog would not be opened again. Ctrl-C ends a run "
        "after the present batches; the next `midiprism split` resumes it."
    )
    return Section("What a restart would cost", (sentence,))


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _to_sentence(text: str) -> str:
    """Return a phrase as a sentence."""
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else f"{text}."


def format_duration(seconds: float) -> str:
    """Return a length of time in words."""
    if seconds < 100:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest_seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest_seconds} s"
