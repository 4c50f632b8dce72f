"""A report in words."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from midiprism.advise.page import Item, Section
from midiprism.advise.report import Report, Use
from midiprism.advise.strategies import Plan, Strategy
from midiprism.meter.sample import STAGES, Window

_STAGE_WORDS = {
    "read": "reading songs, and their digests",
    "split": "splitting",
    "hash": "digests of tracks",
    "store": "creating files, or gathering what goes into shards",
    "flush": "making files durable",
    "commit": "commits of the catalogue",
}


def sections(report: Report) -> list[Section]:
    """The whole report, its heading first."""
    return [
        _progress(report),
        _resources(report),
        _settings(report),
        _rate(report),
        _bottleneck(report),
        _strategies(report),
        _plans(report),
        _restart(report),
    ]


def _progress(report: Report) -> Section:
    run = report.run
    state = "is on" if report.running else f"is over: {run.state}"
    rows = [
        ("songs", _of(run.parents_seen, run.parents_total)),
        ("split by this run", f"{run.parents_done:,}"),
        ("known already", f"{run.parents_skipped:,}"),
        ("failed", f"{run.parents_failed:,}"),
        ("tracks", f"{run.tracks:,}, of them {run.tracks_new:,} new"),
        ("written", f"{run.bytes_written / 1e6:,.1f} MB"),
        ("elapsed", duration(run.seconds)),
        ("left", _left(report)),
    ]
    return Section(
        f"Run {run.id} of {report.out}", (f"It began at {_moment(run.started_at)} and {state}.",), tuple(rows)
    )


def _moment(text: str) -> str:
    """A time as it is recorded, for people."""
    return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M:%S} UTC"


def _of(seen: int, total: int | None) -> str:
    if not total:
        return f"{seen:,}"
    return f"{seen:,} of {total:,} ({100 * min(seen, total) / total:.0f} %)"


def _left(report: Report) -> str:
    if report.run.state == "done":
        return "nothing"
    if report.eta_seconds is None:
        return "nobody knows: the songs were not counted, or none was split lately"
    return f"{report.run.left:,} songs, {duration(report.eta_seconds)} at this rate"


def _resources(report: Report) -> Section:
    rows = tuple((_name(use), _share(use.used), _share(use.headroom), use.detail) for use in report.uses)
    return Section("Resources", (), rows, ("what", "in use", "headroom", "in figures"))


def _name(use: Use) -> str:
    return f"{use.name}, for {' and '.join(use.roles)}" if use.roles else use.name


def _share(share: float | None) -> str:
    return "-" if share is None else f"{share:.0%}"


def _settings(report: Report) -> Section:
    settings, now = report.settings, report.settings["now"]
    rows = [
        (name.replace("_", "-"), _asked(settings.get(name), now[name]))
        for name in ("workers", "batch_size", "in_flight")
    ]
    rows += [
        ("store", str(settings.get("store", "files"))),
        ("catalogue", "PostgreSQL" if settings.get("database") else "a file of SQLite in the result"),
        ("sources", ", ".join(map(str, settings.get("sources") or ())) or "-"),
    ]
    items = tuple(_decision(one) for one in report.decisions)
    return Section("Settings", (), tuple(rows), items=items)


def _asked(asked: Any, in_force: int) -> str:
    return f"{in_force:,} (auto)" if asked is None else f"{in_force:,}"


def _decision(one: Mapping[str, Any]) -> Item:
    return Item(
        f"After {duration(one['at'])}: {one['workers']} workers, batches of {one['batch_size']:,}, "
        f"{one['in_flight']} in flight",
        (str(one["why"]),),
    )


def _rate(report: Report) -> Section:
    window = report.window
    if window is None:
        return Section("Rate", ("Nothing was split for long enough to measure it.",))
    sentence = (
        f"{window.rate:,.0f} songs and {window.tracks / window.seconds:,.0f} tracks a second, measured over "
        f"{duration(window.seconds)} until {duration(window.last.at)} after the beginning."
    )
    rows = tuple(_stages(window))
    return Section("Rate", (sentence,), rows, ("stage", "ms a song", "of them waiting", "what it is"))


def _stages(window: Window) -> Iterator[tuple[str, ...]]:
    songs = max(1, window.parents)
    for name in STAGES:
        stage = window.stage(name)
        yield (
            name,
            f"{1000 * stage.seconds / songs:.3f}",
            f"{1000 * stage.waited / songs:.3f}",
            _STAGE_WORDS[name],
        )


def _bottleneck(report: Report) -> Section:
    found = report.bottleneck
    if found is None:
        return Section("Bottleneck", ("Nothing was measured.",))
    return Section("Bottleneck", (_sentence(found.words),), tuple(found.evidence))


def _strategies(report: Report) -> Section:
    if not report.strategies:
        return Section("Strategies", ("Without a measured rate nothing can be predicted.",))
    helping = [one for one in report.strategies if one.helps]
    others = [one for one in report.strategies if not one.helps]
    sentences = ("The best first. Gains come from the model in docs/tuning.md, fed with what was measured.",)
    if not helping:
        sentences = ("Nothing that can be changed would make it noticeably faster.",)
    rows = tuple((one.title, _gain(one)) for one in helping)
    return Section(
        "Strategies",
        sentences,
        rows,
        ("strategy", "expected") if rows else (),
        items=(*(_strategy(one) for one in helping), *(_no_strategy(one) for one in others)),
    )


def _gain(one: Strategy | Plan) -> str:
    if one.rate is None or one.gain is None:
        return "not known"
    bound = "at most " if one.at_most else ""
    return f"{bound}{one.rate:,.0f} songs/s, {one.gain:.2f} times as fast"


def _strategy(one: Strategy) -> Item:
    return Item(
        f"{one.title}: {_gain(one)}",
        (_sentence(one.reason), f"Effort: {one.effort}. Risk: {_sentence(one.risk)}"),
        one.commands,
    )


def _no_strategy(one: Strategy) -> Item:
    return Item(f"{one.title}: would not help", (_sentence(one.reason),))


def _plans(report: Report) -> Section:
    items = tuple(
        Item(
            f"Plan {one.name}, {one.title}: {_gain(one)}", tuple(map(_sentence, one.sentences)), one.commands
        )
        for one in report.plans
    )
    return Section("Plans", () if items else ("Without a measured rate there is none.",), items=items)


def _restart(report: Report) -> Section:
    run = report.run
    done = run.parents_done + run.parents_skipped
    sentence = (
        f"Nothing: {done:,} songs are in the catalogue and would not be opened again. Ctrl-C ends a run "
        "after what is in hand; the next `midiprism split` goes on from there."
    )
    return Section("What a restart would cost", (sentence,))


def _sentence(words: str) -> str:
    """Words as a sentence."""
    words = words[:1].upper() + words[1:]
    return words if words.endswith((".", "!", "?")) else f"{words}."


def duration(seconds: float) -> str:
    """A length of time for people."""
    if seconds < 100:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
