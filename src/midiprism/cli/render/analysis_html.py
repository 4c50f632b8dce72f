"""Render a report as one self-contained web page: no script, no external resource, all text escaped."""

import base64
import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING

from midiprism.cli.render.terminal import escape_unprintable, format_clock

if TYPE_CHECKING:
    from midiprism.advise.model.timeline import TimelinePoint
    from midiprism.advise.report.document import Section

_WIDTH, _HEIGHT = 600, 160
_COLOURS = ("#2f6fde", "#d9822b", "#3a9e5c", "#b8405e", "#7a5cc2", "#5f6b7a")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a plot.

    Attributes:
        name: the value that it shows.
        colour: colour of the line and of its legend entry.
        points: coordinates, as SVG writes them.
        last: the last value, as text.
    """

    name: str
    colour: str
    points: str
    last: str


@dataclass(frozen=True, slots=True)
class Plot:
    """A plot of values over time.

    Attributes:
        title: the quantity that it shows.
        top: the highest value on the axis, as text.
        start: the time at the left end, as text; ``end`` that at the right end.
    """

    title: str
    top: str
    start: str
    end: str
    lines: tuple[Line, ...]
    width: int = _WIDTH
    height: int = _HEIGHT


def render_html(title: str, sections: "Sequence[Section]", points: "Sequence[TimelinePoint]") -> str:
    """Return the page.

    Args:
        title: title of the page.
        sections: contents of the report.
        points: samples of the run over time, for the plots.
    """
    import jinja2

    folder = files("midiprism.cli.render")
    style = (folder / "analysis.css").read_text(encoding="utf-8")
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["clean"] = escape_unprintable
    template = environment.from_string((folder / "analysis.html").read_text(encoding="utf-8"))
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return template.render(
        title=title,
        sections=sections,
        plots=make_plots(points),
        style=style,
        policy=f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'",
    )


def make_plots(points: "Sequence[TimelinePoint]") -> list[Plot]:
    """Return plots of the rate, the utilization and the shares of the stages over time."""
    if len(points) < 2:
        return []
    devices = sorted({name for point in points for name in point.device_busy})
    # A stage may be idle at the beginning or at the end.
    stages = dict.fromkeys(name for point in points for name, share in point.stages.items() if share)
    top = max(point.rate for point in points) or 1.0
    return [
        _make_plot(
            "Songs per second", f"{top:,.0f}", top, points, [("songs/s", lambda point: point.rate, "{:,.0f}")]
        ),
        _make_plot(
            "Utilization",
            "100 %",
            1.0,
            points,
            [
                ("processors", lambda point: point.cpu, "{:.0%}"),
                *((name, _device_share(name), "{:.0%}") for name in devices),
            ],
        ),
        _make_plot(
            "Shares of the stages in their time",
            "100 %",
            1.0,
            points,
            [(name, _stage_share(name), "{:.0%}") for name in stages],
        ),
    ]


PointValue = Callable[["TimelinePoint"], float]


def _device_share(device: str) -> PointValue:
    return lambda point: point.device_busy.get(device, 0.0)


def _stage_share(stage: str) -> PointValue:
    return lambda point: point.stages.get(stage, 0.0)


def _make_plot(
    title: str,
    top: str,
    highest: float,
    points: "Sequence[TimelinePoint]",
    lines: Iterable[tuple[str, PointValue, str]],
) -> Plot:
    start, end = points[0].elapsed_seconds, points[-1].elapsed_seconds
    across = _WIDTH / max(1e-9, end - start)

    def place(point: "TimelinePoint", value: float) -> str:
        height = _HEIGHT * (1 - min(1.0, max(0.0, value / highest)))
        return f"{(point.elapsed_seconds - start) * across:.1f},{height:.1f}"

    drawn = tuple(
        Line(
            name,
            _COLOURS[number % len(_COLOURS)],
            " ".join(place(point, value(point)) for point in points),
            shown.format(value(points[-1])),
        )
        for number, (name, value, shown) in enumerate(lines)
    )
    return Plot(title, top, format_clock(start), format_clock(end), drawn)
