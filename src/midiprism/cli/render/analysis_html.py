"""A report as one self-contained web page: no script, nothing from elsewhere, every text escaped."""

import base64
import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING

from midiprism.cli.render.terminal import escape_unprintable, format_clock

if TYPE_CHECKING:
    from midiprism.advise.model.timeline import TimelinePoint
    from midiprism.advise.report.blocks import Section

_WIDTH, _HEIGHT = 600, 160
_COLOURS = ("#2f6fde", "#d9822b", "#3a9e5c", "#b8405e", "#7a5cc2", "#5f6b7a")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a plot.

    Attributes:
        name: what it shows.
        colour: of the line and its mark in the legend.
        points: places in the picture, as SVG has them.
        last: its last value, for people.
    """

    name: str
    colour: str
    points: str
    last: str


@dataclass(frozen=True, slots=True)
class Plot:
    """A picture of values over time.

    Attributes:
        title: what it shows.
        top: the highest value that it has room for, for people.
        start: the time at its left end, ``end`` at its right.
    """

    title: str
    top: str
    start: str
    end: str
    lines: tuple[Line, ...]
    width: int = _WIDTH
    height: int = _HEIGHT


def render_html(title: str, sections: "Sequence[Section]", points: "Sequence[TimelinePoint]") -> str:
    """The page.

    Args:
        title: of the page.
        sections: what the report says.
        points: the course of the run, for the plots.
    """
    import jinja2

    folder = files("midiprism.cli")
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
    """Rate, utilisation and shares of the stages over time."""
    if len(points) < 2:
        return []
    devices = sorted({name for point in points for name in point.device_busy})
    # Nothing may have been at work at the end, or at the beginning.
    stages = dict.fromkeys(name for point in points for name, share in point.stages.items() if share)
    top = max(point.rate for point in points) or 1.0
    return [
        _make_plot(
            "Songs per second", f"{top:,.0f}", top, points, [("songs/s", lambda it: it.rate, "{:,.0f}")]
        ),
        _make_plot(
            "Utilisation",
            "100 %",
            1.0,
            points,
            [
                ("processors", lambda it: it.cpu, "{:.0%}"),
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
    start, end = points[0].at, points[-1].at
    across = _WIDTH / max(1e-9, end - start)

    def place(point: "TimelinePoint", value: float) -> str:
        height = _HEIGHT * (1 - min(1.0, max(0.0, value / highest)))
        return f"{(point.at - start) * across:.1f},{height:.1f}"

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
